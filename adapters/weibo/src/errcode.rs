//! What each code of Weibo means for us: one table, by which every answer that is not a success is judged.

use juzhen_sdk::prelude::*;

use crate::wire::{Leaves, Refused, TOKEN};

/// What follows from a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The text or the picture has to be changed.
    Content,
    /// What is asked for is not there, or not for us.
    Gone,
    /// The request itself is not as Weibo wants it: an app's set-up, or a mistake here.
    Config,
    /// The app or the account may not do this at all, until somebody at Weibo or its web site changes that.
    Permission,
    /// A person has to look after the account on Weibo's own site: captcha, freeze, real name.
    Human,
    /// Used up until the next full hour.
    Quota,
    /// The token is no longer good.
    Auth,
    /// The same was said before: perhaps by an earlier attempt of ours, whose answer was lost.
    Duplicate,
    /// It is out, or in review; no id comes with it (20032, 20053).
    Pending,
    /// The server broke down before, while or after it did it.
    Unclear,
    /// Documented: nothing happened, ask once more.
    Again,
}

/// Weibo's code, or the first and last of a range; its class; what people read.
type Row = (i64, i64, Class, &'static str);

/// <https://open.weibo.com/wiki/Error_code>, in its order.
const TABLE: &[Row] = {
    use Class::*;
    &[
        (10001, 10001, Unclear, "微博系统错误"),
        (10002, 10002, Unclear, "微博服务暂停"),
        (10003, 10003, Unclear, "微博远程服务错误"),
        (10004, 10004, Permission, "本机的公网地址被微博限制，须联系微博开放平台"),
        (10005, 10005, Permission, "应用级别不够，须向微博申请更高权限"),
        (10006, 10006, Config, "请求没有带上应用或令牌"),
        (10007, 10007, Config, "微博不接受请求的格式"),
        (10008, 10008, Config, "请求参数有误"),
        (10009, 10009, Unclear, "微博任务过多，系统繁忙"),
        (10010, 10010, Unclear, "微博任务超时"),
        (10011, 10011, Unclear, "微博内部调用出错"),
        (10012, 10012, Config, "微博认为请求不合法"),
        (10013, 10013, Human, "不是有效的微博用户，须到微博网页上查看账号状态"),
        (10014, 10014, Permission, "应用没有此接口的权限，须向微博申请"),
        (10016, 10016, Config, "请求缺少参数"),
        (10017, 10017, Content, "参数值不合要求"),
        (10018, 10018, Content, "内容超过微博的长度限制"),
        (10020, 10020, Config, "微博没有此接口"),
        (10021, 10021, Config, "微博不接受此请求方法"),
        (10022, 10022, Quota, "本机地址的微博接口调用次数已用完"),
        (10023, 10023, Quota, "账号的微博接口调用次数已用完"),
        (10024, 10024, Quota, "账号调用此接口的次数已用完"),
        (10025, 10025, Unclear, "微博内部参数错误"),
        (10026, 10026, Config, "此接口已停用"),
        (10032, 10032, Auth, "授权范围不够，须重新授权"),
        (20001, 20002, Config, "请求缺少编号"),
        (20003, 20003, Gone, "用户不存在"),
        (20005, 20005, Content, "图片格式不支持，只接受 JPG、GIF、PNG"),
        (20006, 20006, Content, "图片太大"),
        (20007, 20007, Content, "没有收到图片"),
        (20008, 20008, Content, "内容为空"),
        (20009, 20009, Config, "一次请求的编号太多"),
        (20012, 20012, Content, "文字超过 140 字"),
        (20013, 20013, Content, "文字超过 300 字"),
        (20014, 20014, Again, "微博要求再试一次"),
        (20015, 20015, Human, "账号、地址或应用异常，须到微博网页上处理"),
        (20016, 20016, Quota, "发得太多，微博要求休息"),
        (20017, 20017, Duplicate, "刚刚发过相似内容"),
        (20018, 20018, Content, "含有微博不允许的网址"),
        (20019, 20019, Duplicate, "发过相同内容"),
        (20020, 20020, Content, "微博判定含有广告"),
        (20021, 20021, Content, "微博判定内容违规"),
        (20022, 20022, Human, "本机地址行为异常，须到微博网页上验证"),
        (20023, 20023, Human, "功能被停用，须联系 @微博客服"),
        (20031, 20031, Human, "微博要求输入验证码，须到微博网页上验证"),
        (20032, 20032, Pending, "已经发出，微博同步较慢"),
        (20033, 20033, Human, "登录状态异常，须到微博网页上处理"),
        (20034, 20034, Human, "账号被锁定，须到微博网页上解锁"),
        (20038, 20038, Duplicate, "发过相似内容，微博要求次日再发"),
        (20044, 20045, Human, "微博要求在网页上确认后才能发布"),
        (20049, 20049, Content, "长微博超过长度限制"),
        (20053, 20053, Pending, "已经提交，微博正在人工审核"),
        (20101, 20101, Gone, "目标微博不存在"),
        (20102, 20102, Config, "不是本账号的微博"),
        (20103, 20103, Config, "不能转发自己的微博"),
        (20104, 20104, Config, "微博编号不合法"),
        (20109, 20109, Config, "缺少微博编号"),
        (20111, 20111, Duplicate, "微博文字重复"),
        (20112, 20112, Gone, "目标微博不公开"),
        (20120, 20120, Gone, "目标微博不允许转发"),
        (20121, 20121, Config, "可见范围不合法"),
        (20130, 20130, Gone, "目标微博不允许评论"),
        (20132, 20132, Gone, "目标微博暂时不可见"),
        (20134, 20134, Config, "分组不存在"),
        (20135, 20135, Gone, "原微博已被删除"),
        (20136, 20136, Config, "分组人数太多"),
        (20201, 20201, Gone, "评论不存在"),
        (20202, 20202, Content, "评论违规"),
        (20203, 20203, Config, "不是本账号的评论"),
        (20204, 20204, Config, "缺少评论编号"),
        (20206, 20206, Gone, "对方只允许其关注的人评论"),
        (20207, 20207, Gone, "对方只允许可信用户评论"),
        (20301, 20301, Gone, "对方没有关注本账号，或已超过可以回复的时间"),
        (20302, 20302, Content, "私信违规"),
        (20303, 20303, Config, "不是本账号的私信"),
        (20305, 20305, Gone, "私信不存在"),
        (20306, 20306, Duplicate, "私信内容重复"),
        (20307, 20307, Config, "私信编号不合法"),
        (20401, 20402, Config, "域名或验证有误"),
        // Relations, lists, favourites, trends, blacklists, tags, profiles: never asked for.
        (20501, 20513, Config, "与发布无关的关注接口错误"),
        (20521, 20524, Config, "与发布无关的关注接口错误"),
        (20601, 20618, Config, "与发布无关的列表接口错误"),
        (20701, 20706, Config, "与发布无关的收藏接口错误"),
        (20801, 20802, Config, "与发布无关的话题接口错误"),
        (20901, 20905, Config, "与发布无关的黑名单接口错误"),
        (21001, 21002, Config, "与发布无关的标签接口错误"),
        (21101, 21142, Config, "与发布无关的资料接口错误"),
        (21301, 21301, Auth, "认证失败"),
        (21302, 21303, Config, "不使用的登录方式"),
        (21305, 21313, Config, "不使用的旧式授权"),
        (21314, 21314, Auth, "令牌已用过"),
        (21315, 21315, Auth, "令牌已过期"),
        (21316, 21316, Auth, "令牌已被撤销"),
        (21317, 21317, Auth, "令牌被拒绝"),
        (21318, 21318, Auth, "授权验证失败"),
        (21319, 21319, Auth, "授权已被取消"),
        (21320, 21320, Config, "必须使用 https"),
        (21321, 21321, Permission, "应用未通过审核，且此账号不是其测试账号"),
        (21322, 21322, Config, "授权回调地址与应用登记的不一致"),
        (21323, 21323, Config, "授权请求有误"),
        (21324, 21324, Config, "应用的 App Key 或 App Secret 有误"),
        (21325, 21325, Auth, "授权码无效或已用过，须重新授权"),
        (21326, 21326, Config, "应用没有此授权方式"),
        (21327, 21327, Auth, "令牌已过期"),
        (21328, 21329, Config, "授权方式不支持"),
        (21330, 21330, Auth, "对方拒绝了授权"),
        (21331, 21331, Unclear, "微博授权服务暂时不可用"),
        (21332, 21332, Auth, "令牌无效"),
        (21333, 21333, Config, "授权方式被禁止"),
        (21334, 21334, Human, "账号状态异常，须到微博网页上处理"),
        (21335, 21335, Config, "只能查询授权的账号自己"),
        (21337, 21337, Permission, "应用没有此权限，须向微博申请"),
        (21338, 21338, Config, "不使用的客户端授权"),
        (21501, 21504, Config, "网址参数有误"),
        (21601, 21601, Config, "通知接口错误"),
        (21602, 21602, Content, "含有敏感词"),
        (21603, 21603, Config, "通知接口错误"),
        (21701, 21703, Config, "提醒接口错误"),
        (21901, 21999, Config, "与发布无关的地理接口错误"),
    ]
};

/// `None`: a code that nobody has written down.
pub(crate) fn class(code: i64) -> Option<(Class, &'static str)> {
    TABLE
        .iter()
        .find(|(first, last, ..)| (*first..=*last).contains(&code))
        .map(|(_, _, class, words)| (*class, *words))
}

/// What the daemon is told.
pub(crate) fn refusal(no: &Refused, leaves: Leaves, now_unix_ms: i64) -> Error {
    let code = no.error_code;
    let (class, words) = match class(code) {
        // The same code for the text and for the app: only the wording tells (share without a safe domain).
        Some(_) if code == 10017 && no.error.contains("not bind domain") => {
            (Some(Class::Permission), "应用没有设置安全域名，须在微博开放平台上设置")
        }
        Some(_) if code == 10017 && no.error.contains("not find domain") => {
            (Some(Class::Content), "文字中没有应用安全域名下的网址")
        }
        Some((class, words)) => (Some(class), words),
        None => (None, "未知的微博错误码"),
    };
    let said = format!("{words}（微博 {code}：{}）", no.error);
    let code = code.to_string();
    match class {
        Some(Class::Content | Class::Gone) => Error::rejected(said, RejectedBy::Content, &code),
        Some(Class::Config) => Error::rejected(said, RejectedBy::Policy, &code),
        Some(Class::Permission | Class::Human) => Error::rejected(said, RejectedBy::Permission, &code),
        Some(Class::Quota) => Error::quota(said, Some(next_hour(now_unix_ms, &code))),
        Some(Class::Auth) => Error::auth_expired(said, TOKEN),
        Some(Class::Duplicate) => Error::duplicate(said, None),
        Some(Class::Again) => Error::retryable(said, None),
        Some(Class::Pending) => Error::in_doubt(said),
        Some(Class::Unclear) | None => match leaves {
            Leaves::Something => Error::in_doubt(said),
            Leaves::Nothing => Error::retryable(said, None),
        },
    }
}

const HOUR: i64 = 3_600_000;

/// Counts begin anew at the full hour; "out of limit" wants a rest of an hour from now.
fn next_hour(now: i64, code: &str) -> i64 {
    let rest = now.saturating_add(HOUR);
    if code == "20016" { rest } else { rest.saturating_sub(rest.rem_euclid(HOUR)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000 + 60_000;

    fn kind(code: i64, error: &str, leaves: Leaves) -> &'static str {
        let no = Refused { error_code: code, error: error.to_owned() };
        match refusal(&no, leaves, NOW).kind {
            ErrorKind::Rejected { by: RejectedBy::Content, .. } => "content",
            ErrorKind::Rejected { by: RejectedBy::Policy, .. } => "policy",
            ErrorKind::Rejected { by: RejectedBy::Permission, .. } => "permission",
            other => other.name(),
        }
    }

    /// The codes of the documentation, each with what a write that gets it comes to.
    const DOCUMENTED: &[(&str, &[i64])] = &[
        ("in_doubt", &[10001, 10002, 10003, 10009, 10010, 10011, 10025, 20032, 20053, 21331]),
        ("permission", &[10004, 10005, 10013, 10014, 20015, 20022, 20023, 20031, 20033, 20034, 20044, 20045]),
        ("permission", &[21321, 21334, 21337]),
        ("policy", &[10006, 10007, 10008, 10012, 10016, 10020, 10021, 10026, 20001, 20002, 20009, 20102]),
        ("policy", &[20103, 20104, 20109, 20121, 20134, 20136, 20203, 20204, 20303, 20307, 20401, 20402]),
        ("policy", &[20501, 20505, 20513, 20521, 20524, 20601, 20618, 20701, 20706, 20801, 20802, 20901]),
        ("policy", &[20905, 21001, 21002, 21101, 21142, 21302, 21303, 21305, 21306, 21307, 21308, 21309]),
        ("policy", &[21310, 21311, 21312, 21313, 21320, 21322, 21323, 21324, 21326, 21328, 21329, 21333]),
        ("policy", &[21335, 21338, 21501, 21504, 21601, 21603, 21701, 21703, 21901]),
        ("content", &[10017, 10018, 20003, 20005, 20006, 20007, 20008, 20012, 20013, 20018, 20020, 20021]),
        ("content", &[20049, 20101, 20112, 20120, 20130, 20132, 20135, 20201, 20202, 20206, 20207, 20301]),
        ("content", &[20302, 20305, 21602]),
        ("quota", &[10022, 10023, 10024, 20016]),
        (
            "auth_expired",
            &[10032, 21301, 21314, 21315, 21316, 21317, 21318, 21319, 21325, 21327, 21330, 21332],
        ),
        ("duplicate", &[20017, 20019, 20038, 20111, 20306]),
        ("retryable", &[20014]),
    ];

    #[test]
    fn f52_f56_f57_f59_f60_f61_every_documented_code_has_its_class() {
        for (expected, codes) in DOCUMENTED {
            for code in *codes {
                assert_eq!(kind(*code, "x", Leaves::Something), *expected, "{code}");
            }
        }
        // Nothing in the table is left untested.
        let tested = |code: i64| DOCUMENTED.iter().any(|(_, codes)| codes.contains(&code));
        for (first, last, ..) in TABLE {
            assert!(tested(*first) || tested(*last), "{first} is not in the test");
        }
    }

    #[test]
    fn f55_f68_what_nobody_wrote_down_is_in_doubt_for_a_write_and_asked_again_for_a_read() {
        for code in [0, 10015, 20099, 94321, -1] {
            assert_eq!(kind(code, "", Leaves::Something), "in_doubt", "{code}");
            assert_eq!(kind(code, "", Leaves::Nothing), "retryable", "{code}");
        }
        assert_eq!(kind(10001, "", Leaves::Nothing), "retryable", "f53: a read is asked again");
    }

    #[test]
    fn one_code_has_two_meanings_by_its_words() {
        assert_eq!(kind(10017, "text not find domain!", Leaves::Something), "content");
        assert_eq!(kind(10017, "appkey not bind domain!", Leaves::Something), "permission");
    }

    #[test]
    fn f56_a_quota_is_over_at_the_full_hour_and_a_rest_lasts_one() {
        assert_eq!(next_hour(NOW, "10023"), NOW - 60_000 + HOUR);
        assert_eq!(next_hour(NOW, "20016"), NOW + HOUR);
    }

    #[test]
    fn no_code_is_in_two_rows() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
        }
    }
}
