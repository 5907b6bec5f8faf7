//! Every code that the platform answers, with its class and what people are told.

use juzhen_sdk::message::{ErrorKind, RejectedBy};
use juzhen_sdk::prelude::*;

use crate::time;

/// What a code means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The platform could not say: what a request should have done may be done.
    Busy,
    /// Another token, then the same request once more.
    Token,
    /// Not now, clearly; again after so many seconds.
    Later(u32),
    /// Used up until the day, or the month, of Beijing is over.
    Day,
    Month,
    /// Nothing was done, because of this content.
    Content,
    /// Nothing was done, and nothing will be for this account until somebody has changed something.
    Account,
    /// Nothing was done, and a person has to look.
    Person,
    /// Nothing was done, because of this reader.
    Reader,
    /// Nothing was done, and the request should not have been made like this.
    Mistake,
    /// An id that is not known: it never was, or what it stands for was consumed. The post may be out.
    Consumed,
    /// It has been taken under this key before.
    Taken,
    /// The key was used within the last minute: it may be taken.
    TakenJustNow,
    /// It is taken and waits for the administrator of the account.
    Waits,
    /// What was to be changed is gone already.
    Gone,
}

impl Class {
    /// The platform documents it as a refusal before anything happened.
    fn is_refusal(self) -> bool {
        use Class::*;
        match self {
            Token | Later(_) | Day | Month | Content | Account | Person | Reader | Mistake | Gone => true,
            Busy | Consumed | Taken | TakenJustNow | Waits => false,
        }
    }
}

/// The class of a code; `None` for one that is not in the table.
pub(crate) fn class(code: i64) -> Option<Class> {
    entry(code).map(|(_, class, _)| *class)
}

/// The codes after which nothing of a request that publishes is out.
pub(crate) fn refusals() -> Vec<i64> {
    CODES.iter().filter(|(_, class, _)| class.is_refusal()).map(|(code, ..)| *code).collect()
}

/// What the daemon is told of a refused request. `effect`: the request may have left something that people see, so that
/// whatever is no clear refusal is in doubt.
pub(crate) fn error(code: i64, said: &str, effect: bool, now_unix_ms: i64) -> Error {
    let Some((_, class, words)) = entry(code) else {
        return Error::in_doubt(format!("平台返回了未知的错误码 {code}：{said}"));
    };
    let message = match address(said).filter(|_| ADDRESS.contains(&code.to_string().as_str())) {
        // Whoever keeps the list needs the address as the platform sees it.
        Some(address) => format!("本机地址 {address}：{words}（{code}：{said}）"),
        None => format!("{words}（{code}：{said}）"),
    };
    let rejected = |by| {
        let code = Some(code.to_string());
        Error::new(ErrorKind::Rejected { code, by }, message.clone())
    };
    let until = |end: Option<i64>| Error::quota(message.clone(), end);
    match class {
        class if effect && !class.is_refusal() => Error::in_doubt(message),
        Class::Busy => Error::retryable(message, None),
        Class::Token => Error::auth_expired(message, crate::token::TOKEN),
        Class::Later(seconds) => Error::retryable(message, Some(u64::from(*seconds) * 1000)),
        Class::Day => until(time::next_day(now_unix_ms)),
        Class::Month => until(time::next_month(now_unix_ms)),
        Class::Content | Class::Consumed => rejected(RejectedBy::Content),
        Class::Account => rejected(RejectedBy::Permission),
        Class::Taken => Error::duplicate(message, None),
        Class::TakenJustNow | Class::Waits => Error::in_doubt(message),
        Class::Person | Class::Reader | Class::Mistake | Class::Gone => rejected(RejectedBy::Policy),
    }
}

/// Codes that are about the address that a request comes from.
pub(crate) const ADDRESS: [&str; 3] = ["40164", "45035", "61004"];

/// The address that the platform names: `invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist …`.
fn address(said: &str) -> Option<core::net::IpAddr> {
    let words = said.split([' ', ',', ';', '(', ')', '：']);
    words.filter_map(|word| word.parse::<core::net::IpAddr>().ok()).next()
}

type Entry = (i64, Class, &'static str);

fn entry(code: i64) -> Option<&'static Entry> {
    CODES.iter().find(|(known, ..)| *known == code)
}

