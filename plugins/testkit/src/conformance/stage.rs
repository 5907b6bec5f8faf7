//! The scripted host behind the child process: each capability call goes to the talk of its operation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use juzhen_host::lane::HostCalls;

use super::lock;
use super::talk::Talk;

/// The capabilities behind all live operations.
#[derive(Default)]
pub(crate) struct Stage {
    talks: Mutex<HashMap<u64, Arc<Mutex<Talk>>>>,
    /// Lines that belong to no operation.
    stray_logs: Mutex<Vec<String>>,
    /// Calls with a scope that is no live operation's.
    foreign: Mutex<Vec<String>>,
}

impl Stage {
    pub(crate) fn enter(&self, scope: u64, talk: Talk) -> Arc<Mutex<Talk>> {
        let talk = Arc::new(Mutex::new(talk));
        lock(&self.talks).insert(scope, Arc::clone(&talk));
        talk
    }

    pub(crate) fn leave(&self, scope: u64) {
        lock(&self.talks).remove(&scope);
    }

    pub(crate) fn stray_logs(&self) -> Vec<String> {
        lock(&self.stray_logs).clone()
    }

    pub(crate) fn foreign(&self) -> Vec<String> {
        lock(&self.foreign).clone()
    }

    fn talk(&self, scope: u64) -> Option<Arc<Mutex<Talk>>> {
        lock(&self.talks).get(&scope).cloned()
    }
}

impl HostCalls for Stage {
    fn call(
        &self,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>> {
        let Some(talk) = self.talk(scope) else {
            lock(&self.foreign).push(format!("{operation} in the name of {scope:#x}, which is no live call"));
            return Box::pin(std::future::pending());
        };
        let answer = lock(&talk).ask(&operation, &request);
        Box::pin(async move {
            // Never ready at once, so that every adapter has to wait properly.
            tokio::task::yield_now().await;
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn log(&self, scope: u64, _level: u32, message: Vec<u8>) {
        let line = String::from_utf8_lossy(&message).into_owned();
        match self.talk(scope) {
            Some(talk) => lock(&talk).seen.logs.push(line),
            None => lock(&self.stray_logs).push(line),
        }
    }

    fn clock_read(&self, _scope: u64, _unix_ms: i64) {}
}
