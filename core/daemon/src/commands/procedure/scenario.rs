//! One scenario: who does what to an item, event by event, and what comes of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::{PersonId, UnitCode};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{Person, Procedure, Role};
use juzhen_domain::review::Chain;
use juzhen_domain::review::play::{Actor, Event, Play};
use juzhen_domain::state::ItemState;
use juzhen_settings::{ProcedureSettings, Settings};
use serde::{Deserialize, Serialize};

/// An item and what is done to it. Fields that mean nothing here are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) id: String,
    procedure: String,
    author: String,
    unit: String,
    pub(super) steps: Vec<ScenarioStep>,
}

/// One event.
#[derive(Debug, Deserialize)]
pub(super) struct ScenarioStep {
    pub(super) event: String,
    pub(super) actor: String,
    /// As what they act; all of their roles when it is left out.
    pub(super) role: Option<String>,
    /// Of the actor, when the settings do not know them; the item's when it is left out.
    unit: Option<String>,
    #[serde(default)]
    reason: String,
    /// Of what they read: `h1` for the first text, `h2` for the one after an edit.
    hash: Option<String>,
    /// The procedure to reclassify to, or the item to merge into.
    #[serde(alias = "into", alias = "target", alias = "target_id", alias = "merged_into")]
    to: Option<String>,
    #[serde(default)]
    minor: bool,
    /// `false`: the platform does not take it.
    ok: Option<bool>,
    /// A check of the content says no.
    #[serde(default)]
    blocked: bool,
    /// What is expected.
    state: Option<String>,
    error: Option<String>,
}

/// What came of one event.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Trial {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'static str>,
    pub(super) state: ItemState,
}

impl Scenario {
    /// Plays every event; a refused one leaves the item as it is, and the next one follows.
    pub(super) fn play(&self, settings: &Settings) -> Result<Vec<Trial>> {
        let mut played =
            Played { scenario: self, settings, texts: vec![text(1)], play: self.begin(settings)? };
        let trials = (1..).zip(&self.steps).map(|(number, step)| {
            played.step(step).with_context(|| format!("step {number} ({} by {})", step.event, step.actor))
        });
        trials.collect()
    }

    pub(super) fn is_met_by(&self, trials: &[Trial]) -> bool {
        self.steps.iter().zip(trials).all(|(step, trial)| step.is_met_by(trial))
    }

    fn begin(&self, settings: &Settings) -> Result<Play> {
        let (procedure, rules, chain) = rules(settings, &self.procedure, &self.unit)?;
        let content = text(1);
        let item = Item {
            id: self.id.as_str().into(),
            unit: self.unit.as_str().into(),
            author: self.author.as_str().into(),
            column: None,
            procedure,
            chain,
            hash: content.hash(),
            content,
            version: 1,
            state: ItemState::Draft,
            submitted_at: Timestamp::UNIX_EPOCH,
        };
        let office = settings.district.office_unit.clone();
        Ok(Play { item, decisions: Vec::new(), origin: rules.origin, office })
    }
}

struct Played<'a> {
    scenario: &'a Scenario,
    settings: &'a Settings,
    /// Texts so far; the present one is the last.
    texts: Vec<Content>,
    play: Play,
}

