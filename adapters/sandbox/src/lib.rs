//! Stand-in platforms over real HTTP, with a ledger of effects that is the oracle of every test.
//!
//! | address | what |
//! | --- | --- |
//! | `/mock/…` | the mock platform (`src/mock/mod.rs` has its API) |
//! | `/weibo/…` | Weibo (`src/weibo/mod.rs`); `/control/weibo/…`: what people do there (`src/weibo/control.rs`) |
//! | `/wechat/…` | WeChat (`src/wechat/mod.rs`); `/control/wechat/…`: accounts, clock, people (`src/wechat/control.rs`) |
//! | `GET /ledger[?account=ID]` | [`LedgerSnapshot`]: effects, violations, expectations, request counts |
//! | `POST /control/faults`, `GET`, `DELETE` | adds a [`Rule`]; lists the rules with how often each fired; removes all |
//! | `POST /control/expect` | `[{"account","text_sha256" or "text"+"title"?,"origin_id"?,"not_before_unix_ms"?,"latest_unix_ms"?,"times"?}]` |
//! | `POST /control/tokens` | `{"account","token"}`: only this token is good; `null`: any; `{"account","issue":{"app_secret","lifetime_ms","grace_ms"?,"once"?,"first"?}}`: tokens that expire |
//! | `POST /control/posts` | `{"account","title"?,"text"}`: a person posts by hand, which breaks no promise |
//! | `POST /control/remove` | `{"id"}`: the platform takes a post down |
//! | `POST /control/accounts` | `{"account","name"}` |
//! | `POST /control/reset` | forgets everything but the [`Seed`] |
//! | `/`, `/accounts/{uid}`, `/posts/{id}` | what the public would see |
//!
//! [`Fault`] lists what can go wrong, [`Rule`] of which requests, how often, and by which seed.
//!
//! A further platform is one more module beside `mock/`: its routes, its words and its acts on the shared ledger.
//! Nothing here authenticates the script's side: listen on loopback.
#![forbid(unsafe_code)]

mod answer;
mod chance;
mod control;
mod courier;
mod effect;
mod exchange;
mod expect;
mod faults;
mod fields;
mod html;
mod judge;
mod late;
mod ledger;
mod mock;
mod page;
mod rule;
mod sandbox;
mod script;
mod seed;
mod serve;
mod strange;
mod strict;
mod tokens;
pub mod wechat;
pub mod weibo;
mod world;

pub use chance::Chance;
pub use effect::{Effect, EffectKind, EffectState, RequestMark, Source, text_sha256};
pub use expect::Expectation;
pub use faults::{AsyncOutcome, Fault, KeyAnswer, LateAnswer, ListEnd, ScriptedRefusal};
pub use judge::{Expected, Violation, ViolationKind, judge};
pub use ledger::{Full, LedgerSnapshot, RequestCount};
pub use rule::{BadRule, Match, Rule, RuleStatus};
pub use sandbox::{BindError, Sandbox, SandboxHandle, SandboxLine, SandboxOptions};
pub use seed::{Seed, SeedError};
pub use tokens::TokenFlow;
