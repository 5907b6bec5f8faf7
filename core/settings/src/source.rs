//! Where the text of the settings comes from: a folder, read with distrust (F86 to F91), or texts kept elsewhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::fault::{Finding, Place};
use crate::files::{FileKind, is_word_list};
use crate::problem::{FileProblem, nearest};

/// Largest file, in bytes.
pub(crate) const MOST_FILE_BYTES: u64 = 256 * 1024;
/// Largest word list, in bytes: some 200,000 words.
pub(crate) const MOST_LIST_BYTES: u64 = 4 * 1024 * 1024;
/// Largest set of files, in bytes.
pub(crate) const MOST_SET_BYTES: u64 = 16 * 1024 * 1024;
/// Most files in a set.
pub(crate) const MOST_FILES: usize = 2_000;

/// Where to look.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Folder(PathBuf),
    Texts(BTreeMap<String, Arc<str>>),
}

/// One file as found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) kind: FileKind,
    pub(crate) bytes: Result<Vec<u8>, Finding>,
}

/// Everything found, and what is wrong beside the content of files.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<Found>,
    /// File name → what is wrong with it.
    pub(crate) findings: Vec<(String, Finding)>,
}

impl Source {
    pub(crate) fn read(&self) -> Listing {
        let mut listing = match self {
            Self::Folder(folder) => read_folder(folder),
            Self::Texts(texts) => read_texts(texts),
        };
        listing.files.sort_by(|a, b| a.name.cmp(&b.name));
        listing.check_set();
        listing
    }
}

impl Listing {
    fn refuse(&mut self, file: &str, problem: FileProblem) {
        self.findings.push((file.to_owned(), Finding::error(Place::START, problem)));
    }

    fn check_set(&mut self) {
        for (name, _) in FileKind::SINGLE {
            let known =
                self.files.iter().any(|f| f.name == name) || self.findings.iter().any(|(f, _)| f == name);
            if !known && !self.findings.iter().any(|(file, _)| file == ".") {
                self.refuse(name, FileProblem::Missing);
            }
        }
        let units = self.files.iter().filter(|f| f.kind == FileKind::Unit).count();
        if units == 0 && !self.findings.iter().any(|(file, _)| file == "." || file.starts_with("units")) {
            self.refuse("units", FileProblem::NoUnits);
        }
        let bytes = self.bytes();
        if bytes > MOST_SET_BYTES {
            self.refuse(".", FileProblem::SetTooLarge { bytes, limit: MOST_SET_BYTES });
            self.files.clear();
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.bytes.as_ref().ok()).map(|bytes| bytes.len() as u64).sum()
    }
}

fn read_texts(texts: &BTreeMap<String, Arc<str>>) -> Listing {
    let found = |(name, text): (&String, &Arc<str>)| {
        let kind = FileKind::of(name)?;
        Some(Found { name: name.clone(), kind, bytes: Ok(text.as_bytes().to_vec()) })
    };
    Listing { files: texts.iter().filter_map(found).collect(), findings: Vec::new() }
}

fn read_folder(folder: &Path) -> Listing {
    let mut listing = Listing::default();
    let root = match folder.canonicalize() {
        Ok(root) => root,
        Err(error) => {
            let path = format!("{}: {error}", folder.display());
            listing.refuse(".", FileProblem::NoFolder { path });
            return listing;
        }
    };
    let mut budget = MOST_SET_BYTES;
    for within in ["", "units/", "lexicons/"] {
        if let Some(names) = names_in(&root, within, &mut listing) {
            read_named(&root, within, &names, &mut budget, &mut listing);
        }
    }
    listing
}

