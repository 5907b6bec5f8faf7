//! The seed file: what the stand-in platforms know from the start, and what goes wrong on them (`juzhen sandbox --seed FILE`).
//!
//! YAML, and so JSON too. Each platform has its own section; what is left out is as without a seed:
//!
//! ```yaml
//! weibo:
//!   apps:
//!     - key: "1352222456"
//!       secret: secret
//!       redirect_uris: ["https://gov.example.cn/*"]
//!       safe_domains: [gov.example.cn]
//!   accounts:
//!     - { uid: "5000000001", name: 示例区发布, tokens: [{ app: "1352222456", token: 2.00abc, expires_in_s: 86400 }] }
//! wechat:
//!   accounts:
//!     - { appid: wx0123456789abcdef, secret: 0123456789abcdef, ip_allow_list: [127.0.0.1] }
//! faults:
//!   - { match: { path_contains: statuses/share }, times: 1, do: { kind: platform_error, code: 20053, applied: true } }
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::rule::Rule;
use crate::{wechat, weibo};

/// More than any district has; a file of this size is another file.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What the platforms know when they start, and after each reset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    pub weibo: weibo::Seed,
    pub wechat: wechat::Seed,
    /// The script at the start, as `POST /control/faults` takes each rule.
    pub faults: Vec<Rule>,
}

/// A seed file that cannot be used; the words say where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("the seed file {} could not be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the seed file {} has {bytes} bytes, at most {LARGEST} are read; is it the right file?", path.display())]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("the seed file {} cannot be followed: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("the seed file {} cannot be followed: {place}: {reason}", path.display())]
    Unusable { path: PathBuf, place: String, reason: String },
}

impl Seed {
    /// Reads and checks a seed file.
    ///
    /// # Errors
    /// It is not there, has unknown keys or bad values, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, SeedError> {
        let unreadable = |source| SeedError::Unreadable { path: path.to_owned(), source };
        let bytes = fs::metadata(path).map_err(unreadable)?.len();
        if bytes > LARGEST {
            return Err(SeedError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let seed: Self = serde_saphyr::from_str(&text).map_err(|fault| {
            // The first line says where and what; the picture of the place below it is for a screen of its own.
            let words = fault.to_string();
            let line = words.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            SeedError::Malformed { path: path.to_owned(), reason: line }
        })?;
        seed.check().map_err(|(place, reason)| SeedError::Unusable {
            path: path.to_owned(),
            place,
            reason,
        })?;
        Ok(seed)
    }

    /// What no type can say: the place in the file, and what to do about it.
    fn check(&self) -> Result<(), (String, String)> {
        self.weibo.check().map_err(|(place, reason)| (format!("weibo.{place}"), reason))?;
        self.wechat.check().map_err(|(place, reason)| (format!("wechat.{place}"), reason))?;
        for (index, rule) in self.faults.iter().enumerate() {
            rule.check().map_err(|bad| (format!("faults[{index}]"), bad.to_string()))?;
        }
        Ok(())
    }
}
