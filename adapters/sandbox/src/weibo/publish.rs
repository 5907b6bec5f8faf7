//! Posts: share, update, upload and upload_url_text, and what all of them check before a post stands.

use std::sync::Arc;

use serde_json::{Value, json};

use super::PLATFORM;
use super::dialect::{JSON, refuse};
use super::errors::{error, error_saying, invalid, missing};
use super::pictures::{self, Picture};
use super::seed::App;
use super::session::{Asked, Session};
use super::shapes::{self, View};
use super::state::{Details, Review};
use super::text::{MOST_UNITS, addresses, host_of, mentioned, shortened, trimmed, units, without_topics};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, NewEffect, said_hash};
use crate::exchange::{Call, Intent, IntentKind, Refusal};
use crate::script::Later;
use crate::world::{World, now_unix_ms};

/// A text is not said again within ten minutes, nor directly after itself.
pub(crate) const REPEAT_MS: i64 = 600_000;
/// Of a long post, in characters.
const MOST_LONG: usize = 5_000;
const MOST_ANNOTATIONS: usize = 512;
const MOST_PICTURES: usize = 9;

/// A post that is well formed.
pub(crate) struct NewStatus {
    /// As sent.
    pub(crate) text: Arc<str>,
    pub(crate) shown: String,
    pub(crate) links: Vec<(String, String)>,
    pub(crate) is_long: bool,
    pub(crate) visible: u8,
    pub(crate) annotations: Option<Value>,
    pub(crate) pictures: Vec<Picture>,
    /// Ids of pictures that were uploaded before.
    pub(crate) known_pictures: Vec<String>,
}

/// `statuses/share`: the text has to name a page of the app's own domain.
pub(crate) fn share(asked: &Asked) -> Result<Intent, Refusal> {
    let text = asked.required("status")?;
    asked.check_rip()?;
    check_domain(&asked.session.app, text)?;
    let mut new = new_status(text, &without_topics(text), false)?;
    new.pictures.extend(pictures::sent(asked)?);
    Ok(intent(asked, new))
}

/// `statuses/update`, `statuses/update/biz`
pub(crate) fn update(asked: &Asked) -> Result<Intent, Refusal> {
    let new = granted(asked)?;
    Ok(intent(asked, new))
}

/// `statuses/upload`, `statuses/upload/biz`: with one picture.
pub(crate) fn upload(asked: &Asked) -> Result<Intent, Refusal> {
    let mut new = granted(asked)?;
    let picture = pictures::sent(asked)?.ok_or_else(|| error(20007))?;
    new.pictures.push(picture);
    Ok(intent(asked, new))
}

/// `statuses/upload_url_text`: with pictures that are somewhere already.
pub(crate) fn upload_url_text(asked: &Asked) -> Result<Intent, Refusal> {
    let mut new = granted(asked)?;
    match (asked.fields.get("pic_id"), asked.fields.get("url")) {
        (Some(ids), _) => new.known_pictures = ids.split(',').map(|id| id.trim().to_owned()).collect(),
        (None, Some(url)) if host_of(url).is_some() => new.pictures.push(Picture::at(url)),
        (None, Some(url)) => return Err(invalid("url", "http url", url)),
        (None, None) if !asked.endpoint.is_biz() => return Err(missing("url")),
        (None, None) => {}
    }
    if new.known_pictures.len() > MOST_PICTURES {
        return Err(error(20009));
    }
    Ok(intent(asked, new))
}

/// What update, upload and upload_url_text have in common.
fn granted(asked: &Asked) -> Result<NewStatus, Refusal> {
    let text = asked.required("status")?;
    asked.check_rip()?;
    let visible = match asked.fields.get("visible").unwrap_or("0") {
        "0" => 0,
        "1" => 1,
        "2" => 2,
        "3" => 3,
        _ => return Err(error(20121)),
    };
    if visible == 3 && asked.fields.get("list_id").is_none() {
        return Err(missing("list_id"));
    }
    for (name, most) in [("lat", 90.0), ("long", 180.0)] {
        if let Some(found) = asked.fields.get(name) {
            let fits = found.parse::<f64>().is_ok_and(|degrees| degrees.abs() <= most);
            fits.then_some(())
                .ok_or_else(|| invalid(name, &format!("float from -{most} to {most}"), found))?;
        }
    }
    let annotations = asked.fields.get("annotations").map(annotations).transpose()?;
    let long = takes_long(asked.endpoint.path) && asked.flag("is_longtext")?;
    let new = new_status(text, text, long)?;
    Ok(NewStatus { visible, annotations, ..new })
}

