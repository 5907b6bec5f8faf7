//! Where the database is. The password is never shown: it may come in the URL, and better comes from a password file
//! (`PGPASSFILE`, or `~/.pgpass`), as psql reads it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use postgres::Config;
use postgres::config::Host;

use super::tls::{Tls, Wanted};
use crate::error::{StoreError, failed};

const ATTEMPTED: &str = "understand the database's address";

/// What is needed to connect.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

impl Address {
    /// Reads `postgres://user@host:port/name?…`; a password that it lacks comes from the environment or the password file.
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        let (url, wanted) = without_tls(url);
        let mut config: Config =
            url.parse().map_err(|e: postgres::Error| failed(ATTEMPTED, e.to_string()))?;
        let tls = wanted.apply(&mut config).map_err(|why| failed(ATTEMPTED, why))?;
        if config.get_dbname().is_none() {
            return Err(failed(ATTEMPTED, "it names no database: postgres://user@host/NAME".into()));
        }
        if config.get_password().is_none()
            && let Some(password) = password_of(&config)?
        {
            config.password(password);
        }
        Ok(Self { config, tls })
    }

    /// For people and logs.
    pub(super) fn shown(&self) -> String {
        let (host, port) = place(&self.config);
        let user = self.config.get_user().unwrap_or("?");
        format!("postgres://{user}@{host}:{port}/{}", self.config.get_dbname().unwrap_or("?"))
    }
}

/// Takes out what is said of TLS, which the client knows only in part.
fn without_tls(url: &str) -> (String, Wanted) {
    let (base, options) = url.split_once('?').unwrap_or((url, ""));
    let mut wanted = Wanted::default();
    let said = |value: &str| Some(percent_decode_str(value).decode_utf8_lossy().into_owned());
    let mut others = Vec::new();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", mode)) => wanted.mode = said(mode),
            Some(("sslrootcert", roots)) => wanted.roots = said(roots),
            _ => others.push(option),
        }
    }
    let others = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    (format!("{base}{others}"), wanted)
}

/// The first host and its port.
fn place(config: &Config) -> (String, u16) {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(_)) | None => "localhost".to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

fn password_of(config: &Config) -> Result<Option<Vec<u8>>, StoreError> {
    if let Some(password) = std::env::var_os("PGPASSWORD") {
        return Ok(Some(password.into_encoded_bytes()));
    }
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let at_home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".pgpass"));
    let Some(file) = named.or_else(at_home).filter(|file| file.exists()) else { return Ok(None) };
    let about = |why: String| failed(ATTEMPTED, format!("the password file {}: {why}", file.display()));
    let mode = std::fs::metadata(&file).map_err(|e| about(e.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(about("others can read it: chmod 600".into()));
    }
    let text = std::fs::read_to_string(&file).map_err(|e| about(e.to_string()))?;
    let (host, port) = place(config);
    let (port, name) = (port.to_string(), config.get_dbname().unwrap_or_default());
    let wanted = [host.as_str(), &port, name, config.get_user().unwrap_or_default()];
    Ok(password_in(&text, wanted).map(String::into_bytes))
}

/// The password of the first line `host:port:database:user:password` that fits; `*` fits anything, `\` keeps a colon.
fn password_in(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields_of(line);
        let (password, place) = fields.split_last()?;
        let fits = place.len() == wanted.len()
            && place.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        fits.then(|| password.clone())
    })
}

fn fields_of(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut escaped) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '\\' if !escaped => escaped = true,
            ':' if !escaped => fields.push(std::mem::take(&mut field)),
            other => {
                field.push(other);
                escaped = false;
            }
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let address =
            Address::read("postgres://juzhen:s3cret@db.example:5433/office?sslmode=disable").unwrap();
        assert_eq!(address.shown(), "postgres://juzhen@db.example:5433/office");
        for wrong in [
            "postgres://u:s3cret@h:port/x",
            "postgres://u:s3cret@h",
            "postgres://u:s3cret@h/x?sslmode=prefer",
            "postgres://u:s3cret@h/x?sslrootcert=/no/such/file",
        ] {
            let said = Address::read(wrong).err().map(|e| crate::error::chain(&e)).unwrap();
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn what_is_said_of_tls_is_taken_out() {
        let (url, wanted) = without_tls(
            "postgres://h/x?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fetc%2Fca%20x.crt",
        );
        assert_eq!(url, "postgres://h/x?connect_timeout=3");
        let roots = Some("/etc/ca x.crt".to_owned());
        assert_eq!(wanted, Wanted { mode: Some("verify-full".into()), roots });
        assert_eq!(without_tls("postgres://h/x"), ("postgres://h/x".into(), Wanted::default()));
    }

    #[test]
    fn a_password_file_is_read_as_psql_reads_it() {
        let text = "# a comment\nother:*:*:*:no\ndb:5432:office:me:a\\:b\\\\c\n*:*:*:*:last";
        assert_eq!(password_in(text, ["db", "5432", "office", "me"]).as_deref(), Some("a:b\\c"));
        assert_eq!(password_in(text, ["db", "5432", "office", "you"]).as_deref(), Some("last"));
        assert_eq!(password_in("db:5432:office:me", ["db", "5432", "office", "me"]), None);
    }
}
