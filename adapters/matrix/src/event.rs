//! What a post becomes: the content of one `m.room.message`, so that it is there as a whole or not at all; and the shapes in
//! which events are read.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

/// Names the delivery in the event itself: what is found with it is proof. Readers' programs ignore fields that they do not
/// know.
pub(crate) const DELIVERY: &str = "juzhen.delivery";
/// The same for an answer to a reader.
pub(crate) const ANSWER: &str = "juzhen.answer";
/// An event has 65,536 bytes (*Size limits*), of which this many are left for what the server adds.
const MOST_BYTES: usize = 65_536 - 4_096;

/// A picture that the server has.
pub(crate) struct Uploaded<'p> {
    pub(crate) mxc: String,
    pub(crate) media: &'p Media,
}

/// The content of a post's event. A picture carries the text as its caption (v1.10 of the specification).
///
/// # Errors
/// When it is empty or longer than an event may be: nothing is cut.
pub(crate) fn of_post(post: &Post, picture: Option<&Uploaded<'_>>, key: &str) -> Result<Value> {
    if post.text.trim().is_empty() {
        return Err(Error::rejected("内容为空，没有发送", RejectedBy::Content, "empty"));
    }
    let lines = lines(post);
    let plain: Vec<String> = lines.iter().map(Line::plain).collect();
    let html: String = lines.iter().map(Line::html).collect();
    let mut content = json!({
        "msgtype": "m.text",
        "body": plain.join("\n\n"),
        "format": "org.matrix.custom.html",
        "formatted_body": html,
        // Nobody is called by name, whatever the text reads like.
        "m.mentions": {},
        DELIVERY: key,
    });
    if let (Some(picture), Some(fields)) = (picture, content.as_object_mut()) {
        fields.insert("msgtype".to_owned(), json!(message_type(&picture.media.mime)));
        fields.insert("filename".to_owned(), json!(filename(picture.media)));
        fields.insert("url".to_owned(), json!(picture.mxc));
        fields.insert(
            "info".to_owned(),
            json!({ "mimetype": picture.media.mime, "size": picture.media.bytes }),
        );
    }
    fits(content)
}

/// The content of an answer to a reader's message, in the thread in which that message stands.
///
/// # Errors
/// When it is longer than an event may be.
pub(crate) fn of_answer(text: &str, to: &Event, key: &str) -> Result<Value> {
    let mut relation = json!({ "m.in_reply_to": { "event_id": to.id() } });
    if let (Some(root), Some(fields)) = (to.thread(), relation.as_object_mut()) {
        fields.insert("rel_type".to_owned(), json!("m.thread"));
        fields.insert("event_id".to_owned(), json!(root));
        fields.insert("is_falling_back".to_owned(), json!(false));
    }
    fits(json!({
        "msgtype": "m.text",
        "body": text,
        "m.mentions": { "user_ids": [to.sender()] },
        "m.relates_to": relation,
        ANSWER: key,
    }))
}

/// What people read when they save the picture.
pub(crate) fn filename(media: &Media) -> String {
    let end = media.mime.rsplit('/').next().unwrap_or("jpeg");
    format!("1.{end}")
}

fn message_type(mime: &str) -> &'static str {
    if mime.starts_with("video/") { "m.video" } else { "m.image" }
}

fn fits(content: Value) -> Result<Value> {
    let bytes = content.to_string().len();
    if bytes > MOST_BYTES {
        let said =
            format!("内容有 {bytes} 字节，超过一条消息的上限 {MOST_BYTES} 字节，没有发送；请删减后重新送审");
        return Err(Error::rejected(said, RejectedBy::Content, "M_TOO_LARGE"));
    }
    Ok(content)
}

