//! Items as the API shows them.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::act;
use juzhen_domain::filing::Filing;
use juzhen_domain::item::{Item, Variant};
use juzhen_domain::matrix::{Person, Role};
use juzhen_domain::review::{self, Decision, Next, Proposal, Record, Verdict};
use juzhen_domain::state::ItemState;
use juzhen_store::ItemRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::deliveries::DeliveryLine;
use crate::etag::Version;
use crate::permit::{Act, may};

/// One item with what was decided on it and where it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemView {
    #[serde(flatten)]
    line: ItemLine,
    /// What each platform gets.
    variants: BTreeMap<String, VariantView>,
    /// Accounts named by the author, beside those that routes add.
    targets: Vec<String>,
    /// What it states beside its texts.
    #[schema(value_type = Object)]
    filing: Filing,
    /// 并稿: the item that says it instead.
    merged_into: Option<String>,
    /// Whose turn it is, while it is under review.
    waiting_for: Option<WaitingFor>,
    /// Oldest first.
    decisions: Vec<DecisionView>,
    deliveries: Vec<DeliveryLine>,
    /// 备案号, once it is registered.
    register_no: Option<String>,
    /// What the caller can do with it now: `edit`, `decide`, `refer_up`, `copy_edit`, `reclassify`, `merge`, `schedule`,
    /// `unschedule`, `hold`, `release`, `withdraw`, `retract`.
    can: Vec<&'static str>,
}

