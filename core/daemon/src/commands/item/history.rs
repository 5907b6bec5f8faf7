//! What became of one item: every text with its decisions as a table, and its review sheet as a page.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::Client;
use crate::commands::listed;
use crate::output::{Output, field};
use crate::table::Table;

/// Texts and decisions, in the order in which they came.
pub(super) async fn show(client: &Client, output: Output, path: &str) -> Result<()> {
    let item = client.get(path).await?.body;
    let versions = client.get(&format!("{path}/versions")).await?.body;
    let body = json!({"versions": versions.get("versions"), "decisions": item.get("decisions")});
    output.answer(&body, table)
}

/// The page itself, to be kept in a file and printed.
pub(super) async fn sheet(client: &Client, output: Output, path: &str) -> Result<()> {
    let page = client.text(path).await.context("could not read the review sheet")?;
    output.answer(&json!({"html": page}), |_| page.clone())
}

fn table(body: &Value) -> Table {
    let mut rows: Vec<[String; 6]> = Vec::new();
    for version in listed(body, "versions") {
        let what = field(version, "/action");
        let what = what.strip_prefix("item.").unwrap_or(&what).to_owned();
        let number = field(version, "/version");
        rows.push([
            field(version, "/at"),
            what,
            field(version, "/person"),
            number,
            String::new(),
            changes(version),
        ]);
    }
    for decision in listed(body, "decisions") {
        // What a minor edit took along was said before.
        if !field(decision, "/record/carried_from").is_empty() {
            continue;
        }
        let [at, what, person, step, reason] =
            ["/at", "/decision", "/person", "/step", "/reason"].map(|part| field(decision, part));
        rows.push([at, what, person, String::new(), step, reason]);
    }
    rows.sort();
    let mut table = Table::new(["at", "what", "by", "version", "step", "reason or change"]);
    for row in rows {
        table.row(row);
    }
    table
}

/// What a minor edit changed.
fn changes(version: &Value) -> String {
    let changes = version.get("changes").and_then(Value::as_array).into_iter().flatten();
    let each = changes.map(|change| format!("{} → {}", field(change, "/before"), field(change, "/after")));
    each.collect::<Vec<_>>().join("; ")
}
