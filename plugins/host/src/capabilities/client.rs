//! The only place that opens connections. It never follows a redirect, never repeats a request, never decodes a body,
//! and reads no proxy from the environment.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use juzhen_abi::message::{HostError, HostErrorKind};
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, ClientBuilder, Method, Url};

use super::egress::PublicResolver;
use super::progress;
use crate::journal::error;
use crate::options::{EgressOptions, Progress};
use crate::ports::{Blob, RecordedAnswer};

/// The way out: connections, or what stands for them in a simulation.
#[async_trait]
pub(crate) trait Transport: Send + Sync {
    /// Sends it once. Whatever happens is in the answer; `failure` says what is missing.
    async fn send(&self, outgoing: Outgoing, repeatable: bool) -> RecordedAnswer;
}

/// Sends requests.
pub(crate) struct HttpClient {
    /// For requests that may be repeated: a kept connection that the platform has just closed costs one retry.
    pooled: Client,
    /// For requests that may not: a new connection each, because on a kept one nobody can tell whether a reset came
    /// before or after the platform read the request.
    fresh: Client,
    response_bytes: usize,
    total: Duration,
    progress: Option<Progress>,
}

/// A request with its secrets in.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) timeout: Duration,
}

pub(crate) enum Body {
    Bytes(Vec<u8>),
    Blob(Blob),
    Form(Vec<Field>),
}

/// One field of a multipart form.
pub(crate) enum Field {
    Text { name: String, value: String },
    File { name: String, blob: Blob, filename: String, mime: String },
}

impl HttpClient {
    pub(crate) fn new(options: &EgressOptions) -> Result<Self, reqwest::Error> {
        // A second host in one process finds it installed already.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let build = |idle| -> Result<Client, reqwest::Error> {
            let with_roots = builder(options).pool_max_idle_per_host(idle).build();
            with_roots.or_else(|cause| {
                tracing::warn!(
                    error = %cause,
                    "No certificate authorities found; https will not work until they are installed"
                );
                builder(options).pool_max_idle_per_host(idle).tls_certs_only([]).build()
            })
        };
        let (pooled, fresh) = (build(usize::MAX)?, build(0)?);
        let EgressOptions { response_bytes, total, ref progress, .. } = *options;
        Ok(Self { pooled, fresh, response_bytes, total, progress: progress.clone() })
    }
}

#[async_trait]
impl Transport for HttpClient {
    async fn send(&self, outgoing: Outgoing, repeatable: bool) -> RecordedAnswer {
        let within = outgoing.timeout.min(self.total);
        let mut answer = RecordedAnswer::default();
        let client = if repeatable { &self.pooled } else { &self.fresh };
        match tokio::time::timeout(within, self.exchange(client, outgoing, &mut answer)).await {
            Ok(Ok(())) => answer.complete = true,
            Ok(Err(Failed { error, insecure })) => {
                answer.failure = Some(error);
                answer.insecure = insecure;
            }
            Err(_elapsed) => {
                let why = format!("no complete answer within {} ms", within.as_millis());
                answer.failure = Some(error(HostErrorKind::NoAnswer, why));
            }
        }
        if !answer.complete {
            answer.body.clear();
        }
        answer
    }
}

impl HttpClient {
    async fn exchange(
        &self,
        client: &Client,
        outgoing: Outgoing,
        answer: &mut RecordedAnswer,
    ) -> Result<(), Failed> {
        let request = client.request(outgoing.method, outgoing.url).headers(outgoing.headers);
        let request = match outgoing.body {
            Body::Bytes(bytes) if bytes.is_empty() => request,
            Body::Bytes(bytes) => request.body(bytes),
            Body::Blob(blob) => request.body(blob.bytes.to_vec()),
            Body::Form(fields) => request.multipart(form(fields)?),
        };
        let sent = match &self.progress {
            None => request.send().await,
            Some(progress) => progress::execute(client, request.build().map_err(failure)?, progress).await,
        };
        let mut response = sent.map_err(failure)?;
        answer.status = response.status().as_u16();
        answer.headers = response
            .headers()
            .iter()
            // Cookies would let one account's session reach another's.
            .filter(|(name, _)| *name != reqwest::header::SET_COOKIE)
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if answer.body.len() + chunk.len() > self.response_bytes {
                let why = format!("the answer is longer than {} bytes", self.response_bytes);
                return Err(error(HostErrorKind::TooLarge, why).into());
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(())
    }
}

fn builder(options: &EgressOptions) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .https_only(!options.allow_private)
        .connect_timeout(options.connect)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("juzhen/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(PublicResolver { allow_private: options.allow_private })
}

fn form(fields: Vec<Field>) -> Result<Form, HostError> {
    fields.into_iter().try_fold(Form::new(), |form, field| match field {
        Field::Text { name, value } => Ok(form.text(name, value)),
        Field::File { name, blob, filename, mime } => {
            let part = Part::bytes(blob.bytes.to_vec()).file_name(filename);
            let part = part
                .mime_str(&mime)
                .map_err(|_| error(HostErrorKind::BadRequest, format!("`{mime}` is not a media type")))?;
            Ok(form.part(name, part))
        }
    })
}

/// Why there is no whole answer.
struct Failed {
    error: HostError,
    insecure: bool,
}

impl From<HostError> for Failed {
    fn from(error: HostError) -> Self {
        Self { error, insecure: false }
    }
}

/// Before a connection stands nothing of the request has left (F48, F49); afterwards anything may have arrived.
fn failure(cause: reqwest::Error) -> Failed {
    let insecure = cause.is_connect() && is_of_tls(&cause);
    let kind = if cause.is_connect() {
        HostErrorKind::Unreachable
    } else if cause.is_builder() {
        HostErrorKind::BadRequest
    } else {
        HostErrorKind::NoAnswer
    };
    // The address may hold a secret.
    let cause = cause.without_url();
    let mut why = cause.to_string();
    let mut source = cause.source();
    while let Some(inner) = source {
        why.push_str(": ");
        why.push_str(&inner.to_string());
        source = inner.source();
    }
    Failed { error: error(kind, why), insecure }
}

/// Whether the handshake failed, not the network under it: a certificate that proves nothing, or no TLS at all.
fn is_of_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    // An error of IO hides what it was made of from `source`, and one may be made of another.
    let inside = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    cause.is::<rustls::Error>()
        || inside.is_some_and(|inner| is_of_tls(inner))
        || cause.source().is_some_and(is_of_tls)
}
