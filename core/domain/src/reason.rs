//! Why a delivery is where it is, in the words of the people who have to act on it. A reason is written as machine words
//! and then free text: `unclear: timed_out: the call's deadline has passed`. The words decide and are translated here, the
//! text is kept as it was said.

use crate::state::DeliveryState;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident; $($variant:ident $word:literal $chinese:literal)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $chinese] $variant),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the database and the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What stands on the screen.
            pub fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese),+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// A machine word of a reason: stands before a colon.
    Why;
    // Held, and by what.
    Stopped "stopped" "已全部停发（STOP ALL），两人解除后自动继续"
    AccountGone "account_gone" "配置中已没有该账号，恢复该账号后自动继续"
    AccountNotActive "account_not_active" "该账号在配置中不是启用状态，启用后自动继续"
    AccountPaused "account_paused" "该账号已暂停发布，工作人员解除后自动继续"
    AccountChanged "account_changed" "该账号已改到另一个平台，原来审核的文本不能直接发送"
    NotApproved "not_approved" "审核手续不全，或内容与审核通过的不一致"
    TriedTooOften "tried_too_often" "已达到这条任务的尝试次数上限，不再自动重试"
    EndsTheDaemon "ends_the_daemon" "程序几次都在处理这条任务时异常停止，已单独搁置，不再自动尝试；请系统管理员检查"
    AlreadyOnAccount "already_on_account" "账号上已有人工发布的相同内容，请核对后决定是否还要发送"
    Operator "operator" "工作人员决定"
    Misconfigured "misconfigured" "账号或适配器的配置有误，请系统管理员检查"
    Insecure "insecure" "平台的安全证书无法验证，连接可能被人截取，已停止发送；请系统管理员检查网络、证书和系统时间"
    Restored "restored" "数据库是从备份恢复的，为避免重复发送已全部停发；核对后由两人解除"
    LostClaim "lost_claim" "这次发送已不再持有该任务，什么都没有发出"
    // Why an account is paused.
    EndedBadly "ended_badly" "连续多条发布任务没有正常结束，平台或适配器可能已经变化，请到平台核实"
    Barred "barred" "平台不允许该账号发布（验证码、风控、冻结等），请账号管理员到平台处理"
    // Too late.
    Missed "missed" "超过最迟时间仍未发送，不会自动补发"
    // What the platform said.
    Busy "busy" "平台暂时不能处理，稍后自动重试"
    AuthExpired "auth_expired" "账号授权已失效，请账号管理员重新授权，之后自动继续"
    Quota "quota" "平台额度已用完，额度恢复后自动继续"
    PlatformRefused "platform_refused" "平台明确拒绝，没有发出"
    PlatformRemoved "platform_removed" "平台事后删除了这条内容，不会自动重发；请到平台查明原因"
    Interrupted "interrupted" "发送中断，将从中断处继续"
    Unclear "unclear" "没有得到明确答复，可能已经发出，正在账号上核对"
    // What went wrong on our side of the wire.
    TimedOut "timed_out" "在规定时间内没有完成"
    AdapterCrashed "adapter_crashed" "适配器进程异常退出"
    AdapterPanicked "adapter_panicked" "适配器内部出错"
    BadAnswer "bad_answer" "适配器的答复不符合约定"
    Overloaded "overloaded" "适配器同时处理的请求过多"
    NotInstalled "not_installed" "没有安装所需的适配器"
    Quarantined "quarantined" "适配器多次异常退出，暂停使用一段时间"
    NotNow "not_now" "系统暂时不能发送"
    ReplayMismatch "replay_mismatch" "重新执行时的请求与上次不同，为避免重复发送已停下"
    SuccessUnseen "success_unseen" "适配器报告成功，但平台没有接受任何请求"
    // The daemon ended, or broke.
    DaemonBroke "daemon_broke" "发送过程中程序出错，可能已经发出，正在账号上核对"
    EndedBefore "ended_before" "程序在发出之前停止，什么都没有发出，自动继续"
    EndedBetween "ended_between" "程序在两次请求之间停止，将从中断处继续"
    EndedDuring "ended_during" "程序在请求途中停止，可能已经发出，正在账号上核对"
    EarlierBegan "earlier_began" "更早的一次尝试已经发出过请求，可能已经发出"
    NeverAnswered "never_answered" "有一个请求没有得到答复，可能已经发出"
    Forgotten "forgotten" "数据库是从备份恢复的，此前可能已经发出，正在账号上核对"
    // What a look at the account came to.
    NotSeenYet "not_seen_yet" "账号上暂未看到，继续核对"
    UnreadableYet "unreadable_yet" "暂时读不到该账号，继续核对"
    OthersPost "others_post" "账号上看到的那一条属于另一条相同内容的任务，继续核对"
    NotSeen "not_seen" "核对时限内没有在账号上看到，但这不能证明没有发出，请到账号上查看"
    Unreadable "unreadable" "核对时限内一直读不到该账号，请到账号上查看"
    PartSeen "part_seen" "账号的内容列表只读到一部分，没有看到不能说明没有发出"
    SeveralMatch "several_match" "账号上有多条内容相同，请辨认哪一条是这条任务发出的"
    CannotLook "cannot_look" "该平台不能自动核对，请到账号上查看"
    NotOffered "not_offered" "平台不能列出账号上的内容，无法查看"
    Undecided "undecided" "平台一小时内没有给出处理结果，请到平台查看"
    // What a person said.
    Withdrawn "withdrawn" "稿件已撤回"
    SeenAbsent "seen_absent" "已有人查看账号，确认没有发出，不再发送"
    SentAgain "sent_again" "已有人查看账号，确认没有发出，并决定重新发送"
}

