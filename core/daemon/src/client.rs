//! The API from a shell: one request, its JSON answer, and a problem that reads as an error.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use juzhen_domain::id::is_plain;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::failure::Usage;
use crate::output::printable;

/// Where the daemon is, and who asks.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// Address of the running daemon
    #[arg(
        long,
        global = true,
        env = "JUZHEN_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8460",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// File that holds your token (see `juzhen user token`)
    #[arg(long, global = true, env = "JUZHEN_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// A connection to one daemon as one person.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    server: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// What the daemon said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) etag: Option<String>,
    pub(crate) body: Value,
}

/// The daemon understood and said no (RFC 9457).
#[derive(Debug, thiserror::Error)]
#[error("the daemon refused it ({status}): {text}")]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// The problem document as it came.
    pub(crate) problem: Value,
}

/// What goes with a request beside its body.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct With<'a> {
    /// Makes a repeated request harmless.
    pub(crate) key: Option<&'a str>,
    /// Only if the thing still has this ETag.
    pub(crate) if_match: Option<&'a str>,
}

impl Client {
    pub(crate) fn new(args: &ServerArgs) -> Result<Self> {
        let token = args.token_file.as_deref().map(read_token).transpose()?;
        Self::with_token(&args.server, token)
    }

    pub(crate) fn with_token(server: &str, token: Option<String>) -> Result<Self> {
        if !(server.starts_with("http://") || server.starts_with("https://")) {
            bail!(Usage(format!("--server {server:?} is no http:// or https:// address")));
        }
        // A second installation by another client of this process changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            // A proxy of the environment is for the outside world; the daemon is ours, and so is the token.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("could not set up the HTTP client")?;
        Ok(Self { server: server.trim_end_matches('/').to_owned(), token, http })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None, With::default()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.post_with(path, body, With::default()).await
    }

    pub(crate) async fn post_with(&self, path: &str, body: &Value, with: With<'_>) -> Result<Answer> {
        self.send(Method::POST, path, Some(body), with).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        with: With<'_>,
    ) -> Result<Answer> {
        let body = body.map_or(Sent::Nothing, Sent::Json);
        let Received { status, etag, bytes } = self.exchange(method, path, body, with).await?;
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        if status.is_success() {
            let body = body.with_context(|| format!("{path} answered with something that is not JSON"))?;
            return Ok(Answer { etag, body });
        }
        bail!(self.refused(status, body.unwrap_or(Value::Null)))
    }

    /// Reads what is no JSON, such as a page.
    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        let Received { status, bytes, .. } =
            self.exchange(Method::GET, path, Sent::Nothing, With::default()).await?;
        if status.is_success() {
            return String::from_utf8(bytes)
                .with_context(|| format!("{path} answered with something that is no text"));
        }
        bail!(self.refused(status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Keeps a picture or video; sending it again changes nothing.
    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> Result<Value> {
        let Received { status, bytes, .. } =
            self.exchange(Method::POST, "/api/v1/media", Sent::Bytes(bytes), With::default()).await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() { Ok(body) } else { bail!(self.refused(status, body)) }
    }

    fn refused(&self, status: StatusCode, problem: Value) -> Refused {
        let text = problem_text(&problem, status, self.token.is_some());
        Refused { status: status.as_u16(), text, problem }
    }

    async fn exchange(&self, method: Method, path: &str, body: Sent<'_>, with: With<'_>) -> Result<Received> {
        let url = format!("{}{path}", self.server);
        let attempted = || format!("could not ask {url}");
        let mut request = self.http.request(method, &url).header("accept-language", language());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = with.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(etag) = with.if_match {
            request = request.header("if-match", etag);
        }
        request = match body {
            Sent::Nothing => request,
            Sent::Json(body) => request.json(body),
            Sent::Bytes(bytes) => request.header("content-type", "application/octet-stream").body(bytes),
        };
        // Its own text names the address again.
        let response = request.send().await.map_err(reqwest::Error::without_url).with_context(attempted)?;
        let status = response.status();
        let etag = response.headers().get("etag").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let bytes = response.bytes().await.map_err(reqwest::Error::without_url).with_context(attempted)?;
        Ok(Received { status, etag, bytes: bytes.to_vec() })
    }
}

/// The body of a request.
enum Sent<'a> {
    Nothing,
    Json(&'a Value),
    Bytes(Vec<u8>),
}

struct Received {
    status: StatusCode,
    etag: Option<String>,
    bytes: Vec<u8>,
}

/// What the person at this shell reads, as their locale says.
fn language() -> &'static str {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|locale| !locale.is_empty()));
    if locale.is_some_and(|locale| locale.starts_with("zh")) { "zh" } else { "en" }
}

/// A path segment from the command line, if it can be an id at all.
pub(crate) fn segment(id: &str) -> Result<&str> {
    if is_plain(id) {
        return Ok(id);
    }
    bail!(Usage(format!("{id:?} is no id: letters, digits, `.`, `-` and `_` only")))
}

/// A query string of the given parts; `None` is left out.
pub(crate) fn query(parts: &[(&str, Option<&str>)]) -> Result<String> {
    let mut text = String::new();
    for (name, value) in parts {
        let Some(value) = value else { continue };
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(&format!("{name}={}", segment(value)?));
    }
    Ok(text)
}

/// Makes a request harmless to repeat.
pub(crate) fn fresh_key() -> Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).context("could not draw random bytes for the request")?;
    Ok(format!("cli-{:032x}", u128::from_be_bytes(random)))
}

