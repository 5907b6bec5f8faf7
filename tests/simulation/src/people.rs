//! The people: officers who write, an editor who reviews, an office that schedules, changes its mind, and looks at accounts
//! where the daemon asks for it. They act through the daemon that serves, again and again until they have an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::act::{self, Move, Resolution};
use juzhen_domain::delivery::{Delivery, DeliveryKind, payload};
use juzhen_domain::id::{DeliveryId, ItemId, PersonId};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{Person, Procedure, Role};
use juzhen_domain::review::{self, ChainStep, Proposal, Verdict};
use juzhen_domain::schedule::{self, Plan};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_engine::Engine;
use juzhen_store::{
    Audit, DeliveryChange, DeliveryFilter, ItemChange, ItemChanger, Once, Refused, StoreError,
};
use serde_json::json;

use crate::daemon::Serving;
use crate::district::{ACCOUNTS, UNITS};
use crate::life::Life;
use crate::platform::Truth;
use crate::scene::Scene;

#[derive(Clone)]
pub(crate) struct People {
    pub(crate) scene: Scene,
    pub(crate) serving: Serving,
}

impl People {
    /// One item from the desk to the public, or not.
    pub(crate) async fn story(self, number: u64) {
        let chance = self.scene.chance.fork();
        let Some(item) = self.submit(number).await else { return };
        tokio::time::sleep(chance.seconds(5, 1800)).await;
        let verdict = if chance.percent(80) { Verdict::Approve } else { Verdict::Return };
        self.decide(&item, verdict).await;
        let due = self.scene.time.now() + chance.seconds(0, 3 * 3600);
        // What may wait is still wanted when somebody takes it over from a daemon that was gone for its whole lease.
        let latest = due + chance.seconds(60, if chance.percent(30) { 4 * 3600 } else { 1800 });
        self.schedule(&item, due, latest).await;
        tokio::time::sleep(chance.seconds(0, 2 * 3600)).await;
        match chance.below(10) {
            0 => self.withdraw(&item).await,
            // What was brought forward and sent in the time that a restored database has forgotten is due again at its old
            // time: nothing but the eyes of the two who lift the stop can know that.
            1 if self.scene.marks.is_none() => {
                self.on_each(&item, |d, by, now| {
                    act::reschedule(d, by, later(now, 1200), later(now, 2400), now)
                })
                .await;
            }
            2 => {
                self.on_each(&item, |d, by, _| act::hold(d, by, "改期")).await;
                tokio::time::sleep(chance.seconds(1, 1800)).await;
                self.on_each(&item, act::release).await;
            }
            3 => self.on_each(&item, |d, by, _| act::cancel(d, by, "撤销")).await,
            _ => {}
        }
    }

    /// Looks at the accounts of what needs a person, long enough afterwards to see what came late.
    pub(crate) async fn look_after(self) {
        loop {
            tokio::time::sleep(Duration::from_secs(1800)).await;
            self.trust_clocks();
            self.resume_accounts().await;
            for delivery in self.in_state(DeliveryState::NeedsPerson).await {
                self.resolve(&delivery).await;
            }
        }
    }

    /// Says that a clock is right where it is, and the daemon does not believe it since the database has seen a wrong one.
    fn trust_clocks(&self) {
        let doubtful = |(number, (engine, _)): (&u64, &(Engine, Arc<Life>))| {
            let is_right = self.scene.clocks.last_step(*number).is_none_or(|step| step.by.is_zero());
            (is_right && engine.health().clock.is_some()).then(|| engine.clone())
        };
        let doubtful: Vec<Engine> =
            self.serving.look(|serving| serving.iter().filter_map(doubtful).collect());
        for engine in doubtful {
            self.scene.fired.count("people.trust_the_clock");
            engine.trust_clock();
        }
    }

    /// Lifts the pauses of accounts that the daemon set, after a look (P20).
    async fn resume_accounts(&self) {
        let troubled = self.scene.view.troubled().await.unwrap_or_default();
        for account in troubled.into_iter().filter(|trouble| trouble.pause.is_some()).map(|t| t.account) {
            self.scene.fired.count("people.resume_an_account");
            let at = self.scene.time.now();
            let resume = async |engine: &Engine| {
                engine.store().resume_account(&account, "off.zr".into(), "看过了".into(), at).await
            };
            self.act(resume).await;
        }
    }

