//! Weibo's errors: number, HTTP status and words, as its table has them.

use crate::exchange::Refusal;

/// Level, module and number make the code: 1 is the system, 2 a service. `%s` is the interface that was called.
const ERRORS: &[(i64, u16, &str)] = &[
    (10001, 500, "system error!"),
    (10002, 503, "service unavailable!"),
    (10003, 503, "remote service error!"),
    (10004, 400, "IP limit!"),
    (10005, 403, "permission denied! Need a high level appkey!"),
    (10006, 400, "source paramter(appkey) is missing"),
    (10007, 415, "unsupport mediatype (%s)"),
    (10008, 400, "param error, see doc for more info."),
    (10009, 503, "Too many pending tasks, system is busy!"),
    (10010, 503, "Job Expired"),
    (10011, 503, "RPC ERROR"),
    (10012, 400, "Illegal Request!"),
    (10013, 403, "invalid weibo user!"),
    (10014, 403, "Insufficient app permissions!"),
    (10016, 400, "miss required parameter (%s), see doc for more info."),
    (10017, 400, "parameter (%s)'s value invalid, see doc for more info."),
    (10018, 400, "request boday length over limit."),
    (10020, 404, "Request Api not found!"),
    (10021, 405, "HTTP METHOD is not suported for this request!"),
    (10022, 403, "IP requests out of rate limit!"),
    (10023, 403, "User requests out of rate limit!"),
    (10024, 403, "User requests for %s out of rate limit!"),
    (10025, 400, "internal service param error."),
    (10026, 503, "api is deprecated."),
    (10032, 403, "access_denied"),
    (20001, 400, "IDs is null!"),
    (20002, 400, "uid is null!"),
    (20003, 400, "User does not exists!"),
    (20005, 400, "Unsupported image type, only suport JPG, GIF, PNG!"),
    (20006, 400, "Image size too large."),
    (20007, 400, "Does multipart has image?"),
    (20008, 400, "content is null!"),
    (20009, 400, "IDs is too many!"),
    (20012, 400, "Text too long, please input text less than 140 characters!"),
    (20013, 400, "Text too long, please input text less than 300 characters!"),
    (20014, 400, "param error, please call once more!"),
    (20015, 400, "Account or ip or app is illgal, can not continue"),
    (20016, 400, "out of limit"),
    (20017, 400, "repeat content!"),
    (20018, 400, "Contain illegal website"),
    (20019, 400, "repeat content!"),
    (20020, 400, "Contain advertising"),
    (20021, 400, "Content is illegal!"),
    (20022, 400, "Your ip's behave in a comic boisterous or unruly manner!"),
    (20023, 400, "function unavailable"),
    (20031, 400, "test and verify!"),
    (20032, 400, "Update success, while server slow now, please wait 1-2 minutes"),
    (20033, 400, "login stat abnormal"),
    (20034, 403, "account is locked."),
    (20038, 400, "repeat content, please try again tomorrow"),
    (20044, 400, "may be posted with an overlay"),
    (20045, 400, "may not be posted without an overlay"),
    (20049, 400, "long text is too long"),
    (
        20053,
        400,
        "Your Weibo has been successfully released and needs manual review for 3 minutes. Please be patient.",
    ),
    (20101, 400, "target weibo does not exist!"),
    (20102, 400, "not your own weibo!"),
    (20103, 400, "Can't repost yourself weibo"),
    (20104, 400, "Illegal weibo!"),
    (20109, 400, "weibo id is null!"),
    (20111, 400, "Repeated weibo text!"),
    (20112, 400, "Cannot view this weibo because of its privacy!"),
    (20120, 400, "Cannot repost this weibo because of its privacy!"),
    (20121, 400, "visible is invalid!"),
    (20130, 400, "Cannot comment on this weibo because of its privacy!"),
    (20132, 400, "this weibo cannot be viewed for the time being"),
    (20134, 400, "group does not exist!"),
    (20135, 400, "the source weibo has been deleted!"),
    (20136, 400, "the group has too many members!"),
    (20201, 400, "target weibo comment does not exist!"),
    (20202, 400, "illegal comment!"),
    (20203, 400, "not your own comment!"),
    (20204, 400, "comment id is null!"),
    (20206, 400, "the author takes comments only from whom they follow!"),
    (20207, 400, "the author takes comments only from trusted users!"),
    (20301, 400, "Can't send direct message to user who is not your follower!"),
    (20302, 400, "Illegal direct message!"),
    (20303, 400, "not your own direct message!"),
    (20305, 400, "direct message does not exist!"),
    (20306, 400, "repeated direct message!"),
    (20307, 400, "illegal direct message id!"),
    (20401, 400, "domain does not exist!"),
    (20402, 400, "wrong verifier!"),
    (21301, 403, "auth faild!"),
    (21302, 403, "username or password is error!"),
    (21303, 403, "username and password auth out of rate limit!"),
    (21305, 403, "Parameter is absent!"),
    (21306, 403, "Parameter is rejected!"),
    (21307, 403, "Timestamp is refused!"),
    (21308, 403, "Nonce is used!"),
    (21309, 403, "Signature method is rejected!"),
    (21310, 403, "Signature is invalid!"),
    (21311, 403, "Consumer key is unknown!"),
    (21312, 403, "Consumer key is refused!"),
    (21313, 403, "Consumer key is missing!"),
    (21314, 403, "Token used!"),
    (21315, 403, "Token expired!"),
    (21316, 403, "Token revoked!"),
    (21317, 403, "Token rejected!"),
    (21318, 403, "verifier fail!"),
    (21319, 403, "Accessor was revoked!"),
    (21320, 403, "OAuth2 must use https!"),
    (21321, 403, "applications over the unaudited use restrictions!"),
    (21322, 400, "redirect_uri_mismatch"),
    (21323, 400, "invalid_request"),
    (21324, 400, "invalid_client"),
    (21325, 400, "invalid_grant"),
    (21326, 400, "unauthorized_client"),
    (21327, 403, "expired_token"),
    (21328, 400, "unsupported_grant_type"),
    (21329, 400, "unsupported_response_type"),
    (21330, 400, "access_denied"),
    (21331, 503, "temporarily_unavailable"),
    (21332, 403, "invalid_access_token"),
    (21333, 403, "auth method is forbidden!"),
    (21334, 403, "account state is abnormal!"),
    (21335, 403, "Request uid's value must be the current user uid"),
    (21337, 403, "appkey permission denied"),
    (21338, 403, "sso package or signature is wrong!"),
    (21602, 400, "Contains forbid world!"),
];

/// The error of this number; one that the table does not have is a plain 400.
pub(crate) fn error(code: i64) -> Refusal {
    let known = ERRORS.iter().find(|(known, ..)| *known == code);
    let (_, status, words) = known.copied().unwrap_or((code, 400, "unknown error"));
    Refusal::new(status, &code.to_string(), words)
}

/// With words of its own.
pub(crate) fn error_saying(code: i64, words: impl Into<String>) -> Refusal {
    Refusal { message: words.into(), ..error(code) }
}

/// A parameter is not there, or empty.
pub(crate) fn missing(name: &str) -> Refusal {
    error_saying(10016, format!("miss required parameter ({name}), see doc for more info."))
}

/// A parameter is not what it should be.
pub(crate) fn invalid(name: &str, wanted: &str, found: &str) -> Refusal {
    let words = format!(
        "parameter ({name})'s value invalid,expect ({wanted}), but get ({found}), see doc for more info."
    );
    error_saying(10017, words)
}

/// An error of the OAuth endpoints, with its description.
pub(crate) fn oauth_error(code: i64, description: &str) -> Refusal {
    Refusal { id: Some(description.to_owned()).filter(|words| !words.is_empty()), ..error(code) }
}
