//! 报送要素: what an item states about itself beside its texts, and what each procedure asks for (R-18, R-26, R-40 to R-44).
//! It is part of what is approved: who changes a stated fact asks everybody again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hash::FieldHasher;
use crate::id::{ItemId, UnitCode};

/// What is stated. Everything may be left out as far as the procedure does not ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info_nature: Option<InfoNature>,
    /// 公开征求意见
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_consultation: Option<Consultation>,
    /// After this it is not true any more, and nothing of it is sent (R-46).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// The published item that this one puts right (R-49).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<ItemId>,
    // P1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_decided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_unit: Option<UnitCode>,
    // P2
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_doc_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_doc_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_org: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applicability: Option<Applicability>,
    // P3
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_no: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fact_sources: Option<String>,
    // P5
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_published_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// 公开征求意见: until when, and where people answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consultation {
    pub consult_from: Date,
    pub consult_to: Date,
    pub feedback_channel: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident; $($variant:ident $word:literal $chinese:literal)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $chinese] #[serde(rename = $word)] $variant),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What stands on the screen and the sheet.
            pub fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese),+ }
            }
        }
    };
}

words! {
    /// 信息性质 (R-18).
    InfoNature;
    ProactiveDisclosure "proactive_disclosure" "主动公开"
    Publicity "publicity" "宣传"
    Convenience "convenience" "便民"
    Clarification "clarification" "澄清事实、应对舆情"
    OtherPublic "other_public" "其他非涉密可公开"
}

words! {
    /// 适用范围 of a reply to a subordinate body (R-41).
    Applicability;
    General "general" "具有普遍指导性"
    PublicNeed "public_need" "需公众知晓"
    Individual "individual" "个案答复"
}

words! {
    /// What a procedure may ask for before an item is reviewed.
    Required;
    Declaration "declaration" "七类声明"
    SecrecyRecord "secrecy_record" "保密审查记录"
    InfoNature "info_nature" "信息性质"
    DeploymentDecidedAt "deployment_decided_at" "工作部署确定时间"
    ActivityTime "activity_time" "活动时间"
    LeadUnit "lead_unit" "负责组织协调的单位"
    ReplyDocNo "reply_doc_no" "答复文号"
    ReplyDocDate "reply_doc_date" "答复日期"
    RecipientOrg "recipient_org" "答复对象"
    Applicability "applicability" "适用范围"
    EventId "event_id" "事件编号"
    StageNo "stage_no" "阶段序号"
    FactSources "fact_sources" "事实来源"
    SourceAccount "source_account" "来源账号"
    SourceUrl "source_url" "来源链接"
    SourcePublishedAt "source_published_at" "来源发布时间"
    Reason "reason" "转发理由"
}

/// Longest text of one fact.
const MOST_SIGNS: usize = 500;

/// Something that is missing or cannot be so. `blocked_by_check` in the words of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilingFault {
    /// Name of the field.
    pub field: &'static str,
    pub english: String,
    pub chinese: String,
}

impl Filing {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is missing of what its procedure asks for, and what cannot be so, for an item of `unit` handed in at `at`.
    pub fn faults(&self, required: &[Required], unit: &UnitCode, at: Timestamp) -> Vec<FilingFault> {
        let missing = required.iter().filter(|wanted| !self.states(**wanted)).map(|wanted| FilingFault {
            field: wanted.as_str(),
            english: "this procedure asks for it".to_owned(),
            chinese: format!("须填写{}", wanted.chinese()),
        });
        missing.chain(self.times(at)).chain(self.texts()).chain(self.sense(unit)).collect()
    }

    fn states(&self, wanted: Required) -> bool {
        use Required as R;
        match wanted {
            // Said by a person with an act of theirs, not stated by the item.
            R::Declaration | R::SecrecyRecord => true,
            R::InfoNature => self.info_nature.is_some(),
            R::DeploymentDecidedAt => self.deployment_decided_at.is_some(),
            R::ActivityTime => self.activity_time.is_some(),
            R::LeadUnit => self.lead_unit.is_some(),
            R::ReplyDocNo => self.reply_doc_no.is_some(),
            R::ReplyDocDate => self.reply_doc_date.is_some(),
            R::RecipientOrg => self.recipient_org.is_some(),
            R::Applicability => self.applicability.is_some(),
            R::EventId => self.event_id.is_some(),
            R::StageNo => self.stage_no.is_some(),
            R::FactSources => self.fact_sources.is_some(),
            R::SourceAccount => self.source_account.is_some(),
            R::SourceUrl => self.source_url.is_some(),
            R::SourcePublishedAt => self.source_published_at.is_some(),
            R::Reason => self.reason.is_some(),
        }
    }

