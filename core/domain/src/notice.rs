//! What people are told without asking: one notice for each thing that waits for them, never one for each try (P20).

use jiff::Timestamp;

use crate::clock::Doubt;
use crate::delivery::Delivery;
use crate::item::Item;
use crate::matrix::Person;
use crate::reason::{self, WaitsFor};
use crate::state::DeliveryState;

/// A notice before the store has given it a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The same for the same thing, however often it is noticed: the second one is not kept. Also the notice's id outside.
    pub id: String,
    /// A machine word: `needs_person`, `unknown_post` …
    pub kind: &'static str,
    /// `delivery:…`, `account:…`
    pub subject: String,
    /// One sentence for the office.
    pub text: String,
}

/// What to tell of a delivery that the daemon has just moved. What goes on by itself is no news, and neither is what a person
/// did: they know.
pub fn of_delivery(delivery: &Delivery) -> Option<Draft> {
    use DeliveryState as S;
    let state = delivery.state;
    let reason = delivery.reason.as_deref();
    let wanted = match state {
        S::NeedsPerson | S::Missed | S::Refused | S::RemovedByPlatform => true,
        // That an account has to sign in is told of the account (`sign_in`).
        S::Held => WaitsFor::of(state, reason) == WaitsFor::Person,
        _ => false,
    };
    if !wanted {
        return None;
    }
    let why = reason.map(|reason| reason::explain(reason).chinese).unwrap_or_default();
    Some(Draft {
        // A new time or a new claim makes it another matter.
        id: format!(
            "delivery:{}:{state}:{}:{}",
            delivery.id,
            delivery.fence,
            delivery.latest_at.as_millisecond()
        ),
        kind: state.as_str(),
        subject: format!("delivery:{}", delivery.id),
        text: format!(
            "账号 {} 的发布任务（稿件 {}）{}：{why}",
            delivery.account,
            delivery.item,
            state.chinese()
        ),
    })
}

/// A task for the administrators of the accounts: nothing is deleted on a platform without a person.
pub fn of_retraction(item: &Item, deliveries: &[Delivery], reason: &str) -> Draft {
    let out = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Published);
    let places = out.map(|delivery| {
        let url = delivery.receipt.as_ref().and_then(|receipt| receipt.url.as_deref());
        url.map_or_else(|| delivery.account.to_string(), |url| format!("{} {url}", delivery.account))
    });
    let places = places.collect::<Vec<_>>().join("、");
    Draft {
        id: format!("item:{}:retracted", item.id),
        kind: "item_retracted",
        subject: format!("item:{}", item.id),
        text: format!("稿件 {} 已撤稿：{reason}。请账号管理员到平台删除已发布的内容：{places}", item.id),
    }
}

/// A secrecy review that its reviewer cannot decide.
pub fn of_referral(item: &Item, by: &Person, reason: &str) -> Draft {
    Draft {
        // Once for each text.
        id: format!("item:{}:referred_up:{}", item.id, item.version),
        kind: "item_referred_up",
        subject: format!("item:{}", item.id),
        text: format!("稿件 {} 的保密审查由{}（{}）提请上级认定：{reason}", item.id, by.name, by.id),
    }
}

/// An account that paused itself: one alert, however many deliveries wait for it (P20).
pub fn of_pause(account: &str, why: &str, at: Timestamp) -> Draft {
    let why = reason::explain(why).chinese;
    Draft {
        id: format!("account:{account}:paused:{}", at.as_millisecond()),
        kind: "account_paused",
        subject: format!("account:{account}"),
        text: format!("账号 {account} 已自动暂停发布：{why}。处理后用 juzhen account resume {account} 解除"),
    }
}

/// A clock that is not believed (P14). `id`: of this time.
pub fn of_clock(doubt: &Doubt, id: &str) -> Draft {
    let text = match doubt {
        Doubt::Jumped { by } => {
            let way = if by.is_negative() { "往回" } else { "往前" };
            let seconds = by.abs().as_secs();
            format!("服务器时间{way}跳了 {seconds} 秒，一切发送暂停约一分钟；请核对服务器时间和对时服务")
        }
        Doubt::Implausible { wall, .. } => {
            format!("服务器时间是 {wall:.0}，不可能正确，一切发送暂停，直到改正；请核对服务器时间和对时服务")
        }
    };
    Draft { id: format!("clock:{id}"), kind: "clock", subject: "clock:wall".into(), text }
}

/// A post that nobody made through this system (P27).
pub fn of_unknown_post(account: &str, id: &str, excerpt: &str) -> Draft {
    Draft {
        id: format!("account:{account}:unknown_post:{id}"),
        kind: "unknown_post",
        subject: format!("account:{account}"),
        text: format!(
            "账号 {account} 上出现了不是本系统发布的内容：“{excerpt}”。请立即核实是否有人手工发布，或账号被盗用"
        ),
    }
}

