//! Accounts and the adapters that serve them.

use std::collections::{BTreeMap, HashMap};

use juzhen_domain::id::{AccountId, Platform, UnitCode};
use juzhen_domain::matrix::{Account, AccountLevel, AccountStatus};
use serde_json::Value;

use super::{Desk, In, plain_adapters};
use crate::fault::Place;
use crate::files::{AccountSection, AdapterSection, UnitFile};
use crate::form::{At, is_secret_name};
use crate::problem::{MatterProblem, nearest};
use crate::settings::{AdapterSettings, Installed, InstalledAdapter};

/// The adapters' section, with every name in it looked up.
pub(crate) fn adapters(desk: &mut Desk<'_>, file: usize, section: &AdapterSection) -> AdapterSettings {
    for (_, adapter) in &section.serve {
        check_adapter(desk, file, adapter);
    }
    for (name, _) in &section.isolation_of {
        check_adapter(desk, file, name);
    }
    for (name, defaults) in &section.defaults {
        if let Some(adapter) = check_adapter(desk, file, name) {
            check_known_settings(desk, file, adapter, defaults);
        } else {
            check_open_settings(desk, file, defaults);
        }
    }
    plain_adapters(section)
}

/// Every account of every unit. What accounts must not share is looked at here, while another thread makes them.
pub(crate) fn build(
    desk: &mut Desk<'_>,
    units: &[In<'_, UnitFile>],
    adapters: Option<&AdapterSettings>,
    office: Option<&UnitCode>,
) -> BTreeMap<AccountId, Account> {
    let mut aside = desk.aside();
    let (accounts, found) = std::thread::scope(|scope| {
        let making = scope.spawn(move || {
            let all =
                units.iter().flat_map(|(file, unit)| unit.accounts.iter().map(move |a| (*file, unit, a)));
            let made = all.filter_map(|(file, unit, section)| {
                account(&mut aside, file, section, &unit.code.value, adapters)
            });
            let accounts = made.map(|account| (account.id.clone(), account)).collect();
            (accounts, aside.findings)
        });
        check_together(desk, units, office);
        // A panic in a thread goes on in this one.
        making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    desk.findings.extend(found);
    accounts
}

fn check_together(desk: &mut Desk<'_>, units: &[In<'_, UnitFile>], office: Option<&UnitCode>) {
    let count = units.iter().map(|(_, unit)| unit.accounts.len()).sum();
    let mut seen =
        Seen { on_platform: HashMap::with_capacity(count), credentials: HashMap::with_capacity(count) };
    for (file, unit) in units {
        for section in &unit.accounts {
            seen.check(desk, *file, section);
            if let Some(office) = office.filter(|office| **office != unit.code.value)
                && let Some(level) =
                    section.level.as_ref().filter(|level| level.value == AccountLevel::District)
            {
                let office = office.to_string();
                desk.error(*file, level.place, MatterProblem::DistrictAccountOutsideOffice { office });
            }
        }
    }
}

/// Notes a platform that no adapter serves.
pub(crate) fn check_platform(
    desk: &mut Desk<'_>,
    file: usize,
    platform: &At<Platform>,
    adapters: Option<&AdapterSettings>,
) {
    let (Some(installed), Some(adapters)) = (desk.installed, adapters) else { return };
    if adapters.serve.contains_key(&platform.value) || serves(installed, platform.value.as_str()).is_some() {
        return;
    }
    let text = platform.value.to_string();
    let near_installed = nearest(&text, names_of(installed));
    let near_served = nearest(&text, adapters.serve.keys().map(Platform::as_str));
    let problem = MatterProblem::UnknownPlatform {
        platform: text,
        near_installed,
        near_served,
        installed: list(installed),
    };
    desk.error(file, platform.place, problem);
}

/// Platform, and every secret with its name, in order.
type Credentials<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// What an account must not share with another.
struct Seen<'a> {
    on_platform: HashMap<(&'a str, &'a str), (usize, Place, &'a str)>,
    credentials: HashMap<Credentials<'a>, (usize, Place, &'a str)>,
}

impl<'a> Seen<'a> {
    fn check(&mut self, desk: &mut Desk<'_>, file: usize, section: &'a AccountSection) {
        let platform = section.platform.value.as_str();
        if let Some(uid) = &section.uid {
            let here = (file, uid.place, section.id.value.as_str());
            if let Some((first_file, first, other)) = self.on_platform.get(&(platform, &uid.value)).copied() {
                let problem = MatterProblem::SameOnPlatform {
                    platform: platform.to_owned(),
                    uid: uid.value.clone(),
                    first: desk.place_text(first_file, first),
                    other: other.to_owned(),
                };
                desk.error(file, uid.place, problem);
            } else {
                self.on_platform.insert((platform, &uid.value), here);
            }
        }
        self.check_credentials(desk, file, section);
    }

    /// Accounts may share the secret of an app; the same secrets throughout are the same sign-in.
    fn check_credentials(&mut self, desk: &mut Desk<'_>, file: usize, section: &'a AccountSection) {
        let Some((first_key, _)) = section.secrets.first() else { return };
        let each = section.secrets.iter().map(|(key, name)| Some((key.value.as_str(), name.as_deref()?)));
        let Some(mut all) = each.collect::<Option<Vec<_>>>() else { return };
        all.sort_unstable();
        let whole = (section.platform.value.as_str(), all);
        if let Some((first_file, first, other)) = self.credentials.get(&whole).copied() {
            let first = desk.place_text(first_file, first);
            desk.error(
                file,
                first_key.place,
                MatterProblem::SameCredentials { first, other: other.to_owned() },
            );
        } else {
            self.credentials.insert(whole, (file, first_key.place, section.id.value.as_str()));
        }
    }
}

fn account(
    desk: &mut Desk<'_>,
    file: usize,
    section: &AccountSection,
    unit: &UnitCode,
    adapters: Option<&AdapterSettings>,
) -> Option<Account> {
    let (name, adapter) = resolve(desk, file, section, adapters);
    let mut settings: BTreeMap<String, Value> =
        adapters.and_then(|a| a.defaults.get(&name)).cloned().unwrap_or_default();
    settings.extend(section.settings.iter().map(|(key, value)| (key.value.clone(), value.clone())));
    match adapter {
        Some(adapter) => {
            check_known_settings(desk, file, adapter, &section.settings);
            for (key, _) in
                adapter.settings.iter().filter(|(key, needed)| *needed && !settings.contains_key(key))
            {
                let problem = MatterProblem::MissingSetting { adapter: name.clone(), key: key.clone() };
                desk.error(file, section.id.place, problem);
            }
            check_secrets(desk, file, section, adapter);
        }
        None => check_open_settings(desk, file, &section.settings),
    }
    let secret = |(key, name): &(At<String>, Option<String>)| Some((key.value.clone(), name.clone()?));
    Some(Account {
        id: section.id.value.clone(),
        unit: unit.clone(),
        name: section.name.clone()?,
        platform: section.platform.value.clone(),
        adapter: name,
        uid: section.uid.as_ref()?.value.clone(),
        level: section.level.as_ref()?.value,
        status: section.status?,
        settings,
        secrets: section.secrets.iter().filter_map(secret).collect(),
    })
}

/// The adapter of an account: the one it names, the one that serves its platform, the one of the platform's name, or the
/// only one that speaks to it.
fn resolve<'d>(
    desk: &mut Desk<'d>,
    file: usize,
    section: &AccountSection,
    adapters: Option<&AdapterSettings>,
) -> (String, Option<&'d InstalledAdapter>) {
    if let Some(named) = &section.adapter {
        return (named.value.clone(), check_adapter(desk, file, named));
    }
    let platform = section.platform.value.as_str();
    if let Some(serving) = adapters.and_then(|a| a.serve.get(&section.platform.value)) {
        let found = desk.installed.and_then(|all| all.adapters.iter().find(|a| a.name == *serving));
        return (serving.clone(), found);
    }
    check_platform(desk, file, &section.platform, adapters);
    let found = desk.installed.and_then(|all| serves(all, platform));
    (found.map_or(platform, |adapter| adapter.name.as_str()).to_owned(), found)
}

