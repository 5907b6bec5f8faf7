//! One thing that a rule found: which rule, where, how bad, and who may let it pass with what.

use serde::{Deserialize, Serialize};

/// What a rule found in one part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    pub part: Part,
    /// First character, counted in the part as it was written.
    pub start: usize,
    /// The character after the last one.
    pub end: usize,
    /// What stands there; personal data only masked, because findings are kept and shown.
    pub text: String,
    /// For the staff, in Chinese.
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// What comes of a finding (reference §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It goes no further.
    Block,
    /// Somebody has to answer for it with a reason.
    Confirm,
    Warn,
    Info,
}

/// Where in a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Title,
    Text,
    Link,
    Media,
}

/// Which rules belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Prohibited,
    Wording,
    Leaders,
    Secrecy,
    Personal,
    Style,
    Duplicates,
    Links,
    Pictures,
    Dates,
    Length,
}

/// Who may let a finding pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leave {
    /// Nobody: the text has to be another one.
    Nobody,
    /// 办公室主任, with a written reason.
    OfficeDirector,
    /// Whoever hands it in, with a reason.
    Author,
    /// It stops nothing.
    NotNeeded,
}

macro_rules! rules {
    ($($variant:ident $word:literal $family:ident $chinese:literal)+) => {
        /// The rules by the names that domain reference and API use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $chinese] $variant),+
        }

        impl Rule {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the database and the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            pub fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family),+ }
            }

            /// What stands on the screen.
            pub fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese),+ }
            }
        }
    };
}

rules! {
    // §4.1, R-19 to R-25
    C1 "c1" Prohibited "危害国家安全、泄露国家秘密等内容"
    C2 "c2" Prohibited "民族仇恨、邪教、封建迷信等内容"
    C3 "c3" Prohibited "谣言、侮辱诽谤、侵害他人权益等内容"
    C4 "c4" Prohibited "淫秽、色情、赌博、暴力、教唆犯罪等内容"
    C5 "c5" Prohibited "煽动非法聚集、扰乱社会秩序的内容"
    C6 "c6" Prohibited "未经确认的信息或未经审定的行政管理事项"
    C7 "c7" Prohibited "法律法规禁止的其他内容"
    // §4.2
    Typo "typo" Wording "错别字或不规范表述"
    // §4.3
    LeaderName "leader_name" Leaders "领导姓名疑似有误"
    LeaderTitle "leader_title" Leaders "领导职务与姓名不符"
    LeaderOrder "leader_order" Leaders "领导排序有误"
    LeaderUntitled "leader_untitled" Leaders "领导首次出现没有职务"
    LeaderSplit "leader_split" Leaders "领导姓名中间断开"
    // §4.4
    SecretMark "secret_mark" Secrecy "国家秘密标志"
    SecretWord "secret_word" Secrecy "自称密件"
    InternalMark "internal_mark" Secrecy "内部标识"
    // §4.5
    ResidentId "resident_id" Personal "居民身份证号码"
    ResidentIdSuspect "resident_id_suspect" Personal "疑似身份证号码"
    Mobile "mobile" Personal "手机号码"
    BankCard "bank_card" Personal "银行卡号"
    Plate "plate" Personal "车牌号码"
    Email "email" Personal "电子邮箱"
    PersonalList "personal_list" Personal "含证件或电话的名单"
    // §4.6
    HalfwidthPunct "halfwidth_punct" Style "中文中的半角标点"
    Unpaired "unpaired" Style "引号或括号不成对"
    DupPunct "dup_punct" Style "标点重复"
    Ellipsis "ellipsis" Style "省略号写法"
    FullwidthAlnum "fullwidth_alnum" Style "全角数字或字母"
    StraightQuote "straight_quote" Style "中文中的直引号"
    Gbt15834Enum "gbt15834_enum" Style "书名号或引号之间不用顿号"
    RepeatedChar "repeated_char" Style "重复的字"
    TitleFullStop "title_full_stop" Style "标题末尾的句号"
    // §4.7
    Duplicate "duplicate" Duplicates "与已报送的稿件重复"
    Similar "similar" Duplicates "与已报送的稿件相似"
    ExpandedCopy "expanded_copy" Duplicates "由已报送的稿件增删而成"
    // §4.8
    LinkScheme "link_scheme" Links "不允许的链接类型"
    LinkIpHost "link_ip_host" Links "以 IP 地址为主机的链接"
    LinkPunycode "link_punycode" Links "使用非英文域名的链接"
    LinkUserinfo "link_userinfo" Links "含用户名的链接"
    LinkUnlisted "link_unlisted" Links "白名单以外的网站"
    LinkShort "link_short" Links "短链接，看不到去向"
    // §4.9, R-16
    NoImage "no_image" Pictures "没有配图"
    ImageKind "image_kind" Pictures "平台不接受的图片格式"
    ImageSize "image_size" Pictures "图片过大"
    ImageCount "image_count" Pictures "图片过多"
    ImageAlt "image_alt" Pictures "图片没有文字说明"
    // §4.10
    InvalidDate "invalid_date" Dates "不存在的日期"
    WeekdayMismatch "weekday_mismatch" Dates "日期与星期不符"
    // §5, R-14, R-15; the platforms' own limits below
    WeiboOverLimit "weibo_over_limit" Length "微博超过规定字数"
    WechatOverLimit "wechat_over_limit" Length "微信超过规定字数"
    WeiboTextLimit "weibo_text_limit" Length "超过微博平台的正文上限"
    WechatTitleLimit "wechat_title_limit" Length "超过微信平台的标题上限"
    WechatTextLimit "wechat_text_limit" Length "超过微信平台的正文上限"
    WechatAuthorLimit "wechat_author_limit" Length "超过微信平台的作者上限"
    WechatDigestLimit "wechat_digest_limit" Length "超过微信平台的摘要上限"
}

