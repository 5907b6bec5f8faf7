//! Routes: which accounts an item goes to, and where published items are forwarded. First form; plain values in, plain
//! values out (R-44, P23: each origin at most once per target, no loops).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ColumnId, Platform, RouteId, UnitCode};

/// One route of `routes.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    pub id: RouteId,
    pub when: Match,
    /// Where it goes, in the order of the file, each account once.
    pub to: Vec<AccountId>,
    pub kind: RouteKind,
    pub enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// An approved item that matches gets a delivery on each account of `to`.
    Publish,
    /// What was published on an account of `when.accounts` is forwarded to each account of `to`.
    Forward,
}

/// Which items a route takes. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Match {
    pub units: Vec<UnitCode>,
    pub columns: Vec<ColumnId>,
    pub platforms: Vec<Platform>,
    /// For forwards: published on one of these.
    pub accounts: Vec<AccountId>,
}

/// What a route looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub unit: &'a UnitCode,
    pub column: Option<&'a ColumnId>,
}

/// What was just published, as far as forwarding goes.
#[derive(Debug, Clone, Copy)]
pub struct PublishedOn<'a> {
    pub subject: Subject<'a>,
    pub account: &'a AccountId,
    pub platform: &'a Platform,
    /// How many forwards lie between this and the original; 0 for an original.
    pub hops: u32,
    /// Accounts that already have this origin, whatever came of it.
    pub already: &'a BTreeSet<AccountId>,
}

/// A forward to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub route: RouteId,
    pub account: AccountId,
}

/// A forward of a forward of a forward is the last one.
pub const MOST_HOPS: u32 = 3;

impl Match {
    fn takes(&self, subject: Subject<'_>) -> bool {
        let unit = self.units.is_empty() || self.units.contains(subject.unit);
        let column = self.columns.is_empty() || subject.column.is_some_and(|c| self.columns.contains(c));
        unit && column
    }

    fn takes_published(&self, what: &PublishedOn<'_>) -> bool {
        self.takes(what.subject)
            && (self.accounts.is_empty() || self.accounts.contains(what.account))
            && (self.platforms.is_empty() || self.platforms.contains(what.platform))
    }
}

/// The accounts an approved item goes to by route: in the order of the file, each once. `platform_of` knows the
/// platform of an account; a route limited to platforms skips the others.
pub fn targets<'a>(
    routes: &'a [Route],
    subject: Subject<'_>,
    platform_of: impl Fn(&AccountId) -> Option<&'a Platform>,
) -> Vec<(RouteId, AccountId)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for route in routes.iter().filter(|r| r.enabled && r.kind == RouteKind::Publish && r.when.takes(subject))
    {
        for account in &route.to {
            let wanted = route.when.platforms.is_empty()
                || platform_of(account).is_some_and(|p| route.when.platforms.contains(p));
            if wanted && seen.insert(account) {
                found.push((route.id.clone(), account.clone()));
            }
        }
    }
    found
}

/// The forwards that follow from something published. Never back to where it came from, never to an account that has
/// this origin already, never deeper than [`MOST_HOPS`].
pub fn follow(routes: &[Route], published: &PublishedOn<'_>) -> Vec<Forward> {
    if published.hops >= MOST_HOPS {
        return Vec::new();
    }
    let mut seen: BTreeSet<&AccountId> = BTreeSet::from([published.account]);
    let mut forwards = Vec::new();
    for route in routes.iter().filter(|r| r.enabled && r.kind == RouteKind::Forward) {
        if !route.when.takes_published(published) {
            continue;
        }
        for account in &route.to {
            if !published.already.contains(account) && seen.insert(account) {
                forwards.push(Forward { route: route.id.clone(), account: account.clone() });
            }
        }
    }
    forwards
}

/// A circle of forwarding routes: following them in order comes back to the first account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// `(route, account it forwards to)`; the last account is the one the first route forwards from.
    pub steps: Vec<(RouteId, AccountId)>,
}

/// The first circle among enabled forwarding routes, if there is one. `accounts` are all accounts with platform and unit;
/// a route without `when.accounts` forwards from each account that the rest of its conditions could let through.
pub fn find_loop(routes: &[Route], accounts: &BTreeMap<AccountId, Platform>) -> Option<Loop> {
    let mut edges: BTreeMap<&AccountId, Vec<(&RouteId, &AccountId)>> = BTreeMap::new();
    for route in routes.iter().filter(|r| r.enabled && r.kind == RouteKind::Forward) {
        for (from, platform) in accounts {
            let listed = route.when.accounts.is_empty() || route.when.accounts.contains(from);
            let platform = route.when.platforms.is_empty() || route.when.platforms.contains(platform);
            if listed && platform {
                // A route from everywhere does not lead on from its own targets: they all have the origin already.
                let everywhere = route.when.accounts.is_empty();
                if !(everywhere && route.to.contains(from)) {
                    edges.entry(from).or_default().extend(route.to.iter().map(|to| (&route.id, to)));
                }
            }
        }
    }
    Walk { edges: &edges, done: BTreeSet::new(), path: Vec::new() }.search()
}

/// A depth-first walk with its own stack, so that a long chain of routes cannot exhaust the thread's.
struct Walk<'a> {
    edges: &'a BTreeMap<&'a AccountId, Vec<(&'a RouteId, &'a AccountId)>>,
    done: BTreeSet<&'a AccountId>,
    path: Vec<Visit<'a>>,
}