/// The file names in a folder of the set that are ours to read.
fn names_in(root: &Path, within: &str, listing: &mut Listing) -> Option<Vec<String>> {
    let label = if within.is_empty() { "." } else { within.trim_end_matches('/') };
    let path = root.join(within);
    let problem = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !within.is_empty() => return None,
        Err(error) => Some(FileProblem::NoFolder { path: error.to_string() }),
        Ok(real) if !real.starts_with(root) => Some(FileProblem::OutsideFolder),
        Ok(real) => real
            .metadata()
            .is_ok_and(|m| m.permissions().mode() & 0o1002 == 0o0002)
            .then_some(FileProblem::WorldWritable { folder: true }),
    };
    if let Some(problem) = problem {
        listing.refuse(label, problem);
        return None;
    }
    let entries = match path.read_dir() {
        Ok(entries) => entries,
        Err(error) => {
            listing.refuse(label, FileProblem::NoFolder { path: error.to_string() });
            return None;
        }
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        match entry.file_name().into_string() {
            Ok(name) if is_ours(within, &name) => names.push(format!("{within}{name}")),
            Ok(_) => {}
            Err(name) => {
                listing.refuse(&format!("{within}{}", name.to_string_lossy()), FileProblem::NameNotUtf8);
            }
        }
    }
    names.sort();
    Some(names)
}

/// Not what editors, version control and copies leave behind: `.x.swp`, `x~`, `4913`, `#x#`, `x.bak`.
fn is_ours(within: &str, name: &str) -> bool {
    let is_list = within == "lexicons/" && is_word_list(name);
    !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml") || is_list)
}

fn read_named(root: &Path, within: &str, names: &[String], budget: &mut u64, listing: &mut Listing) {
    for name in names {
        let Some(kind) = FileKind::of(name) else {
            let near = not_read_hint(within, name);
            listing
                .findings
                .push((name.clone(), Finding::warning(Place::START, FileProblem::NotRead { near })));
            continue;
        };
        if listing.files.len() >= MOST_FILES {
            let files = listing.files.len() + names.len();
            listing.refuse(".", FileProblem::TooManyFiles { files, limit: MOST_FILES });
            return;
        }
        let bytes = read_file(root, name, kind).map_err(|problem| Finding::error(Place::START, problem));
        let length = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        listing.files.push(Found { name: name.clone(), kind, bytes });
        // One more than the budget is enough to see that it is passed; the rest is not read.
        if length > *budget {
            return;
        }
        *budget -= length;
    }
}

/// What a file that is not read was most likely meant to be.
fn not_read_hint(within: &str, name: &str) -> Option<String> {
    if let Some(stem) = name.strip_suffix(".yml") {
        return Some(format!("{stem}.yaml")).filter(|wanted| FileKind::of(wanted).is_some());
    }
    nearest(name, FileKind::SINGLE.iter().map(|(single, _)| *single)).filter(|_| within.is_empty())
}

/// Opens without waiting for a pipe's other end, and looks at what was opened, not at what the name led to before.
fn read_file(root: &Path, name: &str, kind: FileKind) -> Result<Vec<u8>, FileProblem> {
    let limit = if kind == FileKind::Words { MOST_LIST_BYTES } else { MOST_FILE_BYTES };
    let unreadable = |error: io::Error| FileProblem::Unreadable { cause: error.to_string() };
    let path = root.join(name);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let open = |path: &Path| rustix::fs::open(path, flags, Mode::empty());
    let opened = match open(&path) {
        // A link: it may lead to another place in the folder.
        Err(Errno::LOOP) => {
            let real = path.canonicalize().map_err(unreadable)?;
            if !real.starts_with(root) {
                return Err(FileProblem::OutsideFolder);
            }
            open(&real)
        }
        opened => opened,
    };
    let file = File::from(opened.map_err(|error| unreadable(error.into()))?);
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(FileProblem::NotRegular);
    }
    if meta.mode() & 0o002 != 0 {
        return Err(FileProblem::WorldWritable { folder: false });
    }
    if meta.len() > limit {
        return Err(FileProblem::FileTooLarge { bytes: meta.len(), limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1);
    // It may grow while it is read.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(FileProblem::FileTooLarge { bytes: bytes.len() as u64, limit });
    }
    Ok(bytes)
}
