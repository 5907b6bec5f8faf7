//! States that explain themselves: each says who puts a thing there and who takes it away. The tables of the store are
//! made from these lists, so a row that the enum does not know is refused at the door.

use serde::{Deserialize, Serialize};

macro_rules! states {
    (
        $(#[$doc:meta])* $name:ident;
        $($variant:ident $text:literal $zh:literal { by: $by:literal, left: $left:literal, to: [$($to:ident),* $(,)?] })+
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(
                #[doc = concat!($zh, ". Put there by ", $by, "; left by ", $left, ".")]
                #[serde(rename = $text)]
                $variant
            ),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the database, the API and the metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The word on the screen.
            pub fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }

            /// Who puts a thing here.
            pub fn put_by(self) -> &'static str {
                match self { $(Self::$variant => $by),+ }
            }

            /// Who takes it away again.
            pub fn left_by(self) -> &'static str {
                match self { $(Self::$variant => $left),+ }
            }

            /// Where it can go from here.
            pub fn next(self) -> &'static [Self] {
                match self { $(Self::$variant => &[$(Self::$to),*]),+ }
            }

            pub fn may_become(self, next: Self) -> bool {
                self.next().contains(&next)
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|state| state.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

states! {
    /// States of a delivery (one item on one account).
    DeliveryState;
    Due "due" "待发" {
        by: "scheduling an approved item, a route, or a bounded retry",
        left: "`engine::claim` when its time has come, the office that withdraws it, or `engine::sweep` when its `latest_at` has passed",
        to: [Claimed, Held, Missed, Waiting, Cancelled, InDoubt]
    }
    Claimed "claimed" "已领取" {
        by: "`engine::claim`: approval, caps, holds and deadline were looked at in that commit, and nothing has left",
        left: "`engine::send` when its first effect begins or is refused, or `engine::node` when its daemon is gone, back to due",
        to: [Sending, Due, Held, Waiting, Refused, Missed, NeedsPerson, InDoubt]
    }
    Sending "sending" "发送中" {
        by: "the ledger, in the commit of the first effect's intent, before a byte leaves",
        left: "`engine::send` with the outcome, or `engine::node` when its daemon is gone",
        to: [Published, Accepted, Refused, Due, Waiting, Held, InDoubt, NeedsPerson]
    }
    Accepted "accepted" "平台处理中" {
        by: "`engine::send` when the platform took it and decides later",
        left: "`engine::track` when the platform has decided",
        to: [Published, Refused, NeedsPerson]
    }
    Published "published" "已发布" {
        by: "a receipt: from the platform's answer, from evidence, or from a person who saw it",
        left: "`engine::recheck` when the platform takes it down again; else nobody: it is out",
        to: [RemovedByPlatform]
    }
    Refused "refused" "平台拒绝" {
        by: "a clear no of the platform before any effect",
        left: "a person who schedules it anew after mending the cause",
        to: [Due, Cancelled]
    }
    Waiting "waiting" "等待授权或额度" {
        by: "an expired sign-in or a used-up quota: nothing went out",
        left: "`engine::sweep` at its time or when the account can publish again; past `latest_at` it is missed",
        to: [Due, Held, Missed, Cancelled, InDoubt]
    }
    InDoubt "in_doubt" "结果不明" {
        by: "anything that is not a clear answer once an effect may have begun, or a database that was put back to an earlier time and may have forgotten it",
        left: "`engine::reconcile` with evidence, or to a person when there is none",
        to: [Published, NeedsPerson, Due]
    }
    NeedsPerson "needs_person" "需人工核实" {
        by: "`engine::reconcile` when no evidence was found in the window: absence proves nothing",
        left: "a person who looked at the account: published, not published, or send again",
        to: [Published, Due, Cancelled]
    }
    Held "held" "暂缓" {
        by: "an operator, a freeze, a paused account, or settings that no longer have the account",
        left: "an operator or `engine::sweep` once the reason is gone; past `latest_at` it is missed",
        to: [Due, Missed, Cancelled, InDoubt]
    }
    Missed "missed" "过期未发" {
        by: "`engine::claim` or `engine::sweep` when `latest_at` has passed unsent",
        left: "a person who schedules it anew; it is never sent late by itself (P7)",
        to: [Due, Cancelled]
    }
    Cancelled "cancelled" "已撤销" {
        by: "the office or the author who withdraws it before it is sent",
        left: "nobody",
        to: []
    }
    RemovedByPlatform "removed_by_platform" "已被平台删除" {
        by: "`engine::recheck` when the platform says that it took down what it had published (F63)",
        left: "nobody: it is never sent again by itself, and a person who wants it writes a new item",
        to: []
    }
}

impl DeliveryState {
    /// Nothing moves it any more without a person.
    pub fn is_settled(self) -> bool {
        use DeliveryState as S;
        matches!(
            self,
            S::Published | S::Refused | S::NeedsPerson | S::Missed | S::Cancelled | S::RemovedByPlatform
        )
    }

    /// A worker holds it; one delivery of an account at a time.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Claimed | Self::Sending)
    }

    /// Something may be out on the platform, or is.
    pub fn may_be_out(self) -> bool {
        use DeliveryState as S;
        matches!(self, S::Sending | S::Accepted | S::Published | S::InDoubt | S::NeedsPerson)
    }
}