/// By code. Sources: the platform's pages on each interface and its list of global codes.
pub(crate) const CODES: &[Entry] = {
    use Class::*;
    &[
        (-1, Busy, "平台繁忙"),
        (40001, Token, "访问凭证无效"),
        (40002, Mistake, "凭证类型或参数不合法"),
        (40003, Reader, "该用户的编号无效"),
        (40004, Content, "图片或视频的类型不受支持"),
        (40005, Content, "文件类型不受支持"),
        (40006, Content, "文件大小不合要求"),
        (40007, Consumed, "素材或草稿不存在，可能已被使用"),
        (40008, Mistake, "消息类型不合法"),
        (40009, Content, "图片大小不合要求"),
        (40011, Content, "视频大小不合要求"),
        (40012, Content, "缩略图大小不合要求"),
        (40013, Account, "公众号的 AppID 无效，请核对设置"),
        (40014, Token, "访问凭证无效"),
        (40032, Mistake, "接收人数超出限制"),
        (40033, Mistake, "内容中不能有 \\u 转义"),
        (40035, Mistake, "参数不合法"),
        (40060, Mistake, "文章序号不合法"),
        (40066, Mistake, "接口地址不合法"),
        (40097, Mistake, "参数不正确"),
        (40114, Mistake, "文章序号不合法"),
        (40125, Account, "公众号的 AppSecret 无效，请重新录入"),
        (40130, Mistake, "接收人少于两人"),
        (40137, Content, "图片格式不受支持"),
        (40152, Account, "群发的标签编号无效，请核对设置"),
        (40164, Account, "本机地址不在公众号的 IP 白名单中，请管理员在公众平台添加"),
        (40201, Account, "公众号没有设置回调地址"),
        (40202, Account, "公众平台无法检查回调地址"),
        (40203, Account, "公众平台检查回调地址过于频繁"),
        (40215, Content, "图片数量不合要求"),
        (40243, Account, "公众号的 AppSecret 已被冻结，请管理员解冻（解冻约需十分钟）"),
        (41001, Mistake, "缺少访问凭证"),
        (41002, Mistake, "缺少 AppID"),
        (41004, Mistake, "缺少 AppSecret"),
        (41006, Mistake, "缺少素材编号"),
        (41039, Content, "“阅读原文”的链接不合法"),
        (41040, Content, "不符合原创声明的字数要求"),
        (42001, Token, "访问凭证已过期"),
        (43001, Mistake, "应使用 GET 请求"),
        (43002, Mistake, "应使用 POST 请求"),
        (43003, Mistake, "应使用 HTTPS"),
        (43004, Reader, "该用户没有关注公众号"),
        (43019, Reader, "该用户在黑名单中"),
        (44001, Content, "文件为空"),
        (44002, Mistake, "请求为空"),
        (44003, Mistake, "图文为空"),
        (44004, Content, "文本为空"),
        (45001, Content, "文件太大"),
        (45002, Content, "内容太长"),
        (45003, Content, "标题太长"),
        (45004, Content, "摘要太长"),
        (45005, Content, "链接太长"),
        (45006, Content, "图片链接太长"),
        (45008, Mistake, "图文数量超出限制"),
        (45009, Day, "今日的接口调用额度已用完"),
        (45011, Later(60), "调用过于频繁，请一分钟后再试"),
        (45015, Reader, "该用户最近 48 小时没有来信，平台不允许回复"),
        (45028, Day, "群发次数已用完"),
        (45034, Account, "素材库已满，请管理员清理"),
        (45035, Account, "本机地址没有登记"),
        (45040, Month, "本月的额度已用完"),
        (45047, Reader, "对该用户的回复已达 5 条，须等其再次来信"),
        (45052, Mistake, "消息类型不合法"),
        (45062, Person, "图文含广告，须在公众平台网页上群发"),
        (45065, Taken, "同一稿件已提交过群发"),
        (45066, TakenJustNow, "同一稿件一分钟内已提交过群发"),
        (45067, Mistake, "群发编号太长"),
        (45072, Mistake, "输入状态的指令不合法"),
        (45074, Account, "素材库已满，请管理员清理"),
        (45080, Reader, "一分钟内没有与该用户往来，不能显示输入状态"),
        (45081, Reader, "已在显示输入状态"),
        (45083, Mistake, "群发速度不合法"),
        (45084, Mistake, "缺少群发速度"),
        (45087, Account, "公众号的客服消息被平台限制"),
        (45102, Later(3 * 3600), "接口被平台暂时封禁"),
        (45103, Account, "接口已停用"),
        (45104, Day, "该域名的调用额度已用完"),
        (45110, Content, "作者名太长"),
        (45113, Content, "平台不再支持商品和卡券消息"),
        (45159, Account, "群发的标签编号无效，请核对设置"),
        (45162, Mistake, "消息类型不合法"),
        (45166, Content, "内容含有平台不允许的标签、链接或属性"),
        (45501, Account, "平台按监管要求暂停了公众号的接口"),
        (46001, Consumed, "素材不存在"),
        (46004, Reader, "用户不存在"),
        (47001, Mistake, "数据格式错误或含控制字符"),
        (47002, Mistake, "内容中不能有 \\u 转义"),
        (47003, Content, "参数不合要求"),
        (48001, Account, "公众号没有此接口的权限，可能未认证或认证已过期"),
        (48002, Reader, "该用户拒收公众号的消息"),
        (48003, Account, "管理员尚未同意群发协议"),
        (48004, Account, "公众号的接口因违规被封禁"),
        (48005, Person, "素材正被自动回复或菜单使用，不能删除"),
        (48006, Account, "清零次数已用完"),
        (48008, Account, "公众号没有此类消息的权限"),
        (48009, Account, "接口已停用"),
        (48013, Content, "视频不能用于群发"),
        (48014, Content, "视频尚未通过审核"),
        (48015, Account, "公众号没有留言功能"),
        (48021, Person, "草稿由网页编辑器自动保存，须在公众平台网页上手动保存"),
        (48022, Content, "视频不能使用"),
        (50001, Account, "公众号没有授权此接口"),
        (50002, Account, "公众号受限，可能被处罚或冻结"),
        (50003, Account, "公众号没有授权此接口"),
        (50004, Account, "公众号的凭证接口被禁用"),
        (50005, Reader, "该用户没有关注公众号"),
        (50007, Account, "公众号已被冻结"),
        (53404, Content, "公众号被限制使用商品"),
        (53405, Content, "图文中的商品有误"),
        (53406, Content, "图文中的商品有误"),
        (53500, Account, "公众号的发布功能已被封禁"),
        (53501, Later(30 * 60), "发布过于频繁"),
        (53502, Person, "发布编号无效"),
        (53503, Content, "草稿没有通过发布检查"),
        (53504, Person, "须在公众平台网页上操作"),
        (53505, Person, "须先在公众平台网页上手动保存草稿"),
        (53600, Person, "文章编号无效"),
        (61003, Account, "第三方平台没有得到授权"),
        (61004, Account, "本机地址没有登记"),
        (61005, Account, "第三方平台的票据已过期"),
        (61006, Account, "第三方平台的票据无效"),
        (61007, Account, "第三方平台没有此接口的授权"),
        (61023, Account, "第三方平台的刷新凭证无效"),
        (61450, Busy, "平台系统错误"),
        (65400, Account, "公众号没有开通客服功能"),
        (65401, Account, "客服账号无效"),
        (65402, Account, "客服账号尚未绑定微信号"),
        (65403, Account, "客服昵称不合法"),
        (65404, Account, "客服账号不合法"),
        (65405, Account, "客服账号数量已达上限"),
        (65406, Account, "客服账号已存在"),
        (65407, Account, "对方已是本公众号的客服"),
        (65408, Account, "本公众号已邀请过对方"),
        (65409, Account, "微信号无效"),
        (65410, Account, "微信号的绑定邀请已达上限"),
        (65411, Account, "微信号的绑定邀请尚待处理"),
        (65412, Account, "该客服账号已绑定微信号"),
        (65413, Account, "没有有效的客服会话"),
        (65414, Account, "客服不在线"),
        (65415, Account, "该用户正由其他客服接待"),
        (65416, Account, "客服参数无效"),
        (65417, Account, "客服状态不允许此操作"),
        (70000, Reader, "该用户受未成年人保护，不能接收"),
        (76001, Mistake, "请求编号查不到"),
        (76002, Mistake, "请求编号不合法"),
        (76003, Mistake, "请求编号属于其他账号"),
        (76004, Mistake, "请求编号已超过七天"),
        (76021, Mistake, "接口路径查不到"),
        (76022, Account, "公众号没有此接口的权限"),
        (87009, Mistake, "签名无效"),
        (87014, Content, "内容含有违规信息"),
        (88000, Account, "公众号没有留言权限"),
        (88001, Person, "文章的留言编号不存在，文章可能已被删除"),
        (88002, Content, "文章因安全原因被限制留言"),
        (88003, Person, "精选留言已达上限"),
        (88004, Gone, "留言已被用户删除"),
        (88005, Taken, "该留言已回复过"),
        (88007, Content, "回复为空或太长"),
        (88008, Gone, "留言不存在"),
        (88009, Gone, "回复不存在"),
        (88010, Mistake, "读取留言的条数不合法"),
        (88011, Content, "文章因安全原因被限制留言"),
        (89503, Account, "公众平台要求管理员确认本机地址，请管理员在微信中确认"),
        (89504, Waits, "群发正等待管理员确认"),
        (89505, Waits, "群发须由管理员确认，已发出确认请求"),
        (89506, Account, "管理员拒绝了本机地址，24 小时后才能再申请"),
        (89507, Account, "管理员拒绝了本机地址，1 小时后才能再申请"),
        (268_487_001, Busy, "平台繁忙"),
        (268_487_002, Busy, "平台繁忙"),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the reference, class by class, so that a row that moves is seen.
    #[test]
    fn f55_f56_f57_f58_f60_f61_f70_every_code_lands_in_its_class() {
        use Class::*;
        let content = "40004 40005 40006 40009 40011 40012 40137 40215 41039 41040 44001 44004 45001 45002 45003 45004 \
            45005 45006 45110 45113 45166 47003 48013 48014 48022 53404 53405 53406 53503 87014 88002 88007 88011";
        let account = "40013 40125 40152 40164 40201 40202 40203 40243 45034 45035 45074 45087 45103 45159 45501 48001 \
            48003 48004 48006 48008 48009 48015 50001 50002 50003 50004 50007 53500 61003 61004 61005 61006 61007 61023 \
            76022 88000 89503 89506 89507 65400 65401 65402 65403 65404 65405 65406 65407 65408 65409 65410 65411 65412 \
            65413 65414 65415 65416 65417";
        let mistakes = "40002 40008 40032 40033 40035 40060 40066 40097 40114 40130 41001 41002 41004 41006 43001 43002 \
            43003 44002 44003 45008 45052 45067 45072 45083 45084 45162 47001 47002 76001 76002 76003 76004 76021 87009 \
            88010";
        let readers = "40003 43004 43019 45015 45047 45080 45081 46004 48002 50005 70000";
        let people = "45062 48005 48021 53502 53504 53505 53600 88001 88003";
        let rows = [
            ("-1 61450 268487001 268487002", Busy),
            ("40001 40014 42001", Token),
            ("45011", Later(60)),
            ("53501", Later(1800)),
            ("45102", Later(10800)),
            ("45009 45028 45104", Day),
            ("45040", Month),
            (content, Content),
            (account, Account),
            (mistakes, Mistake),
            (readers, Reader),
            (people, Person),
            ("40007 46001", Consumed),
            ("45065 88005", Taken),
            ("45066", TakenJustNow),
            ("89504 89505", Waits),
            ("88004 88008 88009", Gone),
        ];
        let mut seen = 0;
        for (codes, expected) in rows {
            for code in codes.split_whitespace().map(|code| code.parse::<i64>().unwrap()) {
                assert_eq!(class(code), Some(expected), "{code}");
                seen += 1;
            }
        }
        assert_eq!(seen, CODES.len(), "a code of the table is in none of the lists");
        let mut codes: Vec<_> = CODES.iter().map(|(code, ..)| *code).collect();
        codes.dedup();
        assert!(codes.is_sorted() && codes.len() == CODES.len(), "each code once, in order");
    }

    #[test]
    fn p01_f55_after_an_effect_only_a_documented_refusal_is_one() {
        for (code, class, words) in CODES {
            let told = error(*code, "said", true, 0);
            let in_doubt = told.kind == ErrorKind::InDoubt;
            assert_eq!(in_doubt, !refusals().contains(code), "{code} {class:?}");
            assert!(told.message.contains(words) && told.message.contains("said"), "{}", told.message);
        }
        for unknown in [0, 1, 40000, 99999, -2] {
            assert_eq!(error(unknown, "", true, 0).kind, ErrorKind::InDoubt);
            assert_eq!(error(unknown, "", false, 0).kind, ErrorKind::InDoubt);
            assert!(!refusals().contains(&unknown));
        }
    }

    #[test]
    fn a_preparing_request_that_the_platform_could_not_answer_is_tried_again() {
        let kind = |code| error(code, "", false, 1_767_225_600_000).kind;
        assert!(matches!(kind(-1), ErrorKind::Retryable { after_ms: None, .. }));
        assert!(matches!(kind(45011), ErrorKind::Retryable { after_ms: Some(60_000), .. }));
        // 2026-01-01 08:00 in Beijing: the day ends 16 hours later.
        assert!(matches!(kind(45009), ErrorKind::Quota { until_unix_ms: Some(1_767_283_200_000), .. }));
        assert!(matches!(kind(45040), ErrorKind::Quota { until_unix_ms: Some(1_769_875_200_000), .. }));
        assert!(matches!(kind(40007), ErrorKind::Rejected { by: RejectedBy::Content, .. }));
        assert!(matches!(kind(40164), ErrorKind::Rejected { by: RejectedBy::Permission, .. }));
    }
}
