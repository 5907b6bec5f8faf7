//! `juzhen status`: one page that says whether the daemon works, what is stopped, and what waits for somebody.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{listed, wait_for};
use crate::client::{Client, ServerArgs};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

/// Say on one page whether the daemon works, what is stopped, and what waits for somebody
///
/// Ends with 0 when it is ready and nothing is stopped, else with 1.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    server: ServerArgs,
}

impl Status {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let client = Client::new(&self.server)?;
        let answer = wait_for(client.get("/api/v1/status"))?;
        output.answer(&answer.body, page)?;
        let is = |pointer: &str| answer.body.pointer(pointer).and_then(Value::as_bool) == Some(true);
        Ok(if is("/readiness/ready") && !is("/stop/stopped") { Ended::Fine } else { Ended::Not })
    }
}

fn page(status: &Value) -> String {
    let mut text = String::new();
    text.push_str(&ready(status));
    text.push_str(&stop(status));
    text.push_str(&trouble(status));
    let mut line = |name: &str, value: String| text.push_str(&format!("{name}  {value}\n"));
    line("待处理", counts(status, "attention"));
    line("进行中", counts(status, "under_way"));
    line("最久待发", seconds(status, "/overdue_seconds"));
    line("最久不明", seconds(status, "/in_doubt_seconds"));
    line("磁盘剩余", room(status));
    let same = status.pointer("/files_are_running").and_then(Value::as_bool) == Some(true);
    let note = if same { "" } else { "（配置文件有误或待确认，见 juzhen plan）" };
    line("配置版本", format!("{}{note}", field(status, "/revision")));
    line("程序版本", field(status, "/version"));
    let mut adapters = Table::new(["适配器", "版本", "状态", "说明"]);
    for adapter in listed(status, "adapters") {
        adapters.row(["/name", "/version", "/state_zh", "/reason"].map(|part| field(adapter, part)));
    }
    let mut services = Table::new(["服务", "状态", "最近一轮"]);
    for service in status.pointer("/readiness/services").and_then(Value::as_array).into_iter().flatten() {
        let works = service.get("ok").and_then(Value::as_bool) == Some(true);
        let state = if works { "正常".to_owned() } else { not_since(&field(service, "/failing_since")) };
        services.row([field(service, "/name"), state, clock(&field(service, "/last_round_at"))]);
    }
    format!("{text}\n{adapters}\n{services}")
}

fn ready(status: &Value) -> String {
    let of = |list: &str| status.pointer(&format!("/readiness/{list}")).and_then(Value::as_array);
    let lines = |list: &str, mark: &str| {
        let said = of(list).into_iter().flatten().filter_map(Value::as_str);
        said.map(|line| format!("  {mark} {line}\n")).collect::<String>()
    };
    let ready = status.pointer("/readiness/ready").and_then(Value::as_bool) == Some(true);
    let head = if ready { "运行  正常" } else { "运行  有故障" };
    format!("{head}\n{}{}", lines("reasons", "故障："), lines("warnings", "注意："))
}

/// The clock, and what somebody has to see to; nothing that is as it should be.
fn trouble(status: &Value) -> String {
    let mut text = String::new();
    let clock = field(status, "/clock/means_zh");
    let (jumps, problem) = (field(status, "/clock/jumps"), field(status, "/clock/problem"));
    let jumped = if jumps == "0" || jumps.is_empty() {
        String::new()
    } else {
        format!("，启动以来跳变 {jumps} 次")
    };
    text.push_str(&format!("时钟  {clock}{jumped}\n"));
    if !problem.is_empty() {
        text.push_str(&format!("  故障：{problem}\n"));
    }
    for service in listed(status, "problems") {
        let (name, said) = (field(service, "/service"), field(service, "/problem"));
        text.push_str(&format!("  故障：{name}：{said}\n"));
    }
    let paused: Vec<String> = listed(status, "paused_accounts").map(|id| field(id, "")).collect();
    if !paused.is_empty() {
        text.push_str(&format!("暂停的账号  {}（见 juzhen account paused）\n", paused.join(" ")));
    }
    let signed_out: Vec<String> = listed(status, "signed_out_accounts").map(|id| field(id, "")).collect();
    if !signed_out.is_empty() {
        text.push_str(&format!(
            "需要重新授权的账号  {}（见 juzhen account show ID）\n",
            signed_out.join(" ")
        ));
    }
    for (name, words, where_to) in [
        ("/unknown_posts", "不明来源的内容", "juzhen post unknown"),
        ("/failing_notices", "没有送达的提醒", "juzhen notice list --failing"),
    ] {
        let count = field(status, name);
        if count != "0" && !count.is_empty() {
            text.push_str(&format!("{words}  {count} 条（见 {where_to}）\n"));
        }
    }
    text
}

