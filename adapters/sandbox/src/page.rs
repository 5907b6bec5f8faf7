//! What the public would see, as plain pages: no script, no modern layout, so that any office browser shows them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::effect::{EffectKind, EffectState, Entry};
use crate::html::{Page, local_time};
use crate::ledger::{Account, Ledger};
use crate::world::{Shared, now_unix_ms};

/// Newest posts of one account on the front page, and on its own page.
const POSTS_IN_CARD: usize = 20;
const POSTS_ON_PAGE: usize = 200;
/// Accounts on the front page; the rest is reached by address.
const MOST_CARDS: usize = 300;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(front))
        .route("/accounts/{uid}", get(account))
        .route("/posts/{id}", get(post))
        .route("/style.css", get(style))
}

async fn front(State(shared): State<Arc<Shared>>) -> Response {
    let page = shared.with(|world| {
        let ledger = &world.ledger;
        let accounts = ledger.accounts();
        let mut page = Page::new("公众看到的内容", "/");
        page.note(&format!("共 {} 个账号。本页每 2 秒自动刷新，最近有动态的账号排在前面。", accounts.len()));
        if accounts.is_empty() {
            page.empty("还没有账号。账号在第一次使用时自动建立。");
        }
        for index in ledger.liveliest().into_iter().take(MOST_CARDS) {
            if let Some(one) = ledger.account_at(index) {
                card(&mut page, ledger, index, one, POSTS_IN_CARD);
            }
        }
        if accounts.len() > MOST_CARDS {
            page.note(&format!("仅列出最近有动态的 {MOST_CARDS} 个账号，其余请访问 /accounts/账号编号。"));
        }
        page
    });
    shown(StatusCode::OK, page)
}

async fn account(State(shared): State<Arc<Shared>>, Path(uid): Path<String>) -> Response {
    let (status, page) = shared.with(|world| {
        let ledger = &world.ledger;
        let mut page = Page::new("账号", "");
        let found = ledger.with_uid(&uid);
        for index in found {
            if let Some(one) = ledger.account_at(*index) {
                card(&mut page, ledger, *index, one, POSTS_ON_PAGE);
            }
        }
        if found.is_empty() {
            page.empty("没有这个账号。");
            return (StatusCode::NOT_FOUND, page);
        }
        (StatusCode::OK, page)
    });
    shown(status, page)
}

async fn post(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let (status, page) = shared.with(|world| {
        let ledger = &world.ledger;
        let mut page = Page::new("内容", "");
        let now = now_unix_ms();
        let entry = ledger.named(&id).filter(|entry| is_shown(entry, now));
        let author = entry.and_then(|entry| ledger.account_at(entry.said.account?));
        let (Some(entry), Some(author)) = (entry, author) else {
            page.empty("没有这条内容，或者它现在还不能公开显示。");
            return (StatusCode::NOT_FOUND, page);
        };
        page.open_card();
        page.card_head(&author.name, &author.uid, platform_name(author.platform));
        article(&mut page, ledger, entry);
        page.close();
        (StatusCode::OK, page)
    });
    shown(status, page)
}

async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    ([kind], include_str!("page.css")).into_response()
}

fn card(page: &mut Page, ledger: &Ledger, index: usize, account: &Account, most: usize) {
    let now = now_unix_ms();
    let newest_first =
        || ledger.of_account(index, i64::MIN, i64::MAX).rev().filter(|entry| is_shown(entry, now));
    page.open_card();
    page.card_head(&account.name, &account.uid, platform_name(account.platform));
    let mut any = false;
    for entry in newest_first().take(most) {
        article(page, ledger, entry);
        any = true;
    }
    if !any {
        page.empty("暂无内容");
    }
    if newest_first().nth(most).is_some() {
        page.note(&format!("仅显示最新 {most} 条"));
    }
    page.close();
}

/// One post; retracted ones stay, struck through, because the public saw them.
fn article(page: &mut Page, ledger: &Ledger, entry: &Entry) {
    let retracted = matches!(entry.state_at(now_unix_ms()), EffectState::Retracted | EffectState::Removed);
    page.open_article(retracted);
    if let Some(title) = &entry.said.title {
        page.title(title);
    }
    page.text(entry.shown_text());
    if entry.kind() == EffectKind::Repost {
        forwarded(page, ledger, entry);
    }
    if let Some(source) = &entry.said.source {
        page.source(&source.account_name, source.url.as_deref());
    }
    if let Some(link) = &entry.said.link {
        page.link(link);
    }
    if !entry.said.media.is_empty() {
        page.remark(&format!("附件 {} 个", entry.said.media.len()));
    }
    page.foot(&entry.id(), &local_time(entry.at), retracted);
    page.close();
}

fn forwarded(page: &mut Page, ledger: &Ledger, entry: &Entry) {
    let origin = entry.said.origin.and_then(|number| ledger.get(number));
    let author = origin.and_then(|origin| ledger.account_at(origin.said.account?));
    page.open_origin();
    match (origin, author) {
        (Some(origin), Some(author)) if origin.state_at(now_unix_ms()) == EffectState::Standing => {
            page.origin_author(&author.name, &author.uid);
            if let Some(title) = &origin.said.title {
                page.title(title);
            }
            page.text(origin.shown_text());
        }
        _ => page.remark("原内容已撤回"),
    }
    page.close();
}

/// Was or is public at `now`.
fn is_shown(entry: &Entry, now: i64) -> bool {
    entry.is_post()
        && matches!(entry.state, EffectState::Standing | EffectState::Retracted)
        && entry.visible_from <= now
}

fn platform_name(platform: &str) -> &'static str {
    match platform {
        "mock" => "模拟平台",
        "weibo" => "微博",
        "wechat" => "微信公众号",
        _ => "平台",
    }
}

/// The texts on the pages come from outside, so nothing but our own style may load or run.
fn shown(status: StatusCode, page: Page) -> Response {
    let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(page.finish())).into_response()
}
