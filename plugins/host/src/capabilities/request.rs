//! A request as the adapter asks for it, its secrets still placeholders: whether it may be sent, whether it can change
//! something, and how it is known again.

use juzhen_abi::message::{Declined, Effect, HostError, HostErrorKind, HttpRequest, Part};
use juzhen_abi::pack;
use reqwest::header::HeaderName;
use reqwest::{Method, Url};
use sha2::{Digest, Sha256};

use super::bad_request;
use super::secrets::{declared, names_a_secret};
use crate::hex::to_hex;
use crate::journal::error;
use crate::ports::{EffectKind, Intent};
use crate::scope::{Scope, sha256_hex};

/// One that may be sent.
pub(crate) struct Checked {
    pub(super) head: HttpRequest,
    pub(super) body: Vec<u8>,
    pub(super) method: Method,
    /// Without its query.
    pub(super) url: Url,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(HeaderName, String)>,
}

impl Checked {
    /// `None` for a request that changes nothing.
    pub(super) fn kind(&self) -> Option<EffectKind> {
        match &self.head.effect {
            Effect::Safe => None,
            Effect::ByMethod if matches!(self.method, Method::GET | Method::HEAD) => None,
            Effect::ByMethod | Effect::Mutating => Some(EffectKind::Mutating),
            Effect::Idempotent(key) => Some(EffectKind::Idempotent { key: key.clone() }),
        }
    }

    /// What a 2xx says when it is a no.
    pub(crate) fn declined(&self) -> Option<Declined> {
        self.head.declined.clone()
    }

    pub(super) fn intent(&self, scope: &Scope, kind: EffectKind) -> Intent {
        let body_sha256 = self.body_hash();
        Intent {
            call: scope.call.clone(),
            attempt: scope.attempt,
            occurrence: 0,
            fingerprint: self.fingerprint(&body_sha256),
            kind,
            method: self.method.to_string(),
            url: self.shown_url(),
            body_sha256,
            account: scope.account.clone(),
            adapter: scope.manifest.name.clone(),
            adapter_sha256: scope.adapter.sha256.clone(),
        }
    }

    fn shown_url(&self) -> String {
        self.query.as_ref().map_or_else(|| self.url.to_string(), |query| format!("{}?{query}", self.url))
    }

    /// Of what the adapter asked for: form boundaries, which differ each time, are not part of it.
    fn body_hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        for part in &self.head.parts {
            match part {
                Part::Text { name, value } => [name, value].into_iter().for_each(|text| add(text.as_bytes())),
                Part::Blob { name, blob, filename, mime } => {
                    [name, blob, filename, mime].into_iter().for_each(|text| add(text.as_bytes()));
                }
            }
        }
        if self.head.parts.is_empty() && self.head.body_blob.is_none() {
            return sha256_hex(&self.body);
        }
        if let Some(blob) = &self.head.body_blob {
            add(blob.as_bytes());
        }
        to_hex(&hash.finalize())
    }

    fn fingerprint(&self, body_sha256: &str) -> String {
        // They may differ between two runs without the request meaning anything else.
        const VARYING: &[&str] = &["date", "traceparent", "tracestate", "user-agent", "x-request-id"];
        let mut headers: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| !VARYING.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        headers.sort_unstable();
        let text = format!("{} {}\n{}\n\n{body_sha256}", self.method, self.shown_url(), headers.join("\n"));
        sha256_hex(text.as_bytes())
    }

    pub(super) fn content_type(&self) -> &str {
        let is_content_type = |(name, _): &&(HeaderName, String)| *name == reqwest::header::CONTENT_TYPE;
        self.headers.iter().find(is_content_type).map_or("", |(_, value)| value.as_str())
    }
}

/// Reads a packed request and checks all that can be checked before anything waits.
pub(super) fn check(scope: &Scope, request: &[u8]) -> Result<Checked, HostError> {
    let (head, body) = pack::split(request).map_err(|e| bad_request(e.to_string()))?;
    let head: HttpRequest =
        serde_json::from_slice(head).map_err(|e| bad_request(format!("http.send: {e}")))?;
    let bodies = [!body.is_empty(), !head.parts.is_empty(), head.body_blob.is_some()];
    if bodies.iter().filter(|&&given| given).count() > 1 {
        return Err(bad_request("more than one of body, parts and body_blob"));
    }
    if matches!(&head.effect, Effect::Idempotent(key) if key.is_empty()) {
        return Err(bad_request("an idempotent request needs a key"));
    }
    head.capture.iter().try_for_each(|capture| declared(scope, &capture.secret).map(|_| ()))?;
    let method = Method::from_bytes(head.method.to_ascii_uppercase().as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| bad_request(format!("`{}` is not a method", head.method)))?;
    let (url, query) = address(&head.url)?;
    scope.egress.check(&url).map_err(|why| error(HostErrorKind::Denied, why))?;
    let headers = head.headers.iter().map(header).collect::<Result<_, _>>()?;
    Ok(Checked { method, url, query, headers, body: body.to_vec(), head })
}

/// Splits the query off, because only there a placeholder may stand.
fn address(text: &str) -> Result<(Url, Option<String>), HostError> {
    let text = text.split_once('#').map_or(text, |(before, _fragment)| before);
    let (base, query) = match text.split_once('?') {
        Some((base, query)) => (base, Some(query.to_owned())),
        None => (text, None),
    };
    if names_a_secret(base.as_bytes()) {
        return Err(bad_request("a secret may stand in the query of an address, not before it"));
    }
    let url = Url::parse(base).map_err(|e| bad_request(format!("the address is not a URL: {e}")))?;
    Ok((url, query))
}

fn header((name, value): &(String, String)) -> Result<(HeaderName, String), HostError> {
    const OURS: &[&str] = &[
        "host",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "cookie",
    ];
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| bad_request(format!("`{}` is not a header name", name.escape_default())))?;
    if OURS.contains(&parsed.as_str()) {
        return Err(bad_request(format!("the header `{parsed}` is the host's to set")));
    }
    Ok((parsed, value.clone()))
}
