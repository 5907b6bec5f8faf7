//! The table: each fault, the requests that meet it, and where a delivery that meets it ends on each way to publish.

use juzhen_sandbox::{AsyncOutcome, Fault, KeyAnswer, LateAnswer, ListEnd, ScriptedRefusal};

use crate::ends::{ABSENT, Doubt, End, FOUND, HIDDEN, IN_REVIEW, UNLISTED, UNLISTED_ABSENT, Way};

/// Every kind that the sandbox's script knows.
pub(crate) const KINDS: &[&str] = &[
    "admin_confirms",
    "apply_late_ms",
    "async_then",
    "clock_skew_ms",
    "delay_ms",
    "gzip_bomb",
    "hang",
    "html_200",
    "idempotency_window_s",
    "list_disorder",
    "list_part",
    "normalise_text",
    "platform_error",
    "quota",
    "redirect_302",
    "remove_after_ms",
    "repeat_content",
    "reset_after_effect",
    "reset_before_effect",
    "reset_mid_body",
    "slow_drip",
    "status",
    "status_after_effect",
    "strange_fields",
    "truncate_json",
    "unknown_errcode_200",
    "visible_late_ms",
];

/// Which requests of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one that makes it public.
    Effect,
    /// One that nobody sees, before it: WeChat's draft.
    Prepare,
    /// The one that buys a token: WeChat's.
    Token,
    /// The account's list.
    List,
    /// What became of it: WeChat's.
    Track,
    /// All of them.
    Any,
}

pub(crate) type Script = Vec<(Place, Fault)>;

/// A row.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    scripts: [Script; 3],
    ends: [End; 3],
    /// Takes longer than the short form has.
    pub(crate) slow: bool,
}

impl Case {
    pub(crate) fn script(&self, way: Way) -> &Script {
        &self.scripts[way as usize]
    }

    pub(crate) fn end(&self, way: Way) -> End {
        self.ends[way as usize]
    }

    /// The account has said the same before, by hand.
    pub(crate) fn is_repeated(&self) -> bool {
        self.scripts[0].iter().any(|(_, fault)| matches!(fault, Fault::RepeatContent {}))
    }
}

/// Whether the fault changes anything on this way; where it does not, all goes well.
pub(crate) fn is_meant_for(fault: &Fault, way: Way) -> bool {
    match fault {
        Fault::NormaliseText { .. } | Fault::RepeatContent {} => way == Way::Weibo,
        // Neither platform looks at the header; mass sends have a key of their own.
        Fault::IdempotencyWindowS { .. } => false,
        Fault::Status(_)
        | Fault::StatusAfterEffect(_)
        | Fault::PlatformError { .. }
        | Fault::Hang { .. }
        | Fault::DelayMs { .. }
        | Fault::ResetAfterEffect {}
        | Fault::ResetBeforeEffect {}
        | Fault::ResetMidBody {}
        | Fault::TruncateJson {}
        | Fault::Html200 { .. }
        | Fault::UnknownErrcode200 { .. }
        | Fault::SlowDrip { .. }
        | Fault::ApplyLateMs { .. }
        | Fault::GzipBomb { .. }
        | Fault::Redirect302 { .. }
        | Fault::VisibleLateMs { .. }
        | Fault::AsyncThen { .. }
        | Fault::AdminConfirms { .. }
        | Fault::Quota { .. }
        | Fault::RemoveAfterMs { .. }
        | Fault::ClockSkewMs { .. }
        | Fault::ListPart { .. }
        | Fault::StrangeFields {}
        | Fault::ListDisorder {} => true,
    }
}

const WELL: [End; 3] = [End::Published, End::Published, End::Accepted];
const OUT: [End; 3] = [FOUND, FOUND, UNLISTED];
const NOT_OUT: [End; 3] = [ABSENT, ABSENT, UNLISTED_ABSENT];
const UNSEEN: [End; 3] = [HIDDEN, HIDDEN, UNLISTED];

pub(crate) fn cases() -> Vec<Case> {
    let mut all = answers();
    all.extend(codes());
    all.extend(publications());
    all.extend(lists());
    all.extend(preparing());
    all
}

