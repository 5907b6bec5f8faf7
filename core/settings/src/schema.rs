//! JSON schemas for editors, made from the same sections that the files are read with.

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::files::{
    ColumnsFile, DistrictFile, LeadersFile, LexiconFile, ProceduresFile, RoutesFile, UnitFile,
};

/// File name and text of each schema.
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("columns.json", text_of::<ColumnsFile>()),
        ("district.json", text_of::<DistrictFile>()),
        ("leaders.json", text_of::<LeadersFile>()),
        ("lexicon.json", text_of::<LexiconFile>()),
        ("procedures.json", text_of::<ProceduresFile>()),
        ("routes.json", text_of::<RoutesFile>()),
        ("unit.json", text_of::<UnitFile>()),
    ]
}

/// Writes the schemas into `folder`, which is made if need be, and returns what was written.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn schema(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut written = Vec::new();
    for (name, text) in schemas() {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        written.push(path);
    }
    Ok(written)
}

fn text_of<T: JsonSchema>() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// A section as a JSON schema: only its own keys, each with what it means and its default.
pub(crate) struct ObjectSchema {
    title: &'static str,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl ObjectSchema {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, properties: Map::new(), required: Vec::new() }
    }

    pub(crate) fn field(&mut self, name: &'static str, schema: Schema, says: &str, default: Option<&Value>) {
        let mut property = schema.to_value();
        // Beside `$ref`, draft 7 ignores everything else.
        if property.get("$ref").is_some() {
            property = json!({ "allOf": [property] });
        }
        if let Some(fields) = property.as_object_mut() {
            fields.insert("description".to_owned(), says.into());
            match default {
                None => self.required.push(name),
                Some(Value::Null) => {}
                Some(value) => drop(fields.insert("default".to_owned(), value.clone())),
            }
        }
        self.properties.insert(name.to_owned(), property);
    }

    pub(crate) fn finish(self) -> Schema {
        let mut object = Map::new();
        object.insert("title".to_owned(), self.title.into());
        object.insert("type".to_owned(), "object".into());
        object.insert("additionalProperties".to_owned(), false.into());
        object.insert("required".to_owned(), self.required.into());
        object.insert("properties".to_owned(), self.properties.into());
        object.into()
    }
}
