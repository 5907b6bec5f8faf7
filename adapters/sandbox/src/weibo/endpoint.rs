//! The interfaces: which there are, who may call them, and what counts against which limit.

use super::seed::Tier;
use super::session::Asked;
use super::{account, comment_lists, comments, home, lists, messages, pictures, publish, repost, timeline};
use crate::exchange::{Intent, Refusal};

/// One interface.
pub(crate) struct Endpoint {
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// Below `/weibo`.
    pub(crate) path: &'static str,
    /// The name that it is counted under.
    pub(crate) route: &'static str,
    pub(crate) tier: Tier,
    pub(crate) counted: Counted,
    /// Reads the parameters; what needs a look at the world comes later, in the act.
    pub(crate) understand: fn(&Asked) -> Result<Intent, Refusal>,
}

/// Against which limits a call counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Free,
    Read,
    Publish,
    Comment,
}

macro_rules! endpoints {
    ($($method:literal $path:literal $tier:ident $counted:ident $understand:expr;)*) => {
        &[$(Endpoint {
            method: $method,
            path: $path,
            route: concat!($method, " /weibo", $path),
            tier: Tier::$tier,
            counted: Counted::$counted,
            understand: $understand,
        }),*]
    };
}

/// The documentation's own order: by tier, then by subject.
pub(crate) static ENDPOINTS: &[Endpoint] = endpoints! {
    "POST" "/2/statuses/share.json" Open Publish publish::share;
    "GET" "/2/statuses/user_timeline.json" Open Read timeline::user_timeline;
    "GET" "/2/statuses/user_timeline/ids.json" Open Read timeline::user_timeline_ids;
    "GET" "/2/statuses/home_timeline.json" Open Read home::home_timeline;
    "GET" "/2/statuses/home_timeline/ids.json" Open Read home::home_timeline;
    "GET" "/2/statuses/friends_timeline.json" Open Read home::home_timeline;
    "GET" "/2/statuses/friends_timeline/ids.json" Open Read home::home_timeline;
    "GET" "/2/statuses/bilateral_timeline.json" Open Read home::bilateral_timeline;
    "GET" "/2/statuses/bilateral_timeline/ids.json" Open Read home::bilateral_timeline;
    "GET" "/2/statuses/go" Open Read account::go;
    "GET" "/2/statuses/show.json" Open Read lists::show;
    "GET" "/2/statuses/count.json" Open Read lists::count;
    "GET" "/2/statuses/repost_timeline.json" Open Read lists::repost_timeline;
    "GET" "/2/statuses/repost_timeline/ids.json" Open Read lists::repost_timeline;
    "GET" "/2/statuses/mentions.json" Open Read lists::mentions;
    "GET" "/2/statuses/mentions/ids.json" Open Read lists::mentions;
    "GET" "/2/statuses/queryid.json" Open Read account::queryid;
    "GET" "/2/statuses/querymid.json" Open Read account::querymid;
    "GET" "/2/comments/show.json" Open Read comment_lists::show;
    "GET" "/2/comments/mentions.json" Open Read comment_lists::mentions;
    "POST" "/2/comments/create.json" Open Comment comments::create;
    "POST" "/2/comments/reply.json" Open Comment comments::reply;
    "GET" "/2/users/show.json" Open Read account::users_show;
    "GET" "/2/account/get_uid.json" Open Read account::get_uid;
    "GET" "/2/account/rate_limit_status.json" Open Free account::rate_limit_status;
    "GET" "/2/remind/unread_count.json" Open Read account::unread_count;
    "GET" "/2/short_url/shorten.json" Open Read account::withdrawn;
    "GET" "/2/short_url/expand.json" Open Read account::withdrawn;
    "GET" "/2/emotions.json" Open Read account::emotions;
    "POST" "/2/messages/reply.json" Open Read messages::reply;

    "POST" "/2/statuses/update.json" Granted Publish publish::update;
    "POST" "/2/statuses/upload.json" Granted Publish publish::upload;
    "POST" "/2/statuses/upload_pic.json" Granted Read pictures::upload_pic;
    "POST" "/2/statuses/upload_url_text.json" Granted Publish publish::upload_url_text;
    "POST" "/2/statuses/repost.json" Granted Publish repost::repost;
    "POST" "/2/statuses/destroy.json" Granted Read repost::destroy;
    "GET" "/2/statuses/show_batch.json" Granted Read lists::show_batch;
    "GET" "/2/comments/to_me.json" Granted Read comment_lists::to_me;
    "GET" "/2/comments/by_me.json" Granted Read comment_lists::by_me;
    "GET" "/2/comments/timeline.json" Granted Read comment_lists::timeline;
    "GET" "/2/comments/show_batch.json" Granted Read comment_lists::show_batch;
    "POST" "/2/comments/destroy.json" Granted Read comments::destroy;
    "POST" "/2/comments/destroy_batch.json" Granted Read comments::destroy;

    "POST" "/c/2/statuses/update/biz.json" Biz Publish publish::update;
    "POST" "/c/2/statuses/upload/biz.json" Biz Publish publish::upload;
    "POST" "/c/2/statuses/upload_pic/biz.json" Biz Read pictures::upload_pic;
    "POST" "/c/2/statuses/upload_url_text/biz.json" Biz Publish publish::upload_url_text;
    "POST" "/c/2/statuses/repost/biz.json" Biz Publish repost::repost;
    "POST" "/c/2/statuses/destroy/biz.json" Biz Read repost::destroy;
    "GET" "/c/2/statuses/user_timeline/biz.json" Biz Read timeline::user_timeline;
    "GET" "/c/2/statuses/show_batch/biz.json" Biz Read lists::show_batch;
    "GET" "/c/2/statuses/mentions/biz.json" Biz Read lists::mentions;
    "GET" "/c/2/statuses/repost_timeline/biz.json" Biz Read lists::repost_timeline;
    "GET" "/c/2/statuses/count/biz.json" Biz Read lists::count;
    "GET" "/c/2/statuses/queryid/biz.json" Biz Read account::queryid;
    "GET" "/c/2/statuses/querymid/biz.json" Biz Read account::querymid;
    "GET" "/c/2/comments/show/biz.json" Biz Read comment_lists::show;
    "GET" "/c/2/comments/to_me/biz.json" Biz Read comment_lists::to_me;
    "GET" "/c/2/comments/by_me/biz.json" Biz Read comment_lists::by_me;
    "GET" "/c/2/comments/timeline/biz.json" Biz Read comment_lists::timeline;
    "GET" "/c/2/comments/mentions/biz.json" Biz Read comment_lists::mentions;
    "GET" "/c/2/comments/show_batch/biz/new.json" Biz Read comment_lists::show_batch;
    "POST" "/c/2/comments/create/biz.json" Biz Comment comments::create;
    "POST" "/c/2/comments/reply/biz.json" Biz Comment comments::reply;
    "POST" "/c/2/comments/destroy/biz.json" Biz Read comments::destroy;
    "GET" "/c/2/short_url/shorten/biz.json" Biz Read account::shorten;
    "GET" "/c/2/short_url/expand/biz.json" Biz Read account::expand;
    "POST" "/c/2/messages/reply/biz.json" Biz Read messages::reply;
};

impl Endpoint {
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
    }

    pub(crate) fn is_biz(&self) -> bool {
        self.tier == Tier::Biz
    }
}
