//! The XML that the platform pushes. A document type, with which a few bytes could become many, is not read.

/// One message.
pub(super) struct Document<'x> {
    tree: roxmltree::Document<'x>,
}

impl<'x> Document<'x> {
    pub(super) fn read(text: &'x str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim();
        // Without `allow_dtd` one is an error.
        Some(Self { tree: roxmltree::Document::parse(text).ok()? })
    }

    /// The text at a path below the root, without space around it; `None` when there is no such element or nothing in it.
    pub(super) fn text(&self, path: &[&str]) -> Option<String> {
        let mut node = self.tree.root_element();
        for name in path {
            node = node.children().find(|child| child.tag_name().name() == *name)?;
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
    }

    #[test]
    fn what_could_grow_or_name_a_file_is_not_read() {
        for hostile in [
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><A>&b;</A></xml>",
            "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><xml/>",
            "<xml><A>&unknown;</A></xml>",
            "<xml><A></xml>",
            "",
        ] {
            assert!(Document::read(hostile).is_none(), "{hostile}");
        }
    }

    #[test]
    fn p11_no_text_becomes_a_placeholder() {
        let document = Document::read("<xml><A>{{secret&#58;app_secret}}</A></xml>").unwrap();
        assert_eq!(document.text(&["A"]).as_deref(), Some("{{secret：app_secret}}"));
    }
}