states! {
    /// States of an item (domain reference §1.5; one machine, five step lists).
    ItemState;
    Draft "draft" "草稿" { by: "its author", left: "its author who submits or withdraws it", to: [PendingSecrecy, PendingUnit, PendingOffice, PendingLeader, PendingPrincipal, PendingDecision, Approved, Withdrawn] }
    PendingSecrecy "pending_secrecy" "待保密审查" { by: "submitting", left: "the secrecy reviewer", to: [PendingUnit, PendingOffice, PendingLeader, PendingPrincipal, PendingDecision, Approved, Scheduled, Returned, Rejected, Withdrawn] }
    PendingUnit "pending_unit" "待单位审定" { by: "the step before", left: "the head of the unit", to: [PendingSecrecy, PendingOffice, PendingLeader, PendingPrincipal, PendingDecision, Approved, Scheduled, Returned, Rejected, Withdrawn] }
    PendingOffice "pending_office" "待审核备案" { by: "submitting, or the step before", left: "the office: approve (and schedule in the same stroke), return, reject", to: [PendingSecrecy, PendingUnit, PendingLeader, PendingPrincipal, PendingDecision, Approved, Scheduled, Returned, Rejected, Withdrawn, Merged] }
    PendingLeader "pending_leader" "待主管领导审核" { by: "the step before", left: "the supervising leader", to: [PendingSecrecy, PendingUnit, PendingOffice, PendingPrincipal, PendingDecision, Approved, Scheduled, Returned, Rejected, Withdrawn] }
    PendingPrincipal "pending_principal" "待主要领导同意" { by: "the supervising leader", left: "the principal leader", to: [PendingSecrecy, PendingUnit, PendingOffice, PendingLeader, PendingDecision, Approved, Scheduled, Returned, Rejected, Withdrawn] }
    PendingDecision "pending_decision" "待办公室审定" { by: "submitting an application to forward", left: "the office", to: [PendingSecrecy, PendingUnit, PendingOffice, PendingLeader, PendingPrincipal, Approved, Scheduled, Returned, Rejected, Withdrawn] }
    Approved "approved" "已备案待排期" { by: "the last approval, or the office that cancels every delivery", left: "the office that schedules it", to: [Scheduled, Withdrawn] }
    Scheduled "scheduled" "已排期" { by: "the office", left: "the first claim, the office, or its author who withdraws it", to: [Publishing, Approved, Held, Withdrawn, Published, PublishFailed, Expired] }
    Held "held" "暂缓" { by: "the office or the daemon", left: "the office", to: [Approved, Scheduled, Publishing, Published, PublishFailed, Withdrawn, Expired] }
    Publishing "publishing" "发布中" { by: "the first claim of a delivery", left: "its deliveries when none is open any more", to: [Approved, Published, PublishFailed, Held, Expired, Scheduled] }
    Published "published" "已发布" { by: "deliveries: at least one is out and none is open", left: "the office that retracts it, a delivery scheduled anew, or the platform that took the last one down", to: [Retracted, Publishing, Scheduled, PublishFailed] }
    PublishFailed "publish_failed" "发布失败" { by: "deliveries: none is out and none is open", left: "the office that schedules it anew", to: [Approved, Scheduled, Publishing, Published, Withdrawn] }
    Returned "returned" "退回修改" { by: "a reviewer, with a reason", left: "its author who mends and submits it", to: [PendingSecrecy, PendingUnit, PendingOffice, PendingLeader, PendingPrincipal, PendingDecision, Approved, Withdrawn] }
    Rejected "rejected" "不予采用" { by: "a reviewer, with a reason", left: "nobody", to: [] }
    Withdrawn "withdrawn" "已撤回" { by: "its author, before publication", left: "nobody", to: [] }
    Merged "merged" "并稿" { by: "the office, into another item", left: "nobody", to: [] }
    Expired "expired" "过期未发" { by: "deliveries: all were missed", left: "the office that schedules it anew", to: [Approved, Scheduled, Publishing, Published, PublishFailed, Withdrawn] }
    Retracted "retracted" "已撤稿" { by: "the office, after publication", left: "nobody", to: [] }
}

