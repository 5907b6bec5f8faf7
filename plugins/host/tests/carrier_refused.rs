//! Every reason to refuse a file, each with its own words, and the daemon none the worse. (F80–F83, S01–S14)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod carrier;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use carrier::{BOTH, Notes, compile, open, options};
use juzhen_host::lane::{Isolation, LaneAnswer, LaneOptions, Sandbox};
use juzhen_host::refused::LoadRefused;
use juzhen_host::sealed::SealedLibrary;

async fn refused(isolation: Isolation, switches: &[&str]) -> LoadRefused {
    match open(isolation, switches).await {
        Ok(_) => panic!("{switches:?} was loaded {isolation:?}"),
        Err(why) => why,
    }
}

async fn refused_with(path: &Path, options: &LaneOptions) -> LoadRefused {
    let library = SealedLibrary::read(path).unwrap();
    match juzhen_host::open(library, options, Arc::<Notes>::default()).await {
        Ok(_) => panic!("it was loaded"),
        Err(why) => why,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f80_a_wrong_entry_is_refused_by_its_first_wrong_field() {
    for mode in BOTH {
        let cases: [(&[&str], LoadRefused); 6] = [
            (
                &["-DMAGIC=0x1122334455667788ull", "-DMAJOR=2"],
                LoadRefused::WrongMagic { found: 0x1122_3344_5566_7788 },
            ),
            (&["-DMAJOR=2", "-DSIZE=8"], LoadRefused::AbiMajor(2)),
            (&["-DSIZE=56", "-DCODEC=9"], LoadRefused::EntryTooSmall { found: 56, wanted: 64 }),
            (&["-DCODEC=9"], LoadRefused::UnknownCodec(9)),
            (&["-DDIFFERENT=\"{}\""], LoadRefused::ManifestDiffers),
            (&["-DNO_ENTRY"], LoadRefused::MissingSymbol("adp_entry_v1".into())),
        ];
        for (switches, wanted) in cases {
            assert_eq!(refused(mode, switches).await, wanted, "{mode:?} {switches:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_manifest_is_refused_without_loading_anything() {
    let mode = Isolation::Process;
    assert_eq!(refused(mode, &["-DNO_MANIFEST"]).await, LoadRefused::NoManifest);
    assert!(matches!(refused(mode, &["-DMANIFEST=\"text\""]).await, LoadRefused::ManifestNotJson(_)));
    let unnamed = r#"-DMANIFEST="{\"name\":\"No\",\"version\":\"1\",\"platform\":\"x\"}""#;
    assert!(matches!(refused(mode, &[unnamed]).await, LoadRefused::ManifestInvalid(_)));
    let wants = r#"-DMANIFEST="{\"name\":\"x\",\"version\":\"1\",\"platform\":\"x\",\"requires\":[\"teleport.v1\"]}""#;
    for mode in BOTH {
        assert_eq!(refused(mode, &[wants]).await, LoadRefused::RequiresMissing("teleport.v1".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_fails_says_why_and_one_that_is_wrong_is_refused() {
    for mode in BOTH {
        let failed = refused(mode, &["-DCREATE_FAILS"]).await;
        assert_eq!(failed, LoadRefused::CreateFailed("no api address".into()), "{mode:?}");
        assert!(matches!(refused(mode, &["-DCREATE_NULL"]).await, LoadRefused::Malformed(_)), "{mode:?}");
    }
    let LoadRefused::Crashed(why) = refused(Isolation::Process, &["-DCREATE_ABORTS"]).await else { panic!() };
    assert!(why.contains("SIGABRT") && why.ends_with("it said: sins: cannot start"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_never_ends_is_given_up_and_its_process_ended() {
    for mode in BOTH {
        let (_folder, path) = compile(&["-DCREATE_HANGS"]);
        let options = LaneOptions { start_budget: Duration::from_millis(500), ..options(mode) };
        let why = refused_with(&path, &options).await;
        assert!(matches!(why, LoadRefused::Hung { after_ms: 500, .. }), "{mode:?} {why:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_unwinding_it_runs_in_a_process_only() {
    assert_eq!(refused(Isolation::InProcess, &["-DFLAGS=0"]).await, LoadRefused::NeedsUnwinding);
    assert!(open(Isolation::Process, &["-DFLAGS=0"]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_sandbox_refuses_in_process_and_names_what_is_missing() {
    let (_folder, path) = compile(&[]);
    let options = LaneOptions { sandbox: Sandbox::Required, ..options(Isolation::InProcess) };
    let LoadRefused::SandboxMissing(what) = refused_with(&path, &options).await else { panic!() };
    assert!(what.contains("process"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_adapter_host_is_an_error_and_not_a_hang() {
    let (_folder, path) = compile(&[]);
    for (program, wanted) in [("/bin/true", "ended"), ("/nonexistent", "nonexistent")] {
        let options = LaneOptions { program: program.into(), ..options(Isolation::Process) };
        let why = refused_with(&path, &options).await.to_string();
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn s03_every_kind_of_half_copied_library_is_refused() {
    let (folder, path) = compile(&[]);
    let whole = std::fs::read(&path).unwrap();
    let half = folder.path().join("half.so");
    // Every 97th length, and each of the last ones.
    let lengths = (0..whole.len()).step_by(97).chain(whole.len() - 200..whole.len());
    for length in lengths {
        std::fs::write(&half, &whole[..length]).unwrap();
        let why = SealedLibrary::read(&half).expect_err("a cut file");
        let wanted = matches!(why, LoadRefused::Truncated(_)) || (length < 4 && why == LoadRefused::NotElf);
        assert!(wanted, "{length} of {}: {why}", whole.len());
    }
    std::fs::write(&half, &whole).unwrap();
    assert!(SealedLibrary::read(&half).is_ok());
}

#[test]
fn s01_s02_other_files_and_other_machines_are_refused() {
    let (folder, path) = compile(&[]);
    let other = folder.path().join("other.so");
    for text in [&b""[..], b"just text", b"\x7fEL", b"#!/bin/sh\n"] {
        std::fs::write(&other, text).unwrap();
        assert_eq!(SealedLibrary::read(&other).unwrap_err(), LoadRefused::NotElf);
    }
    let whole = std::fs::read(&path).unwrap();
    // Machine (little endian at 18), class (at 4), type (at 16).
    for (at, byte, word) in
        [(18, 0xB7, "aarch64"), (18, 0x03, "x86, 64"), (4, 1, "32-bit"), (16, 1, "object file")]
    {
        let mut bent = whole.clone();
        bent[at] = byte;
        std::fs::write(&other, &bent).unwrap();
        let why = SealedLibrary::read(&other).unwrap_err();
        assert!(matches!(&why, LoadRefused::OtherMachine { found, .. } if found.contains(word)), "{why}");
    }
    // A (position independent) program is no library with an entry.
    let program = SealedLibrary::read(Path::new(env!("CARGO_BIN_EXE_adapter_host"))).unwrap_err();
    assert!(matches!(program, LoadRefused::MissingSymbol(_)), "{program}");
}

#[test]
fn s15_a_library_that_names_others_is_refused_before_they_are_searched_for() {
    let (folder, path) = compile(&[]);
    let other = folder.path().join("libother.so");
    std::fs::copy(&path, &other).unwrap();
    let link = format!("-L{}", folder.path().display());
    let (_second, path) = compile(&[&link, "-Wl,--no-as-needed", "-lother", "-Wl,-rpath,$ORIGIN"]);
    assert_eq!(SealedLibrary::read(&path).unwrap_err(), LoadRefused::NeedsLibrary("libother.so".into()));
}

#[test]
fn s14_files_that_others_can_change_are_refused() {
    let (folder, path) = compile(&[]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let why = SealedLibrary::read(&path).unwrap_err();
    assert!(matches!(&why, LoadRefused::Unprotected(what) if what.contains("the file")), "{why}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let why = SealedLibrary::read(&path).unwrap_err();
    assert!(matches!(&why, LoadRefused::Unprotected(what) if what.contains("folder")), "{why}");
    // Through a link from a good folder as well.
    let good = tempfile::tempdir().unwrap();
    let link = good.path().join("link.so");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(SealedLibrary::read(&link), Err(LoadRefused::Unprotected(_))));
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(SealedLibrary::read(&link).is_ok());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert!(matches!(SealedLibrary::read(&path), Err(LoadRefused::Unprotected(_))));
    }
}

#[test]
fn pipes_folders_and_missing_files_neither_hang_nor_load() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.so");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    assert!(matches!(SealedLibrary::read(&pipe), Err(LoadRefused::NotAFile(_))));
    assert!(matches!(SealedLibrary::read(folder.path()), Err(LoadRefused::NotAFile(_))));
    let missing = SealedLibrary::read(&folder.path().join("missing.so")).unwrap_err();
    assert!(matches!(missing, LoadRefused::Unreadable(_)), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_what_happens_to_the_file_after_reading_changes_nothing() {
    for mode in BOTH {
        let (_folder, path) = compile(&[]);
        let library = SealedLibrary::read(&path).unwrap();
        // In place, as `cp` does it, to the length of nothing.
        std::fs::write(&path, b"").unwrap();
        let lane = juzhen_host::open(library, &options(mode), Arc::<Notes>::default()).await.unwrap();
        assert!(matches!(carrier::call(&*lane, "echo", "x").await, LaneAnswer::Ok(_)), "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_libraries_one_after_the_other_in_this_process_are_not_mixed_up() {
    for version in ["1.0.0", "2.0.0"] {
        let manifest =
            format!(r#"-DMANIFEST="{{\"name\":\"sins\",\"version\":\"{version}\",\"platform\":\"sins\"}}""#);
        // A mix-up would show as a manifest that differs from the file's.
        let (lane, _) = open(Isolation::InProcess, &[&manifest]).await.unwrap();
        assert_eq!(lane.manifest().version, version);
        lane.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_sandbox_opens_where_nothing_is_missing() {
    let (_folder, path) = compile(&[]);
    let library = SealedLibrary::read(&path).unwrap();
    let lane =
        juzhen_host::open(library, &options(Isolation::Process), Arc::<Notes>::default()).await.unwrap();
    let required = LaneOptions { sandbox: Sandbox::Required, ..options(Isolation::Process) };
    let missing = lane.isolation().missing();
    if missing.is_empty() {
        let library = SealedLibrary::read(&path).unwrap();
        assert!(juzhen_host::open(library, &required, Arc::<Notes>::default()).await.is_ok());
    } else {
        assert_eq!(refused_with(&path, &required).await, LoadRefused::SandboxMissing(missing.join(", ")));
    }
}
