//! What people do: each act by the rules of `domain`, inside the store's transaction, and what the oracle is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use juzhen_domain::act::{self, ActRefusal, Move};
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::{DeliveryId, Platform};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{Procedure, Role};
use juzhen_domain::review::{self, ChainStep, Proposal, Verdict};
use juzhen_domain::schedule::{self, Plan};
use juzhen_domain::state::ItemState;
use juzhen_store::*;

use super::{Known, Office, recent};
use crate::suite::fixture::*;

const TEXTS: [&str; 3] = ["停水通知", "停电通知", "停气通知"];

impl Office {
    pub(super) async fn submit(&mut self, who: u8, text: u8) {
        let author = self.person(who % 3);
        let content = content(text);
        let id = format!("i{:03}", self.items.len());
        let mut item = Item {
            id: id.as_str().into(),
            unit: "D07".into(),
            author: author.id.clone(),
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
            state: ItemState::Draft,
            submitted_at: at(self.now),
        };
        item.state = review::state_after(&item, &[]);
        self.items.push(item.id.clone());
        let known = Known {
            author: author.id.clone(),
            last_editor: author.id,
            texts: texts(&item.content),
            hash: item.hash.clone(),
            hashes: vec![item.hash.clone()],
            approvals: BTreeSet::new(),
            taken_back: false,
        };
        self.known.insert(item.id.clone(), known);
        let row = audit("item.submitted", format!("item:{id}"), self.now);
        self.store.submit_item(item, row, None).await.unwrap();
    }

    pub(super) async fn edit(&mut self, item: u8, who: u8, text: u8) {
        let (Some(id), content) = (self.item(item), content(text)) else { return };
        // Mostly its author tries.
        let by = if who < 200 { self.people[&self.known[&id].author].clone() } else { self.person(who) };
        let (editor, new) = (by.id.clone(), content.clone());
        let changed = self.change_item(&id, move |record| {
            let done = act::rewrite(&record.item, &record.decisions, &by, content.clone())
                .map_err(|refusal| refused(&refusal))?;
            Ok(ItemChange { content: Some((done.content, done.hash)), ..moved(record, done.state) })
        });
        if changed.await.is_some() {
            self.tally.edited += 1;
            let known = self.known.get_mut(&id).unwrap();
            (known.hash, known.texts, known.last_editor) = (new.hash(), texts(&new), editor);
            known.hashes.push(new.hash());
        }
    }

    pub(super) async fn decide(&mut self, item: u8, who: u8, verdict: u8, old: bool) {
        let (Some(id), by) = (self.item(item), self.person(who)) else { return };
        let verdict = match verdict % 8 {
            0 | 1 => Verdict::Return,
            2 => Verdict::Reject,
            _ => Verdict::Approve,
        };
        let known = &self.known[&id];
        let hash = if old { known.hashes[0].clone() } else { known.hash.clone() };
        let now = at(self.now);
        let (person, seen) = (by.clone(), hash.clone());
        let changed = self.change_item(&id, move |record| {
            let proposal = Proposal {
                person: &person,
                mandates: &[],
                verdict,
                hash: &seen,
                reason: Some("看过"),
                at: now,
            };
            let done = review::decide(&record.item, &record.decisions, &proposal)
                .map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
            Ok(ItemChange { decision: Some(done.decision), ..moved(record, done.state) })
        });
        if changed.await.is_none() {
            return;
        }
        let known = self.known.get_mut(&id).unwrap();
        let may =
            by.active && by.roles.iter().any(|r| matches!(r, Role::OfficeEditor | Role::OfficeDirector));
        match verdict {
            Verdict::Approve if may && by.id != known.author && by.id != known.last_editor => {
                self.tally.approved += 1;
                known.approvals.insert((hash, by.id));
            }
            Verdict::Approve => {}
            Verdict::Return | Verdict::Reject => known.approvals.retain(|(approved, _)| *approved != hash),
        }
    }

    pub(super) async fn withdraw(&mut self, item: u8, who: u8) {
        let (Some(id), by) = (self.item(item), self.person(who)) else { return };
        let now = self.now;
        let changed = self.change_item(&id, move |record| {
            let done = act::withdraw(&record.item, &record.deliveries, &by, "改期")
                .map_err(|refusal| refused(&refusal))?;
            let deliveries =
                done.cancel.into_iter().map(|(id, to)| (id.clone(), written(&id, to, now))).collect();
            Ok(ItemChange { deliveries, ..moved(record, ItemState::Withdrawn) })
        });
        if changed.await.is_some() {
            self.known.get_mut(&id).unwrap().taken_back = true;
        }
    }

