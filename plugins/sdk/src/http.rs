//! Requests to the platform, made by the daemon, and answers that are already sorted into errors.

use core::time::Duration;

use juzhen_abi::message::{Capture, Declined, Effect, HttpRequest, HttpResponse, Part, capability};
use juzhen_abi::pack;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cx::secret;
use crate::{Cx, Error, Result, error};

/// What an adapter knows of its platform's refusals: `None` leaves an answer to the default meaning of its status.
pub type Refusals = fn(&Response) -> Option<Error>;

/// Where requests begin. See [`Cx::http`].
pub struct Http {
    cx: Cx,
    refusals: Refusals,
}

impl Http {
    pub(crate) fn new(cx: Cx) -> Self {
        Self { cx, refusals: |_| None }
    }

    /// Looks at every answer that is not 2xx first.
    #[must_use]
    pub fn refusals(mut self, refusals: Refusals) -> Self {
        self.refusals = refusals;
        self
    }

    pub fn get(self, url: &str) -> RequestBuilder {
        self.request("GET", url)
    }

    pub fn post(self, url: &str) -> RequestBuilder {
        self.request("POST", url)
    }

    pub fn put(self, url: &str) -> RequestBuilder {
        self.request("PUT", url)
    }

    pub fn delete(self, url: &str) -> RequestBuilder {
        self.request("DELETE", url)
    }

    pub fn request(self, method: &str, url: &str) -> RequestBuilder {
        let head = HttpRequest { method: method.to_owned(), url: url.to_owned(), ..HttpRequest::default() };
        RequestBuilder { http: self, head, body: Ok(Vec::new()) }
    }
}

/// A request that has not left yet.
#[must_use = "a request leaves with `send`"]
pub struct RequestBuilder {
    http: Http,
    head: HttpRequest,
    body: Result<Vec<u8>>,
}

impl RequestBuilder {
    /// A header; the value may hold a [`secret`].
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `Authorization: Bearer` with the secret of this name.
    pub fn bearer(self, secret_name: &str) -> Self {
        let value = format!("Bearer {}", secret(secret_name));
        self.header("authorization", &value)
    }

    /// Appends `name=value` to the address, percent-encoded.
    pub fn query(self, name: &str, value: &str) -> Self {
        let value = percent_encoded(value);
        self.raw_query(name, &value)
    }

    /// Appends `name=` and the value of the secret to the address.
    pub fn query_secret(self, name: &str, secret_name: &str) -> Self {
        self.raw_query(name, &secret(secret_name))
    }

