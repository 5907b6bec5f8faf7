//! The account itself: who it is, what is unread, how many calls are left; and the small helpers of the platform.

use serde_json::{Value, json};

use super::comment_lists::is_to;
use super::endpoint::{Counted, ENDPOINTS};
use super::errors::{error, invalid, missing};
use super::limits::{Bucket, left_of_hour};
use super::lists::answered;
use super::seed::Tier;
use super::session::Asked;
use super::shapes;
use super::text::{base62_of, host_of, mentioned, mid_from_base62, short_address};
use super::timeline::check_own;
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::{World, now_unix_ms};

const MOST_BATCH: usize = 20;
/// The faces of a text, as `[微笑]`.
const FACES: &[&str] = &["微笑", "赞", "心", "鲜花", "话筒", "给力", "加油", "抱拳", "国旗", "雨"];

/// `account/get_uid`
pub(crate) fn get_uid(asked: &Asked) -> Result<Intent, Refusal> {
    let uid = asked.session.uid.clone();
    Ok(Intent::plain(move |_, _| Ok(answered(&json!({ "uid": uid })))))
}

/// `users/show`: on the open tiers only oneself.
pub(crate) fn users_show(asked: &Asked) -> Result<Intent, Refusal> {
    let uid = asked.fields.get("uid").map(str::to_owned);
    let name = asked.fields.get("screen_name").map(str::to_owned);
    if uid.is_none() && name.is_none() {
        return Err(missing("uid"));
    }
    let session = asked.session.clone();
    Ok(Intent::plain(move |world, _| {
        if let Some(name) = name.as_deref().filter(|_| uid.is_none()) {
            world.weibo.uid_named(name).ok_or_else(|| error(20003))?;
        }
        check_own(world, &session, uid.as_deref(), name.as_deref())?;
        Ok(answered(&shapes::user(world, &session.uid)))
    }))
}

/// `remind/unread_count`: what no list has shown yet.
pub(crate) fn unread_count(asked: &Asked) -> Result<Intent, Refusal> {
    let uid = asked.fields.get("uid").map(str::to_owned);
    let session = asked.session.clone();
    Ok(Intent::plain(move |world, _| {
        check_own(world, &session, uid.as_deref(), None)?;
        Ok(answered(&unread(world, &session.uid)))
    }))
}

fn unread(world: &World, uid: &str) -> Value {
    let state = &world.weibo;
    let name = state.person(uid).name;
    let unseen = || state.comments.iter().filter(|one| !one.deleted && !one.seen && one.uid != uid);
    let naming = |text: &str| mentioned(text).contains(&name.as_str());
    let posts = state.mentions.get(&name).map_or(&[][..], Vec::as_slice).iter();
    let posts = posts.filter(|number| {
        let by_another = world
            .ledger
            .get(**number)
            .is_some_and(|entry| *entry.account_uid != *uid && entry.is_visible(now_unix_ms()));
        by_another && state.details.get(*number).is_some_and(|details| !details.seen)
    });
    json!({
        "status": 0, "follower": 0, "cmt": unseen().filter(|one| is_to(world, uid, one)).count(), "dm": 0,
        "mention_status": posts.count(), "mention_cmt": unseen().filter(|one| naming(&one.shown)).count(),
        "group": 0, "notice": 0, "invite": 0, "badge": 0, "photo": 0,
    })
}

/// `account/rate_limit_status`, which is not counted itself.
pub(crate) fn rate_limit_status(asked: &Asked) -> Result<Intent, Refusal> {
    let (session, peer) = (asked.session.clone(), asked.peer);
    Ok(Intent::plain(move |world, _| {
        let (now, limits, counters) = (now_unix_ms(), session.app.limits, &world.weibo.counters);
        let left = |bucket: &Bucket, most: u64| most.saturating_sub(counters.used(bucket, now));
        let reset_ms = left_of_hour(now);
        let by_interface = ENDPOINTS.iter().filter(|one| one.tier != Tier::Biz).filter_map(|one| {
            let most = match one.counted {
                Counted::Publish => limits.publish_hour,
                Counted::Comment => limits.comment_hour,
                Counted::Read | Counted::Free => return None,
            };
            let api = one.path.trim_start_matches("/2").trim_end_matches(".json");
            let remaining = left(&session.interface_hour(one.path), most);
            Some(
                json!({ "api": api, "limit": most, "limit_time_unit": "HOURS", "remaining_hits": remaining }),
            )
        });
        let by_interface: Vec<Value> = by_interface.collect();
        Ok(answered(&json!({
            "ip_limit": limits.ip_hour, "limit_time_unit": "HOURS",
            "remaining_ip_hits": left(&Bucket::AddressHour { peer, biz: false }, limits.ip_hour),
            "remaining_user_hits": left(&session.user_day(), limits.user_day),
            "reset_time": shapes::beijing(now.saturating_add(reset_ms), "%Y-%m-%d %H:%M:%S"),
            "reset_time_in_seconds": reset_ms / 1_000, "user_limit": limits.user_day,
            "api_rate_limits": by_interface,
        })))
    }))
}

