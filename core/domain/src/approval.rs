//! [`Authorised`]: the only value with which anything can be sent. It is made here and nowhere else, from complete
//! approvals of the same content hash.

use serde::{Deserialize, Serialize};

use crate::delivery::{Delivery, DeliveryKind, payload};
use crate::hash::ContentHash;
use crate::id::{AccountId, DeliveryId, PersonId, Platform};
use crate::item::{Item, Variant};
use crate::review::{self, Decision, Next, Verdict};
use crate::state::ItemState;

/// Leave to send one delivery's exact bytes. Cannot be built, changed or kept in a database outside this module.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorised {
    delivery: DeliveryId,
    account: AccountId,
    hash: ContentHash,
    payload: Variant,
    kind: DeliveryKind,
    approved_by: Vec<PersonId>,
}

impl Authorised {
    pub fn delivery(&self) -> &DeliveryId {
        &self.delivery
    }

    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Hash of the payload, as approved.
    pub fn hash(&self) -> &ContentHash {
        &self.hash
    }

    pub fn payload(&self) -> &Variant {
        &self.payload
    }

    pub fn kind(&self) -> &DeliveryKind {
        &self.kind
    }

    pub fn approved_by(&self) -> &[PersonId] {
        &self.approved_by
    }
}

/// Checks approval and bytes once more, at the moment of the claim. `origin` is the platform of the delivery that is
/// forwarded.
///
/// # Errors
/// What is missing: the release, a step's approval of these very bytes, or the text for this platform.
pub fn authorise(
    item: &Item,
    decisions: &[Decision],
    delivery: &Delivery,
    origin: Option<&Platform>,
) -> Result<Authorised, NotApproved> {
    let released = matches!(
        item.state,
        ItemState::Scheduled
            | ItemState::Publishing
            | ItemState::Published
            | ItemState::PublishFailed
            | ItemState::Expired
            | ItemState::Held
    );
    if !released || item.id != delivery.item {
        return Err(NotApproved::ItemNotReleased(item.state));
    }
    if item.content.hash() != item.hash || item.hash != delivery.item_hash {
        return Err(NotApproved::ContentChanged);
    }
    if review::next(item, decisions) != Next::Approved {
        return Err(NotApproved::ApprovalMissing);
    }
    let payload = payload(&item.content, &delivery.platform, origin).ok_or(NotApproved::NoVariant)?;
    if payload.hash() != delivery.payload_hash {
        return Err(NotApproved::ContentChanged);
    }
    let approves = |d: &&Decision| d.verdict == Verdict::Approve && d.hash == item.hash;
    Ok(Authorised {
        delivery: delivery.id.clone(),
        account: delivery.account.clone(),
        hash: delivery.payload_hash.clone(),
        payload: payload.clone(),
        kind: delivery.kind.clone(),
        approved_by: decisions.iter().filter(approves).map(|d| d.person.clone()).collect(),
    })
}

/// Why something may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotApproved {
    #[error("the item is {0}, not scheduled")]
    ItemNotReleased(ItemState),
    #[error("the text is not the one that was approved")]
    ContentChanged,
    #[error("an approval of this text is missing")]
    ApprovalMissing,
    #[error("the item has no text for this platform")]
    NoVariant,
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::state::DeliveryState;

    pub(crate) fn approved() -> (Item, Vec<Decision>, Delivery) {
        let mut item = review::tests::item();
        item.state = ItemState::Scheduled;
        let decision = Decision {
            person: "off.hg".into(),
            step: "office_review".into(),
            role: Some(crate::matrix::Role::OfficeEditor),
            behalf: None,
            verdict: Verdict::Approve,
            hash: item.hash.clone(),
            reason: None,
            record: review::Record::default(),
            at: Timestamp::UNIX_EPOCH,
        };
        let delivery = delivery_of(&item);
        (item, vec![decision], delivery)
    }

    fn delivery_of(item: &Item) -> Delivery {
        let t = Timestamp::UNIX_EPOCH;
        Delivery {
            id: "d1".into(),
            item: item.id.clone(),
            account: "W000".into(),
            platform: "weibo".into(),
            kind: DeliveryKind::Publish,
            route: None,
            item_hash: item.hash.clone(),
            payload_hash: item.content.variants[&Platform::from("weibo")].hash(),
            revision: "r".into(),
            due_at: t,
            latest_at: Timestamp::from_second(900).unwrap(),
            next_at: t,
            state: DeliveryState::Due,
            reason: None,
            tries: 0,
            fence: 0,
            resumes: false,
            ticket: None,
            receipt: None,
            created_at: t,
            changed_at: t,
        }
    }

    #[test]
    fn complete_approvals_of_the_same_bytes_authorise() {
        let (item, decisions, delivery) = approved();
        let leave = authorise(&item, &decisions, &delivery, None).unwrap();
        assert_eq!((leave.payload().text.as_str(), leave.hash()), ("通知", &delivery.payload_hash));
        assert_eq!(leave.approved_by(), [PersonId::from("off.hg")]);
    }

    #[test]
    fn p02_nothing_else_does() {
        type Change = fn(&mut Item, &mut Vec<Decision>, &mut Delivery);
        let cases: [(Change, NotApproved); 9] = [
            (|_, d, _| d.clear(), NotApproved::ApprovalMissing),
            (|_, d, _| d[0].verdict = Verdict::Return, NotApproved::ApprovalMissing),
            (|i, d, _| d[0].person = i.author.clone(), NotApproved::ApprovalMissing),
            (|i, _, _| i.state = ItemState::Withdrawn, NotApproved::ItemNotReleased(ItemState::Withdrawn)),
            (|i, _, _| i.state = ItemState::Approved, NotApproved::ItemNotReleased(ItemState::Approved)),
            (
                |i, _, _| i.content.variants.values_mut().for_each(|v| v.text.push('!')),
                NotApproved::ContentChanged,
            ),
            (
                |i, _, d| {
                    // Changed together with its own hash: the delivery still remembers what was approved.
                    i.content.variants.values_mut().for_each(|v| v.text.push('!'));
                    i.hash = i.content.hash();
                    d.payload_hash = i.content.variants[&Platform::from("weibo")].hash();
                },
                NotApproved::ContentChanged,
            ),
            (|_, _, d| d.payload_hash = d.item_hash.clone(), NotApproved::ContentChanged),
            (|_, _, d| d.platform = "wechat".into(), NotApproved::NoVariant),
        ];
        for (change, expected) in cases {
            let (mut item, mut decisions, mut delivery) = approved();
            change(&mut item, &mut decisions, &mut delivery);
            assert_eq!(authorise(&item, &decisions, &delivery, None), Err(expected));
        }
    }
}
