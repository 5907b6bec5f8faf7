//! What Weibo knows beside the ledger: apps, people, tokens, and of each post what the ledger has no word for.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::comments::Comment;
use super::limits::Counters;
use super::seed::{Account, App, Seed, Token};
use super::text::base62_digit;
use crate::faults::AsyncOutcome;

pub(crate) struct State {
    apps: Vec<Arc<App>>,
    people: HashMap<String, Person>,
    tokens: HashMap<String, Granted>,
    /// Codes that were given out: for whom. Used ones stay, with nobody.
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) illegal_words: Vec<String>,
    /// By the number of the effect.
    pub(crate) details: HashMap<u64, Details>,
    /// Numbers of the posts that name somebody, by name, oldest first.
    pub(crate) mentions: HashMap<String, Vec<u64>>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) counters: Counters,
    pub(crate) reviews: Vec<Review>,
    /// What each short address stands for.
    pub(crate) links: HashMap<String, String>,
    pub(crate) pictures: HashMap<String, usize>,
    pub(crate) contacts: HashMap<(String, String), Contact>,
    given: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) verified_reason: Option<String>,
    pub(crate) statuses: u64,
    /// By uid.
    pub(crate) follows: Vec<String>,
}

/// A token.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) app: Arc<App>,
    pub(crate) uid: String,
    /// Unix seconds.
    pub(crate) created: i64,
    pub(crate) expires: i64,
    pub(crate) revoked: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Code {
    For { uid: String, app: String, redirect_uri: String },
    Used,
}

/// Of a post.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    pub(crate) app: Option<Arc<App>>,
    pub(crate) visible: u8,
    pub(crate) annotations: Option<Value>,
    pub(crate) is_long: bool,
    pub(crate) pictures: Vec<String>,
    /// Short addresses in it.
    pub(crate) links: Vec<String>,
    /// Posts that forward it.
    pub(crate) reposts: Vec<u64>,
    /// A list of mentions has shown it to whom it names.
    pub(crate) seen: bool,
}

/// A post that people at Weibo look at before the public does.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) number: u64,
    pub(crate) polls: u32,
    /// Unix milliseconds.
    pub(crate) not_before: i64,
    pub(crate) outcome: AsyncOutcome,
}

/// What a citizen did last that opens the private messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contact {
    /// Unix milliseconds.
    pub(crate) at: i64,
    /// Answers left; absent: any number.
    pub(crate) left: Option<u32>,
}

impl State {
    pub(crate) fn new(seed: &Seed, now_ms: i64) -> Self {
        let mut state = Self {
            apps: seed.apps.iter().cloned().map(Arc::new).collect(),
            people: HashMap::new(),
            tokens: HashMap::new(),
            codes: HashMap::new(),
            illegal_words: seed.illegal_words.clone(),
            details: HashMap::new(),
            mentions: HashMap::new(),
            comments: Vec::new(),
            counters: Counters::default(),
            reviews: Vec::new(),
            links: HashMap::new(),
            pictures: HashMap::new(),
            contacts: HashMap::new(),
            given: 0,
        };
        for account in &seed.accounts {
            state.know(account, now_ms);
        }
        state
    }

    /// Adds an account, or takes over its new name and its further tokens.
    pub(crate) fn know(&mut self, account: &Account, now_ms: i64) {
        let Account { uid, name, verified_reason, follows, tokens } = account;
        let statuses = self.people.get(uid).map_or(0, |known| known.statuses);
        let (verified_reason, follows) = (verified_reason.clone(), follows.clone());
        let person = Person { name: name.clone(), verified_reason, statuses, follows };
        self.people.insert(uid.clone(), person);
        for Token { app, token, expires_in_s } in tokens {
            let Some(app) = self.app(app) else { continue };
            let created = now_ms / 1_000;
            let expires = created.saturating_add(expires_in_s.unwrap_or_else(|| app.token_life(uid)));
            let granted = Granted { app, uid: uid.clone(), created, expires, revoked: false };
            self.tokens.insert(token.clone(), granted);
        }
    }

    pub(crate) fn app(&self, key: &str) -> Option<Arc<App>> {
        self.apps.iter().find(|app| app.key == key).cloned()
    }

    pub(crate) fn apps(&self) -> &[Arc<App>] {
        &self.apps
    }

    /// The app that private messages are pushed to.
    pub(crate) fn pushed_app(&self) -> Option<Arc<App>> {
        self.apps.iter().find(|app| app.push_url.is_some()).or(self.apps.first()).cloned()
    }

    /// Somebody whom nothing names has a name all the same.
    pub(crate) fn person(&self, uid: &str) -> Person {
        let unnamed =
            || Person {
                name: format!("用户{uid}"), verified_reason: None, statuses: 0, follows: Vec::new()
            };
        self.people.get(uid).cloned().unwrap_or_else(unnamed)
    }

    pub(crate) fn person_mut(&mut self, uid: &str) -> &mut Person {
        let unnamed = self.person(uid);
        self.people.entry(uid.to_owned()).or_insert(unnamed)
    }

    pub(crate) fn uid_named(&self, name: &str) -> Option<String> {
        self.people.iter().find(|(_, person)| person.name == name).map(|(uid, _)| uid.clone())
    }

    /// Everybody, by uid.
    pub(crate) fn people(&self) -> Vec<(&str, &Person)> {
        let mut people: Vec<_> = self.people.iter().map(|(uid, person)| (uid.as_str(), person)).collect();
        people.sort_by_key(|(uid, _)| *uid);
        people
    }

    pub(crate) fn token(&self, token: &str) -> Option<&Granted> {
        self.tokens.get(token)
    }

    pub(crate) fn token_mut(&mut self, token: &str) -> Option<&mut Granted> {
        self.tokens.get_mut(token)
    }

    pub(crate) fn tokens_of(&mut self, uid: &str) -> impl Iterator<Item = &mut Granted> {
        self.tokens.values_mut().filter(move |granted| granted.uid == uid)
    }

    /// Whether this account has authorised the app, ever.
    pub(crate) fn has_authorised(&self, uid: &str, app: &App) -> bool {
        self.tokens.values().any(|granted| granted.uid == uid && granted.app.key == app.key)
    }

    /// A new token; the ones before stay good until they expire.
    pub(crate) fn grant(&mut self, app: Arc<App>, uid: &str, now_ms: i64) -> (String, Granted) {
        let token = format!("2.00{}", self.drawn(28, now_ms));
        let created = now_ms / 1_000;
        let expires = created.saturating_add(app.token_life(uid));
        let granted = Granted { app, uid: uid.to_owned(), created, expires, revoked: false };
        self.tokens.insert(token.clone(), granted.clone());
        self.person_mut(uid);
        (token, granted)
    }

    /// Characters that nobody was given before.
    pub(crate) fn drawn(&mut self, length: usize, now_ms: i64) -> String {
        self.given += 1;
        let hash = Sha256::digest(format!("{now_ms} {}", self.given).as_bytes());
        hash.iter().take(length).map(|byte| base62_digit(u64::from(*byte) % 62)).collect()
    }

    /// The same as 32 hexadecimal digits.
    pub(crate) fn drawn_hex(&mut self, now_ms: i64) -> String {
        self.drawn(16, now_ms).bytes().map(|byte| format!("{byte:02x}")).collect()
    }
}
