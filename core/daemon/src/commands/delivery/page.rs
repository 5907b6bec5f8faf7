//! One delivery as a page that the staff read: what happened to it, how that is known, and what can be done now.

use serde_json::Value;

use super::super::listed;
use crate::output::field;
use crate::table::Table;
use crate::when::clock;

/// The page of an answer of the API.
pub(super) fn page(delivery: &Value) -> String {
    let mut text = head(delivery);
    text.push_str(&attempts(delivery));
    text.push_str(&effects(delivery));
    text.push_str(&late_news(delivery));
    text.push_str(&actions(delivery));
    text
}

fn head(delivery: &Value) -> String {
    let of = |name: &str| field(delivery, &format!("/{name}"));
    let mut text = format!("{} {}\n", of("id"), of("state_zh"));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {name}  {value}\n"));
        }
    };
    let (reason, chinese) = (of("reason"), of("reason_zh"));
    line("原因", chinese.clone());
    line("原文", if reason == chinese { String::new() } else { reason });
    line("稿件", of("item"));
    line("账号", format!("{} ({})", of("account"), of("platform")));
    line("类型", if of("kind") == "forward" { format!("转发 {}", of("origin")) } else { String::new() });
    line("发布时间", clock(&of("due_at")));
    line("最迟时间", clock(&of("latest_at")));
    line("链接", of("receipt/url"));
    line("平台编号", of("receipt/platform_id"));
    line("发布依据", known_by(&of("receipt/by")).to_owned());
    if delivery.get("resumes") == Some(&Value::Bool(true)) {
        line("注意", "上次尝试中途中断，下次将从中断处继续".to_owned());
    }
    if delivery.get("doubt").is_some_and(Value::is_object) {
        let (since, looks) = (clock(&of("doubt/since")), of("doubt/looks"));
        let looked =
            if looks == "0" { String::new() } else { format!("，已在账号上核对 {looks} 次") };
        line("核对", format!("自 {since} 起结果不明{looked}"));
    }
    text
}

fn known_by(word: &str) -> &str {
    match word {
        "answer" => "平台答复",
        "evidence" => "在账号上查到",
        "person" => "人工确认",
        other => other,
    }
}

fn attempts(delivery: &Value) -> String {
    let mut table = Table::new(["次", "开始", "结束", "结果", "说明"]);
    section("尝试", delivery, "attempts", |attempt| {
        let times = ["/started_at", "/ended_at"].map(|part| clock(&field(attempt, part)));
        let [started, ended] = times;
        let (number, outcome) = (field(attempt, "/number"), field(attempt, "/outcome_zh"));
        let said = field(attempt, "/detail");
        let meant = field(attempt, "/detail_zh");
        let detail = if meant.is_empty() { said } else { format!("{meant} [{said}]") };
        table.row([number, started, ended, outcome, detail]);
        table.to_string()
    })
}

fn effects(delivery: &Value) -> String {
    let mut table = Table::new(["发出", "答复", "状态", "请求"]);
    section("对外请求", delivery, "effects", |effect| {
        let status = match effect.get("complete").and_then(Value::as_bool) {
            None => "没有答复".to_owned(),
            Some(false) => "答复不完整".to_owned(),
            Some(true) => field(effect, "/status"),
        };
        let request = format!("{} {}", field(effect, "/method"), field(effect, "/url"));
        let times = ["/began_at", "/answered_at"].map(|part| clock(&field(effect, part)));
        let [began, answered] = times;
        table.row([began, answered, status, request]);
        table.to_string()
    })
}

fn late_news(delivery: &Value) -> String {
    let mut table = Table::new(["时间", "说的是", "链接或编号", "说明"]);
    section("迟到的消息（仅作依据）", delivery, "late_news", |news| {
        let url = field(news, "/url");
        let place = if url.is_empty() { field(news, "/platform_id") } else { url };
        table.row([clock(&field(news, "/at")), field(news, "/says_zh"), place, field(news, "/detail")]);
        table.to_string()
    })
}

fn actions(delivery: &Value) -> String {
    let mut text = String::new();
    section("现在可以做的", delivery, "actions", |action| {
        let [name, means, command] = ["/name_zh", "/means_zh", "/command"].map(|part| field(action, part));
        text.push_str(&format!("{name}  {means}\n  {command}\n"));
        text.clone()
    })
}

/// A heading and what the entries come to; nothing when there is none.
fn section(name: &str, of: &Value, list: &str, mut add: impl FnMut(&Value) -> String) -> String {
    let entries = listed(of, list).filter(|entry| entry.is_object());
    let Some(body) = entries.map(&mut add).last() else { return String::new() };
    let indented: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("\n{name}\n{indented}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_says_what_happened_how_that_is_known_and_what_can_be_done() {
        let page = page(&json!({
            "id": "d1", "state_zh": "需人工核实", "reason": "not_seen: looked 9 times",
            "reason_zh": "核对时限内没有在账号上看到", "item": "i1", "account": "W015", "platform": "weibo",
            "kind": "publish", "doubt": { "since": "x", "looks": 9 },
            "attempts": [{ "number": 1, "started_at": "a", "ended_at": "b", "outcome_zh": "结果不明", "detail": "?" }],
            "effects": [{ "method": "POST", "url": "https://p/1", "began_at": "a", "answered_at": null }],
            "late_news": [{ "at": "c", "says_zh": "已发布", "platform_id": "N1" }],
            "actions": [{ "name_zh": "确认已发布", "means_zh": "您已看到。", "command": "juzhen delivery resolve d1 --published <URL>" }],
        }));
        assert_eq!(
            page,
            "d1 需人工核实\n  原因  核对时限内没有在账号上看到\n  原文  not_seen: looked 9 times\n  稿件  i1\n  账号  W015 (weibo)\n  \
             核对  自 x 起结果不明，已在账号上核对 9 次\n\n\
             尝试\n  次  开始  结束  结果      说明\n  1   a     b     结果不明  ?\n\n\
             对外请求\n  发出  答复  状态      请求\n  a           没有答复  POST https://p/1\n\n\
             迟到的消息（仅作依据）\n  时间  说的是  链接或编号  说明\n  c     已发布  N1\n\n\
             现在可以做的\n  确认已发布  您已看到。\n    juzhen delivery resolve d1 --published <URL>\n"
        );
    }

    #[test]
    fn what_is_not_there_takes_no_line() {
        assert_eq!(
            page(&json!({ "id": "d1", "state_zh": "待发", "account": "W1", "platform": "weibo" })),
            "d1 待发\n  账号  W1 (weibo)\n"
        );
    }
}
