//! What is open to a person on a delivery, each with what it means in one sentence and how it is done. Whether it is open is
//! asked of the functions that would decide it.

use jiff::Timestamp;
use juzhen_domain::act::{self, ActRefusal, Move, Resolution};
use juzhen_domain::delivery::Delivery;
use juzhen_domain::matrix::Person;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Something the caller can do now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionView {
    /// `resolve_published`, `resolve_not_published`, `retry`, `look`, `hold`, `release`, `cancel` or `reschedule`.
    #[schema(example = "resolve_published")]
    action: &'static str,
    /// The words on the button.
    #[schema(example = "确认已发布")]
    name_zh: &'static str,
    /// What it means and what it will do.
    means_zh: &'static str,
    /// Refused without a reason, which is kept in the audit.
    reason_required: bool,
    #[schema(example = "POST")]
    method: &'static str,
    #[schema(example = "/api/v1/deliveries/d1/resolve")]
    path: String,
    /// The body to send; what stands in `<…>` is for the person to fill in.
    #[schema(value_type = Object)]
    body: Value,
    /// The same from a shell.
    #[schema(example = "juzhen delivery resolve d1 --published <URL>")]
    command: String,
}

/// All that is open to `caller`, what closes the matter first.
pub(super) fn open_to(caller: &Person, delivery: &Delivery, now: Timestamp) -> Vec<ActionView> {
    let open = ACTIONS.iter().filter(|action| (action.decide)(delivery, caller, now).is_ok());
    open.map(|action| action.view(delivery)).collect()
}

struct Action {
    name: &'static str,
    chinese: &'static str,
    means: &'static str,
    reason_required: bool,
    /// Last part of the path.
    path: &'static str,
    body: fn() -> Value,
    /// After `juzhen delivery`, with `ID` for the delivery's.
    command: &'static str,
    decide: fn(&Delivery, &Person, Timestamp) -> Result<Move, ActRefusal>,
}

impl Action {
    fn view(&self, delivery: &Delivery) -> ActionView {
        ActionView {
            action: self.name,
            name_zh: self.chinese,
            means_zh: self.means,
            reason_required: self.reason_required,
            method: "POST",
            path: format!("/api/v1/deliveries/{}/{}", delivery.id, self.path),
            body: (self.body)(),
            command: format!("juzhen delivery {}", self.command.replace("ID", delivery.id.as_str())),
        }
    }
}

const ACTIONS: &[Action] = &[
    Action {
        name: "resolve_published",
        chinese: "确认已发布",
        means: "您已在账号上看到这条内容：任务记为已发布，不会再次发送，后续转发照常进行。",
        reason_required: false,
        path: "resolve",
        body: || json!({ "found": "published", "url": "<链接>" }),
        command: "resolve ID --published <URL>",
        decide: |delivery, by, now| {
            let url = Some("https://example.invalid/".to_owned());
            act::resolve(delivery, by, &Resolution::Published { url, platform_id: None }, now)
        },
    },
    Action {
        name: "resolve_not_published",
        chinese: "确认未发布，不再发送",
        means: "您已查看账号，没有这条内容，也不再发送：系统会先自动核对一次，若看到该内容则不予受理；任务随后撤销。",
        reason_required: false,
        path: "resolve",
        body: || json!({ "found": "not_published" }),
        command: "resolve ID --not-published",
        decide: |delivery, by, now| act::resolve(delivery, by, &Resolution::NotPublished, now),
    },
    Action {
        name: "retry",
        chinese: "确认未发布，重新发送",
        means: "您已查看账号，没有这条内容，决定立即重新发送：系统会先自动核对一次，若看到该内容则不予受理；若原来那次其实已发出，账号上会出现两条，由确认人负责。",
        reason_required: true,
        path: "resolve",
        body: || json!({ "found": "retry", "reason": "<理由>" }),
        command: "resolve ID --retry --reason <理由>",
        decide: |delivery, by, now| {
            let reason = "?".to_owned();
            act::resolve(delivery, by, &Resolution::Retry { latest_at: now, reason }, now)
        },
    },
    Action {
        name: "look",
        chinese: "立即核对",
        means: "系统马上到账号上查找一次这条内容并告诉您结果，不改变任务，也不发送任何内容。",
        reason_required: false,
        path: "look",
        body: || json!({}),
        command: "look ID",
        decide: |delivery, by, now| {
            let url = Some("https://example.invalid/".to_owned());
            act::resolve(delivery, by, &Resolution::Published { url, platform_id: None }, now)
        },
    },
    Action {
        name: "release",
        chinese: "解除暂缓",
        means: "任务回到待发，到时间即发送；已过发布时间但未过最迟时间的，立即发送。",
        reason_required: false,
        path: "release",
        body: || json!({}),
        command: "release ID",
        decide: act::release,
    },
    Action {
        name: "reschedule",
        chinese: "重新安排时间",
        means: "换一个发布时间，到时间即发送原来审核通过的内容；尝试次数重新计算。",
        reason_required: false,
        path: "reschedule",
        body: || json!({ "due_at": "<时间>" }),
        command: "reschedule ID --at <TIME>",
        decide: |delivery, by, now| act::reschedule(delivery, by, now, now, now),
    },
    Action {
        name: "hold",
        chinese: "暂缓",
        means: "任务先不发送，直到有人解除；超过最迟时间仍未解除的，转为过期未发。",
        reason_required: true,
        path: "hold",
        body: || json!({ "reason": "<理由>" }),
        command: "hold ID --reason <理由>",
        decide: |delivery, by, _| act::hold(delivery, by, "?"),
    },
    Action {
        name: "cancel",
        chinese: "撤销任务",
        means: "这个账号不再发送这条稿件，其他账号不受影响；撤销后不能恢复。",
        reason_required: true,
        path: "cancel",
        body: || json!({ "reason": "<理由>" }),
        command: "cancel ID --reason <理由>",
        decide: |delivery, by, _| act::cancel(delivery, by, "?"),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_says_in_one_sentence_what_it_will_do() {
        let names: BTreeSet<&str> = ACTIONS.iter().map(|action| action.name).collect();
        assert_eq!(names.len(), ACTIONS.len());
        for Action { name, chinese, means, reason_required, body, command, .. } in ACTIONS {
            assert!(
                !chinese.is_ascii() && means.ends_with('。') && means.matches('。').count() == 1,
                "{name}"
            );
            assert_eq!(body().get("reason").is_some(), *reason_required, "{name}");
            assert_eq!(command.contains("--reason"), *reason_required, "{name}");
        }
    }
}