    /// Nothing is reported before it was decided or said, and nothing that is over already.
    fn times(&self, at: Timestamp) -> Vec<FilingFault> {
        let past = [
            ("deployment_decided_at", self.deployment_decided_at, "工作部署确定后才能报送"),
            ("source_published_at", self.source_published_at, "来源发布时间不能晚于现在"),
        ];
        let early = past.into_iter().filter(|(_, time, _)| time.is_some_and(|time| time > at));
        let mut faults: Vec<_> =
            early.map(|(field, _, zh)| fault(field, "it lies after the time of submission", zh)).collect();
        if self.valid_until.is_some_and(|until| until <= at) {
            faults.push(fault("valid_until", "it has passed already", "有效期已过"));
        }
        faults
    }

    fn texts(&self) -> Vec<FilingFault> {
        let channel = self.public_consultation.as_ref().map(|c| &c.feedback_channel);
        let texts = [
            ("reply_doc_no", self.reply_doc_no.as_ref()),
            ("recipient_org", self.recipient_org.as_ref()),
            ("event_id", self.event_id.as_ref()),
            ("fact_sources", self.fact_sources.as_ref()),
            ("source_account", self.source_account.as_ref()),
            ("source_url", self.source_url.as_ref()),
            ("reason", self.reason.as_ref()),
            ("feedback_channel", channel),
        ];
        let bad = |text: &&String| {
            text.trim().is_empty() || text.chars().count() > MOST_SIGNS || text.chars().any(char::is_control)
        };
        let found = texts.into_iter().filter(|(_, text)| text.as_ref().is_some_and(bad));
        found
            .map(|(field, _)| {
                fault(
                    field,
                    "it is empty, too long or holds control characters",
                    "内容为空、过长或含控制字符",
                )
            })
            .collect()
    }

    fn sense(&self, unit: &UnitCode) -> Vec<FilingFault> {
        let mut faults = Vec::new();
        if self.lead_unit.as_ref().is_some_and(|lead| lead != unit) {
            faults.push(fault(
                "lead_unit",
                "it has to be the unit of the item",
                "应由负责组织协调的单位报送",
            ));
        }
        if self.applicability == Some(Applicability::Individual) {
            let english = "a reply that concerns one case only is not published under this procedure";
            faults.push(fault("applicability", english, "个案答复不属公开范围"));
        }
        if self.stage_no == Some(0) {
            faults.push(fault("stage_no", "stages count from 1", "阶段序号从 1 起"));
        }
        if self.source_url.as_deref().is_some_and(|url| host_of(url).is_none()) {
            faults.push(fault("source_url", "it is no http:// or https:// address", "来源链接无效"));
        }
        if self.public_consultation.as_ref().is_some_and(|c| c.consult_to < c.consult_from) {
            faults.push(fault(
                "public_consultation",
                "it ends before it begins",
                "征求意见的截止日期早于起始日期",
            ));
        }
        faults
    }

    /// Into the hash of the content; nothing for an item that states nothing, so that such hashes stay what they were.
    pub(crate) fn hash_into(&self, hasher: &mut FieldHasher) {
        if self.is_empty() {
            return;
        }
        hasher.field(b"filing");
        // Without those that are not there, and in an order that no feature of a library changes.
        let stated = serde_json::to_value(self).and_then(serde_json::from_value::<BTreeMap<String, Value>>);
        for (name, value) in stated.unwrap_or_default() {
            hasher.field(name.as_bytes());
            hasher.field(value.to_string().as_bytes());
        }
    }
}

/// Whether a forward is of a source that the office may take without its director (A-08): a host in the list or below it.
pub fn is_listed_source(url: &str, listed: &[String]) -> bool {
    let Some(host) = host_of(url) else { return false };
    let below = |suffix: &String| host == *suffix || host.ends_with(&format!(".{suffix}"));
    listed.iter().any(below)
}

