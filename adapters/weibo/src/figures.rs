//! Figures of posts and of the account.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::Part as Where;
use crate::wire::{Platform, User};

/// `statuses/count` takes no more ids at once.
const MOST_IDS: usize = 100;

impl Platform<'_> {
    pub(crate) async fn measure(&self, measure: &Measure) -> Result<Measured> {
        let mut measured = Measured::default();
        for ids in measure.posts.chunks(MOST_IDS) {
            let counts: Vec<Count> =
                self.get(Where::Tiered, "statuses/count", &[("ids", &ids.join(","))]).await?;
            measured.posts.extend(counts.into_iter().map(Count::figures));
        }
        if measure.account {
            let user: User = self.get(Where::Plain, "users/show", &[("uid", &self.cx.meta.uid)]).await?;
            measured.followers = user.followers_count;
        }
        Ok(measured)
    }
}

#[derive(Deserialize)]
struct Count {
    id: Value,
    comments: Option<u64>,
    reposts: Option<u64>,
    attitudes: Option<u64>,
}

impl Count {
    fn figures(self) -> PostFigures {
        let id = self.id.to_string().trim_matches('"').to_owned();
        let Self { comments, reposts: forwards, attitudes: likes, .. } = self;
        PostFigures { id, reads: None, likes, comments, forwards }
    }
}