impl Rule {
    /// Secret marks, resident ids and lengths are let pass by nobody, whatever the reason.
    fn is_absolute(self) -> bool {
        matches!(self, Self::SecretMark | Self::ResidentId) || self.family() == Family::Length
    }
}

impl Finding {
    pub fn leave(&self) -> Leave {
        match self.severity {
            Severity::Block if self.rule.is_absolute() => Leave::Nobody,
            Severity::Block => Leave::OfficeDirector,
            Severity::Confirm => Leave::Author,
            Severity::Warn | Severity::Info => Leave::NotNeeded,
        }
    }

    pub fn blocks(&self) -> bool {
        self.severity == Severity::Block
    }
}

impl Severity {
    pub const ALL: [Self; 4] = [Self::Block, Self::Confirm, Self::Warn, Self::Info];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Confirm => "confirm",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }

    /// What stands on the screen.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Block => "拦截",
            Self::Confirm => "需确认",
            Self::Warn => "警告",
            Self::Info => "提示",
        }
    }
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Title, Self::Text, Self::Link, Self::Media];

    /// The key of a variant in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Text => "text",
            Self::Link => "link",
            Self::Media => "media",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == word)
    }

    pub fn chinese(self) -> &'static str {
        match self {
            Self::Title => "标题",
            Self::Text => "正文",
            Self::Link => "链接",
            Self::Media => "图片",
        }
    }
}

impl Family {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prohibited => "prohibited",
            Self::Wording => "wording",
            Self::Leaders => "leaders",
            Self::Secrecy => "secrecy",
            Self::Personal => "personal",
            Self::Style => "style",
            Self::Duplicates => "duplicates",
            Self::Links => "links",
            Self::Pictures => "pictures",
            Self::Dates => "dates",
            Self::Length => "length",
        }
    }
}

impl Leave {
    pub const ALL: [Self; 4] = [Self::Nobody, Self::OfficeDirector, Self::Author, Self::NotNeeded];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::OfficeDirector => "office_director",
            Self::Author => "author",
            Self::NotNeeded => "not_needed",
        }
    }

    pub fn chinese(self) -> &'static str {
        match self {
            Self::Nobody => "不得放行，必须修改",
            Self::OfficeDirector => "办公室主任书面说明理由后可以放行",
            Self::Author => "须说明理由",
            Self::NotNeeded => "不影响提交",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_have_different_names_that_read_back() {
        let mut chinese = BTreeSet::new();
        for rule in Rule::ALL {
            assert_eq!(Rule::parse(rule.as_str()), Some(*rule));
            assert!(rule.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            assert!(chinese.insert(rule.chinese()), "{rule:?}");
        }
        assert!(Severity::ALL.iter().all(|severity| Severity::parse(severity.as_str()) == Some(*severity)));
        assert!(Part::ALL.iter().all(|part| Part::parse(part.as_str()) == Some(*part)));
    }

    #[test]
    fn nobody_lets_a_secret_mark_a_resident_id_or_an_over_long_text_pass() {
        let leave = |rule, severity| {
            let (part, text, message) = (Part::Text, String::new(), String::new());
            Finding { rule, severity, part, start: 0, end: 0, text, message, suggestion: None }.leave()
        };
        for rule in [Rule::SecretMark, Rule::ResidentId, Rule::WeiboOverLimit, Rule::WechatTitleLimit] {
            assert_eq!(leave(rule, Severity::Block), Leave::Nobody, "{rule:?}");
        }
        assert_eq!(leave(Rule::InternalMark, Severity::Block), Leave::OfficeDirector);
        assert_eq!(leave(Rule::LinkUnlisted, Severity::Confirm), Leave::Author);
        assert_eq!(leave(Rule::Mobile, Severity::Warn), Leave::NotNeeded);
    }
}
