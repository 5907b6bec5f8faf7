//! What a new adapter begins as: the files of `adapters/mock`, which is built and tested, with its name replaced.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Where a new crate finds the SDK.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sdk {
    /// It is a member of the checkout with this root.
    Workspace(PathBuf),
    /// It stands alone beside the checkout with this root.
    Folder(PathBuf),
    /// It stands alone, and cargo fetches the SDK.
    Git(String),
}

/// A file of the crate, and what is replaced in it.
struct Template {
    path: &'static str,
    text: &'static str,
    /// From what to what: `NAME` is the adapter's name, `TYPE` its type in Rust.
    renames: &'static [(&'static str, &'static str)],
}

macro_rules! of_mock {
    ($path:literal, $renames:expr) => {
        Template {
            path: $path,
            text: include_str!(concat!("../../../../../adapters/mock/", $path)),
            renames: $renames,
        }
    };
}

const PACKAGE: &[(&str, &str)] =
    &[("juzhen-adapter-mock", "juzhen-adapter-NAME"), ("name = \"mock\"", "name = \"NAME\"")];

/// The manifest of a member of the workspace.
const MEMBER: Template = of_mock!("Cargo.toml", PACKAGE);

/// The manifest of a crate anywhere else.
const ALONE: Template =
    Template { path: "Cargo.toml", text: include_str!("standalone.toml"), renames: PACKAGE };

const FILES: &[Template] = &[
    of_mock!(
        "manifest.json",
        &[
            ("\"name\": \"mock\"", "\"name\": \"NAME\""),
            ("\"platform\": \"mock\"", "\"platform\": \"NAME\""),
            ("模拟平台", "NAME"),
        ]
    ),
    of_mock!("src/lib.rs", &[("Mock", "TYPE")]),
    of_mock!("tests/adapter.rs", &[]),
    of_mock!("tests/cassettes/publish.json", &[("\"name\": \"mock\"", "\"name\": \"NAME\"")]),
    of_mock!("conformance.yaml", &[("libmock.so", "libNAME.so")]),
    of_mock!("README.md", &[("# mock", "# NAME")]),
];

/// The path within the crate and the text of each file.
pub(super) fn files(name: &str, sdk: &Sdk) -> Result<Vec<(String, String)>> {
    let mut files: Vec<(String, String)> =
        FILES.iter().map(|file| (file.path.to_owned(), file.named(name))).collect();
    match sdk {
        Sdk::Workspace(_) => files.push((MEMBER.path.to_owned(), MEMBER.named(name))),
        Sdk::Folder(root) => {
            let of = |part: &str| format!("path = {:?}", root.join("plugins").join(part));
            files.push((ALONE.path.to_owned(), alone(name, of)));
            // The versions that the checkout is tested with; cargo leaves out what the crate does not use.
            let lock = root.join("Cargo.lock");
            if lock.is_file() {
                let text = fs::read_to_string(&lock);
                let text = text.with_context(|| format!("could not read {}", lock.display()))?;
                files.push(("Cargo.lock".to_owned(), text));
            }
        }
        Sdk::Git(address) => {
            files.push((ALONE.path.to_owned(), alone(name, |_| format!("git = {address:?}"))));
        }
    }
    if !matches!(sdk, Sdk::Workspace(_)) {
        files.push((".gitignore".to_owned(), "/target\n".to_owned()));
    }
    Ok(files)
}

fn alone(name: &str, place: impl Fn(&str) -> String) -> String {
    ALONE.named(name).replace("SDK_PLACE", &place("sdk")).replace("TESTKIT_PLACE", &place("testkit"))
}

impl Template {
    fn named(&self, name: &str) -> String {
        let named = |to: &str| to.replace("NAME", name).replace("TYPE", &type_name(name));
        self.renames.iter().fold(self.text.to_owned(), |text, (from, to)| text.replace(from, &named(to)))
    }
}

/// The name of the crate.
pub(super) fn package(name: &str) -> String {
    format!("juzhen-adapter-{name}")
}

/// `foo_bar` → `FooBar`
fn type_name(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('_').map(capital).collect()
}

/// Names that mean something else: to Rust, to cargo, or in the crate itself.
const TAKEN: &str = "\
    abstract alloc as async await become box break const continue core crate do dyn else enum extern false final fn \
    for gen if impl in juzhen juzhen_sdk let loop macro match mod move mut override priv proc_macro pub ref return \
    self serde serde_json static std struct super test trait true try type typeof union unsafe unsized use virtual \
    where while yield";

/// Types that the template names, which the adapter's own type must not hide.
const TAKEN_TYPES: &str = "\
    AccountInfo Adapter Box Config Created Cx Deserialize Effect Err Error ErrorKind Find Found FoundPost Host Http \
    Level Listed Media Message Meta NewPost None Ok Option Part Post Progress Published Reason Refused RejectedBy \
    Reply Repost RequestBuilder Response Result Retract Scope Seen Self Send Serialize Some Source String Sync \
    Ticket Told Track Tracked Uploaded Value Vec";

const LONGEST: usize = 30;

/// Whether a name can be that of an adapter, a crate, a library and a type at once.
///
/// # Errors
/// Why not, for people.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.len() > LONGEST {
        return Err(format!(
            "{name:?} is no name for an adapter: a lower-case letter, then letters, digits and `_`, {LONGEST} at most"
        ));
    }
    let is_in = |words: &str, name: &str| words.split_whitespace().any(|word| word == name);
    if is_in(TAKEN, name) || is_in(TAKEN_TYPES, &type_name(name)) {
        return Err(format!("{name:?} means something else in Rust or in the SDK; take another name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_name_is_found_and_replaced() {
        for file in FILES.iter().chain([&MEMBER, &ALONE]) {
            for (from, _) in file.renames {
                assert!(file.text.contains(from), "{} has no {from:?} any more", file.path);
            }
            let named = file.named("foo_bar");
            for left in ["Mock", "adapter-mock", "libmock", "\"mock\"", "NAME", "TYPE"] {
                assert!(!named.contains(left), "{} of foo_bar says {left}: {named}", file.path);
            }
        }
        assert!(FILES.iter().any(|file| file.named("foo_bar").contains("struct FooBar;")));
    }

    #[test]
    fn a_crate_alone_names_the_sdk_and_one_in_the_checkout_does_not() {
        let manifest =
            |sdk| files("foo", &sdk).unwrap().into_iter().find(|(path, _)| path == "Cargo.toml").unwrap().1;
        let git = manifest(Sdk::Git("https://git.example/j.git".to_owned()));
        assert!(git.contains("juzhen-sdk = { git = \"https://git.example/j.git\" }"), "{git}");
        let folder = manifest(Sdk::Folder("/no/such/checkout".into()));
        assert!(
            folder.contains("juzhen-testkit = { path = \"/no/such/checkout/plugins/testkit\" }"),
            "{folder}"
        );
        assert!(folder.contains("[workspace]"), "it is nobody's member: {folder}");
        let member = manifest(Sdk::Workspace("/no/such/checkout".into()));
        assert!(
            member.contains("juzhen-sdk.workspace = true") && member.contains("juzhen-adapter-foo"),
            "{member}"
        );
    }

    #[test]
    fn a_name_is_good_for_crate_library_and_type() {
        for good in ["foo", "foo2", "foo_bar", "mastodon"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "a".repeat(31);
        for bad in
            ["", "Foo", "2foo", "_foo", "foo-bar", "../foo", "微博", "type", "serde", "post", "self", &long]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert_eq!(type_name("foo_b2"), "FooB2");
    }
}
