//! What is tortured: a district with many accounts, a load of items with known times, and the judge of what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_sandbox::{Effect, EffectKind, EffectState, Expectation, SandboxHandle};
use juzhen_tests::{Api, Daemon, District, Run, Stage, item};
use serde_json::{Value, json};

/// A district, its platform, and what was planned for it.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) district: District,
    pub(crate) api: Api,
    pub(crate) planned: Vec<Planned>,
    /// account → the account that forwards it
    forwards: BTreeMap<String, String>,
}

/// One item that the office wants out.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) targets: Vec<String>,
    pub(crate) due: Timestamp,
    pub(crate) latest: Timestamp,
    /// Once the daemon has acknowledged it.
    pub(crate) id: Option<String>,
    /// The daemon has acknowledged the approval.
    pub(crate) approved: bool,
}

/// State → deliveries in it, at the end.
pub(crate) type Tally = BTreeMap<String, usize>;

/// Short enough for a test: what was refused is tried again within seconds, and a doubt is looked at every few.
pub(crate) const IMPATIENT: &str = "\x20 retry: {most: 4, first_pause_seconds: 1, longest_pause_seconds: 5}\n\x20 call_deadline_seconds: 10\n";

/// The way from the daemon to the platform may take this long; what left in time is not late.
const ON_THE_WAY: Duration = Duration::from_secs(2);

impl World {
    /// Accounts `T000`, `T001`, … of the unit D07, whose officer is `d07.xx`.
    pub(crate) async fn new(accounts: usize) -> Self {
        let stage = Stage::start().await;
        let district = District::new(&stage.mock_url());
        district.write_district(&stage.mock_url(), IMPATIENT);
        let names: Vec<String> = (0..accounts).map(account).collect();
        district.unit("D07", "department", &names.iter().map(String::as_str).collect::<Vec<_>>());
        let api = Api::new(district.data());
        Self { stage, district, api, planned: Vec::new(), forwards: BTreeMap::new() }
    }