/// Whether STOP ALL is on, who said so and what is needed to lift it.
pub(super) fn stop(status: &Value) -> String {
    let stop = status.get("stop").unwrap_or(status);
    let of = |name: &str| field(stop, &format!("/{name}"));
    let mut text = format!("停发  {}\n", of("means_zh"));
    if stop.get("stopped").and_then(Value::as_bool) == Some(true) {
        let who = [of("by"), of("by_name")].join(" ");
        text.push_str(&format!("  {} 于 {} 停发：{}\n", who.trim(), clock(&of("at")), of("reason_zh")));
        let lifting: Vec<&str> = listed(stop, "lifting").filter_map(Value::as_str).collect();
        if !lifting.is_empty() {
            text.push_str(&format!("  已同意恢复：{}\n", lifting.join("、")));
        }
    }
    text
}

fn counts(status: &Value, list: &str) -> String {
    let some =
        listed(status, list).filter(|count| count.get("deliveries").and_then(Value::as_u64) != Some(0));
    let parts: Vec<String> =
        some.map(|count| format!("{} {}", field(count, "/state_zh"), field(count, "/deliveries"))).collect();
    if parts.is_empty() { "无".to_owned() } else { parts.join("，") }
}

fn seconds(status: &Value, pointer: &str) -> String {
    match status.pointer(pointer).and_then(Value::as_i64) {
        None | Some(0) => "无".to_owned(),
        Some(seconds) => format!("{seconds} 秒"),
    }
}

fn room(status: &Value) -> String {
    let bytes = status.pointer("/free_bytes").and_then(Value::as_u64);
    bytes.map_or_else(|| "不详".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
}

fn not_since(since: &str) -> String {
    if since.is_empty() { "尚未运行".to_owned() } else { format!("自 {} 起异常", clock(since)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_says_first_what_is_wrong() {
        let page = page(&json!({
            "version": "0.1.0", "revision": "r1", "files_are_running": false, "free_bytes": 1 << 30,
            "overdue_seconds": 75, "in_doubt_seconds": 0,
            "readiness": { "ready": false, "reasons": ["the database does not take writes"], "warnings": [],
                "services": [{ "name": "claim", "ok": true, "last_round_at": "x", "failing_since": null },
                    { "name": "sweep", "ok": false, "last_round_at": null, "failing_since": null }] },
            "stop": { "stopped": true, "by": "off.lx", "by_name": "丙", "reason_zh": "演练", "at": "y",
                "lifting": ["off.hg"], "means_zh": "已全部停发" },
            "clock": { "believed": false, "problem": "the clock jumped back by 10 s", "jumps": 1, "means_zh": "不可信" },
            "problems": [{ "service": "sweep", "problem": "has not run yet", "silent_seconds": 9 }],
            "paused_accounts": ["W015"], "unknown_posts": 2, "failing_notices": 0,
            "attention": [{ "state_zh": "结果不明", "deliveries": 2 }, { "state_zh": "暂缓", "deliveries": 0 }],
            "under_way": [{ "state_zh": "待发", "deliveries": 0 }],
            "adapters": [{ "name": "mock", "version": "0.1.0", "state_zh": "运行中", "reason": null }],
        }));
        assert_eq!(
            page,
            "运行  有故障\n  故障： the database does not take writes\n\
             停发  已全部停发\n  off.lx 丙 于 y 停发：演练\n  已同意恢复：off.hg\n\
             时钟  不可信，启动以来跳变 1 次\n  故障：the clock jumped back by 10 s\n  故障：sweep：has not run yet\n\
             暂停的账号  W015（见 juzhen account paused）\n不明来源的内容  2 条（见 juzhen post unknown）\n\
             待处理  结果不明 2\n进行中  无\n最久待发  75 秒\n最久不明  无\n磁盘剩余  1024 MiB\n\
             配置版本  r1（配置文件有误或待确认，见 juzhen plan）\n程序版本  0.1.0\n\n\
             适配器  版本   状态    说明\nmock    0.1.0  运行中\n\n\
             服务   状态      最近一轮\nclaim  正常      x\nsweep  尚未运行\n"
        );
    }
}