/// An item in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemLine {
    id: String,
    unit: String,
    author: String,
    column: Option<String>,
    /// `P1` to `P5`.
    procedure: &'static str,
    state: &'static str,
    /// The word on the screen.
    state_zh: &'static str,
    /// Rises with every edit.
    version: u32,
    /// What a decision has to name: the hash of exactly these texts.
    hash: String,
    /// The first title, else the beginning of the first text.
    heading: String,
    platforms: Vec<String>,
    submitted_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariantView {
    title: Option<String>,
    text: String,
    link: Option<String>,
    media: Vec<MediaView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MediaView {
    /// `GET /api/v1/media/{sha256}` gives its bytes.
    sha256: String,
    mime: String,
    bytes: u64,
    alt: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingFor {
    step: String,
    /// One person with one of these roles decides.
    roles: Vec<RoleView>,
    /// The unit that this person has to belong to; null: a leader of the district.
    unit: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleView {
    role: &'static str,
    role_zh: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionView {
    person: String,
    step: String,
    /// As what they decided.
    role: Option<&'static str>,
    /// 代: whether they stood in for somebody.
    on_behalf: bool,
    /// For whom; null with `on_behalf`: for a vacant post.
    on_behalf_of: Option<String>,
    #[schema(value_type = String)]
    decision: Verdict,
    /// The texts that were decided on; others than the present ones do not count.
    hash: String,
    reason: Option<String>,
    /// How it was given: `mode`, `recorded_by`, `evidence`, `declaration`, `secrecy`; `carried_from` after a minor edit.
    #[schema(value_type = Object)]
    record: Record,
    at: Timestamp,
}

impl ItemView {
    pub(crate) fn of(app: &App, record: &ItemRecord, caller: &Person, now: Timestamp) -> Self {
        let item = &record.item;
        let variants = item.content.variants.iter();
        Self {
            line: ItemLine::of(item),
            variants: variants.map(|(p, variant)| (p.to_string(), VariantView::of(variant))).collect(),
            targets: item.content.targets.iter().map(ToString::to_string).collect(),
            filing: item.content.filing.clone(),
            merged_into: record.merged_into.as_ref().map(ToString::to_string),
            register_no: record.register_no.clone(),
            waiting_for: waiting_for(item, &record.decisions),
            decisions: record.decisions.iter().map(DecisionView::of).collect(),
            deliveries: record.deliveries.iter().map(DeliveryLine::of).collect(),
            can: can(app, record, caller, now),
        }
    }

    /// With its ETag.
    pub(crate) fn answer(app: &App, record: &ItemRecord, caller: &Person, now: Timestamp) -> Response {
        (Version(record.row_version).header(), Json(Self::of(app, record, caller, now))).into_response()
    }
}

impl ItemLine {
    pub(crate) fn of(item: &Item) -> Self {
        Self {
            id: item.id.to_string(),
            unit: item.unit.to_string(),
            author: item.author.to_string(),
            column: item.column.as_ref().map(ToString::to_string),
            procedure: item.procedure.as_str(),
            state: item.state.as_str(),
            state_zh: item.state.chinese(),
            version: item.version,
            hash: item.hash.to_string(),
            heading: heading(item),
            platforms: item.content.variants.keys().map(ToString::to_string).collect(),
            submitted_at: item.submitted_at,
        }
    }
}

impl VariantView {
    pub(super) fn of(variant: &Variant) -> Self {
        let media = variant.media.iter().map(|media| MediaView {
            sha256: media.sha256.clone(),
            mime: media.mime.clone(),
            bytes: media.bytes,
            alt: media.alt.clone(),
        });
        Self {
            title: variant.title.clone(),
            text: variant.text.clone(),
            link: variant.link.clone(),
            media: media.collect(),
        }
    }
}

impl DecisionView {
    fn of(decision: &Decision) -> Self {
        Self {
            person: decision.person.to_string(),
            step: decision.step.to_string(),
            role: decision.role.map(Role::as_str),
            on_behalf: decision.behalf.is_some(),
            on_behalf_of: decision.behalf.as_ref().and_then(|b| b.of.as_ref()).map(ToString::to_string),
            decision: decision.verdict,
            hash: decision.hash.to_string(),
            reason: decision.reason.clone(),
            record: decision.record.clone(),
            at: decision.at,
        }
    }
}

fn heading(item: &Item) -> String {
    let mut variants = item.content.variants.values();
    let title = variants.clone().find_map(|variant| variant.title.clone());
    title.unwrap_or_else(|| variants.next().map(|v| v.text.chars().take(40).collect()).unwrap_or_default())
}

fn waiting_for(item: &Item, decisions: &[Decision]) -> Option<WaitingFor> {
    let Next::Waiting(step) = review::next(item, decisions) else { return None };
    let role_of = |role: &Role| RoleView { role: role.as_str(), role_zh: role.chinese() };
    item.state.is_pending().then(|| WaitingFor {
        step: step.id.to_string(),
        roles: step.roles.iter().map(role_of).collect(),
        unit: step.unit.as_ref().map(ToString::to_string),
    })
}

/// Whether the item waits for this person's decision.
pub(super) fn waits_for(app: &App, record: &ItemRecord, caller: &Person, now: Timestamp) -> bool {
    let (hash, mandates) = (&record.item.hash, super::mandates(app, record, caller, now));
    let approval = Proposal {
        person: caller,
        mandates: &mandates,
        verdict: Verdict::Approve,
        hash,
        reason: None,
        at: now,
    };
    review::decide(&record.item, &record.decisions, &approval).is_ok()
}

/// Asks the functions that would decide it.
fn can(app: &App, record: &ItemRecord, caller: &Person, now: Timestamp) -> Vec<&'static str> {
    let (item, deliveries, decisions) = (&record.item, &record.deliveries, &record.decisions);
    let of_office = may(caller, Act::Schedule);
    let with_office = matches!(item.state, ItemState::PendingOffice | ItemState::PendingDecision);
    let offers = [
        ("edit", caller.active && caller.id == item.author && act::is_editable(item.state)),
        ("decide", waits_for(app, record, caller, now)),
        ("refer_up", act::refer_up(item, decisions, caller, ANY).is_ok()),
        ("copy_edit", of_office && with_office),
        ("reclassify", of_office && item.state == ItemState::PendingOffice),
        ("merge", of_office && item.state == ItemState::PendingOffice),
        ("schedule", item.state == ItemState::Approved && of_office),
        ("unschedule", act::unschedule(item, deliveries, caller).is_ok()),
        ("hold", act::hold_item(item, deliveries, caller, ANY).is_ok()),
        ("release", act::release_item(item, deliveries, caller, now).is_ok()),
        ("withdraw", act::withdraw(item, deliveries, caller, ANY).is_ok()),
        ("retract", act::retract(item, caller, ANY).is_ok()),
    ];
    offers.into_iter().filter_map(|(name, offered)| offered.then_some(name)).collect()
}

/// In the place of the reason that the person will give.
const ANY: &str = "??";
