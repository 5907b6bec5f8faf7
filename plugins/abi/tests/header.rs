//! The C header and its Rust twin say the same: a C program prints sizes, offsets and constants, Rust compares.
#![allow(clippy::unwrap_used)] // Helpers of tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use juzhen_abi as abi;

/// `layout!(into, Rust type, C type, fields)`: size, alignment, and where each field begins and how long it is.
macro_rules! layout {
    ($facts:ident, $rust:ident, $c:literal, [$($field:ident),*]) => {{
        $facts.push((format!("sizeof({})", $c), size_of::<abi::$rust>() as u64));
        $facts.push((format!("_Alignof({})", $c), align_of::<abi::$rust>() as u64));
        $($facts.push((
            format!("offsetof({}, {})", $c, stringify!($field)),
            core::mem::offset_of!(abi::$rust, $field) as u64,
        ));)*
        // The fields named above are all there are: in Rust by this pattern, in C by the equal sizes.
        #[allow(dead_code)]
        fn whole(value: abi::$rust) {
            let abi::$rust { $($field: _),* } = value;
        }
        _ = whole;
    }};
}

#[test]
fn the_header_and_its_twin_have_the_same_layout() {
    let mut facts: Vec<(String, u64)> = Vec::new();
    layout!(facts, Slice, "adp_slice", [ptr, len]);
    layout!(facts, Buf, "adp_buf", [ptr, len, cap, free]);
    layout!(facts, Waker, "adp_waker", [vt]);
    layout!(facts, WakerVt, "adp_waker_vt", [size, reserved, clone, wake, wake_by_ref, drop]);
    layout!(facts, Future, "adp_future", [vt]);
    layout!(facts, FutureVt, "adp_future_vt", [size, reserved, poll, drop]);
    layout!(facts, Host, "adp_host", [vt]);
    layout!(
        facts,
        HostVt,
        "adp_host_vt",
        [size, abi_minor, reserved, retain, release, call, log, now_unix_ms, random, get_extension]
    );
    layout!(facts, Instance, "adp_instance", [vt]);
    layout!(facts, InstanceVt, "adp_instance_vt", [size, reserved, call, destroy, get_extension]);
    layout!(
        facts,
        Entry,
        "adp_entry",
        [magic, size, abi_major, abi_minor, flags, codec, manifest, build_info, create]
    );
    let in_c = ask_c(facts.iter().map(|(expression, _)| expression.as_str()));
    let in_rust: BTreeMap<_, _> = facts.into_iter().collect();
    assert_eq!(in_rust, in_c);
    let structs = in_rust.keys().filter(|fact| fact.starts_with("sizeof")).count();
    assert_eq!(structs, HEADER.matches("typedef struct ").count(), "every struct of the header is compared");
}

#[test]
fn the_header_and_its_twin_have_the_same_constants() {
    let status = |status: i32| u64::try_from(status).unwrap();
    let numbers = BTreeMap::from([
        ("ADP_MAGIC", abi::MAGIC),
        ("ADP_ABI_MAJOR", abi::ABI_MAJOR.into()),
        ("ADP_ABI_MINOR", abi::ABI_MINOR.into()),
        ("ADP_CODEC_JSON", abi::CODEC_JSON.into()),
        ("ADP_PENDING", status(abi::PENDING)),
        ("ADP_OK", status(abi::OK)),
        ("ADP_ERR", status(abi::ERR)),
        ("ADP_PANIC", status(abi::PANIC)),
        ("ADP_FLAG_UNWINDS", abi::FLAG_UNWINDS.into()),
        ("ADP_FLAG_OWN_THREADS", abi::FLAG_OWN_THREADS.into()),
    ]);
    let marks = BTreeMap::from([
        ("ADP_MANIFEST_BEGIN", abi::MANIFEST_BEGIN),
        ("ADP_MANIFEST_END", abi::MANIFEST_END),
    ]);

    let in_c = ask_c(numbers.keys().copied());
    assert_eq!(
        numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<BTreeMap<_, _>>(),
        in_c
    );
    for (mark, bytes) in &marks {
        let expressions: Vec<_> = (0..bytes.len()).map(|i| format!("(unsigned char){mark}[{i}]")).collect();
        let seen = ask_c(expressions.iter().map(String::as_str));
        let in_c: Vec<_> = expressions.iter().map(|e| u8::try_from(seen[e]).unwrap()).collect();
        assert_eq!(&in_c, bytes, "{mark}");
        let size = format!("sizeof({mark})");
        assert_eq!(ask_c([size.as_str()])[&size], bytes.len() as u64 + 1, "{mark} and the final zero of C");
    }
    let compared: BTreeSet<_> = numbers.into_keys().chain(marks.into_keys()).collect();
    assert_eq!(compared, named_in_the_header(), "every constant of the header is compared");
    assert!(HEADER.contains(&format!("extern const adp_entry {};", abi::ENTRY_SYMBOL)));
}

#[test]
fn the_header_compiles_as_c_and_as_cpp_without_a_warning() {
    let file = scratch("empty.c");
    std::fs::write(&file, "#include \"juzhen_adapter.h\"\n#include \"juzhen_adapter.h\"\n").unwrap();
    for (language, standard) in [("c", "c99"), ("c", "c11"), ("c++", "c++11")] {
        let standard = format!("-std={standard}");
        let arguments =
            ["-x", language, &standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"];
        run(Command::new("cc").args(arguments).arg("-I").arg(include()).arg(&file));
    }
}

const HEADER: &str = include_str!("../include/juzhen_adapter.h");

/// All `ADP_…` names but the include guard's kind of words in comments.
fn named_in_the_header() -> BTreeSet<&'static str> {
    let defined = HEADER.lines().map(str::trim_start).filter_map(|line| {
        let name = line.strip_prefix("#define ").unwrap_or(line);
        let end = name.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(name.len());
        name.get(..end).filter(|name| name.starts_with("ADP_"))
    });
    defined.collect()
}

/// The values of C expressions, after including the header.
fn ask_c<'a>(expressions: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut source = String::from("#include \"juzhen_adapter.h\"\n#include <stdio.h>\nint main(void) {\n");
    for expression in expressions {
        writeln!(source, "printf(\"%s=%llu\\n\", \"{expression}\", (unsigned long long)({expression}));")
            .unwrap();
    }
    source.push_str("return 0; }\n");
    // Tests run at the same time: each its own file, by the text of its program.
    let name =
        format!("facts-{:x}", source.bytes().fold(7u64, |a, b| a.wrapping_mul(31).wrapping_add(b.into())));
    let (file, program) = (scratch(&format!("{name}.c")), scratch(&name));
    std::fs::write(&file, source).unwrap();
    run(Command::new("cc").args(["-std=c11", "-I"]).arg(include()).arg(&file).arg("-o").arg(&program));
    let printed = run(&mut Command::new(&program));
    printed
        .lines()
        .map(|line| line.rsplit_once('=').unwrap())
        .map(|(expression, value)| (expression.to_owned(), value.parse().unwrap()))
        .collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
