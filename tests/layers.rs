//! The house keeps its shape: imports point down only, `unsafe` stays at the boundary, every file says what it is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use juzhen_tests::{root, sources};

/// crate → what it may import of ours (core/ARCHITECTURE.md has the picture). Tests may import more: they drive what
/// they test.
const LAYERS: &[(&str, &[&str])] = &[
    ("juzhen-domain", &[]),
    ("juzhen-abi", &[]),
    ("juzhen-settings", &["juzhen-domain"]),
    ("juzhen-store", &["juzhen-domain"]),
    ("juzhen-sdk", &["juzhen-abi"]),
    ("juzhen-host", &["juzhen-abi"]),
    ("juzhen-testkit", &["juzhen-abi", "juzhen-host"]),
    ("juzhen-engine", &["juzhen-domain", "juzhen-settings", "juzhen-store", "juzhen-host"]),
    ("juzhen-server", &["juzhen-domain", "juzhen-store", "juzhen-engine"]),
    (
        "juzhen",
        &[
            "juzhen-domain",
            "juzhen-settings",
            "juzhen-store",
            "juzhen-engine",
            "juzhen-server",
            "juzhen-host",
            "juzhen-sandbox",
            "juzhen-testkit",
        ],
    ),
    ("juzhen-adapter-mock", &["juzhen-sdk"]),
    ("juzhen-adapter-hostile", &["juzhen-sdk"]),
    ("juzhen-adapter-wechat", &["juzhen-sdk"]),
    ("juzhen-adapter-weibo", &["juzhen-sdk"]),
    ("juzhen-adapter-matrix", &["juzhen-sdk"]),
    ("juzhen-sandbox", &[]),
    (
        "juzhen-simulation",
        &["juzhen-domain", "juzhen-settings", "juzhen-store", "juzhen-engine", "juzhen-host"],
    ),
];

/// The only places where `unsafe` may stand.
const UNSAFE_ALLOWED: &[&str] =
    &["plugins/abi", "plugins/sdk", "plugins/host", "plugins/testkit", "adapters/hostile"];

#[test]
fn imports_point_down_only() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        LAYERS.iter().map(|(name, may)| (*name, may.iter().copied().collect())).collect();
    // Whoever writes a new one need not ask for a place.
    let of_adapters = BTreeSet::from(["juzhen-sdk"]);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        if name == "juzhen-tests" {
            continue;
        }
        let may = allowed
            .get(name)
            .or_else(|| name.starts_with("juzhen-adapter-").then_some(&of_adapters))
            .unwrap_or_else(|| panic!("{name} has no place in the house yet: give it one in LAYERS"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let of_tests = dependency["kind"] == "dev";
            let imported = dependency["name"].as_str().unwrap();
            if ours.contains(imported) && !of_tests {
                assert!(may.contains(imported), "{name} must not import {imported}");
            }
        }
    }
    let gone: Vec<_> = allowed.keys().filter(|name| !ours.contains(**name)).collect();
    assert!(gone.is_empty(), "no longer in the workspace: {gone:?}");
}

#[test]
fn unsafe_stays_at_the_boundary() {
    for (path, text) in sources() {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        let uses = code
            .filter(|l| l.contains("unsafe {") || l.contains("unsafe fn") || l.contains("unsafe impl"))
            .count();
        let allowed =
            UNSAFE_ALLOWED.iter().any(|folder| shown.starts_with(folder)) || shown == "tests/layers.rs";
        assert!(uses == 0 || allowed, "{shown} holds unsafe code");
        let is_root = shown.ends_with("src/lib.rs") || shown.ends_with("src/main.rs");
        if is_root && !allowed {
            assert!(text.contains("#![forbid(unsafe_code)]"), "{shown} does not forbid unsafe code");
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (path, text) in sources() {
        assert!(
            text.starts_with("//!") || text.starts_with("#!"),
            "{} has no `//!` line at its top",
            path.display()
        );
    }
}

#[test]
fn the_domain_names_no_clock_no_file_and_no_network() {
    for (path, text) in sources().into_iter().filter(|(p, _)| p.starts_with(root().join("core/domain/src"))) {
        for word in [
            "std::fs",
            "std::net",
            "std::env",
            "tokio",
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "async ",
        ] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn only_send_gives_the_host_leave_for_effects() {
    for (path, text) in sources().into_iter().filter(|(p, _)| p.starts_with(root().join("core"))) {
        let is_send = path.ends_with("engine/src/send.rs");
        // An author's tool, with neither the daemon's database nor its secrets, and for the sandbox unless told otherwise.
        let is_recorder = path.ends_with("daemon/src/commands/adapter/record.rs");
        assert!(
            is_send || is_recorder || !text.contains("EffectPolicy::Journal"),
            "{} asks for effects",
            path.display()
        );
    }
}

#[test]
fn the_readmes_first_two_commands_are_one_line_each_and_ci_runs_the_second() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks[..2].iter().all(|block| block.lines().count() == 1), "{blocks:#?}");
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.lines().any(|line| line == blocks[1].trim()), "{ci}");
    let chinese = std::fs::read_to_string(root().join("README.zh-CN.md")).unwrap();
    assert!(chinese.contains(blocks[0]), "the Chinese README starts it in another way");
}
