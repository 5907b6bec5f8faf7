//! Names of things. Codes of the office come from YAML; ids of items and deliveries are made by the engine.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is; [`is_plain`] says whether it makes a good id.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// 单位: `OFFICE`, `D07`.
    UnitCode
);
text_id!(
    /// 账号: `W000`.
    AccountId
);
text_id!(
    /// A person: `d07.xx`.
    PersonId
);
text_id!(
    /// A step of a procedure: `unit_approval`.
    StepId
);
text_id!(
    /// 栏目: `yaowen`.
    ColumnId
);
text_id!(
    /// `weibo`, `wechat`, or whatever an adapter brings.
    Platform
);
text_id!(
    /// A route in `routes.yaml`.
    RouteId
);
text_id!(
    /// 稿件. Made by the engine, ordered by time.
    ItemId
);
text_id!(
    /// 发布任务: one item on one account.
    DeliveryId
);
text_id!(
    /// One try of a delivery.
    AttemptId
);
text_id!(
    /// What a reader wrote. Made by the engine, ordered by the time at which it came.
    MessageId
);

/// Whether `text` can be an id in YAML: 1 to 64 of ASCII letters, digits, `.`, `-` and `_`, starting with a letter or
/// digit. Nothing that looks like something else, nothing invisible, nothing that needs quoting in a URL.
pub fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 64
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn ids_are_plain_text() {
        for good in ["W000", "d07.xx", "a", "9-b_c"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", " a", "a b", ".a", "单位", "a/b", "a\u{202e}b", "a\0", &"x".repeat(65)] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
