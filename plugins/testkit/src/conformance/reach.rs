//! Where an adapter may send what: hosts and secrets, as its manifest declares them. The daemon enforces the same.

use juzhen_abi::message::{HttpRequest, Manifest, Part};
use serde_json::{Map, Value};

const PLACEHOLDER: &str = "{{secret:";
/// The same in a form or a query that was encoded as a whole.
const ENCODED: &str = "%7B%7Bsecret%3A";

/// The host of the address, when the manifest does not name it.
pub(super) fn strange_host(manifest: &Manifest, settings: &Map<String, Value>, url: &str) -> Option<String> {
    let host = host_of(url);
    (!names(&manifest.egress, settings, host)).then(|| host.to_owned())
}

/// Each secret that the request names and must not send there, with the reason.
pub(super) fn misused_secrets(
    manifest: &Manifest,
    settings: &Map<String, Value>,
    head: &HttpRequest,
    body: &[u8],
) -> Vec<String> {
    let host = host_of(&head.url);
    let body = String::from_utf8_lossy(body);
    let texts = head.parts.iter().filter_map(|part| match part {
        Part::Text { value, .. } => Some(value.as_str()),
        Part::Blob { .. } => None,
    });
    let texts = texts.chain(head.headers.iter().map(|(_, value)| value.as_str()));
    let captured =
        head.capture.iter().map(|capture| &capture.secret).filter(|name| !declares(manifest, name));
    let captured = captured.map(|name| format!("{name}, which the manifest does not name, is captured"));
    let named = texts.chain([head.url.as_str(), &body]).flat_map(secrets_in);
    let why = |name: &String| match manifest.secrets.iter().find(|secret| secret.name == *name) {
        None => Some(format!("{name}, which the manifest does not name")),
        Some(secret) if !secret.hosts.is_empty() && !names(&secret.hosts, settings, host) => {
            Some(format!("{name} to {host}, to which the manifest does not bind it"))
        }
        Some(_) => None,
    };
    named.filter_map(|name| why(&name)).chain(captured).collect()
}

pub(super) fn declares(manifest: &Manifest, secret: &str) -> bool {
    manifest.secrets.iter().any(|declared| declared.name == secret)
}

/// The names in the placeholders of a text.
pub(super) fn secrets_in(text: &str) -> Vec<String> {
    [(PLACEHOLDER, "}}"), (ENCODED, "%7D%7D")]
        .iter()
        .flat_map(|&(begin, end)| text.split(begin).skip(1).filter_map(move |rest| rest.split_once(end)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Host and port, without the port that `https` has anyway.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A user name before the host is no host.
    let host = host.rsplit('@').next().unwrap_or_default();
    if url.starts_with("https://") { host.strip_suffix(":443").unwrap_or(host) } else { host }
}

fn names(patterns: &[String], settings: &Map<String, Value>, host: &str) -> bool {
    patterns.iter().any(|pattern| {
        if let Some(setting) = pattern.strip_prefix("setting:") {
            return settings.get(setting).and_then(Value::as_str).is_some_and(|url| host_of(url) == host);
        }
        match pattern.strip_prefix("*.") {
            Some(below) => host.strip_suffix(below).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            None => pattern == host,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        serde_json::from_value(json!({
            "name": "a", "version": "1", "platform": "a",
            "egress": ["api.a.test", "*.up.a.test", "setting:base_url"],
            "secrets": [{ "name": "token" }, { "name": "key", "hosts": ["api.a.test"] }],
        }))
        .unwrap()
    }

    fn settings() -> Map<String, Value> {
        json!({ "base_url": "http://p.test:8080/x" }).as_object().unwrap().clone()
    }

    #[test]
    fn only_hosts_of_the_manifest_are_reached() {
        for (url, strange) in [
            ("https://api.a.test/1?x", None),
            ("https://api.a.test:443/1", None),
            ("https://1.up.a.test/", None),
            ("https://up.a.test/", Some("up.a.test")),
            ("http://p.test:8080/y", None),
            ("http://p.test/y", Some("p.test")),
            ("https://api.a.test@evil.test/", Some("evil.test")),
        ] {
            assert_eq!(strange_host(&manifest(), &settings(), url).as_deref(), strange, "{url}");
        }
    }

    #[test]
    fn a_secret_goes_only_where_it_is_bound() {
        let misused = |url: &str, body: &str| {
            let head = HttpRequest { url: url.into(), ..HttpRequest::default() };
            misused_secrets(&manifest(), &settings(), &head, body.as_bytes())
        };
        assert!(misused("https://api.a.test/?t={{secret:token}}", "k=%7B%7Bsecret%3Akey%7D%7D").is_empty());
        assert_eq!(misused("http://p.test:8080/", "{{secret:key}}").len(), 1);
        assert_eq!(misused("https://api.a.test/", "{{secret:other}}").len(), 1);
    }
}
