//! One module for each file of the configuration folder: its sections, each field with meaning, unit and default.

mod columns;
mod district;
mod procedures;
mod routes;
mod unit;

pub(crate) use columns::{ColumnSection, ColumnsFile};
pub(crate) use district::{AdapterSection, DistrictFile, DistrictSection};
pub use district::{
    CapSettings, District, Isolation, NoticeSettings, PublishSettings, RetrySettings, Sandbox,
    ServerSettings, StorageSettings,
};
pub(crate) use procedures::ProceduresFile;
pub use procedures::{ProcedureSettings, StepSettings};
pub(crate) use routes::{RouteSection, RoutesFile};
pub use unit::QuotaSettings;
pub(crate) use unit::{AccountSection, UnitFile};

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
        Self::SINGLE.iter().find(|(single, _)| *single == name).map(|(_, kind)| *kind)
    }
}

/// What a file says; `None` where faults left nothing to look at further.
#[derive(Debug)]
pub(crate) enum Content {
    District(Option<Box<DistrictFile>>),
    Columns(Option<ColumnsFile>),
    Procedures(Option<ProceduresFile>),
    Routes(Option<RoutesFile>),
    Unit(Option<UnitFile>),
}

impl Content {
    pub(crate) fn read(kind: FileKind, node: Option<&Node<'_>>, notes: &mut Notes) -> Self {
        match kind {
            FileKind::District => Self::District(of(node, notes).map(Box::new)),
            FileKind::Columns => Self::Columns(of(node, notes)),
            FileKind::Procedures => Self::Procedures(of(node, notes)),
            FileKind::Routes => Self::Routes(of(node, notes)),
            FileKind::Unit => Self::Unit(of(node, notes)),
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
