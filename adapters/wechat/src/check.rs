//! Does the account work, and what is missing?

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{self, Mode};
use crate::errcode;
use crate::wire::{Leaves, Platform, Refused};

/// What pushes of the platform are signed with.
const CALLBACK: &str = "callback_token";

impl Platform<'_> {
    /// Reads an address list, which costs none of the requests that publishing needs, so that token and allow-list are proved;
    /// then how many requests are left of those that publishing needs.
    pub(crate) async fn check(&self) -> Result<AccountInfo> {
        let address = account::url(self.cx, "/cgi-bin/get_api_domain_ip")?;
        let mut info = AccountInfo { uid: self.cx.meta.uid.clone(), ..AccountInfo::default() };
        let answer = match self.send(|| Ok(self.cx.http().get(&address)), Leaves::Nothing).await {
            // The token's own interface looks at the address, too.
            Err(no) => match shut_out(&no) {
                Some(lack) => return Ok(AccountInfo { lacks: vec![lack], ..info }),
                None => return Err(no),
            },
            Ok(answer) => answer,
        };
        if let Some(no) = Refused::of(&answer) {
            let no = self.refused(&no, Leaves::Nothing);
            return shut_out(&no).map(|lack| AccountInfo { lacks: vec![lack], ..info }).ok_or(no);
        }
        for (what, path) in used(account::mode(self.cx)?) {
            info.lacks.extend(self.quota(what, path).await?);
        }
        if self.cx.sign("sha1_sorted", None, &[&secret(CALLBACK)]).await.is_err() {
            info.notes.push("没有录入回调的 Token：平台的推送收不到，结果靠查询得知".to_owned());
        }
        Ok(info)
    }

    async fn quota(&self, what: &str, path: &str) -> Result<Option<Lack>> {
        let body = json!({ "cgi_path": path });
        let answer = self.post("/cgi-bin/openapi/quota/get", &body, Leaves::Nothing).await?;
        if let Some(no) = Refused::of(&answer) {
            return Ok(match errcode::class(no.errcode) {
                // Of the account as a whole, or of now.
                Some(errcode::Class::Token | errcode::Class::Busy) | None => {
                    return Err(self.refused(&no, Leaves::Nothing));
                }
                Some(class) => Some(Lack {
                    what: match class {
                        errcode::Class::Day | errcode::Class::Month | errcode::Class::Later(_) => {
                            LackKind::Quota
                        }
                        _ => LackKind::Permission,
                    },
                    text: format!("{what}：{}", self.refused(&no, Leaves::Nothing).message),
                    code: Some(no.errcode.to_string()),
                }),
            });
        }
        let Quota { quota: Left { daily_limit, remain } } = answer.json()?;
        let text = format!("{what}：今日 {daily_limit} 次额度已用完");
        Ok((remain == 0).then_some(Lack { what: LackKind::Quota, text, code: None }))
    }
}

/// The platform answers this machine nothing, because its address is not on the account's list.
fn shut_out(no: &Error) -> Option<Lack> {
    let ErrorKind::Rejected { code: Some(code), .. } = &no.kind else { return None };
    let lack = || Lack { what: LackKind::Address, text: no.message.clone(), code: Some(code.clone()) };
    errcode::ADDRESS.contains(&code.as_str()).then(lack)
}

fn used(mode: Mode) -> [(&'static str, &'static str); 2] {
    let publish = match mode {
        Mode::Freepublish => ("发布", "/cgi-bin/freepublish/submit"),
        Mode::Mass => ("群发", "/cgi-bin/message/mass/sendall"),
    };
    [("草稿", "/cgi-bin/draft/add"), publish]
}

#[derive(Deserialize)]
struct Quota {
    quota: Left,
}

#[derive(Deserialize)]
struct Left {
    daily_limit: i64,
    remain: i64,
}
