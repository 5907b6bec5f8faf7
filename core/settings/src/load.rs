//! The pipeline: read, parse what changed, check everything, and hand out settings or all faults at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use juzhen_domain::check::{Checker, NotBuilt, Rules, Term};
use sha2::{Digest, Sha256};

use crate::check;
use crate::fault::{Fault, Finding, Place, Report, Severity};
use crate::files::{Content, FileKind, StorageSettings, WordList};
use crate::problem::FileProblem;
use crate::read::{Defined, Notes};
use crate::settings::{Checks, Installed, LexiconSummary, Revision, Settings, Sources};
use crate::source::{Found, Source};
use crate::{encoding, tree};

/// Most faults of one file in a report.
const MOST_FAULTS: usize = 200;

/// Loads the same place again and again, and parses only the files whose content changed.
#[derive(Debug)]
pub struct Loader {
    source: Source,
    /// The result of each file that could be read, by name.
    known: BTreeMap<String, Arc<Parsed>>,
    report: Report,
    parsed: usize,
    /// What texts are checked by, with what it was made of.
    checker: Option<(Vec<u8>, Arc<Checker>)>,
}

/// One file, parsed. Kept until its bytes change.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) name: String,
    pub(crate) text: Arc<str>,
    /// What was read, where that is not the text itself: a byte order mark, another encoding.
    bytes: Option<Vec<u8>>,
    hash: [u8; 32],
    pub(crate) content: Content,
    pub(crate) defined: Vec<Defined>,
    findings: Vec<Finding>,
}

