//! The file itself: what it exports, what it needs, what it says of itself, and that it starts under the real isolation.

use std::time::Instant;

use futures_util::future::BoxFuture;
use juzhen_abi::{ABI_MAJOR, ENTRY_SYMBOL, FLAG_OWN_THREADS, FLAG_UNWINDS};
use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSymbol as _};

use super::bench::Bench;
use super::report::Finding;

/// The C library of Debian 12, which is the oldest system that the daemon is built for.
const GLIBC_FLOOR: (u32, u32) = (2, 36);
/// The daemon reads files of at most 64 MiB; half of that is much for one platform.
const LARGEST: usize = 32 << 20;
/// The daemon waits five seconds for a start.
const START_BUDGET_MS: u128 = 5000;

/// Loads it as the daemon does: private copy, limits, namespaces, landlock, filter; then its entry; then `create`.
pub(crate) fn starts(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let begun = Instant::now();
        let lane = match bench.lane().await {
            Ok(lane) => lane,
            Err(refused) => return Finding::failed(refused.to_string()),
        };
        let took = begun.elapsed().as_millis();
        let missing = lane.isolation().missing();
        let isolation = match missing.as_slice() {
            [] => "under every mechanism of isolation".to_owned(),
            missing => format!("isolation without {} on this machine", missing.join(", ")),
        };
        let seen = format!("ready, {isolation}");
        if took > START_BUDGET_MS {
            Finding::failed(format!("{seen}, after {took} ms"))
        } else {
            Finding::passed(seen)
        }
    })
}

/// What the loader compared before it took the entry: its magic, version, size, codec, and both manifests.
pub(crate) fn entry(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        match bench.lane().await {
            Err(refused) => Finding::failed(refused.to_string()),
            Ok(lane) => {
                let identity = lane.identity();
                let known = FLAG_UNWINDS | FLAG_OWN_THREADS;
                if identity.flags & !known != 0 {
                    return Finding::failed(format!(
                        "flags {:#x} have a bit that no version knows",
                        identity.flags
                    ));
                }
                let catches =
                    if identity.flags & FLAG_UNWINDS != 0 { "catches its panics" } else { "a panic ends it" };
                let build = &identity.build_info;
                Finding::passed(format!("version {ABI_MAJOR} of the boundary, {catches}, built with {build}"))
            }
        }
    })
}

pub(crate) fn exports(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let elf = match elf(bench) {
            Ok(elf) => elf,
            Err(why) => return Finding::failed(why),
        };
        let defined = elf.dynamic_symbols().filter(|symbol| symbol.is_definition() && symbol.is_global());
        let names: Vec<_> = defined.filter_map(|symbol| symbol.name().ok()).collect();
        let others: Vec<String> = names
            .iter()
            .filter(|name| **name != ENTRY_SYMBOL)
            .map(|name| format!("exports {name}, too"))
            .collect();
        Finding::of(&others, format!("exports {ENTRY_SYMBOL} and nothing else"))
    })
}

/// The loader refuses other libraries; here is the version of the C library that it needs.
pub(crate) fn needs(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        match elf(bench).and_then(|elf| newest_glibc(&elf).map_err(|e| e.to_string())) {
            Err(why) => Finding::failed(why),
            Ok(newest) => old_enough(newest),
        }
    })
}

fn old_enough(newest: Option<(u32, u32)>) -> Finding {
    match newest.map(|newest| (newest > GLIBC_FLOOR, dotted(newest))) {
        None => Finding::passed("needs no version of the C library"),
        Some((false, newest)) => Finding::passed(format!("needs glibc {newest}")),
        Some((true, newest)) => {
            let floor = dotted(GLIBC_FLOOR);
            Finding::failed(format!("needs glibc {newest}; the daemon runs from {floor} on"))
        }
    }
}

pub(crate) fn size(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move { small_enough(bench.bytes.len()) })
}

fn small_enough(size: usize) -> Finding {
    let (shown, most) = (size >> 10, LARGEST >> 10);
    if size > LARGEST {
        return Finding::failed(format!("{shown} KiB, more than {most} KiB"));
    }
    Finding::passed(format!("{shown} KiB"))
}

fn elf(bench: &Bench) -> Result<ElfFile64<'_, Endianness>, String> {
    ElfFile64::parse(bench.bytes.as_slice()).map_err(|e| format!("its symbols cannot be read: {e}"))
}

/// The highest `GLIBC_x.y` that any of its symbols asks for.
fn newest_glibc(elf: &ElfFile64<'_, Endianness>) -> object::Result<Option<(u32, u32)>> {
    let (endian, sections) = (elf.endian(), elf.elf_section_table());
    let Some((mut needs, link)) = sections.gnu_verneed(endian, elf.data())? else { return Ok(None) };
    let strings = sections.strings(endian, elf.data(), link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            newest = newest.max(glibc(name));
        }
    }
    Ok(newest)
}

fn glibc(name: &[u8]) -> Option<(u32, u32)> {
    let version = core::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

fn dotted((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::report::Verdict;

    #[test]
    fn a_version_of_the_c_library_is_read_from_its_name() {
        assert_eq!(glibc(b"GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc(b"GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc(b"GLIBC_PRIVATE"), None);
        assert_eq!(glibc(b"GCC_3.0"), None);
    }

    #[test]
    fn what_is_too_new_or_too_big_fails() {
        let passes = |finding: Finding| finding.verdict == Verdict::Passed;
        assert!(passes(old_enough(None)) && passes(old_enough(Some((2, 36)))));
        assert!(!passes(old_enough(Some((2, 37)))) && !passes(old_enough(Some((3, 0)))));
        assert!(passes(small_enough(LARGEST)) && !passes(small_enough(LARGEST + 1)));
    }
}
