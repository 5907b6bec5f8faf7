//! Weibo: its open platform as an app sees it, under `/weibo`. `endpoint.rs` is the table of the interfaces.
//!
//! | below `/weibo` | what |
//! | --- | --- |
//! | `oauth2/authorize`, `access_token`, `get_token_info`, `revokeoauth2` | signing in; no token needed (`oauth.rs`) |
//! | `2/statuses/share` | the open tier's post: names a page of the app's safe domain |
//! | `2/statuses/update`, `upload`, `upload_pic`, `upload_url_text`, `repost`, `destroy` | granted by hand |
//! | `c/2/statuses/{update,upload,upload_pic,upload_url_text,repost,destroy}/biz` | the same by contract |
//! | `2/statuses/user_timeline[/ids]`, `c/2/statuses/user_timeline/biz` | the account's own posts: the newest five; biz: all |
//! | `2/statuses/{home,friends,bilateral}_timeline[/ids]` | those of whom it follows, too |
//! | `2/statuses/{show,show_batch,count,repost_timeline[/ids],mentions[/ids]}`, their `/biz` | reading |
//! | `2/comments/{show,mentions,create,reply}`; granted: `to_me,by_me,timeline,show_batch,destroy[_batch]`; their `/biz` | comments |
//! | `2/users/show`, `2/account/{get_uid,rate_limit_status}`, `2/remind/unread_count` | the account |
//! | `2/statuses/{queryid,querymid,go}`, `2/emotions`, `c/2/short_url/{shorten,expand}/biz` (without `biz`: 10014) | helpers |
//! | `2/messages/reply`, `c/2/messages/reply/biz` | private answers within 48 h |
//!
//! All but `oauth2/` and `statuses/go` end in `.json`. Parameters come in the query, in a form, or with files in `multipart/form-data`; the token
//! is the parameter `access_token` or `Authorization: OAuth2 …`. An error is `{"error","error_code","request"}`.
//!
//! A request is looked at in this order: path (10020), method (10021), token (10006, 21301, 21332, 21327, 21321), tier (10014),
//! limits (10022, 10023, 10024), parameters (10016, then 10017, 20012 …), the script's faults, repetition (20019, 20111), content
//! (20021). Two habits are ours, as the documentation has no figure: a text counts as repeated directly after itself and for ten
//! minutes; `rip` may be left out unless the seed demands it.

mod account;
mod comment_lists;
mod comments;
mod consent;
mod control;
mod dialect;
mod endpoint;
mod errors;
mod home;
mod limits;
mod lists;
mod messages;
mod oauth;
mod pictures;
mod publish;
mod push;
mod repost;
mod revoke;
mod seed;
mod session;
mod shapes;
mod state;
mod text;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Request, State as Shares};
use axum::response::Response;

use crate::exchange::{Arrival, Credential, Intent, Refusal, exchange};
use crate::fields::Fields;
use crate::world::{Shared, World, now_unix_ms};
use dialect::DIALECT;
use endpoint::Endpoint;
use errors::error;
use oauth::{OAUTH_ENDPOINTS, OauthEndpoint};
use session::Asked;

pub(crate) use control::routes as control_routes;
pub use seed::Seed;
pub(crate) use state::State;

pub(crate) const PLATFORM: &str = "weibo";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    // One handler: every request is answered by the same checks in the same order.
    Router::new().fallback(answer)
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Api(&'static Endpoint),
    Oauth(&'static OauthEndpoint),
    Nothing,
}

async fn answer(
    Shares(shared): Shares<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let target = Target::at(uri.path());
    let (mut arrival, read) = Arrival::read(&shared, &DIALECT, target.route(), None, request).await;
    arrival.credential = Credential::Judged;
    let fields = Fields::read(&arrival).await;
    let understood = read
        .and_then(|()| target.check_method(arrival.method.as_str()))
        .and_then(|()| shared.with(|world| target.understand(world, &mut arrival, fields)));
    exchange(&shared, arrival, understood).await
}

impl Target {
    fn at(path: &str) -> Self {
        let path = path.strip_prefix("/weibo").unwrap_or(path);
        // A base address that ends in a slash, and a path that begins with one.
        let path = if path.starts_with("//") { path.get(1..).unwrap_or(path) } else { path };
        let oauth = OAUTH_ENDPOINTS.iter().find(|one| one.path == path).map(Self::Oauth);
        Endpoint::at(path).map(Self::Api).or(oauth).unwrap_or(Self::Nothing)
    }

    fn route(self) -> &'static str {
        match self {
            Self::Api(endpoint) => endpoint.route,
            Self::Oauth(endpoint) => endpoint.route,
            Self::Nothing => "ANY /weibo/{unknown}",
        }
    }

    fn check_method(self, method: &str) -> Result<(), Refusal> {
        let fits = match self {
            Self::Api(endpoint) => endpoint.method == method,
            Self::Oauth(endpoint) => endpoint.methods.contains(&method),
            Self::Nothing => return Err(error(10020)),
        };
        if fits { Ok(()) } else { Err(error(10021)) }
    }

    /// Token, permission, limits, parameters: in this order, so that each request has one right answer.
    fn understand(self, world: &mut World, arrival: &mut Arrival, fields: Fields) -> Result<Intent, Refusal> {
        let endpoint = match self {
            Self::Api(endpoint) => endpoint,
            Self::Oauth(endpoint) => return Ok((endpoint.understand)(arrival, fields)),
            Self::Nothing => return Err(error(10020)),
        };
        let now = now_unix_ms();
        let session = session::open(&world.weibo, arrival, &fields, now)?;
        arrival.account = Some(session.uid.clone());
        introduce(world, &session.uid)?;
        if !session.app.tiers.contains(&endpoint.tier) {
            return Err(error(10014));
        }
        world.weibo.counters.admit(&session, endpoint, arrival.peer, now)?;
        (endpoint.understand)(&Asked { session, fields, endpoint, peer: arrival.peer })
    }
}

/// The account with its name, as the public's page shows it.
fn introduce(world: &mut World, uid: &str) -> Result<usize, Refusal> {
    if let Some(known) = world.ledger.find_account(PLATFORM, uid) {
        return Ok(known);
    }
    let account = world.ledger.account(PLATFORM, uid)?;
    world.ledger.rename(account, &world.weibo.person(uid).name);
    Ok(account)
}

/// The 16 digits by which clients know the effect of this number.
pub(crate) fn mid_of(number: u64) -> u64 {
    number.saturating_mul(1_000).saturating_add(1)
}

/// The number of the effect that these digits name.
pub(crate) fn number_of(mid: u64) -> Option<u64> {
    (mid % 1_000 == 1).then_some(mid / 1_000)
}