words! {
    /// How an attempt ended, as it is kept with the attempt.
    Ended;
    Published "published" "已发布"
    Accepted "accepted" "平台已受理"
    Refused "refused" "平台拒绝"
    Barred "barred" "平台不允许该账号发布"
    Insecure "insecure" "证书无法验证"
    Busy "busy" "平台繁忙"
    Interrupted "interrupted" "中断"
    AuthExpired "auth_expired" "授权失效"
    Quota "quota" "额度用完"
    Stopped "stopped" "未发送"
    Unsure "unsure" "结果不明"
    Held "held" "暂缓"
    Panicked "panicked" "程序出错"
    Looked "looked" "已核对账号"
    Tracked "tracked" "已查询平台"
}

impl Ended {
    /// The Chinese of a kept word; one that this version does not know is shown as it is.
    pub fn explain(word: &str) -> String {
        Self::parse(word).map_or_else(|| word.to_owned(), |ended| ended.chinese().to_owned())
    }
}

impl Why {
    /// The reason with what was said: `not_seen: looked 5 times`.
    pub fn because(self, said: impl std::fmt::Display) -> String {
        format!("{}: {said}", self.as_str())
    }
}

/// Whose move it is with a delivery that is not on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    Person,
    /// The daemon looks for it on the account.
    Daemon,
    /// It goes on by itself once its cause is gone: a sign-in, a quota, STOP ALL, the settings.
    Cause,
}

impl WaitsFor {
    pub fn of(state: DeliveryState, reason: Option<&str>) -> Self {
        let first = reason.and_then(|reason| next_word(reason.trim())).map(|(why, _)| why);
        match state {
            DeliveryState::InDoubt => Self::Daemon,
            DeliveryState::Waiting => Self::Cause,
            DeliveryState::Held if first.is_some_and(Why::goes_by_itself) => Self::Cause,
            _ => Self::Person,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Daemon => "daemon",
            Self::Cause => "cause",
        }
    }

    pub fn chinese(self) -> &'static str {
        match self {
            Self::Person => "等人处理",
            Self::Daemon => "系统正在核对",
            Self::Cause => "原因消除后自动继续",
        }
    }
}

/// A reason, taken apart for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The machine words, the first one deciding.
    pub words: Vec<Why>,
    /// What they mean; what was said, when there is no word that is known.
    pub chinese: String,
    /// What was said beside them: the platform's own text, a person's, or a technical one.
    pub said: Option<String>,
}

