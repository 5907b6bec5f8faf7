//! From a tree to typed values, without stopping at the first fault: each form of value reads what it can and notes the
//! rest. The `section!` macro makes a struct, its reader and its JSON schema from one list of fields.

use schemars::{Schema, SchemaGenerator};

use crate::fault::{Finding, Place};
use crate::problem::{Expected, Problem, Thing, ValueProblem, What, nearest};
use crate::tree::{Entry, Node, Value};

/// How a value is written. A form reads a node into its `Out`, or notes why it cannot.
pub(crate) trait Form {
    type Out;

    /// `None` when there was a fault; it is in `notes` then.
    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Self::Out>;

    /// What a required key that is not there reads as.
    fn missing() -> Option<Self::Out> {
        None
    }

    /// The same for editors.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// Something that got an id here.
#[derive(Debug, Clone)]
pub(crate) struct Defined {
    pub(crate) thing: Thing,
    pub(crate) id: String,
    pub(crate) place: Place,
}

/// What reading a file found out beside its values.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) findings: Vec<Finding>,
    /// Ids, also those of elements that have other faults, so that one slip does not make ten.
    pub(crate) defined: Vec<Defined>,
    path: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Key(&'static str),
    Index(usize),
    Name(String),
}

impl Notes {
    pub(crate) fn fault(&mut self, place: Place, what: What) {
        let problem = Problem::Value(ValueProblem { path: self.path_text(), what });
        self.findings.push(Finding::error(place, problem));
    }

    pub(crate) fn expected(&mut self, node: &Node<'_>, expected: Expected) {
        self.fault(node.place, What::Expected { expected, found: node.found() });
    }

    pub(crate) fn at_index<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Index(index), read)
    }

    pub(crate) fn at_name<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Name(name.to_owned()), read)
    }

    fn within<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let value = read(self);
        self.path.pop();
        value
    }

    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Index(index) => text.push_str(&format!("[{index}]")),
                Step::Key(key) => push_key(&mut text, key),
                Step::Name(key) => push_key(&mut text, key),
            }
        }
        text
    }
}

fn push_key(text: &mut String, key: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    text.extend(key.chars().take(40));
}

impl<'t> Node<'t> {
    /// The value as a message quotes it: short, and never a token.
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Scalar { text, plain: true } if text.is_empty() => "nothing".to_owned(),
            Value::Scalar { text, plain } => {
                let covered = crate::fault::cover_secrets(text);
                let short: String = covered.chars().take(40).map(crate::form::visible).collect();
                let more = if covered.chars().count() > 40 { "…" } else { "" };
                if *plain { format!("`{short}{more}`") } else { format!("`\"{short}{more}\"`") }
            }
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys with values".to_owned(),
        }
    }
}

/// The keys of one section.
pub(crate) struct Fields<'n, 't> {
    place: Place,
    entries: &'n [Entry<'t>],
}

impl<'n, 't> Fields<'n, 't> {
    pub(crate) fn of(node: &'n Node<'t>, notes: &mut Notes) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self { place: node.place, entries }),
            _ => {
                notes.expected(node, Expected::Map);
                None
            }
        }
    }

    /// Notes every key that the section does not have.
    pub(crate) fn only(&self, known: &[&'static str], notes: &mut Notes) {
        for entry in self.entries.iter().filter(|entry| entry.key != "<<") {
            if !known.contains(&entry.key.as_ref()) {
                let near = nearest(&entry.key, known.iter().copied());
                let key = entry.key.chars().take(40).collect();
                notes.fault(entry.key_place, What::UnknownKey { key, near });
            }
        }
    }

    pub(crate) fn required<F: Form>(&self, key: &'static str, notes: &mut Notes) -> Option<F::Out> {
        match self.find(key) {
            Some(node) => notes.within(Step::Key(key), |notes| F::read(node, notes)),
            None => {
                notes.fault(self.place, What::MissingKey { key });
                F::missing()
            }
        }
    }

    /// `absent` is called when the key is not written; it may itself find that something is missing.
    pub(crate) fn optional<F: Form>(
        &self,
        key: &'static str,
        notes: &mut Notes,
        absent: impl FnOnce() -> Option<F::Out>,
    ) -> Option<F::Out> {
        match self.find(key) {
            Some(node) => notes.within(Step::Key(key), |notes| F::read(node, notes)),
            None => absent(),
        }
    }

    fn find(&self, key: &str) -> Option<&'n Node<'t>> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

/// Makes a section: `name: Type as Form [= default], "what editors show";` for each field. A field without a default is
/// required. The struct can be read with every fault noted, and described as a JSON schema.
macro_rules! section {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident, $title:literal {
            $( $(#[$doc:meta])* $field:ident: $type:ty as $form:ty $(= $default:expr)?, $say:literal; )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        $visibility struct $name {
            $( $(#[$doc])* $visibility $field: $type, )+
        }

        impl $crate::read::Form for $name {
            type Out = Self;

            fn read(node: &$crate::tree::Node<'_>, notes: &mut $crate::read::Notes) -> Option<Self> {
                let fields = $crate::read::Fields::of(node, notes)?;
                // Everything is read before the first `?`, so that every fault is noted.
                $( let $field = $crate::read::section!(@read fields, notes, $field, $form $(, $default)?); )+
                fields.only(&[$(stringify!($field)),+], notes);
                Some(Self { $( $field: $field?, )+ })
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut object = $crate::schema::ObjectSchema::new($title);
                $( object.field(
                    stringify!($field),
                    <$form as $crate::read::Form>::schema(generator),
                    $say,
                    $crate::read::section!(@default $type $(, $default)?).as_ref(),
                ); )+
                object.finish()
            }
        }
    };
    (@read $fields:ident, $notes:ident, $field:ident, $form:ty) => {
        $fields.required::<$form>(stringify!($field), $notes)
    };
    (@read $fields:ident, $notes:ident, $field:ident, $form:ty, $default:expr) => {
        $fields.optional::<$form>(stringify!($field), $notes, || Some($default))
    };
    (@default $type:ty) => { None::<serde_json::Value> };
    (@default $type:ty, $default:expr) => {{
        let default = || -> Option<$type> { Some($default) };
        Some(default().and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default())
    }};
}

pub(crate) use section;