/// Which interfaces have `is_longtext`, as the documentation lists it; the others go over it.
fn takes_long(path: &str) -> bool {
    !matches!(path, "/2/statuses/upload_url_text.json" | "/c/2/statuses/upload/biz.json")
}

/// What the app sent, as an array, with what the platform adds.
fn annotations(sent: &str) -> Result<Value, Refusal> {
    let refused = || invalid("annotations", "json, at most 512 characters", sent);
    if sent.chars().count() > MOST_ANNOTATIONS {
        return Err(refused());
    }
    let mut items = match serde_json::from_str(sent).map_err(|_| refused())? {
        Value::Array(items) => items,
        other => vec![other],
    };
    items.push(json!({ "mapi_request": true }));
    Ok(Value::Array(items))
}

/// Checks the text. `kept`: what the platform keeps of it.
pub(crate) fn new_status(text: &str, kept: &str, long: bool) -> Result<NewStatus, Refusal> {
    if trimmed(text).is_empty() {
        return Err(error(20008));
    }
    let (shown, links) = shortened(trimmed(kept));
    let is_over = units(&shown) > MOST_UNITS;
    if is_over && !long {
        return Err(error(20012));
    }
    if shown.chars().count() > MOST_LONG {
        return Err(error(20049));
    }
    Ok(NewStatus {
        text: text.into(),
        shown: format!("{shown} \u{200b}"),
        links,
        is_long: is_over,
        visible: 0,
        annotations: None,
        pictures: Vec::new(),
        known_pictures: Vec::new(),
    })
}

fn check_domain(app: &App, text: &str) -> Result<(), Refusal> {
    if app.safe_domains.is_empty() {
        return Err(error_saying(10017, "appkey not bind domain!"));
    }
    // Hosts are compared whole: `www.` in front makes another one.
    let is_safe = |address: &&str| {
        host_of(address).is_some_and(|host| app.safe_domains.iter().any(|safe| safe == host))
    };
    match addresses(text).iter().any(is_safe) {
        true => Ok(()),
        false => Err(error_saying(10017, "text not find domain!")),
    }
}

fn intent(asked: &Asked, new: NewStatus) -> Intent {
    let words = vec![new.text.clone()];
    let (session, endpoint) = (asked.session.clone(), asked.endpoint);
    let act = move |world: &mut World, call: &Call| {
        let hash = said_hash("", &new.text);
        refuse_repeated(
            world,
            call,
            &session.uid,
            |said| said.kind == EffectKind::Post && said.hash == hash,
            20019,
        )?;
        refuse_content(world, &new.text)?;
        if new.known_pictures.iter().any(|id| !world.weibo.pictures.contains_key(id)) {
            return Err(invalid("pic_id", "ids of uploaded pictures", &new.known_pictures.join(",")));
        }
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Post, call.request.clone());
        effect.hash = hash;
        create(world, call, &session, endpoint.path, effect, new)
    };
    Intent { words, kind: IntentKind::Publication, act: Box::new(act) }
}

