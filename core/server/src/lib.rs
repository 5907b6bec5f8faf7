//! HTTP: the API, one file per noun. Every request passes one frame (`frame`), says who asks (`auth`), is read strictly
//! (`command`, `query`), is allowed (`permit`), and is decided by the pure functions of `domain` inside one transaction.

#![forbid(unsafe_code)]
// utoipa's `path` macro writes more of a path than needed for its `params(…)`, with our spans.
#![allow(unused_qualifications)]

mod access;
mod accounts;
mod adapters;
mod app;
mod attention;
mod audit;
mod auth;
mod authorizations;
mod backups;
mod callbacks;
mod checks;
mod command;
mod configuration;
mod counts;
mod delegations;
mod deliveries;
mod etag;
mod frame;
mod health;
mod hidden;
mod idempotency;
mod instant;
mod items;
mod lint;
mod media;
mod messages;
mod metrics;
mod nodes;
mod notices;
mod openapi;
mod options;
mod paused;
mod permit;
mod problem;
mod query;
mod request_id;
mod restored;
mod router;
mod secrets;
mod serve;
mod sign_ins;
mod status;
mod stop;
mod strange;
mod strict_json;
mod text;
mod words;

pub use backups::Backups;
pub use lint::{FindingList, FindingView};
pub use options::{LocalInvitation, ServerOptions, Tokens};
pub use router::router;
pub use secrets::{RotatedView, SecretList, SecretView, UserView};
pub use serve::serve;
