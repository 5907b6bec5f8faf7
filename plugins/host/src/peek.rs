//! Reads what an adapter says of itself out of its file, without running any of its code.

use juzhen_abi::message::Manifest;
use juzhen_abi::{MANIFEST_BEGIN, MANIFEST_END};
use memchr::memmem;

use crate::refused::LoadRefused;

/// No manifest needs more.
const LONGEST: usize = 64 << 10;

/// The manifest between the marks, parsed, its names checked.
///
/// # Errors
/// No manifest between marks, one of over 64 KiB, other text than JSON of that shape, or names that cannot be.
pub fn manifest(bytes: &[u8]) -> Result<Manifest, LoadRefused> {
    manifest_and_text(bytes).map(|(manifest, _)| manifest)
}

/// Refuses a manifest that requires a capability which is not offered, naming it.
///
/// # Errors
/// The first capability that is missing.
pub fn check_requires(manifest: &Manifest, offered: &[String]) -> Result<(), LoadRefused> {
    match manifest.requires.iter().find(|wanted| !offered.contains(wanted)) {
        Some(missing) => Err(LoadRefused::RequiresMissing(missing.clone())),
        None => Ok(()),
    }
}

/// As [`manifest`], with the text it was parsed from: the running code has to show the same bytes.
pub(crate) fn manifest_and_text(bytes: &[u8]) -> Result<(Manifest, &[u8]), LoadRefused> {
    // The begin mark may stand in the file a second time, as a constant of code that looks for it. The first one
    // with a manifest after it counts.
    let mut first_fault = None;
    for text in candidates(bytes) {
        match parse(text) {
            Ok(manifest) => return Ok((manifest, text)),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    Err(first_fault.unwrap_or(LoadRefused::NoManifest))
}

fn candidates(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    memmem::find_iter(bytes, MANIFEST_BEGIN).filter_map(|at| {
        let text = bytes.get(at + MANIFEST_BEGIN.len()..)?;
        text.get(..memmem::find(text, MANIFEST_END)?)
    })
}

fn parse(text: &[u8]) -> Result<Manifest, LoadRefused> {
    if text.len() > LONGEST {
        return Err(LoadRefused::ManifestTooBig { size: text.len() as u64, limit: LONGEST as u64 });
    }
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|e| LoadRefused::ManifestNotJson(e.to_string()))?;
    check_name("name", &manifest.name)?;
    check_name("platform", &manifest.platform)?;
    if manifest.version.is_empty() {
        return Err(LoadRefused::ManifestInvalid("version is empty".into()));
    }
    Ok(manifest)
}

fn check_name(field: &str, name: &str) -> Result<(), LoadRefused> {
    let lower = |c: char| c.is_ascii_lowercase();
    let fits = name.len() <= 64
        && name.starts_with(lower)
        && name.chars().all(|c| lower(c) || c.is_ascii_digit() || c == '_');
    if fits {
        return Ok(());
    }
    Err(LoadRefused::ManifestInvalid(format!(
        "{field} {name:?} is not a lower-case letter followed by letters, digits and `_`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(manifest: &str) -> Vec<u8> {
        [b"\x7fELF...", MANIFEST_BEGIN, manifest.as_bytes(), MANIFEST_END, b"..."].concat()
    }

    const MOCK: &str = r#"{"name":"mock","version":"1.0.0","platform":"mock","requires":["http.v1"]}"#;

    #[test]
    fn a_manifest_is_found_between_the_marks_even_after_a_bare_mark() {
        let twice = [MANIFEST_BEGIN, b"padding".as_slice(), &file(MOCK)].concat();
        let (found, text) = manifest_and_text(&twice).unwrap();
        assert_eq!((found.name.as_str(), text), ("mock", MOCK.as_bytes()));
    }

    #[test]
    fn each_fault_has_its_own_reason() {
        assert_eq!(manifest(b"text"), Err(LoadRefused::NoManifest));
        assert_eq!(manifest(MANIFEST_BEGIN), Err(LoadRefused::NoManifest));
        assert!(matches!(manifest(&file("{")), Err(LoadRefused::ManifestNotJson(_))));
        assert!(matches!(manifest(&file(&"x".repeat(70_000))), Err(LoadRefused::ManifestTooBig { .. })));
        let named = file(r#"{"name":"../x","version":"1","platform":"p"}"#);
        assert!(matches!(manifest(&named), Err(LoadRefused::ManifestInvalid(_))));
    }

    #[test]
    fn a_missing_requirement_is_named() {
        let wants = manifest(&file(MOCK)).unwrap();
        assert_eq!(check_requires(&wants, &["http.v1".into()]), Ok(()));
        assert_eq!(check_requires(&wants, &[]), Err(LoadRefused::RequiresMissing("http.v1".into())));
    }
}