    /// A JSON body; its strings may hold [`secret`]s.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.body = serde_json::to_vec(body).map_err(|e| Error::bug(format!("body of the request: {e}")));
        self.header("content-type", "application/json")
    }

    /// A form body, percent-encoded.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let pairs = fields.iter().map(|(k, v)| format!("{}={}", percent_encoded(k), percent_encoded(v)));
        self.body = Ok(pairs.collect::<Vec<_>>().join("&").into_bytes());
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// These bytes as body.
    pub fn body(mut self, bytes: Vec<u8>, content_type: &str) -> Self {
        self.body = Ok(bytes);
        self.header("content-type", content_type)
    }

    /// A picture or a video as body, by handle.
    pub fn body_blob(mut self, handle: &str, content_type: &str) -> Self {
        self.head.body_blob = Some(handle.to_owned());
        self.header("content-type", content_type)
    }

    /// A multipart form of texts and of blobs by handle.
    pub fn multipart(mut self, parts: Vec<Part>) -> Self {
        self.head.parts = parts;
        self
    }

    /// For a platform that applies a key once: the header `Idempotency-Key`, and the leave to send again after an
    /// unknown outcome. Where the platform promises nothing, write the header alone.
    pub fn idempotency(self, key: &str) -> Self {
        self.header("idempotency-key", key).effect(Effect::Idempotent(key.to_owned()))
    }

    /// What the request can do outside, when its method does not say it.
    pub fn effect(mut self, effect: Effect) -> Self {
        self.head.effect = effect;
        self
    }

    /// Keeps what stands at the JSON `pointer` of the answer as the secret `secret_name`, for the seconds at the
    /// pointer `ttl`. The adapter sees it redacted. The host lets one call of an account fetch at a time, and answers without
    /// sending when another one was faster.
    pub fn capture(mut self, pointer: &str, secret_name: &str, ttl: Option<&str>) -> Self {
        self.head.capture.push(Capture {
            pointer: pointer.to_owned(),
            secret: secret_name.to_owned(),
            ttl: ttl.map(str::to_owned),
        });
        self
    }

    /// For a platform that answers everything with 200: a number of `codes` at the JSON `pointer` of a 2xx is a clear no, as a
    /// 4xx is. Only codes that are documented to come before anything happened; whatever else stands there may have happened.
    pub fn declined(mut self, pointer: &str, codes: &[i64]) -> Self {
        self.head.declined = Some(Declined { pointer: pointer.to_owned(), codes: codes.to_vec() });
        self
    }

    /// Gives up waiting after this long; otherwise at the deadline of the call.
    pub fn timeout(mut self, how_long: Duration) -> Self {
        self.head.timeout_ms = u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sends; an answer that is not 2xx is an error.
    ///
    /// # Errors
    /// What [`Http::refusals`] says, else the default meaning of the status; without an answer, retryable when
    /// nothing has left or the request is safe to repeat, else in doubt.
    pub async fn send(self) -> Result<Response> {
        let refusals = self.http.refusals;
        let response = self.send_any().await?;
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        Err(refusals(&response).unwrap_or_else(|| response.default_error()))
    }

    /// Sends; any answer is fine.
    ///
    /// # Errors
    /// As [`send`](Self::send), for requests without an answer.
    pub async fn send_any(self) -> Result<Response> {
        let Self { http: Http { cx, .. }, head, body } = self;
        let body = body?;
        let repeatable = error::can_repeat(&head.effect, &head.method);
        let answer = cx.call(capability::HTTP_SEND, &head, &body).await?;
        let answer = answer.map_err(|e| error::of_http(&e, repeatable))?;
        let unreadable = |e| Error::in_doubt(format!("answer of the daemon: {e}"));
        let (HttpResponse { status, headers }, body) = pack::unpack(&answer).map_err(unreadable)?;
        Ok(Response { status, headers, body: body.to_vec(), repeatable, cx })
    }

    fn raw_query(mut self, name: &str, encoded: &str) -> Self {
        let mark = if self.head.url.contains('?') { '&' } else { '?' };
        self.head.url = format!("{}{mark}{}={encoded}", self.head.url, percent_encoded(name));
        self
    }
}

/// An answer of the platform.
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Nothing is lost when the request is sent again.
    repeatable: bool,
    cx: Cx,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// In doubt when the request may have changed something (it did, and the answer is lost), else a bug.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| {
            let message = format!("platform answered {} with a body that cannot be read: {e}", self.status);
            if self.repeatable { Error::bug(message) } else { Error::in_doubt(message) }
        })
    }

    /// When the header `Retry-After` (in seconds) allows another request, in milliseconds since 1970.
    pub fn retry_at_unix_ms(&self) -> Option<i64> {
        let seconds: i64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(self.cx.now_unix_ms().saturating_add(seconds.saturating_mul(1000)))
    }

    /// What the status means on most platforms.
    pub fn default_error(&self) -> Error {
        error::of_status(self.status, self.repeatable, self.retry_at_unix_ms())
    }
}

/// `text` as one segment of an address's path, such as an id with a slash in it, or as a value in its query: percent-encoded.
/// [`RequestBuilder::query`] and [`RequestBuilder::form`] do it themselves.
pub fn segment(text: &str) -> String {
    percent_encoded(text)
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_query_value_is_percent_encoded() {
        assert_eq!(super::percent_encoded("a b&c=矩~"), "a%20b%26c%3D%E7%9F%A9~");
    }

    #[test]
    fn an_id_is_one_segment_whatever_stands_in_it() {
        assert_eq!(super::segment("!a/b:example.org?c"), "%21a%2Fb%3Aexample.org%3Fc");
    }
}