/// What a platform said of the account itself, such as that its verification runs out. `id`: of this news.
pub fn of_platform(account: &str, said: &str, id: &str) -> Draft {
    Draft {
        id: format!("account:{account}:platform:{id}"),
        kind: "platform_says",
        subject: format!("account:{account}"),
        text: format!("账号 {account}：{said}"),
    }
}

/// The beginning of a text, for a notice.
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 40;
    let mut short: String =
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST + 1).collect();
    if short.chars().count() > MOST {
        short.pop();
        short.push('…');
    }
    short
}

/// Whether two texts say the same, as a person would see it: platforms change spaces, punctuation and addresses (F40).
pub fn says_the_same(one: &str, other: &str) -> bool {
    let words = |text: &str| -> String {
        let kept = text.split_whitespace().filter(|word| !word.contains("://"));
        kept.flat_map(str::chars).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (words(one), words(other));
    !one.is_empty() && one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::tests::approved;

    fn told(state: DeliveryState, reason: &str) -> Option<Draft> {
        let (_, _, mut delivery) = approved();
        (delivery.state, delivery.reason) = (state, Some(reason.to_owned()));
        of_delivery(&delivery)
    }

    #[test]
    fn people_are_told_of_what_waits_for_them_and_of_nothing_else() {
        use DeliveryState as S;
        for (state, reason, wanted) in [
            (S::NeedsPerson, "not_seen: x", true),
            (S::Missed, "missed: x", true),
            (S::Refused, "platform_refused: x", true),
            (S::RemovedByPlatform, "platform_removed: x", true),
            (S::Held, "tried_too_often: 3", true),
            (S::Held, "already_on_account: p1", true),
            (S::Waiting, "auth_expired: x", false),
            (S::Held, "auth_expired: x", false),
            (S::Waiting, "quota: x", false),
            (S::Held, "stopped: x", false),
            (S::Held, "account_gone: x", false),
            // Told once, of the account.
            (S::Held, "account_paused: ended_badly: x", false),
            (S::Held, "insecure: UnknownIssuer", true),
            (S::InDoubt, "unclear: x", false),
            (S::Due, "busy: x", false),
            (S::Published, "", false),
        ] {
            assert_eq!(told(state, reason).is_some(), wanted, "{state} {reason}");
        }
    }

    #[test]
    fn p20_one_notice_for_a_delivery_and_its_state() {
        let first = told(DeliveryState::NeedsPerson, "not_seen: looked 5 times").unwrap();
        let again = told(DeliveryState::NeedsPerson, "unreadable: x").unwrap();
        assert_eq!(first.id, again.id);
        assert!(first.text.contains("请到账号上查看"), "{}", first.text);
    }

    #[test]
    fn p14_a_clock_is_told_in_words_for_the_office() {
        let by = jiff::SignedDuration::from_secs(-3600);
        assert!(of_clock(&Doubt::Jumped { by }, "1").text.contains("往回跳了 3600 秒"));
        let wall = Timestamp::UNIX_EPOCH;
        let (not_before, before) = (Timestamp::MAX, Timestamp::MAX);
        let dead = of_clock(&Doubt::Implausible { wall, not_before, before }, "2");
        assert!(dead.text.contains("1970-01-01T00:00:00Z"), "{}", dead.text);
    }

    #[test]
    fn p20_a_pause_is_told_in_words_for_the_office() {
        let at = Timestamp::from_second(7).unwrap();
        let told = of_pause("W015", "barred: 20031: 请输入验证码", at);
        assert_eq!((told.id.as_str(), told.kind), ("account:W015:paused:7000", "account_paused"));
        assert!(told.text.contains("验证码、风控、冻结"), "{}", told.text);
        assert_ne!(told.id, of_pause("W015", "barred: x", Timestamp::from_second(8).unwrap()).id);
    }

    #[test]
    fn f40_the_same_words_are_seen_through_what_platforms_change() {
        assert!(says_the_same(" 通知:今天  停水! https://a.gov.cn/x", "通知：今天停水！ http://t.cn/1"));
        assert!(!says_the_same("今天停水", "今天停电"));
        assert!(!says_the_same("！！", "？"), "nothing is said");
    }

    #[test]
    fn an_excerpt_is_short_and_one_line() {
        assert_eq!(excerpt(" a\n b "), "a b");
        assert_eq!(excerpt(&"字".repeat(60)), format!("{}…", "字".repeat(40)));
    }
}
