//! The daemon's own way out, for what it tells people: the same client as the adapters', to one address of the settings.
//!
//! Whoever may write the settings may name an address of the intranet, so private addresses are allowed; what is told is
//! for that address alone, so it goes over TLS, or to this very machine.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use sha2::Sha256;

use crate::capabilities::client::{Body, HttpClient, Outgoing, Transport as _};
use crate::hex::to_hex;
use crate::options::EgressOptions;
use crate::ports::Secret;

/// No receiver takes longer to say that it has a message.
const WITHIN: Duration = Duration::from_secs(10);

/// Sends messages of the daemon.
pub struct Outlet(HttpClient);

/// Why a message is not known to have arrived. Nothing of the address's query or of the secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
    #[error("{0}")]
    Address(String),
    #[error("the address or a header cannot be written")]
    Unwritable,
    #[error("answered {0}")]
    Answered(u16),
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl Outlet {
    /// # Errors
    /// When no TLS can be set up.
    pub fn new() -> Result<Self, NotDelivered> {
        let egress = EgressOptions {
            allow_private: true,
            response_bytes: 64 << 10,
            total: WITHIN,
            ..EgressOptions::default()
        };
        HttpClient::new(&egress).map(Self).map_err(NotDelivered::Client)
    }

    /// Posts JSON once. Any 2xx says that it arrived; a redirect is not followed.
    ///
    /// # Errors
    /// When it is not known to have arrived.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<(), NotDelivered> {
        check(url).map_err(|why| NotDelivered::Address(why.to_owned()))?;
        let url = Url::parse(url).map_err(|_| NotDelivered::Unwritable)?;
        let mut written =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| NotDelivered::Unwritable)?;
            written.insert(HeaderName::from_static(name), value);
        }
        let body = Body::Bytes(body);
        let outgoing = Outgoing { method: Method::POST, url, headers: written, body, timeout: WITHIN };
        // A connection of its own: a kept one may be dead, and then it would be tried again for nothing.
        let answer = self.0.send(outgoing, false).await;
        match answer.failure {
            None if matches!(answer.status, 200..=299) => Ok(()),
            None => Err(NotDelivered::Answered(answer.status)),
            Some(failure) => Err(NotDelivered::NoAnswer(failure.message)),
        }
    }
}

/// Why messages cannot be sent to this address, if so: `https`, or `http` to this machine; without a user name.
///
/// # Errors
/// In words for people.
pub fn check(url: &str) -> Result<(), &'static str> {
    let Ok(url) = Url::parse(url) else { return Err("it is no address") };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err("no user name in an address"),
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err("use https, or http to this machine"),
    }
}

/// HMAC-SHA256 over a message, lower-case hexadecimal, by which a receiver knows who sent it.
pub fn signature(secret: &Secret, message: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(message);
    Some(to_hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_over_tls_or_to_this_machine() {
        for good in
            ["https://hooks.example.com/x", "https://10.1.2.3/x", "http://127.0.0.1:9/x", "http://[::1]:9/"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in
            ["http://hooks.example.com/x", "http://10.1.2.3/x", "https://u:p@h/x", "ftp://h/", "hooks", ""]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn a_signature_is_hmac_sha256() {
        let secret = Secret::new("Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(&secret, b"what do ya want for nothing?").unwrap(), expected);
    }
}
