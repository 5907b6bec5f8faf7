//! Who asks. The one place that knows how people prove who they are: bearer tokens now, sessions later.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use juzhen_domain::matrix::Person;

use crate::app::App;
use crate::problem::{Code, Problem};

/// The person behind a request: known to the running settings and active at this moment (F105).
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Person);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Always the same answer: whether a token is unknown, expired or of somebody who left is nobody's business.
        let person = bearer(&parts.headers)
            .and_then(|token| app.options.tokens.person(token))
            .and_then(|id| app.active_person(&id))
            .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        tracing::Span::current().record("person", person.id.as_str());
        Ok(Self(person))
    }
}

/// The token of the one `Authorization` header; two of them are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let usable = !token.is_empty() && token.len() <= 512 && token.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && usable).then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token_of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn only_one_plain_bearer_token_is_taken() {
        assert_eq!(token_of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token_of(&["bearer abc"]).as_deref(), Some("abc"));
        for bad in
            [&["abc"][..], &["Basic abc"], &["Bearer "], &["Bearer a b"], &["Bearer a", "Bearer a"], &[]]
        {
            assert_eq!(token_of(bad), None, "{bad:?}");
        }
    }
}
