//! Tokens that expire, before the real daemons: one renewal whoever needs it, nothing lost when the daemon dies in it, and
//! never in clear on a disk (F10, F39, F61, P11). On the mock platform, and with the real adapters on the stand-ins of Weibo
//! and WeChat.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod account;
mod key;
mod real;
mod renewing;
mod vault;
mod wechat;
mod weibo;