/// How the answer to the one request travels (F50 to F55, F69).
fn answers() -> Vec<Case> {
    use Fault::*;
    let refusal = ScriptedRefusal::of;
    let elsewhere = "http://127.0.0.1:9/".to_owned();
    vec![
        case("plain", &[], WELL),
        effect("gateway", Status(refusal(502)), NOT_OUT),
        effect("gateway-after", StatusAfterEffect(refusal(502)), OUT),
        effect("broken", Status(refusal(500)), NOT_OUT),
        effect("hang", Hang { applied: true }, OUT),
        effect("hang-before", Hang { applied: false }, NOT_OUT),
        effect("delay", DelayMs { ms: 1_500 }, WELL),
        effect("reset-after", ResetAfterEffect {}, OUT),
        effect("reset-before", ResetBeforeEffect {}, NOT_OUT),
        effect("reset-mid", ResetMidBody {}, OUT),
        effect("truncated", TruncateJson {}, OUT),
        effect("portal", Html200 { applied: false }, NOT_OUT),
        effect("portal-after", Html200 { applied: true }, OUT),
        effect("errcode", UnknownErrcode200 { applied: false, errcode: 79_901 }, NOT_OUT),
        effect("errcode-after", UnknownErrcode200 { applied: true, errcode: 79_901 }, OUT),
        effect("drip", SlowDrip { interval_ms: 2_000 }, OUT),
        effect("late", ApplyLateMs { ms: 1_500, answer: LateAnswer::GatewayTimeout }, OUT),
        effect("late-hang", ApplyLateMs { ms: 1_500, answer: LateAnswer::Hang }, OUT),
        effect("bomb", GzipBomb { mib: 16 }, OUT),
        effect("redirect", Redirect302 { location: elsewhere }, NOT_OUT),
    ]
}

/// One code of each class that the platforms have: what each says about the one request (F56 to F61, F70).
fn codes() -> Vec<Case> {
    use End::{Again, Held, Refused, Waiting};
    let said = |name, codes, ends| coded(name, codes, false, None, ends);
    let absent = |says| [ABSENT, ABSENT, UNLISTED_ABSENT].map(|end| end.saying(says));
    vec![
        // Weibo lets it in again at the next look; WeChat sells another one.
        said("token", [21327, 42001, 40001], WELL),
        said(
            "content",
            [20021, 53503, 45166],
            [Refused("内容违规"), Refused("发布检查"), Refused("平台不允许")],
        ),
        said("allowance", [10023, 45009, 45028], [Waiting("10023"), Waiting("45009"), Waiting("45028")]),
        said("barred", [20031, 53500, 48003], [Held("验证码"), Held("封禁"), Held("群发协议")]),
        said("by-hand", [20044, 53504, 45062], [Held("网页"), Refused("网页"), Refused("网页")]),
        said("address", [10004, 40164, 40164], [Held("地址"), Held("白名单"), Held("白名单")]),
        said("again", [20014, 45011, 45011], [End::Published, Again("45011"), Again("45011")]),
        said("busy", [10009, -1, -1], absent("繁忙")),
        said("unheard-of", [29_999, 94_321, 94_321], absent("未知")),
        said("same", [20019, 45065, 45065], absent("")),
        said("too-soon", [20017, 45066, 45066], absent("")),
        coded("pending", [20032, 61450, 45066], true, None, OUT),
        coded("late-code", [20053, -1, -1], false, Some(1_500), OUT),
    ]
}

