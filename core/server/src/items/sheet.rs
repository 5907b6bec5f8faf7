//! 审核单: one item with everything that was said of it, as one page that needs nothing else, to print, sign and file
//! (domain reference §6.7).

use std::fmt::Write;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::Offset;
use juzhen_domain::count::Counter;
use juzhen_domain::id::{ItemId, PersonId};
use juzhen_domain::item::Variant;
use juzhen_domain::matrix::Role;
use juzhen_domain::review::{ChainStep, Decision, Verdict};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_engine::Settings;
use juzhen_store::{ItemRecord, ItemVersion};
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::counts::text_of;
use crate::problem::{Problem, ProblemView};
use crate::query::Id;

/// 审核单 of one item, as HTML without anything from elsewhere.
#[utoipa::path(get, operation_id = "read_item_sheet", path = "/api/v1/items/{id}/sheet", tag = "items", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/html"), (status = "4XX", body = ProblemView)))]
pub(super) async fn sheet(
    State(app): State<App>,
    Caller(caller): Caller,
    id: Id,
) -> Result<Response, Problem> {
    let record = super::visible(&app, &caller, &ItemId::new(id.0)).await?;
    let versions = app.store().item_versions(&record.item.id).await?;
    let page = page(&Sheet {
        record: &record,
        versions: &versions,
        settings: &app.engine.settings(),
        at: app.now(),
    });
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        (CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, page).into_response())
}

struct Sheet<'a> {
    record: &'a ItemRecord,
    versions: &'a [ItemVersion],
    settings: &'a Settings,
    at: Timestamp,
}

const STYLE: &str = "body{font:14px/1.6 serif;margin:2em auto;max-width:48em}h1{text-align:center;font-size:1.4em}\
table{width:100%;border-collapse:collapse}th,td{border:1px solid #000;padding:.4em .6em;text-align:left;vertical-align:top}\
th{width:9em;font-weight:bold}td{white-space:pre-wrap;overflow-wrap:anywhere}@media print{body{margin:0}}";

fn page(sheet: &Sheet<'_>) -> String {
    let mut rows = String::new();
    for (label, text) in sheet.rows() {
        // Writing to a text cannot fail.
        let _ = writeln!(rows, "<tr><th>{}</th><td>{}</td></tr>", escaped(&label), escaped(&text));
    }
    let office = escaped(&sheet.settings.district.name);
    format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>审核单 {id}</title><style>{STYLE}</style></head>\n\
         <body><h1>{office}政务新媒体信息审核单</h1>\n<table>\n{rows}</table>\n<p>稿件编号 {id}，第 {version} 稿，内容校验 {hash}，制表时间 {at}</p></body></html>\n",
        id = escaped(sheet.record.item.id.as_str()),
        version = sheet.record.item.version,
        hash = sheet.record.item.hash,
        at = local(sheet.at),
    )
}

