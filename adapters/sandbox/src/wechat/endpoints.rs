//! The paths that the platform has: with which method, for whom, how often, and what they do.

use super::body::{Ask, Reads};
use super::{
    callback_api, comments, custom, drafts, freepublish, mass, material, news, quota_api, rid, speed,
    token_api, uploads,
};
use crate::exchange::{Intent, Refusal};

/// A path of the platform.
pub(crate) struct Endpoint {
    /// Below the base address.
    pub(crate) path: &'static str,
    /// The name it is counted under.
    pub(crate) route: &'static str,
    pub(crate) verb: Verb,
    pub(crate) needs: Needs,
    pub(crate) reads: Reads,
    /// Calls of a new account.
    pub(crate) per_day: u64,
    pub(crate) per_minute: Option<u64>,
    pub(crate) understand: fn(Ask) -> Result<Intent, Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// What the account must have, or the answer is 48001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Its secret, which the request carries in place of a token.
    Secret,
    Token,
    /// 认证.
    Verified,
    /// Verified, and a service account.
    Service,
}

/// Where neither the manual nor an owner tells the figure, it is large.
const UNTOLD: u64 = 50_000;

macro_rules! endpoint {
    (GET $path:literal, $needs:ident, $reads:ident, $per_day:expr, $act:path) => {
        endpoint!(@ Get concat!("GET /wechat", $path), $path, $needs, $reads, $per_day, None, $act)
    };
    (POST $path:literal, $needs:ident, $reads:ident, $per_day:expr, $act:path) => {
        endpoint!(@ Post concat!("POST /wechat", $path), $path, $needs, $reads, $per_day, None, $act)
    };
    (POST $path:literal, $needs:ident, $reads:ident, $per_day:expr, $per_minute:literal, $act:path) => {
        endpoint!(@ Post concat!("POST /wechat", $path), $path, $needs, $reads, $per_day, Some($per_minute), $act)
    };
    (@ $verb:ident $route:expr, $path:literal, $needs:ident, $reads:ident, $per_day:expr, $minute:expr, $act:path) => {
        Endpoint {
            path: $path,
            route: $route,
            verb: Verb::$verb,
            needs: Needs::$needs,
            reads: Reads::$reads,
            per_day: $per_day,
            per_minute: $minute,
            understand: $act,
        }
    };
}

