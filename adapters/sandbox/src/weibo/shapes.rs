//! The objects in Weibo's answers: posts and people, with the fields that real answers have.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::mid_of;
use super::seed::{App, Level};
use super::state::Details;
use super::text::{trimmed, units};
use crate::effect::{EffectState, Entry};
use crate::world::{World, now_unix_ms};

/// Characters of a long post that a list shows.
const LONG_SHOWN: usize = 140;

/// How an object is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    /// The author's uid in place of the author.
    pub(crate) trim_user: bool,
    /// The whole of a long post, as `longText`.
    pub(crate) long: bool,
    /// By so much the platform's clock is off.
    pub(crate) skew_ms: i64,
}

/// A post; one that is gone is a stub, as Weibo leaves it.
pub(crate) fn status(world: &World, entry: &Entry, view: View) -> Value {
    let id = mid_of(entry.number);
    if !is_there(entry) {
        return json!({
            "id": id, "idstr": id.to_string(), "mid": id.to_string(), "deleted": "1",
            "text": "此微博已被原作者删除。", "created_at": time(entry.at.saturating_add(view.skew_ms)),
        });
    }
    let none = Details::default();
    let details = world.weibo.details.get(&entry.number).unwrap_or(&none);
    let mut object = plain(world, entry, details, view);
    let Some(fields) = object.as_object_mut() else { return object };
    if let Some(annotations) = &details.annotations {
        fields.insert("annotations".into(), annotations.clone());
    }
    if details.is_long && view.long {
        fields.insert("longText".into(), json!({ "longTextContent": entry.shown_text() }));
    }
    if let Some(first) = details.pictures.first() {
        for (field, size) in
            [("thumbnail_pic", "thumbnail"), ("bmiddle_pic", "bmiddle"), ("original_pic", "large")]
        {
            fields.insert(field.into(), picture(first, size).into());
        }
    }
    if !details.links.is_empty() {
        fields.insert("url_objects".into(), url_objects(world, details));
    }
    if let Some(origin) = entry.said.origin.and_then(|number| world.ledger.get(number)) {
        fields.insert("retweeted_status".into(), status(world, origin, view));
    }
    object
}

fn plain(world: &World, entry: &Entry, details: &Details, view: View) -> Value {
    let state = &world.weibo;
    let (id, uid) = (mid_of(entry.number), &*entry.account_uid);
    let pictures: Vec<Value> =
        details.pictures.iter().map(|one| json!({ "thumbnail_pic": picture(one, "thumbnail") })).collect();
    let comments = state.comments.iter().filter(|one| one.status == entry.number && !one.deleted).count();
    let mut object = with(
        json!({
            "visible": { "type": visible_type(details.visible), "list_id": 0 },
            "created_at": time(entry.at.saturating_add(view.skew_ms)),
            "id": id, "idstr": id.to_string(), "mid": id.to_string(),
            "text": shown(entry, details), "textLength": units(entry.shown_text()),
            "source": source(details.app.as_deref()), "pic_urls": pictures, "pic_num": details.pictures.len(),
            "reposts_count": details.reposts.len(), "comments_count": comments, "attitudes_count": 0,
            "isLongText": details.is_long,
        }),
        status_habits(),
    );
    if let Some(fields) = object.as_object_mut() {
        let (field, author) = if view.trim_user { ("uid", number(uid)) } else { ("user", user(world, uid)) };
        fields.insert(field.into(), author);
    }
    object
}

/// What every post has, and nobody here changes.
fn status_habits() -> Value {
    json!({
        "can_edit": false, "version": 1, "show_additional_indication": 0, "source_allowclick": 0,
        "source_type": 1, "favorited": false, "truncated": false, "in_reply_to_status_id": "",
        "in_reply_to_user_id": "", "in_reply_to_screen_name": "", "geo": null, "is_paid": false,
        "mblog_vip_type": 0, "pending_approval_count": 0, "reward_exhibition_type": 0, "hide_flag": 0,
        "mlevel": 0, "biz_feature": 0, "hasActionTypeCard": 0, "darwin_tags": [], "hot_weibo_tags": [],
        "text_tag_tips": [], "mblogtype": 0, "rid": "0", "userType": 0, "more_info_type": 0,
        "positive_recom_flag": 0, "content_auth": 0, "gif_ids": "", "is_show_bulletin": 2,
        "comment_manage_info": { "comment_permission_type": -1, "approval_comment_type": 0 },
    })
}

