//! `Idempotency-Key`: a change that is sent again has its effect once (promise P21).

use axum::http::{HeaderMap, HeaderName, Method};
use jiff::Timestamp;
use juzhen_domain::hash::hex;
use juzhen_domain::id::PersonId;
use juzhen_store::Once;
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of an earlier request.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const MOST_CHARACTERS: usize = 200;

/// The key of a request, or none. It belongs to the person: the key of somebody else is another key.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let plain = |key: &&str| {
        !key.is_empty() && key.len() <= MOST_CHARACTERS && key.bytes().all(|b| b.is_ascii_graphic())
    };
    match (value.to_str().ok().filter(plain), values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => {
            let detail =
                format!("Idempotency-Key has to be 1 to {MOST_CHARACTERS} visible ASCII characters, once");
            Err(Problem::because(Code::InvalidHeader, detail))
        }
    }
}

/// What the store keeps to recognise the same request.
pub(crate) fn once(
    person: &PersonId,
    key: String,
    request: (&Method, &str),
    body: &[u8],
    at: Timestamp,
) -> Once {
    let (method, path) = request;
    let mut hasher = Sha256::new();
    for part in [method.as_str().as_bytes(), path.as_bytes(), body] {
        // Each with its length, so that no boundary can be moved.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Once { person: person.clone(), key, request_sha256: hex(&hasher.finalize()), at }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(value: &str) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
        key(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn a24_a_key_is_short_and_visible() {
        assert_eq!(of("0f8e-1"), Ok(Some("0f8e-1".into())));
        assert_eq!(of(&"k".repeat(200)), Ok(Some("k".repeat(200))));
        for bad in ["", " ", "a b", &"k".repeat(201), &"k".repeat(1024)] {
            assert_eq!(of(bad), Err(Code::InvalidHeader), "{bad:?}");
        }
        let mut two = HeaderMap::new();
        two.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        two.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert!(key(&two).is_err());
    }

    #[test]
    fn a24_another_request_is_recognised() {
        let at = Timestamp::UNIX_EPOCH;
        let of = |method: Method, path, body: &str| {
            once(&"p".into(), "k".into(), (&method, path), body.as_bytes(), at).request_sha256
        };
        let first = of(Method::POST, "/a", "{}");
        assert_eq!(first, of(Method::POST, "/a", "{}"));
        for other in
            [of(Method::PUT, "/a", "{}"), of(Method::POST, "/a{", "}"), of(Method::POST, "/a", "{ }")]
        {
            assert_ne!(first, other);
        }
    }
}