    /// STOP ALL, and after a while two people lift it.
    pub(crate) async fn stop_a_while(&self, length: Duration) {
        self.scene.fired.count("people.stop_all");
        let stop = async |engine: &Engine| engine.stop_all(&"off.hg".into(), "演练").await;
        if self.act(stop).await.is_some() {
            self.scene.book.open().stopped_since = Some(self.scene.time.now());
        }
        tokio::time::sleep(length).await;
        self.lift().await;
    }

    pub(crate) async fn lift(&self) {
        self.scene.book.open().stopped_since = None;
        for person in ["off.hg", "off.zr"] {
            let by = PersonId::new(person);
            self.act(async |engine: &Engine| engine.lift_stop(&by).await).await;
        }
        // It lifts the stop that somebody else said meanwhile, too.
        self.scene.book.open().stopped_since = None;
    }

    pub(crate) async fn submit(&self, number: u64) -> Option<ItemId> {
        let chance = &self.scene.chance;
        let unit = *chance.pick(&UNITS)?;
        let author =
            if unit == "OFFICE" { "off.xx".to_owned() } else { format!("{}.xx", unit.to_lowercase()) };
        let text = |platform: &str| format!("第 {number} 号通知, {platform}  版 http://t.example/{number}");
        let variant =
            |platform: &str| (platform.into(), Variant { text: text(platform), ..Variant::default() });
        let own = ACCOUNTS.iter().filter(|(_, of, _)| *of == unit || chance.percent(30));
        let content = Content {
            variants: ["weibo", "wechat", "mock"].map(variant).into_iter().collect::<BTreeMap<_, _>>(),
            targets: own.map(|(id, _, _)| (*id).into()).collect(),
            ..Content::default()
        };
        let now = self.scene.time.now();
        let item = Item {
            id: ItemId::new(format!("item-{number:04}")),
            unit: unit.into(),
            author: author.as_str().into(),
            column: None,
            procedure: Procedure::P4,
            chain: ChainStep {
                id: "office_review".into(),
                state: ItemState::PendingOffice,
                roles: vec![Role::OfficeEditor, Role::OfficeDirector],
                unit: None,
            }
            .into(),
            hash: content.hash(),
            content,
            version: 1,
            state: ItemState::PendingOffice,
            submitted_at: now,
        };
        let once = Once {
            person: author.as_str().into(),
            key: format!("submit-{number}"),
            request_sha256: String::new(),
            at: now,
        };
        let submit = async |engine: &Engine| {
            let audit = audit(&author, "item.submitted", &format!("item:{}", item.id), now);
            engine.store().submit_item(item.clone(), audit, Some(once.clone())).await
        };
        self.act(submit).await.map(|_| item.id.clone())
    }

    pub(crate) async fn decide(&self, item: &ItemId, verdict: Verdict) {
        let Ok(Some(record)) = self.scene.view.item(item).await else { return };
        if verdict == Verdict::Approve {
            let texts = record.item.content.variants.values().map(|v| v.text.clone());
            self.scene.book.open().approved.entry(item.clone()).or_default().extend(texts);
        }
        let (editor, now) = (office("off.hg", Role::OfficeEditor), self.scene.time.now());
        let hash = record.item.hash.clone();
        let change: ItemChanger = Arc::new(move |record| {
            let proposal = Proposal {
                person: &editor,
                mandates: &[],
                verdict,
                hash: &hash,
                reason: Some("请改"),
                at: now,
            };
            let decided = review::decide(&record.item, &record.decisions, &proposal)
                .map_err(|r| Refused::new(r.code(), r.to_string()))?;
            let audit = audit("off.hg", "item.decided", &format!("item:{}", record.item.id), now);
            Ok(ItemChange { decision: Some(decided.decision), ..ItemChange::to(decided.state, audit) })
        });
        self.act(async |engine: &Engine| engine.store().change_item(item, Arc::clone(&change), None).await)
            .await;
    }

