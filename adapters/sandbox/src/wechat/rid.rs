//! What was asked in requests that were refused, by the `rid` in the answer: `openapi/rid/get`, for seven days.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::body::Ask;
use super::dialect::error;
use crate::answer::Reply;
use crate::exchange::{Arrival, Intent, Refusal};
use crate::world::World;

/// The latest refusals; more are forgotten.
const MOST: usize = 1_000;
/// Characters of a body that are kept.
const LONGEST: usize = 4_096;
const KEPT_MS: i64 = 7 * 86_400_000;

#[derive(Default)]
pub(crate) struct Requests {
    all: VecDeque<Request>,
}

struct Request {
    rid: String,
    appid: Option<String>,
    /// By the platform's clock, in Unix milliseconds.
    at: i64,
    shown: Value,
}

/// Keeps a request whose answer has a `rid`.
pub(crate) fn keep(world: &mut World, arrival: &Arrival, reply: &Reply) {
    let Some(rid) = rid_in(reply.body()) else { return };
    let at = world.wechat.now();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(LONGEST).collect::<String>();
    let shown = json!({
        "invoke_time": at / 1_000,
        "cost_in_ms": 1,
        "request_url": arrival.query,
        "request_body": text(&arrival.body),
        "response_body": text(reply.body()),
        "client_ip": arrival.peer.to_canonical(),
    });
    let all = &mut world.wechat.requests.all;
    if all.len() >= MOST {
        all.pop_front();
    }
    all.push_back(Request { rid, appid: arrival.account.clone(), at, shown });
}

/// `{"rid"}`: 76002 if it is none, 76001 if nobody has seen it, 76003 if another account's request had it, 76004 after a week.
pub(crate) fn get(ask: Ask) -> Result<Intent, Refusal> {
    let rid = ask.text("rid").filter(|rid| is_rid(rid)).ok_or_else(|| error(76002))?.to_owned();
    Ok(Intent::plain(move |world: &mut World, _call| {
        let now = world.wechat.now();
        let found =
            world.wechat.requests.all.iter().find(|one| one.rid == rid).ok_or_else(|| error(76001))?;
        if found.appid.as_ref() != Some(&ask.appid) {
            return Err(error(76003));
        }
        if now.saturating_sub(found.at) > KEPT_MS {
            return Err(error(76004));
        }
        Ok(Reply::json(200, &json!({ "errcode": 0, "errmsg": "ok", "request": found.shown })))
    }))
}

fn rid_in(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let (_, rid) = answer.get("errmsg")?.as_str()?.rsplit_once(" rid: ")?;
    Some(rid.to_owned())
}

/// Three groups of eight hexadecimal digits.
fn is_rid(text: &str) -> bool {
    let is_group = |group: &str| group.len() == 8 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').count() == 3 && text.split('-').all(is_group)
}
