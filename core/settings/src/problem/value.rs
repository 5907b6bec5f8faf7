//! Faults of a single value: unknown keys, missing keys, wrong types, bad ids.

use super::{Texts, Thing, say};

/// Each has the way to the value, such as `publish.retry.most`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueProblem {
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    UnknownKey {
        key: String,
        near: Option<String>,
    },
    MissingKey {
        key: &'static str,
    },
    Expected {
        expected: Expected,
        found: String,
    },
    UnknownWord {
        found: String,
        near: Option<String>,
        known: String,
    },
    Boolean {
        found: String,
        meant: Option<bool>,
    },
    NeedsQuotes {
        found: String,
    },
    EmptyText,
    TooLong {
        characters: usize,
        limit: usize,
    },
    Invisible {
        code: u32,
    },
    BadId {
        thing: Thing,
        found: String,
    },
    BadZone {
        found: String,
        near: Option<&'static str>,
    },
    BadAddress {
        found: String,
    },
    BadIp {
        found: String,
    },
    /// Not repeated either: such addresses hold keys.
    BadHook,
    /// The value is not repeated: it may be the secret itself.
    SecretWritten,
    BadNumber {
        found: String,
    },
    PauseOrder {
        first: u32,
        longest: u32,
    },
}

/// What a place asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    Map,
    List,
    Text,
    Number { least: u32, most: u32 },
    Day,
    Site,
}

impl Expected {
    fn words(&self) -> (String, String) {
        match self {
            Self::Map => ("keys with values".into(), "若干“键: 值”".into()),
            Self::List => ("a list (each line starts with `- `)".into(), "列表（每项以 `- ` 开头）".into()),
            Self::Text => ("text".into(), "文字".into()),
            Self::Day => ("a day such as 2026-01-15".into(), "日期，例如 2026-01-15".into()),
            Self::Site => {
                ("a site such as weibo.com or *.gov.cn".into(), "网站，例如 weibo.com 或 *.gov.cn".into())
            }
            Self::Number { least, most } => {
                (format!("a whole number from {least} to {most}"), format!("{least} 到 {most} 之间的整数"))
            }
        }
    }
}

impl ValueProblem {
    pub(super) fn texts(&self) -> Texts {
        let mut texts = self.what.texts();
        if !self.path.is_empty() {
            texts.message.english = format!("{}: {}", self.path, texts.message.english);
            texts.message.chinese = format!("{}：{}", self.path, texts.message.chinese);
        }
        texts
    }
}

impl What {
    /// A table, one row a fault: long, and nothing to follow.
    fn texts(&self) -> Texts {
        match self {
            Self::UnknownKey { key, near } => {
                let texts = say(format!("unknown key `{key}`"), format!("未知的键 `{key}`"));
                texts.did_you_mean(near.as_deref())
            }
            Self::MissingKey { key } => say(format!("key `{key}` is missing"), format!("缺少键 `{key}`")),
            Self::Expected { expected, found } => {
                let (english, chinese) = expected.words();
                say(format!("expected {english}, found {found}"), format!("应为{chinese}，实际为 {found}"))
            }
            Self::UnknownWord { found, near, known } => say(
                format!("expected one of {known}, found {found}"),
                format!("应为以下之一：{known}；实际为 {found}"),
            )
            .did_you_mean(near.as_deref()),
            Self::Boolean { found, meant } => {
                let texts =
                    say(format!("expected true or false, found {found}"), format!("应为 true 或 false，实际为 {found}"));
                match meant {
                    Some(meant) => texts.hint(format!("write `{meant}`"), format!("请写 `{meant}`")),
                    None => texts,
                }
            }
            Self::NeedsQuotes { found } => say(
                format!("expected text, found {found}, which YAML reads as something else"),
                format!("应为文字，实际为 {found}，YAML 会把它读成别的类型"),
            )
            .hint(format!("write \"{}\"", found.trim_matches('`')), format!("请写成 \"{}\"", found.trim_matches('`'))),
            Self::BadNumber { found } => say(
                format!("found {found}, which is no number that we take"),
                format!("实际为 {found}，不是可接受的数字"),
            )
            .hint("text needs quotes", "若是文字，请加引号"),
            Self::TooLong { characters, limit } => say(
                format!("the text has {characters} characters; the limit is {limit}"),
                format!("文字有 {characters} 个字符，上限为 {limit} 个"),
            ),
            Self::Invisible { code } => say(
                format!("the text holds U+{code:04X}, which cannot be seen or reorders what is seen"),
                format!("文字中含有 U+{code:04X}：不可见字符，或会打乱显示顺序"),
            )
            .hint("delete the text and type it anew", "请删除后重新输入"),
            Self::BadId { thing, found } => say(
                format!("{found} cannot be the id of {} {}", article(*thing), thing.english()),
                format!("{found} 不能作为{}的编号", thing.chinese()),
            )
            .hint(
                "use 1 to 64 ASCII letters, digits, `.`, `-` and `_`, a letter or digit first",
                "请用 1 到 64 个英文字母、数字、`.`、`-`、`_`，以字母或数字开头",
            ),
            Self::BadZone { found, near } => {
                let texts = say(format!("unknown time zone {found}"), format!("未知的时区 {found}"));
                texts.did_you_mean(*near)
            }
            Self::BadAddress { found } => say(
                format!("{found} is no address to listen on"),
                format!("{found} 不是可监听的地址"),
            )
            .hint("write IP:PORT, such as 127.0.0.1:8460", "请写 IP:端口，例如 127.0.0.1:8460"),
            Self::BadIp { found } => say(
                format!("{found} is no IP address"),
                format!("{found} 不是 IP 地址"),
            )
            .hint("write it without a port, such as 127.0.0.1 or ::1", "只写地址，不写端口，例如 127.0.0.1 或 ::1"),
            Self::BadHook => say(
                "this address cannot be used here",
                "此处不能用这个地址",
            )
            .hint(
                "write https://HOST/PATH without a user name; http only to this machine",
                "请写 https://主机/路径，不带用户名；只有本机可以用 http",
            ),
            Self::SecretWritten => say(
                "secrets are named here, never written",
                "此处只写密钥的名称，不写密钥本身",
            )
            .hint(
                "write `vault:NAME` and give the value with `juzhen secret set NAME`; a value that was written here must be replaced at the platform",
                "请写 `vault:名称`，并用 `juzhen secret set 名称` 存入密钥；曾写在这里的密钥应到平台上更换",
            ),
            Self::PauseOrder { first, longest } => say(
                format!("the first pause ({first} s) is longer than the longest ({longest} s)"),
                format!("首次等待（{first} 秒）比最长等待（{longest} 秒）还长"),
            ),
            Self::EmptyText => say("the text is empty", "文字为空"),
        }
    }
}

fn article(thing: Thing) -> &'static str {
    match thing {
        Thing::Account => "an",
        _ => "a",
    }
}