/// One paragraph of a post.
enum Line<'p> {
    Title(&'p str),
    Text(&'p str),
    Link(&'p str),
    /// Whose it was first, of one that is issued again.
    Source(&'p str),
}

/// Title, text, link and source, each when there is one, and the link only when the text has not got it.
fn lines(post: &Post) -> Vec<Line<'_>> {
    let source = post.source.as_ref().map(|source| source.account_name.as_str());
    let link = post.link.as_deref().filter(|link| !post.text.contains(link));
    let all = [
        post.title.as_deref().map(Line::Title),
        Some(Line::Text(&post.text)),
        link.map(Line::Link),
        source.map(Line::Source),
    ];
    all.into_iter().flatten().filter(|line| !line.text().trim().is_empty()).collect()
}

impl Line<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Title(text) | Self::Text(text) | Self::Link(text) | Self::Source(text) => text,
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Source(name) => format!("来源：{name}"),
            other => other.text().to_owned(),
        }
    }

    fn html(&self) -> String {
        let text = escaped(&self.plain()).replace('\n', "<br>");
        match self {
            Self::Title(_) => format!("<p><strong>{text}</strong></p>"),
            Self::Link(_) => format!("<p><a href=\"{text}\">{text}</a></p>"),
            Self::Text(_) | Self::Source(_) => format!("<p>{text}</p>"),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An event as the server lists it. Others write what they like into theirs, so each field is read by itself: what is not as it
/// should be is not there, and hides nothing else.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Event(Value);

impl Event {
    pub(crate) fn id(&self) -> &str {
        self.text("/event_id").unwrap_or_default()
    }

    pub(crate) fn sender(&self) -> &str {
        self.text("/sender").unwrap_or_default()
    }

    /// Milliseconds since 1970, by the sender's server.
    pub(crate) fn at_unix_ms(&self) -> i64 {
        self.0.pointer("/origin_server_ts").and_then(Value::as_i64).unwrap_or_default()
    }

    /// `None` of one that was redacted.
    pub(crate) fn body(&self) -> Option<&str> {
        self.text("/content/body")
    }

    /// The delivery that made it.
    pub(crate) fn delivery(&self) -> Option<&str> {
        self.text("/content/juzhen.delivery")
    }

    /// The answer to a reader that it is.
    pub(crate) fn answer(&self) -> Option<&str> {
        self.text("/content/juzhen.answer")
    }

    /// Where the thread in which it stands begins.
    pub(crate) fn thread(&self) -> Option<&str> {
        self.related("m.thread")
    }

    /// The event of which it is another version.
    pub(crate) fn replaces(&self) -> Option<&str> {
        self.related("m.replace")
    }

    /// What it answers. In a thread programs name the newest event there although the person answered none of them.
    pub(crate) fn answers(&self) -> Option<&str> {
        let named = self.text("/content/m.relates_to/m.in_reply_to/event_id")?;
        let falls_back = self.0.pointer("/content/m.relates_to/is_falling_back") == Some(&Value::Bool(true));
        (!falls_back).then_some(named)
    }

    pub(crate) fn mentions(&self, user: &str) -> bool {
        let named = self.0.pointer("/content/m.mentions/user_ids").and_then(Value::as_array);
        named.is_some_and(|all| all.iter().any(|one| one == user))
    }

    /// Of somebody's membership: who, and under which name.
    pub(crate) fn member(&self) -> Option<(&str, &str)> {
        Some((self.text("/state_key")?, self.text("/content/displayname")?))
    }

    fn related(&self, how: &str) -> Option<&str> {
        let relates = self.text("/content/m.relates_to/rel_type") == Some(how);
        relates.then(|| self.text("/content/m.relates_to/event_id"))?
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post() -> Post {
        Post {
            title: Some("停水 <通知>".into()),
            text: "今日 14 时停水。\n\"请\"储水 & 关阀。".into(),
            link: Some("https://gov.cn/?a=1&b=2".into()),
            ..Post::default()
        }
    }

    #[test]
    fn a_post_is_read_by_programs_that_show_html_and_by_others() {
        let content = of_post(&post(), None, "d-1").unwrap();
        assert_eq!(
            content["body"],
            "停水 <通知>\n\n今日 14 时停水。\n\"请\"储水 & 关阀。\n\nhttps://gov.cn/?a=1&b=2"
        );
        assert_eq!(
            content["formatted_body"],
            "<p><strong>停水 &lt;通知&gt;</strong></p><p>今日 14 时停水。<br>&quot;请&quot;储水 &amp; 关阀。</p>\
             <p><a href=\"https://gov.cn/?a=1&amp;b=2\">https://gov.cn/?a=1&amp;b=2</a></p>"
        );
        assert_eq!((&content["msgtype"], &content[DELIVERY]), (&json!("m.text"), &json!("d-1")));
        let source = Source { account_name: "区发布".into(), ..Source::default() };
        let again = Post {
            link: Some("a".into()),
            text: "a b".into(),
            title: None,
            source: Some(source),
            media: vec![],
        };
        assert_eq!(
            of_post(&again, None, "d").unwrap()["body"],
            "a b\n\n来源：区发布",
            "the link is in the text"
        );
    }

    #[test]
    fn what_is_longer_than_an_event_is_not_sent_and_not_cut() {
        let long = |chars: usize| Post { text: "汉".repeat(chars), ..Post::default() };
        assert!(of_post(&long(10_000), None, "d").is_ok(), "the manifest's limit fits");
        let no = of_post(&long(10_300), None, "d").unwrap_err();
        assert!(matches!(no.kind, ErrorKind::Rejected { by: RejectedBy::Content, .. }), "{no:?}");
        assert!(of_post(&long(0), None, "d").is_err());
    }

    #[test]
    fn an_answer_stands_where_the_message_stands() {
        let to = |relation| {
            Event(json!({"event_id": "$c", "sender": "@a:x", "content": {"m.relates_to": relation}}))
        };
        let plain = of_answer("好", &to(Value::Null), "k").unwrap();
        assert_eq!(plain["m.relates_to"], json!({"m.in_reply_to": {"event_id": "$c"}}));
        let threaded = to(json!({"rel_type": "m.thread", "event_id": "$p"}));
        let relation = of_answer("好", &threaded, "k").unwrap()["m.relates_to"].clone();
        assert_eq!((&relation["rel_type"], &relation["event_id"]), (&json!("m.thread"), &json!("$p")));
    }

    #[test]
    fn what_others_wrote_amiss_is_not_there() {
        let strange = Event(
            json!({"event_id": 5, "content": {"body": ["x"], "m.relates_to": "y", "m.mentions": {"user_ids": 7}}}),
        );
        assert_eq!((strange.id(), strange.body(), strange.thread()), ("", None, None));
        assert!(!strange.mentions("@a:x"));
        let falls_back = json!({"rel_type": "m.thread", "event_id": "$p", "is_falling_back": true,
            "m.in_reply_to": {"event_id": "$q"}});
        let event = Event(json!({"content": {"m.relates_to": falls_back}}));
        assert_eq!((event.thread(), event.answers()), (Some("$p"), None));
    }
}
