//! What is left of the daily calls, starting the counters again, and the addresses of the platform.

use serde_json::json;

use super::admit::{check_permission, per_day};
use super::body::Ask;
use super::dialect::error;
use super::endpoints;
use super::{account_of, ok};
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

/// In a month.
const MOST_CLEARS: u64 = 10;
const MOST_SINGLE_CLEARS: u64 = 50;

/// `{"cgi_path":"/cgi-bin/…"}`: 76021 if there is no such path, 76022 if the account may not call it.
pub(crate) fn read(ask: Ask) -> Result<Intent, Refusal> {
    let endpoint = named(&ask)?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let now = world.wechat.now();
        let account = account_of(world, &ask.appid)?;
        check_permission(account, endpoint.needs).map_err(|_| error(76022))?;
        let (limit, used) = (per_day(account, endpoint), account.usage.used(endpoint.path, now));
        let left = limit.saturating_sub(used);
        let mut answer = json!({
            "errcode": 0,
            "errmsg": "ok",
            "quota": { "daily_limit": limit, "used": used, "remain": left },
        });
        if let (Some(most), Some(fields)) = (endpoint.per_minute, answer.as_object_mut()) {
            fields.insert("rate_limit".into(), json!({ "call_count": most, "refresh_second": 60 }));
        }
        Ok(Reply::json(200, &answer))
    }))
}

/// `{"appid"}`: 48006 once the month's clears are used up.
pub(crate) fn clear(ask: Ask) -> Result<Intent, Refusal> {
    if ask.text("appid") != Some(&ask.appid) {
        return Err(error(40013));
    }
    clear_by_secret(ask)
}

/// `{"appid","appsecret"}`, for when the calls for tokens are used up, too.
pub(crate) fn clear_by_secret(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let now = world.wechat.now();
        let account = account_of(world, &ask.appid)?;
        if account.usage.clear(MOST_CLEARS, now) { Ok(ok()) } else { Err(error(48006)) }
    }))
}

/// `{"cgi_path"}`
pub(crate) fn clear_one(ask: Ask) -> Result<Intent, Refusal> {
    let endpoint = named(&ask)?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let now = world.wechat.now();
        let account = account_of(world, &ask.appid)?;
        if account.usage.clear_one(endpoint.path, MOST_SINGLE_CLEARS, now) {
            Ok(ok())
        } else {
            Err(error(48006))
        }
    }))
}

/// Where pushes come from.
pub(crate) fn callback_addresses(_ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(|_world: &mut World, _call| Ok(Reply::json(200, &json!({ "ip_list": ["127.0.0.1"] })))))
}

pub(crate) fn api_addresses(ask: Ask) -> Result<Intent, Refusal> {
    callback_addresses(ask)
}

fn named(ask: &Ask) -> Result<&'static endpoints::Endpoint, Refusal> {
    ask.text("cgi_path").and_then(endpoints::find).ok_or_else(|| error(76021))
}
