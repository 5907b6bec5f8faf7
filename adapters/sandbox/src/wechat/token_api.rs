//! `token` and `stable_token`.

use serde_json::json;

use super::body::{Ask, flag};
use super::dialect::error;
use super::tokens::Given;
use super::usage::day_of;
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

const GRANT_TYPE: &str = "client_credential";

/// `?grant_type=client_credential&appid=&secret=`
pub(crate) fn token(ask: Ask) -> Result<Intent, Refusal> {
    check_grant(ask.fields.get("grant_type"))?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let (fresh, now) = (world.wechat.ids.access_token(), world.wechat.now());
        let account = world.wechat.account_mut(&ask.appid).ok_or_else(|| error(40013))?;
        Ok(told(&account.tokens.plain(fresh, now)))
    }))
}

/// `{"grant_type","appid","secret","force_refresh"?}`
pub(crate) fn stable_token(ask: Ask) -> Result<Intent, Refusal> {
    check_grant(ask.text("grant_type"))?;
    let force = flag(&ask.json, "force_refresh");
    Ok(Intent::plain(move |world: &mut World, _call| {
        let (fresh, now) = (world.wechat.ids.access_token(), world.wechat.now());
        let account = world.wechat.account_mut(&ask.appid).ok_or_else(|| error(40013))?;
        Ok(told(&account.tokens.stable(fresh, force, day_of(now), now)))
    }))
}

fn check_grant(grant_type: Option<&str>) -> Result<(), Refusal> {
    if grant_type == Some(GRANT_TYPE) { Ok(()) } else { Err(error(40002)) }
}

fn told(given: &Given) -> Reply {
    Reply::json(200, &json!({ "access_token": given.token, "expires_in": given.expires_in }))
}
