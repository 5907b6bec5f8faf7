//! OAuth 2: the page that asks, codes that are good once, tokens and what is left of them.

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::dialect::JSON;
use super::errors::{error, oauth_error};
use super::revoke::take_back;
use super::session::token_in;
use super::state::{Code, Granted, State};
use super::{consent, shapes};
use crate::answer::Reply;
use crate::exchange::{Arrival, Call, Intent, Refusal};
use crate::fields::Fields;
use crate::world::{World, now_unix_ms};

/// One address below `/weibo/oauth2/`.
pub(crate) struct OauthEndpoint {
    pub(crate) methods: &'static [&'static str],
    pub(crate) path: &'static str,
    pub(crate) route: &'static str,
    pub(crate) understand: fn(&Arrival, Fields) -> Intent,
}

pub(crate) static OAUTH_ENDPOINTS: &[OauthEndpoint] = &[
    OauthEndpoint {
        methods: &["GET", "POST"],
        path: "/oauth2/authorize",
        route: "GET /weibo/oauth2/authorize",
        understand: |_, fields| Intent::plain(move |world, _| authorize(world, &fields)),
    },
    OauthEndpoint {
        methods: &["POST"],
        path: "/oauth2/access_token",
        route: "POST /weibo/oauth2/access_token",
        understand: |arrival, fields| {
            let named = basic(arrival);
            Intent::plain(move |world, _| access_token(world, &fields, named.as_ref()))
        },
    },
    OauthEndpoint {
        methods: &["POST"],
        path: "/oauth2/get_token_info",
        route: "POST /weibo/oauth2/get_token_info",
        understand: |arrival, fields| {
            let token = token_in(arrival, &fields).map(str::to_owned);
            Intent::plain(move |world, _| token_info(world, token.as_deref()))
        },
    },
    OauthEndpoint {
        methods: &["GET", "POST"],
        path: "/oauth2/revokeoauth2",
        route: "POST /weibo/oauth2/revokeoauth2",
        understand: |arrival, fields| {
            let token = token_in(arrival, &fields).map(str::to_owned);
            Intent::plain(move |world, call| revoke(world, call, token.as_deref()))
        },
    },
];

/// Asks the person, or goes back to the app at once: Weibo does so for somebody who is signed in, unless `forcelogin` is
/// true. Our own parameters: `login_uid` is who signs in, `deny` says no.
fn authorize(world: &mut World, fields: &Fields) -> Result<Reply, Refusal> {
    let now = now_unix_ms();
    let state = &mut world.weibo;
    let key = fields.get("client_id").ok_or_else(|| oauth_error(21323, "miss client id"))?;
    let app = state.app(key).ok_or_else(|| error(21324))?;
    let uri = fields.get("redirect_uri").filter(|uri| app.redirects_to(uri)).ok_or_else(|| error(21322))?;
    let kind = fields.get("response_type").unwrap_or("code");
    if !matches!(kind, "code" | "token") {
        return Err(error(21329));
    }
    let mut answer: Vec<(&str, String)> =
        fields.get("state").map(|value| ("state", value.to_owned())).into_iter().collect();
    if fields.get("deny").is_some() {
        answer.extend([
            ("error_uri", "/oauth2/authorize".to_owned()),
            ("error", "access_denied".to_owned()),
            ("error_description", "user denied your request.".to_owned()),
            ("error_code", "21330".to_owned()),
        ]);
        return Ok(Reply::redirect(back_to(uri, '?', &answer)));
    }
    let chosen = fields.get("login_uid");
    if chosen.is_none() && fields.get("forcelogin") == Some("true") {
        return Ok(Reply::html(200, consent::page(state, &app, fields)));
    }
    let uid = chosen.map_or_else(|| first_uid(state), str::to_owned);
    if super::seed::check_uid(&uid).is_err() {
        return Err(oauth_error(21323, "login_uid is not a uid"));
    }
    if kind == "token" {
        let (token, granted) = state.grant(app, &uid, now);
        let life = granted.expires.saturating_sub(granted.created).to_string();
        answer.extend([
            ("access_token", token),
            ("remind_in", life.clone()),
            ("expires_in", life),
            ("uid", uid),
        ]);
        return Ok(Reply::redirect(back_to(uri, '#', &answer)));
    }
    let code = state.drawn_hex(now);
    let given = Code::For { uid, app: app.key.clone(), redirect_uri: uri.to_owned() };
    state.codes.insert(code.clone(), given);
    answer.push(("code", code));
    Ok(Reply::redirect(back_to(uri, '?', &answer)))
}