/// The host of a web address, in lower case, without port; `None`: it is none, or hides another one behind an `@`.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.split(':').next()?.to_ascii_lowercase();
    let plain =
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (plain && !authority.contains('@')).then_some(host)
}

fn fault(field: &'static str, english: &str, chinese: &str) -> FilingFault {
    FilingFault { field, english: english.to_owned(), chinese: chinese.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Content;

    fn now() -> Timestamp {
        "2026-06-01T08:00:00+08:00".parse().unwrap()
    }

    fn fields(filing: &Filing, required: &[Required]) -> Vec<&'static str> {
        filing.faults(required, &"D07".into(), now()).into_iter().map(|fault| fault.field).collect()
    }

    fn read(json: &str) -> Filing {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn r18_what_a_procedure_asks_for_is_missing_until_it_is_stated() {
        use Required as R;
        let asked = [R::Declaration, R::InfoNature, R::ReplyDocNo, R::StageNo];
        assert_eq!(fields(&Filing::default(), &asked), ["info_nature", "reply_doc_no", "stage_no"]);
        let stated = read(r#"{"info_nature": "convenience", "reply_doc_no": "东政复1号", "stage_no": 1}"#);
        assert_eq!(fields(&stated, &asked), [] as [&str; 0]);
    }

    #[test]
    fn r40_r41_what_cannot_be_so_is_refused() {
        for (json, wanted) in [
            (r#"{"deployment_decided_at": "2026-06-01T08:00:01+08:00"}"#, "deployment_decided_at"),
            (r#"{"lead_unit": "D08"}"#, "lead_unit"),
            (r#"{"applicability": "individual"}"#, "applicability"),
            (r#"{"stage_no": 0}"#, "stage_no"),
            (r#"{"source_url": "javascript:alert(1)"}"#, "source_url"),
            (r#"{"source_published_at": "2027-01-01T00:00:00Z"}"#, "source_published_at"),
            (r#"{"valid_until": "2026-06-01T08:00:00+08:00"}"#, "valid_until"),
            (r#"{"event_id": " "}"#, "event_id"),
        ] {
            assert_eq!(fields(&read(json), &[]), [wanted], "{json}");
        }
        for json in [r#"{"deployment_decided_at": "2026-06-01T08:00:00+08:00", "lead_unit": "D07"}"#, "{}"] {
            assert_eq!(fields(&read(json), &[]), [] as [&str; 0], "{json}");
        }
    }

    #[test]
    fn r26_a_consultation_says_until_when_and_where_to_answer() {
        let with = |from: &str, to: &str, channel: &str| {
            let (consult_from, consult_to) = (from.parse().unwrap(), to.parse().unwrap());
            let consultation = Consultation { consult_from, consult_to, feedback_channel: channel.into() };
            fields(&Filing { public_consultation: Some(consultation), ..Filing::default() }, &[])
        };
        assert_eq!(with("2026-06-01", "2026-06-30", "来信"), [] as [&str; 0]);
        assert_eq!(with("2026-06-30", "2026-06-01", "来信"), ["public_consultation"]);
        assert_eq!(with("2026-06-01", "2026-06-30", ""), ["feedback_channel"]);
        assert!(serde_json::from_str::<Consultation>(r#"{"consult_from": "2026-06-01"}"#).is_err());
    }

    #[test]
    fn p02_a_stated_fact_is_part_of_what_is_approved() {
        let silent = Content::default();
        let stated = |json| Content { filing: read(json), ..Content::default() }.hash();
        assert_eq!(stated("{}"), silent.hash());
        assert_ne!(stated(r#"{"stage_no": 1}"#), silent.hash());
        assert_ne!(stated(r#"{"stage_no": 1}"#), stated(r#"{"stage_no": 2}"#));
    }

    #[test]
    fn a_source_is_listed_by_its_host_and_not_by_what_stands_around_it() {
        let listed = ["gov.cn".to_owned()];
        for (url, expected) in [
            ("https://www.gov.cn/a", true),
            ("http://gov.cn", true),
            ("https://notgov.cn/", false),
            ("https://gov.cn.example.com/", false),
            ("https://gov.cn@example.com/", false),
            ("https://example.com/?gov.cn", false),
            ("https://example.com\\@gov.cn", false),
        ] {
            assert_eq!(is_listed_source(url, &listed), expected, "{url}");
        }
    }
}