fn serves<'a>(installed: &'a Installed, platform: &str) -> Option<&'a InstalledAdapter> {
    let mut speaking = installed.adapters.iter().filter(|a| a.platform == platform);
    let only = speaking.next().filter(|_| speaking.next().is_none());
    installed.adapters.iter().find(|a| a.name == platform).or(only)
}

fn check_adapter<'d>(desk: &mut Desk<'d>, file: usize, name: &At<String>) -> Option<&'d InstalledAdapter> {
    let installed = desk.installed?;
    let found = installed.adapters.iter().find(|adapter| adapter.name == name.value);
    if found.is_none() {
        let near = nearest(&name.value, installed.adapters.iter().map(|a| a.name.as_str()));
        let problem =
            MatterProblem::UnknownAdapter { adapter: name.value.clone(), near, installed: list(installed) };
        desk.error(file, name.place, problem);
    }
    found
}

fn check_known_settings(
    desk: &mut Desk<'_>,
    file: usize,
    adapter: &InstalledAdapter,
    found: &[(At<String>, Value)],
) {
    for (key, _) in found {
        if adapter.settings.iter().any(|(known, _)| *known == key.value) {
            continue;
        }
        let problem = if is_secret_name(&key.value) || adapter.takes_secret(&key.value) {
            MatterProblem::SecretInSettings { key: key.value.clone() }
        } else {
            let near = nearest(&key.value, adapter.settings.iter().map(|(known, _)| known.as_str()));
            MatterProblem::UnknownSetting { adapter: adapter.name.clone(), key: key.value.clone(), near }
        };
        desk.error(file, key.place, problem);
    }
}

