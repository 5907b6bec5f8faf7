//! What each error code of Matrix means for us: one table, by which every answer that is not a success is judged.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::wire::{Leaves, TOKEN};

/// What follows from a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The text or the picture has to be changed.
    Content,
    /// What is asked for is not there.
    Gone,
    /// The request is not as the server wants it, or is of a kind that this adapter never makes.
    Config,
    /// The account may not do this in this room, or at all, until somebody changes that on the server.
    Permission,
    /// Too fast.
    Quota,
    /// The token, or what buys one, is no longer good.
    Auth,
    /// The code itself says that it says nothing; the status does (*Standard error response*).
    ByStatus,
}

/// The code, its class, what people read.
type Row = (&'static str, Class, &'static str);

/// *Common* and *other error codes* of the client-server API, v1.17, and those of its endpoints.
const TABLE: &[Row] = {
    use Class::*;
    &[
        ("M_FORBIDDEN", Permission, "账号在此房间没有这项权限"),
        ("M_UNKNOWN_TOKEN", Auth, "令牌无效或已退出登录"),
        ("M_MISSING_TOKEN", Auth, "请求没有带上令牌"),
        ("M_USER_LOCKED", Permission, "账号被服务器锁定，须联系管理员"),
        ("M_USER_SUSPENDED", Permission, "账号被服务器停权，须联系管理员"),
        ("M_USER_DEACTIVATED", Permission, "账号已被注销"),
        ("M_BAD_JSON", Config, "服务器不接受请求的内容"),
        ("M_NOT_JSON", Config, "服务器读不出请求的内容"),
        ("M_NOT_FOUND", Gone, "房间或消息不存在"),
        ("M_LIMIT_EXCEEDED", Quota, "发得太快，服务器要求稍候"),
        ("M_UNRECOGNIZED", Config, "服务器没有此接口"),
        ("M_UNKNOWN", ByStatus, "服务器没有说明原因"),
        ("M_UNAUTHORIZED", Auth, "没有登录或登录已失效"),
        ("M_TOO_LARGE", Content, "文字或图片超过服务器的限制"),
        ("M_MISSING_PARAM", Config, "请求缺少参数"),
        ("M_INVALID_PARAM", Config, "请求参数有误"),
        ("M_RESOURCE_LIMIT_EXCEEDED", Permission, "服务器资源已用尽，须联系管理员"),
        ("M_GUEST_ACCESS_FORBIDDEN", Permission, "房间不允许访客，须用正式账号"),
        ("M_CAPTCHA_NEEDED", Permission, "服务器要求输入验证码，须在网页上处理"),
        ("M_CAPTCHA_INVALID", Permission, "验证码不对，须在网页上处理"),
        ("M_EXCLUSIVE", Permission, "账号属于服务器上的应用，不能这样使用"),
        ("M_APPSERVICE_LOGIN_UNSUPPORTED", Permission, "服务器不让此账号这样登录"),
        ("M_DUPLICATE_ANNOTATION", Config, "已有相同的回应"),
        // Reading and signing in.
        ("M_UNKNOWN_POS", Config, "服务器不认得上次读到的位置"),
        ("M_TOKEN_INCORRECT", Auth, "确认用的令牌不对"),
        ("M_WEAK_PASSWORD", Config, "密码太弱"),
        // Pictures.
        ("M_NOT_YET_UPLOADED", Content, "图片还没有上传完"),
        ("M_CANNOT_OVERWRITE_MEDIA", Config, "图片编号已用过"),
        // Rooms, people, keys, threads, reports, push: never asked for.
        ("M_ROOM_IN_USE", Config, "与发布无关的房间接口错误"),
        ("M_INVALID_ROOM_STATE", Config, "与发布无关的房间接口错误"),
        ("M_UNSUPPORTED_ROOM_VERSION", Config, "与发布无关的房间接口错误"),
        ("M_INCOMPATIBLE_ROOM_VERSION", Config, "与发布无关的房间接口错误"),
        ("M_BAD_STATE", Config, "与发布无关的房间接口错误"),
        ("M_BAD_ALIAS", Config, "与发布无关的房间接口错误"),
        ("M_UNABLE_TO_AUTHORISE_JOIN", Config, "与发布无关的房间接口错误"),
        ("M_UNABLE_TO_GRANT_JOIN", Config, "与发布无关的房间接口错误"),
        ("M_INVITE_BLOCKED", Config, "与发布无关的房间接口错误"),
        ("M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", Config, "与发布无关的房间接口错误"),
        ("M_USER_IN_USE", Config, "与发布无关的注册接口错误"),
        ("M_INVALID_USERNAME", Config, "与发布无关的注册接口错误"),
        ("M_THREEPID_IN_USE", Config, "与发布无关的绑定接口错误"),
        ("M_THREEPID_NOT_FOUND", Config, "与发布无关的绑定接口错误"),
        ("M_THREEPID_AUTH_FAILED", Config, "与发布无关的绑定接口错误"),
        ("M_THREEPID_DENIED", Config, "与发布无关的绑定接口错误"),
        ("M_THREEPID_MEDIUM_NOT_SUPPORTED", Config, "与发布无关的绑定接口错误"),
        ("M_SERVER_NOT_TRUSTED", Config, "与发布无关的绑定接口错误"),
        ("M_WRONG_ROOM_KEYS_VERSION", Config, "与发布无关的密钥接口错误"),
        ("M_NOT_IN_THREAD", Config, "与发布无关的话题接口错误"),
        ("M_CONFLICTING_UNSUBSCRIPTION", Config, "与发布无关的话题接口错误"),
        ("M_URL_NOT_SET", Config, "与发布无关的应用接口错误"),
        ("M_BAD_STATUS", Config, "与发布无关的应用接口错误"),
        ("M_CONNECTION_FAILED", Config, "与发布无关的应用接口错误"),
        ("M_CONNECTION_TIMEOUT", Config, "与发布无关的应用接口错误"),
    ]
};

