//! Invitations: a one-time link by which somebody sets a password and a second factor, at first and when either is lost
//! (C14). Nothing of it counts before the first code is right.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::throttle::{self, OF_PERSON};
use juzhen_domain::access::{Accepted, Credentials, Invitation, password, totp};
use juzhen_domain::id::PersonId;
use juzhen_store::{Access, AccessChange, Asking, End, Put, Refused};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{row, subject, verify};
use crate::app::App;
use crate::auth::token;
use crate::command::{Command, Open};
use crate::hidden::Hidden;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};

/// How long a link is good that a security administrator gives; one made on the machine has less.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(72);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(invite)).routes(routes!(accept)).routes(routes!(confirm))
}

/// Makes a one-time link for somebody; the one before it is good no more. Whoever has lost a password or a telephone gets a
/// new one: what they had counts until it is confirmed.
#[utoipa::path(post, operation_id = "invite", path = "/api/v1/invitations", tag = "access",
    request_body = NewInvitation,
    responses((status = 200, body = Invited), (status = "4XX", body = ProblemView)))]
async fn invite(State(app): State<App>, command: Command<NewInvitation>) -> Result<Json<Invited>, Problem> {
    permit::require(&command.by, Act::KeepPeople)?;
    let person = PersonId::from(command.body.person.as_str());
    if app.active_person(&person).is_none() {
        let detail = format!("the settings have no {person} who is at work");
        return Err(Problem::because(Code::UnknownPerson, detail).at("person"));
    }
    if person == command.by.id {
        let detail = "nobody invites themselves: another one does it, or `juzhen user invite` on the machine";
        return Err(Problem::because(Code::Forbidden, detail));
    }
    let new = token::new(token::INVITATION)?;
    let expires_at = command.at + GOOD_FOR;
    let invitation = Invitation {
        person: person.clone(),
        token: token::hash(&new),
        by: command.by.id.to_string(),
        at: command.at,
        expires_at,
        accepted: None,
    };
    let audit = command.audit("person.invited", subject(&person), json!({ "expires_at": expires_at }));
    let change = move |_: &_| {
        let invitation = Put::Set(invitation.clone());
        Ok(AccessChange { invitation, audit: vec![audit.clone()], ..AccessChange::default() })
    };
    let asking = Asking { person: person.clone(), address: None };
    app.store().people().change_access(asking, Arc::new(change)).await?;
    let link = app.engine.settings().server.public_url.clone();
    // Behind the `#`, where no server's log sees it.
    let link = link.map(|url| format!("{}/invitation#{new}", url.trim_end_matches('/')));
    Ok(Json(Invited { person: person.to_string(), token: new, link, expires_at }))
}

/// Chooses a password, and gets the seed of the second factor, this once.
#[utoipa::path(post, operation_id = "accept_invitation", path = "/api/v1/invitations/accept", tag = "access",
    security(), request_body = Acceptance,
    responses((status = 200, body = Enrolling), (status = "4XX", body = ProblemView)))]
async fn accept(State(app): State<App>, open: Open<Acceptance>) -> Result<Json<Enrolling>, Problem> {
    let given = open.body.token.0.expose();
    let hash = token::hash(given);
    let (invitation, is_local) = find(&app, given, &hash, open.at).await?;
    let person = invitation.person.clone();
    let asking = Asking { person: person.clone(), address: open.address.clone() };
    let known = app.store().people().access(&asking).await?;
    let password = chosen(&app, &person, &open.body.password, known.credentials.as_ref()).await?;
    let seed = token::random::<{ totp::SEED }>()?;
    app.engine.vault().follow_key().await?;
    let sealed = app.engine.vault().seal_factor(&person, &seed);
    let seed_row = sealed.map_err(|error| Problem::internal("seal a second factor", &error))?;
    let expires_at = invitation.expires_at;
    let accepted = Invitation { accepted: Some(Accepted { password, seed: seed_row }), ..invitation };
    let of_open = open.clone();
    let change = move |access: &Access| {
        let still = access.invitation.as_ref().is_some_and(|kept| kept.token == accepted.token);
        if !still && !is_local {
            return Err(over());
        }
        let actor = accepted.person.as_str();
        let mut audit = vec![row(&of_open, actor, "invitation.accepted", &accepted.person, json!({}))];
        if is_local {
            let detail = json!({ "expires_at": accepted.expires_at, "at_the_machine": accepted.at });
            audit.insert(0, row(&of_open, &accepted.by, "person.invited", &accepted.person, detail));
        }
        let invitation = Put::Set(accepted.clone());
        Ok(AccessChange { invitation, audit, ..AccessChange::default() })
    };
    app.store().people().change_access(asking, Arc::new(change)).await?;
    app.options.tokens.forget_invitation(given);
    let label = format!("{} 矩阵", app.engine.settings().district.short_name);
    Ok(Json(Enrolling {
        person: person.to_string(),
        otpauth: totp::address(&seed, person.as_str(), &label),
        secret: totp::base32(&seed),
        expires_at,
    }))
}

/// Shows the first code; password and second factor count from now on, and every session from before is over.
#[utoipa::path(post, operation_id = "confirm_invitation", path = "/api/v1/invitations/confirm", tag = "access",
    security(), request_body = Confirmation,
    responses((status = 200, body = Confirmed), (status = "4XX", body = ProblemView)))]
