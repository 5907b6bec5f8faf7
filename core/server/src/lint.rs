//! Content rules asked while a text is still written: the same answer that handing it in would get, and nothing is kept.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use juzhen_domain::check::{Checker, Draft, Finding, day_in_china};
use juzhen_domain::count::{Counter, Text};
use juzhen_domain::id::ColumnId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::command::Command;
use crate::items::known_platform;
use crate::problem::{Problem, ProblemView};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(lint))
}

/// Checks texts that are still being written by the running word lists and rules. What is found is an answer, no refusal.
#[utoipa::path(post, operation_id = "lint_texts", path = "/api/v1/lint", tag = "items", request_body = NewLint,
    responses((status = 200, body = FindingList), (status = "4XX", body = ProblemView)))]
async fn lint(State(app): State<App>, command: Command<NewLint>) -> Result<Json<FindingList>, Problem> {
    let NewLint { title, text, column, public_consultation, variants } = command.body;
    let settings = app.engine.settings();
    let of_column =
        column.and_then(|id| settings.columns.get(&ColumnId::new(id)).map(|c| c.exempt_category6));
    let consults = public_consultation || of_column.unwrap_or(false);
    let (checker, today) = (&settings.checks.checker, day_in_china(command.at));
    let mut findings = Vec::new();
    if title.is_some() || text.is_some() {
        let plain = Unfinished { title, text: text.unwrap_or_default(), link: None };
        findings.extend(plain.findings(checker, None, consults, today));
    }
    for (platform, draft) in variants {
        let platform = known_platform(&app, platform)?;
        findings.extend(draft.findings(checker, Some(platform.as_str()), consults, today));
    }
    Ok(Json(FindingList { findings }))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLint {
    /// With `text`: of no platform in particular, so no length is asked.
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    column: Option<String>,
    /// Asks for opinions on what is not decided yet: c6 rests.
    #[serde(default)]
    public_consultation: bool,
    /// One text per platform, as an item has them.
    #[serde(default)]
    variants: BTreeMap<String, Unfinished>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LintDraft)]
struct Unfinished {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    link: Option<String>,
}

impl Unfinished {
    fn findings(
        &self,
        checker: &Checker,
        platform: Option<&str>,
        consults: bool,
        today: Date,
    ) -> Vec<FindingView> {
        let of = |part| Option::as_deref(part).unwrap_or_default();
        let text = Text { title: of(&self.title), body: &self.text, link: of(&self.link), ..Text::default() };
        let draft = Draft { platform: platform.and_then(Counter::of), text, pictures: None, consults };
        let found = checker.check(&draft, today);
        found.into_iter().map(|finding| FindingView::of(platform, &finding)).collect()
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FindingList {
    /// By platform, part and place.
    pub findings: Vec<FindingView>,
}

/// What a rule found: the same in API, command line and refusals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingView {
    /// The name of the rule, such as `resident_id`, `c2` or `typo`.
    pub rule: &'static str,
    /// What the rule belongs to, such as `personal` or `style`.
    pub family: &'static str,
    /// `block`, `confirm`, `warn` or `info`.
    pub severity: &'static str,
    /// Null: the text of no platform in particular.
    pub platform: Option<String>,
    /// `title`, `text`, `link` or `media`.
    pub part: &'static str,
    /// First character in that part, counted from 0; of `media`, the number of the picture.
    pub start: usize,
    /// The character after the last one.
    pub end: usize,
    /// What stands there; personal data is masked.
    pub text: String,
    /// For the staff, in Chinese.
    pub message: String,
    /// What to write instead; empty: nothing.
    pub suggestion: Option<String>,
    /// Who may let it pass: `nobody`, `office_director`, `author`, or `not_needed`.
    pub leave: &'static str,
}

impl FindingView {
    pub fn of(platform: Option<&str>, finding: &Finding) -> Self {
        Self {
            rule: finding.rule.as_str(),
            family: finding.rule.family().as_str(),
            severity: finding.severity.as_str(),
            platform: platform.map(str::to_owned),
            part: finding.part.as_str(),
            start: finding.start,
            end: finding.end,
            text: finding.text.clone(),
            message: finding.message.clone(),
            suggestion: finding.suggestion.clone(),
            leave: finding.leave().as_str(),
        }
    }
}
