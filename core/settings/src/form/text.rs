//! Texts: names, addresses, time zones, names of secrets, and what is passed on to adapters as it is.

use std::net::{IpAddr, SocketAddr};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Number;

use crate::problem::{Expected, What};
use crate::read::{Form, Notes};
use crate::tree::{Node, Value};

/// One line of text for people, at most `MOST` characters. What YAML reads as no text (`true`, `~`) needs quotes; digits
/// do not, because the text is taken as it is written.
pub(crate) struct Text<const MOST: usize>;

impl<const MOST: usize> Form for Text<MOST> {
    type Out = String;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<String> {
        let text = scalar(node, notes)?;
        let characters = text.chars().count();
        let what = if text.trim().is_empty() {
            What::EmptyText
        } else if characters > MOST {
            What::TooLong { characters, limit: MOST }
        } else if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
            What::Invisible { code: u32::from(c) }
        } else {
            return Some(text.to_owned());
        };
        notes.fault(node.place, what);
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MOST })
    }
}

/// An IANA time zone that the program knows (Y39).
pub(crate) struct Zone;

impl Form for Zone {
    type Out = String;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<String> {
        let text = scalar(node, notes)?;
        if text.contains('/') && jiff::tz::TimeZone::get(text).is_ok() {
            return Some(text.to_owned());
        }
        // Offices in the whole country keep the same time, whatever city they think of.
        let near =
            (text.starts_with("Asia/") || text.contains('8') || text == "PRC").then_some("Asia/Shanghai");
        notes.fault(node.place, What::BadZone { found: node.found(), near });
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["Asia/Shanghai"] })
    }
}

/// A day: `2026-01-15`.
pub(crate) struct Day;

impl Form for Day {
    type Out = jiff::civil::Date;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let text = scalar(node, notes)?;
        let day = text.parse().ok().filter(|_| text.len() == 10);
        if day.is_none() {
            notes.expected(node, Expected::Day);
        }
        day
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
    }
}

/// A site: `weibo.com` alone, or `*.gov.cn` with everything below it.
pub(crate) struct Site;

impl Form for Site {
    type Out = String;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<String> {
        let text = scalar(node, notes)?;
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if name.contains('.') && name.split('.').all(is_label) {
            return Some(text.to_owned());
        }
        notes.expected(node, Expected::Site);
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(\\*\\.)?[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$" })
    }
}

/// `IP:PORT` to listen on.
pub(crate) struct Address;

impl Form for Address {
    type Out = SocketAddr;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<SocketAddr> {
        let text = scalar(node, notes)?;
        let address = text.parse().ok();
        if address.is_none() {
            notes.fault(node.place, What::BadAddress { found: node.found() });
        }
        address
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["127.0.0.1:8460"] })
    }
}

/// An address without a port.
pub(crate) struct Ip;

impl Form for Ip {
    type Out = IpAddr;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<IpAddr> {
        let text = scalar(node, notes)?;
        let address = text.parse().ok();
        if address.is_none() {
            notes.fault(node.place, What::BadIp { found: node.found() });
        }
        address
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["127.0.0.1"] })
    }
}

/// An address that notices are posted to: `https`, or `http` to this machine.
pub(crate) struct Hook;

impl Form for Hook {
    type Out = String;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<String> {
        let text = scalar(node, notes)?;
        if is_hook(text) {
            return Some(text.to_owned());
        }
        notes.fault(node.place, What::BadHook);
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["https://hooks.example.gov.cn/juzhen"] })
    }
}

fn is_hook(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>'));
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let allowed = scheme == "https" || (scheme == "http" && here);
    plain && allowed && !host.is_empty() && !authority.contains('@')
}

/// The name of one of the daemon's own secrets.
pub(crate) struct SecretFile;

