//! Log lines of adapters: one event each, with the call and the account, secrets masked, within a budget.

use std::borrow::Cow;

use serde_json::Value;

use crate::journal::lock;
use crate::scope::{LogBudget, Scope};

/// A line longer than this is cut.
const LONGEST: usize = 4 << 10;

/// `scope` is `None` when the line belongs to no running operation.
pub(crate) fn write(adapter: &str, scope: Option<&Scope>, level: u32, message: &[u8]) {
    let (call, account) = scope.map_or(("", ""), |scope| (scope.call.as_str(), scope.account.as_str()));
    match scope.map_or(LogBudget::Within, |scope| scope.may_log(message.len())) {
        LogBudget::Within => {}
        LogBudget::JustSpent => {
            tracing::warn!(
                adapter.name = adapter,
                call.id = call,
                "Adapter {adapter} logs too much; the rest is dropped"
            );
            return;
        }
        LogBudget::Spent => return,
    }
    let line = readable(message);
    let line = scope.map_or_else(|| line.clone(), |scope| lock(&scope.masks).text(&line).into_owned());
    match level {
        1 => tracing::error!(adapter.name = adapter, call.id = call, account.id = account, "{line}"),
        2 => tracing::warn!(adapter.name = adapter, call.id = call, account.id = account, "{line}"),
        3 => tracing::info!(adapter.name = adapter, call.id = call, account.id = account, "{line}"),
        4 => tracing::debug!(adapter.name = adapter, call.id = call, account.id = account, "{line}"),
        _ => tracing::trace!(adapter.name = adapter, call.id = call, account.id = account, "{line}"),
    }
}

/// The message, then the other fields; on one line, whatever the adapter wrote.
fn readable(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let line: Cow<'_, str> = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(mut fields)) => {
            let said = fields.remove("message").and_then(|said| said.as_str().map(str::to_owned));
            let rest = if fields.is_empty() { String::new() } else { format!(" {}", Value::Object(fields)) };
            Cow::Owned(format!("{}{rest}", said.unwrap_or_default()))
        }
        _ => text,
    };
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(readable(br#"{"message":"a\nb","n":1}"#), r#"a b {"n":1}"#);
        assert_eq!(readable(b"plain\x1b[31m"), "plain [31m");
        assert_eq!(readable(&[0xff; 3]), "\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(readable(&vec![b'x'; LONGEST * 2]).len(), LONGEST);
    }
}
