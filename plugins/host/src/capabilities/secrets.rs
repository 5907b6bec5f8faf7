//! Secrets as placeholders: an adapter writes `{{secret:NAME}}`, the value is put in on the way out, only towards hosts
//! it is bound to (P11). `masks` takes it out of whatever comes back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use juzhen_abi::message::{HostError, HostErrorKind, SecretUse};
use reqwest::Url;
use serde_json::Value;

use super::Capabilities;
use super::egress::{Egress, shown};
use crate::journal::{error, lock};
use crate::ledger_flow::chain;
use crate::ports::{PortError, Secret};
use crate::scope::Scope;

/// What a placeholder begins with.
pub(crate) const MARKER: &str = "{{secret:";
const END: &str = "}}";
/// The same after a form or query encoder.
const ENCODED_MARKER: &str = "%7B%7Bsecret%3A";
const ENCODED_END: &str = "%7D%7D";

/// The secrets of one account that its adapter may name.
pub(crate) struct Vault {
    values: BTreeMap<String, Secret>,
}

/// How a value has to be written where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    /// Query and form bodies.
    Percent,
    /// Inside a JSON string.
    Json,
}

impl Vault {
    /// Reads every declared secret, so that each is masked even where only the platform mentions it.
    pub(crate) async fn open(scope: &Scope, capabilities: &Capabilities) -> Result<Self, HostError> {
        let secrets = capabilities.ports.secrets.as_ref();
        let mut values = BTreeMap::new();
        for declared in &scope.manifest.secrets {
            let value = secrets.get(&scope.account, &declared.name).await.map_err(|e| unreadable(&e))?;
            if let Some(value) = value {
                values.insert(declared.name.clone(), value);
            }
        }
        if let Some(signing_in) = &scope.signing_in {
            values.extend(signing_in.captured());
        }
        capabilities.masks.teach(&scope.account, &mut lock(&scope.masks), values.values());
        Ok(Self { values })
    }

    /// Puts the values in. `url` is where they would go.
    pub(crate) fn fill<'t>(
        &self,
        scope: &Scope,
        text: &'t str,
        encoding: Encoding,
        url: &Url,
    ) -> Result<Cow<'t, str>, HostError> {
        let text = match encoding {
            Encoding::Percent if text.contains(ENCODED_MARKER) => {
                Cow::Owned(text.replace(ENCODED_MARKER, MARKER).replace(ENCODED_END, END))
            }
            _ => Cow::Borrowed(text),
        };
        replace(text, |name| {
            let value = self.value(scope, name)?;
            bound_to(scope, name, url)?;
            Ok(encode(value.expose(), encoding).into_owned())
        })
    }

    /// The value of a placeholder, for signing.
    pub(crate) fn value(&self, scope: &Scope, name: &str) -> Result<&Secret, HostError> {
        let denied = |why: String| Err(error(HostErrorKind::Denied, why));
        if scope.spells_placeholder {
            return denied(format!("the text to be sent contains `{MARKER}`; remove it and try again"));
        }
        declared(scope, name)?;
        let Some(value) = self.values.get(name) else {
            return denied(format!("account {} has no value for the secret `{name}`", scope.account));
        };
        lock(&scope.used).insert(name.to_owned(), value.clone());
        Ok(value)
    }
}

/// Whether `text` names a secret.
pub(crate) fn names_a_secret(text: &[u8]) -> bool {
    contains(text, MARKER) || contains(text, ENCODED_MARKER)
}

/// Replaces each placeholder by what `value` gives for its name.
pub(crate) fn replace<'t>(
    text: Cow<'t, str>,
    mut value: impl FnMut(&str) -> Result<String, HostError>,
) -> Result<Cow<'t, str>, HostError> {
    if !text.contains(MARKER) {
        return Ok(text);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some((before, after)) = rest.split_once(MARKER) {
        let Some((name, after)) = after.split_once(END) else {
            return Err(error(HostErrorKind::BadRequest, format!("`{MARKER}` without `{END}`")));
        };
        filled.push_str(before);
        filled.push_str(&value(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(Cow::Owned(filled))
}

/// Whether the manifest declares the secret.
pub(crate) fn declared<'s>(scope: &'s Scope, name: &str) -> Result<&'s SecretUse, HostError> {
    let why = || error(HostErrorKind::Denied, format!("secret `{name}` is not in the adapter's manifest"));
    scope.manifest.secrets.iter().find(|secret| secret.name == name).ok_or_else(why)
}

fn bound_to(scope: &Scope, name: &str, url: &Url) -> Result<(), HostError> {
    let declared = declared(scope, name)?;
    let bound = declared.hosts.is_empty() || {
        Egress::new(&declared.hosts, &scope.settings, scope.egress.allows_private()).names(url)
    };
    if bound {
        return Ok(());
    }
    Err(error(HostErrorKind::Denied, format!("secret `{name}` is not bound to host {}", shown(url))))
}

fn unreadable(cause: &PortError) -> HostError {
    error(HostErrorKind::Failed, format!("secrets: {}", chain(cause)))
}

pub(super) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn encode(value: &str, encoding: Encoding) -> Cow<'_, str> {
    match encoding {
        Encoding::Plain => Cow::Borrowed(value),
        Encoding::Percent => Cow::Owned(percent_encoded(value)),
        Encoding::Json => Cow::Owned(json_escaped(value)),
    }
}

/// Everything but RFC 3986's unreserved characters, so that it is right in a query and in a form.
pub(super) fn percent_encoded(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _infallible = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

pub(super) fn json_escaped(value: &str) -> String {
    let quoted = Value::String(value.to_owned()).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, HostError> {
        replace(Cow::Borrowed(text), |name| Ok(format!("<{name}>"))).map(Cow::into_owned)
    }

    #[test]
    fn placeholders_are_replaced_wherever_they_stand() {
        assert_eq!(filled("Bearer {{secret:token}}").unwrap(), "Bearer <token>");
        assert_eq!(filled("a={{secret:a}}&b={{secret:b}}!").unwrap(), "a=<a>&b=<b>!");
        assert_eq!(filled("nothing").unwrap(), "nothing");
        assert_eq!(filled("{{secret:open").unwrap_err().kind, HostErrorKind::BadRequest);
    }

    #[test]
    fn a_value_is_written_as_its_place_needs_it() {
        assert_eq!(encode("a b&c=中", Encoding::Percent), "a%20b%26c%3D%E4%B8%AD");
        assert_eq!(encode("a\"b\\", Encoding::Json), "a\\\"b\\\\");
    }
}