/// A person.
pub(crate) fn user(world: &World, uid: &str) -> Value {
    let person = world.weibo.person(uid);
    let reason = person.verified_reason.as_deref();
    let avatar = |size: u32| format!("http://tvax2.sinaimg.cn/default/images/default_avatar_male_{size}.gif");
    with(
        json!({
            "id": number(uid), "idstr": uid, "class": 1, "screen_name": person.name, "name": person.name,
            "profile_image_url": avatar(50), "avatar_large": avatar(180), "avatar_hd": avatar(180),
            "profile_url": format!("u/{uid}"), "statuses_count": person.statuses, "verified": reason.is_some(),
            // 1 is a government account, -1 nobody in particular.
            "verified_type": if reason.is_some() { 1 } else { -1 },
            "verified_reason": reason.unwrap_or_default(),
        }),
        with(user_habits(), user_counts()),
    )
}

/// What everybody has, and nobody here changes: words and answers.
fn user_habits() -> Value {
    json!({
        "province": "44", "city": "1", "location": "广东 广州", "description": "", "url": "", "domain": "",
        "weihao": "", "gender": "m", "created_at": "Wed Apr 21 15:43:54 +0800 2010", "following": false,
        "allow_all_act_msg": true, "geo_enabled": false, "remark": "", "allow_all_comment": true,
        "insecurity": { "sexual_content": false }, "verified_trade": "", "verified_reason_url": "",
        "verified_source": "", "verified_source_url": "", "follow_me": false, "like": false, "like_me": false,
        "lang": "zh-cn", "special_follow": false,
    })
}

/// The same, as numbers.
fn user_counts() -> Value {
    json!({
        "followers_count": 0, "friends_count": 0, "pagefriends_count": 0, "video_status_count": 0,
        "video_play_count": 0, "favourites_count": 0, "ptype": 0, "online_status": 0, "bi_followers_count": 0,
        "star": 0, "mbtype": 0, "mbrank": 0, "svip": 0, "block_word": 0, "block_app": 0, "credit_score": 80,
        "user_ability": 0, "urank": 20, "story_read_state": -1, "vclub_member": 0, "is_teenager": 0,
        "is_guardian": 0, "is_teenager_list": 0, "pc_new": 0, "planet_video": 0, "video_mark": 0,
        "live_status": 0, "brand_account": 0,
    })
}

/// One object with the fields of both.
fn with(mut object: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (object.as_object_mut(), more) {
        fields.extend(more);
    }
    object
}

/// What a picture is called once it is uploaded.
pub(crate) fn picture(id: &str, size: &str) -> String {
    format!("http://wx3.sinaimg.cn/{size}/{id}.jpg")
}

/// `Mon Nov 23 20:00:00 +0800 2026`
pub(crate) fn time(unix_ms: i64) -> String {
    beijing(unix_ms, "%a %b %d %H:%M:%S %z %Y")
}

/// As people in Beijing read it, in this form.
pub(crate) fn beijing(unix_ms: i64, form: &str) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(zone).strftime(form).to_string()
}

/// Digits as JSON has them.
pub(crate) fn number(digits: &str) -> Value {
    digits.parse::<u64>().map_or(Value::Null, Value::from)
}

/// The public can read it, or could if it were not private.
pub(crate) fn is_there(entry: &Entry) -> bool {
    entry.state_at(now_unix_ms()) == EffectState::Standing
}

pub(crate) fn source(app: Option<&App>) -> String {
    let (address, name) = match app {
        None => ("http://weibo.com/".to_owned(), "iPhone客户端"),
        Some(app) if app.level == Level::Test => {
            (format!("http://app.weibo.com/t/feed/{}", app.key), "未通过审核应用")
        }
        Some(app) => (format!("http://app.weibo.com/t/feed/{}", app.key), app.name.as_str()),
    };
    format!("<a href=\"{address}\" rel=\"nofollow\">{name}</a>")
}

/// `visible` as parameters have it (2 close friends, 3 a group) and as answers do (4, 3).
fn visible_type(visible: u8) -> u8 {
    if visible == 2 { 4 } else { visible }
}

/// A long post is cut in lists.
fn shown(entry: &Entry, details: &Details) -> String {
    let text = entry.shown_text();
    if !details.is_long {
        return text.to_owned();
    }
    let start: String = trimmed(text).chars().take(LONG_SHOWN).collect();
    format!("{start}...全文： http://m.weibo.cn/{}/{}", &*entry.account_uid, mid_of(entry.number))
}

fn url_objects(world: &World, details: &Details) -> Value {
    let object = |short: &String| {
        let long = world.weibo.links.get(short).unwrap_or(short);
        json!({
            "url_ori": short, "object_id": "",
            "info": { "url_short": short, "url_long": long, "type": 0, "result": true },
        })
    };
    details.links.iter().map(object).collect()
}
