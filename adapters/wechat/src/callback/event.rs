//! What one push says.

use juzhen_sdk::message::{Attachment, Author, Message, MessageKind};

use super::xml::Document;
use crate::customer::{ANSWERS, WINDOW_MS};

#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A job of freepublish has come to its end.
    Published { job: u64, status: i64, article: Option<String>, url: Option<String> },
    /// A mass send has.
    Sent { job: u64, status: String, url: Option<String> },
    /// A reader wrote.
    Message(Box<Message>),
    /// The account itself needs somebody.
    Notice(&'static str),
    /// Nothing that anybody has to know, such as a new follower.
    Other,
}

impl Event {
    /// `None` for what is no message of the platform.
    pub(super) fn read(text: &str) -> Option<Self> {
        let xml = Document::read(text)?;
        let kind = xml.text(&["MsgType"])?;
        if !kind.eq_ignore_ascii_case("event") {
            return message(&xml, &kind);
        }
        let name = xml.text(&["Event"])?.to_ascii_uppercase();
        Some(match name.as_str() {
            // The older name, too.
            "PUBLISHJOBFINISH" | "FREEPUBLISHJOBFINISH" => published(&xml)?,
            "MASSSENDJOBFINISH" => Self::Sent {
                job: xml.number(&["MsgID"]).or_else(|| xml.number(&["MsgId"]))?,
                status: xml.text(&["Status"])?,
                url: xml.text(&["ArticleUrlResult", "ResultList", "item", "ArticleUrl"]),
            },
            other => notice(other).map_or(Self::Other, Self::Notice),
        })
    }
}

fn published(xml: &Document<'_>) -> Option<Event> {
    let of = |name| ["PublishEventInfo", name];
    Some(Event::Published {
        job: xml.number(&of("publish_id"))?,
        status: xml.number(&of("publish_status"))?,
        article: xml.text(&of("article_id")),
        url: xml.text(&["PublishEventInfo", "article_detail", "item", "article_url"]),
    })
}

fn message(xml: &Document<'_>, kind: &str) -> Option<Event> {
    let text = |name: &str| xml.text(&[name]).unwrap_or_default();
    let shown = match kind {
        "text" => text("Content"),
        "image" => format!("［图片］{}", text("PicUrl")),
        "voice" => format!("［语音］{}", text("Recognition")),
        "video" | "shortvideo" => "［视频］".to_owned(),
        "location" => format!("［位置］{}（{}，{}）", text("Label"), text("Location_X"), text("Location_Y")),
        "link" => format!("［链接］{} {}", text("Title"), text("Url")),
        other => format!("［{other}］"),
    };
    let at_unix_ms = xml.number::<i64>(&["CreateTime"])?.checked_mul(1000)?;
    Some(Event::Message(Box::new(Message {
        kind: MessageKind::Private,
        id: xml.text(&["MsgId"])?,
        author: Author { uid: xml.text(&["FromUserName"])?, name: String::new() },
        text: shown,
        media: attached(xml, kind).into_iter().collect(),
        at_unix_ms,
        shown: Some(false),
        reply_until_unix_ms: at_unix_ms.checked_add(WINDOW_MS),
        replies_left: Some(ANSWERS),
        ..Message::default()
    })))
}

/// What a message carries besides its words.
fn attached(xml: &Document<'_>, kind: &str) -> Option<Attachment> {
    let url = match kind {
        "image" => xml.text(&["PicUrl"]),
        "link" => xml.text(&["Url"]),
        "voice" | "video" | "shortvideo" => None,
        _ => return None,
    };
    Some(Attachment { kind: kind.to_owned(), url, id: xml.text(&["MediaId"]) })
}

