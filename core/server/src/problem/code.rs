//! Every word that a refusal can carry, with its HTTP status and its title in both languages.

use axum::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $word:literal $status:ident $title:literal $chinese:literal)+) => {
        /// Why a request was not done. The words of domain reference §1.5 are used where it has one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = $title] $variant),+
        }

        impl Code {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// What every problem of this code has in common.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            pub(crate) fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese),+ }
            }

            /// The code of a word that `domain` or the store used.
            pub(crate) fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

codes! {
    // What was sent cannot be read.
    MalformedJson "malformed_json" BAD_REQUEST "The body is not usable JSON" "请求内容不是有效的 JSON"
    TooDeep "too_deep" BAD_REQUEST "The body is nested too deeply" "请求内容嵌套过深"
    DuplicateKey "duplicate_key" BAD_REQUEST "A key is there twice" "字段重复"
    UnknownField "unknown_field" BAD_REQUEST "A field is not known here" "存在未知字段"
    MissingField "missing_field" BAD_REQUEST "A field is missing" "缺少字段"
    WrongType "wrong_type" BAD_REQUEST "A value is of the wrong kind" "字段类型不正确"
    InvalidValue "invalid_value" BAD_REQUEST "A value cannot be used" "字段值无效"
    UnknownParameter "unknown_parameter" BAD_REQUEST "A query parameter is not known here" "存在未知查询参数"
    InvalidParameter "invalid_parameter" BAD_REQUEST "A query parameter cannot be used" "查询参数无效"
    InvalidHeader "invalid_header" BAD_REQUEST "A header cannot be used" "请求头无效"
    // Who asks, and what for.
    Unauthenticated "unauthenticated" UNAUTHORIZED "Sign in first" "请先登录"
    WrongCredentials "wrong_credentials" UNAUTHORIZED "Name, password or code is wrong" "登录名、密码或验证码不正确"
    NotThePlatform "not_the_platform" UNAUTHORIZED "This is not the platform's, too old, or used before" "无法确认请求来自平台，或请求已过期、已使用过"
    Forbidden "forbidden" FORBIDDEN "Your roles do not allow this" "没有此操作的权限"
    ForbiddenUnit "forbidden_unit" FORBIDDEN "This belongs to another unit" "不能操作其他单位的内容"
    CrossSite "cross_site" FORBIDDEN "This does not come from our own page" "请求不是从本系统页面发出的"
    KeyCannot "key_cannot" FORBIDDEN "A key may not do this" "API 密钥不能执行此操作"
    PasswordTooOld "password_too_old" FORBIDDEN "Change the password first" "密码已过期，请先修改密码"
    SamePerson "same_person" FORBIDDEN "Another person has to decide this step" "代行与本人审核不能是同一人"
    SelfApproval "self_approval" FORBIDDEN "Nobody decides on their own item" "不能审核自己的稿件"
    NotFound "not_found" NOT_FOUND "There is no such thing, or you may not see it" "不存在或无权查看"
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "This cannot be done here" "不支持该操作"
    InvitationOver "invitation_over" GONE "This invitation is over, or there was none" "邀请不存在、已使用或已过期"
    TooManyTries "too_many_tries" TOO_MANY_REQUESTS "Too many wrong tries" "尝试次数过多，请稍后再试"
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "Too many requests" "请求过于频繁，请稍后再试"
    // How it was sent.
    TokenInAddress "token_in_address" BAD_REQUEST "A token stands in the address" "令牌不能写在网址里"
    BodyTimeout "body_timeout" REQUEST_TIMEOUT "The body took too long to arrive" "请求内容接收超时"
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large" "请求内容过大"
    WrongContentType "wrong_content_type" UNSUPPORTED_MEDIA_TYPE "The body is of the wrong type" "请求内容类型不支持"
    PreconditionRequired "precondition_required" PRECONDITION_REQUIRED "Say which version you have seen" "请注明所依据的版本"
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "It has changed since you read it" "内容已被他人更新，请刷新"
    // The rules say no.
    BadState "bad_state" CONFLICT "This cannot be done now" "当前状态不能进行此操作"
    StillLooking "still_looking" CONFLICT "The daemon still looks for it on the account" "系统仍在账号上核对，请等它请人处理后再确认"
    MayBeOut "may_be_out" CONFLICT "Something of it may be out" "内容可能已经发出，请等核对结果"
    StaleVersion "stale_version" CONFLICT "It has changed since you read it" "内容已更新，请重新阅读"
    MissingApproval "missing_approval" CONFLICT "An approval is missing" "审核手续不全"
    NotApproved "not_approved" CONFLICT "It is not approved" "尚未通过审核"
    AlreadyOnAccount "already_on_account" CONFLICT "The account already has this item" "该账号已有此稿件"
    OnAccount "on_account" CONFLICT "It is on the account" "账号上已有这条内容，请确认为已发布"
    NotSignedIn "not_signed_in" CONFLICT "The account could not be signed in" "账号授权没有成功"
    TooLate "too_late" CONFLICT "It is too late for this" "已超过最迟时间"
    LockedAfterApproval "locked_after_approval" CONFLICT "What is approved is not edited" "审核通过后不能修改"
    StageTaken "stage_taken" CONFLICT "Another item tells this stage of the event" "该事件的这一阶段已有稿件"
    TooSoon "too_soon" CONFLICT "An earlier stage of the event comes first" "须先安排前一阶段的信息"
    Refused "refused" CONFLICT "The rules do not allow this" "规则不允许此操作"
    ReasonRequired "reason_required" UNPROCESSABLE_ENTITY "A reason is required" "请填写理由"
    WeakPassword "weak_password" UNPROCESSABLE_ENTITY "This password is not taken" "密码不符合要求"
    NotDelegable "not_delegable" UNPROCESSABLE_ENTITY "It cannot be delegated so" "不能这样授权代行"
    BlockedByCheck "blocked_by_check" UNPROCESSABLE_ENTITY "A check says no" "检查未通过，不能继续"
    NothingChanged "nothing_changed" UNPROCESSABLE_ENTITY "The texts are the same as before" "内容没有变化"
    NotMinor "not_minor" UNPROCESSABLE_ENTITY "This is more than a minor edit" "超出小改范围，须重新审核"
    NotValidThen "not_valid_then" UNPROCESSABLE_ENTITY "What it says does not hold any more then" "届时内容已过有效期"
    InvalidContent "invalid_content" UNPROCESSABLE_ENTITY "The text cannot be taken as it is" "稿件内容不符合要求"
    TooLong "too_long" UNPROCESSABLE_ENTITY "The text is too long" "稿件超过字数限制"
    InvalidTime "invalid_time" UNPROCESSABLE_ENTITY "The time cannot be used" "时间无效"
    LatestBeforeDue "latest_before_due" UNPROCESSABLE_ENTITY "The latest time lies before the time it is due" "最迟时间早于发布时间"
    NotAnAddress "not_an_address" UNPROCESSABLE_ENTITY "This is not the address of a post" "链接地址无效"
    NotOnPlatform "not_on_platform" UNPROCESSABLE_ENTITY "This address is not on the account's platform" "链接不在该账号所属的平台上"
    UnknownPerson "unknown_person" UNPROCESSABLE_ENTITY "There is no such person at work" "没有此在岗人员"
    UnknownUnit "unknown_unit" UNPROCESSABLE_ENTITY "There is no such unit" "单位不存在"
    UnknownProcedure "unknown_procedure" UNPROCESSABLE_ENTITY "There is no such procedure" "未设置该审核程序"
    UnknownColumn "unknown_column" UNPROCESSABLE_ENTITY "There is no such column" "栏目不存在"
    UnknownAccount "unknown_account" UNPROCESSABLE_ENTITY "There is no such account" "账号不存在"
    UnknownPlatform "unknown_platform" UNPROCESSABLE_ENTITY "No account is on this platform" "没有该平台的账号"
    UnknownMedia "unknown_media" UNPROCESSABLE_ENTITY "The picture or video was not uploaded" "图片或视频尚未上传"
    NoVariant "no_variant" UNPROCESSABLE_ENTITY "There is no text for the platform of an account" "缺少对应平台的文本"
    NoTarget "no_target" UNPROCESSABLE_ENTITY "It goes to no account" "没有可发布的账号"
    OriginMismatch "origin_mismatch" UNPROCESSABLE_ENTITY "This procedure begins elsewhere" "该程序不能由本单位发起"
    KeyReused "key_reused" UNPROCESSABLE_ENTITY "The idempotency key belongs to another request" "幂等键已用于其他请求"
    SettingsRefused "settings_refused" UNPROCESSABLE_ENTITY "The settings are refused; the old ones keep running" "配置有误，继续使用原配置"
    SettingsDangerous "settings_dangerous" CONFLICT "The change of the settings needs a second person" "配置变更需第二人确认"
    // Nobody's fault but ours.
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong here" "服务器内部错误"
    BackupFailed "backup_failed" INTERNAL_SERVER_ERROR "The backup could not be made; the log says why" "备份失败，原因在日志里"
    TimedOut "timed_out" SERVICE_UNAVAILABLE "It took too long; it may still be done" "处理超时，操作可能仍会完成"
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Too many requests at a time" "请求过多，请稍后重试"
    NoRoom "no_room" INSUFFICIENT_STORAGE "The disk is full; it goes on once there is room" "服务器磁盘已满，腾出空间后自动恢复"
    Stopping "stopping" SERVICE_UNAVAILABLE "The daemon is stopping" "服务正在停止"
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn words_are_plain_and_read_back_and_never_answer_with_success() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
        }
        assert_eq!(Code::parse("published"), None);
    }
}
