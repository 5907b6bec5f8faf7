//! Cassettes: one operation as it once ran against a platform, in a file that people can read. Replayed, the adapter has to
//! ask for the same things and say the same in the end.
//!
//! What is in it is what crossed between the adapter and the daemon: secrets are placeholders in what the adapter asks, and
//! masked in what it is told, so neither it nor its cassettes ever see one.

mod body;
mod play;
mod random;
mod tape;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use juzhen_abi::message::AdapterError;
use juzhen_abi::pack;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use body::Body;
pub(crate) use play::Player;
pub use tape::Tape;

use crate::{Library, Outcome, Script};

/// The version of the format that this kit writes and reads.
pub const VERSION: u32 = 1;

/// One operation, recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// [`VERSION`].
    pub cassette: u32,
    pub adapter: Recorded,
    /// Which operation, such as `publish`.
    pub operation: String,
    /// Head of its request: `meta` and `body`.
    pub request: Value,
    /// What the clock said each time the adapter looked, in milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_unix_ms: Vec<i64>,
    /// What it asked of the daemon, in order.
    pub exchanges: Vec<Exchange>,
    pub ended: Ended,
}

/// Which adapter was recorded; for people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    pub name: String,
    pub version: String,
}

/// One question to the daemon and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The capability, such as `http.send`.
    pub ask: String,
    pub request: Value,
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub sends: Body,
    /// `None`: it was not waited for to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// In place of an answer: a `HostError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Value>,
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub brings: Body,
}

/// What the adapter said in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Answer(Value),
    Error(AdapterError),
}

/// Why a cassette did not replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("could not read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is no cassette", path.display())]
    Parse {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} is a cassette of version {version}; this kit reads version {}", path.display(), VERSION)]
    Version { path: PathBuf, version: u32 },
    #[error("there is no cassette in {}", folder.display())]
    None { folder: PathBuf },
    #[error("{} does not replay", path.display())]
    Of {
        path: PathBuf,
        #[source]
        source: Box<ReplayError>,
    },
    #[error("request {place} is another than the recorded one\n  recorded: {recorded}\n  asked:    {asked}")]
    Request { place: usize, recorded: String, asked: String },
    #[error("request {place} was recorded and is not made any more\n  recorded: {recorded}")]
    Missing { place: usize, recorded: String },
    #[error("after the same requests it says something else\n  recorded: {recorded}\n  said:     {said}")]
    Ended { recorded: String, said: String },
    #[error(transparent)]
    Kit(#[from] crate::Error),
}

/// Replays every cassette (`*.json`) of a folder, or the one file that `path` is; how many there were.
///
/// # Errors
/// The first that does not replay, with the first request that differs; a folder without any.
pub fn replay(library: &Library, path: impl AsRef<Path>) -> Result<usize, ReplayError> {
    let path = path.as_ref();
    let files = files(path).map_err(|source| ReplayError::Read { path: path.to_owned(), source })?;
    if files.is_empty() {
        return Err(ReplayError::None { folder: path.to_owned() });
    }
    for file in &files {
        let replayed = Cassette::read(file)?.replay(library);
        replayed.map_err(|source| ReplayError::Of { path: file.clone(), source: Box::new(source) })?;
    }
    Ok(files.len())
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    Ok(files)
}

impl Cassette {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no cassette, or is of another version.
    pub fn read(path: &Path) -> Result<Self, ReplayError> {
        let text = fs::read(path).map_err(|source| ReplayError::Read { path: path.to_owned(), source })?;
        let cassette: Self = serde_json::from_slice(&text)
            .map_err(|source| ReplayError::Parse { path: path.to_owned(), source })?;
        match cassette.cassette {
            VERSION => Ok(cassette),
            version => Err(ReplayError::Version { path: path.to_owned(), version }),
        }
    }

    /// Runs the operation again without any platform.
    ///
    /// # Errors
    /// The first request that differs, one that is not made any more, or another outcome.
    pub fn replay(&self, library: &Library) -> Result<(), ReplayError> {
        let script = Script::playing(Player::new(self));
        let adapter = library.start(&script, &json!({}))?;
        let request = pack::pack(&self.request, &[]).map_err(crate::Error::Pack)?;
        let outcome = adapter.call_packed(&self.operation, &request);
        script.played()?;
        let same = match (&self.ended, &outcome) {
            (Ended::Answer(recorded), Outcome::Answer(said)) => recorded == said,
            (Ended::Error(recorded), Outcome::Error(said)) => recorded == said,
            _ => false,
        };
        if same {
            return Ok(());
        }
        let recorded = serde_json::to_string(&self.ended).unwrap_or_default();
        Err(ReplayError::Ended { recorded, said: said(outcome) })
    }

    /// Whether the word stands in it, also in bodies that are written in base64.
    pub fn spells(&self, word: &str) -> bool {
        let in_body = |body: &Body| body.bytes().windows(word.len()).any(|window| window == word.as_bytes());
        let in_exchange = |one: &Exchange| in_body(&one.sends) || in_body(&one.brings);
        self.to_text().is_ok_and(|text| text.contains(word)) || self.exchanges.iter().any(in_exchange)
    }

    /// The file's text: JSON over many lines, bodies as they were.
    ///
    /// # Errors
    /// None that a cassette of a [`Tape`] can have; the encoder's own.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// In the words of the cassette, where it has them.
fn said(outcome: Outcome) -> String {
    let ended = match outcome {
        Outcome::Answer(answer) => Ended::Answer(answer),
        Outcome::Error(error) => Ended::Error(error),
        other => return format!("{other:?}"),
    };
    serde_json::to_string(&ended).unwrap_or_default()
}
