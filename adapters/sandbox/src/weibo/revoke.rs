//! An account takes its authorisation back: its tokens for the app end, and the app is called (取消授权回调页).

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::seed::App;
use crate::courier;
use crate::world::{Shared, World, now_unix_ms};

/// Nothing says that Weibo would wait longer, or call again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends all tokens of the account for this app. Whether there was a good one.
pub(crate) fn take_back(world: &mut World, shared: &Arc<Shared>, app: &App, uid: &str) -> bool {
    let mut tokens =
        world.weibo.tokens_of(uid).filter(|one| one.app.key == app.key && !one.revoked).peekable();
    let any = tokens.peek().is_some();
    tokens.for_each(|one| one.revoked = true);
    if any {
        tell(world, shared, app, uid);
    }
    any
}

/// `GET revoke_url?source=…&uid=…&auth_end=…&verification=…`. How an app could check the last one is documented nowhere, so it
/// is as good as drawn.
pub(crate) fn tell(world: &mut World, shared: &Arc<Shared>, app: &App, uid: &str) {
    let Some(url) = &app.revoke_url else { return };
    let now = now_unix_ms();
    let (end, verification) = ((now / 1_000).to_string(), world.weibo.drawn_hex(now));
    let pairs =
        [("source", app.key.as_str()), ("uid", uid), ("auth_end", &end), ("verification", &verification)];
    let (url, stop) = (courier::address(url, &pairs), shared.stop.clone());
    tokio::spawn(async move {
        let Ok(client) = courier::client(PATIENCE) else { return };
        tokio::select! {
            answer = client.get(&url).send() => {
                let status = answer.map(|answer| answer.status().as_u16()).ok();
                debug!(url, status, "The app was told that its authorisation ended");
            }
            () = stop.cancelled() => {}
        }
    });
}
