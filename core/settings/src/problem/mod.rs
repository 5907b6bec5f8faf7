//! What can be wrong with settings: one value for each kind of fault, which words itself in both languages.

mod file;
mod matter;
mod value;

pub(crate) use file::FileProblem;
pub(crate) use matter::MatterProblem;
pub(crate) use value::{Expected, ValueProblem, What};

/// Which language a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locale {
    #[default]
    English,
    Chinese,
}

impl Locale {
    /// From `LC_ALL`, `LC_MESSAGES` or `LANG`, the first that is set; Chinese when it starts with `zh`.
    pub fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let word = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default();
        if word.starts_with("zh") { Self::Chinese } else { Self::English }
    }
}

/// One kind of fault with the names that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The file cannot be taken as YAML at all.
    File(FileProblem),
    /// A value is not of the form its place asks for.
    Value(ValueProblem),
    /// The values are well formed and do not fit together.
    Matter(MatterProblem),
}

impl Problem {
    pub(crate) fn texts(&self) -> Texts {
        match self {
            Self::File(problem) => problem.texts(),
            Self::Value(problem) => problem.texts(),
            Self::Matter(problem) => problem.texts(),
        }
    }
}

impl From<FileProblem> for Problem {
    fn from(problem: FileProblem) -> Self {
        Self::File(problem)
    }
}

impl From<ValueProblem> for Problem {
    fn from(problem: ValueProblem) -> Self {
        Self::Value(problem)
    }
}

impl From<MatterProblem> for Problem {
    fn from(problem: MatterProblem) -> Self {
        Self::Matter(problem)
    }
}

/// The same words in English and in Chinese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) english: String,
    pub(crate) chinese: String,
}

impl Words {
    pub(crate) fn in_locale(&self, locale: Locale) -> &str {
        match locale {
            Locale::English => &self.english,
            Locale::Chinese => &self.chinese,
        }
    }
}

/// What is wrong, and what to do when that can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) message: Words,
    pub(crate) suggestion: Option<Words>,
}

/// Starts a text: `say(english, chinese)`.
pub(crate) fn say(english: impl Into<String>, chinese: impl Into<String>) -> Texts {
    Texts { message: Words { english: english.into(), chinese: chinese.into() }, suggestion: None }
}

impl Texts {
    /// Adds what to do.
    fn hint(mut self, english: impl Into<String>, chinese: impl Into<String>) -> Self {
        self.suggestion = Some(Words { english: english.into(), chinese: chinese.into() });
        self
    }

    /// Adds "did you mean" when there is something near.
    fn did_you_mean(self, near: Option<&str>) -> Self {
        match near {
            Some(near) => self.hint(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
            None => self,
        }
    }
}

/// What ids in the settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    Unit,
    Person,
    Account,
    Column,
    Route,
    Platform,
}

impl Thing {
    pub(crate) fn english(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Person => "person",
            Self::Account => "account",
            Self::Column => "column",
            Self::Route => "route",
            Self::Platform => "platform",
        }
    }

    pub(crate) fn chinese(self) -> &'static str {
        match self {
            Self::Unit => "单位",
            Self::Person => "人员",
            Self::Account => "账号",
            Self::Column => "栏目",
            Self::Route => "路由",
            Self::Platform => "平台",
        }
    }
}

/// The name nearest to `wrong`, if one is near enough to be a slip of the hand.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let folded = wrong.to_lowercase();
    let allowed = 1 + wrong.chars().count() / 4;
    let scored = known.into_iter().filter_map(|name| {
        let distance = strsim::osa_distance(&folded, &name.to_lowercase());
        (distance <= allowed && distance < name.chars().count()).then_some((distance, name))
    });
    scored.min().map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let known = ["weibo", "wechat", "mock"];
        assert_eq!(nearest("weibbo", known).as_deref(), Some("weibo"));
        assert_eq!(nearest("wiebo", known).as_deref(), Some("weibo"));
        assert_eq!(nearest("WECHAT", known).as_deref(), Some("wechat"));
        assert_eq!(nearest("douyin", known), None);
        assert_eq!(nearest("x", ["a"]), None);
    }
}
