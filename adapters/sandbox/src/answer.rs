//! How an answer travels: whole, halved, dripping, or not at all.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde::Serialize;
use tracing::error;

use crate::serve::ResetConnection;

/// The part of an answer that is decided while the lock is held.
pub(crate) struct Ending {
    pub(crate) reply: Reply,
    pub(crate) manner: Manner,
    pub(crate) delay: Duration,
}

/// An answer in words.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    content_type: Option<&'static str>,
    body: Bytes,
    retry_after_s: Option<u64>,
    location: Option<String>,
    /// The name under which a browser would save a file.
    file_name: Option<String>,
    /// It says no, whatever its status.
    pub(crate) is_refusal: bool,
}

/// What becomes of the answer on its way.
pub(crate) enum Manner {
    Whole,
    /// Something else is sent in its place.
    Instead(Reply),
    Hang,
    Reset,
    BreakOff,
    HalfJson,
    Drip(Duration),
    Bomb {
        mib: u32,
    },
}

/// Sends it, or does not.
pub(crate) async fn deliver(ending: Ending) -> Response {
    let Ending { reply, manner, delay } = ending;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match manner {
        Manner::Whole => reply.into_response(),
        Manner::Instead(other) => other.into_response(),
        // Dropped by hyper when the client goes away, by the server when it stops.
        Manner::Hang => std::future::pending().await,
        Manner::Reset => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(ResetConnection);
            response
        }
        Manner::BreakOff => break_off(&reply),
        Manner::HalfJson => {
            let half = reply.body.slice(..reply.body.len() / 2);
            Reply { body: half, ..reply }.into_response()
        }
        Manner::Drip(interval) => drip(&reply, interval),
        Manner::Bomb { mib } => bomb(reply, mib).await,
    }
}

impl Ending {
    pub(crate) fn new(reply: Reply, manner: Manner, delay: Duration) -> Self {
        Self { reply, manner, delay }
    }

    pub(crate) fn plain(reply: Reply) -> Self {
        Self::new(reply, Manner::Whole, Duration::ZERO)
    }
}

impl Reply {
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                Self { content_type: Some("application/json"), body: body.into(), ..Self::empty(status) }
            }
            Err(source) => {
                error!(%source, "An answer could not be written as JSON");
                Self::empty(500)
            }
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
            retry_after_s: None,
            location: None,
            file_name: None,
            is_refusal: status >= 400,
        }
    }

    /// A file.
    pub(crate) fn bytes(content_type: &'static str, body: Bytes) -> Self {
        Self { content_type: Some(content_type), body, ..Self::empty(200) }
    }

    /// To be saved under this name.
    pub(crate) fn named(self, file_name: String) -> Self {
        Self { file_name: Some(file_name), ..self }
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// For platforms that say no with a status of success.
    pub(crate) fn refused(mut self) -> Self {
        self.is_refusal = true;
        self
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self { location: Some(location), ..Self::empty(302) }
    }

    /// What a proxy in front of the platform says in Chinese at three in the morning.
    pub(crate) fn maintenance_page() -> Self {
        let page = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>系统维护</title></head>\
                    <body><h1>系统维护中，请稍后再试</h1></body></html>";
        let body = Bytes::from_static(page.as_bytes());
        Self { content_type: Some("text/html; charset=utf-8"), body, ..Self::empty(200) }
    }

    /// A page.
    pub(crate) fn html(status: u16, page: String) -> Self {
        Self { content_type: Some("text/html; charset=utf-8"), body: page.into(), ..Self::empty(status) }
    }

    /// With another body, if there is one.
    pub(crate) fn changed(self, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Self {
        match change(&self.body) {
            Some(body) => Self { body: body.into(), ..self },
            None => self,
        }
    }

    /// With another content type than usual.
    pub(crate) fn typed(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(content_type);
        self
    }

    pub(crate) fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let body = Body::from(self.body.clone());
        self.with_body(body)
    }

    fn with_body(&self, body: Body) -> Response {
        let mut response = Response::new(body);
        // Statuses come from our own code or from a checked rule.
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(location)) = self.location.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::LOCATION, location);
        }
        let disposition = self.file_name.as_ref().map(|name| format!("attachment; filename=\"{name}\""));
        if let Some(Ok(disposition)) = disposition.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        response
    }
}

/// Half of the bytes, then an error in the body, on which hyper ends the connection.
fn break_off(reply: &Reply) -> Response {
    let half = reply.body.slice(..reply.body.len() / 2);
    let parts = stream::unfold(Some(half), |left| async move {
        match left {
            Some(half) => Some((Ok(half), None)),
            None => {
                // Let the first half leave the machine before the end comes.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(std::io::Error::other("the script breaks the answer off")), None))
            }
        }
    });
    let length = reply.body.len();
    let mut response = reply.with_body(Body::from_stream(parts));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn drip(reply: &Reply, interval: Duration) -> Response {
    let bytes = stream::unfold(reply.body.clone(), move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(interval).await;
        Some((Ok::<_, Infallible>(left.split_to(1)), left))
    });
    let length = reply.body.len();
    let mut response = reply.with_body(Body::from_stream(bytes));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

async fn bomb(reply: Reply, mib: u32) -> Response {
    let packed = tokio::task::spawn_blocking(move || pack_zeros(mib)).await;
    match packed {
        Ok(Ok(body)) => {
            let mut response = reply.with_body(Body::from(body));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        Ok(Err(source)) => {
            error!(%source, "The gzip bomb could not be packed");
            Reply::empty(500).into_response()
        }
        Err(source) => {
            error!(%source, "The gzip bomb could not be packed");
            Reply::empty(500).into_response()
        }
    }
}

fn pack_zeros(mib: u32) -> std::io::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..mib {
        packer.write_all(&zeros)?;
    }
    packer.finish()
}
