//! One module for each file of the configuration folder: its sections, each field with meaning, unit and default.

mod columns;
mod district;
mod leaders;
mod lexicon;
mod procedures;
mod routes;
mod unit;
mod words;

pub(crate) use columns::{ColumnSection, ColumnsFile};
pub(crate) use district::{AdapterSection, DistrictFile, DistrictSection};
pub use district::{
    CapSettings, CheckSettings, District, Isolation, NoticeSettings, PolicySettings, PublishSettings,
    RetrySettings, ReviewSettings, Sandbox, ServerSettings, StorageSettings,
};
pub(crate) use leaders::{LeaderSection, LeadersFile};
pub(crate) use lexicon::LexiconFile;
pub(crate) use procedures::ProceduresFile;
pub use procedures::{ProcedureSettings, StepSettings};
pub(crate) use routes::{RouteSection, RoutesFile};
pub use unit::QuotaSettings;
pub(crate) use unit::{AccountSection, PersonSection, UnitFile};
pub(crate) use words::WordList;

use crate::read::{Form, Notes};
use crate::tree::Node;

/// Which file a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    District,
    Columns,
    Procedures,
    Routes,
    Unit,
    /// 领导名录; may be missing.
    Leaders,
    /// A word list as YAML.
    Lexicon,
    /// A word list as plain text, such as others hand out.
    Words,
}

impl FileKind {
    /// Files that must be there; a missing one is a fault, not an empty one.
    pub(crate) const SINGLE: [(&'static str, Self); 4] = [
        ("columns.yaml", Self::Columns),
        ("district.yaml", Self::District),
        ("procedures.yaml", Self::Procedures),
        ("routes.yaml", Self::Routes),
    ];

    /// `name` is relative to the folder.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if let Some(file) = name.strip_prefix("units/") {
            let unit = file.ends_with(".yaml") && !file.contains('/') && !file.starts_with('.');
            return unit.then_some(Self::Unit);
        }
        if let Some(file) = name.strip_prefix("lexicons/") {
            let plain = !file.contains('/') && !file.starts_with('.');
            let kind = if file.ends_with(".yaml") {
                Some(Self::Lexicon)
            } else {
                is_word_list(file).then_some(Self::Words)
            };
            return kind.filter(|_| plain);
        }
        if name == "leaders.yaml" {
            return Some(Self::Leaders);
        }
        Self::SINGLE.iter().find(|(single, _)| *single == name).map(|(_, kind)| *kind)
    }

    /// Whether it is YAML, which says where it ends. Lists come from elsewhere, and say nothing.
    pub(crate) fn has_end_mark(self) -> bool {
        !matches!(self, Self::Lexicon | Self::Words)
    }
}

/// Names under which plain word lists are handed around.
pub(crate) fn is_word_list(name: &str) -> bool {
    [".txt", ".tsv", ".csv", ".dic"].iter().any(|end| name.ends_with(end))
}

/// What a file says; `None` where faults left nothing to look at further.
#[derive(Debug)]
pub(crate) enum Content {
    District(Option<Box<DistrictFile>>),
    Columns(Option<ColumnsFile>),
    Procedures(Option<ProceduresFile>),
    Routes(Option<RoutesFile>),
    Unit(Option<UnitFile>),
    Leaders(Option<LeadersFile>),
    Lexicon(Option<LexiconFile>),
    Words(WordList),
}

impl Content {
    pub(crate) fn read(kind: FileKind, node: Option<&Node<'_>>, notes: &mut Notes) -> Self {
        match kind {
            FileKind::District => Self::District(of(node, notes).map(Box::new)),
            FileKind::Columns => Self::Columns(of(node, notes)),
            FileKind::Procedures => Self::Procedures(of(node, notes)),
            FileKind::Routes => Self::Routes(of(node, notes)),
            FileKind::Unit => Self::Unit(of(node, notes)),
            FileKind::Leaders => Self::Leaders(of(node, notes)),
            FileKind::Lexicon => Self::Lexicon(of(node, notes)),
            // Read as text: `WordList::read`.
            FileKind::Words => Self::Words(WordList::default()),
        }
    }
}

impl Content {
    /// Whether so little could be read that what the file defines is not known.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::District(found) => found.is_none(),
            Self::Columns(found) => found.is_none(),
            Self::Procedures(found) => found.is_none(),
            Self::Routes(found) => found.is_none(),
            Self::Unit(found) => found.is_none(),
            Self::Leaders(found) => found.is_none(),
            Self::Lexicon(found) => found.is_none(),
            Self::Words(_) => false,
        }
    }
}

fn of<F: Form<Out = F>>(node: Option<&Node<'_>>, notes: &mut Notes) -> Option<F> {
    F::read(node?, notes)
}

/// A section of which nothing is written.
pub(crate) fn absent<F: Form<Out = F>>() -> Option<F> {
    F::read(&Node::nothing(), &mut Notes::default())
}
