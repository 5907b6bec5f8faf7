//! Refusals as people and programs read them: RFC 9457 problem details with a word from [`Code`].

mod code;

use std::sync::Arc;

use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use juzhen_store::{Refused, StoreError};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

pub(crate) use code::Code;

/// Why a request was not done. Becomes a response whose body [`finish`] writes, because only the frame around all
/// handlers knows the id of the request.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    detail: Option<String>,
    /// The same for the staff.
    chinese: Option<Box<str>>,
    field: Option<Box<str>>,
    suggestion: Option<Box<str>>,
    faults: Option<serde_json::Value>,
    /// Seconds after which it may be tried again.
    retry_after: Option<u32>,
}

/// What the client's people read, by `Accept-Language`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Problem {
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            chinese: None,
            field: None,
            suggestion: None,
            faults: None,
            retry_after: None,
        }
    }

    /// With what happened this time. Never the text of an internal error.
    pub(crate) fn because(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(code) }
    }

    /// A refusal by a rule of `domain`, in its own words.
    pub(crate) fn refused(word: &str, detail: impl Into<String>) -> Self {
        Self::because(Code::parse(word).unwrap_or(Code::Refused), detail)
    }

    /// Something that is not the client's fault: said once in the log, and to the client nothing but the request's id.
    pub(crate) fn internal(attempted: &str, cause: &(dyn std::error::Error + 'static)) -> Self {
        error!(error = chain(cause), "Could not {attempted}");
        Self::new(Code::Internal)
    }

    /// What happened this time, for the staff.
    #[must_use]
    pub(crate) fn in_chinese(mut self, detail: impl Into<Box<str>>) -> Self {
        self.chinese = Some(detail.into());
        self
    }

    /// The place in the body: `variants.weibo.text`.
    #[must_use]
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into().into_boxed_str());
        self
    }

    /// What was probably meant.
    #[must_use]
    pub(crate) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion.map(String::into_boxed_str);
        self
    }

    /// When it may be tried again.
    #[must_use]
    pub(crate) fn after(mut self, wait: SignedDuration) -> Self {
        self.retry_after = u32::try_from(wait.as_secs().max(1)).ok();
        self
    }

    /// One entry for each thing that is wrong.
    #[must_use]
    pub(crate) fn with_faults(mut self, faults: serde_json::Value) -> Self {
        self.faults = Some(faults);
        self
    }

    /// The same fault, found in the query instead of the body.
    #[must_use]
    pub(crate) fn of_parameter(mut self) -> Self {
        self.code = match self.code {
            Code::UnknownField => Code::UnknownParameter,
            _ => Code::InvalidParameter,
        };
        self
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl From<StoreError> for Problem {
    fn from(failed: StoreError) -> Self {
        match failed {
            StoreError::NotFound { .. } => Self::new(Code::NotFound),
            StoreError::Refused(Refused { code, message }) => Self::refused(code, message),
            StoreError::KeyReused { .. } => Self::because(Code::KeyReused, failed.to_string()),
            StoreError::Impossible { .. } => Self::because(Code::BadState, failed.to_string()),
            StoreError::Closed => Self::new(Code::Stopping),
            StoreError::NoRoom { .. } => Self::new(Code::NoRoom),
            StoreError::TooNew { .. }
            | StoreError::InUse { .. }
            | StoreError::NotOurs { .. }
            | StoreError::Damaged { .. }
            | StoreError::SharedDisk { .. }
            | StoreError::Database { .. }
            | StoreError::Corrupt { .. } => Self::internal("read or write the database", &failed),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The body of every refusal, as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemView {
    /// Names the code as a URI.
    #[serde(rename = "type")]
    kind: String,
    /// What every problem of this code has in common; in Chinese for `Accept-Language: zh`.
    title: &'static str,
    /// The same for the staff.
    title_zh: &'static str,
    status: u16,
    /// What happened this time; in Chinese for `Accept-Language: zh`, as far as it can be said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The word to look at in programs.
    code: &'static str,
    /// Stands in every line of the log about this request.
    request_id: String,
    /// Place in the body, such as `variants.weibo.text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
    /// The report on refused settings, or each length that is over its limit (`too_long`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    faults: Option<serde_json::Value>,
}

/// Writes the body of a refusal. A refusal that the framework made, such as an unknown route, gets one too.
pub(crate) fn finish(response: Response, request_id: &str, language: Language) -> (Response, Option<Code>) {
    let status = response.status();
    let problem = match response.extensions().get::<Arc<Problem>>() {
        Some(problem) => Problem::clone(problem),
        None if status == StatusCode::NOT_FOUND => Problem::new(Code::NotFound),
        None if status == StatusCode::METHOD_NOT_ALLOWED => Problem::new(Code::MethodNotAllowed),
        None => return (response, None),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if problem.code == Code::Unauthenticated {
        parts.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.code.status() == StatusCode::SERVICE_UNAVAILABLE {
        parts.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(seconds) = problem.retry_after {
        parts.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    parts.headers.insert(VARY, HeaderValue::from_static("accept-language"));
    let code = problem.code;
    let (title, detail) = match language {
        Language::English => (code.title(), problem.detail),
        Language::Chinese => (code.chinese(), problem.chinese.map(String::from).or(problem.detail)),
    };
    let view = ProblemView {
        kind: format!("urn:juzhen:problem:{}", code.as_str()),
        title,
        title_zh: code.chinese(),
        status: code.status().as_u16(),
        detail,
        code: code.as_str(),
        request_id: request_id.to_owned(),
        field: problem.field.map(String::from),
        suggestion: problem.suggestion.map(String::from),
        faults: problem.faults,
    };
    let body = serde_json::to_vec(&view).unwrap_or_default();
    (Response::from_parts(parts, body.into()), Some(code))
}

impl Language {
    /// Chinese where it is the first that the client names; what a machine sends, or nothing, is English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let named = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let first = named.split([',', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
        if first == "zh" || first.starts_with("zh-") { Self::Chinese } else { Self::English }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn body(problem: Problem) -> (StatusCode, serde_json::Value) {
        let (response, _) = finish(problem.into_response(), "r-1", Language::English);
        let status = response.status();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let bytes = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_refusal_names_its_code_in_both_languages_and_the_request() {
        let (status, body) = body(Problem::refused("self_approval", "a wrote it")).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(body["code"], "self_approval");
        assert_eq!(body["title_zh"], "不能审核自己的稿件");
        assert_eq!(body["request_id"], "r-1");
        assert_eq!(body["detail"], "a wrote it");
    }

    #[test]
    fn the_first_language_that_a_client_names_counts() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            Language::of(&headers)
        };
        for chinese in ["zh", "zh-CN,zh;q=0.9,en;q=0.8", "ZH-hans"] {
            assert_eq!(of(chinese), Language::Chinese, "{chinese}");
        }
        for other in ["en-GB,zh;q=0.9", "*", "", "zhx"] {
            assert_eq!(of(other), Language::English, "{other}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }

    #[tokio::test]
    async fn c53_an_internal_error_tells_the_client_nothing() {
        let cause = std::io::Error::other("disk /var/lib/secret is full");
        let failed = StoreError::Database { attempted: "write", source: Box::new(cause) };
        let (status, body) = body(failed.into()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!body.to_string().contains("disk"), "{body}");
        assert_eq!(body["code"], "internal");
    }
}
