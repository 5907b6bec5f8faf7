//! A forward with Weibo's own means; where the app may not, a new post that says whose it is, which people can see.

use juzhen_sdk::prelude::*;

use crate::account::{Part as Where, Tier};
use crate::publish::is_code;
use crate::wire::Platform;

/// What Weibo writes when a forward says nothing.
pub(crate) const SILENT: &str = "转发微博";

impl Platform<'_> {
    pub(crate) async fn repost(&self, repost: &Repost) -> Result<Published> {
        if self.tier == Tier::Open {
            return self.share_instead(repost).await;
        }
        let comment = match repost.comment.trim() {
            "" => SILENT.to_owned(),
            // No address is asked of a forward, so only its length is looked at.
            said => self.fitted(said, false)?,
        };
        let rip: Option<String> = self.cx.setting_as("rip")?;
        let mut fields = vec![("id", repost.origin.id.as_str()), ("status", &comment)];
        fields.extend(rip.as_deref().map(|rip| ("rip", rip)));
        match self.post(Where::Tiered, "statuses/repost", &fields).await {
            Ok(sent) => self.receipt(&sent),
            // A clear no before anything happened, and the settings say how a share would look.
            Err(no) if is_code(&no, "10014") && self.cx.setting("safe_domain").is_ok() => {
                self.share_instead(repost).await
            }
            Err(other) => Err(other),
        }
    }

    async fn share_instead(&self, repost: &Repost) -> Result<Published> {
        self.cx.log(Level::Warn, "No permission to repost: a new post that names the origin is sent instead");
        let open = Platform { cx: self.cx, tier: Tier::Open };
        let text = open.rendered(&told(repost))?;
        open.send_post(&text, &[]).await
    }
}

/// The forward as a post of its own: it says that it is one.
pub(crate) fn told(repost: &Repost) -> String {
    let Repost { origin, comment } = repost;
    let address = origin.url.as_deref().map(|url| format!(" {url}")).unwrap_or_default();
    format!("{}（转自 {}）{address}", comment.trim(), origin.account_name)
}