impl Played<'_> {
    fn step(&mut self, step: &ScenarioStep) -> Result<Trial> {
        let event = self.event(step)?;
        let written = match &event {
            Event::Edit { content, .. } => Some(content.as_ref().clone()),
            _ => None,
        };
        let person = self.person(step)?;
        let actor = person.as_ref().map_or(Actor::Daemon, Actor::Person);
        let error = self.play.play(event, actor, &step.reason).err().map(|why| why.code());
        if error.is_none() {
            self.texts.extend(written);
        }
        Ok(Trial { error, state: self.play.item.state })
    }

    fn event(&self, step: &ScenarioStep) -> Result<Event> {
        Ok(match step.event.as_str() {
            "submit" => Event::Submit { blocked: step.blocked },
            "approve" => Event::Approve { seen: step.hash.as_deref().map(|label| self.seen(label)) },
            "return" => Event::Return,
            "reject" => Event::Reject,
            "refer_up" => Event::ReferUp,
            "withdraw" => Event::Withdraw,
            "merge" => Event::Merge { into: step.to.clone() },
            "edit" => Event::Edit { content: Box::new(self.next_text(step.minor)), minor: step.minor },
            "reclassify" => {
                let to = step.to.as_deref().context("`to` has to name the procedure")?;
                let (to, rules, chain) = rules(self.settings, to, &self.scenario.unit)?;
                Event::Reclassify { to, chain, origin: rules.origin }
            }
            "schedule" => Event::Schedule,
            "unschedule" => Event::Unschedule,
            "hold" => Event::Hold,
            "release" => Event::Release,
            "publish" => Event::Publish {
                as_admin: step.role.as_deref() == Some(Role::AccountAdmin.as_str()),
                succeeds: step.ok.unwrap_or(true),
            },
            "retry" => Event::Retry,
            "retract" => Event::Retract,
            other => return Err(anyhow!("there is no event {other:?}")),
        })
    }

    /// What an edit makes of the present text; a minor one adds a full stop to it.
    fn next_text(&self, minor: bool) -> Content {
        match self.texts.last() {
            Some(present) if minor => {
                let mut mended = present.clone();
                mended.variants.values_mut().for_each(|variant| variant.text.push('。'));
                mended
            }
            _ => text(self.texts.len() + 1),
        }
    }

    /// `h2` is the second text; any other word is a text that never was.
    fn seen(&self, label: &str) -> ContentHash {
        let number = label.strip_prefix('h').and_then(|number| number.parse::<usize>().ok());
        let place = number.and_then(|number| number.checked_sub(1));
        place.and_then(|place| self.texts.get(place)).map_or_else(|| text(0).hash(), Content::hash)
    }

    /// Who acts, in the role in which they act; `None` is the daemon. Somebody whom the settings know has only the roles that
    /// they are given there; anybody else is taken at the scenario's word.
    fn person(&self, step: &ScenarioStep) -> Result<Option<Person>> {
        if step.role.as_deref() == Some("daemon") || step.actor == "daemon" {
            return Ok(None);
        }
        let named = step.role.as_deref().map(|name| {
            name.parse::<Role>().map_err(|()| anyhow!("there is no role {name:?}")).map(|role| vec![role])
        });
        let named = named.transpose()?;
        let known = self.settings.people.get(&PersonId::new(step.actor.as_str())).cloned();
        let mut person = known.unwrap_or_else(|| self.stranger(step, named.clone().unwrap_or_default()));
        if let Some(named) = named {
            person.roles.retain(|role| named.contains(role));
        }
        Ok(Some(person))
    }

    fn stranger(&self, step: &ScenarioStep, roles: Vec<Role>) -> Person {
        let unit = step.unit.as_deref().unwrap_or(&self.scenario.unit).into();
        Person { id: step.actor.as_str().into(), name: step.actor.clone(), unit, roles, active: true }
    }
}

impl ScenarioStep {
    pub(super) fn is_met_by(&self, trial: &Trial) -> bool {
        let state = self.state.as_deref().is_none_or(|state| state == trial.state.as_str());
        // Without either word nothing is expected.
        let says = self.state.is_some() || self.error.is_some();
        state && (!says || self.error.as_deref() == trial.error)
    }

    pub(super) fn expectation(&self) -> String {
        let words = [self.error.as_deref(), self.state.as_deref()];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A procedure of the settings, and the steps that an item of this unit takes under it.
fn rules<'a>(
    settings: &'a Settings,
    name: &str,
    unit: &str,
) -> Result<(Procedure, &'a ProcedureSettings, Chain)> {
    let parsed = name.parse::<Procedure>().ok();
    let found =
        parsed.and_then(|procedure| settings.procedures.get(&procedure).map(|rules| (procedure, rules)));
    let (procedure, rules) = found.ok_or_else(|| anyhow!("procedures.yaml has no procedure {name}"))?;
    let chain = rules.chain(&UnitCode::new(unit), &settings.district.office_unit)?;
    Ok((procedure, rules, chain))
}

/// The text with this number, from 1.
fn text(number: usize) -> Content {
    let variant = Variant { text: format!("第 {number} 稿"), ..Variant::default() };
    Content { variants: BTreeMap::from([("weibo".into(), variant)]), ..Content::default() }
}
