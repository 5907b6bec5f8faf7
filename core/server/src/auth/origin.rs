//! What a browser sends because another site asked it to is refused (C11): a change by cookie comes from our own pages and
//! carries a word that only they know.

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use juzhen_domain::access::session::Form;
use juzhen_domain::hash::FieldHasher;

use super::{Presented, token};
use crate::app::App;
use crate::problem::{Code, Problem};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// Refuses a change by cookie that is not ours. Nothing changes by `GET`, and a program that sets a header itself is asked
/// by nobody else.
pub(crate) fn check(parts: &Parts, app: &App, presented: &Presented) -> Result<(), Problem> {
    if presented.form == Form::Bearer || [Method::GET, Method::HEAD].contains(&parts.method) {
        return Ok(());
    }
    check_site(&parts.headers, app)?;
    let given = parts.headers.get(X_CSRF_TOKEN).map(HeaderValue::as_bytes);
    if given == Some(csrf_token(&token::hash(&presented.token)).as_bytes()) {
        return Ok(());
    }
    Err(Problem::because(Code::CrossSite, "X-CSRF-Token has to be the csrf_token of the session"))
}

/// Refuses what comes from another site. A browser that says nothing at all is not believed.
pub(crate) fn check_site(headers: &HeaderMap, app: &App) -> Result<(), Problem> {
    let settings = app.engine.settings();
    let own = settings.server.public_url.as_deref();
    if is_same(headers, own) {
        return Ok(());
    }
    Err(Problem::because(Code::CrossSite, "Sec-Fetch-Site or Origin has to say that the page is ours"))
}

/// Follows from the session's token, which pages cannot read; theirs they get with the session. `hash` is what is kept of it.
pub(crate) fn csrf_token(hash: &str) -> String {
    let mut hasher = FieldHasher::new("juzhen csrf 1");
    hasher.field(hash.as_bytes());
    hasher.finish().as_str().to_owned()
}

fn is_same(headers: &HeaderMap, own: Option<&str>) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(&SEC_FETCH_SITE)
        && site != "same-origin"
    {
        return false;
    }
    match (text(&ORIGIN), own, text(&HOST)) {
        (Some(origin), Some(own), _) => origin == origin_of(own),
        (Some(origin), None, Some(host)) => {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host)
        }
        (Some(_), None, None) => false,
        (None, ..) => text(&SEC_FETCH_SITE).is_some(),
    }
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> &str {
    let path = url.find("://").and_then(|at| url.get(at + 3..)?.find('/').map(|path| at + 3 + path));
    path.and_then(|path| url.get(..path)).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a26_only_our_own_pages_are_ours() {
        let same = |own, pairs: &[(&str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_static(value));
            }
            is_same(&headers, own)
        };
        let own = Some("https://juzhen.example.gov.cn/console");
        let ours = "https://juzhen.example.gov.cn";
        assert!(same(own, &[("origin", ours), ("sec-fetch-site", "same-origin")]));
        assert!(same(own, &[("origin", ours)]));
        assert!(same(own, &[("sec-fetch-site", "same-origin")]));
        assert!(same(None, &[("host", "127.0.0.1:8460"), ("origin", "http://127.0.0.1:8460")]));
        for pairs in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://juzhen.example.gov.cn.evil.example")],
            &[("origin", "http://juzhen.example.gov.cn")],
            &[("origin", ours), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!same(own, pairs), "{pairs:?}");
        }
        assert!(!same(None, &[("host", "127.0.0.1:8460"), ("origin", "http://127.0.0.1:8461")]));
        assert!(!same(None, &[("origin", "http://127.0.0.1:8460")]));
    }
}