/// *Standard error response*.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    errcode: String,
    #[serde(default)]
    error: String,
    /// With `M_LIMIT_EXCEEDED`; newer servers say it in `Retry-After`, too.
    retry_after_ms: Option<i64>,
}

impl Refused {
    /// When another request is allowed, in milliseconds since 1970.
    pub(crate) fn until(&self, now_unix_ms: i64) -> Option<i64> {
        self.retry_after_ms.map(|ms| now_unix_ms.saturating_add(ms))
    }
}

/// What the daemon is told. `until_unix_ms`: when another request is allowed.
pub(crate) fn refusal(no: &Refused, status: u16, until_unix_ms: Option<i64>, leaves: Leaves) -> Error {
    let row = TABLE.iter().find(|(code, ..)| *code == no.errcode);
    let words = row.map_or("未知的错误码", |(_, _, words)| words);
    let said = format!("{words}（{}：{}）", no.errcode, no.error);
    let Some((code, class, _)) = row else { return unclear(said, leaves) };
    match class {
        // A server that broke down may have done it before, whatever else it says.
        _ if !(400..500).contains(&status) => unclear(said, leaves),
        Class::Content | Class::Gone => Error::rejected(said, RejectedBy::Content, code),
        Class::Config | Class::ByStatus => Error::rejected(said, RejectedBy::Policy, code),
        Class::Permission => Error::rejected(said, RejectedBy::Permission, code),
        Class::Quota => Error::quota(said, until_unix_ms),
        Class::Auth => Error::auth_expired(said, TOKEN),
    }
}

/// No word on whether it happened.
pub(crate) fn unclear(said: String, leaves: Leaves) -> Error {
    match leaves {
        Leaves::Something => Error::in_doubt(said),
        Leaves::Nothing => Error::retryable(said, None),
    }
}