impl Form for SecretFile {
    type Out = String;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<String> {
        let named = match &node.value {
            Value::Scalar { text, .. } => juzhen_domain::id::is_plain(text).then(|| text.to_string()),
            _ => None,
        };
        if named.is_none() {
            notes.fault(node.place, What::SecretWritten);
        }
        named
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
    }
}

/// `vault:NAME` or `file:NAME`: where a secret is kept. What is not of this form may be the secret, so it is never quoted.
pub(crate) struct SecretName;

impl Form for SecretName {
    type Out = String;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<String> {
        let text = match &node.value {
            Value::Scalar { text, .. } => text.as_ref(),
            _ => "",
        };
        let name = text.strip_prefix("vault:").or_else(|| text.strip_prefix("file:"));
        let named = name.is_some_and(juzhen_domain::id::is_plain);
        if !named {
            notes.fault(node.place, What::SecretWritten);
        }
        named.then(|| text.to_owned())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(vault|file):[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
    }
}

/// Whether a setting of this name is most likely a secret.
pub(crate) fn is_secret_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let ends = ["secret", "token", "password", "passwd", "api_key", "access_key", "private_key", "cookie"];
    ends.iter().any(|end| key.ends_with(end))
}

/// Settings of an adapter: text, numbers, booleans, and lists and tables of these.
pub(crate) struct Free;

impl Form for Free {
    type Out = serde_json::Value;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<serde_json::Value> {
        Some(match &node.value {
            Value::Scalar { text, plain } => return free_scalar(node, text, *plain, notes),
            Value::List(nodes) => {
                let each = |(index, node)| notes.at_index(index, |notes| Self::read(node, notes));
                serde_json::Value::Array(nodes.iter().enumerate().filter_map(each).collect())
            }
            Value::Map(entries) => {
                let mut map = serde_json::Map::new();
                for entry in entries {
                    if let Some(value) = notes.at_name(&entry.key, |notes| Self::read(&entry.value, notes)) {
                        map.insert(entry.key.clone().into_owned(), value);
                    }
                }
                serde_json::Value::Object(map)
            }
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

fn free_scalar(node: &Node<'_>, text: &str, plain: bool, notes: &mut Notes) -> Option<serde_json::Value> {
    if text.contains(is_invisible_in_block) {
        let code = text.chars().find(|c| is_invisible_in_block(*c)).map_or(0, u32::from);
        notes.fault(node.place, What::Invisible { code });
        return None;
    }
    if !plain {
        return Some(text.into());
    }
    match text {
        "true" => return Some(true.into()),
        "false" => return Some(false.into()),
        "" | "~" | "null" => {
            notes.expected(node, Expected::Text);
            return None;
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Some(text.into());
    }
    // What begins like a number is one of JSON, or needs quotes: `010`, `1:30` and `.inf` mean different things to
    // different readers of YAML.
    let number = serde_json::from_str::<Number>(text).ok();
    if number.is_none() {
        notes.fault(node.place, What::BadNumber { found: node.found() });
    }
    number.map(serde_json::Value::Number)
}

/// The text of a scalar that YAML takes as text too, or as digits.
fn scalar<'n>(node: &'n Node<'_>, notes: &mut Notes) -> Option<&'n str> {
    let Value::Scalar { text, plain } = &node.value else {
        notes.expected(node, Expected::Text);
        return None;
    };
    if *plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") {
        notes.expected(node, Expected::Text);
        return None;
    }
    if *plain
        && matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | ".nan" | ".inf" | "-.inf" | "+.inf"
        )
    {
        notes.fault(node.place, What::NeedsQuotes { found: node.found() });
        return None;
    }
    Some(text)
}

/// The character as a report shows it: what hides or reorders its neighbours is marked instead.
pub(crate) fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_invisible(c) => '\u{fffd}',
        c => c,
    }
}

/// Control characters, line breaks, what has no width, and what reorders the text around it (Y20, Y21).
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control() || is_format(c)
}

fn is_invisible_in_block(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || is_format(c)
}

fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