impl ItemState {
    /// A reviewer's turn.
    pub fn is_pending(self) -> bool {
        use ItemState as S;
        matches!(
            self,
            S::PendingSecrecy
                | S::PendingUnit
                | S::PendingOffice
                | S::PendingLeader
                | S::PendingPrincipal
                | S::PendingDecision
        )
    }

    /// What the deliveries of a scheduled item make of it: open ones keep it in publishing, then what came of them.
    pub fn of_deliveries(states: &[DeliveryState]) -> Option<Self> {
        use DeliveryState as D;
        let any = |wanted: fn(&D) -> bool| states.iter().any(wanted);
        if states.iter().all(|s| *s == D::Cancelled) {
            return None;
        }
        Some(if any(|s| matches!(s, D::Claimed | D::Sending | D::Accepted | D::InDoubt | D::NeedsPerson)) {
            Self::Publishing
        } else if any(|s| matches!(s, D::Due | D::Waiting)) {
            if any(|s| *s == D::Published) { Self::Publishing } else { Self::Scheduled }
        } else if any(|s| *s == D::Held) {
            Self::Held
        } else if any(|s| *s == D::Published) {
            Self::Published
        } else if any(|s| matches!(s, D::Refused | D::RemovedByPlatform)) {
            Self::PublishFailed
        } else {
            Self::Expired
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_reached_and_only_final_ones_are_dead_ends() {
        for state in DeliveryState::ALL.iter().copied().filter(|s| *s != DeliveryState::Due) {
            assert!(DeliveryState::ALL.iter().any(|s| s.may_become(state)), "nothing leads to {state}");
        }
        for state in ItemState::ALL.iter().copied().filter(|s| *s != ItemState::Draft) {
            assert!(ItemState::ALL.iter().any(|s| s.may_become(state)), "nothing leads to {state}");
        }
        assert!(DeliveryState::ALL.iter().filter(|s| s.next().is_empty()).all(|s| s.is_settled()));
    }

    #[test]
    fn what_may_be_out_never_goes_back_to_due_without_a_clear_answer_or_a_person() {
        assert!(!DeliveryState::Published.may_become(DeliveryState::Due));
        assert!(!DeliveryState::Accepted.may_become(DeliveryState::Due));
    }

    #[test]
    fn an_item_follows_its_deliveries() {
        use DeliveryState as D;
        let of = ItemState::of_deliveries;
        assert_eq!(of(&[D::Due, D::Due]), Some(ItemState::Scheduled));
        assert_eq!(of(&[D::Published, D::Due]), Some(ItemState::Publishing));
        assert_eq!(of(&[D::Published, D::InDoubt]), Some(ItemState::Publishing));
        assert_eq!(of(&[D::Published, D::Refused]), Some(ItemState::Published));
        assert_eq!(of(&[D::Refused, D::Missed]), Some(ItemState::PublishFailed));
        assert_eq!(of(&[D::RemovedByPlatform, D::Published]), Some(ItemState::Published));
        assert_eq!(of(&[D::RemovedByPlatform]), Some(ItemState::PublishFailed));
        assert_eq!(of(&[D::Missed]), Some(ItemState::Expired));
        assert_eq!(of(&[D::Held, D::Missed]), Some(ItemState::Held));
        assert_eq!(of(&[D::Cancelled]), None);
    }

    #[test]
    fn words_are_read_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(*state));
        }
        assert_eq!(ItemState::parse("sent"), None);
    }
}