impl Sheet<'_> {
    fn rows(&self) -> Vec<(String, String)> {
        let item = &self.record.item;
        let procedure = self.settings.procedures.get(&item.procedure);
        let column =
            item.column.as_ref().map(|id| self.settings.columns.get(id).map_or(id.as_str(), |c| &c.name));
        let unit = self.settings.units.get(&item.unit).map_or(item.unit.as_str(), |unit| &unit.name);
        let clause = procedure.and_then(|p| p.clause.as_deref()).unwrap_or_default();
        let mut rows = vec![
            ("报送单位".to_owned(), unit.to_owned()),
            ("信息员".to_owned(), self.person(&item.author)),
            ("栏目".to_owned(), column.unwrap_or("（未选）").to_owned()),
            ("程序".to_owned(), format!("{} {} {clause}", item.procedure, procedure.map_or("", |p| &p.name))),
            ("状态".to_owned(), item.state.chinese().to_owned()),
            ("备案号".to_owned(), self.record.register_no.clone().unwrap_or_else(|| "（未备案）".to_owned())),
        ];
        rows.extend(
            item.content
                .variants
                .iter()
                .flat_map(|(platform, variant)| of_variant(platform.as_str(), variant)),
        );
        rows.extend(self.stated());
        rows.push(("七类声明".to_owned(), self.declarations()));
        rows.push(("五关".to_owned(), "□政治关　□法律关　□政策关　□保密关　□文字关".to_owned()));
        rows.extend(item.chain.steps().iter().map(|step| (self.opinion(step), self.decisions(step))));
        rows.extend(self.deliveries());
        rows
    }

    /// 报送要素, each under the name that the settings have for it.
    fn stated(&self) -> Vec<(String, String)> {
        use juzhen_domain::filing::{Applicability, InfoNature, Required};
        let filing = &self.record.item.content.filing;
        let stated = serde_json::to_value(filing).unwrap_or_default();
        let word = |key: &str| match key {
            "info_nature" => filing.info_nature.map(InfoNature::chinese),
            "applicability" => filing.applicability.map(Applicability::chinese),
            _ => None,
        };
        let name = |key: &str| {
            let known = Required::ALL.iter().find(|required| required.as_str() == key);
            match (known, key) {
                (Some(known), _) => known.chinese(),
                (None, "valid_until") => "有效期至",
                (None, "public_consultation") => "公开征求意见",
                (None, "corrects") => "更正的稿件",
                (None, _) => "其他",
            }
        };
        let fields = stated.as_object().into_iter().flatten();
        fields
            .map(|(key, value)| (name(key).to_owned(), word(key).map_or_else(|| plain(value), str::to_owned)))
            .collect()
    }

    /// Who declared that none of the seven prohibited kinds of content is in the present text.
    fn declarations(&self) -> String {
        let item = &self.record.item;
        let author = self.versions.iter().rev().find(|version| {
            version.hash == item.hash && version.detail.get("declared") == Some(&Value::Bool(true))
        });
        let author = author
            .map(|version| format!("信息员 {} 于 {} 声明", self.person(&version.person), local(version.at)));
        let reviewers = self.record.decisions.iter().filter(|d| d.record.declaration && d.hash == item.hash);
        let reviewers =
            reviewers.map(|d| format!("{} {} 于 {} 声明", role(d), self.person(&d.person), local(d.at)));
        let all: Vec<_> = author.into_iter().chain(reviewers).collect();
        if all.is_empty() {
            "（未声明）".to_owned()
        } else {
            format!("经核对不存在第一至第七类情形\n{}", all.join("\n"))
        }
    }

    fn opinion(&self, step: &ChainStep) -> String {
        match step.state {
            ItemState::PendingSecrecy => "保密审查意见",
            ItemState::PendingUnit => "单位审定意见",
            ItemState::PendingOffice => "办公室审核备案意见",
            ItemState::PendingLeader => "主管领导意见",
            ItemState::PendingPrincipal => "主要领导意见",
            _ => "办公室审定意见",
        }
        .to_owned()
    }

    /// What was said at a step, oldest first, with a line to sign on.
    fn decisions(&self, step: &ChainStep) -> String {
        let of_step = self.record.decisions.iter().filter(|d| d.step == step.id);
        let mut lines: Vec<String> = of_step.map(|decision| self.decision(decision)).collect();
        lines.push("签字：　　　　　　　　年　　月　　日".to_owned());
        lines.join("\n")
    }

    fn decision(&self, d: &Decision) -> String {
        let verdict = match d.verdict {
            Verdict::Approve => "同意",
            Verdict::Return => "退回修改",
            Verdict::Reject => "不予采用",
        };
        let mut text = format!("{verdict}　{} {}　{}", role(d), self.person(&d.person), local(d.at));
        if let Some(reason) = &d.reason {
            let _ = write!(text, "　{reason}");
        }
        if let Some(secrecy) = &d.record.secrecy {
            let _ = write!(text, "　结论：{}　依据：{}", secrecy.conclusion.chinese(), secrecy.basis);
        }
        if let Some(by) = &d.record.recorded_by {
            let _ = write!(text, "　（{}，{} 代为登记）", d.record.mode.chinese(), self.person(by));
        }
        if d.record.carried_from.is_some() {
            text.push_str("　（小改后沿用）");
        } else if d.hash != self.record.item.hash {
            text.push_str("　（对此前文稿，现已失效）");
        }
        text
    }

    fn deliveries(&self) -> Vec<(String, String)> {
        let open = self.record.deliveries.iter().filter(|d| d.state != DeliveryState::Cancelled);
        let (mut planned, mut out) = (Vec::new(), Vec::new());
        for delivery in open {
            let name =
                self.settings.accounts.get(&delivery.account).map_or(delivery.account.as_str(), |a| &a.name);
            planned.push(format!(
                "{name}（{}）　{}　{}",
                delivery.account,
                local(delivery.due_at),
                delivery.state.chinese()
            ));
            if let Some(url) = delivery.receipt.as_ref().and_then(|receipt| receipt.url.as_deref()) {
                out.push(format!("{name}　{url}"));
            }
        }
        let or_none =
            |lines: Vec<String>| if lines.is_empty() { "（无）".to_owned() } else { lines.join("\n") };
        vec![("排期".to_owned(), or_none(planned)), ("发布链接".to_owned(), or_none(out))]
    }

    fn person(&self, id: &PersonId) -> String {
        self.settings
            .people
            .get(id)
            .map_or_else(|| id.to_string(), |person| format!("{}（{id}）", person.name))
    }
}

