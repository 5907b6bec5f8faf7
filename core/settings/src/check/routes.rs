//! Routes: every name leads somewhere, and no forwarding goes round in a circle (Y38, P23).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use juzhen_domain::id::{AccountId, Platform, RouteId};
use juzhen_domain::matrix::{Account, AccountStatus};
use juzhen_domain::route::{self, Match, Route, RouteKind};

use super::Desk;
use crate::fault::Place;
use crate::files::{RouteSection, RoutesFile};
use crate::form::At;
use crate::problem::{MatterProblem, Thing};

/// Most loops in one report: one wrong line can close very many.
const MOST_LOOPS: usize = 10;

pub(crate) fn build(
    desk: &mut Desk<'_>,
    file: usize,
    found: &RoutesFile,
    accounts: &BTreeMap<AccountId, Account>,
) -> Vec<Route> {
    for section in &found.routes {
        check_names(desk, file, section);
        check_targets(desk, file, section, accounts);
        check_conditions(desk, file, section, accounts);
    }
    let routes: Vec<Route> = found.routes.iter().filter_map(plain).collect();
    check_loops(desk, file, found, &routes, accounts);
    routes
}

fn plain(section: &RouteSection) -> Option<Route> {
    fn values<T: Clone>(list: &[At<T>]) -> Vec<T> {
        list.iter().map(|at| at.value.clone()).collect()
    }
    let when = Match {
        units: values(&section.when.units),
        columns: values(&section.when.columns),
        platforms: values(&section.when.platforms),
        accounts: values(&section.when.accounts),
    };
    let id = section.id.value.clone();
    Some(Route { id, when, to: values(section.to.as_ref()?), kind: section.kind?, enabled: section.enabled? })
}

fn check_names(desk: &mut Desk<'_>, file: usize, section: &RouteSection) {
    for unit in &section.when.units {
        desk.refer(file, Thing::Unit, unit);
    }
    for column in &section.when.columns {
        desk.refer(file, Thing::Column, column);
    }
    for account in section.when.accounts.iter().chain(section.to.iter().flatten()) {
        desk.refer(file, Thing::Account, account);
    }
}

fn check_targets(
    desk: &mut Desk<'_>,
    file: usize,
    section: &RouteSection,
    accounts: &BTreeMap<AccountId, Account>,
) {
    let Some(to) = &section.to else { return };
    if to.is_empty() {
        desk.error(file, section.id.place, MatterProblem::RouteWithoutTargets);
    }
    let mut seen = BTreeSet::new();
    for target in to {
        let account = target.value.to_string();
        if !seen.insert(&target.value) {
            desk.error(file, target.place, MatterProblem::TargetTwice { account: account.clone() });
        }
        let listed = section.when.accounts.iter().any(|from| from.value == target.value);
        if section.kind == Some(RouteKind::Forward) && listed {
            desk.error(file, target.place, MatterProblem::RouteToItself { account: account.clone() });
        }
        if section.enabled == Some(false) {
            continue;
        }
        match accounts.get(&target.value).map(|found| found.status) {
            Some(AccountStatus::Planned) => inactive(desk, file, target.place, account, "planned"),
            Some(AccountStatus::Closing) => inactive(desk, file, target.place, account, "closing"),
            Some(AccountStatus::Closed) => inactive(desk, file, target.place, account, "closed"),
            // A pause of a day must not need a change of the routes.
            Some(AccountStatus::Suspended) => {
                desk.warning(file, target.place, MatterProblem::RouteToSuspended { account });
            }
            Some(AccountStatus::Active) | None => {}
        }
    }
}

fn inactive(desk: &mut Desk<'_>, file: usize, place: Place, account: String, status: &'static str) {
    desk.error(file, place, MatterProblem::RouteToInactive { account, status });
}

/// Conditions that no account of the route can meet would make it silently do nothing.
fn check_conditions(
    desk: &mut Desk<'_>,
    file: usize,
    section: &RouteSection,
    accounts: &BTreeMap<AccountId, Account>,
) {
    if section.kind == Some(RouteKind::Publish)
        && let Some(first) = section.when.accounts.first()
    {
        desk.error(file, first.place, MatterProblem::SourcesOfPublish);
    }
    let concerned = match section.kind {
        Some(RouteKind::Publish) => section.to.as_deref().unwrap_or_default(),
        Some(RouteKind::Forward) => &section.when.accounts,
        None => return,
    };
    let known: Vec<&Platform> =
        concerned.iter().filter_map(|at| accounts.get(&at.value)).map(|account| &account.platform).collect();
    if known.is_empty() || known.len() < concerned.len() {
        return;
    }
    for platform in section.when.platforms.iter().filter(|at| !known.contains(&&at.value)) {
        let problem = MatterProblem::RouteNeverMatches { platform: platform.value.to_string() };
        desk.error(file, platform.place, problem);
    }
}

/// A route that forwards to itself is reported as that; it does not count again as a loop.
fn check_loops(
    desk: &mut Desk<'_>,
    file: usize,
    found: &RoutesFile,
    routes: &[Route],
    accounts: &BTreeMap<AccountId, Account>,
) {
    let mut open: Vec<Route> = routes.to_vec();
    for route in &mut open {
        if route.kind == RouteKind::Forward {
            let from = &route.when.accounts;
            route.to.retain(|to| !from.contains(to));
        }
    }
    // Only an account that is forwarded to and forwarded from can lie on a circle; the others need not be walked.
    let forwards = || open.iter().filter(|route| route.kind == RouteKind::Forward && route.enabled);
    let everywhere = forwards().any(|route| route.when.accounts.is_empty());
    let sources: HashSet<&AccountId> = forwards().flat_map(|route| &route.when.accounts).collect();
    let reached: BTreeMap<AccountId, Platform> = forwards()
        .flat_map(|route| &route.to)
        .filter(|to| everywhere || sources.contains(to))
        .filter_map(|to| accounts.get(to).map(|account| (to.clone(), account.platform.clone())))
        .collect();
    for _ in 0..MOST_LOOPS {
        let Some(circle) = route::find_loop(&open, &reached) else { return };
        let ids: Vec<&RouteId> = circle.steps.iter().map(|(route, _)| route).collect();
        let place = |id: &RouteId| found.routes.iter().find(|r| r.id.value == *id).map(|r| r.id.place);
        let mut places: Vec<(&RouteId, Place)> =
            ids.iter().filter_map(|id| Some((*id, place(id)?))).collect();
        places.sort_by_key(|(_, place)| *place);
        places.dedup();
        let Some(((_, here), others)) = places.split_first() else { return };
        let others = if others.is_empty() { &places[..] } else { others };
        let others: Vec<String> =
            others.iter().map(|(id, place)| format!("`{id}` ({})", desk.place_text(file, *place))).collect();
        let problem = MatterProblem::RouteLoop { way: way_text(&circle), others: others.join(", ") };
        desk.error(file, *here, problem);
        let last = circle.steps.last().map(|(route, _)| route.clone());
        open.retain(|route| Some(&route.id) != last.as_ref());
    }
}

/// `W000 → [a] → W005 → [b] → W000`
fn way_text(circle: &route::Loop) -> String {
    let start = circle.steps.last().map(|(_, account)| account.to_string()).unwrap_or_default();
    circle.steps.iter().fold(start, |way, (route, account)| format!("{way} → [{route}] → {account}"))
}
