//! What a reload would change, as plain values: for the engine to prepare, for people to read first.

use std::collections::BTreeMap;
use std::fmt;

use juzhen_domain::matrix::AccountStatus;
use serde::Serialize;
use serde_json::Value;

use crate::files::{Isolation, Sandbox};
use crate::problem::Locale;
use crate::settings::{Revision, Settings};

/// Everything that differs between two settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Changes {
    pub from: Option<Revision>,
    pub to: Option<Revision>,
    pub units: Difference,
    pub people: Difference,
    pub accounts: Difference,
    pub columns: Difference,
    pub routes: Difference,
    pub procedures: Difference,
    /// Word lists, by file.
    pub lexicons: Difference,
    /// 领导名录, by name.
    pub leaders: Difference,
    /// Keys of `district.yaml` that are another now, such as `publish.retry.most`.
    pub keys: Vec<String>,
    /// Those of them that a running daemon takes only at its next start.
    pub restart_only: Vec<String>,
    /// What should not happen by accident (F95).
    pub dangerous: Vec<Danger>,
}

/// Of one kind of object, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<Changed>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    pub id: String,
    /// Names of the fields that are another now.
    pub fields: Vec<String>,
}

/// A change that somebody should confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "danger", rename_all = "snake_case")]
pub enum Danger {
    /// More than 30 % of the objects of one kind go.
    ManyRemoved {
        what: &'static str,
        removed: usize,
        of: usize,
    },
    /// No account that publishes is left.
    NoActiveAccount,
    /// Fewer steps of review, or other ones, or less asked for before them.
    ReviewLowered {
        procedure: String,
    },
    /// The database would be another one.
    StorageMoved,
    OfficeChanged {
        from: String,
        to: String,
    },
    /// Adapters would be less shut in than before.
    GuardLowered {
        key: &'static str,
    },
}

/// Share of objects of a kind that may go without a question, in percent.
const USUAL_LOSS: usize = 30;

/// Compares. `old` is `None` at the first start: everything is added, and nothing of it is dangerous.
pub fn diff(old: Option<&Settings>, new: &Settings) -> Changes {
    let Some(old) = old else {
        let empty = Difference::default();
        let add = |ids: Vec<String>| Difference { added: ids, ..empty.clone() };
        return Changes {
            to: Some(new.revision.clone()),
            units: add(new.units.keys().map(ToString::to_string).collect()),
            people: add(new.people.keys().map(ToString::to_string).collect()),
            accounts: add(new.accounts.keys().map(ToString::to_string).collect()),
            columns: add(new.columns.keys().map(ToString::to_string).collect()),
            routes: add(new.routes.iter().map(|route| route.id.to_string()).collect()),
            procedures: add(new.procedures.keys().map(ToString::to_string).collect()),
            lexicons: add(new.checks.lexicons.keys().cloned().collect()),
            leaders: add(leaders_of(new).into_keys().collect()),
            ..Changes::default()
        };
    };
    let mut changes = Changes {
        from: Some(old.revision.clone()),
        to: Some(new.revision.clone()),
        units: compare_units(old, new),
        people: compare(&old.people, &new.people),
        accounts: compare(&old.accounts, &new.accounts),
        columns: compare(&old.columns, &new.columns),
        routes: compare(&routes_of(old), &routes_of(new)),
        procedures: compare(&old.procedures, &new.procedures),
        lexicons: compare(&old.checks.lexicons, &new.checks.lexicons),
        leaders: compare(&leaders_of(old), &leaders_of(new)),
        keys: changed_keys(old, new),
        ..Changes::default()
    };
    changes.restart_only = changes.keys.iter().filter(|key| holds_after_restart(key)).cloned().collect();
    changes.dangerous = dangers(old, new, &changes);
    changes
}

