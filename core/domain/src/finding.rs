//! What a look at an account finds: whether it works, and what is missing, one line each for people.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$meaning:meta])+ $kind:ident $word:literal $chinese:literal;)+) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($(#[$meaning])+ $kind),+
        }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The machine word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word),+ }
            }

            /// For the office.
            pub fn chinese(self) -> &'static str {
                match self { $(Self::$kind => $chinese),+ }
            }
        }
    };
}

kinds! {
    /// Nobody is signed in, or no longer.
    SignIn "sign_in" "授权";
    /// The sign-in ends soon.
    Expiry "expiry" "到期";
    /// It is signed in as somebody else.
    OtherAccount "other_account" "账号不符";
    /// A secret that people give is missing or wrong.
    Secret "secret" "密钥";
    /// The platform does not let the account, or its app, do what it is for.
    Permission "permission" "权限";
    /// The platform does not take calls from this machine's address.
    Address "address" "IP 白名单";
    /// Used up.
    Quota "quota" "额度";
    /// A setting is missing or wrong.
    Setting "setting" "设置";
    /// No answer, or none of use.
    Unreachable "unreachable" "连接";
    /// It did not prove who it is.
    Insecure "insecure" "证书";
    /// This machine's clock is wrong.
    Clock "clock" "时钟";
    /// The adapter itself does not work.
    Adapter "adapter" "适配器";
    /// Good to know, and nothing to do.
    Note "note" "说明";
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: Kind,
    /// The account cannot publish because of it.
    pub blocks: bool,
    /// One line for the office, with what to do.
    pub text: String,
    /// The platform's own code for it.
    #[serde(default)]
    pub code: Option<String>,
}

impl Finding {
    /// Something that keeps the account from publishing.
    pub fn blocking(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, blocks: true, text: one_line(&text.into()), code: None }
    }

    /// Something that does not.
    pub fn hint(kind: Kind, text: impl Into<String>) -> Self {
        Self { blocks: false, ..Self::blocking(kind, text) }
    }

    #[must_use]
    pub fn with_code(self, code: Option<String>) -> Self {
        Self { code, ..self }
    }
}

/// What platforms say may have several lines, and no end.
fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_the_platform_said() {
        let found = Finding::blocking(Kind::Permission, format!("a\n b\r\n{}", "字".repeat(400)));
        assert!(found.text.starts_with("a b 字") && found.text.ends_with("字…") && found.blocks);
        assert_eq!(found.text.chars().count(), 301);
        assert!(!Finding::hint(Kind::Note, "x").blocks);
    }

    #[test]
    fn words_are_those_that_are_written() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
