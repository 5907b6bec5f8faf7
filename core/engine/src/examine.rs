//! A live look at one account: does the platform let it in, until when, and what is missing? The adapter's `check` asks, which
//! changes nothing outside; here its answer becomes one line for each finding, in words for the office.

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::expiry;
use juzhen_domain::finding::{Finding, Kind};
use juzhen_domain::matrix::Account;
use juzhen_host::message::{
    AccountInfo, AdapterError, ErrorKind, Lack, LackKind, Manifest, RejectedBy, operation,
};
use juzhen_host::{Failure, Noticed, Reply, Secrets, pack};

use crate::{Engine, interpret, send};

/// Clocks that are further apart are worth a word; beyond the second, signatures and certificates fail.
const CLOCK_HINT: SignedDuration = SignedDuration::from_secs(60);
const CLOCK_BLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Examined {
    pub(crate) findings: Vec<Finding>,
    pub(crate) standing: Standing,
}

/// Whether the account is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is let in; until then, if the platform says so.
    SignedIn(Option<Timestamp>),
    /// It is not, in the platform's words.
    SignedOut(String),
    /// The platform did not say.
    Unknown,
}

/// Asks the platform now.
pub(crate) async fn examine(engine: &Engine, account: &Account) -> Examined {
    let Some(manifest) = engine.host().manifest(&account.adapter) else {
        let said = format!("适配器 {} 没有安装，或没有装载成功", account.adapter);
        return Examined {
            findings: vec![Finding::blocking(Kind::Adapter, said)],
            standing: Standing::Unknown,
        };
    };
    let body = serde_json::json!({});
    let reply = engine
        .host()
        .call(send::reading_call(engine, account, operation::CHECK, body, engine.new_id()))
        .await;
    let missing = missing(engine, account, &manifest).await;
    let mut examined = judged(&reply, account, &manifest, &missing, engine.now());
    if let Some(doubt) = engine.clock_doubt() {
        examined.findings.push(Finding::blocking(
            Kind::Clock,
            format!("服务器时间不可信，一切发送暂停（{doubt}），请核对对时服务"),
        ));
    }
    examined
}

/// Why a call has no answer, in one line.
pub(crate) async fn why_not(engine: &Engine, account: &Account, reply: &Reply) -> String {
    let Some(manifest) = engine.host().manifest(&account.adapter) else {
        return format!("适配器 {} 没有安装", account.adapter);
    };
    match &reply.result {
        Ok(_) => "适配器的答复不能用".to_owned(),
        Err(failure) => failed(failure, reply, &manifest, &missing(engine, account, &manifest).await).text,
    }
}

/// Secrets that the adapter knows and the account has no value for, by name.
async fn missing(engine: &Engine, account: &Account, manifest: &Manifest) -> Vec<String> {
    let mut missing = Vec::new();
    for secret in &manifest.secrets {
        if let Ok(None) = engine.tokens().get(account.id.as_str(), &secret.name).await {
            missing.push(secret.name.clone());
        }
    }
    missing
}

/// What the answer to a `check` says.
fn judged(
    reply: &Reply,
    account: &Account,
    manifest: &Manifest,
    missing: &[String],
    now: Timestamp,
) -> Examined {
    let mut findings = Vec::new();
    let standing = match &reply.result {
        Ok(bytes) => match pack::unpack::<AccountInfo>(bytes) {
            Ok((info, _)) => told(info, account, now, &mut findings),
            Err(cause) => {
                findings.push(Finding::blocking(Kind::Adapter, format!("适配器的答复不能用（{cause}）")));
                Standing::Unknown
            }
        },
        Err(failure) => {
            findings.push(failed(failure, reply, manifest, missing));
            match failure {
                Failure::Adapter(error) if matches!(error.kind, ErrorKind::AuthExpired { .. }) => {
                    Standing::SignedOut(interpret::words_of(error))
                }
                _ => Standing::Unknown,
            }
        }
    };
    findings.extend(clock(&reply.noticed));
    Examined { findings, standing }
}

/// What a good answer says.
fn told(info: AccountInfo, account: &Account, now: Timestamp, findings: &mut Vec<Finding>) -> Standing {
    let shuts_out = info.shuts_out();
    let AccountInfo { uid, notes, lacks, signed_in_until_unix_ms: until, .. } = info;
    if !uid.is_empty() && uid != account.uid {
        let said =
            format!("登录的是平台账号 {uid}，设置中是 {}：请用本账号重新授权，或改正设置", account.uid);
        findings.push(Finding::blocking(Kind::OtherAccount, said));
    }
    let until = until.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    findings.extend(until.and_then(|until| ending(until, now)));
    findings.extend(lacks.into_iter().map(lack));
    findings.extend(notes.into_iter().map(|note| Finding::hint(Kind::Note, note)));
    if shuts_out { Standing::Unknown } else { Standing::SignedIn(until) }
}

fn ending(until: Timestamp, now: Timestamp) -> Option<Finding> {
    let left = expiry::days_left(until, now);
    let most = expiry::WARN_DAYS.into_iter().max().unwrap_or_default();
    match left {
        0 => Some(Finding::blocking(Kind::Expiry, "授权已到期，须重新授权")),
        _ if left <= i64::from(most) => {
            Some(Finding::hint(Kind::Expiry, format!("授权还有不到 {left} 天到期，须在此之前重新授权")))
        }
        _ => None,
    }
}