    pub(crate) async fn schedule(&self, item: &ItemId, due_at: Timestamp, latest_at: Timestamp) {
        let now = self.scene.time.now();
        let scheduled = async |engine: &Engine| {
            let (settings, engine_of_ids) = (engine.settings(), engine.clone());
            let change: ItemChanger = Arc::new(move |record| {
                let plan = Plan {
                    routes: &settings.routes,
                    accounts: &settings.accounts,
                    due_at,
                    latest_at,
                    revision: settings.revision.as_str(),
                    now,
                };
                let id = || DeliveryId::new(engine_of_ids.new_id());
                let new_deliveries = schedule::deliveries(&record.item, &record.decisions, &plan, id)
                    .map_err(|r| Refused::new(r.code(), r.to_string()))?;
                let audit = audit("off.zr", "item.scheduled", &format!("item:{}", record.item.id), now);
                Ok(ItemChange { new_deliveries, ..ItemChange::to(ItemState::Scheduled, audit) })
            });
            engine.store().change_item(item, change, None).await
        };
        if let Some(record) = self.act(scheduled).await {
            let mut book = self.scene.book.open();
            for delivery in record.deliveries {
                book.times.insert(delivery.id, (due_at, latest_at));
            }
        }
    }

    async fn withdraw(&self, item: &ItemId) {
        let (by, now) = (office("off.zr", Role::OfficeDirector), self.scene.time.now());
        let change: ItemChanger = Arc::new(move |record| {
            let withdrawal = act::withdraw(&record.item, &record.deliveries, &by, "改期")
                .map_err(|r| Refused::new(r.code(), r.to_string()))?;
            let each = withdrawal.cancel.into_iter().map(|(id, to)| {
                let written = written(to, &format!("delivery:{id}"), now);
                (id, written)
            });
            let audit = audit("off.zr", "item.withdrawn", &format!("item:{}", record.item.id), now);
            Ok(ItemChange { deliveries: each.collect(), ..ItemChange::to(ItemState::Withdrawn, audit) })
        });
        let done = self
            .act(async |engine: &Engine| engine.store().change_item(item, Arc::clone(&change), None).await);
        if done.await.is_some() {
            self.scene.fired.count("people.withdrawn");
            self.scene.book.open().withdrawn.insert(item.clone());
        }
    }

    async fn on_each<F>(&self, item: &ItemId, decide: F)
    where
        F: Fn(&Delivery, &Person, Timestamp) -> Result<Move, act::ActRefusal> + Clone + Send + Sync + 'static,
    {
        let Ok(Some(record)) = self.scene.view.item(item).await else { return };
        for delivery in record.deliveries {
            let decide = decide.clone();
            self.change(&delivery.id, move |d, by, now| decide(d, by, now)).await;
        }
    }

    async fn change<F>(&self, id: &DeliveryId, decide: F)
    where
        F: Fn(&Delivery, &Person, Timestamp) -> Result<Move, act::ActRefusal> + Send + Sync + 'static,
    {
        let (by, now) = (office("off.zr", Role::OfficeDirector), self.scene.time.now());
        let decide = Arc::new(decide);
        // Until the answer comes, the earlier and the later time are both right.
        let before = {
            let mut book = self.scene.book.open();
            *book.changing.entry(id.clone()).or_default() += 1;
            book.times.remove(id)
        };
        let changed = async |engine: &Engine| {
            let (decide, by) = (Arc::clone(&decide), by.clone());
            let change = move |delivery: &Delivery| {
                let to = decide(delivery, &by, now).map_err(|r| Refused::new(r.code(), r.to_string()))?;
                Ok(written(to, &format!("delivery:{}", delivery.id), now))
            };
            engine.store().change_delivery(id, Arc::new(change), engine.follow(), None).await
        };
        let changed = self.act(changed).await;
        let now = self.scene.view.delivery(id).await.ok().flatten().map(|r| r.delivery);
        let mut book = self.scene.book.open();
        let others = book.changing.get(id).map_or(0, |people| people.saturating_sub(1));
        book.changing.insert(id.clone(), others);
        match changed {
            Some(delivery) => {
                self.scene.fired.count(&format!("people.delivery_{}", delivery.state));
                book.times.remove(id);
                if delivery.state == DeliveryState::Cancelled {
                    book.cancelled.insert(id.clone());
                }
            }
            // Refused; or an earlier request did it whose answer was lost, or another one's does it now.
            None => {
                if let (Some(times), Some(now)) = (before, now)
                    && times == (now.due_at, now.latest_at)
                    && others == 0
                {
                    book.times.entry(id.clone()).or_insert(times);
                }
            }
        }
    }

