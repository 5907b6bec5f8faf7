//! From what an adapter tells of readers to what is kept of them.

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, MessageId};
use juzhen_domain::message::{Kind, Media, Said};
use juzhen_host::message::{Attachment, Message, MessageKind};
use juzhen_store::NewMessage;
use tracing::warn;

use crate::Engine;

/// A message that may be new; `None`, and a line in the log, for one that could not be told from another.
pub(crate) fn new(engine: &Engine, account: &AccountId, message: Message) -> Option<NewMessage> {
    let Some(said) = said(message).tidied() else {
        warn!(account.id = %account, "A message without an id of its own cannot be kept");
        return None;
    };
    Some(NewMessage { id: MessageId::new(engine.new_id()), said })
}

fn said(message: Message) -> Said {
    let time = |unix_ms| Timestamp::from_millisecond(unix_ms).ok();
    Said {
        kind: kind(message.kind),
        platform_id: message.id,
        post: message.post,
        parent: message.parent,
        author_id: message.author.uid,
        author_name: message.author.name,
        text: message.text,
        media: message.media.into_iter().map(media).collect(),
        url: message.url,
        shown: message.shown,
        reply_until: message.reply_until_unix_ms.and_then(time),
        replies_left: message.replies_left,
        // An adapter that does not know says nothing, which reads as 0.
        written_at: Some(message.at_unix_ms).filter(|at| *at > 0).and_then(time),
    }
}

fn kind(kind: MessageKind) -> Kind {
    match kind {
        MessageKind::Comment => Kind::Comment,
        MessageKind::Mention => Kind::Mention,
        MessageKind::MentionInComment => Kind::MentionInComment,
        MessageKind::Private => Kind::Private,
        MessageKind::Other => Kind::Other,
    }
}

fn media(attachment: Attachment) -> Media {
    let Attachment { kind, url, id } = attachment;
    Media { kind, url, id }
}
