//! Requests with the account's token, answers sorted by Weibo's own codes, and the shapes of what it answers.

use juzhen_sdk::RequestBuilder;
use juzhen_sdk::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::account::{self, Part as Where, Tier};
use crate::errcode;

/// The secret that Weibo's requests carry.
pub(crate) const TOKEN: &str = "access_token";
/// One that does not count to the same 5 s of connecting as the whole: 30 s is what Weibo's own clients wait.
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(30);

/// Whether a request may leave something behind that a second one would leave twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    Nothing,
    Something,
}

/// The platform as one account sees it.
pub(crate) struct Platform<'c> {
    pub(crate) cx: &'c Cx,
    pub(crate) tier: Tier,
}

impl<'c> Platform<'c> {
    pub(crate) fn of(cx: &'c Cx) -> Result<Self> {
        Ok(Self { cx, tier: account::tier(cx)? })
    }

    pub(crate) fn address(&self, part: Where, path: &str) -> Result<String> {
        account::address(self.cx, self.tier, part, path)
    }

    /// Reads, with the token in the query.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        part: Where,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T> {
        let request = self.cx.http().get(&self.address(part, path)?).query_secret(TOKEN, TOKEN);
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        self.ask(request, Leaves::Nothing).await?.json()
    }

    /// A form with the token, that changes something.
    pub(crate) async fn post(&self, part: Where, path: &str, fields: &[(&str, &str)]) -> Result<Response> {
        let request = self.form(part, path, fields)?;
        self.ask(request, Leaves::Something).await
    }

    pub(crate) fn form(&self, part: Where, path: &str, fields: &[(&str, &str)]) -> Result<RequestBuilder> {
        let token = secret(TOKEN);
        let fields: Vec<_> = [(TOKEN, token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        Ok(self.cx.http().post(&self.address(part, path)?).form(&fields))
    }

    /// Sends. What is not a clear success is an error: by its code, and without one as unclear as the request is serious.
    pub(crate) async fn ask(&self, request: RequestBuilder, leaves: Leaves) -> Result<Response> {
        let answer = request.timeout(PATIENCE).send_any().await.map_err(without_token)?;
        if let Ok(no) = answer.json::<Refused>() {
            return Err(errcode::refusal(&no, leaves, self.cx.now_unix_ms()));
        }
        match (answer.status(), leaves) {
            (200..=299, _) => Ok(answer),
            // The gateway's own page, or somebody else's in between: it says nothing of what stands behind it.
            (status, Leaves::Something) => {
                Err(Error::in_doubt(format!("微博没有给出明确答复（HTTP {status}）")))
            }
            (status, Leaves::Nothing) => {
                Err(Error::retryable(format!("微博暂时没有答复（HTTP {status}）"), None))
            }
        }
    }
}

/// Nothing has left, because the account has no token: a person has to sign it in, as after one that has ended.
fn without_token(no: Error) -> Error {
    let names_it = || no.message.contains(&format!("`{TOKEN}`"));
    match &no.kind {
        ErrorKind::Misconfigured { key } if key == "egress" && names_it() => {
            Error::auth_expired("账号还没有授权，请用 juzhen account authorize 授权", TOKEN)
        }
        _ => no,
    }
}

/// Weibo's way of saying no. Mostly with a status of 4xx or 5xx, which decides nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    #[serde(deserialize_with = "code")]
    pub(crate) error_code: i64,
    #[serde(default)]
    pub(crate) error: String,
}

/// A number, or the same as text, as some gateways write it.
fn code<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let text = match Value::deserialize(from)? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    text.trim().parse().map_err(serde::de::Error::custom)
}

/// A post. Of a deleted one everything but the id may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) idstr: String,
    pub(crate) created_at: String,
    pub(crate) text: String,
    pub(crate) user: Option<User>,
    pub(crate) annotations: Option<Value>,
    pub(crate) url_objects: Vec<Value>,
    pub(crate) retweeted_status: Option<Box<Status>>,
    pub(crate) deleted: Option<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) idstr: String,
    pub(crate) screen_name: String,
    pub(crate) followers_count: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Comment {
    pub(crate) idstr: String,
    pub(crate) created_at: String,
    pub(crate) text: String,
    pub(crate) user: Option<User>,
    pub(crate) status: Option<Status>,
    pub(crate) reply_comment: Option<Box<Comment>>,
}

impl Status {
    pub(crate) fn at_unix_ms(&self) -> Option<i64> {
        time(&self.created_at)
    }

    /// Where the public reads it.
    pub(crate) fn url(&self, uid: &str) -> Option<String> {
        let mid = self.idstr.parse().ok()?;
        Some(format!("https://weibo.com/{uid}/{}", base62(mid)))
    }
}

/// `Fri Apr 23 11:11:35 +0800 2021` in milliseconds since 1970.
pub(crate) fn time(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse("%a %b %d %H:%M:%S %z %Y", text).ok()?;
    Some(parsed.to_timestamp().ok()?.as_millisecond())
}

/// An id as it stands in an address: groups of seven digits from the right, each but the first as four of `0-9a-zA-Z`.
pub(crate) fn base62(mid: u64) -> String {
    let (mut left, mut text) = (mid, String::new());
    while left >= 10_000_000 {
        text.insert_str(0, &format!("{:0>4}", digits(left % 10_000_000)));
        left /= 10_000_000;
    }
    text.insert_str(0, &digits(left));
    text
}

fn digits(mut value: u64) -> String {
    let mut text = String::new();
    loop {
        let digit = u8::try_from(value % 62).unwrap_or(0);
        let sign = match digit {
            0..=9 => b'0' + digit,
            10..=35 => b'a' + digit - 10,
            _ => b'A' + digit - 36,
        };
        text.insert(0, char::from(sign));
        value /= 62;
        if value == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_in_an_address_as_weibo_writes_it() {
        assert_eq!(base62(4_409_230_629_430_129), "I3S86DzcR");
        assert_eq!(base62(10_000_000), "10000");
    }

    #[test]
    fn times_are_read_and_codes_in_both_forms() {
        assert_eq!(time("Fri Apr 23 11:11:35 +0800 2021"), Some(1_619_147_495_000));
        assert_eq!(time(""), None);
        for text in [r#"{"error_code":20019}"#, r#"{"error_code":"20019","error":"x","request":"/2/x"}"#] {
            assert_eq!(serde_json::from_str::<Refused>(text).unwrap().error_code, 20019);
        }
        assert!(serde_json::from_str::<Refused>(r#"{"id":1}"#).is_err(), "an answer is no refusal");
    }
}
