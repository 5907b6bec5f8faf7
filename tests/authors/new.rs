//! `juzhen adapter new`: what it refuses, and where what it writes belongs. That it builds and publishes is the tutorial's.

use std::fs;
use std::path::Path;

use juzhen_tests::root;
use tempfile::TempDir;

use crate::program::adapter;

#[test]
fn a_bad_name_is_asked_wrongly_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    for name in ["Foo", "foo-bar", "../foo", "type", "微博", ""] {
        let ran = adapter(folder.path(), ["new", name]);
        assert_eq!(ran.code, Some(2), "{name}: {ran:?}");
        assert!(ran.stderr.contains("name"), "{ran:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_there_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("foo")).unwrap();
    fs::write(folder.path().join("foo/mine"), "mine").unwrap();
    let ran = adapter(folder.path(), ["new", "foo"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("is there already; it was left as it is"), "{ran:?}");
    assert_eq!(fs::read_dir(folder.path().join("foo")).unwrap().count(), 1);
}

#[test]
fn it_belongs_to_the_checkout_or_to_nobody_and_knows_where_the_sdk_is() {
    let checkout = TempDir::new().unwrap();
    for part in ["plugins/sdk", "plugins/testkit", "adapters"] {
        fs::create_dir_all(checkout.path().join(part)).unwrap();
    }
    fs::write(checkout.path().join("plugins/sdk/Cargo.toml"), "").unwrap();
    let manifest = |path: &Path| fs::read_to_string(path.join("Cargo.toml")).unwrap();

    let ran = adapter(checkout.path(), ["--json", "new", "foo"]);
    assert_eq!(ran.json()["dir"], "adapters/foo", "{ran:?}");
    let member = manifest(&checkout.path().join("adapters/foo"));
    assert!(member.contains("juzhen-sdk.workspace = true") && !member.contains("[workspace]"), "{member}");
    let ran = adapter(checkout.path(), ["new", "bar", "--sdk", "."]);
    assert_eq!(ran.code, Some(2), "its checkout has the SDK: {ran:?}");

    let elsewhere = TempDir::new().unwrap();
    let alone = |arguments: &[&str]| {
        let ran = adapter(elsewhere.path(), [&["new", "--dir", "made/here"][..], arguments].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        manifest(&elsewhere.path().join("made/here").join(arguments[0]))
    };
    let said = alone(&["one", "--sdk", checkout.path().to_str().unwrap()]);
    let place = checkout.path().canonicalize().unwrap().join("plugins/sdk");
    assert!(said.contains(&format!("juzhen-sdk = {{ path = {place:?} }}")), "{said}");
    let fetched = alone(&["two", "--sdk", "https://git.example/juzhen.git"]);
    assert!(fetched.contains("juzhen-sdk = { git = \"https://git.example/juzhen.git\" }"), "{fetched}");
    // The program under test was built in this checkout.
    let found = alone(&["three"]);
    assert!(
        found.contains(root().canonicalize().unwrap().join("plugins/testkit").to_str().unwrap()),
        "{found}"
    );

    let ran = adapter(elsewhere.path(), ["new", "four", "--sdk", "no/such/folder"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!elsewhere.path().join("four").exists());
}
