//! The sandbox as a library: bind, hand out handles, serve until told to stop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::expect::Expectation;
use crate::ledger::{Full, Ledger, LedgerSnapshot, Limits};
use crate::rule::{BadRule, Rule, RuleStatus};
use crate::seed::Seed;
use crate::tokens::TokenFlow;
use crate::world::{Links, Shared, World, now_unix_ms};
use crate::{control, mock, page, serve, wechat, weibo};

/// Where it listens, and how much it keeps. Memory stays below about `most_effects` × 1 KiB + `most_text_bytes` × 2.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Port 0: any free one.
    pub listen: SocketAddr,
    /// Further effects are refused with 507 `sandbox_full`.
    pub most_effects: usize,
    /// Bytes of titles and texts together.
    pub most_text_bytes: usize,
    pub most_accounts: usize,
    /// Of any request.
    pub most_body_bytes: usize,
    /// What the platforms know from the start.
    pub seed: Seed,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            most_effects: 500_000,
            most_text_bytes: 256 * 1024 * 1024,
            most_accounts: 100_000,
            most_body_bytes: 16 * 1024 * 1024,
            seed: Seed::default(),
        }
    }
}

/// The sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox could not listen on {listen}; choose another address or stop what uses it")]
pub struct BindError {
    listen: SocketAddr,
    #[source]
    source: io::Error,
}

/// A sandbox that is bound to its address: clients may connect, and are answered once it serves.
pub struct Sandbox {
    listener: TcpListener,
    handle: SandboxHandle,
}

/// A sandbox seen from the same process; cheap to clone, good before, while and after it serves.
#[derive(Clone)]
pub struct SandboxHandle {
    shared: Arc<Shared>,
}

/// The first line of `juzhen sandbox`: where each platform's stand-in is. `null` while a platform has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLine {
    pub mock: String,
    pub weibo: Option<String>,
    pub wechat: Option<String>,
    pub ledger: String,
}

impl Sandbox {
    /// Binds the address.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(options: SandboxOptions) -> Result<Self, BindError> {
        let failed = |source| BindError { listen: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let links = Links { base: base(listener.local_addr().map_err(failed)?) };
        let limits = Limits {
            effects: options.most_effects,
            text_bytes: options.most_text_bytes,
            accounts: options.most_accounts,
        };
        // Ids start with the time, so that a restarted sandbox does not give out again what a client still remembers.
        let first = u64::try_from(now_unix_ms()).unwrap_or(1);
        let world = World::new(Ledger::new(limits, first), Arc::new(options.seed));
        let shared = Shared::new(world, links, options.most_body_bytes);
        Ok(Self { listener, handle: SandboxHandle { shared } })
    }

    /// Serves until `stop`; then open connections are closed and late effects no longer happen.
    pub async fn serve(self, stop: CancellationToken) {
        let shared = self.handle.shared;
        info!(address = shared.links.base, "Stand-in platforms are serving");
        let router = Router::new()
            .nest("/mock", mock::routes())
            .nest("/weibo", weibo::routes())
            .nest("/wechat", wechat::routes())
            .merge(control::routes())
            .merge(wechat::control_routes())
            .merge(weibo::control_routes())
            .merge(page::routes())
            .layer(DefaultBodyLimit::max(shared.max_body_bytes))
            .with_state(shared.clone());
        serve::run(self.listener, router, stop).await;
        shared.stop.cancel();
    }

    #[must_use]
    pub fn handle(&self) -> SandboxHandle {
        self.handle.clone()
    }
}

impl SandboxHandle {
    /// Base address for the `mock` adapter.
    #[must_use]
    pub fn mock_url(&self) -> String {
        format!("{}/mock", self.shared.links.base)
    }

    /// Base address of Weibo: `oauth2/…`, `2/…` and, for the biz interfaces, `c/2/…` lie below it.
    #[must_use]
    pub fn weibo_url(&self) -> String {
        format!("{}/weibo", self.shared.links.base)
    }

    #[must_use]
    pub fn ledger_url(&self) -> String {
        format!("{}/ledger", self.shared.links.base)
    }

    /// The page that shows what the public would see.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("{}/", self.shared.links.base)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[must_use]
    pub fn line(&self) -> SandboxLine {
        SandboxLine {
            mock: self.mock_url(),
            weibo: Some(self.weibo_url()),
            wechat: Some(self.wechat_url()),
            ledger: self.ledger_url(),
        }
    }

    /// Everything that happened, judged.
    #[must_use]
    pub fn ledger(&self) -> LedgerSnapshot {
        self.shared.with(|world| world.ledger.copy(None)).judged()
    }

    /// What happened on one account, judged.
    #[must_use]
    pub fn ledger_of(&self, account: &str) -> LedgerSnapshot {
        self.shared.with(|world| world.ledger.copy(Some(account))).judged()
    }

    /// Adds a rule to the script; the answer is its id.
    ///
    /// # Errors
    /// The rule cannot be followed, or there are too many.
    pub fn fault(&self, rule: Rule) -> Result<u64, BadRule> {
        self.shared.with(|world| world.script.add(rule))
    }

    /// The script, with what fired so far.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleStatus> {
        self.shared.with(|world| world.script.list())
    }

    pub fn clear_faults(&self) {
        self.shared.with(|world| world.script.clear());
    }

    /// Registers what may be published; from then on everything else is a violation.
    ///
    /// # Errors
    /// There are too many.
    pub fn expect(&self, expectations: impl IntoIterator<Item = Expectation>) -> Result<(), Full> {
        let expectations = expectations.into_iter().collect();
        self.shared.with(|world| world.ledger.expect(expectations))
    }

    /// Gives an account of the mock platform the name that pages and answers show.
    ///
    /// # Errors
    /// There are too many accounts.
    pub fn name_account(&self, uid: &str, name: &str) -> Result<(), Full> {
        self.shared.with(|world| {
            let index = world.ledger.account(mock::PLATFORM, uid)?;
            world.ledger.rename(index, name);
            Ok(())
        })
    }

    /// From now on only this token is good for the account; `None`: any again.
    pub fn pin_token(&self, account: &str, token: Option<&str>) {
        self.shared.with(|world| world.tokens.pin(account, token.map(str::to_owned)));
    }

    /// From now on the platform issues the account's tokens and lets them expire.
    pub fn issue_tokens(&self, account: &str, flow: TokenFlow) {
        self.shared.with(|world| world.tokens.issue_for(account, flow, now_unix_ms()));
    }

    /// A person posts on the platform's own page; the answer is the post's id. No promise is about it.
    ///
    /// # Errors
    /// There are too many effects or accounts.
    pub fn post_by_hand(&self, account: &str, text: &str) -> Result<String, Full> {
        self.shared.with(|world| mock::post_by_hand(world, account, None, text))
    }

    /// The platform takes a post down. Whether there is one of this id.
    pub fn remove(&self, id: &str) -> bool {
        self.shared.with(|world| world.ledger.remove(id, now_unix_ms()))
    }

    /// Forgets everything but the seed: effects, accounts and names, expectations, faults, tokens, tickets.
    pub fn reset(&self) {
        self.shared.with(World::reset);
    }
}

/// An address that a browser on this machine can open, also when listening everywhere.
fn base(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    format!("http://{address}")
}
