//! What became of a job that the platform took: its own words, by answer and by event, as one outcome.

use juzhen_sdk::prelude::*;

/// Of `publish_status`; `None` for one that no page names.
pub(crate) fn published(status: i64, article: Option<&str>, url: Option<&str>) -> Option<Tracked> {
    let refused = |why: &str| Some(Tracked::Refused { reason: why.to_owned() });
    match status {
        0 => {
            let id = article.filter(|id| !id.is_empty())?.to_owned();
            Some(Tracked::Published { id, url: url.map(str::to_owned), at_unix_ms: None })
        }
        1 => Some(Tracked::Pending { after_ms: None }),
        2 => refused("原创校验没有通过"),
        3 => refused("平台发布失败，没有说明原因，请在公众平台查看"),
        4 => refused("平台审核没有通过"),
        5 => refused("发布成功后，文章已被删除"),
        6 => refused("发布成功后，文章被平台封禁"),
        _ => None,
    }
}

/// Of `msg_status`.
pub(crate) fn sent(status: &str, job: u64) -> Option<Tracked> {
    let refused = |why: &str| Some(Tracked::Refused { reason: why.to_owned() });
    match status.trim() {
        "SEND_SUCCESS" => Some(Tracked::Published { id: job.to_string(), url: None, at_unix_ms: None }),
        "SENDING" => Some(Tracked::Pending { after_ms: None }),
        "SEND_FAIL" => refused("群发失败，请在公众平台查看"),
        "DELETE" => refused("群发后已被删除"),
        _ => None,
    }
}

/// Of `Status` of an event.
pub(crate) fn finished(status: &str, job: u64, url: Option<&str>) -> Option<Tracked> {
    let status = status.trim();
    if status == "send success" {
        return Some(Tracked::Published {
            id: job.to_string(),
            url: url.map(str::to_owned),
            at_unix_ms: None,
        });
    }
    if status == "send fail" {
        return Some(Tracked::Refused { reason: "群发失败，请在公众平台查看".to_owned() });
    }
    let code: u32 = status.strip_prefix("err(")?.strip_suffix(')')?.parse().ok()?;
    Some(Tracked::Refused { reason: format!("群发被拦下：{}（{status}）", refusal(code)) })
}

/// The administrator said no, or nothing.
pub(crate) fn is_of_the_administrator(status: &str) -> bool {
    matches!(status.trim(), "err(40001)" | "err(40002)")
}

fn refusal(code: u32) -> &'static str {
    match code {
        10001 => "涉嫌广告",
        20001 => "涉嫌政治",
        20002 => "涉嫌色情",
        20004 => "涉嫌社会",
        20006 => "涉嫌违法犯罪",
        20008 => "涉嫌欺诈",
        20013 => "涉嫌版权",
        21000 => "涉嫌其他违规",
        22000 => "涉嫌互推",
        30001 => "原创校验出错",
        30002 => "原创校验判定不能群发",
        30003 => "原创校验判定为转载",
        40001 => "管理员拒绝了群发",
        40002 => "管理员 30 分钟内没有确认",
        _ => "平台没有说明原因",
    }
}

/// How many looks are due after so long: a hundred a day is all that an account may have, for all of its posts.
pub(crate) fn looks_due(mode: crate::account::Mode, waited_ms: i64) -> u32 {
    use crate::account::Mode;
    const PUBLISHING: &[i64] = &[10, 30, 60, 120, 300, 600, 1200, 2400];
    const SENDING: &[i64] = &[60, 300, 900, 2400];
    let (steps, then) = match mode {
        Mode::Freepublish => (PUBLISHING, 7200),
        Mode::Mass => (SENDING, 3600),
    };
    let waited = waited_ms / 1000;
    let early = steps.iter().filter(|step| **step <= waited).count();
    let later = (waited - 2400).max(0) / then;
    u32::try_from(early).unwrap_or(0).saturating_add(u32::try_from(later).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Mode;

    #[test]
    fn f63_every_status_of_a_publication_has_its_outcome() {
        let url = "http://mp.weixin.qq.com/s/1";
        let out = Tracked::Published { id: "A".into(), url: Some(url.into()), at_unix_ms: None };
        assert_eq!(published(0, Some("A"), Some(url)), Some(out));
        assert_eq!(published(0, None, None), None, "a success without an article is none");
        assert_eq!(published(1, None, None), Some(Tracked::Pending { after_ms: None }));
        for status in 2..=6 {
            assert!(matches!(published(status, Some("A"), None), Some(Tracked::Refused { .. })), "{status}");
        }
        assert_eq!((published(7, Some("A"), None), published(-1, None, None)), (None, None));
    }

    #[test]
    fn f64_every_status_of_a_mass_send_has_its_outcome() {
        assert!(matches!(sent("SEND_SUCCESS", 5), Some(Tracked::Published { id, .. }) if id == "5"));
        assert!(matches!(sent("SENDING", 5), Some(Tracked::Pending { .. })));
        assert!(matches!(sent("DELETE", 5), Some(Tracked::Refused { .. })) && sent("?", 5).is_none());
        assert!(matches!(finished("send success", 5, None), Some(Tracked::Published { .. })));
        for code in [10001, 20001, 20013, 22000, 30001, 30003, 40001, 40002, 59999] {
            let Some(Tracked::Refused { reason }) = finished(&format!("err({code})"), 5, None) else {
                panic!()
            };
            assert!(reason.contains(&code.to_string()), "{reason}");
        }
        assert!(finished("err(x)", 5, None).is_none() && finished("", 5, None).is_none());
        assert!(is_of_the_administrator("err(40002)") && !is_of_the_administrator("err(30003)"));
    }

    #[test]
    fn a_day_of_waiting_costs_few_looks() {
        let due = |mode, seconds: i64| looks_due(mode, seconds * 1000);
        assert_eq!([0, 9, 10, 60, 2400].map(|s| due(Mode::Freepublish, s)), [0, 0, 1, 3, 8]);
        assert_eq!([0, 59, 60, 300, 3600, 86_400].map(|s| due(Mode::Mass, s)), [0, 0, 1, 2, 4, 27]);
        assert!(due(Mode::Freepublish, 86_400) < 20);
    }
}
