//! Who asks. The one place that knows how people prove who they are: a session that they signed in to, one that was minted
//! on the machine itself, or a key of a script. Asked with every request, so whoever is out is out with the next one (F105).

mod address;
mod key;
mod leavers;
pub(crate) mod origin;
mod presented;
pub(crate) mod token;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::key::Key;
use juzhen_domain::access::session::{Form, Session, Stage};
use juzhen_domain::id::PersonId;
use juzhen_domain::matrix::Person;
use juzhen_store::{Asking, Audit, Shown};
use serde_json::json;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::request_id::RequestId;

pub(crate) use address::{Address, Peer};
pub(crate) use key::Rates;
pub(crate) use leavers::Swept;
pub(crate) use presented::{Presented, cookie as presented_cookie};

/// The person behind a request: known to the running settings and active at this moment (F105).
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Person);

/// The same, and how they proved it.
#[derive(Debug, Clone)]
pub(crate) struct Identified {
    pub(crate) person: Person,
    pub(crate) via: Via,
}

/// How somebody proved who they are.
#[derive(Debug, Clone)]
pub(crate) enum Via {
    /// Both factors.
    Session(Session),
    /// Whoever administers the machine made it there; good until its file is gone.
    Local,
    /// A script's; it decides nothing (C18).
    Key(Key),
}

/// Somebody whose password was right, and who has still to give the code.
#[derive(Debug, Clone)]
pub(crate) struct HalfWay {
    pub(crate) session: Session,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Identified::from_request_parts(parts, app).await.map(|known| Self(known.person))
    }
}

impl FromRequestParts<App> for Identified {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Always the same answer: whether a token is unknown, expired or of somebody who left is nobody's business.
        let unknown = || Problem::new(Code::Unauthenticated);
        let presented = Presented::of(&parts.headers).ok_or_else(unknown)?;
        let known = identify(parts, app, &presented).await?.ok_or_else(unknown)?;
        tracing::Span::current().record("person", known.person.id.as_str());
        Ok(known)
    }
}

impl FromRequestParts<App> for HalfWay {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let unknown = || Problem::new(Code::Unauthenticated);
        let presented = Presented::of(&parts.headers).ok_or_else(unknown)?;
        let (shown, _) = session(app, &presented, Stage::Password).await?.ok_or_else(unknown)?;
        origin::check(parts, app, &presented)?;
        Ok(Self { session: shown.it })
    }
}

async fn identify(parts: &Parts, app: &App, presented: &Presented) -> Result<Option<Identified>, Problem> {
    if token::is_session(&presented.token) {
        let Some((shown, person)) = session(app, presented, Stage::Full).await? else { return Ok(None) };
        origin::check(parts, app, presented)?;
        used_session(app, &shown.it).await?;
        return Ok(Some(Identified { person, via: Via::Session(shown.it) }));
    }
    if presented.form == Form::Cookie {
        return Ok(None);
    }
    if token::is_key(&presented.token) {
        let Some((key, person)) = key::find(app, &presented.token).await? else { return Ok(None) };
        key::may(parts, app, &key)?;
        return Ok(Some(Identified { person, via: Via::Key(key) }));
    }
    let person = local(parts, app, &presented.token).await?;
    Ok(person.map(|person| Identified { person, via: Via::Local }))
}

/// A session that counts now, at this stage and as it was handed out, and its person.
async fn session(
    app: &App,
    presented: &Presented,
    stage: Stage,
) -> Result<Option<(Shown<Session>, Person)>, Problem> {
    let found = app.store().people().session(&token::hash(&presented.token)).await?;
    let Some(shown) = found.filter(|shown| shown.it.stage == stage && shown.it.form == presented.form) else {
        return Ok(None);
    };
    let is_good = shown.it.is_good(&app.policy(), app.now());
    let person = present(app, &shown.it.person, &shown).await;
    Ok(person.filter(|_| is_good).map(|person| (shown, person)))
}

/// The person of a session or a key, if they are still here and nobody put them out. Whatever a leaver has ends for good.
async fn present<T>(app: &App, id: &PersonId, shown: &Shown<T>) -> Option<Person> {
    let Some(person) = app.active_person(id) else {
        leavers::look(app);
        return None;
    };
    let is_out = shown.credentials.as_ref().is_some_and(|c| c.out(&app.policy(), app.now()).is_some());
    (!is_out).then_some(person)
}

/// Whoever can write to the data folder; who is put out is out there too.
async fn local(parts: &Parts, app: &App, token: &str) -> Result<Option<Person>, Problem> {
    let Some(person) = app.options.tokens.person(token).and_then(|id| app.active_person(&id)) else {
        return Ok(None);
    };
    let asking = Asking { person: person.id.clone(), address: None };
    let credentials = app.store().people().access(&asking).await?.credentials;
    if credentials.is_some_and(|credentials| credentials.disabled.is_some()) {
        return Ok(None);
    }
    if app.access.locals.is_new(token) {
        let request = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let address = Address::of(parts, app).0;
        app.store().note(first_use(&person.id, address.as_deref(), request, app.now())).await?;
    }
    Ok(Some(person))
}

fn first_use(person: &PersonId, address: Option<&str>, request: Option<String>, at: Timestamp) -> Audit {
    Audit {
        actor: person.to_string(),
        action: "session.local".into(),
        subject: format!("person:{person}"),
        detail: json!({ "address": address }),
        at,
        request,
    }
}

/// Often enough that nobody who works is taken for idle, and seldom enough to cost nothing.
async fn used_session(app: &App, session: &Session) -> Result<(), Problem> {
    let often = (app.policy().idle / 4).min(SignedDuration::from_mins(1));
    let now = app.now();
    if now.duration_since(session.used_at) >= often {
        app.store().people().session_used(&session.token, now).await?;
    }
    Ok(())
}