fn notice(event: &str) -> Option<&'static str> {
    Some(match event {
        "ANNUAL_RENEW" => "公众号认证即将到期，请尽快办理年审：到期后接口全部停用",
        "VERIFY_EXPIRED" => "公众号认证已过期，接口已停用，请尽快重新认证",
        "QUALIFICATION_VERIFY_FAIL" => "公众号资质认证没有通过",
        "NAMING_VERIFY_FAIL" => "公众号名称认证没有通过",
        "QUALIFICATION_VERIFY_SUCCESS" => "公众号资质认证已通过",
        "NAMING_VERIFY_SUCCESS" => "公众号名称认证已通过",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of the platform's page, with other values.
    #[test]
    fn a_finished_publication_is_read_with_and_without_its_article() {
        let event = |inner: &str| {
            format!(
                "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oV5]]></FromUserName>\
                 <CreateTime>1481013459</CreateTime><MsgType><![CDATA[event]]></MsgType>\
                 <Event><![CDATA[PUBLISHJOBFINISH]]></Event><PublishEventInfo>{inner}</PublishEventInfo></xml>"
            )
        };
        let good = "<publish_id>2247503051</publish_id><publish_status>0</publish_status>\
                    <article_id><![CDATA[b5O2]]></article_id><article_detail><count>1</count><item><idx>1</idx>\
                    <article_url><![CDATA[ http://mp.weixin.qq.com/s/1 ]]></article_url></item></article_detail>";
        let (article, url) = (Some("b5O2".into()), Some("http://mp.weixin.qq.com/s/1".into()));
        assert_eq!(
            Event::read(&event(good)),
            Some(Event::Published { job: 2_247_503_051, status: 0, article, url })
        );
        let bad = "<publish_id>7</publish_id><publish_status>2</publish_status><fail_idx>1</fail_idx>\
                   <fail_idx>2</fail_idx>";
        let expected = Event::Published { job: 7, status: 2, article: None, url: None };
        assert_eq!(Event::read(&event(bad)), Some(expected));
    }

    #[test]
    fn a_finished_mass_send_is_read_also_with_an_empty_list() {
        let event = |list: &str| {
            format!(
                "<xml><MsgType>event</MsgType><Event>MASSSENDJOBFINISH</Event><MsgID>3147494522</MsgID>\
                 <Status>send success</Status><ArticleUrlResult>{list}</ArticleUrlResult></xml>"
            )
        };
        let item = "<Count>1</Count><ResultList><item><ArticleIdx>1</ArticleIdx>\
                    <ArticleUrl><![CDATA[http://mp/1]]></ArticleUrl></item></ResultList>";
        for (list, url) in
            [(item, Some("http://mp/1")), ("<Count>0</Count><ResultList>\n </ResultList>", None)]
        {
            let (status, url) = ("send success".into(), url.map(str::to_owned));
            assert_eq!(Event::read(&event(list)), Some(Event::Sent { job: 3_147_494_522, status, url }));
        }
    }

    #[test]
    fn what_a_reader_wrote_may_be_answered_for_48_hours() {
        let text = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1767225600</CreateTime>\
                    <MsgType>text</MsgType><Content><![CDATA[几点来水？]]></Content><MsgId>24012345678901234</MsgId></xml>";
        let Some(Event::Message(message)) = Event::read(text) else { panic!("no message") };
        assert_eq!((message.text.as_str(), message.author.uid.as_str()), ("几点来水？", "oA"));
        assert_eq!(message.reply_until_unix_ms, Some(1_767_225_600_000 + 48 * 3_600_000));
        assert_eq!(message.replies_left, Some(5));
    }

    #[test]
    fn a_picture_says_where_it_is() {
        let image = "<xml><FromUserName>oA</FromUserName><CreateTime>1</CreateTime><MsgType>image</MsgType>\
                     <PicUrl>https://mmbiz.example/1</PicUrl><MediaId>m1</MediaId><MsgId>1</MsgId></xml>";
        let Some(Event::Message(message)) = Event::read(image) else { panic!("no message") };
        let [picture] = &message.media[..] else { panic!("{message:?}") };
        assert_eq!(
            (picture.kind.as_str(), picture.url.as_deref(), picture.id.as_deref()),
            ("image", Some("https://mmbiz.example/1"), Some("m1"))
        );
    }

    #[test]
    fn x25_a_message_without_its_number_or_its_writer_is_none() {
        for missing in ["MsgId", "FromUserName", "CreateTime"] {
            let fields = [("MsgId", "1"), ("FromUserName", "oA"), ("CreateTime", "1"), ("MsgType", "text")];
            let fields = fields.iter().filter(|(name, _)| *name != missing);
            let inner: String = fields.map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
            assert_eq!(Event::read(&format!("<xml>{inner}</xml>")), None, "{missing}");
        }
        for time in ["x", "9223372036854775807", "1.5"] {
            let text = format!(
                "<xml><MsgType>text</MsgType><MsgId>1</MsgId><FromUserName>o</FromUserName><CreateTime>{time}</CreateTime></xml>"
            );
            assert_eq!(Event::read(&text), None, "X24 {time}");
        }
    }

    #[test]
    fn events_are_compared_in_any_case_and_others_pass() {
        let event = |name: &str| {
            Event::read(&format!(
                "<xml><MsgType>event</MsgType><Event>{name}</Event><CreateTime>1</CreateTime></xml>"
            ))
        };
        assert!(matches!(event("verify_expired"), Some(Event::Notice(_))));
        assert!(matches!(event("Annual_Renew"), Some(Event::Notice(_))));
        assert_eq!(event("subscribe"), Some(Event::Other));
        assert_eq!(event("PUBLISHJOBFINISH"), None, "without its job");
        assert_eq!(Event::read("<xml><a/></xml>"), None);
    }
}
