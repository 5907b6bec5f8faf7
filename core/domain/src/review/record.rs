//! How a decision was given: at the screen, on paper or by telephone, and what the reviewer says with it.

use serde::{Deserialize, Serialize};

use super::{ChainStep, Verdict};
use crate::hash::ContentHash;
use crate::id::PersonId;
use crate::state::ItemState;

/// What is kept with a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    #[serde(skip_serializing_if = "Mode::is_online")]
    pub mode: Mode,
    /// Who wrote it down for the reviewer, when they did not decide themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<PersonId>,
    /// Uploads that show it, by the hash of their bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// 七类声明: none of the seven prohibited kinds of content is in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub declaration: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrecy: Option<SecrecyReview>,
    /// The bytes that were really looked at, when a minor edit has taken the approval along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<ContentHash>,
}

/// How somebody said it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Online,
    /// 纸质: signed on the sheet, which is attached.
    Paper,
    /// 电话
    Phone,
}

/// 保密审查记录. Title, channel and time are those of the item; these are what the reviewer adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecrecyReview {
    pub conclusion: Conclusion,
    /// 依据: the clause that it rests on.
    pub basis: String,
    /// 公开范围
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// 保密审查结论.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// 可以公开
    MayPublish,
    /// 作技术处理后可以公开
    PublishAfterRedaction,
    /// 不得公开
    MustNot,
}

/// What the procedure of an item asks its reviewers for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Formalities {
    pub declaration: bool,
    pub secrecy_record: bool,
}

impl Mode {
    pub fn is_online(&self) -> bool {
        *self == Self::Online
    }

    pub fn chinese(self) -> &'static str {
        match self {
            Self::Online => "系统内办理",
            Self::Paper => "纸质签批",
            Self::Phone => "电话同意",
        }
    }
}

impl Conclusion {
    pub fn chinese(self) -> &'static str {
        match self {
            Self::MayPublish => "可以公开",
            Self::PublishAfterRedaction => "作技术处理后可以公开",
            Self::MustNot => "不得公开",
        }
    }
}

impl Record {
    /// Whether a decision of this step may be taken with this record.
    ///
    /// # Errors
    /// What is missing, or contradicts the decision.
    pub fn check(&self, step: &ChainStep, verdict: Verdict, asked: Formalities) -> Result<(), Incomplete> {
        let approves = verdict == Verdict::Approve;
        if self.mode == Mode::Paper && self.evidence.is_empty() {
            return Err(Incomplete::NoEvidence);
        }
        if approves && asked.declaration && step.state == ItemState::PendingUnit && !self.declaration {
            return Err(Incomplete::NoDeclaration);
        }
        if step.state != ItemState::PendingSecrecy {
            return if self.secrecy.is_some() { Err(Incomplete::NotSecrecy) } else { Ok(()) };
        }
        let Some(secrecy) = &self.secrecy else {
            return if asked.secrecy_record { Err(Incomplete::NoSecrecyRecord) } else { Ok(()) };
        };
        if secrecy.basis.trim().chars().count() < 2 {
            return Err(Incomplete::NoBasis);
        }
        let may = secrecy.conclusion == Conclusion::MayPublish;
        if may == approves { Ok(()) } else { Err(Incomplete::Contradiction { said: secrecy.conclusion }) }
    }
}

/// What a decision lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    #[error(
        "a decision on paper needs the scan of the sheet: upload it and name its hash as evidence (纸质签批须附扫描件)"
    )]
    NoEvidence,
    #[error(
        "the unit's approver has to declare that none of the seven prohibited kinds of content is in it (须勾选七类声明)"
    )]
    NoDeclaration,
    #[error("the secrecy review needs its record: conclusion and basis (须填写保密审查结论和依据)")]
    NoSecrecyRecord,
    #[error("say which clause the secrecy review rests on (须填写保密审查依据)")]
    NoBasis,
    #[error("a secrecy record belongs to the step of secrecy review only (保密审查记录只在保密审查一步填写)")]
    NotSecrecy,
    #[error("the secrecy review says “{}”, the decision says otherwise (结论与处理不一致)", said.chinese())]
    Contradiction { said: Conclusion },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;

    fn step(state: ItemState) -> ChainStep {
        ChainStep { id: StepId::new("s"), state, roles: Vec::new(), unit: None }
    }

    fn secrecy(conclusion: Conclusion) -> Record {
        let review = SecrecyReview { conclusion, basis: "保密法第十三条".into(), scope: None };
        Record { secrecy: Some(review), ..Record::default() }
    }

    const ALL: Formalities = Formalities { declaration: true, secrecy_record: true };

    #[test]
    fn r25_the_unit_declares_and_the_office_does_not_have_to() {
        let silent = Record::default();
        let unit = step(ItemState::PendingUnit);
        assert_eq!(silent.check(&unit, Verdict::Approve, ALL), Err(Incomplete::NoDeclaration));
        assert_eq!(silent.check(&unit, Verdict::Return, ALL), Ok(()), "a no declares nothing");
        assert_eq!(silent.check(&step(ItemState::PendingOffice), Verdict::Approve, ALL), Ok(()));
        let declared = Record { declaration: true, ..Record::default() };
        assert_eq!(declared.check(&unit, Verdict::Approve, ALL), Ok(()));
        assert_eq!(silent.check(&unit, Verdict::Approve, Formalities::default()), Ok(()));
    }

    #[test]
    fn r31_the_conclusion_of_the_secrecy_review_is_the_decision() {
        let here = step(ItemState::PendingSecrecy);
        let check = |record: Record, verdict| record.check(&here, verdict, ALL);
        assert_eq!(check(Record::default(), Verdict::Approve), Err(Incomplete::NoSecrecyRecord));
        assert_eq!(check(secrecy(Conclusion::MayPublish), Verdict::Approve), Ok(()));
        let said = Conclusion::MustNot;
        assert_eq!(check(secrecy(said), Verdict::Approve), Err(Incomplete::Contradiction { said }));
        assert_eq!(check(secrecy(said), Verdict::Reject), Ok(()));
        assert_eq!(check(secrecy(Conclusion::PublishAfterRedaction), Verdict::Return), Ok(()));
        let elsewhere =
            secrecy(Conclusion::MayPublish).check(&step(ItemState::PendingUnit), Verdict::Approve, ALL);
        assert!(matches!(elsewhere, Err(Incomplete::NoDeclaration | Incomplete::NotSecrecy)));
    }

    #[test]
    fn r35_paper_without_its_scan_is_refused() {
        let paper = Record { mode: Mode::Paper, ..Record::default() };
        let here = step(ItemState::PendingLeader);
        assert_eq!(paper.check(&here, Verdict::Approve, ALL), Err(Incomplete::NoEvidence));
        let with_scan = Record { evidence: vec!["00".into()], ..paper };
        assert_eq!(with_scan.check(&here, Verdict::Approve, ALL), Ok(()));
        let kept = serde_json::to_string(&with_scan).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&kept).unwrap(), with_scan);
        assert_eq!(serde_json::from_str::<Record>("{}").unwrap(), Record::default());
    }
}
