//! Secrets as placeholders: an adapter writes `{{secret:NAME}}`, the value is put in on the way out, only towards hosts
//! it is bound to, and taken out of whatever comes back (P11).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use aho_corasick::{AhoCorasick, MatchKind};
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
pub(super) const MASK: &str = "***";
/// Shorter values are not masked: they would blot out ordinary text, and are no secrets.
const SHORTEST_MASKED: usize = 4;

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

fn contains(haystack: &[u8], needle: &str) -> bool {
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
fn percent_encoded(value: &str) -> String {
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

fn json_escaped(value: &str) -> String {
    let quoted = Value::String(value.to_owned()).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// The masks that the last call of each account ended up with: to build one costs more than the rest of a request.
#[derive(Default)]
pub(crate) struct KnownMasks(Mutex<HashMap<String, Masks>>);

impl KnownMasks {
    /// [`Masks::learn`], with what was built before where the values are still the same.
    fn teach<'s>(
        &self,
        account: &str,
        masks: &mut Masks,
        values: impl IntoIterator<Item = &'s Secret> + Clone,
    ) {
        let mut known = lock(&self.0);
        if masks.known.is_empty()
            && let Some(built) = known.get(account)
            && built.is_of(values.clone())
        {
            masks.clone_from(built);
            return;
        }
        masks.learn(values);
        known.insert(account.to_owned(), masks.clone());
    }
}

/// Hides known values wherever they turn up.
#[derive(Clone, Default)]
pub(crate) struct Masks {
    known: Arc<Vec<Secret>>,
    finder: Option<Arc<AhoCorasick>>,
}

impl Masks {
    /// Also remembers the forms in which a platform may repeat a value.
    pub(crate) fn learn<'s>(&mut self, values: impl IntoIterator<Item = &'s Secret>) {
        let new = forms(&self.known, values);
        if new.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.known).extend(new);
        let patterns = self.known.iter().map(Secret::expose);
        let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
        // Only fails beyond millions of patterns; then every answer is hidden whole.
        self.finder = built.ok().map(Arc::new);
    }

    /// Whether it hides these values and nothing else.
    fn is_of<'s>(&self, values: impl IntoIterator<Item = &'s Secret>) -> bool {
        let of = forms(&[], values);
        of.iter().map(Secret::expose).eq(self.known.iter().map(Secret::expose))
    }

    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match (&self.finder, self.known.is_empty()) {
            (_, true) => Cow::Borrowed(text),
            (Some(finder), false) if !finder.is_match(text) => Cow::Borrowed(text),
            (Some(finder), false) => Cow::Owned(finder.replace_all(text, &vec![MASK; self.known.len()])),
            (None, false) => Cow::Borrowed(MASK),
        }
    }

    pub(crate) fn bytes(&self, bytes: &mut Vec<u8>) {
        match (&self.finder, self.known.is_empty()) {
            (_, true) => {}
            (Some(finder), false) if !finder.is_match(&*bytes) => {}
            (Some(finder), false) => *bytes = finder.replace_all_bytes(bytes, &vec![MASK; self.known.len()]),
            (None, false) => *bytes = MASK.as_bytes().to_vec(),
        }
    }
}

/// In which forms a platform may repeat the values, less those that are known.
fn forms<'s>(known: &[Secret], values: impl IntoIterator<Item = &'s Secret>) -> Vec<Secret> {
    let mut new: Vec<Secret> = Vec::new();
    for value in values {
        let plain = value.expose();
        for form in [plain.to_owned(), percent_encoded(plain), json_escaped(plain)] {
            let is_known = known.iter().chain(&new).any(|known| known.expose() == form);
            if form.len() >= SHORTEST_MASKED && !is_known {
                new.push(Secret::new(form));
            }
        }
    }
    new
}

/// What comes from outside must not become a placeholder when an adapter quotes it in its next request.
pub(crate) fn disarm(body: &mut Vec<u8>) {
    const HARMLESS: &str = "{{secret\u{ff1a}";
    // JSON can spell it with escapes, which only a parser sees.
    if contains(body, "\\u00")
        && let Ok(mut json) = serde_json::from_slice::<Value>(body)
        && disarm_json(&mut json, HARMLESS)
        && let Ok(written) = serde_json::to_vec(&json)
    {
        *body = written;
    }
    if contains(body, MARKER)
        && let Ok(finder) = AhoCorasick::new([MARKER])
    {
        *body = finder.replace_all_bytes(body, &[HARMLESS]);
    }
}

fn disarm_json(value: &mut Value, harmless: &str) -> bool {
    match value {
        Value::String(text) if text.contains(MARKER) => {
            *text = text.replace(MARKER, harmless);
            true
        }
        Value::Array(items) => {
            items.iter_mut().fold(false, |found, item| disarm_json(item, harmless) | found)
        }
        Value::Object(fields) => {
            fields.values_mut().fold(false, |found, item| disarm_json(item, harmless) | found)
        }
        _ => false,
    }
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

    #[test]
    fn p11_known_values_are_masked_in_every_form() {
        let mut masks = Masks::default();
        masks.learn([&Secret::new("canary/1 \"x"), &Secret::new("abc")]);
        let text = r#"plain canary/1 "x, form canary%2F1%20%22x, json canary/1 \"x, short abc"#;
        assert_eq!(masks.text(text), "plain ***, form ***, json ***, short abc");
        let mut bytes = b"\xff canary/1 \"x".to_vec();
        masks.bytes(&mut bytes);
        assert_eq!(bytes, b"\xff ***");
    }

    #[test]
    fn p11_masks_of_the_last_call_serve_the_next_one_unless_a_value_is_another_one() {
        let known = KnownMasks::default();
        let learnt = |values: &[Secret]| {
            let mut masks = Masks::default();
            known.teach("W000", &mut masks, values);
            masks
        };
        let (old, new) = (Secret::new("canary-1"), Secret::new("canary-2"));
        let first = learnt(std::slice::from_ref(&old));
        let again = learnt(std::slice::from_ref(&old));
        assert!(Arc::ptr_eq(&first.known, &again.known), "built once");
        let both = learnt(&[old, new.clone()]);
        assert_eq!(both.text("canary-1 canary-2"), "*** ***");
        let only = learnt(&[new]);
        assert_eq!(only.text("canary-1 canary-2"), "canary-1 ***");
    }

    #[test]
    fn p11_an_answer_cannot_smuggle_a_placeholder_in() {
        for body in [r#"{"text":"{{secret:token}}"}"#, r#"{"text":"\u007b\u007bsecret:token}}"}"#] {
            let mut bytes = body.as_bytes().to_vec();
            disarm(&mut bytes);
            let json: Value = serde_json::from_slice(&bytes).unwrap();
            assert!(!json["text"].as_str().unwrap().contains(MARKER), "{json}");
        }
    }
}