impl Loader {
    /// Loads from a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self::of(Source::Folder(folder.into()))
    }

    /// Loads from texts, such as the last good set in the database: file name, relative to the folder, → text.
    pub fn from_sources<T: Into<Arc<str>>>(texts: BTreeMap<String, T>) -> Self {
        Self::of(Source::Texts(texts.into_iter().map(|(name, text)| (name, text.into())).collect()))
    }

    fn of(source: Source) -> Self {
        Self { source, known: BTreeMap::new(), report: Report::default(), parsed: 0, checker: None }
    }

    /// Reads and checks everything. `installed` is what the adapters offer; without it, whether adapters and their
    /// settings exist is not checked. Blocks: call it where blocking is allowed.
    ///
    /// # Errors
    /// Every fault of every file. Warnings alone refuse nothing; [`Loader::report`] has them.
    pub fn load(&mut self, installed: Option<&Installed>) -> Result<Arc<Settings>, Report> {
        let listing = self.source.read();
        let (files, bytes) = (listing.files.len(), listing.bytes());
        let parsed = self.parse(listing.files);
        let mut faults: Vec<Fault> =
            listing.findings.into_iter().map(|(file, finding)| Fault::new(&file, None, finding)).collect();
        let set: Vec<&Parsed> = parsed.iter().map(Arc::as_ref).collect();
        let checked = check::check(&set, installed);
        for (file, finding) in checked.findings {
            let text = set.get(file).map(|parsed| (parsed.name.as_str(), &*parsed.text));
            let (name, text) = text.unwrap_or((".", ""));
            faults.push(Fault::new(name, Some(text), finding));
        }
        for file in &set {
            faults.extend(file.findings.iter().map(|f| Fault::new(&file.name, Some(&file.text), f.clone())));
        }
        let mut settings = checked.settings.filter(|_| !faults.iter().any(Fault::is_error));
        if let Some(settings) = &mut settings {
            match self.checker(&set, &settings.checks) {
                Ok(checker) => settings.checks.checker = checker,
                Err(finding) => faults.push(Fault::new("lexicons", None, finding)),
            }
        }
        faults.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
        });
        faults.dedup_by(|a, b| a.place() == b.place() && a.message == b.message);
        self.report = Report { faults, files, bytes };
        let settings = settings.filter(|_| !self.report.has_errors()).map(|mut settings| {
            settings.revision = revision_of(&set);
            settings.sources = sources_of(&set);
            Arc::new(settings)
        });
        self.known = parsed.into_iter().map(|file| (file.name.clone(), file)).collect();
        settings.ok_or_else(|| self.report.clone())
    }

    /// The checker of these lists; the one of the last time where nothing that it is made of has changed, because large
    /// lists take a while.
    fn checker(&mut self, set: &[&Parsed], checks: &Checks) -> Result<Arc<Checker>, Finding> {
        let made_of =
            serde_json::to_vec(&(&checks.settings, &checks.lexicons, &checks.leaders)).unwrap_or_default();
        if let Some((known, checker)) = &self.checker
            && *known == made_of
        {
            return Ok(Arc::clone(checker));
        }
        let terms: Vec<Term> = set.iter().flat_map(|parsed| parsed.terms()).collect();
        let rules = Rules { terms: &terms, leaders: &checks.leaders, sites: &checks.settings.link_whitelist };
        let too_long =
            |why: NotBuilt| Finding::error(Place::START, FileProblem::ListsTooLong { said: why.to_string() });
        let checker = Arc::new(Checker::build(rules).map_err(too_long)?);
        self.checker = Some((made_of, Arc::clone(&checker)));
        Ok(checker)
    }

    /// Faults and warnings of the last load.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Where the data is, as the last load read it, also when other files have faults. `None` when `district.yaml` itself
    /// has some: what is left of it may say nothing of a folder that it did name.
    pub fn storage(&self) -> Option<&StorageSettings> {
        let file = self.known.get("district.yaml")?;
        let whole = file.findings.iter().all(|finding| finding.severity == Severity::Warning);
        match &file.content {
            Content::District(Some(district)) if whole => district.storage.as_ref(),
            _ => None,
        }
    }

    /// How many files the last load had to parse: those whose content had changed.
    pub fn parsed(&self) -> usize {
        self.parsed
    }

    /// Parses what is new or changed, in as many threads as there are processors.
    fn parse(&mut self, files: Vec<Found>) -> Vec<Arc<Parsed>> {
        let mut done = Vec::with_capacity(files.len());
        let mut open = Vec::new();
        for found in files {
            match (self.known.get(&found.name), &found.bytes) {
                (Some(known), Ok(bytes)) if known.is_of(bytes) => done.push(Arc::clone(known)),
                _ => open.push(found),
            }
        }
        self.parsed = open.len();
        let threads =
            std::thread::available_parallelism().map_or(1, usize::from).min(8).min(open.len().max(1));
        if threads == 1 || open.len() < 8 {
            done.extend(open.into_iter().map(|found| Arc::new(parse(found))));
        } else {
            done.extend(parse_in_threads(open, threads));
        }
        done.sort_by(|a, b| a.name.cmp(&b.name));
        done
    }
}

