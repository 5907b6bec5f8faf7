//! `--database URL`: which database, and what can be said of those that are not there yet.

use std::path::{Path, PathBuf};

use crate::failure::Usage;

/// The file of an embedded database.
pub(crate) fn file_of(url: &str) -> Result<PathBuf, Usage> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(Usage("--database sqlite:PATH names no file".to_owned()));
            }
            Ok(PathBuf::from(path))
        }
        "postgres" | "postgresql" => Err(Usage(
            "PostgreSQL is not supported by this version; use --data DIR, or --database sqlite:PATH"
                .to_owned(),
        )),
        // The address may hold a password, so it is not repeated.
        _ => Err(Usage("--database takes sqlite:PATH".to_owned())),
    }
}

/// The folder for what belongs to a database and is not in it.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_embedded_database_is_taken() {
        assert_eq!(file_of("sqlite:data/x.db").unwrap(), Path::new("data/x.db"));
        assert_eq!(file_of("sqlite:///var/x.db").unwrap(), Path::new("/var/x.db"));
        for bad in ["sqlite:", "mysql://root:secret@h/x", "x.db", ""] {
            let refused = file_of(bad).unwrap_err().to_string();
            assert!(refused.contains("sqlite:PATH") && !refused.contains("secret"), "{refused}");
        }
        assert!(
            file_of("postgres://u:p@h/x").unwrap_err().to_string().contains("PostgreSQL is not supported")
        );
        assert_eq!(folder_of(Path::new("x.db")), Path::new("."));
        assert_eq!(folder_of(Path::new("/a/x.db")), Path::new("/a"));
    }
}
