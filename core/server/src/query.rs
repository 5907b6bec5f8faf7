//! Strict paths and queries: an id is plain text or there is no such thing, and a parameter that is not known is refused.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use juzhen_domain::id::is_plain;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::strict_json;

/// Most entries of a list in one answer.
const MOST: u32 = 200;

/// An id in the path. Anything that is no plain text names nothing (A20).
#[derive(Debug, Clone)]
pub(crate) struct Id(pub(crate) String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        NoParameters::from_request_parts(parts, app).await?;
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(id)) if is_plain(&id) => Ok(Self(id)),
            _ => Err(Problem::new(Code::NotFound)),
        }
    }
}

/// The parameters of a request. `T` holds text or types that read themselves from text, and denies unknown fields.
#[derive(Debug, Clone)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, app).await;
        let Ok(Query(pairs)) = pairs else { return Err(Problem::new(Code::InvalidParameter)) };
        let mut texts = BTreeMap::new();
        for (name, value) in pairs {
            if texts.insert(name.clone(), value).is_some() {
                let detail = format!("parameter {name:?} is there twice");
                return Err(Problem::because(Code::InvalidParameter, detail).at(name));
            }
        }
        strict_json::read_texts(texts).map(Self).map_err(|fault| Problem::from(fault).of_parameter())
    }
}

/// For what takes no parameters: one that is there was meant to do something.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

impl FromRequestParts<App> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Parameters::<Self>::from_request_parts(parts, app).await.map(|Parameters(none)| none)
    }
}

/// How many entries a list may have: 1 to 200, 50 when nobody says.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(value_type = u32, minimum = 1, maximum = 200, default = 50)]
pub(crate) struct Limit(pub(crate) u32);

impl Limit {
    /// The last entry of a full page, after which more may come; `None` when this was the last page.
    pub(crate) fn last_of_full<T>(self, page: &[T]) -> Option<&T> {
        page.last().filter(|_| page.len() >= self.0 as usize)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(limit) if digits && (1..=MOST).contains(&limit) => Ok(Self(limit)),
            _ => Err(D::Error::custom(format!("{text:?} is not a whole number from 1 to {MOST}"))),
        }
    }
}

/// An id as a parameter.
pub(crate) fn plain<'de, D: Deserializer<'de>, T: From<PlainText>>(source: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(source)?;
    if is_plain(&text) {
        Ok(Some(PlainText(text).into()))
    } else {
        Err(D::Error::custom("no id looks like this"))
    }
}

/// Text that can be an id.
pub(crate) struct PlainText(String);

macro_rules! ids_of_plain_text {
    ($($id:ident),+) => {
        $(impl From<PlainText> for juzhen_domain::id::$id {
            fn from(text: PlainText) -> Self {
                Self::new(text.0)
            }
        })+
    };
}

ids_of_plain_text!(UnitCode, AccountId, ItemId, DeliveryId, MessageId);
