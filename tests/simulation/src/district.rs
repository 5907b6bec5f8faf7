//! The district of the simulation: an office, three units, accounts on three kinds of platform, routes that forward; in a
//! few variants between which the people switch while things are under way.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use juzhen_engine::Files;
use juzhen_settings::{Installed, Loader, Report, Settings};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// (id, unit, platform).
pub(crate) const ACCOUNTS: [(&str, &str, &str); 6] = [
    ("W0", "OFFICE", "weibo"),
    ("W1", "D01", "weibo"),
    ("W2", "D02", "weibo"),
    ("X0", "OFFICE", "wechat"),
    ("X1", "D01", "wechat"),
    ("M0", "OFFICE", "mock"),
];
pub(crate) const UNITS: [&str; 3] = ["OFFICE", "D01", "D02"];
/// As it should be; W2 is gone; W1 is paused; other routes; a file with a fault.
pub(crate) const VARIANTS: usize = 5;

type Checked = Result<Arc<Settings>, Report>;

/// The files of every daemon of one world.
pub(crate) struct Memory {
    variant: AtomicUsize,
    /// In place of any variant.
    shown: Mutex<Option<Arc<Settings>>>,
    changed: Notify,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { variant: AtomicUsize::new(0), shown: Mutex::default(), changed: Notify::new() })
    }

    pub(crate) fn switch(&self, variant: usize) {
        self.variant.store(variant % VARIANTS, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Shows these files from now on; nobody is told.
    #[cfg(test)]
    pub(crate) fn show(&self, settings: Arc<Settings>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
    }

    pub(crate) fn variant(&self) -> usize {
        self.variant.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Files for Memory {
    async fn settings(&self, _installed: Option<Installed>) -> Checked {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        shown.map_or_else(|| variant(self.variant()), Ok)
    }

    fn kept(&self, sources: BTreeMap<String, String>) -> Checked {
        let all = (0..VARIANTS).filter_map(|n| variant(n).ok());
        let same = |s: &Arc<Settings>| {
            s.sources.iter().all(|(n, text)| sources.get(n).is_some_and(|t| **t == **text))
        };
        all.into_iter().find(same).map_or_else(|| Loader::from_sources(sources.clone()).load(None), Ok)
    }

    async fn watch(&self, look_again: mpsc::Sender<()>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.changed.notified() => drop(look_again.try_send(())),
            }
        }
    }

    async fn secret(&self, _folder: &Path, file: &str) -> io::Result<Option<String>> {
        Ok(Some(format!("first token of {file}")))
    }
}

/// Parsed once in a process: thousands of seeds use the same few.
fn variant(number: usize) -> Checked {
    static KNOWN: OnceLock<Mutex<BTreeMap<usize, Checked>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(number).or_insert_with(|| Loader::from_sources(texts(number)).load(None)).clone()
}

pub(crate) fn texts(variant: usize) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::from([
        ("district.yaml".to_owned(), district(variant)),
        ("columns.yaml".to_owned(), COLUMNS.to_owned()),
        ("procedures.yaml".to_owned(), PROCEDURES.to_owned()),
        ("routes.yaml".to_owned(), routes(variant)),
    ]);
    for code in UNITS {
        texts.insert(format!("units/{code}.yaml"), unit(code, variant));
    }
    texts
}

fn district(variant: usize) -> String {
    let fault = if variant == 4 { "nonsense: true\n" } else { "" };
    format!(
        "district: {{code: sim, name: 测试示范区, short_name: 示范区, office_unit: OFFICE}}\n\
         publish:\n\
         \x20 min_gap_seconds: 1\n\
         \x20 retry: {{most: 3, first_pause_seconds: 5, longest_pause_seconds: 60}}\n\
         \x20 caps: {{per_delivery: 4, per_account_hour: 60}}\n{fault}...\n"
    )
}

fn routes(variant: usize) -> String {
    let (from, to) = if variant == 3 { ("W2", "M0") } else { ("W1", "W0") };
    format!(
        "routes:\n\
         \x20 - {{id: up, kind: forward, when: {{accounts: [{from}]}}, to: [{to}]}}\n\
         \x20 - {{id: across, kind: forward, when: {{accounts: [X1]}}, to: [M0]}}\n...\n"
    )
}

fn unit(code: &str, variant: usize) -> String {
    let (prefix, category) =
        if code == "OFFICE" { ("off".to_owned(), "office") } else { (code.to_lowercase(), "township") };
    let mut text = format!(
        "code: {code}\nname: 单位{code}\nshort_name: {code}\ncategory: {category}\npeople:\n\
         \x20 - {{id: {prefix}.xx, name: 测试员, roles: [info_officer]}}\n"
    );
    if code == "OFFICE" {
        for (short, role) in [("hg", "office_editor"), ("zr", "office_director")] {
            text.push_str(&format!("  - {{id: off.{short}, name: 测试员, roles: [{role}]}}\n"));
        }
    }
    let accounts = ACCOUNTS.iter().filter(|(id, unit, _)| *unit == code && !(variant == 1 && *id == "W2"));
    let lines: String = accounts
        .map(|(id, _, platform)| {
            let status = if variant == 2 && *id == "W1" { "suspended" } else { "active" };
            format!(
                "  - {{id: {id}, platform: {platform}, name: 账号{id}, uid: \"{id}\", status: {status}, \
                 secrets: {{token: \"file:{id}.token\"}}}}\n"
            )
        })
        .collect();
    if !lines.is_empty() {
        text.push_str("accounts:\n");
        text.push_str(&lines);
    }
    text.push_str("...\n");
    text
}

const COLUMNS: &str =
    "columns:\n  - {id: yaowen, name: 要闻, platforms: [weibo], procedures: [P4], owner: OFFICE}\n...\n";
const PROCEDURES: &str = "procedures:\n  P4:\n    name: 业务活动与安全应急知识\n    origin: unit\n    steps:\n      \
     - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}\n...\n";
