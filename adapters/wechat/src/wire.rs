//! Requests to the platform and the form of its answers: 200 whatever happens, with a code when it says no.

use juzhen_sdk::RequestBuilder;
use juzhen_sdk::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::account::url;
use crate::errcode;
use crate::token::{Forced, signed};

/// What a request leaves behind.
#[derive(Clone, Copy)]
pub(crate) enum Leaves<'k> {
    /// Nothing that anybody sees: reading, and preparing such as an upload or a draft, which may be done twice.
    Nothing,
    /// Something that must not be there twice.
    Effect,
    /// The same, but the platform itself does it once for this key.
    Keyed(&'k str),
}

/// The connection of one call.
#[derive(Clone, Copy)]
pub(crate) struct Platform<'c> {
    pub(crate) cx: &'c Cx,
    pub(crate) forced: &'c Forced,
}

impl Platform<'_> {
    /// Posts JSON and reads the answer.
    ///
    /// # Errors
    /// What the platform refused, by its code; without a readable answer: in doubt after an effect.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        leaves: Leaves<'_>,
    ) -> Result<T> {
        let answer = self.post(path, body, leaves).await?;
        if let Some(no) = Refused::of(&answer) {
            return Err(self.refused(&no, leaves));
        }
        answer.json()
    }

    /// The same for an interface that answers nothing but that it is done.
    pub(crate) async fn tell(&self, path: &str, body: &Value, leaves: Leaves<'_>) -> Result<()> {
        self.ask::<Value>(path, body, leaves).await.map(drop)
    }

    /// Any answer of the platform itself; one of whatever stands before it is an error.
    pub(crate) async fn post(&self, path: &str, body: &Value, leaves: Leaves<'_>) -> Result<Response> {
        let url = url(self.cx, path)?;
        self.send(|| Ok(self.cx.http().post(&url).json(body)), leaves).await
    }

    pub(crate) async fn send(
        &self,
        request: impl Fn() -> Result<RequestBuilder>,
        leaves: Leaves<'_>,
    ) -> Result<Response> {
        let answer = signed(self.cx, self.forced, || Ok(marked(request()?, leaves))).await?;
        if (200..300).contains(&answer.status()) { Ok(answer) } else { Err(answer.default_error()) }
    }

    pub(crate) fn refused(&self, no: &Refused, leaves: Leaves<'_>) -> Error {
        let effect = !matches!(leaves, Leaves::Nothing);
        errcode::error(no.errcode, &no.errmsg, effect, self.cx.now_unix_ms())
    }
}

fn marked(request: RequestBuilder, leaves: Leaves<'_>) -> RequestBuilder {
    let effect = match leaves {
        Leaves::Nothing => return request.effect(Effect::Safe),
        Leaves::Effect => Effect::Mutating,
        Leaves::Keyed(key) => Effect::Idempotent(key.to_owned()),
    };
    request.effect(effect).declined("/errcode", &errcode::refusals())
}

/// An answer that says no: its code is there and not 0.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) errcode: i64,
    pub(crate) errmsg: String,
    /// Of the mass send that has the key already.
    pub(crate) msg_id: Option<Number>,
}

impl Refused {
    pub(crate) fn of(answer: &Response) -> Option<Self> {
        Self::read(answer.bytes())
    }

    fn read(body: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(body).ok()?;
        let errcode = json.get("errcode")?.as_i64()?;
        let errmsg = json.get("errmsg").and_then(Value::as_str).unwrap_or_default().to_owned();
        let msg_id = json.get("msg_id").and_then(|id| Number::deserialize(id).ok());
        (errcode != 0).then_some(Self { errcode, errmsg, msg_id })
    }
}

/// An id, which the platform writes as a number in one place and as text in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => text.trim().parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

impl core::fmt::Display for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_no_when_its_code_is_there_and_not_0() {
        let code = |body: &str| Refused::read(body.as_bytes()).map(|no| no.errcode);
        assert_eq!(code(r#"{"errcode":40001,"errmsg":"x rid: 1"}"#), Some(40001));
        assert_eq!(code(r#"{"errcode":45065,"msg_id":{"odd":1}}"#), Some(45065));
        assert_eq!(code(r#"{"errcode":-1}"#), Some(-1));
        for yes in [r#"{"errcode":0,"errmsg":"ok"}"#, r#"{"media_id":"m"}"#, "[]", "<html>"] {
            assert_eq!(code(yes), None, "{yes}");
        }
        let known = Refused::read(br#"{"errcode":45065,"errmsg":"clientmsgid exist","msg_id":3147494522}"#);
        assert_eq!(known.unwrap().msg_id, Some(Number(3_147_494_522)));
    }

    #[test]
    fn an_id_is_read_as_number_and_as_text() {
        for written in ["3147494522", "\"3147494522\""] {
            assert_eq!(serde_json::from_str::<Number>(written).unwrap(), Number(3_147_494_522));
        }
        assert!(serde_json::from_str::<Number>("\"x\"").is_err());
    }
}