fn lack(lack: Lack) -> Finding {
    let kind = match lack.what {
        LackKind::Permission => Kind::Permission,
        LackKind::Quota => Kind::Quota,
        LackKind::Address => Kind::Address,
        LackKind::Secret => Kind::Secret,
        LackKind::Setting => Kind::Setting,
        LackKind::Other => Kind::Note,
    };
    Finding::blocking(kind, lack.text).with_code(lack.code)
}

fn failed(failure: &Failure, reply: &Reply, manifest: &Manifest, missing: &[String]) -> Finding {
    match failure {
        Failure::Adapter(error) => said(error, reply, manifest, missing),
        Failure::TimedOut => Finding::blocking(Kind::Unreachable, "平台没有及时答复，请核对网络，稍后再试"),
        Failure::Insecure { reason } => {
            let text = format!("平台没有证明自己的身份，请核对网络、代理和服务器时间（{reason}）");
            Finding::blocking(Kind::Insecure, text)
        }
        Failure::NotNow { reason } => {
            Finding::blocking(Kind::Adapter, format!("本系统暂时不能处理，请稍后再试（{reason}）"))
        }
        other => Finding::blocking(Kind::Adapter, format!("适配器没有正常工作（{other}）")),
    }
}

/// What the adapter said, with what to do.
fn said(error: &AdapterError, reply: &Reply, manifest: &Manifest, missing: &[String]) -> Finding {
    let words = interpret::words_of(error);
    let renewal = reply.unrenewed.as_ref().map(|unrenewed| unrenewed.reason.as_str());
    match &error.kind {
        ErrorKind::AuthExpired { secret } if is_given(manifest, secret.as_deref()) => {
            Finding::blocking(Kind::Secret, format!("{words}：请用 juzhen secret set 重新录入"))
        }
        ErrorKind::AuthExpired { .. } => Finding::blocking(Kind::SignIn, words),
        ErrorKind::Rejected { code, by: RejectedBy::Permission } => {
            Finding::blocking(Kind::Permission, words).with_code(code.clone())
        }
        ErrorKind::Rejected { code, by } => {
            let text = format!("平台不接受这样的请求，请核对账号设置（{}{words}）", by_content(*by));
            Finding::blocking(Kind::Setting, text).with_code(code.clone())
        }
        ErrorKind::Quota { .. } => Finding::blocking(Kind::Quota, words),
        ErrorKind::Misconfigured { key } if key == "egress" => {
            without_request(&words, renewal, manifest, missing)
        }
        ErrorKind::Misconfigured { key } => {
            Finding::blocking(Kind::Setting, format!("账号设置 {key} 缺少或有误（{words}）"))
        }
        ErrorKind::Retryable { .. } => match &reply.noticed.unreachable {
            Some(why) => Finding::blocking(
                Kind::Unreachable,
                format!("连不上平台，请核对网络、域名解析和防火墙（{why}）"),
            ),
            None => {
                Finding::blocking(Kind::Unreachable, format!("平台暂时没有正常答复，请稍后再试（{words}）"))
            }
        },
        ErrorKind::Unsupported { .. } => Finding::hint(Kind::Note, "该平台的适配器不提供检查，无法核对"),
        ErrorKind::Duplicate { .. } | ErrorKind::InDoubt | ErrorKind::Bug => {
            Finding::blocking(Kind::Adapter, format!("平台的答复看不懂（{words}）"))
        }
    }
}

fn by_content(by: RejectedBy) -> &'static str {
    if by == RejectedBy::Content { "可能是地址有误；" } else { "" }
}

/// The host let nothing leave: for want of a secret mostly, of a token that was not renewed, or towards a host that the
/// adapter may not reach.
fn without_request(words: &str, renewal: Option<&str>, manifest: &Manifest, missing: &[String]) -> Finding {
    let required = missing.iter().find(|name| is_given(manifest, Some(name)));
    match (renewal, required, missing.first()) {
        (_, Some(name), _) => {
            Finding::blocking(Kind::Secret, format!("没有录入 {name}：请用 juzhen secret set 录入"))
        }
        (Some(said), ..) => Finding::blocking(Kind::SignIn, format!("平台没有发放新的令牌：{said}")),
        (None, None, Some(_)) => {
            let how = if manifest.offers(operation::AUTHORIZE) {
                "请用 juzhen account authorize 授权，授权所需的密钥用 juzhen secret set 录入"
            } else {
                "请用 juzhen secret set 录入"
            };
            Finding::blocking(Kind::SignIn, format!("账号还没有授权，没有 {}：{how}", missing.join("、")))
        }
        (None, None, None) => {
            Finding::blocking(Kind::Setting, format!("请求没有发出，请核对账号设置（{words}）"))
        }
    }
}

/// A secret that only people give: the account cannot do without it.
fn is_given(manifest: &Manifest, name: Option<&str>) -> bool {
    manifest.secrets.iter().any(|secret| Some(secret.name.as_str()) == name && !secret.optional)
}

fn clock(noticed: &Noticed) -> Option<Finding> {
    let ahead = SignedDuration::from_millis(noticed.clock_ahead_ms?);
    if ahead.abs() < CLOCK_HINT {
        return None;
    }
    let way = if ahead.is_negative() { "慢" } else { "快" };
    let text = format!("服务器时间比平台{way} {} 秒，请核对对时服务", ahead.abs().as_secs());
    let blocks = ahead.abs() >= CLOCK_BLOCKS;
    Some(Finding { blocks, ..Finding::hint(Kind::Clock, text) })
}
