//! How WeChat says no: HTTP 200 with `errcode` and `errmsg`, and the words that go with each number.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::PLATFORM;
use super::ids::mixed;
use super::rid;
use crate::answer::Reply;
use crate::exchange::{Dialect, Refusal};
use crate::world::now_unix_ms;

pub(crate) static DIALECT: Dialect =
    Dialect { platform: PLATFORM, refuse, usual_code, numbered, keep: rid::keep };

/// The error of this number.
pub(crate) fn error(code: i64) -> Refusal {
    numbered(code)
}

/// The same with words that say which value was wrong.
pub(crate) fn error_about(code: i64, about: &str) -> Refusal {
    let refusal = numbered(code);
    Refusal { message: format!("{} {about}", refusal.message), ..refusal }
}

/// A refusal whose code is no number is not the platform's own: a gateway before it, or the sandbox itself.
fn refuse(refusal: &Refusal, path: &str) -> Reply {
    let Ok(code) = refusal.code.parse::<i64>() else {
        return Reply::json(refusal.status, &json!({ "error": refusal.message }))
            .retry_after(refusal.retry_after_s);
    };
    let mut error = json!({ "errcode": code, "errmsg": format!("{} rid: {}", refusal.message, rid()) });
    let msg_id = refusal.id.as_ref().and_then(|id| id.parse::<u64>().ok());
    if let (Some(msg_id), Some(fields)) = (msg_id, error.as_object_mut()) {
        fields.insert("msg_id".to_owned(), json!(msg_id));
    }
    // As owners have seen it: the list stands beside the error.
    if let (88001, true, Some(fields)) = (code, path.ends_with("/comment/list"), error.as_object_mut()) {
        fields.insert("total".to_owned(), json!(0));
        fields.insert("comment".to_owned(), json!([]));
    }
    Reply::json(200, &error).refused()
}

/// What a script that gives only a status means.
fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "40035",
        401 => "42001",
        403 => "48001",
        404 => "40066",
        409 => "45065",
        429 => "45009",
        _ => "gateway",
    }
}

fn numbered(code: i64) -> Refusal {
    let known = WORDS.iter().find(|(known, _)| *known == code);
    let words = known.map_or("system notice", |(_, words)| *words);
    Refusal::new(200, &code.to_string(), words)
}

/// The number of a request as `errmsg` ends with it: the seconds, then what tells requests of one second apart.
fn rid() -> String {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    let drawn = mixed(GIVEN.fetch_add(1, Ordering::Relaxed));
    format!("{:08x}-{:08x}-{:08x}", now_unix_ms() / 1_000, drawn >> 32, drawn & 0xffff_ffff)
}

/// The words of each number, from replies that account owners have shown and from the manual.
static WORDS: &[(i64, &str)] = &[
    (-1, "system error"),
    (
        40001,
        "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken",
    ),
    (40002, "invalid grant_type"),
    (40003, "invalid openid"),
    (40004, "invalid media type"),
    (40005, "invalid file type"),
    (40006, "invalid media size"),
    (40007, "invalid media_id"),
    (40008, "invalid message type"),
    (40009, "invalid image size"),
    (40013, "invalid appid"),
    (40014, "invalid access_token"),
    (40032, "invalid openid list size"),
    (40033, "invalid charset. please check your request, if include \\uxxxx will create fail!"),
    (40035, "invalid parameter"),
    (40060, "invalid article idx"),
    (40066, "invalid url"),
    (40097, "invalid args"),
    (40114, "invalid index value"),
    (40125, "invalid appsecret"),
    (40130, "invalid openid list size, at least two openid"),
    (40137, "invalid image format"),
    (40152, "invalid group id"),
    (40164, "invalid ip"),
    (40201, "invalid callback url"),
    (40202, "invalid action"),
    (40203, "invalid check_operator"),
    (40215, "invalid image count"),
    (40243, "AppSecret is frozen"),
    (41001, "access_token missing"),
    (41002, "appid missing"),
    (41004, "appsecret missing"),
    (41006, "media_id missing"),
    (41039, "invalid content_source_url"),
    (41040, "originality requirement not met"),
    (42001, "access_token expired"),
    (43001, "require GET method"),
    (43002, "require POST method"),
    (43003, "require https"),
    (43004, "require subscribe"),
    (43019, "user in blacklist"),
    (44001, "empty media data"),
    (44002, "empty post data"),
    (44003, "empty news data"),
    (44004, "empty content"),
    (45001, "media size out of limit"),
    (45002, "content size out of limit"),
    (45003, "title size out of limit"),
    (45004, "description size out of limit"),
    (45005, "url size out of limit"),
    (45006, "picurl size out of limit"),
    (45008, "article size out of limit"),
    (45009, "reach max api daily quota limit"),
    (45011, "api minute-quota reach limit"),
    (45015, "response out of time limit or subscription is canceled"),
    (45028, "has no masssend quota"),
    (45034, "media library is full"),
    (45040, "reach max api monthly quota limit"),
    (45047, "out of response count limit"),
    (45065, "clientmsgid exist"),
    (45066, "same clientmsgid retry too fast"),
    (45067, "clientmsgid size out of limit"),
    (45072, "invalid typing command"),
    (45080, "no message of the user within 30 seconds"),
    (45081, "already typing"),
    (45083, "invalid speed"),
    (45084, "speed is missing"),
    (45110, "author size out of limit"),
    (45113, "message with goods or card is not supported"),
    (45166, "invalid content"),
    (46001, "media data no exist"),
    (46004, "user no exist"),
    (47001, "data format error"),
    (47003, "argument invalid"),
    (48001, "api unauthorized"),
    (48003, "user not agree mass-send protocol"),
    (48004, "api forbidden for irregularities"),
    (48005, "forbid to delete material used by auto-reply or menu"),
    (48006, "forbid to clear quota because of reaching the limit"),
    (48008, "no permission for this msgtype"),
    (48021, "draft was last saved automatically"),
    (50002, "user limited"),
    (50004, "api forbidden"),
    (50005, "user is unsubscribed"),
    (50007, "account frozen"),
    (53500, "发布功能被封禁"),
    (53501, "请勿频繁请求"),
    (53502, "Publish ID 无效"),
    (53503, "草稿未通过发布检查"),
    (53504, "需前往公众平台官网使用"),
    (53505, "请先手动保存成功后再发表"),
    (53600, "Article ID 无效"),
    (61450, "system error"),
    (76001, "rid not found"),
    (76002, "invalid rid"),
    (76003, "rid of another account"),
    (76004, "rid is older than 7 days"),
    (76021, "cgi_path not found, please check"),
    (76022, "could not use this cgi_path, no permission"),
    (87014, "risky content"),
    (88000, "without comment privilege"),
    (88001, "msg_data is not exists"),
    (88002, "article is limited for safety"),
    (88003, "elected comment upper limit"),
    (88004, "comment was deleted by user"),
    (88005, "already reply"),
    (88007, "reply content is empty or too long"),
    (88008, "comment is not exists"),
    (88009, "reply is not exists"),
    (88010, "count range error. cout <= 0 or count > 50"),
    (89503, "this IP call needs to be confirmed by the administrator"),
    (89504, "the mass send is waiting for the administrator"),
    (89505, "the mass send has entered the administrator's confirmation"),
    (89506, "this IP was refused by the administrator for 24 hours"),
    (89507, "this IP was refused by the administrator for 1 hour"),
];