/// Reads a reason: the known words at its beginning, then text.
pub fn explain(reason: &str) -> Explained {
    let mut words = Vec::new();
    let mut rest = reason.trim();
    while let Some((word, after)) = next_word(rest) {
        words.push(word);
        rest = after;
    }
    let said = Some(rest.to_owned()).filter(|text| !text.is_empty());
    let meanings: Vec<&str> = words.iter().map(|word| word.chinese()).collect();
    let chinese = match (meanings.is_empty(), &said) {
        (false, Some(said)) if words.last().is_some_and(|word| word.is_followed_by_a_persons_text()) => {
            format!("{}：{said}", meanings.join("；"))
        }
        (false, _) => meanings.join("；"),
        (true, said) => said.clone().unwrap_or_default(),
    };
    Explained { words, chinese, said }
}

impl Why {
    /// `engine::sweep` releases what is held for it as soon as it is no longer so.
    fn goes_by_itself(self) -> bool {
        matches!(
            self,
            Self::Stopped
                | Self::AccountGone
                | Self::AccountNotActive
                | Self::AccountPaused
                | Self::AuthExpired
        )
    }

    /// What follows was typed by somebody of the staff, so it belongs into the sentence.
    fn is_followed_by_a_persons_text(self) -> bool {
        matches!(self, Self::Operator | Self::Withdrawn)
    }
}

fn next_word(text: &str) -> Option<(Why, &str)> {
    let (word, after) = text.split_once(':').unwrap_or((text, ""));
    Some((Why::parse(word)?, after.trim_start()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_plain_different_and_read_back() {
        let mut chinese = BTreeSet::new();
        for why in Why::ALL {
            assert_eq!(Why::parse(why.as_str()), Some(*why));
            assert!(why.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{why:?}");
            assert!(chinese.insert(why.chinese()) && !why.chinese().is_ascii(), "{why:?}");
        }
        assert_eq!((Ended::explain("unsure"), Ended::explain("odd")), ("结果不明".into(), "odd".into()));
    }

    #[test]
    fn a_reason_is_read_word_by_word() {
        let explained = explain("unclear: timed_out: the call's deadline has passed");
        assert_eq!(explained.words, [Why::Unclear, Why::TimedOut]);
        assert_eq!(explained.chinese, format!("{}；{}", Why::Unclear.chinese(), Why::TimedOut.chinese()));
        assert_eq!(explained.said.as_deref(), Some("the call's deadline has passed"));
        let of_a_person = explain(&Why::Operator.because("等通知: 周五"));
        assert_eq!(of_a_person.chinese, "工作人员决定：等通知: 周五");
        assert_eq!(explain("stopped").words, [Why::Stopped]);
    }

    #[test]
    fn a_held_delivery_waits_for_a_person_unless_its_cause_can_go() {
        let held = |reason| WaitsFor::of(DeliveryState::Held, Some(reason));
        assert_eq!(held("stopped: STOP ALL is on"), WaitsFor::Cause);
        assert_eq!(held("account_paused: operator: 等通知"), WaitsFor::Cause);
        assert_eq!(held("auth_expired: 21327"), WaitsFor::Cause);
        assert_eq!(held("operator: 等通知"), WaitsFor::Person);
        assert_eq!(held("？"), WaitsFor::Person);
        assert_eq!(WaitsFor::of(DeliveryState::InDoubt, None), WaitsFor::Daemon);
        assert_eq!(WaitsFor::of(DeliveryState::Missed, Some("missed: x")), WaitsFor::Person);
    }

    /// A platform may use our words by chance: only those at the beginning are ours.
    #[test]
    fn what_a_platform_says_stays_what_it_said() {
        let explained = explain("platform_refused: 20017: 提示 stopped: x");
        assert_eq!(explained.words, [Why::PlatformRefused]);
        assert_eq!(explained.said.as_deref(), Some("20017: 提示 stopped: x"));
        let unknown = explain("内容含违禁词");
        assert_eq!((unknown.words.len(), unknown.chinese.as_str()), (0, "内容含违禁词"));
    }
}
