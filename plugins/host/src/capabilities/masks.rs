//! What comes back from outside is cleaned before an adapter sees it: values of secrets are hidden, and nothing in it can
//! become a placeholder (P11).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde_json::Value;

use super::secrets::{MARKER, contains};
use crate::journal::lock;
use crate::ports::Secret;

pub(super) const MASK: &str = "***";
/// Shorter values are not masked: they would blot out ordinary text, and are no secrets.
const SHORTEST_MASKED: usize = 4;
/// Accounts whose masks are kept. With more of them the memory would grow with accounts that ask once an hour.
const MOST_KNOWN: usize = 1_024;

/// The masks that the last call of each account ended up with: to build one costs more than the rest of a request.
#[derive(Default)]
pub(crate) struct KnownMasks(Mutex<HashMap<String, Masks>>);

impl KnownMasks {
    /// [`Masks::learn`], with what was built before where the values are still the same.
    pub(super) fn teach<'s>(
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
        if known.len() >= MOST_KNOWN && !known.contains_key(account) {
            known.clear();
        }
        known.insert(account.to_owned(), masks.clone());
    }
}

/// Hides known values wherever they turn up.
#[derive(Clone, Default)]
pub(crate) struct Masks {
    /// As they are given, each once.
    values: Arc<Vec<Secret>>,
    /// In every form that is looked for.
    known: Arc<Vec<Secret>>,
    finder: Option<Arc<AhoCorasick>>,
}

impl Masks {
    /// Also remembers the forms in which a platform may repeat a value.
    pub(crate) fn learn<'s>(&mut self, values: impl IntoIterator<Item = &'s Secret>) {
        let values = without(&self.values, values);
        let new = forms(&self.known, &values);
        Arc::make_mut(&mut self.values).extend(values);
        if new.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.known).extend(new);
        let patterns = self.known.iter().map(Secret::expose);
        // The default for so few patterns, a table of all states, has eight times the size, and each account has its own.
        let built = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns);
        // Only fails beyond millions of patterns; then every answer is hidden whole.
        self.finder = built.ok().map(Arc::new);
    }

    /// Whether it hides these values and nothing else.
    fn is_of<'s>(&self, values: impl IntoIterator<Item = &'s Secret>) -> bool {
        without(&[], values).iter().map(Secret::expose).eq(self.values.iter().map(Secret::expose))
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

/// Those that are not known yet, each once.
fn without<'s>(known: &[Secret], values: impl IntoIterator<Item = &'s Secret>) -> Vec<Secret> {
    let mut new: Vec<Secret> = Vec::new();
    for value in values {
        if !known.iter().chain(&new).any(|known| known.expose() == value.expose()) {
            new.push(value.clone());
        }
    }
    new
}

/// In which forms a platform may repeat the values, less those that are known.
fn forms(known: &[Secret], values: &[Secret]) -> Vec<Secret> {
    let spelled: Vec<Secret> = values.iter().flat_map(Secret::spellings).collect();
    let long = spelled.iter().filter(|form| form.expose().len() >= SHORTEST_MASKED);
    without(known, long)
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
    fn masks_stay_small_whatever_the_number_of_accounts() {
        let known = KnownMasks::default();
        let mut size = 0;
        for account in 0..MOST_KNOWN * 2 + 1 {
            let mut masks = Masks::default();
            known.teach(&format!("W{account}"), &mut masks, [&Secret::new(format!("{account:064}"))]);
            size = masks.finder.unwrap().memory_usage();
        }
        assert_eq!(lock(&known.0).len(), 1, "begun anew when it was full");
        assert!(size < 16 * 1024, "{size} bytes for one secret");
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
