//! `juzhen login` and `juzhen logout`: a person signs in at a shell, and the session is kept in a file of their own.

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write, stdin};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::wait_for;
use crate::client::{Client, ServerArgs, With};
use crate::failure::{Ended, Usage};
use crate::output::{Output, field};

/// Sign in with password and code, and keep the session in the token file
///
/// The password, and the code of the telephone, are asked at the terminal, or read as lines from standard input.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Your id in units/*.yaml; with --accept not needed
    #[arg(required_unless_present = "accept")]
    person: Option<String>,
    /// Take a one-time invitation, which is asked for: set a password and a second factor
    #[arg(long, conflicts_with_all = ["person", "new_password"])]
    accept: bool,
    /// Change the password; every session is over then
    #[arg(long)]
    new_password: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// End the session of the token file
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// End all of one's sessions
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Login {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let client = Client::with_token(&self.server.server, None)?;
        let person = self.person.unwrap_or_default();
        let answer = match (self.accept, self.new_password) {
            (true, _) => wait_for(accept(&client))?,
            (_, true) => wait_for(change(&client, &person))?,
            _ => {
                let file = file_of(&self.server)?;
                let body = json!({ "person": person, "password": ask("密码")?, "code": ask("验证码")? });
                let session = wait_for(client.post("/api/v1/sessions", &body))?.body;
                keep(&file, &field(&session, "/token"))?;
                json!({ "person": person, "token_file": file, "expires_at": field(&session, "/expires_at") })
            }
        };
        output.answer(&answer, |answer| {
            let file = field(answer, "/token_file");
            if file.is_empty() {
                format!("{} 已设置", field(answer, "/person"))
            } else {
                format!("已登录，会话保存在 {file}")
            }
        })?;
        Ok(Ended::Fine)
    }
}

impl Logout {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let file = file_of(&self.server)?;
        let args = ServerArgs { token_file: Some(file.clone()), ..self.server };
        let client = Client::new(&args)?;
        let end = async || {
            let list = client.get("/api/v1/sessions").await?.body;
            let present = super::listed(&list, "sessions").find(|one| field(one, "/present") == "true");
            let path = match present.filter(|_| !self.all) {
                Some(one) => format!("/api/v1/sessions/{}", field(one, "/id")),
                None => "/api/v1/sessions".to_owned(),
            };
            client.send(Method::DELETE, &path, None, With::default()).await
        };
        wait_for(end())?;
        fs::remove_file(&file).with_context(|| format!("could not remove {}", file.display()))?;
        output.answer(&json!({ "ended": true }), |_| "已退出".to_owned())?;
        Ok(Ended::Fine)
    }
}

async fn accept(client: &Client) -> Result<Value> {
    let token = ask("邀请码")?;
    let body = json!({ "token": token, "password": ask("新密码")? });
    let enrolling = client.post("/api/v1/invitations/accept", &body).await?.body;
    tell(&format!(
        "在手机的验证器应用中添加：{}\n或输入密钥：{}",
        field(&enrolling, "/otpauth"),
        field(&enrolling, "/secret")
    ));
    let body = json!({ "token": token, "code": ask("验证码")? });
    Ok(client.post("/api/v1/invitations/confirm", &body).await?.body)
}

async fn change(client: &Client, person: &str) -> Result<Value> {
    let (password, new) = (ask("原密码")?, ask("新密码")?);
    let body = json!({ "person": person, "password": password, "new_password": new, "code": ask("验证码")? });
    Ok(client.post("/api/v1/passwords", &body).await?.body)
}

/// Unseen at a terminal; a line of standard input otherwise.
fn ask(what: &str) -> Result<String> {
    let attempted = || format!("could not read {what}");
    let given = if stdin().is_terminal() {
        rpassword::prompt_password(format!("{what}：")).with_context(attempted)?
    } else {
        let mut line = String::new();
        stdin().read_line(&mut line).with_context(attempted)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if given.is_empty() {
        bail!(Usage(format!("{what} is empty")));
    }
    Ok(given)
}

/// Beside the answer, which `--json` keeps to one document.
#[allow(clippy::print_stderr, reason = "what is to be typed into a telephone belongs on the terminal")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn file_of(server: &ServerArgs) -> Result<PathBuf> {
    let file = server.token_file.clone();
    file.ok_or_else(|| {
        Usage("say with --token-file FILE, or JUZHEN_TOKEN_FILE, where the session is kept".into()).into()
    })
}

/// For its owner's eyes, whoever made the file before.
fn keep(file: &Path, token: &str) -> Result<()> {
    let attempted = || format!("could not write {}", file.display());
    let beside = file.with_extension("new");
    drop(fs::remove_file(&beside));
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    writeln!(opened.with_context(attempted)?, "{token}").with_context(attempted)?;
    fs::rename(&beside, file).with_context(attempted)
}
