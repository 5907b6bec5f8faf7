//! The token of a request: in the one `Authorization` header, or in the one cookie.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderValue};
use juzhen_domain::access::session::Form;

/// The cookie where browsers reach the daemon by https: bound to this host and to the whole of it (C10).
const SECURE: &str = "__Host-juzhen";
/// Where they reach it in clear, which is this machine alone.
const PLAIN: &str = "juzhen";
const LONGEST: usize = 512;

/// A token, and how it came.
#[derive(Clone)]
pub(crate) struct Presented {
    pub(crate) token: String,
    pub(crate) form: Form,
}

impl Presented {
    /// One of the two and only one: whoever adds a second is up to something (A27).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let (bearer, cookie) = (headers.contains_key(AUTHORIZATION), cookies(headers));
        let (token, form) = match (bearer, cookie.as_slice()) {
            (true, []) => (bearer_of(headers)?, Form::Bearer),
            (false, [one]) => (*one, Form::Cookie),
            _ => return None,
        };
        let usable =
            !token.is_empty() && token.len() <= LONGEST && token.bytes().all(|b| b.is_ascii_graphic());
        usable.then(|| Self { token: token.to_owned(), form })
    }
}

/// Two headers are none.
fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The values of every cookie of ours.
fn cookies(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| [SECURE, PLAIN].contains(name)).map(|(_, value)| value).collect()
}

/// The header that gives it to a browser, or takes it back.
pub(crate) fn cookie(token: Option<&str>, is_secure: bool) -> Option<HeaderValue> {
    let (name, secure) = if is_secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    let (value, end) = token.map_or(("", "; Max-Age=0"), |token| (token, ""));
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{end}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(bearer: &[&str], cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in bearer {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        for value in cookies {
            headers.append(COOKIE, HeaderValue::from_str(value).unwrap());
        }
        Presented::of(&headers).map(|presented| format!("{:?} {}", presented.form, presented.token))
    }

    #[test]
    fn only_one_plain_bearer_token_is_taken() {
        assert_eq!(token_of(&["Bearer abc"], &[]).as_deref(), Some("Bearer abc"));
        assert_eq!(token_of(&["bearer abc"], &[]).as_deref(), Some("Bearer abc"));
        for bad in
            [&["abc"][..], &["Basic abc"], &["Bearer "], &["Bearer a b"], &["Bearer a", "Bearer a"], &[]]
        {
            assert_eq!(token_of(bad, &[]), None, "{bad:?}");
        }
    }

    #[test]
    fn a27_one_cookie_is_taken_and_two_or_one_beside_a_header_are_none() {
        assert_eq!(token_of(&[], &["a=b; __Host-juzhen=abc"]).as_deref(), Some("Cookie abc"));
        assert_eq!(token_of(&[], &["juzhen=abc", "other=x"]).as_deref(), Some("Cookie abc"));
        assert_eq!(token_of(&[], &["juzhen=abc; juzhen=abd"]), None);
        assert_eq!(token_of(&[], &["__Host-juzhen=abc", "juzhen=abd"]), None);
        assert_eq!(token_of(&["Bearer abc"], &["juzhen=abc"]), None);
        assert_eq!(token_of(&[], &["xjuzhen=abc"]), None);
    }

    #[test]
    fn c10_the_cookie_is_the_browsers_alone() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        let given = text(cookie(Some("t"), true));
        assert_eq!(given, "__Host-juzhen=t; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert!(text(cookie(None, false)).ends_with("; Max-Age=0"));
    }
}
