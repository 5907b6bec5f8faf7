//! `juzhen account authorize`: signing an account in through the browser of the person at this shell.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::client::{Client, segment};
use crate::failure::Usage;
use crate::output::{Output, field};
use crate::when::clock;

#[derive(Debug, Args)]
pub(super) struct Authorize {
    /// Id of the account, such as W015
    id: String,
    /// What stands behind `code=` in the address that the browser came back to
    #[arg(long, requires = "state", conflicts_with = "returned")]
    code: Option<String>,
    /// What stands behind `state=` there
    #[arg(long, requires = "code")]
    state: Option<String>,
    /// Instead of both: that whole address
    #[arg(long, value_name = "URL")]
    returned: Option<String>,
}

impl Authorize {
    /// Without what the browser brought, it begins; with it, it ends.
    pub(super) async fn run(&self, client: &Client, output: Output) -> Result<()> {
        let path = format!("/api/v1/accounts/{}/authorizations", segment(&self.id)?);
        let brought = match (&self.code, &self.state, &self.returned) {
            (Some(code), Some(state), _) => Some((code.clone(), state.clone())),
            (_, _, Some(address)) => Some(brought(address)?),
            _ => None,
        };
        match brought {
            None => {
                let begun = client.post(&path, &json!({})).await?.body;
                output.answer(&begun, |begun| self.what_next(begun))
            }
            Some((code, state)) => {
                let body = json!({ "code": code, "state": state });
                let ended = client.post(&format!("{path}/complete"), &body).await?.body;
                output.answer(&ended, signed_in)
            }
        }
    }

    fn what_next(&self, begun: &Value) -> String {
        let of = |part: &str| field(begun, part);
        format!(
            "1. 十分钟内（{} 之前）在浏览器中打开下面的网址，用本账号登录并同意授权：\n\n{}\n\n\
             2. 页面显示“授权成功”即已完成。若浏览器打不开返回的页面，把地址栏中的网址整个复制下来，运行：\n   \
             juzhen account authorize {} --returned '网址'\n",
            clock(&of("/expires_at")),
            of("/url"),
            self.id
        )
    }
}

/// Code and state of the address that a browser came back to.
fn brought(address: &str) -> Result<(String, String)> {
    let Ok(url) = reqwest::Url::parse(address.trim()) else {
        bail!(Usage(format!("{address:?} is no address: copy all of it from the browser")));
    };
    let of = |wanted: &str| {
        url.query_pairs()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    match (of("code"), of("state")) {
        (Some(code), Some(state)) => Ok((code, state)),
        _ => bail!(Usage(
            "the address has no code and state: the platform or the person said no, begin anew".to_owned()
        )),
    }
}

fn signed_in(ended: &Value) -> String {
    let of = |part: &str| field(ended, part);
    let until = of("/signed_in_until");
    let until = if until.is_empty() { String::new() } else { format!("，到 {}", clock(&until)) };
    format!(
        "账号 {} 授权成功（平台账号 {}）{until}；等待授权的发布任务会自动继续\n",
        of("/account"),
        of("/uid")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_state_are_read_from_the_address_of_the_browser() {
        let came = "https://gov.example.cn/?state=W015.ab&code=25%203d&x=1 ";
        assert_eq!(brought(came).unwrap(), ("25 3d".to_owned(), "W015.ab".to_owned()));
        for bad in ["", "W015", "https://a.cn/?error=access_denied&state=W015.ab", "https://a.cn/?code=1"] {
            assert!(brought(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_person_is_told_where_to_go_and_how_to_come_back() {
        let begun = json!({ "url": "https://x.cn/a?b", "state": "s", "expires_at": "t" });
        let authorize = Authorize { id: "W015".into(), code: None, state: None, returned: None };
        let page = authorize.what_next(&begun);
        assert!(page.contains("https://x.cn/a?b") && page.contains("authorize W015 --returned"), "{page}");
        let ended = json!({ "account": "W015", "uid": "7", "signed_in_until": null });
        assert!(signed_in(&ended).contains("W015 授权成功（平台账号 7）；"));
    }
}
