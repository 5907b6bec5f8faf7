//! Which secret is used by whom: what the settings name beside what is kept.

use std::collections::BTreeMap;

use juzhen_domain::id::AccountId;
use juzhen_settings::Settings;
use serde::Serialize;

use crate::vault::KeptSecret;

/// One secret that is kept, named, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    pub name: String,
    pub state: SecretState,
    /// Who names it: account, and what its adapter calls it. Nobody's account: the daemon itself.
    pub used_by: Vec<(Option<AccountId>, String)>,
    /// As it is kept in the database.
    pub kept: Option<KeptSecret>,
}

/// How a secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretState {
    /// Kept in the database, and named.
    Kept,
    /// A file of the secrets folder, and named; what is kept beside it is not used.
    File,
    /// Named, and nowhere.
    Missing,
    /// Kept, and named by nobody.
    Unused,
    /// Kept, and not to be read: its key is not here, or it was changed.
    Unreadable,
    /// Kept, and named by an account that it is not bound to.
    NotBound,
}

impl SecretState {
    /// The same for the staff.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Kept => "已保存",
            Self::File => "用密钥目录中的文件",
            Self::Missing => "缺少",
            Self::Unused => "没有账号使用",
            Self::Unreadable => "无法读取",
            Self::NotBound => "未绑定给使用它的账号",
        }
    }
}

/// Every secret, by name. `is_file`: whether the folder of secrets has a file of this name.
/// Without settings nobody is known to name one.
pub fn report(
    settings: Option<&Settings>,
    kept: Vec<KeptSecret>,
    is_file: impl Fn(&str) -> bool,
) -> Vec<SecretUse> {
    let mut names = settings.map(names).unwrap_or_default();
    let mut kept: BTreeMap<String, KeptSecret> =
        kept.into_iter().map(|one| (one.name.clone(), one)).collect();
    for name in kept.keys() {
        names.entry(name.clone()).or_default();
    }
    let of = |(name, named): (String, Named)| {
        let kept = kept.remove(&name);
        let has_file = named.as_file && is_file(&name);
        let state = state(&named, kept.as_ref(), has_file);
        SecretUse { name, state, used_by: named.by, kept }
    };
    names.into_iter().map(of).collect()
}

/// The accounts that name this secret, and what their adapters call it.
pub fn named(settings: &Settings, name: &str) -> Vec<(Option<AccountId>, String)> {
    names(settings).remove(name).unwrap_or_default().by
}

/// Whether a file of this name in the folder of secrets stands before what is kept under it.
pub fn may_be_a_file(settings: &Settings, name: &str) -> bool {
    names(settings).get(name).is_some_and(|named| named.as_file)
}

#[derive(Default)]
struct Named {
    /// Somebody names it in a way that a file stands before it.
    as_file: bool,
    by: Vec<(Option<AccountId>, String)>,
}

fn names(settings: &Settings) -> BTreeMap<String, Named> {
    let mut names: BTreeMap<String, Named> = BTreeMap::new();
    for account in settings.accounts.values() {
        for (own, reference) in &account.secrets {
            let Some((kind, name)) = reference.split_once(':') else { continue };
            let named = names.entry(name.to_owned()).or_default();
            named.as_file |= kind == "file";
            named.by.push((Some(account.id.clone()), own.clone()));
        }
    }
    if settings.notices.webhook.is_some() {
        let named = names.entry(settings.notices.secret.clone()).or_default();
        named.as_file = true;
        named.by.push((None, "notices.webhook".to_owned()));
    }
    names
}

fn state(named: &Named, kept: Option<&KeptSecret>, has_file: bool) -> SecretState {
    let Some(kept) = kept else {
        return if has_file { SecretState::File } else { SecretState::Missing };
    };
    let is_bound = |who: &Option<AccountId>| match who {
        Some(account) => kept.accounts.is_empty() || kept.accounts.contains(account),
        None => kept.accounts.is_empty(),
    };
    if has_file {
        SecretState::File
    } else if kept.fingerprint.is_err() {
        SecretState::Unreadable
    } else if named.by.is_empty() {
        SecretState::Unused
    } else if !named.by.iter().all(|(who, _)| is_bound(who)) {
        SecretState::NotBound
    } else {
        SecretState::Kept
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use juzhen_settings::Loader;

    use super::*;

    fn kept(name: &str, accounts: &[&str], fingerprint: Result<&str, &str>) -> KeptSecret {
        KeptSecret {
            name: name.into(),
            accounts: accounts.iter().map(|id| AccountId::from(*id)).collect(),
            version: 1,
            set_at: Timestamp::UNIX_EPOCH,
            set_by: "off.xt".into(),
            key: "k1".into(),
            fingerprint: fingerprint.map(Into::into).map_err(Into::into),
        }
    }

    #[test]
    fn what_is_named_and_what_is_kept_are_shown_side_by_side() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
        let settings = Loader::new(sample).load(None).unwrap();
        let all = vec![
            kept("W000.token", &["W000"], Ok("f")),
            kept("W015.token", &["W016"], Ok("f")),
            kept("X000.token", &[], Err("its key is not here")),
            kept("old.token", &[], Ok("f")),
        ];
        let uses = report(Some(&settings), all.clone(), |name| name == "W016.token");
        let state = |name: &str| uses.iter().find(|one| one.name == name).unwrap().state;
        assert_eq!(state("W000.token"), SecretState::Kept);
        assert_eq!(state("W015.token"), SecretState::NotBound);
        assert_eq!(state("X000.token"), SecretState::Unreadable);
        assert_eq!(state("old.token"), SecretState::Unused);
        assert_eq!(state("W016.token"), SecretState::Missing, "a file counts where it is named as one");
        assert_eq!(named(&settings, "W015.token"), [(Some("W015".into()), "access_token".to_owned())]);
        assert!(named(&settings, "old.token").is_empty() && !may_be_a_file(&settings, "W015.token"));
        assert!(report(None, all, |_| false).iter().all(|one| one.used_by.is_empty()));
    }
}
