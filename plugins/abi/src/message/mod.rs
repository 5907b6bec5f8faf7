//! The JSON heads that cross the boundary, one definition for both sides. Fields are only ever added, each with a
//! default, so that an old adapter and a new daemon (and the other way round) understand each other.
//!
//! Times are milliseconds since 1970 UTC. Absent means the default. Unknown fields are ignored on both sides.

mod account;
mod callback;
mod capabilities;
mod conversation;
mod error;
mod manifest;
mod names;
mod operations;
mod request;

pub use account::*;
pub use callback::*;
pub use capabilities::*;
pub use conversation::*;
pub use error::*;
pub use manifest::*;
pub use names::{capability, operation};
pub use operations::*;
pub use request::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_of_error_is_a_bug_and_an_unknown_field_is_ignored() {
        let e: AdapterError =
            serde_json::from_str(r#"{"kind":"from_the_future","message":"x","extra":1}"#).unwrap();
        assert_eq!(e.kind, ErrorKind::Bug);
        let e: AdapterError = serde_json::from_str(r#"{"kind":"quota","until_unix_ms":5}"#).unwrap();
        assert_eq!(e.kind, ErrorKind::Quota { until_unix_ms: Some(5), scope: Scope::Call });
    }

    #[test]
    fn absent_fields_have_defaults() {
        let p: Post = serde_json::from_str(r#"{"text":"好"}"#).unwrap();
        assert_eq!(p, Post { text: "好".into(), ..Post::default() });
    }
}