/// Without a manifest, all that can be said is that this is no place for secrets.
fn check_open_settings(desk: &mut Desk<'_>, file: usize, found: &[(At<String>, Value)]) {
    for (key, _) in found.iter().filter(|(key, _)| is_secret_name(&key.value)) {
        desk.error(file, key.place, MatterProblem::SecretInSettings { key: key.value.clone() });
    }
}

fn check_secrets(desk: &mut Desk<'_>, file: usize, section: &AccountSection, adapter: &InstalledAdapter) {
    for (key, _) in &section.secrets {
        if !adapter.takes_secret(&key.value) {
            let near = nearest(&key.value, adapter.secrets.iter().map(|(known, _)| known.as_str()));
            let problem =
                MatterProblem::UnknownSecret { adapter: adapter.name.clone(), key: key.value.clone(), near };
            desk.error(file, key.place, problem);
        }
    }
    // An account that does not exist yet, or no longer, has none.
    if matches!(section.status, Some(AccountStatus::Planned | AccountStatus::Closed)) {
        return;
    }
    let given = |key: &String| section.secrets.iter().any(|(has, _)| has.value == *key);
    for (key, _) in adapter.secrets.iter().filter(|(key, needed)| *needed && !given(key)) {
        let problem = MatterProblem::MissingSecret { adapter: adapter.name.clone(), key: key.clone() };
        desk.error(file, section.id.place, problem);
    }
}

fn names_of(installed: &Installed) -> impl Iterator<Item = &str> {
    installed.adapters.iter().flat_map(|adapter| [adapter.name.as_str(), adapter.platform.as_str()])
}

fn list(installed: &Installed) -> String {
    let names: Vec<&str> = installed.adapters.iter().map(|adapter| adapter.name.as_str()).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}
