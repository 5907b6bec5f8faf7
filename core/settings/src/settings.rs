//! Checked settings: what every other part of the daemon works with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use juzhen_domain::check::{Checker, Leader};
use juzhen_domain::id::{AccountId, ColumnId, PersonId, Platform, UnitCode};
use juzhen_domain::matrix::{Account, Column, Person, Procedure, Unit};
use juzhen_domain::route::Route;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::files::{
    CapSettings, CheckSettings, District, Isolation, NoticeSettings, PolicySettings, ProcedureSettings,
    PublishSettings, QuotaSettings, RetrySettings, ReviewSettings, Sandbox, ServerSettings, StepSettings,
    StorageSettings,
};

/// One whole set of settings without faults. Never changed: a reload makes a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub revision: Revision,
    pub district: District,
    pub storage: StorageSettings,
    pub server: ServerSettings,
    pub adapters: AdapterSettings,
    pub publish: PublishSettings,
    pub policy: PolicySettings,
    pub review: ReviewSettings,
    pub notices: NoticeSettings,
    pub checks: Checks,
    pub units: BTreeMap<UnitCode, Unit>,
    /// One for each unit.
    pub quotas: BTreeMap<UnitCode, QuotaSettings>,
    pub people: BTreeMap<PersonId, Person>,
    pub accounts: BTreeMap<AccountId, Account>,
    pub columns: BTreeMap<ColumnId, Column>,
    pub procedures: BTreeMap<Procedure, ProcedureSettings>,
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// The files themselves, by name: what the database keeps as the last good set.
    pub sources: Sources,
}

/// What texts are checked by.
#[derive(Debug, Clone)]
pub struct Checks {
    pub settings: CheckSettings,
    /// The word lists by file.
    pub lexicons: BTreeMap<String, LexiconSummary>,
    /// 领导名录.
    pub leaders: Vec<Leader>,
    /// All of it, ready to be used.
    pub checker: Arc<Checker>,
}

/// What there is to say of a word list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LexiconSummary {
    pub terms: usize,
    /// Of its text, lower-case hexadecimal.
    pub sha256: String,
}

/// The checker is made of the rest.
impl PartialEq for Checks {
    fn eq(&self, other: &Self) -> bool {
        let of = |checks: &Self| (checks.settings.clone(), checks.lexicons.clone(), checks.leaders.clone());
        of(self) == of(other)
    }
}

/// File name, relative to the folder, → text.
pub type Sources = BTreeMap<String, Arc<str>>;

/// SHA-256 over the names and contents of all files, lower-case hexadecimal. The order in which they were written, their
/// times and owners do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub(crate) String);

impl Revision {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where adapters are and how they run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdapterSettings {
    /// Folder of the `.so` files, relative to the folder of `district.yaml`. `None`: as the command line says.
    pub directory: Option<String>,
    /// Folder of the secrets, relative as above. `None`: `secrets` in the data folder.
    pub secrets_directory: Option<String>,
    pub isolation: Isolation,
    /// Exceptions by adapter name; [`AdapterSettings::isolation`] asks for one.
    pub isolation_of: BTreeMap<String, Isolation>,
    pub sandbox: Sandbox,
    /// Whether adapters may reach private and loopback addresses.
    pub allow_private_egress: bool,
    /// Platform → name of the adapter that serves it, where that is not the one of the platform's name.
    pub serve: BTreeMap<Platform, String>,
    /// Adapter name → account settings that hold where the account has none of its own.
    pub defaults: BTreeMap<String, BTreeMap<String, Value>>,
}

impl AdapterSettings {
    /// How the adapter of this name runs.
    pub fn isolation(&self, adapter: &str) -> Isolation {
        self.isolation_of.get(adapter).copied().unwrap_or(self.isolation)
    }
}

/// What the adapters offer, from their manifests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Installed {
    pub adapters: Vec<InstalledAdapter>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstalledAdapter {
    pub name: String,
    /// The platform it speaks to.
    pub platform: String,
    /// Account settings that it understands, and whether it needs them.
    pub settings: Vec<(String, bool)>,
    /// Secrets that an account of it may name, and whether it needs them.
    pub secrets: Vec<(String, bool)>,
}

impl InstalledAdapter {
    pub(crate) fn takes_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|(known, _)| known == name)
    }
}
