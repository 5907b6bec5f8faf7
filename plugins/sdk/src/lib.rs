//! What an adapter's author uses: implement [`Adapter`], name it in [`export_adapter!`], and nothing else.
//!
//! An adapter reaches the outside only through its [`Cx`]: HTTP, time, randomness, stored values, media, secrets by
//! name, log. All of it is asked of the daemon, which keeps the record that makes a crash harmless. `juzhen
//! adapter new` writes one to begin with, and `adapters/README.md` goes through it.
//!
//! ```
//! use juzhen_sdk::prelude::*;
//!
//! struct Foo;
//!
//! #[async_trait]
//! impl Adapter for Foo {
//!     fn new(_host: Host, _config: Config) -> Result<Self> {
//!         Ok(Foo)
//!     }
//!
//!     async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
//!         let url = format!("{}/posts", cx.setting("base_url")?);
//!         let sent = cx.http().post(&url).bearer("access_token").json(&json!({ "text": post.text })).send().await?;
//!         Ok(published(sent.json::<FoundPost>()?.id))
//!     }
//! }
//! ```

mod adapter;
mod bridge;
mod cx;
mod error;
mod http;
mod store;
#[cfg(feature = "tracing")]
mod subscriber;

pub use adapter::{Adapter, Config, published};
pub use bridge::Host;
pub use cx::{Cx, Level, secret};
pub use error::{Error, Result};
pub use http::{Http, Refusals, RequestBuilder, Response, segment};
pub use store::{Blob, Kv};

pub use async_trait::async_trait;
pub use juzhen_abi::message;

/// All that the source of an adapter usually names.
pub mod prelude {
    pub use crate::message::{
        AccountInfo, Attachment, Author, Authorize, Authorized, Effect, ErrorKind, Find, Found, FoundPost,
        Lack, LackKind, Measure, Measured, Media, Message, MessageKind, Messages, Moderate, Moderation, Once,
        Part, Poll, Post, PostFigures, Published, Receive, Received, RejectedBy, Replied, Reply, Repost,
        Retract, Scope, Source, Told, Track, Tracked,
    };
    pub use crate::{
        Adapter, Config, Cx, Error, Host, Level, Response, Result, async_trait, export_adapter, published,
        secret, segment,
    };
    pub use serde_json::{Value, json};
}

/// What [`export_adapter!`] expands to; not for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bridge::{Create, StaticEntry, create, entry, mark, marked_length};
    pub use juzhen_abi as abi;
}

/// Exports the adapter: `export_adapter!(Foo, "manifest.json");`, once, in the `cdylib`.
///
/// The path of the manifest is relative to the folder of the adapter's `Cargo.toml`. An adapter that starts threads
/// of its own says so: `export_adapter!(Foo, "manifest.json", threads);`.
#[macro_export]
macro_rules! export_adapter {
    ($adapter:ty, $manifest:literal) => {
        $crate::export_adapter!(@export $crate::__private::create::<$adapter>, $manifest, 0);
    };
    ($adapter:ty, $manifest:literal, threads) => {
        $crate::export_adapter!(
            @export $crate::__private::create::<$adapter>, $manifest, $crate::__private::abi::FLAG_OWN_THREADS
        );
    };
    (@export $create:expr, $manifest:literal, $flags:expr) => {
        const _: () = {
            const MANIFEST: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
            // Also found by the daemon in the file, between its marks, without running anything.
            #[used]
            static MARKED: [u8; $crate::__private::marked_length(MANIFEST)] = $crate::__private::mark(MANIFEST);

            // Evaluated in the adapter's crate: its own panic strategy is the one that counts.
            const FLAGS: u32 = if cfg!(panic = "unwind") { $crate::__private::abi::FLAG_UNWINDS } else { 0 };

            #[allow(non_upper_case_globals)]
            #[unsafe(no_mangle)]
            pub static adp_entry_v1: $crate::__private::StaticEntry =
                $crate::__private::entry(&MARKED, FLAGS | $flags, $create);
        };
    };
}