impl Changes {
    /// Whether nothing differs. Two revisions may: a comment makes another revision and changes nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.differences().iter().all(|(_, _, difference)| difference.is_empty())
    }

    /// The changes in the reader's language, one a line.
    pub fn display(&self, locale: Locale) -> impl fmt::Display + '_ {
        ChangesIn { changes: self, locale }
    }

    /// English and Chinese name of each kind of object, with what differs.
    fn differences(&self) -> [(&'static str, &'static str, &Difference); 8] {
        [
            ("unit", "单位", &self.units),
            ("person", "人员", &self.people),
            ("account", "账号", &self.accounts),
            ("column", "栏目", &self.columns),
            ("route", "路由", &self.routes),
            ("procedure", "程序", &self.procedures),
            ("word list", "词表", &self.lexicons),
            ("leader", "领导", &self.leaders),
        ]
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(Locale::English).fmt(f)
    }
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Danger {
    pub fn words(&self, locale: Locale) -> String {
        let (english, chinese) = match self {
            Self::ManyRemoved { what, removed, of } => (
                format!("{removed} of {of} {what} would be removed"),
                format!("将删除 {of} 个{}中的 {removed} 个", plural_in_chinese(what)),
            ),
            Self::NoActiveAccount => {
                ("no account would be left that publishes".to_owned(), "将没有任何可发布的账号".to_owned())
            }
            Self::ReviewLowered { procedure } => (
                format!("steps of review, or what they ask for, would be removed from {procedure}"),
                format!("程序 {procedure} 的审核步骤或必填要素将减少"),
            ),
            Self::StorageMoved => (
                "the database would be another one: what waits in the present one would not be published"
                    .to_owned(),
                "数据库位置将改变：现有数据库中待发的内容将不会发布".to_owned(),
            ),
            Self::OfficeChanged { from, to } => (
                format!("the office would be {to} instead of {from}"),
                format!("管委会办公室将由 {from} 变为 {to}"),
            ),
            Self::GuardLowered { key } => (
                format!("{key} would shut adapters in less than before"),
                format!("{key} 的改动会放松对适配器的限制"),
            ),
        };
        match locale {
            Locale::English => english,
            Locale::Chinese => chinese,
        }
    }
}

fn plural_in_chinese(what: &str) -> &'static str {
    match what {
        "units" => "单位",
        "people" => "人员",
        "accounts" => "账号",
        "columns" => "栏目",
        _ => "路由",
    }
}

struct ChangesIn<'a> {
    changes: &'a Changes,
    locale: Locale,
}

impl fmt::Display for ChangesIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes = self.changes;
        let pick = |english: &'static str, chinese: &'static str| match self.locale {
            Locale::English => english,
            Locale::Chinese => chinese,
        };
        if changes.is_empty() {
            return write!(f, "{}", pick("nothing changes", "没有变化"));
        }
        let mut lines = Vec::new();
        for danger in &changes.dangerous {
            lines.push(format!("! {}", danger.words(self.locale)));
        }
        for (english, chinese, difference) in changes.differences() {
            let name = pick(english, chinese);
            lines.extend(difference.removed.iter().map(|id| format!("- {name} {id}")));
            lines.extend(difference.added.iter().map(|id| format!("+ {name} {id}")));
            lines.extend(
                difference.changed.iter().map(|c| format!("~ {name} {}: {}", c.id, c.fields.join(", "))),
            );
        }
        for key in &changes.keys {
            let later = changes.restart_only.contains(key);
            let note = if later { pick(" (at the next start)", "（重启后生效）") } else { "" };
            lines.push(format!("~ {key}{note}"));
        }
        write!(f, "{}", lines.join("\n"))
    }
}

fn compare<K: Ord + fmt::Display, T: PartialEq + Serialize>(
    old: &BTreeMap<K, T>,
    new: &BTreeMap<K, T>,
) -> Difference {
    let mut difference = Difference::default();
    for (id, was) in old {
        match new.get(id) {
            None => difference.removed.push(id.to_string()),
            Some(is) if is != was => {
                let mut fields = Vec::new();
                name_changes("", &value_of(was), &value_of(is), &mut fields);
                difference.changed.push(Changed { id: id.to_string(), fields });
            }
            Some(_) => {}
        }
    }
    difference.added = new.keys().filter(|id| !old.contains_key(id)).map(ToString::to_string).collect();
    difference
}

/// A unit with its quota: they stand in one file.
fn compare_units(old: &Settings, new: &Settings) -> Difference {
    let mut units = compare(&old.units, &new.units);
    for changed in compare(&old.quotas, &new.quotas).changed {
        let fields = changed.fields.iter().map(|field| format!("quota.{field}"));
        match units.changed.iter_mut().find(|unit| unit.id == changed.id) {
            Some(unit) => unit.fields.extend(fields),
            None => units.changed.push(Changed { id: changed.id, fields: fields.collect() }),
        }
    }
    units.changed.sort_by(|a, b| a.id.cmp(&b.id));
    units
}

/// With its place among the others, because the first that matches an account counts.
fn routes_of(settings: &Settings) -> BTreeMap<String, Value> {
    settings.routes.iter().map(|route| (route.id.to_string(), value_of(route))).collect()
}

/// By name; several offices of one person together.
fn leaders_of(settings: &Settings) -> BTreeMap<String, Vec<Value>> {
    let mut leaders: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for leader in &settings.checks.leaders {
        leaders.entry(leader.name.clone()).or_default().push(value_of(leader));
    }
    leaders
}