/// The endpoint of this path, if there is one.
pub(crate) fn find(path: &str) -> Option<&'static Endpoint> {
    // A base address that ends in a slash, and a path that begins with one.
    let path = if path.starts_with("//") { path.get(1..).unwrap_or(path) } else { path };
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// Daily figures: what a new account has.
static ENDPOINTS: &[Endpoint] = &[
    endpoint!(GET "/cgi-bin/token", Secret, Nothing, 2_000, token_api::token),
    endpoint!(POST "/cgi-bin/stable_token", Secret, Json, 500_000, 10_000, token_api::stable_token),
    endpoint!(POST "/cgi-bin/clear_quota", Token, Json, UNTOLD, quota_api::clear),
    endpoint!(POST "/cgi-bin/clear_quota/v2", Secret, JsonIfAny, UNTOLD, quota_api::clear_by_secret),
    endpoint!(POST "/cgi-bin/openapi/quota/get", Token, Json, UNTOLD, quota_api::read),
    endpoint!(POST "/cgi-bin/openapi/quota/clear", Token, Json, UNTOLD, quota_api::clear_one),
    endpoint!(POST "/cgi-bin/openapi/rid/get", Token, Json, UNTOLD, rid::get),
    endpoint!(POST "/cgi-bin/callback/check", Token, Json, UNTOLD, callback_api::check),
    endpoint!(GET "/cgi-bin/getcallbackip", Token, Nothing, UNTOLD, quota_api::callback_addresses),
    endpoint!(GET "/cgi-bin/get_api_domain_ip", Token, Nothing, UNTOLD, quota_api::api_addresses),
    endpoint!(POST "/cgi-bin/media/uploadimg", Token, Upload, 100_000, uploads::article_image),
    endpoint!(POST "/cgi-bin/media/upload", Token, Upload, 100_000, uploads::temporary),
    endpoint!(POST "/cgi-bin/media/uploadnews", Token, Json, 10, news::upload),
    endpoint!(POST "/cgi-bin/media/uploadvideo", Token, Json, UNTOLD, news::film),
    endpoint!(GET "/cgi-bin/media/get", Token, Nothing, 200_000, material::download),
    endpoint!(POST "/cgi-bin/material/add_material", Token, Upload, UNTOLD, uploads::permanent),
    endpoint!(POST "/cgi-bin/material/get_material", Token, Json, UNTOLD, material::get),
    endpoint!(POST "/cgi-bin/material/batchget_material", Token, Json, UNTOLD, material::list),
    endpoint!(POST "/cgi-bin/material/del_material", Token, Json, UNTOLD, material::delete),
    endpoint!(GET "/cgi-bin/material/get_materialcount", Token, Nothing, UNTOLD, material::count),
    endpoint!(POST "/cgi-bin/draft/add", Token, DraftJson, 1_000, drafts::add),
    endpoint!(POST "/cgi-bin/draft/get", Token, Json, 500, drafts::get),
    endpoint!(POST "/cgi-bin/draft/update", Token, DraftJson, 1_000, drafts::update),
    endpoint!(POST "/cgi-bin/draft/delete", Token, Json, 1_000, drafts::delete),
    endpoint!(GET "/cgi-bin/draft/count", Token, Nothing, 1_000, drafts::count),
    endpoint!(POST "/cgi-bin/draft/batchget", Token, Json, 1_000, drafts::list),
    endpoint!(POST "/cgi-bin/draft/switch", Token, Nothing, UNTOLD, drafts::switch),
    endpoint!(POST "/cgi-bin/freepublish/submit", Verified, Json, 100, freepublish::submit),
    endpoint!(POST "/cgi-bin/freepublish/get", Verified, Json, 100, freepublish::get),
    endpoint!(POST "/cgi-bin/freepublish/delete", Verified, Json, 10, freepublish::delete),
    endpoint!(POST "/cgi-bin/freepublish/getarticle", Verified, Json, 100, freepublish::article),
    endpoint!(POST "/cgi-bin/freepublish/batchget", Verified, Json, 100, freepublish::list),
    endpoint!(POST "/cgi-bin/message/mass/sendall", Verified, Json, 100, 60, mass::send_all),
    endpoint!(POST "/cgi-bin/message/mass/send", Service, Json, 100, 60, mass::send_to),
    endpoint!(POST "/cgi-bin/message/mass/preview", Verified, Json, 100, mass::preview),
    endpoint!(POST "/cgi-bin/message/mass/get", Verified, Json, UNTOLD, mass::get),
    endpoint!(POST "/cgi-bin/message/mass/delete", Verified, Json, 10, mass::delete),
    endpoint!(POST "/cgi-bin/message/mass/speed/get", Verified, Nothing, UNTOLD, speed::get),
    endpoint!(POST "/cgi-bin/message/mass/speed/set", Verified, Json, UNTOLD, speed::set),
    endpoint!(POST "/cgi-bin/comment/open", Verified, Json, UNTOLD, comments::open),
    endpoint!(POST "/cgi-bin/comment/close", Verified, Json, UNTOLD, comments::close),
    endpoint!(POST "/cgi-bin/comment/list", Verified, Json, UNTOLD, comments::list),
    endpoint!(POST "/cgi-bin/comment/markelect", Verified, Json, UNTOLD, comments::elect),
    endpoint!(POST "/cgi-bin/comment/unmarkelect", Verified, Json, UNTOLD, comments::unelect),
    endpoint!(POST "/cgi-bin/comment/delete", Verified, Json, UNTOLD, comments::delete),
    endpoint!(POST "/cgi-bin/comment/reply/add", Verified, Json, UNTOLD, comments::reply),
    endpoint!(POST "/cgi-bin/comment/reply/delete", Verified, Json, UNTOLD, comments::unreply),
    endpoint!(POST "/cgi-bin/message/custom/send", Verified, Json, 500_000, custom::send),
    endpoint!(POST "/cgi-bin/message/custom/typing", Verified, Json, 500_000, custom::typing),
];
