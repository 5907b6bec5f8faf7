//! The settings of one account.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

/// How a post of this account becomes public.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// 发布: a public article that is pushed to nobody.
    #[default]
    Freepublish,
    /// 群发: pushed to the followers; once a day, or four times a month.
    Mass,
}

/// Who may comment on an article.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Comments {
    #[default]
    Closed,
    Open,
    Followers,
}

/// How the platform pushes to us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallbackMode {
    #[default]
    Safe,
    Plain,
}

pub(crate) fn appid(cx: &Cx) -> Result<&str> {
    cx.setting("appid")
}

/// The address of an interface.
pub(crate) fn url(cx: &Cx, path: &str) -> Result<String> {
    let base: Option<String> = cx.setting_as("base_url")?;
    let base = base.unwrap_or_else(|| "https://api.weixin.qq.com".to_owned());
    Ok(format!("{}{path}", base.trim_end_matches('/')))
}

pub(crate) fn mode(cx: &Cx) -> Result<Mode> {
    Ok(cx.setting_as("mode")?.unwrap_or_default())
}

pub(crate) fn comments(cx: &Cx) -> Result<Comments> {
    Ok(cx.setting_as("comments")?.unwrap_or_default())
}

pub(crate) fn callback_mode(cx: &Cx) -> Result<CallbackMode> {
    Ok(cx.setting_as("callback_mode")?.unwrap_or_default())
}