/// Refuses what the account said directly before, or within ten minutes; a scripted rule looks at all it ever said.
pub(crate) fn refuse_repeated(
    world: &mut World,
    call: &Call,
    uid: &str,
    is_same: impl Fn(&NewEffect) -> bool,
    code: i64,
) -> Result<(), Refusal> {
    let Some(account) = world.ledger.find_account(PLATFORM, uid) else { return Ok(()) };
    let posts = || world.ledger.of_account(account, i64::MIN, i64::MAX).rev().filter(|entry| entry.is_post());
    let since = now_unix_ms().saturating_sub(REPEAT_MS);
    let mut lately = posts().enumerate().take_while(|(place, entry)| *place == 0 || entry.at >= since);
    let is_habit = lately.any(|(_, entry)| is_same(&entry.said));
    let rule = call.twist.repeat_content.filter(|_| posts().any(|entry| is_same(&entry.said)));
    if let Some(rule) = rule {
        world.script.fired(rule);
    }
    if is_habit || rule.is_some() { Err(error(code)) } else { Ok(()) }
}

pub(crate) fn refuse_content(world: &World, text: &str) -> Result<(), Refusal> {
    match world.weibo.illegal_words.iter().any(|word| text.contains(word.as_str())) {
        true => Err(error(20021)),
        false => Ok(()),
    }
}

/// Writes the post down and answers with it, or with 20053 when people are to look at it first.
pub(crate) fn create(
    world: &mut World,
    call: &Call,
    session: &Session,
    path: &str,
    mut effect: NewEffect,
    new: NewStatus,
) -> Result<Reply, Refusal> {
    refuse_over_quota(world, call)?;
    effect.account = call.account;
    effect.text = new.text;
    effect.media = new.pictures.iter().map(|picture| picture.id.clone()).chain(new.known_pictures).collect();
    effect.shown_text = Some(match call.twist.normalise {
        Some(how) => crate::mock::normalised(&new.shown, how).into(),
        None => new.shown.as_str().into(),
    });
    // What is not for everybody is on no public page.
    let late = if new.visible == 0 { call.twist.visible_late_ms } else { u64::MAX };
    effect.visible_late_ms = i64::try_from(late).unwrap_or(i64::MAX);
    let later = call.twist.then.clone();
    if later.is_some() {
        effect.state = EffectState::Pending;
    }
    let (origin, pictures) = (effect.origin, effect.media.clone());
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    if let (Some(ms), Some(entry)) = (call.twist.remove_after_ms, world.ledger.get_mut(recorded.number)) {
        entry.removed_from = recorded.at.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    }
    let details = Details {
        app: Some(session.app.clone()),
        visible: new.visible,
        annotations: new.annotations,
        is_long: new.is_long,
        pictures,
        links: new.links.iter().map(|(short, _)| short.clone()).collect(),
        ..Details::default()
    };
    let state = &mut world.weibo;
    state.links.extend(new.links);
    state.pictures.extend(new.pictures.into_iter().map(|picture| (picture.id, picture.bytes)));
    state.details.insert(recorded.number, details);
    state.person_mut(&session.uid).statuses += 1;
    if let Some(details) = origin.and_then(|origin| state.details.get_mut(&origin)) {
        details.reposts.push(recorded.number);
    }
    for name in mentioned(&new.shown) {
        state.mentions.entry(name.to_owned()).or_default().push(recorded.number);
    }
    if let Some(Later { polls, after_ms, outcome, .. }) = later {
        let not_before = recorded.at.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX));
        world.weibo.reviews.push(Review { number: recorded.number, polls, not_before, outcome });
        return Ok(refuse(&error(20053), path));
    }
    let entry = world.ledger.get(recorded.number).ok_or_else(|| error(10001))?;
    let view = View { skew_ms: call.twist.skew_ms, ..View::default() };
    Ok(Reply::json(200, &shapes::status(world, entry, view)).typed(JSON))
}

/// A scripted quota: too many posts for now.
fn refuse_over_quota(world: &mut World, call: &Call) -> Result<(), Refusal> {
    let (Some((rule, most, window_ms)), Some(account)) = (call.twist.quota, call.account) else {
        return Ok(());
    };
    let since = now_unix_ms().saturating_sub(i64::try_from(window_ms).unwrap_or(i64::MAX));
    let posts = world.ledger.of_account(account, since, i64::MAX).filter(|entry| entry.is_post()).count();
    if (posts as u64) < most {
        return Ok(());
    }
    world.script.fired(rule);
    Err(error(20016))
}
