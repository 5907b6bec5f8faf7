//! `callback/check`: the platform looks whether it reaches an account's callback.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;

use super::account_of;
use super::body::Ask;
use super::dialect::error;
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

const OPERATORS: [&str; 4] = ["CHINANET", "UNICOM", "CAP", "DEFAULT"];

/// `{"action":"dns", "ping" or "all","check_operator"}`: 40201 without a callback, 40202 and 40203 for other words.
pub(crate) fn check(ask: Ask) -> Result<Intent, Refusal> {
    let action = ask.text("action").unwrap_or_default().to_owned();
    if !matches!(action.as_str(), "dns" | "ping" | "all") {
        return Err(error(40202));
    }
    let operator = ask.text("check_operator").unwrap_or("DEFAULT").to_owned();
    if !OPERATORS.contains(&operator.as_str()) {
        return Err(error(40203));
    }
    Ok(Intent::plain(move |world: &mut World, _call| {
        let callback = account_of(world, &ask.appid)?.settings.callback.as_ref();
        let ip = address_of(&callback.ok_or_else(|| error(40201))?.url);
        let dns = json!([{ "ip": ip, "real_operator": operator }]);
        let ping = json!([{ "ip": ip, "from_operator": operator, "package_loss": "0%", "time": "23.079ms" }]);
        Ok(Reply::json(
            200,
            &match action.as_str() {
                "dns" => json!({ "dns": dns }),
                "ping" => json!({ "ping": ping }),
                _ => json!({ "dns": dns, "ping": ping }),
            },
        ))
    }))
}

/// A name is not looked up: here all is on this machine.
fn address_of(url: &str) -> IpAddr {
    let host = url.split_once("://").and_then(|(_, rest)| rest.split(['/', ':', '?']).next());
    host.and_then(|host| host.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
