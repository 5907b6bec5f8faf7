//! The XML that is pushed to callbacks, and the passive replies that come back.

use std::fmt::Write as _;

use super::super::job::SEND_SUCCESS;
use super::super::state::{MassSend, Publication, Stage};

/// `<name><![CDATA[text]]></name>`. The end of a section in the text is split over two.
pub(crate) fn cdata(xml: &mut String, name: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(xml, "<{name}><![CDATA[{}]]></{name}>", text.replace("]]>", "]]]]><![CDATA[>"));
}

pub(crate) fn number(xml: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(xml, "<{name}>{value}</{name}>");
}

/// A whole message to the account `to`, from a user, with what is special to its kind.
pub(crate) fn message(to: &str, from: &str, at: i64, kind: &str, special: &str) -> String {
    let mut xml = "<xml>".to_owned();
    cdata(&mut xml, "ToUserName", to);
    cdata(&mut xml, "FromUserName", from);
    number(&mut xml, "CreateTime", at);
    cdata(&mut xml, "MsgType", kind);
    xml + special + "</xml>"
}

/// What an ended publication says of itself.
pub(crate) fn publish_event(publication: &Publication) -> String {
    let mut xml = "<PublishEventInfo>".to_owned();
    number(&mut xml, "publish_id", publication.data_id);
    match publication.stage {
        Stage::Failed(status) => {
            number(&mut xml, "publish_status", status);
            (1..=publication.articles.len()).for_each(|index| number(&mut xml, "fail_idx", index));
        }
        Stage::AtWork | Stage::Public => {
            number(&mut xml, "publish_status", 0);
            cdata(&mut xml, "article_id", &publication.article_id);
            xml.push_str("<article_detail>");
            number(&mut xml, "count", publication.articles.len());
            for (index, article) in publication.articles.iter().enumerate() {
                xml.push_str("<item>");
                number(&mut xml, "idx", index + 1);
                cdata(&mut xml, "article_url", &article.url);
                xml.push_str("</item>");
            }
            xml.push_str("</article_detail>");
        }
    }
    xml + "</PublishEventInfo>"
}

/// What an ended mass send says of itself.
pub(crate) fn mass_event(send: &MassSend, publication: Option<&Publication>) -> String {
    let reached = if send.ends_with == SEND_SUCCESS { send.reached } else { 0 };
    let mut xml = String::new();
    number(&mut xml, "MsgID", send.msg_id);
    cdata(&mut xml, "Status", &send.ends_with);
    number(&mut xml, "TotalCount", send.reached);
    number(&mut xml, "FilterCount", reached);
    number(&mut xml, "SentCount", reached);
    number(&mut xml, "ErrorCount", 0);
    xml.push_str("<CopyrightCheckResult><Count>0</Count><ResultList></ResultList><CheckState>1</CheckState></CopyrightCheckResult>");
    let articles = publication.map_or(&[][..], |one| one.articles.as_slice());
    xml.push_str("<ArticleUrlResult>");
    number(&mut xml, "Count", articles.len());
    xml.push_str("<ResultList>");
    for (index, article) in articles.iter().enumerate() {
        xml.push_str("<item>");
        number(&mut xml, "ArticleIdx", index + 1);
        cdata(&mut xml, "ArticleUrl", &article.url);
        xml.push_str("</item>");
    }
    xml + "</ResultList></ArticleUrlResult>"
}

/// The text of the first element of this name; no library, because a reply has a handful of fixed ones, none nested in its own.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    let inner = inner.trim();
    let inner = inner.strip_prefix("<![CDATA[").and_then(|inner| inner.strip_suffix("]]>")).unwrap_or(inner);
    Some(inner.replace("]]]]><![CDATA[>", "]]>"))
}