    /// What is published on `from` is forwarded by `to`.
    pub(crate) fn forward(&mut self, from: &str, to: &str) {
        self.forwards.insert(from.to_owned(), to.to_owned());
        let routes: String = self
            .forwards
            .iter()
            .map(|(from, to)| {
                format!("  - {{id: {from}, kind: forward, when: {{accounts: [{from}]}}, to: [{to}]}}\n")
            })
            .collect();
        self.district.write("routes.yaml", &format!("routes:\n{routes}"));
    }

    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&Run::default())
    }

    pub(crate) fn start_with(&self, run: &Run) -> Daemon {
        Daemon::start_as(&self.api, &self.district, run)
    }

    /// Plans an item, and tells the judge what may be said of it, where and when.
    pub(crate) fn plan(&mut self, text: &str, targets: &[String], due: Timestamp, latest: Timestamp) {
        let planned = Planned::new(self.planned.len(), text, targets, due, latest);
        planned.expect(&self.stage.handle);
        let from = targets.iter().filter_map(|target| self.forwards.get(target));
        let forwards = from.map(|to| Expectation::of(to, "", "").not_before(due.as_millisecond()));
        self.stage.handle.expect(forwards).unwrap();
        self.planned.push(planned);
    }

    /// Submits and approves what the daemon has not acknowledged yet. Says the same again, with the same key, to whichever
    /// daemon there is; ends early when the daemon does. True: everything is acknowledged.
    pub(crate) async fn ask(&mut self) -> bool {
        for planned in &mut self.planned {
            if !planned.ask(&self.api).await {
                return false;
            }
        }
        true
    }

    /// Waits until nothing moves any more without a person: everything planned is terminal or needs one (P3).
    pub(crate) async fn settled(&self, within: Duration) {
        let start = Instant::now();
        loop {
            let open = open(&self.api.deliveries().await);
            if open.is_empty() && self.all_forwarded().await {
                return;
            }
            assert!(start.elapsed() < within, "P3: still {open:#?}\n{}", self.api.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Every published origin has its forward.
    async fn all_forwarded(&self) -> bool {
        let deliveries = self.api.deliveries().await;
        let has = |item: &Value, account: &str| {
            deliveries.iter().any(|d| d["item"] == *item && d["account"] == account)
        };
        deliveries
            .iter()
            .filter(|d| d["state"] == "published")
            .all(|d| self.forwards.get(d["account"].as_str().unwrap()).is_none_or(|to| has(&d["item"], to)))
    }

    /// Compares the platform's ledger with what was planned and with what the daemon says. Fails on the first lie.
    pub(crate) async fn judge(&self) -> Tally {
        self.stage.assert_clean();
        let deliveries = self.api.deliveries().await;
        let effects = self.stage.ledger().effects;
        let mut tally = Tally::new();
        for planned in self.planned.iter().filter(|planned| planned.approved) {
            let id = planned.id.as_deref().unwrap();
            let own: Vec<&Value> = deliveries.iter().filter(|d| d["item"] == id).collect();
            let accounts: BTreeSet<&str> = own.iter().map(|d| d["account"].as_str().unwrap()).collect();
            for target in &planned.targets {
                assert!(accounts.contains(target.as_str()), "lost: {} on {target}", planned.text);
            }
            for delivery in own {
                self.judge_one(&effects, planned, delivery);
                *tally.entry(delivery["state"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        tally
    }

    /// On each account posts stand in the order of their times, but for those of which `may_be_later` holds: the platform
    /// itself put them off.
    pub(crate) fn judge_order(&self, may_be_later: impl Fn(&Planned) -> bool) {
        let mut last: BTreeMap<String, &Planned> = BTreeMap::new();
        for effect in self.stage.ledger().effects {
            let same = |planned: &&Planned| planned.text == effect.text && effect.kind == EffectKind::Post;
            let Some(planned) = self.planned.iter().find(same).filter(|one| !may_be_later(one)) else {
                continue;
            };
            if let Some(before) = last.insert(effect.account.clone(), planned) {
                let (this, that, on) = (&planned.text, &before.text, &effect.account);
                assert!(before.due <= planned.due, "{this} after {that} on {on}\n{}", self.api.log());
            }
        }
    }

    /// Requests that could change something, so far.
    pub(crate) fn requests_to_post(&self) -> u64 {
        let requests = self.stage.ledger().requests;
        requests.iter().filter(|(route, _)| route.starts_with("POST")).map(|(_, count)| count.total).sum()
    }

    fn judge_one(&self, effects: &[Effect], planned: &Planned, delivery: &Value) {
        let account = delivery["account"].as_str().unwrap();
        let of = |is_it: &dyn Fn(&Effect) -> bool| -> Vec<&str> {
            let seen = |e: &&Effect| e.account == account && e.state != EffectState::Refused && is_it(e);
            effects.iter().filter(seen).map(|e| e.id.as_str()).collect()
        };
        let ids = if delivery["kind"] == "forward" {
            let origins: Vec<String> = self.stage.posts(&planned.text).into_iter().map(|e| e.id).collect();
            let of_origin = |e: &Effect| e.origin_id.as_ref().is_some_and(|id| origins.contains(id));
            of(&|e| e.kind == EffectKind::Repost && of_origin(e))
        } else {
            of(&|e| e.kind == EffectKind::Post && e.text == planned.text)
        };
        match delivery["state"].as_str().unwrap() {
            "published" => {
                let receipt = delivery["receipt"]["platform_id"].as_str().unwrap();
                assert_eq!(ids, [receipt], "the receipt is not what is there: {delivery:#}");
            }
            "needs_person" | "in_doubt" => assert!(ids.len() <= 1, "twice: {ids:?} {delivery:#}"),
            "due" | "held" if delivery["resumes"] == true => assert!(ids.len() <= 1, "twice: {delivery:#}"),
            _ => assert!(ids.is_empty(), "it is out, and the daemon says it is not: {delivery:#}"),
        }
    }
}

impl Planned {
    pub(crate) fn new(
        number: usize,
        text: &str,
        targets: &[String],
        due: Timestamp,
        latest: Timestamp,
    ) -> Self {
        let (text, targets) = (text.to_owned(), targets.to_vec());
        Self { number, text, targets, due, latest, id: None, approved: false }
    }

    /// Tells the judge.
    pub(crate) fn expect(&self, platform: &SandboxHandle) {
        let (first, last) = (self.due.as_millisecond(), (self.latest + ON_THE_WAY).as_millisecond());
        let of = |target: &String| Expectation::of(target, "", &self.text).not_before(first).latest(last);
        platform.expect(self.targets.iter().map(of)).unwrap();
    }

    /// See [`World::ask`].
    pub(crate) async fn ask(&mut self, api: &Api) -> bool {
        if self.id.is_none() {
            let targets: Vec<&str> = self.targets.iter().map(String::as_str).collect();
            let body = item(&self.text, &targets);
            let key = format!("submit-{}", self.number);
            let Ok((status, answer)) = api.once("d07.xx", "/api/v1/items", body, &key).await else {
                return false;
            };
            assert!(status.is_success(), "{status} {answer:#}\n{}", api.log());
            self.id = answer["id"].as_str().map(str::to_owned);
        }
        if !self.approved {
            let path = format!("/api/v1/items/{}", self.id.as_deref().unwrap());
            let Ok((_, seen)) = api.try_call("off.hg", "GET", &path, None).await else { return false };
            let decision = json!({
                "decision": "approve", "hash": seen["hash"],
                "publish_at": self.due.to_string(), "latest_at": self.latest.to_string(),
            });
            let (path, key) = (format!("{path}/decisions"), format!("approve-{}", self.number));
            let Ok((status, answer)) = api.once("off.hg", &path, decision, &key).await else {
                return false;
            };
            assert!(status.is_success(), "{status} {answer:#}\n{}", api.log());
            self.approved = true;
        }
        true
    }
}

pub(crate) fn account(number: usize) -> String {
    format!("T{number:03}")
}

/// What still moves by itself.
pub(crate) fn open(deliveries: &[Value]) -> Vec<String> {
    let moves = |d: &&Value| {
        matches!(
            d["state"].as_str().unwrap(),
            "due" | "claimed" | "sending" | "accepted" | "waiting" | "in_doubt"
        )
    };
    let shown =
        |d: &Value| format!("{} {} on {}: {} {}", d["id"], d["kind"], d["account"], d["state"], d["reason"]);
    deliveries.iter().filter(moves).map(shown).collect()
}
