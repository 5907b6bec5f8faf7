//! The sample district that ships with the program has no faults, and its schemas are those of the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is missing"
)]

mod common;

use std::path::Path;

use juzhen_settings::{Loader, schemas};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");

#[test]
fn the_sample_district_has_no_faults() {
    let mut loader = Loader::new(CONFIG);
    let settings = loader.load(Some(&common::installed())).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loader.report().faults, [], "{}", loader.report());
    let counts =
        [settings.units.len(), settings.people.len(), settings.accounts.len(), settings.columns.len()];
    assert_eq!(counts, [21, 93, 22, 10]);
    assert_eq!((settings.procedures.len(), settings.routes.len()), (5, 6));
    let lexicons: Vec<&str> = settings.checks.lexicons.keys().map(String::as_str).collect();
    assert_eq!(lexicons, ["lexicons/prohibited.yaml", "lexicons/typos.tsv"]);
    assert_eq!(settings.accounts[&"W000".into()].adapter, "mock");
    assert_eq!(settings.accounts[&"W000".into()].settings["base_url"], "http://127.0.0.1:9477/mock");
}

#[test]
fn every_file_names_its_schema_first_and_the_schema_is_up_to_date() {
    let wanted = schemas();
    for (name, text) in &wanted {
        let path = Path::new(CONFIG).join("schema").join(name);
        let shipped = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(&shipped, text, "{name} is old: run `juzhen schema config/schema`");
    }
    let settings = Loader::new(CONFIG).load(None).unwrap();
    for (file, text) in settings.sources.iter().filter(|(file, _)| file.ends_with(".yaml")) {
        let first = text.lines().next().unwrap();
        let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap();
        let folder = Path::new(CONFIG).join(file).parent().unwrap().join(schema);
        assert!(folder.is_file(), "{file}: {schema}");
    }
}

/// The schemas are what editors check against: they must take what the program takes.
#[test]
fn schemas_know_every_key_of_the_sample() {
    let district = &schemas().into_iter().find(|(name, _)| *name == "district.json").unwrap().1;
    for key in ["latest_after_minutes", "allow_private_egress", "office_unit", "\"default\": 15"] {
        assert!(district.contains(key), "{key}");
    }
}
