//! `lexicons/*.yaml`: prohibited words by category, with what exempts from one, and words that are allowed.

use juzhen_domain::check::{Category, Sense, Severity, Term};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::form::{At, List, Maybe, Table, Text, Word, vocabulary};
use crate::problem::{What, nearest};
use crate::read::{Form, Notes, section};
use crate::tree::Node;

section! {
    pub(crate) struct LexiconFile, "lexicons/*.yaml：词表" {
        schema: Option<String> as Maybe<Text<64>> = None, "词表格式的名称，可以不写。";
        categories: Vec<(Category, CategorySection)> as ByCategory = Vec::new(), "七类禁止内容 c1–c7，各有一组词。";
        allow: Vec<String> as List<Text<64>> = Vec::new(), "允许的说法：其中包含的词不算命中，例如 破除封建迷信。";
    }
}

section! {
    pub(crate) struct CategorySection, "一类词" {
        name: Option<String> as Maybe<Text<64>> = None, "类别名称，供人阅读。";
        action: Option<Severity> as Maybe<Word<Severity>> = None, "命中后：block 拦截、confirm 需确认、warn 警告、info 提示。不写则 c1、c2、c4、c5 拦截，其余警告。";
        terms: Vec<String> as List<Text<64>>, "词。";
        exempt_if: Vec<String> as List<Text<64>> = Vec::new(), "稿件中有这些说法之一时，本类不检查，例如 公开征求意见。";
    }
}

vocabulary!(Severity: "block" => Self::Block, "confirm" => Self::Confirm, "warn" => Self::Warn, "info" => Self::Info);

impl LexiconFile {
    pub(crate) fn terms(&self) -> Vec<Term> {
        let allowed = self.allow.iter().map(|text| Term { text: text.clone(), sense: Sense::Allowed });
        let prohibited = self.categories.iter().flat_map(|(category, section)| section.terms_of(*category));
        prohibited.chain(allowed).collect()
    }
}

impl CategorySection {
    fn terms_of(&self, category: Category) -> impl Iterator<Item = Term> + '_ {
        let severity = self.action.unwrap_or_else(|| category.usual_severity());
        let words = |texts: &'_ [String], sense: Sense| {
            texts.iter().map(|text| Term { text: text.clone(), sense: sense.clone() }).collect::<Vec<_>>()
        };
        let prohibited = words(&self.terms, Sense::Prohibited { category, severity });
        prohibited.into_iter().chain(words(&self.exempt_if, Sense::Exempts { category }))
    }
}

/// `c1` to `c7`, each with its section.
pub(crate) struct ByCategory;

impl Form for ByCategory {
    type Out = Vec<(Category, CategorySection)>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let sections = Table::<CategorySection>::read(node, notes)?;
        let known = |(At { value, place }, section): (At<String>, CategorySection)| {
            let category = Category::parse(&value);
            if category.is_none() {
                let words = Category::ALL.map(|category| category.rule().as_str());
                let near = nearest(&value, words);
                notes.fault(
                    place,
                    What::UnknownWord { found: format!("`{value}`"), near, known: words.join(", ") },
                );
            }
            category.map(|category| (category, section))
        };
        Some(sections.into_iter().filter_map(known).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let section = CategorySection::schema(generator);
        let keys = serde_json::json!({ "enum": Category::ALL.map(|category| category.rule().as_str()) });
        json_schema!({ "type": "object", "propertyNames": keys, "additionalProperties": section })
    }
}