    pub(super) async fn schedule(&mut self, item: u8, who: u8) {
        let (Some(id), by) = (self.item(item), self.person(who)) else { return };
        let (routes, accounts) = (self.routes.clone(), self.accounts.clone());
        let (now, made) = (self.now, self.fresh_ids());
        let changed = self.change_item(&id, move |record| {
            if !by.has(Role::OfficeEditor) && !by.has(Role::OfficeDirector) {
                return Err(Refused::new("forbidden", "not of the office"));
            }
            let (due_at, latest_at) = (at(now + 5), at(now + 600));
            let plan = Plan {
                routes: &routes,
                accounts: &accounts,
                due_at,
                latest_at,
                revision: "r1",
                now: at(now),
            };
            let mut next = made;
            let new_deliveries = schedule::deliveries(&record.item, &record.decisions, &plan, || {
                next += 1;
                DeliveryId::new(format!("d{next:05}"))
            });
            let new_deliveries =
                new_deliveries.map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
            Ok(ItemChange { new_deliveries, ..moved(record, ItemState::Scheduled) })
        });
        let Some(record) = changed.await else { return };
        let made = record.deliveries.into_iter().map(|delivery| delivery.id);
        let new: Vec<_> = made.filter(|id| !self.deliveries.contains(id)).collect();
        self.deliveries.extend(new);
    }

    pub(super) async fn act(&mut self, delivery: u8, who: u8, what: u8) {
        let (Some(id), by) = (recent(&self.deliveries, delivery).cloned(), self.person(who)) else { return };
        let now = self.now;
        let changer: DeliveryChanger = Arc::new(move |d: &Delivery| {
            let (seen, again) = (at(now), at(now + 600));
            let to = match what % 8 {
                0 => act::hold(d, &by, "等通知"),
                1 | 2 => act::release(d, &by, seen),
                3 => act::cancel(d, &by, "改用公告"),
                4 => act::reschedule(d, &by, at(now + 3), again, seen),
                5 => {
                    let url = Some("https://weibo.com/1".to_owned());
                    act::resolve(d, &by, &act::Resolution::Published { url, platform_id: None }, seen)
                }
                6 => act::resolve(d, &by, &act::Resolution::NotPublished, seen),
                _ => {
                    let again = act::Resolution::Retry { latest_at: again, reason: "看过".into() };
                    act::resolve(d, &by, &again, seen)
                }
            };
            to.map(|to| written(&d.id, to, now)).map_err(|refusal| refused(&refusal))
        });
        let follow = self.follow();
        match self.store.change_delivery(&id, changer, follow, None).await {
            Ok(delivery) if matches!(what % 8, 0 | 3 | 6) => {
                self.aside.insert(delivery.id);
            }
            Ok(delivery) => {
                self.aside.remove(&delivery.id);
            }
            Err(StoreError::Refused(_)) => self.tally.refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn refused(refusal: &ActRefusal) -> Refused {
    Refused::new(refusal.code(), refusal.to_string())
}

fn written(id: &DeliveryId, to: Move, now: i64) -> DeliveryChange {
    let audit = audit(&format!("delivery.{}", to.state), format!("delivery:{id}"), now);
    DeliveryChange::of(to, audit)
}

/// One of a few texts, so that items come back to bytes that were seen before; some have none for WeChat.
fn content(n: u8) -> Content {
    let text = TEXTS[usize::from(n) % TEXTS.len()];
    let variant = |text: &str| Variant { text: text.into(), ..Variant::default() };
    let mut variants = BTreeMap::from([("weibo".into(), variant(text))]);
    if n.is_multiple_of(2) {
        variants.insert("wechat".into(), variant(&format!("{text}，详见公告")));
    }
    Content { variants, targets: vec!["W000".into()], ..Content::default() }
}

fn texts(content: &Content) -> BTreeMap<Platform, String> {
    content.variants.iter().map(|(platform, variant)| (platform.clone(), variant.text.clone())).collect()
}