/// Takes files in turn, so that a large file does not leave the other threads without work.
fn parse_in_threads(files: Vec<Found>, threads: usize) -> Vec<Arc<Parsed>> {
    let queue = std::sync::Mutex::new(files.into_iter());
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(|found| Arc::new(parse(found))).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            // A panic in a thread goes on in this one.
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

fn parse(found: Found) -> Parsed {
    let Found { name, kind, bytes } = found;
    match bytes {
        Err(finding) => Parsed::without_text(name, kind, Vec::new(), finding),
        Ok(bytes) => {
            // Word lists come from elsewhere, and many are GBK.
            let text = match kind {
                FileKind::Words | FileKind::Lexicon => encoding::list_of(&bytes),
                _ => encoding::text_of(&bytes).map(Cow::Borrowed),
            };
            match text {
                Err(finding) => Parsed::without_text(name, kind, bytes, finding),
                Ok(text) => {
                    let kept = (text.as_bytes() != bytes).then(|| bytes.clone());
                    Parsed::of_text(name, kind, kept, text.into())
                }
            }
        }
    }
}

impl Parsed {
    fn is_of(&self, bytes: &[u8]) -> bool {
        self.bytes.as_deref().unwrap_or(self.text.as_bytes()) == bytes
    }

    fn without_text(name: String, kind: FileKind, bytes: Vec<u8>, finding: Finding) -> Self {
        Self {
            name,
            text: "".into(),
            hash: [0; 32],
            bytes: Some(bytes),
            content: Content::read(kind, None, &mut Notes::default()),
            defined: Vec::new(),
            findings: vec![finding],
        }
    }

    fn of_text(name: String, kind: FileKind, bytes: Option<Vec<u8>>, text: Arc<str>) -> Self {
        let mut notes = Notes::default();
        let content = match kind {
            FileKind::Words => Content::Words(WordList::read(&name, &text, &mut notes)),
            _ => Self::of_yaml(kind, &text, &mut notes),
        };
        let findings = at_most(notes.findings);
        // Of the text, so that the same set from the database has the same revision.
        let hash = Sha256::digest(text.as_bytes()).into();
        Self { name, text, bytes, hash, content, defined: notes.defined, findings }
    }

    fn of_yaml(kind: FileKind, text: &str, notes: &mut Notes) -> Content {
        let root = match encoding::check_language(text) {
            Ok(()) => tree::compose(text, &mut notes.findings),
            Err(finding) => {
                notes.findings.push(finding);
                None
            }
        };
        if root.is_some()
            && kind.has_end_mark()
            && let Err(finding) = check_end(text)
        {
            notes.findings.push(finding);
        }
        Content::read(kind, root.as_ref(), notes)
    }

    /// Its words, if it is a list.
    fn terms(&self) -> Vec<Term> {
        match &self.content {
            Content::Lexicon(Some(file)) => file.terms(),
            Content::Words(list) => list.terms.clone(),
            _ => Vec::new(),
        }
    }

    /// What there is to say of it, if it is a list.
    pub(crate) fn lexicon(&self) -> Option<LexiconSummary> {
        let terms = match &self.content {
            Content::Lexicon(Some(file)) => file.terms().len(),
            Content::Words(list) => list.terms.len(),
            _ => return None,
        };
        Some(LexiconSummary { terms, sha256: juzhen_domain::hash::hex(&self.hash) })
    }
}

/// A file that was cut off between two lines is often a good file that says less. So the last line is YAML's own end mark,
/// `...`: every beginning of a file is then either the whole of it or refused (Y16, F84).
fn check_end(text: &str) -> Result<(), Finding> {
    let mut number = 0;
    let mut last = None;
    for (line, index) in text.split('\n').zip(1u32..) {
        let line = line.trim_end();
        if !line.is_empty() {
            number = index;
        }
        if !line.is_empty() && !line.trim_start().starts_with('#') {
            last = Some((line, index));
        }
    }
    match last {
        Some(("...", _)) => Ok(()),
        _ => {
            let place = Place { line: number.max(1), column: 1, width: 1 };
            Err(Finding::error(place, FileProblem::NoEndMark))
        }
    }
}

fn at_most(mut findings: Vec<Finding>) -> Vec<Finding> {
    let left_out = findings.len().saturating_sub(MOST_FAULTS);
    if left_out > 0 {
        findings.sort_by_key(|finding| (finding.severity, finding.place));
        findings.truncate(MOST_FAULTS);
        let place = findings.last().map_or(Place::START, |finding| finding.place);
        findings.push(Finding {
            place,
            severity: Severity::Error,
            problem: FileProblem::MoreFaults { left_out }.into(),
        });
    }
    findings
}

fn revision_of(set: &[&Parsed]) -> Revision {
    let mut hasher = Sha256::new();
    for file in set {
        hasher.update((file.name.len() as u64).to_be_bytes());
        hasher.update(file.name.as_bytes());
        hasher.update(file.hash);
    }
    Revision(juzhen_domain::hash::hex(&hasher.finalize()))
}

fn sources_of(set: &[&Parsed]) -> Sources {
    set.iter().map(|file| (file.name.clone(), Arc::clone(&file.text))).collect()
}