fn back_to(uri: &str, sign: char, answer: &[(&str, String)]) -> String {
    let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    // `+` for a blank is the form's way; addresses have `%20`.
    let sign = if sign == '?' && uri.contains('?') { '&' } else { sign };
    format!("{uri}{sign}{}", pairs.replace('+', "%20"))
}

/// A token for a code. A code of ours was given to one account; any other one, if the app allows it, is for the account
/// whose ten digits stand in it, or else the first. `named`: key and secret of the app as OAuth libraries send them unasked.
fn access_token(
    world: &mut World,
    fields: &Fields,
    named: Option<&(String, String)>,
) -> Result<Reply, Refusal> {
    let now = now_unix_ms();
    let state = &mut world.weibo;
    let key = fields.get("client_id").or(named.map(|(key, _)| key.as_str()));
    let secret = fields.get("client_secret").or(named.map(|(_, secret)| secret.as_str()));
    let (Some(key), Some(secret)) = (key, secret) else {
        return Err(oauth_error(21323, "miss client id or secret"));
    };
    let app = state.app(key).filter(|app| app.secret == secret).ok_or_else(|| error(21324))?;
    match fields.get("grant_type") {
        Some("authorization_code") => {}
        // Only Weibo's own mobile kits are given refresh tokens.
        Some("refresh_token") => return Err(oauth_error(21325, "invalid refresh token")),
        Some(_) => return Err(error(21328)),
        None => return Err(oauth_error(21323, "miss grant_type")),
    }
    let uri = fields.get("redirect_uri").filter(|uri| app.redirects_to(uri)).ok_or_else(|| error(21322))?;
    let code = fields.get("code").ok_or_else(|| oauth_error(21323, "miss code"))?;
    let bad_code = || oauth_error(21325, &format!("invalid authorization code:{code}"));
    let uid = match state.codes.get(code) {
        Some(Code::For { app: of, .. }) if *of != app.key => return Err(bad_code()),
        Some(Code::For { redirect_uri, .. }) if redirect_uri != uri => return Err(error(21322)),
        Some(Code::For { uid, .. }) => uid.clone(),
        None if app.any_code => uid_in(code).unwrap_or_else(|| first_uid(state)),
        _ => return Err(bad_code()),
    };
    state.codes.insert(code.to_owned(), Code::Used);
    let (token, granted) = state.grant(app, &uid, now);
    let life = granted.expires.saturating_sub(granted.created);
    let answer = json!({
        "access_token": token, "remind_in": life.to_string(), "expires_in": life, "uid": uid,
        "isRealName": "true",
    });
    Ok(Reply::json(200, &answer).typed(JSON))
}

fn token_info(world: &World, token: Option<&str>) -> Result<Reply, Refusal> {
    let granted = standing(&world.weibo, token)?;
    let left = granted.expires.saturating_sub(now_unix_ms() / 1_000);
    if left <= 0 {
        return Err(error(21327));
    }
    let answer = json!({
        "uid": shapes::number(&granted.uid), "appkey": granted.app.key, "scope": null,
        "create_at": granted.created, "expire_in": left,
    });
    Ok(Reply::json(200, &answer).typed(JSON))
}

/// The account takes its authorisation back: all its tokens for this app end.
fn revoke(world: &mut World, call: &Call, token: Option<&str>) -> Result<Reply, Refusal> {
    let Granted { app, uid, .. } = standing(&world.weibo, token)?.clone();
    take_back(world, &call.shared, &app, &uid);
    Ok(Reply::json(200, &json!({ "result": "true" })).typed(JSON))
}

fn standing<'a>(state: &'a State, token: Option<&str>) -> Result<&'a Granted, Refusal> {
    let token = token.ok_or_else(|| oauth_error(21323, "miss access_token"))?;
    state.token(token).filter(|granted| !granted.revoked).ok_or_else(|| error(21332))
}

/// `Authorization: Basic …`
fn basic(arrival: &Arrival) -> Option<(String, String)> {
    let (scheme, sent) = arrival.header(header::AUTHORIZATION)?.split_once(' ')?;
    let pair = STANDARD.decode(sent.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (key, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((key.to_owned(), secret.to_owned()))
}

fn uid_in(code: &str) -> Option<String> {
    let runs = code.split(|one: char| !one.is_ascii_digit());
    runs.filter(|run| run.len() == 10 && !run.starts_with('0')).map(str::to_owned).next()
}

fn first_uid(state: &State) -> String {
    state.people().first().map_or("5000000001", |(uid, _)| *uid).to_owned()
}
