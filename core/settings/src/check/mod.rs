//! What the files say of each other: ids that exist once, references that lead somewhere, rules that can be kept.

mod accounts;
mod matrix;
mod review;
mod routes;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::fault::{Finding, Place};
use crate::files::{
    AdapterSection, ColumnsFile, Content, DistrictFile, DistrictSection, LeaderSection, ProceduresFile,
    RoutesFile, UnitFile,
};
use crate::form::At;
use crate::load::Parsed;
use crate::problem::{MatterProblem, Thing, nearest};
use crate::settings::{
    AdapterSettings, CheckSettings, Checks, District, Installed, Isolation, Revision, Sandbox, Settings,
    Sources,
};

/// What came out: settings when everything needed was readable, and findings with the number of their file.
pub(crate) struct Checked {
    /// Without revision and sources; only good when there is no error, here or in any file.
    pub(crate) settings: Option<Settings>,
    pub(crate) findings: Vec<(usize, Finding)>,
}

/// Checks all files together.
pub(crate) fn check(set: &[&Parsed], installed: Option<&Installed>) -> Checked {
    let ids = set.iter().map(|parsed| parsed.defined.len()).sum();
    let mut desk = Desk { set, index: HashMap::with_capacity(ids), findings: Vec::new(), installed };
    desk.index_ids();
    let settings = build(&mut desk);
    Checked { settings, findings: desk.findings }
}

fn build(desk: &mut Desk<'_>) -> Option<Settings> {
    let single = desk.single_files();
    let units = desk.units();
    let office = matrix::check_office(desk, single.district, &units);
    let adapters = single.district.and_then(|(file, district)| Some((file, district.adapters.as_ref()?)));
    let adapters = adapters.map(|(file, section)| accounts::adapters(desk, file, section));
    let built = matrix::build(desk, &units);
    let accounts = accounts::build(desk, &units, adapters.as_ref(), office.as_ref());
    let columns =
        single.columns.map(|(file, columns)| matrix::columns(desk, file, columns, adapters.as_ref()));
    let routes = single.routes.map(|(file, routes)| routes::build(desk, file, routes, &accounts));
    let procedures = single
        .procedures
        .map(|(file, found)| review::build(desk, file, found, &built.people, office.as_ref()));
    let (_, district) = single.district?;
    Some(Settings {
        revision: Revision(String::new()),
        district: plain_district(district.district.as_ref()?)?,
        storage: district.storage.clone()?,
        server: district.server.clone()?,
        adapters: adapters?,
        publish: district.publish.clone()?,
        policy: district.policy.clone()?,
        review: district.review.clone()?,
        notices: district.notices.clone()?,
        checks: checks(desk, district.checks.clone()?),
        units: built.units,
        quotas: built.quotas,
        people: built.people,
        accounts,
        columns: columns?,
        procedures: procedures?,
        routes: routes?,
        sources: Sources::new(),
    })
}

/// Without the checker, which the loader has at hand when nothing in here has changed.
fn checks(desk: &Desk<'_>, settings: CheckSettings) -> Checks {
    let leaders = desk.set.iter().filter_map(|parsed| match &parsed.content {
        Content::Leaders(Some(file)) => Some(&file.leaders),
        _ => None,
    });
    let lexicons = desk.set.iter().filter_map(|parsed| Some((parsed.name.clone(), parsed.lexicon()?)));
    Checks {
        settings,
        lexicons: lexicons.collect(),
        leaders: leaders.flatten().map(LeaderSection::plain).collect(),
        checker: Arc::default(),
    }
}

fn plain_district(section: &DistrictSection) -> Option<District> {
    Some(District {
        code: section.code.clone()?,
        name: section.name.clone()?,
        short_name: section.short_name.clone()?,
        office_unit: section.office_unit.value.clone(),
        timezone: section.timezone.clone()?,
    })
}

/// Everything the checks look at, and where they put what they find.
pub(crate) struct Desk<'a> {
    set: &'a [&'a Parsed],
    /// Where each id was given first.
    index: HashMap<(Thing, &'a str), (usize, Place)>,
    findings: Vec<(usize, Finding)>,
    pub(crate) installed: Option<&'a Installed>,
}

/// A file's number in the set, and what it says.
pub(crate) type In<'a, T> = (usize, &'a T);

/// The files of which there is one each; `None` where nothing could be read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Single<'a> {
    pub(crate) district: Option<In<'a, DistrictFile>>,
    columns: Option<In<'a, ColumnsFile>>,
    procedures: Option<In<'a, ProceduresFile>>,
    routes: Option<In<'a, RoutesFile>>,
}