/// `statuses/queryid`: digits from the form in addresses.
pub(crate) fn queryid(asked: &Asked) -> Result<Intent, Refusal> {
    let mids = asked.required("mid")?;
    asked.number("type", 1, 1, 3)?;
    let is_base62 = asked.flag("isBase62")?;
    // Digits alone are digits already, unless the caller says otherwise.
    let digits = |mid: &str| match mid.parse::<u64>() {
        Ok(known) if !is_base62 => Some(known),
        _ => mid_from_base62(mid),
    };
    let found = || invalid("mid", "mid", mids);
    let answer = if asked.flag("is_batch")? {
        let pairs = batch(mids)?.into_iter().map(|mid| {
            let id = digits(mid).ok_or_else(found)?;
            Ok(json!({ mid: id.to_string() }))
        });
        pairs.collect::<Result<Value, Refusal>>()?
    } else {
        json!({ "id": digits(mids).ok_or_else(found)?.to_string() })
    };
    Ok(Intent::plain(move |_, _| Ok(answered(&answer))))
}

/// `statuses/querymid`: the form in addresses from digits.
pub(crate) fn querymid(asked: &Asked) -> Result<Intent, Refusal> {
    let ids = asked.required("id")?;
    asked.number("type", 1, 1, 3)?;
    let form = |id: &str| id.parse().map(base62_of).map_err(|_| invalid("id", "long", id));
    let answer = if asked.flag("is_batch")? {
        let pairs = batch(ids)?.into_iter().map(|id| Ok(json!({ id: form(id)? })));
        pairs.collect::<Result<Value, Refusal>>()?
    } else {
        json!({ "mid": form(ids)? })
    };
    Ok(Intent::plain(move |_, _| Ok(answered(&answer))))
}

fn batch(list: &str) -> Result<Vec<&str>, Refusal> {
    let list: Vec<&str> = list.split(',').map(str::trim).collect();
    if list.len() > MOST_BATCH { Err(error(20009)) } else { Ok(list) }
}

/// `statuses/go`: the browser's way to a post.
pub(crate) fn go(asked: &Asked) -> Result<Intent, Refusal> {
    let (uid, id) = (asked.id("uid")?, asked.id("id")?);
    let page = format!("https://weibo.com/{uid}/{}", base62_of(id));
    Ok(Intent::plain(move |_, _| Ok(Reply::redirect(page))))
}

/// `short_url/shorten`, `short_url/expand`: taken from ordinary apps in 2019.
pub(crate) fn withdrawn(_: &Asked) -> Result<Intent, Refusal> {
    Err(error(10014))
}

/// `short_url/shorten/biz`
pub(crate) fn shorten(asked: &Asked) -> Result<Intent, Refusal> {
    let long = asked.required("url_long")?.to_owned();
    if host_of(&long).is_none() {
        return Err(invalid("url_long", "url", &long));
    }
    Ok(Intent::plain(move |world, _| {
        let short = short_address(&long);
        world.weibo.links.insert(short.clone(), long.clone());
        Ok(answered(&link(&short, &long, true)))
    }))
}

/// `short_url/expand/biz`
pub(crate) fn expand(asked: &Asked) -> Result<Intent, Refusal> {
    let short = asked.required("url_short")?.to_owned();
    Ok(Intent::plain(move |world, _| {
        let long = world.weibo.links.get(&short);
        Ok(answered(&link(&short, long.map_or("", String::as_str), long.is_some())))
    }))
}

fn link(short: &str, long: &str, known: bool) -> Value {
    json!({ "urls": [{ "result": known, "url_short": short, "url_long": long, "object_type": "", "type": 0, "object_id": "" }] })
}

/// `emotions`
pub(crate) fn emotions(_: &Asked) -> Result<Intent, Refusal> {
    Ok(Intent::plain(|_, _| {
        let face = |name: &&str| {
            let phrase = format!("[{name}]");
            json!({
                "phrase": phrase, "value": phrase, "type": "face", "category": "", "common": true, "hot": false,
                "url": "http://img.t.sinajs.cn/t4/appstyle/expression/ext/normal/5c/huanglianwx_thumb.gif",
                "icon": "http://img.t.sinajs.cn/t4/appstyle/expression/ext/normal/5c/huanglianwx_thumb.gif",
                "picid": "",
            })
        };
        Ok(answered(&FACES.iter().map(face).collect()))
    }))
}
