//! The XML that the platform pushes, and nothing else that XML can be: what could grow, hide something, or be read in two
//! ways is not read at all.

use roxmltree::{Node, NodeType};

/// The deepest of the platform is `ArticleUrlResult/ResultList/item/ArticleUrl` below the root.
const DEEPEST: usize = 6;
/// Of a list, the first entry counts; anything else is there once.
const LISTS: [&str; 1] = ["item"];

/// One message.
pub(super) struct Document<'x> {
    tree: roxmltree::Document<'x>,
}

impl<'x> Document<'x> {
    pub(super) fn read(text: &'x str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim();
        // Without `allow_dtd` a document type is an error.
        let tree = roxmltree::Document::parse(text).ok()?;
        is_plain(tree.root(), 0).then_some(Self { tree })
    }

    /// The text at a path below the root, without space around it; `None` when there is no such element, more than one, or
    /// nothing in it.
    pub(super) fn text(&self, path: &[&str]) -> Option<String> {
        let mut node = self.tree.root_element();
        for name in path {
            let mut named = node.children().filter(|child| child.tag_name().name() == *name);
            node = named.next()?;
            if named.next().is_some() && !LISTS.contains(name) {
                return None;
            }
        }
        let text: String = node.children().filter_map(|child| child.text()).collect();
        let text = text.trim();
        // It may be quoted in a request later on.
        (!text.is_empty()).then(|| text.replace("{{secret:", "{{secret："))
    }

    pub(super) fn number<T: core::str::FromStr>(&self, path: &[&str]) -> Option<T> {
        self.text(path)?.parse().ok()
    }
}

/// Elements and text only: a comment in a value would be its end for one reader and nothing for another, and the platform
/// has no names from elsewhere.
fn is_plain(node: Node<'_, '_>, depth: usize) -> bool {
    depth <= DEEPEST
        && node.children().all(|child| match child.node_type() {
            NodeType::Element => child.tag_name().namespace().is_none() && is_plain(child, depth + 1),
            NodeType::Text => true,
            NodeType::Root | NodeType::Comment | NodeType::PI => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_cdata_are_read_at_their_path() {
        let text = "\u{feff} <xml><A><![CDATA[ 一<b> ]]></A><B><C>&lt;2&gt;\n</C></B><D> </D></xml> ";
        let document = Document::read(text).unwrap();
        assert_eq!(document.text(&["A"]).as_deref(), Some("一<b>"));
        assert_eq!(document.text(&["B", "C"]).as_deref(), Some("<2>"));
        assert_eq!((document.text(&["D"]), document.text(&["E"])), (None, None));
        let split = Document::read("<xml><A><![CDATA[a]]]]><![CDATA[>b]]></A></xml>").unwrap();
        assert_eq!(split.text(&["A"]).as_deref(), Some("a]]>b"), "X09");
    }

    #[test]
    fn c32_what_is_there_twice_is_not_there_but_in_a_list() {
        let document = Document::read(
            "<xml><MsgId>1</MsgId><MsgId>2</MsgId><L><item><U>a</U></item><item><U>b</U></item></L></xml>",
        );
        let document = document.unwrap();
        assert_eq!(document.text(&["MsgId"]), None, "X05");
        assert_eq!(document.text(&["L", "item", "U"]).as_deref(), Some("a"));
    }

    #[test]
    fn c32_what_could_grow_hide_something_or_name_a_file_is_not_read() {
        let nested = format!("{}x{}", "<a>".repeat(7), "</a>".repeat(7));
        // Within the limit of a body, and deep enough to end whoever recurses through it.
        let deep = format!("{}{}", "<a>".repeat(9000), "</a>".repeat(9000));
        for hostile in [
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><A>&b;</A></xml>",
            "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><xml/>",
            "<!DOCTYPE x><xml/>",
            "<xml><A>&unknown;</A></xml>",
            "<xml><A></xml>",
            "<xml/><xml/>",
            "<xml><A>ab<!-- x -->cd</A></xml>",
            "<!-- x --><xml/>",
            "<xml><?x y?></xml>",
            "<xml><A>&#0;</A></xml>",
            "<x:xml xmlns:x=\"u\"><A/></x:xml>",
            "<xml><A xmlns=\"u\">1</A></xml>",
            "{\"MsgType\":\"text\"}",
            "",
            nested.as_str(),
            deep.as_str(),
        ] {
            assert!(Document::read(hostile).is_none(), "{}", hostile.chars().take(80).collect::<String>());
        }
    }

    #[test]
    fn p11_no_text_becomes_a_placeholder() {
        let document = Document::read("<xml><A>{{secret&#58;app_secret}}</A></xml>").unwrap();
        assert_eq!(document.text(&["A"]).as_deref(), Some("{{secret：app_secret}}"));
    }
}
