//! Requests with the account's token, and how one that makes something visible is applied once whatever becomes of its answers.
//!
//! An event is sent by `PUT` under a transaction id of our own, and the server promises to apply an id once for each device
//! (*Transaction identifiers*). So a request without an answer may go out again. But only a success tells then what became of
//! it: a server refuses for a token or for the rate before it looks whether it knows the id, and such a refusal says nothing of
//! the try before. A refused token is renewed only before anything was left open, for the same reason: another device has
//! transaction ids of its own.

use core::time::Duration;

use juzhen_sdk::RequestBuilder;
use juzhen_sdk::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::account::{Account, SignIn};
use crate::errcode::{self, Refused};

/// The secret that requests are signed with.
pub(crate) const TOKEN: &str = "access_token";
/// A server in good order answers within this, also after it has asked others of the room.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before a request whose answer was lost goes out again. With the first, three tries fit into any call.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Whether a request may leave something behind that people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    Nothing,
    Something,
}

/// The server as one account sees it.
pub(crate) struct Platform<'c> {
    pub(crate) cx: &'c Cx,
    pub(crate) account: Account,
}

impl<'c> Platform<'c> {
    pub(crate) fn of(cx: &'c Cx) -> Result<Self> {
        Ok(Self { cx, account: Account::of(cx)? })
    }

    /// The address of a part of the client API, such as `v3/login`.
    pub(crate) fn client(&self, path: &str) -> String {
        format!("{}/_matrix/client/{path}", self.account.base_url)
    }

    /// The address of something in the account's room.
    pub(crate) fn room(&self, path: &str) -> String {
        self.client(&format!("v3/rooms/{}/{path}", segment(&self.account.room)))
    }

    /// Where people read an event.
    pub(crate) fn permalink(&self, event: &str) -> String {
        let via = crate::account::server_of(&self.cx.meta.uid).unwrap_or_default();
        let (room, event) = (segment(&self.account.room), segment(event));
        format!("https://matrix.to/#/{room}/{event}?via={}", segment(via))
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &str, query: &[(&str, &str)]) -> Result<T> {
        let request = || {
            let request = self.cx.http().get(url);
            query.iter().fold(request, |request, (name, value)| request.query(name, value))
        };
        self.signed(request, Leaves::Nothing).await?.json()
    }

    /// Sends an event under a transaction id, so that it is there once; its id.
    pub(crate) async fn put(&self, url: &str, body: &Value, key: &str) -> Result<String> {
        let request = || self.cx.http().put(url).json(body).effect(Effect::Idempotent(key.to_owned()));
        let mut open = match self.signed(request, Leaves::Something).await {
            Err(error) if is_open(&error) => error,
            other => return created(&other?),
        };
        for pause in PAUSES {
            self.cx.sleep(pause).await?;
            match self.once(request(), Leaves::Something).await {
                Ok(answer) => return created(&answer),
                Err(error) if is_open(&error) => open = error,
                Err(no) => {
                    let said = format!("第一次发送没有得到答复，再次发送时服务器拒绝：{}", no.message);
                    return Err(Error::in_doubt(said));
                }
            }
        }
        Err(open)
    }

    /// Sends with the token. What is refused for it has done nothing: it goes out once more with a new one.
    pub(crate) async fn signed(
        &self,
        request: impl Fn() -> RequestBuilder,
        leaves: Leaves,
    ) -> Result<Response> {
        let refused = match self.once(request(), leaves).await {
            Err(error) if self.is_for_token(&error) => error,
            other => return other,
        };
        match self.sign_in().await {
            Ok(()) => self.once(request(), leaves).await,
            // Nobody is to be asked now: what the server said of the token is the better word.
            Err(no) if is_denied(&no) && !is_denied(&refused) => Err(refused),
            Err(no) => Err(no),
        }
    }

    async fn once(&self, request: RequestBuilder, leaves: Leaves) -> Result<Response> {
        self.answered(request.bearer(TOKEN), leaves).await
    }

    /// Sends as it is. What is not a clear success is an error: by its code, and without one as unclear as the request is
    /// serious.
    pub(crate) async fn answered(&self, request: RequestBuilder, leaves: Leaves) -> Result<Response> {
        let answer = request.timeout(PATIENCE).send_any().await?;
        if (200..300).contains(&answer.status()) {
            return Ok(answer);
        }
        match answer.json::<Refused>() {
            Ok(no) => {
                let now = self.cx.now_unix_ms();
                let until = answer.retry_at_unix_ms().or_else(|| no.until(now));
                Err(errcode::refusal(&no, answer.status(), until, leaves))
            }
            // The page of somebody in between: it says nothing of what stands behind it.
            Err(_) => {
                Err(errcode::unclear(format!("服务器没有给出明确答复（HTTP {}）", answer.status()), leaves))
            }
        }
    }

    /// The token is no longer good, or there is none yet, and another can be had.
    fn is_for_token(&self, error: &Error) -> bool {
        let refused = matches!(error.kind, ErrorKind::AuthExpired { .. }) || is_denied(error);
        refused && self.account.sign_in != SignIn::ByHand
    }
}

/// The daemon let nothing leave, such as for a secret that is not there.
pub(crate) fn is_denied(error: &Error) -> bool {
    matches!(&error.kind, ErrorKind::Misconfigured { key } if key == "egress")
}

/// It may have happened, or may still be made to happen: not a no.
fn is_open(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::InDoubt | ErrorKind::Retryable { .. })
}

fn created(answer: &Response) -> Result<String> {
    #[derive(Deserialize)]
    struct Created {
        event_id: String,
    }
    let read = answer.json::<Created>().ok().filter(|created| !created.event_id.is_empty());
    read.map(|created| created.event_id).ok_or_else(|| Error::in_doubt("服务器答复成功，但没有给出编号"))
}