struct Visit<'a> {
    account: &'a AccountId,
    /// The route that led here.
    by: Option<&'a RouteId>,
    next: usize,
}

impl<'a> Walk<'a> {
    fn search(mut self) -> Option<Loop> {
        let starts: Vec<&'a AccountId> = self.edges.keys().copied().collect();
        for start in starts {
            if !self.done.contains(start) {
                self.path.push(Visit { account: start, by: None, next: 0 });
                if let Some(found) = self.descend() {
                    return Some(found);
                }
            }
        }
        None
    }

    fn descend(&mut self) -> Option<Loop> {
        while let Some(visit) = self.path.last_mut() {
            let edges: &'a [_] = self.edges.get(visit.account).map_or(&[], Vec::as_slice);
            let Some(&(route, to)) = edges.get(visit.next) else {
                self.done.insert(visit.account);
                self.path.pop();
                continue;
            };
            visit.next += 1;
            if let Some(start) = self.path.iter().position(|v| v.account == to) {
                let inner = self.path.iter().skip(start + 1);
                let mut steps: Vec<_> =
                    inner.filter_map(|v| Some((v.by?.clone(), v.account.clone()))).collect();
                steps.push((route.clone(), to.clone()));
                return Some(Loop { steps });
            }
            if !self.done.contains(to) {
                self.path.push(Visit { account: to, by: Some(route), next: 0 });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forward(id: &str, from: &[&str], to: &[&str]) -> Route {
        Route {
            id: id.into(),
            when: Match { accounts: from.iter().map(|a| (*a).into()).collect(), ..Match::default() },
            to: to.iter().map(|a| (*a).into()).collect(),
            kind: RouteKind::Forward,
            enabled: true,
        }
    }

    fn world(names: &[&str]) -> BTreeMap<AccountId, Platform> {
        names.iter().map(|n| ((*n).into(), "weibo".into())).collect()
    }

    fn followed(routes: &[Route], from: &str, already: &[&str], hops: u32) -> Vec<String> {
        let already = already.iter().map(|a| (*a).into()).collect();
        let (unit, account, platform) = ("D07".into(), from.into(), "weibo".into());
        let published = PublishedOn {
            subject: Subject { unit: &unit, column: None },
            account: &account,
            platform: &platform,
            hops,
            already: &already,
        };
        follow(routes, &published).into_iter().map(|f| format!("{}>{}", f.route, f.account)).collect()
    }

    #[test]
    fn a_forward_goes_once_to_each_target_and_never_back() {
        let routes = [forward("a", &["x"], &["y", "z", "x"]), forward("b", &[], &["z", "w"])];
        assert_eq!(followed(&routes, "x", &[], 0), ["a>y", "a>z", "b>w"]);
        assert_eq!(followed(&routes, "x", &["y", "w"], 0), ["a>z"]);
        assert!(followed(&routes, "x", &[], MOST_HOPS).is_empty());
    }

    #[test]
    fn a_loop_names_every_route_on_it() {
        let routes =
            [forward("a", &["x"], &["y"]), forward("b", &["y"], &["z"]), forward("c", &["z"], &["x"])];
        let found = find_loop(&routes, &world(&["x", "y", "z"])).unwrap();
        let steps: Vec<_> = found.steps.iter().map(|(r, a)| format!("{r}>{a}")).collect();
        assert_eq!(steps, ["a>y", "b>z", "c>x"]);
        assert_eq!(find_loop(&routes[..2], &world(&["x", "y", "z"])), None);
    }

    #[test]
    fn a_route_to_its_own_account_is_a_loop_and_one_from_everywhere_is_not() {
        let own = find_loop(&[forward("a", &["x"], &["x"])], &world(&["x"])).unwrap();
        assert_eq!(own.steps, [("a".into(), "x".into())]);
        assert_eq!(find_loop(&[forward("a", &[], &["x"])], &world(&["x", "y"])), None);
        assert_eq!(find_loop(&[forward("a", &[], &["x", "y"])], &world(&["x", "y", "z"])), None);
    }

    #[test]
    fn a_disabled_route_neither_forwards_nor_loops() {
        let mut route = forward("a", &["x"], &["x", "y"]);
        route.enabled = false;
        assert!(followed(std::slice::from_ref(&route), "x", &[], 0).is_empty());
        assert_eq!(find_loop(&[route], &world(&["x", "y"])), None);
    }

    proptest! {
        /// P23: however the routes are drawn, an origin reaches each account at most once and the walk ends.
        #[test]
        fn p23_forwards_neither_loop_nor_multiply(edges in prop::collection::vec((0u8..20, 0u8..20), 0..80)) {
            let name = |n: u8| format!("a{n}");
            let routes: Vec<Route> = edges
                .iter()
                .enumerate()
                .map(|(i, (from, to))| forward(&format!("r{i}"), &[&name(*from)], &[&name(*to)]))
                .collect();
            let mut has = BTreeSet::from([AccountId::from("a0")]);
            let mut queue = vec![(AccountId::from("a0"), 0)];
            while let Some((account, hops)) = queue.pop() {
                let already: Vec<&str> = has.iter().map(AccountId::as_str).collect();
                for line in followed(&routes, account.as_str(), &already, hops) {
                    let target = AccountId::new(line.split('>').next_back().unwrap());
                    prop_assert!(has.insert(target.clone()), "{} twice", target);
                    queue.push((target, hops + 1));
                }
            }
        }
    }
}
