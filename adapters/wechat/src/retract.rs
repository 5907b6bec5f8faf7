//! Taking a post away, by the interface that it was published with.

use juzhen_sdk::prelude::*;

use crate::wire::{Leaves, Platform};

impl Platform<'_> {
    /// An id of digits is a mass send's, any other an article's. All articles of either: we send one.
    pub(crate) async fn retract(&self, retract: &Retract) -> Result<()> {
        let id = retract.id.as_str();
        match id.parse::<u64>() {
            Ok(job) => {
                let body = json!({ "msg_id": job, "article_idx": 0 });
                self.tell("/cgi-bin/message/mass/delete", &body, Leaves::Effect).await
            }
            Err(_) => {
                let body = json!({ "article_id": id, "index": 0 });
                self.tell("/cgi-bin/freepublish/delete", &body, Leaves::Effect).await
            }
        }
    }
}