fn of_variant(platform: &str, variant: &Variant) -> Vec<(String, String)> {
    let mut text = variant.title.as_ref().map(|title| format!("【{title}】\n")).unwrap_or_default();
    text.push_str(&variant.text);
    if let Some(link) = &variant.link {
        let _ = write!(text, "\n链接：{link}");
    }
    let mut rows = vec![(format!("正文（{platform}）"), text)];
    if let Some(counter) = Counter::of(platform) {
        let length = counter.district(&text_of(variant));
        rows.push((format!("字数（{platform}）"), format!("{}/{}", length.count, length.limit)));
    }
    let pictures = variant.media.iter().map(|media| {
        let alt = media.alt.as_deref().unwrap_or("无说明");
        format!(
            "{}（{}，{} 字节，{}）",
            alt,
            media.mime,
            media.bytes,
            media.sha256.get(..12).unwrap_or_default()
        )
    });
    let pictures: Vec<_> = pictures.collect();
    let pictures = if pictures.is_empty() { "（无）".to_owned() } else { pictures.join("\n") };
    rows.push((format!("配图（{platform}）"), pictures));
    rows
}

fn role(decision: &Decision) -> &'static str {
    decision.role.map_or("", Role::chinese)
}

/// As people read it: no quotes around a text, one line for what has parts.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.parse::<Timestamp>().map_or_else(|_| text.clone(), local),
        Value::Object(parts) => parts.values().map(plain).collect::<Vec<_>>().join("　"),
        other => other.to_string(),
    }
}

/// The time in China, to the minute.
fn local(at: Timestamp) -> String {
    Offset::constant(8).to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A text of people is never a part of the page.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a32_what_people_write_is_never_a_part_of_the_page() {
        assert_eq!(escaped("<script>\"'&"), "&lt;script&gt;&quot;&#39;&amp;");
    }

    #[test]
    fn times_are_those_of_china() {
        assert_eq!(local("2026-12-31T16:00:00Z".parse().unwrap()), "2027-01-01 00:00");
        assert_eq!(plain(&"2026-12-31T16:00:00Z".into()), "2027-01-01 00:00");
        assert_eq!(plain(&"东政复1号".into()), "东政复1号");
    }
}
