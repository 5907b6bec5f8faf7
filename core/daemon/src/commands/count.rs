//! `juzhen count`: the length of a text as the district counts it for one platform, and as the platform itself does.

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use juzhen_domain::count::{Counter, FieldLength, Length, Text};
use serde::Serialize;

use crate::failure::Ended;
use crate::output::Output;
use crate::table::Table;

/// Count a text as the district does, title and punctuation included; exit code 0 it fits, 1 it is too long
#[derive(Debug, Args)]
pub(crate) struct Count {
    /// Where it is to be published
    #[arg(long, value_parser = PossibleValuesParser::new(Counter::ALL.map(Counter::as_str)).try_map(known))]
    platform: Counter,
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    title: String,
    /// The text; line feeds count
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    body: String,
    /// Also what the platform itself limits, field by field; the exit code is then 1 if any is too long
    #[arg(long)]
    all: bool,
    /// 作者 of an article on WeChat
    #[arg(long, requires = "all", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    author: String,
    /// 摘要 of an article on WeChat
    #[arg(long, requires = "all", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    digest: String,
}

/// The JSON form: a contract with scripts outside the project.
#[derive(Debug, Serialize)]
struct Counted {
    platform: &'static str,
    count: usize,
    limit: usize,
    ok: bool,
    /// With `--all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<FieldCounted>>,
}

#[derive(Debug, Serialize)]
struct FieldCounted {
    field: &'static str,
    unit: &'static str,
    count: usize,
    limit: usize,
    ok: bool,
}

impl Count {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Self { platform, title, body, all, author, digest } = &self;
        let text = Text { title, body, link: "", author, digest };
        let Length { count, limit } = platform.district(&text);
        let ok = count <= limit;
        let fields = all.then(|| platform.fields(&text).into_iter().map(FieldCounted::of).collect());
        let counted = Counted { platform: platform.as_str(), count, limit, ok, fields };
        output.answer(&counted, table)?;
        Ok(if counted.fits() { Ended::Fine } else { Ended::Not })
    }
}

impl Counted {
    fn fits(&self) -> bool {
        self.ok && self.fields.iter().flatten().all(|field| field.ok)
    }
}

impl FieldCounted {
    fn of(FieldLength { field, unit, length }: FieldLength) -> Self {
        let Length { count, limit } = length;
        Self { field: field.as_str(), unit: unit.as_str(), count, limit, ok: length.is_ok() }
    }
}

/// Clap has refused other names before, and said which there are.
fn known(platform: String) -> Result<Counter, String> {
    Counter::of(&platform).ok_or(platform)
}

fn table(counted: &Counted) -> Table {
    let mut table = Table::new(["rule", "field", "count", "limit", "unit", "fits"]);
    let mut row = |rule: &str, field: &str, (count, limit): (usize, usize), unit: &str| {
        let fits = if count <= limit { "yes".to_owned() } else { format!("no, {} too many", count - limit) };
        table.row([rule.into(), field.into(), count.to_string(), limit.to_string(), unit.into(), fits]);
    };
    row("district", "title and text", (counted.count, counted.limit), "characters");
    for field in counted.fields.iter().flatten() {
        row(counted.platform, field.field, (field.count, field.limit), field.unit);
    }
    table
}