pub(crate) fn is_code(error: &Error, wanted: &str) -> bool {
    matches!(&error.kind, ErrorKind::Rejected { code: Some(code), .. } if code == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str, status: u16, leaves: Leaves) -> &'static str {
        let no = Refused { errcode: code.to_owned(), error: String::new(), retry_after_ms: None };
        match refusal(&no, status, Some(7), leaves).kind {
            ErrorKind::Rejected { by: RejectedBy::Content, .. } => "content",
            ErrorKind::Rejected { by: RejectedBy::Policy, .. } => "policy",
            ErrorKind::Rejected { by: RejectedBy::Permission, .. } => "permission",
            other => other.name(),
        }
    }

    /// The codes of the specification, each with what a write that gets it comes to.
    const DOCUMENTED: &[(&str, u16, &[&str])] = &[
        ("auth_expired", 401, &["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_UNAUTHORIZED", "M_TOKEN_INCORRECT"]),
        ("permission", 401, &["M_USER_LOCKED"]),
        (
            "permission",
            403,
            &["M_FORBIDDEN", "M_USER_SUSPENDED", "M_USER_DEACTIVATED", "M_RESOURCE_LIMIT_EXCEEDED"],
        ),
        (
            "permission",
            403,
            &["M_GUEST_ACCESS_FORBIDDEN", "M_CAPTCHA_NEEDED", "M_CAPTCHA_INVALID", "M_EXCLUSIVE"],
        ),
        ("permission", 400, &["M_APPSERVICE_LOGIN_UNSUPPORTED"]),
        ("content", 413, &["M_TOO_LARGE", "M_NOT_YET_UPLOADED"]),
        ("content", 404, &["M_NOT_FOUND"]),
        ("quota", 429, &["M_LIMIT_EXCEEDED"]),
        (
            "policy",
            400,
            &["M_BAD_JSON", "M_NOT_JSON", "M_MISSING_PARAM", "M_INVALID_PARAM", "M_UNKNOWN", "M_UNKNOWN_POS"],
        ),
        ("policy", 404, &["M_UNRECOGNIZED", "M_THREEPID_NOT_FOUND", "M_BAD_ALIAS"]),
        (
            "policy",
            400,
            &["M_WEAK_PASSWORD", "M_CANNOT_OVERWRITE_MEDIA", "M_ROOM_IN_USE", "M_INVALID_ROOM_STATE"],
        ),
        (
            "policy",
            400,
            &["M_UNSUPPORTED_ROOM_VERSION", "M_INCOMPATIBLE_ROOM_VERSION", "M_BAD_STATE", "M_USER_IN_USE"],
        ),
        ("policy", 400, &["M_UNABLE_TO_AUTHORISE_JOIN", "M_UNABLE_TO_GRANT_JOIN", "M_INVITE_BLOCKED"]),
        (
            "policy",
            403,
            &["M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", "M_THREEPID_AUTH_FAILED", "M_THREEPID_DENIED"],
        ),
        ("policy", 400, &["M_INVALID_USERNAME", "M_THREEPID_IN_USE", "M_THREEPID_MEDIUM_NOT_SUPPORTED"]),
        (
            "policy",
            400,
            &[
                "M_SERVER_NOT_TRUSTED",
                "M_WRONG_ROOM_KEYS_VERSION",
                "M_NOT_IN_THREAD",
                "M_DUPLICATE_ANNOTATION",
            ],
        ),
        ("policy", 409, &["M_CONFLICTING_UNSUBSCRIPTION"]),
        ("policy", 400, &["M_URL_NOT_SET", "M_BAD_STATUS", "M_CONNECTION_FAILED", "M_CONNECTION_TIMEOUT"]),
    ];

    #[test]
    fn f56_f60_f61_every_documented_code_has_its_class() {
        for (expected, status, codes) in DOCUMENTED {
            for code in *codes {
                assert_eq!(kind(code, *status, Leaves::Something), *expected, "{code}");
            }
        }
        for (code, ..) in TABLE {
            let tested = DOCUMENTED.iter().filter(|(_, _, codes)| codes.contains(code)).count();
            assert_eq!(tested, 1, "{code}");
            assert_eq!(TABLE.iter().filter(|(other, ..)| other == code).count(), 1, "{code}");
        }
    }

    #[test]
    fn f51_f55_what_nobody_wrote_down_and_a_broken_server_are_in_doubt_for_a_write_and_asked_again_for_a_read()
     {
        for (code, status) in
            [("M_NEW", 400), ("EXAMPLE.ORG_NO", 403), ("M_UNKNOWN", 500), ("M_FORBIDDEN", 502)]
        {
            assert_eq!(kind(code, status, Leaves::Something), "in_doubt", "{code} {status}");
            assert_eq!(kind(code, status, Leaves::Nothing), "retryable", "{code} {status}");
        }
    }

    #[test]
    fn f56_how_long_to_wait_is_counted_from_now() {
        let no: Refused =
            serde_json::from_str(r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}"#).unwrap();
        assert_eq!(no.until(5), Some(2005));
        assert!(serde_json::from_str::<Refused>(r#"{"event_id":"$1"}"#).is_err(), "an answer is no refusal");
    }
}