impl<'a> Desk<'a> {
    /// A desk for another thread; it knows no ids, and its findings are added to this one's.
    fn aside(&self) -> Self {
        Desk { set: self.set, index: HashMap::new(), findings: Vec::new(), installed: self.installed }
    }

    pub(crate) fn error(&mut self, file: usize, place: Place, problem: MatterProblem) {
        self.findings.push((file, Finding::error(place, problem)));
    }

    pub(crate) fn warning(&mut self, file: usize, place: Place, problem: MatterProblem) {
        self.findings.push((file, Finding::warning(place, problem)));
    }

    /// `file:line:column`
    pub(crate) fn place_text(&self, file: usize, place: Place) -> String {
        let name = self.set.get(file).map_or("?", |parsed| parsed.name.as_str());
        format!("{name}:{}:{}", place.line, place.column)
    }

    /// Notes a reference that leads nowhere.
    pub(crate) fn refer<T: AsRef<str>>(&mut self, file: usize, thing: Thing, id: &At<T>) -> bool {
        let text = id.value.as_ref();
        if self.index.contains_key(&(thing, text)) {
            return true;
        }
        if !self.may_be_defined_elsewhere(thing) {
            let known = self.index.keys().filter(|(other, _)| *other == thing).map(|(_, id)| *id);
            let near = nearest(text, known);
            self.error(file, id.place, MatterProblem::Unknown { thing, id: text.to_owned(), near });
        }
        false
    }

    /// A file that could not be read at all may define anything of its kind: nothing is called unknown for its sake.
    fn may_be_defined_elsewhere(&self, thing: Thing) -> bool {
        self.set.iter().any(|parsed| {
            let defines = match parsed.content {
                Content::Unit(_) => matches!(thing, Thing::Unit | Thing::Person | Thing::Account),
                Content::Columns(_) => thing == Thing::Column,
                _ => false,
            };
            defines && parsed.content.is_lost()
        })
    }

    fn index_ids(&mut self) {
        self.index.reserve(self.set.iter().map(|parsed| parsed.defined.len()).sum());
        let mut twice = Vec::new();
        for (file, parsed) in self.set.iter().enumerate() {
            for given in &parsed.defined {
                match self.index.entry((given.thing, given.id.as_str())) {
                    Entry::Vacant(entry) => drop(entry.insert((file, given.place))),
                    Entry::Occupied(entry) => twice.push((file, given, *entry.get())),
                }
            }
        }
        for (file, given, (first_file, first)) in twice {
            let first = self.place_text(first_file, first);
            let problem = MatterProblem::DefinedTwice { thing: given.thing, id: given.id.clone(), first };
            self.error(file, given.place, problem);
        }
    }

    fn single_files(&self) -> Single<'a> {
        let mut single = Single::default();
        for (file, parsed) in self.set.iter().enumerate() {
            match &parsed.content {
                Content::District(found) => single.district = found.as_deref().map(|found| (file, found)),
                Content::Columns(found) => single.columns = found.as_ref().map(|found| (file, found)),
                Content::Procedures(found) => single.procedures = found.as_ref().map(|found| (file, found)),
                Content::Routes(found) => single.routes = found.as_ref().map(|found| (file, found)),
                Content::Unit(_) | Content::Leaders(_) | Content::Lexicon(_) | Content::Words(_) => {}
            }
        }
        single
    }

    fn units(&self) -> Vec<In<'a, UnitFile>> {
        let units = self.set.iter().enumerate().filter_map(|(file, parsed)| match &parsed.content {
            Content::Unit(Some(unit)) => Some((file, unit)),
            _ => None,
        });
        units.collect()
    }
}

/// The adapters' section without its places.
pub(crate) fn plain_adapters(section: &AdapterSection) -> AdapterSettings {
    let table = |entries: &[(At<String>, serde_json::Value)]| {
        entries.iter().map(|(key, value)| (key.value.clone(), value.clone())).collect()
    };
    AdapterSettings {
        directory: section.directory.clone(),
        secrets_directory: section.secrets_directory.clone(),
        // A value with a fault is in the report; these settings are never used then.
        isolation: section.isolation.unwrap_or(Isolation::Process),
        isolation_of: section.isolation_of.iter().map(|(name, how)| (name.value.clone(), *how)).collect(),
        sandbox: section.sandbox.unwrap_or(Sandbox::Required),
        allow_private_egress: section.allow_private_egress.unwrap_or(false),
        serve: section.serve.iter().map(|(p, a)| (p.value.as_str().into(), a.value.clone())).collect(),
        defaults: section
            .defaults
            .iter()
            .map(|(name, entries)| (name.value.clone(), table(entries)))
            .collect(),
    }
}