fn read_token(file: &Path) -> Result<String> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("could not read the token file {shown}"))?;
    warn_if_open_to_others(file);
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        bail!("the token file {shown} holds no token; make one with `juzhen user token`");
    }
    Ok(token.to_owned())
}

/// A shell's `>` makes files that everybody may read, and `juzhen user token … > FILE` is what people will do.
#[allow(clippy::print_stderr, reason = "a warning of the command line belongs on stderr")]
fn warn_if_open_to_others(file: &Path) {
    let mode = fs::metadata(file).map_or(0, |meta| meta.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let shown = file.display();
        eprintln!("juzhen: warning: other people may read the token file {shown}; run `chmod 600 {shown}`");
    }
}

/// What happened, where, what was meant, and what to look for in the log; in one line.
fn problem_text(problem: &Value, status: StatusCode, has_token: bool) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(printable);
    let said = text("detail").or_else(|| text("title"));
    let mut line = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned());
    if let Some(field) = text("field") {
        line = format!("{field}: {line}");
    }
    if let Some(suggestion) = text("suggestion") {
        line.push_str(&format!("; did you mean `{suggestion}`?"));
    }
    if status == StatusCode::UNAUTHORIZED && !has_token {
        line.push_str("; no --token-file was given");
    }
    if let Some(id) = text("request_id").filter(|_| status.is_server_error()) {
        line.push_str(&format!("; the log has more under request {id}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_told_in_one_line() {
        let problem =
            json!({"title": "Your roles do not allow this", "detail": "d07.xx is no editor", "status": 403});
        assert_eq!(problem_text(&problem, StatusCode::FORBIDDEN, true), "d07.xx is no editor");
        let problem =
            json!({"title": "No such column", "field": "column", "suggestion": "yaowen", "request_id": "r1"});
        let told = problem_text(&problem, StatusCode::UNPROCESSABLE_ENTITY, true);
        assert_eq!(told, "column: No such column; did you mean `yaowen`?");
        let told = problem_text(&json!({"title": "Oops", "request_id": "r1"}), StatusCode::BAD_GATEWAY, true);
        assert_eq!(told, "Oops; the log has more under request r1");
        let told = problem_text(&Value::Null, StatusCode::UNAUTHORIZED, false);
        assert_eq!(told, "Unauthorized; no --token-file was given");
    }

    #[test]
    fn what_is_no_id_never_becomes_part_of_an_address() {
        for bad in ["../x", "a/b", "a?b", "", "a b"] {
            assert!(segment(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            query(&[("state", Some("due")), ("unit", None), ("most", Some("5"))]).unwrap(),
            "?state=due&most=5"
        );
        assert!(query(&[("state", Some("due&x=y"))]).is_err());
    }

    #[test]
    fn without_server_the_daemon_is_looked_for_where_it_listens_by_itself() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            server: ServerArgs,
        }
        let line = <Line as clap::Parser>::parse_from(["test"]);
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
        let settings = juzhen_settings::Loader::new(sample).load(None).unwrap();
        assert_eq!(line.server.server, format!("http://{}", settings.server.listen));
    }

    #[test]
    fn a_file_without_a_token_is_told_from_one_with_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("token");
        fs::write(&file, "juzhen_abc\n").unwrap();
        assert_eq!(read_token(&file).unwrap(), "juzhen_abc");
        for bad in ["", "\n", "two words", "密钥"] {
            fs::write(&file, bad).unwrap();
            assert!(read_token(&file).unwrap_err().to_string().contains("juzhen user token"), "{bad:?}");
        }
    }
}
