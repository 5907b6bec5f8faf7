//! Compares what the daemon says with what the platforms have, and both with what the fault explains.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use juzhen_sandbox::{Effect, EffectKind, EffectState};
use juzhen_tests::Daemon;
use serde_json::{Value, json};

use crate::ends::{Doubt, End, Way};
use crate::world::{Account, World};

/// Looks at accounts at the same time.
const AT_ONCE: usize = 16;
/// A doubt that no look closes is a person's after the platform's lag (180 s on Weibo) and a minute.
const CLOSED_WITHIN: Duration = Duration::from_secs(420);

/// Account → its delivery.
type Deliveries = BTreeMap<String, Value>;

impl World {
    /// Waits until every delivery is where its fault explains, looks at each that is in doubt, and counts what is out.
    /// A line of how many deliveries are in which state.
    pub(crate) async fn judged(&self, daemon: &Daemon, within: Duration) -> String {
        self.arrived(daemon, within).await;
        let looks = self.accounts.iter().map(|account| self.looked(daemon, account, within));
        stream::iter(looks).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        let deliveries = deliveries(daemon).await;
        for account in &self.accounts {
            self.judge_one(account, &deliveries[&account.id]);
        }
        self.judge_faults();
        self.stage.assert_clean();
        assert!(!daemon.log().contains("canary"), "a secret is in the log");
        tally(&deliveries)
    }