    async fn resolve(&self, delivery: &Delivery) {
        let now = self.scene.time.now();
        let item = self.scene.view.item(&delivery.item).await.ok().flatten();
        let variant = item.as_ref().and_then(|r| payload(&r.item.content, &delivery.platform, None));
        let text = variant.map(|variant| variant.text.as_str());
        let origin = self.origin_of(delivery).await;
        let (id, account) = (delivery.id.as_str(), delivery.account.as_str());
        let truth = self.scene.platform.truth(id, account, text, origin.as_deref());
        let resolution = match truth {
            Truth::Public(id) => {
                let url = Some(format!("https://{}.example/{id}", delivery.platform));
                Resolution::Published { url, platform_id: Some(id) }
            }
            Truth::Coming => return,
            Truth::Nothing if now.duration_since(delivery.changed_at) < SignedDuration::from_mins(20) => {
                return;
            }
            Truth::Nothing if self.scene.chance.percent(50) => {
                *self.scene.book.open().retries.entry(delivery.id.clone()).or_default() += 1;
                Resolution::Retry { latest_at: later(now, 900), reason: "没有发出".into() }
            }
            Truth::Nothing => Resolution::NotPublished,
        };
        self.change(&delivery.id, move |d, by, now| act::resolve(d, by, &resolution, now)).await;
    }

    /// The post that it forwards.
    async fn origin_of(&self, delivery: &Delivery) -> Option<String> {
        let DeliveryKind::Forward { origin, .. } = &delivery.kind else { return None };
        self.scene.view.delivery(origin).await.ok()??.delivery.receipt?.platform_id
    }

    async fn in_state(&self, state: DeliveryState) -> Vec<Delivery> {
        let filter = DeliveryFilter { state: Some(state), most: 500, ..DeliveryFilter::default() };
        self.scene.view.deliveries(filter).await.unwrap_or_default()
    }

    /// Until it is answered: `None` when it was refused.
    async fn act<T>(&self, act: impl AsyncFn(&Engine) -> Result<T, StoreError>) -> Option<T> {
        self.scene.book.open().acts += 1;
        loop {
            let draw = self.scene.chance.below(60);
            let (engine, life) = self.serving.when(|serving| one_of(serving, draw)).await;
            tokio::select! {
                biased;
                answer = act(&engine) => match answer {
                    Ok(value) => {
                        // The database tells the others.
                        self.serving.look(|serving| serving.values().for_each(|(engine, _)| engine.wake_with_others()));
                        return Some(value);
                    }
                    Err(StoreError::Refused(_) | StoreError::NotFound { .. } | StoreError::Impossible { .. }) => return None,
                    Err(_) => {}
                },
                () = life.ended() => {}
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Of several daemons any.
fn one_of(serving: &BTreeMap<u64, (Engine, Arc<Life>)>, draw: u64) -> Option<(Engine, Arc<Life>)> {
    let number = usize::try_from(draw).unwrap_or_default().checked_rem(serving.len())?;
    serving.values().nth(number).cloned()
}

fn office(id: &str, role: Role) -> Person {
    Person { id: id.into(), name: id.into(), unit: "OFFICE".into(), roles: vec![role], active: true }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

fn audit(actor: &str, action: &str, subject: &str, at: Timestamp) -> Audit {
    let (actor, action, subject) = (actor.to_owned(), action.to_owned(), subject.to_owned());
    Audit { actor, action, subject, detail: json!({}), at, request: None }
}

fn written(to: Move, subject: &str, at: Timestamp) -> DeliveryChange {
    let audit = audit("off.zr", to.action, subject, at);
    DeliveryChange::of(to, audit)
}