async fn confirm(State(app): State<App>, open: Open<Confirmation>) -> Result<Json<Confirmed>, Problem> {
    let hash = token::hash(open.body.token.0.expose());
    let found = app.store().people().invitation(&hash).await?;
    let person = found.ok_or_else(|| Problem::new(Code::InvitationOver))?.person;
    let asking = Asking { person: person.clone(), address: None };
    app.engine.vault().follow_key().await?;
    let (of_app, of_open) = (app.clone(), open.clone());
    let change = move |access: &Access| confirmed(&of_app, &of_open, &hash, access);
    app.store().people().change_access(asking, Arc::new(change)).await?;
    Ok(Json(Confirmed { person: person.to_string() }))
}

fn confirmed(
    app: &App,
    open: &Open<Confirmation>,
    hash: &str,
    access: &Access,
) -> Result<AccessChange, Refused> {
    let good =
        |i: &&Invitation| i.token == hash && i.is_good(open.at) && app.active_person(&i.person).is_some();
    let invitation = access.invitation.as_ref().filter(good).ok_or_else(over)?;
    let accepted = invitation.accepted.as_ref().ok_or_else(over)?;
    if throttle::waits(access.of_person.as_ref(), open.at).is_some() {
        return Err(Refused::new(Code::TooManyTries.as_str(), "wait before the next code"));
    }
    let person = &invitation.person;
    let seed = app.engine.vault().open_factor(person, &accepted.seed);
    let code = open.body.code.0.expose();
    let step = seed.ok().and_then(|seed| totp::matching_step(&seed, code, open.at, 0));
    let Some(step) = step else {
        let throttle = throttle::after_failure(OF_PERSON, access.of_person.as_ref(), open.at);
        let audit =
            row(open, "nobody", "invitation.refused", person, json!({ "failures": throttle.failures }));
        return Ok(AccessChange {
            of_person: Put::Set(throttle),
            audit: vec![audit],
            refused: Some(Refused::new(
                Code::WrongCredentials.as_str(),
                "this is not the code of this moment",
            )),
            ..AccessChange::default()
        });
    };
    let before = access.credentials.clone();
    let before = before.unwrap_or_else(|| Credentials::none(person.clone(), open.at));
    let now = Credentials {
        seed: Some(accepted.seed.clone()),
        last_step: step,
        used_at: open.at,
        disabled: None,
        ..before.with_password(accepted.password.clone(), app.policy().profile, open.at)
    };
    Ok(AccessChange {
        credentials: Some(now),
        invitation: Put::Remove,
        of_person: Put::Remove,
        end: End::All,
        audit: vec![row(open, person.as_str(), "person.enrolled", person, json!({ "by": invitation.by }))],
        ..AccessChange::default()
    })
}

/// What is in the database, or was written on this machine.
async fn find(app: &App, given: &str, hash: &str, now: Timestamp) -> Result<(Invitation, bool), Problem> {
    let kept = app.store().people().invitation(hash).await?;
    let local = || {
        let local = app.options.tokens.invitation(given)?;
        let (person, by, at, expires_at) = (local.person, local.by, local.at, local.expires_at);
        Some(Invitation { person, token: hash.to_owned(), by, at, expires_at, accepted: None })
    };
    let found = match kept {
        Some(kept) => Some((kept, false)),
        None => local().map(|local| (local, true)),
    };
    let good = |(i, _): &(Invitation, bool)| i.is_good(now) && app.active_person(&i.person).is_some();
    found.filter(good).ok_or_else(|| Problem::new(Code::InvitationOver))
}

/// A password that this person may choose, as its hash.
pub(super) async fn chosen(
    app: &App,
    person: &PersonId,
    given: &Hidden,
    before: Option<&Credentials>,
) -> Result<String, Problem> {
    let profile = app.policy().profile;
    let password = verify::normal(&given.0);
    let refuse = |weak: password::Weak| {
        Problem::because(Code::WeakPassword, weak.to_string()).in_chinese(weak.chinese()).at("password")
    };
    password::check(profile, person, password.expose()).map_err(refuse)?;
    let used = before.map(|c| c.password.iter().chain(&c.earlier).cloned().collect::<Vec<_>>());
    let used = used.filter(|used| profile.rules().history > 0 && !used.is_empty());
    if let Some(used) = used
        && app.access.hasher.fitting(password.clone(), used).await?.is_some()
    {
        return Err(refuse(password::Weak::Used));
    }
    app.access.hasher.hash(password).await
}

fn over() -> Refused {
    Refused::new(Code::InvitationOver.as_str(), "ask for a new one")
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    person: String,
}

#[derive(Serialize, ToSchema)]
struct Invited {
    person: String,
    /// Shown this once.
    token: String,
    /// The page that takes it; null where the settings name no `server.public_url`.
    link: Option<String>,
    expires_at: Timestamp,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    #[schema(value_type = String)]
    token: Hidden,
    #[schema(value_type = String)]
    password: Hidden,
}

/// The second factor, for an application on a telephone. Shown this once; accepting again makes another one.
#[derive(Serialize, ToSchema)]
struct Enrolling {
    person: String,
    /// `otpauth://totp/…`, to be shown as a picture.
    otpauth: String,
    /// The same to be typed.
    secret: String,
    /// Until then the first code has to be shown to `invitations/confirm`.
    expires_at: Timestamp,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    #[schema(value_type = String)]
    token: Hidden,
    #[schema(value_type = String)]
    code: Hidden,
}

#[derive(Serialize, ToSchema)]
struct Confirmed {
    person: String,
}
