//! Secret texts in a request: passwords, one-time codes, values of secrets.

use juzhen_engine::Secret;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A value as it came: never printed, also not in a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Hidden(pub(crate) Secret);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Hidden;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hidden, E> {
                Ok(Hidden(Secret::new(text)))
            }

            fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Hidden, E> {
                Ok(Hidden(Secret::new(text)))
            }

            fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Hidden, E> {
                Err(E::custom("expected a text, found a number"))
            }

            fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Hidden, E> {
                Err(E::custom("expected a text, found a number"))
            }

            fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Hidden, E> {
                Err(E::custom("expected a text, found a number"))
            }
        }

        source.deserialize_any(Text)
    }
}
