//! A sandbox in this process, on a free port, that ends with the test.

use juzhen_sandbox::{Effect, Fault, LedgerSnapshot, Match, Rule, Sandbox, SandboxHandle, SandboxOptions};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The stand-in platform of one test.
pub struct Stage {
    pub handle: SandboxHandle,
    _stop: DropGuard,
}

impl Stage {
    /// Binds and serves.
    pub async fn start() -> Self {
        Self::start_with(SandboxOptions::default()).await
    }

    /// With platforms that know something from the start.
    pub async fn start_with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::bind(options).await.unwrap();
        let handle = sandbox.handle();
        let stop = CancellationToken::new();
        tokio::spawn(sandbox.serve(stop.clone()));
        Self { handle, _stop: stop.drop_guard() }
    }

    pub fn mock_url(&self) -> String {
        self.handle.mock_url()
    }

    pub fn ledger(&self) -> LedgerSnapshot {
        self.handle.ledger()
    }

    /// What the public sees of a text, over all accounts.
    pub fn posts(&self, text: &str) -> Vec<Effect> {
        self.ledger().effects.into_iter().filter(|e| e.text.contains(text)).collect()
    }

    /// The next `times` requests that match get this fault.
    pub fn fault(&self, method: &str, path_contains: &str, times: Option<u64>, fault: Fault) {
        let matching = Match {
            method: Some(method.to_owned()),
            path_contains: Some(path_contains.to_owned()),
            ..Match::default()
        };
        self.handle.fault(Rule { matching, times, chance: None, fault }).unwrap();
    }

    /// No duplicate, nothing unapproved, nothing early or late.
    pub fn assert_clean(&self) {
        let violations = self.ledger().violations;
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