fn changed_keys(old: &Settings, new: &Settings) -> Vec<String> {
    let mut keys = Vec::new();
    name_changes("district", &value_of(&old.district), &value_of(&new.district), &mut keys);
    name_changes("storage", &value_of(&old.storage), &value_of(&new.storage), &mut keys);
    name_changes("server", &value_of(&old.server), &value_of(&new.server), &mut keys);
    name_changes("adapters", &value_of(&old.adapters), &value_of(&new.adapters), &mut keys);
    name_changes("publish", &value_of(&old.publish), &value_of(&new.publish), &mut keys);
    name_changes("checks", &value_of(&old.checks.settings), &value_of(&new.checks.settings), &mut keys);
    name_changes("policy", &value_of(&old.policy), &value_of(&new.policy), &mut keys);
    name_changes("review", &value_of(&old.review), &value_of(&new.review), &mut keys);
    name_changes("notices", &value_of(&old.notices), &value_of(&new.notices), &mut keys);
    keys
}

/// Whether a running daemon goes on as before. It opens its database, its address, and the folders and processes of its
/// adapters once; which adapter serves a platform and what accounts have in common it looks up each time.
fn holds_after_restart(key: &str) -> bool {
    match key.split_once('.') {
        Some(("storage", key)) => key != "reserve_mib",
        Some(("server", _)) => true,
        Some(("adapters", rest)) => {
            let section = rest.split('.').next().unwrap_or(rest);
            !matches!(section, "serve" | "defaults")
        }
        _ => false,
    }
}

/// Names the innermost keys that differ.
fn name_changes(path: &str, old: &Value, new: &Value, into: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(was), Value::Object(is)) => {
            let keys = was.keys().chain(is.keys().filter(|key| !was.contains_key(*key)));
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let absent = Value::Null;
                name_changes(&path, was.get(key).unwrap_or(&absent), is.get(key).unwrap_or(&absent), into);
            }
        }
        _ if old != new => into.push(path.to_owned()),
        _ => {}
    }
}

fn value_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn dangers(old: &Settings, new: &Settings, changes: &Changes) -> Vec<Danger> {
    let mut dangers = Vec::new();
    for (what, difference, of) in [
        ("units", &changes.units, old.units.len()),
        ("people", &changes.people, old.people.len()),
        ("accounts", &changes.accounts, old.accounts.len()),
        ("columns", &changes.columns, old.columns.len()),
    ] {
        let removed = difference.removed.len();
        // One of three is more than 30 %, and an everyday change. So is any change of routes: they only say what follows.
        if removed > 1 && removed * 100 > of * USUAL_LOSS {
            dangers.push(Danger::ManyRemoved { what, removed, of });
        }
    }
    let publishes = |s: &Settings| s.accounts.values().any(|a| a.status == AccountStatus::Active);
    if publishes(old) && !publishes(new) {
        dangers.push(Danger::NoActiveAccount);
    }
    for (procedure, was) in &old.procedures {
        let is = new.procedures.get(procedure);
        let steps = is.map_or(&[][..], |is| &is.steps);
        let kept =
            was.steps.iter().all(|step| steps.iter().any(|s| s.actor == step.actor && s.scope == step.scope));
        let asked = was.required.iter().all(|required| is.is_some_and(|is| is.requires(*required)));
        if !kept || !asked {
            dangers.push(Danger::ReviewLowered { procedure: procedure.to_string() });
        }
    }
    if old.storage.directory != new.storage.directory {
        dangers.push(Danger::StorageMoved);
    }
    if old.district.office_unit != new.district.office_unit {
        let (from, to) = (old.district.office_unit.to_string(), new.district.office_unit.to_string());
        dangers.push(Danger::OfficeChanged { from, to });
    }
    dangers.extend(lowered_guards(old, new));
    dangers
}

fn lowered_guards(old: &Settings, new: &Settings) -> Vec<Danger> {
    let (was, is) = (&old.adapters, &new.adapters);
    let mut lowered = Vec::new();
    if is.isolation < was.isolation {
        lowered.push("adapters.isolation");
    }
    let exempted = |(name, how): (&String, &Isolation)| *how < was.isolation(name);
    if is.isolation_of.iter().any(exempted) {
        lowered.push("adapters.isolation_of");
    }
    if was.sandbox == Sandbox::Required && is.sandbox == Sandbox::Preferred {
        lowered.push("adapters.sandbox");
    }
    if is.allow_private_egress && !was.allow_private_egress {
        lowered.push("adapters.allow_private_egress");
    }
    lowered.into_iter().map(|key| Danger::GuardLowered { key }).collect()
}
