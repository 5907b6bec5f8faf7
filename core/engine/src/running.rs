//! From the running settings to the plain values that the domain and the host ask for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::{Caps, later};
use juzhen_domain::matrix::Account;
use juzhen_domain::outcome::Retry;
use juzhen_host::{AccountContext, AdapterStatus, HostOptions, Isolation, Sandbox};
use juzhen_settings::{self as words, Installed, InstalledAdapter, Settings};

/// Caps of every account.
pub(crate) fn caps(settings: &Settings) -> Caps {
    let publish = &settings.publish;
    Caps {
        per_delivery: publish.caps.per_delivery,
        per_account_hour: publish.caps.per_account_hour,
        gap: seconds(publish.min_gap_seconds),
    }
}

/// So many bad ends in a row pause an account (P20).
pub(crate) fn pause_after(settings: &Settings) -> u32 {
    settings.publish.caps.pause_after
}

/// The settings count tries after the first, the domain all of them; and never more than the cap lets through, so that the
/// last one knows that it is the last.
pub(crate) fn retry(settings: &Settings) -> Retry {
    let retry = &settings.publish.retry;
    Retry {
        most: retry.most.saturating_add(1).min(settings.publish.caps.per_delivery),
        first_pause: seconds(retry.first_pause_seconds),
        longest_pause: seconds(retry.longest_pause_seconds),
    }
}

pub(crate) fn call_deadline(settings: &Settings) -> Duration {
    Duration::from_secs(u64::from(settings.publish.call_deadline_seconds))
}

/// The latest time for something due then, when nobody named one.
pub(crate) fn latest(settings: &Settings, due_at: Timestamp) -> Timestamp {
    later(due_at, SignedDuration::from_mins(i64::from(settings.publish.latest_after_minutes)))
}

fn seconds(count: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(count))
}

/// What an adapter may know of an account: nothing secret, nothing of another one.
pub(crate) fn account_context(account: &Account) -> AccountContext {
    AccountContext {
        id: account.id.to_string(),
        uid: account.uid.clone(),
        settings: account.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
    }
}

/// The folder of the adapters: as the settings say, else as the command line.
pub(crate) fn adapters_folder(settings: &Settings, config: &Path, fallback: &Path) -> PathBuf {
    settings.adapters.directory.as_ref().map_or_else(|| fallback.to_owned(), |folder| config.join(folder))
}

/// The folder of the secrets, likewise.
pub(crate) fn secrets_folder(settings: &Settings, config: &Path, fallback: &Path) -> PathBuf {
    settings
        .adapters
        .secrets_directory
        .as_ref()
        .map_or_else(|| fallback.to_owned(), |folder| config.join(folder))
}

/// How the host runs under these settings.
pub(crate) fn host_options(settings: &Settings, folder: PathBuf) -> HostOptions {
    let adapters = &settings.adapters;
    let mut options = HostOptions::new(folder);
    options.lane.isolation = isolation(adapters.isolation);
    options.isolation_of =
        adapters.isolation_of.iter().map(|(name, how)| (name.clone(), isolation(*how))).collect();
    options.lane.sandbox = match adapters.sandbox {
        words::Sandbox::Preferred => Sandbox::WherePossible,
        words::Sandbox::Required => Sandbox::Required,
    };
    options.egress.allow_private = adapters.allow_private_egress;
    options
}

fn isolation(how: words::Isolation) -> Isolation {
    match how {
        words::Isolation::Process => Isolation::Process,
        words::Isolation::InProcess => Isolation::InProcess,
    }
}

/// What the check of the settings has to know of the adapters.
pub fn installed(adapters: &[AdapterStatus]) -> Installed {
    let offered = adapters.iter().filter_map(|status| {
        let manifest = status.manifest.as_ref()?;
        Some(InstalledAdapter {
            name: manifest.name.clone(),
            platform: manifest.platform.clone(),
            settings: manifest.settings.iter().map(|s| (s.name.clone(), s.required)).collect(),
            secrets: manifest.secrets.iter().map(|s| (s.name.clone(), !s.optional)).collect(),
        })
    });
    Installed { adapters: offered.collect() }
}