    /// Waits until nothing is in doubt and nothing is with a platform any more, and judges again.
    pub(crate) async fn settled(&self, daemon: &Daemon) {
        let started = Instant::now();
        loop {
            let deliveries = deliveries(daemon).await;
            let is_open = |account: &&Account| match state(&deliveries[&account.id]) {
                // Without a number and without callbacks it is a person's after an hour.
                "accepted" => !account.waits_for_admin(),
                state => matches!(state, "claimed" | "sending" | "in_doubt"),
            };
            let open: Vec<_> = self.accounts.iter().filter(is_open).map(|one| &one.id).collect();
            if open.is_empty() {
                for account in &self.accounts {
                    self.judge_one(account, &deliveries[&account.id]);
                }
                println!("settled after {:.0} s: {}", started.elapsed().as_secs_f64(), tally(&deliveries));
                break;
            }
            assert!(started.elapsed() < CLOSED_WITHIN, "still open: {open:#?}\n{}", daemon.log());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.stage.assert_clean();
    }

    /// What a person has found missing goes out once more on their word, and is out once then.
    pub(crate) async fn sent_again(&self, daemon: &Daemon, within: Duration) {
        let missing: Vec<_> = self.accounts.iter().filter(|account| account.end.is_missing()).collect();
        let before = deliveries(daemon).await;
        for account in &missing {
            let path = format!("/api/v1/deliveries/{}/resolve", before[&account.id]["id"].as_str().unwrap());
            let retry = json!({"found": "retry", "reason": "账号上没有这条内容"});
            let (status, body) = daemon.call("off.hg", "POST", &path, Some(retry)).await;
            assert!(status.is_success(), "{} on {}: {body:#}", account.case, account.id);
        }
        let started = Instant::now();
        loop {
            let now = deliveries(daemon).await;
            let is_out = |account: &&&Account| End::Accepted.states().contains(&state(&now[&account.id]));
            if missing.iter().all(|account| is_out(&account)) {
                break;
            }
            assert!(started.elapsed() < within, "not sent again: {now:#?}\n{}", daemon.log());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        for account in &missing {
            assert_eq!(self.out(account).len(), 1, "{} on {}", account.case, account.id);
        }
        self.stage.assert_clean();
        println!("{} sent again on a person's word, each out once", missing.len());
    }

    async fn arrived(&self, daemon: &Daemon, within: Duration) {
        let started = Instant::now();
        loop {
            let deliveries = deliveries(daemon).await;
            let is_there = |account: &&Account| {
                deliveries.get(&account.id).is_some_and(|delivery| is_at(delivery, account.end))
            };
            let away: Vec<_> = self.accounts.iter().filter(|account| !is_there(account)).collect();
            if away.is_empty() {
                return;
            }
            if started.elapsed() > within {
                for account in away {
                    let (delivery, end) = (deliveries.get(&account.id), account.end);
                    println!("{} on {}: {end:?} expected, {delivery:#?}", account.case, account.id);
                }
                panic!("not every delivery is where its fault explains\n{}", daemon.log());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// What a person sees who asks for a look: in the end what the fault explains.
    async fn looked(&self, daemon: &Daemon, account: &Account, within: Duration) {
        let End::Doubt(Doubt { seen: allowed, says, out }) = account.end else { return };
        let listed = daemon.get(&format!("/api/v1/deliveries?account={}", account.id)).await;
        let path = format!("/api/v1/deliveries/{}", listed["deliveries"][0]["id"].as_str().unwrap());
        let started = Instant::now();
        loop {
            let delivery = daemon.get(&path).await;
            // What the platform said is kept with the attempt, also after looks have given the doubt another reason.
            assert!(
                delivery.to_string().contains(says),
                "{}: {says} is nowhere in {delivery:#}",
                account.case
            );
            if delivery["state"] == "published" {
                return;
            }
            let (status, seen) =
                daemon.call("off.hg", "POST", &format!("{path}/look"), Some(json!({}))).await;
            let word = seen["seen"].as_str().unwrap_or_default();
            if status.is_success() && allowed.contains(&word) {
                if word == "found" && Way::of(&account.id) == Way::Weibo && out == 1 {
                    let ids: Vec<_> = self.out(account).iter().map(|effect| effect.id.clone()).collect();
                    assert_eq!(ids, [seen["platform_id"].as_str().unwrap()], "{}", account.case);
                }
                return;
            }
            assert!(
                started.elapsed() < within,
                "{} on {}: {seen:#}\n{}",
                account.case,
                account.id,
                daemon.log()
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn judge_one(&self, account: &Account, delivery: &Value) {
        let (case, id, out) = (account.case, &account.id, self.out(account));
        let expected = account.end.out(state(delivery));
        let shown = || format!("{case} on {id}: {delivery:#}\n{out:#?}");
        assert!(is_at(delivery, account.end), "{}", shown());
        assert_eq!(out.len(), expected, "{}", shown());
        let receipt = &delivery["receipt"]["platform_id"];
        if delivery["state"] == "published" {
            let other = Way::of(id) != Way::Weibo || expected == 0;
            let is_it = other || out.iter().any(|effect| *receipt == effect.id.as_str());
            assert!(receipt.is_string() && is_it, "{}", shown());
        }
    }

    /// What a client published on the account, and the public sees or will see.
    fn out(&self, account: &Account) -> Vec<Effect> {
        let effects = self.stage.handle.ledger_of(&account.uid).effects;
        // The platform has not told its no yet.
        let will_not = |state| state == EffectState::Pending && account.end == End::Declined;
        let counts = |effect: &Effect| {
            let is_gone = effect.state == EffectState::Refused || will_not(effect.state);
            effect.kind == EffectKind::Post && !is_gone && !effect.by_hand
        };
        effects.into_iter().filter(counts).collect()
    }

    /// A fault that met no request has shown nothing.
    fn judge_faults(&self) {
        let fired: BTreeMap<u64, u64> =
            self.stage.handle.faults().into_iter().map(|rule| (rule.id, rule.fired)).collect();
        for account in &self.accounts {
            for scripted in account.faults.iter().filter(|scripted| scripted.meant) {
                let (times, fault) = (fired[&scripted.rule], &scripted.fault);
                assert!(times > 0, "{} on {}: {fault:?} has shown nothing", account.case, account.id);
            }
        }
    }
}

fn is_at(delivery: &Value, end: End) -> bool {
    let state = state(delivery);
    let reason = delivery["reason"].as_str().unwrap_or_default();
    let simply = matches!(state, "published" | "accepted" | "in_doubt" | "needs_person");
    end.states().contains(&state) && (simply || reason.contains(end.says()))
}

fn state(delivery: &Value) -> &str {
    delivery["state"].as_str().unwrap()
}

async fn deliveries(daemon: &Daemon) -> Deliveries {
    let all = daemon.deliveries().await;
    let account = |delivery: &Value| delivery["account"].as_str().unwrap().to_owned();
    all.into_iter().map(|delivery| (account(&delivery), delivery)).collect()
}

fn tally(deliveries: &Deliveries) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for delivery in deliveries.values() {
        *counts.entry(state(delivery)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    counts.join(", ")
}
