//! What a password has to be (C15), and how one is written before it is hashed.

use jiff::{SignedDuration, Timestamp};
use unicode_normalization::UnicodeNormalization;

use super::Profile;
use crate::id::PersonId;

/// What a profile asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Characters at least.
    pub least: usize,
    /// Of lower-case and upper-case letters, digits and others, how many at least.
    pub kinds: usize,
    /// A password is good for so many days; `None`: until it is changed.
    pub days: Option<i64>,
    /// So many passwords before the present one, it included, are not taken again; remembered are those before it.
    pub history: usize,
}

/// No password is longer: a hash takes no more work than this, whoever sends what (A28).
pub const MOST: usize = 256;
/// With fewer different characters it is a pattern.
const DIFFERENT: usize = 5;

/// What people choose who have to choose something long. Digits at the end and the case do not make another word of it.
const COMMON: &[&str] = &[
    "password",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "administrator",
    "welcome",
    "letmein",
    "changeme",
    "qwerty",
    "qwertyuiop",
    "1qaz2wsx",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "zaq12wsx",
    "asdfghjkl",
    "zxcvbnm",
    "iloveyou",
    "woaini",
    "woaini1314",
    "5201314",
    "a123456",
    "abc123456",
    "abcd1234",
    "admin",
    "root",
    "test",
    "juzhen",
    "zhengwu",
    "weibo",
    "weixin",
    "mima",
    "guanliyuan",
    "correcthorsebatterystaple",
];

impl Profile {
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::Mlps3 => &Rules { least: 12, kinds: 3, days: Some(90), history: 4 },
            Self::Asvs => &Rules { least: 15, kinds: 1, days: None, history: 0 },
        }
    }
}

/// The one way to write a password: what looks the same and was typed on another keyboard is the same (A28).
pub fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Whether somebody may choose this one; it is in its normal form.
///
/// # Errors
/// What is missing.
pub fn check(profile: Profile, person: &PersonId, password: &str) -> Result<(), Weak> {
    let rules = profile.rules();
    let length = password.chars().count();
    if password.chars().any(char::is_control) {
        return Err(Weak::Control);
    }
    if length > MOST {
        return Err(Weak::TooLong);
    }
    if length < rules.least {
        return Err(Weak::TooShort { least: rules.least });
    }
    if kinds(password) < rules.kinds {
        return Err(Weak::TooPlain { kinds: rules.kinds });
    }
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    let word = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    if different.len() < DIFFERENT || COMMON.contains(&lower.as_str()) || COMMON.contains(&word) {
        return Err(Weak::Common);
    }
    if lower.contains(&person.as_str().to_lowercase()) {
        return Err(Weak::OwnName);
    }
    Ok(())
}

/// Whether it has to be changed before anything else.
pub fn is_too_old(profile: Profile, set_at: Timestamp, now: Timestamp) -> bool {
    let days = profile.rules().days;
    days.is_some_and(|days| now.duration_since(set_at) > SignedDuration::from_hours(days * 24))
}

fn kinds(password: &str) -> usize {
    let is: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        char::is_numeric,
        |c| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric(),
    ];
    is.iter().filter(|is| password.chars().any(is)).count()
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("a password has {least} characters at least")]
    TooShort { least: usize },
    #[error("a password has {MOST} characters at most")]
    TooLong,
    #[error("a password has {kinds} of these kinds at least: lower-case letters, capitals, digits, others")]
    TooPlain { kinds: usize },
    #[error("this password is one of those that are tried first")]
    Common,
    #[error("a password does not contain the name that goes with it")]
    OwnName,
    #[error("a password has no control characters")]
    Control,
    #[error("this password was used before")]
    Used,
}

impl Weak {
    /// For who chooses it.
    pub fn chinese(self) -> String {
        match self {
            Self::TooShort { least } => format!("密码至少 {least} 个字符"),
            Self::TooLong => format!("密码最多 {MOST} 个字符"),
            Self::TooPlain { kinds } => {
                format!("密码须含小写字母、大写字母、数字、其他字符中的至少 {kinds} 类")
            }
            Self::Common => "密码太常见，容易被猜到".to_owned(),
            Self::OwnName => "密码不能包含登录名".to_owned(),
            Self::Control => "密码不能有控制字符".to_owned(),
            Self::Used => "不能使用最近用过的密码".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::after;

    #[test]
    fn c15_each_profile_takes_what_it_asks_for() {
        let said = |profile, password: &str| check(profile, &"d07.xx".into(), &normal(password)).err();
        let (mlps3, asvs) = (Profile::Mlps3, Profile::Asvs);
        assert_eq!(said(mlps3, "Dong-Hu 2026"), None);
        assert_eq!(said(mlps3, "Dong-Hu 202"), Some(Weak::TooShort { least: 12 }));
        assert_eq!(said(mlps3, "donghuqu20261124"), Some(Weak::TooPlain { kinds: 3 }));
        assert_eq!(said(mlps3, "东湖边上看日出A1东湖边"), None);
        assert_eq!(said(mlps3, "D07.xx-20261124"), Some(Weak::OwnName));
        assert_eq!(said(mlps3, "Aa1-Aa1-Aa1-"), Some(Weak::Common));
        assert_eq!(said(mlps3, "P@ssw0rd2026!!"), Some(Weak::Common));
        assert_eq!(said(mlps3, "Dong-Hu\u{0} 2026"), Some(Weak::Control));
        assert_eq!(said(mlps3, &"aB1-".repeat(65)), Some(Weak::TooLong));
        assert_eq!(said(asvs, "four plain words of mine"), None);
        assert_eq!(said(asvs, "Dong-Hu 202611"), Some(Weak::TooShort { least: 15 }));
        assert_eq!(said(asvs, "correcthorsebatterystaple"), Some(Weak::Common));
        assert_eq!(said(asvs, "CorrectHorseBatteryStaple2026"), Some(Weak::Common));
    }

    #[test]
    fn a28_forms_of_one_character_are_one_password() {
        assert_eq!(normal("ｄｏｎｇ－Ｈｕ"), "dong-Hu");
        assert_eq!(normal("e\u{301}"), normal("\u{e9}"));
        assert_ne!(normal("A"), normal("a"));
    }

    #[test]
    fn c15_a_password_is_too_old_after_ninety_days_and_never_under_asvs() {
        let day = 24 * 3600;
        assert!(!is_too_old(Profile::Mlps3, after(0), after(90 * day)));
        assert!(is_too_old(Profile::Mlps3, after(0), after(90 * day + 1)));
        assert!(!is_too_old(Profile::Asvs, after(0), after(9000 * day)));
    }
}