/// What becomes of what was accepted (F57, F62 to F64, F67).
fn publications() -> Vec<Case> {
    use Fault::*;
    let reset = || (Place::Effect, ResetAfterEffect {});
    let then = |outcome| AsyncThen { polls: 0, outcome, code: None, message: None };
    let admin = |outcome| AdminConfirms { ms: 1_000, outcome };
    let (yes, no) = (AsyncOutcome::Published, AsyncOutcome::Refused);
    let in_review = [FOUND.saying(IN_REVIEW), End::Published, End::Accepted];
    let rejected = [ABSENT.saying(IN_REVIEW), End::Refused("平台审核没有通过"), End::Declined];
    let quota = [End::Waiting("20016"), End::Again("53501"), End::Waiting("45028")];
    let normalise = || NormaliseText { short_links: true, emoji: true };
    // The account's own earlier post is the same, word for word: a look may take it for ours, which nobody can tell.
    let either = Doubt { says: "发过相同内容", out: 0, seen: &["found", "not_seen", "part_seen"] };
    vec![
        effect("review", then(yes), in_review),
        effect("review-no", then(no), rejected),
        effect("admin", admin(yes), in_review),
        effect("admin-no", admin(no), rejected),
        effect("key", IdempotencyWindowS { seconds: 3_600, answer: KeyAnswer::Again }, WELL),
        effect("quota", Quota { posts: 0, window_s: 3_600 }, quota),
        effect("removed", RemoveAfterMs { ms: 500 }, [End::Published, End::Removed, End::Accepted]),
        effect("repeated", RepeatContent {}, [End::Doubt(either), End::Published, End::Accepted]),
        effect("visible-late", VisibleLateMs { ms: 2_000 }, WELL),
        case("visible-late-lost", &[reset(), (Place::Effect, VisibleLateMs { ms: 2_000 })], OUT),
        effect("normalised", normalise(), WELL),
        case("normalised-lost", &[reset(), (Place::Effect, normalise())], OUT),
        case("skewed", &[(Place::Any, ClockSkewMs { ms: 600_000 })], WELL),
        case("skewed-lost", &[reset(), (Place::Any, ClockSkewMs { ms: 600_000 })], UNSEEN),
    ]
}

/// What a look at the account meets (F65, F66, F68), after an answer that was lost.
fn lists() -> Vec<Case> {
    use Fault::*;
    let reset = || (Place::Effect, ResetAfterEffect {});
    let part = ListPart { most: 0, which: ListEnd::Newest, says_so: false };
    let odd = || (Place::Any, StrangeFields {});
    let mut refused = coded(
        "strange-refused",
        [20021, 53503, 45166],
        false,
        None,
        [End::Refused("内容违规"), End::Refused("发布检查"), End::Refused("平台不允许")],
    );
    refused.scripts.iter_mut().for_each(|script| script.push(odd()));
    vec![
        case("part", &[reset(), (Place::List, part)], UNSEEN),
        case("disorder", &[reset(), (Place::List, ListDisorder {})], OUT),
        case("list-portal", &[reset(), (Place::List, Html200 { applied: false })], OUT),
        case("strange", &[odd()], WELL),
        case("strange-lost", &[odd(), reset()], OUT),
        refused,
    ]
}

/// What may be done twice, and is.
fn preparing() -> Vec<Case> {
    use Fault::*;
    let busy = || said(-1, false, None);
    let slow = |case: Case| Case { slow: true, ..case };
    vec![
        case("draft-busy", &[(Place::Prepare, busy())], WELL),
        case("draft-lost", &[(Place::Prepare, ResetAfterEffect {})], WELL),
        case("draft-portal", &[(Place::Prepare, Html200 { applied: true })], WELL),
        slow(case("draft-hang", &[(Place::Prepare, Hang { applied: true })], WELL)),
        case("token-busy", &[(Place::Token, busy())], WELL),
        case("token-lost", &[(Place::Token, ResetAfterEffect {})], WELL),
        slow(case("track-lost", &[(Place::Track, ResetBeforeEffect {})], WELL)),
    ]
}

fn case(name: &'static str, script: &[(Place, Fault)], ends: [End; 3]) -> Case {
    Case { name, scripts: std::array::from_fn(|_| script.to_vec()), ends, slow: false }
}

fn effect(name: &'static str, fault: Fault, ends: [End; 3]) -> Case {
    case(name, &[(Place::Effect, fault)], ends)
}

/// Another code on each way.
fn coded(name: &'static str, codes: [i64; 3], applied: bool, late_ms: Option<u64>, ends: [End; 3]) -> Case {
    let scripts = codes.map(|code| vec![(Place::Effect, said(code, applied, late_ms))]);
    Case { name, scripts, ends, slow: false }
}

fn said(code: i64, applied: bool, late_ms: Option<u64>) -> Fault {
    Fault::PlatformError { code, message: None, applied, late_ms }
}
