//! Whether others can read or change what goes over the connection. TLS is always TLS with proof of who answers: an
//! encrypted line to somebody else would carry the password and every approval to them.
//!
//! `sslmode=disable` does without. `verify-full`, and what psql knows of weaker kinds (`require`, `verify-ca`), asks for a
//! certificate of the host's name by an authority of `sslrootcert`: a PEM file, or `system`; without that,
//! `~/.postgresql/root.crt` if it is there, else the system's. Without `sslmode`, a server on another machine is asked for
//! one, and one on this machine is not. `prefer` and `allow` fall back to a line that anybody can read, so they are refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postgres::Config;
use postgres::config::{Host, SslMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How a connection is made.
#[derive(Clone)]
pub(super) enum Tls {
    None,
    Verified(MakeRustlsConnect),
}

impl Tls {
    /// What to do about a connection that was not made for want of proof.
    pub(super) fn hint(&self, error: &postgres::Error) -> &'static str {
        // The client has no kind for it; a database that answered has a code.
        let is_of_tls = error.as_db_error().is_none() && crate::error::chain(error).contains("TLS");
        match self {
            Self::Verified(_) if is_of_tls => {
                " (sslmode=verify-full: the server has to speak TLS and prove its host's name by an authority of \
                 sslrootcert)"
            }
            Self::None | Self::Verified(_) => "",
        }
    }
}

/// What the address says of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) mode: Option<String>,
    pub(super) roots: Option<String>,
}

impl Wanted {
    /// Has the client do so; errors are fragments for people.
    pub(super) fn apply(&self, config: &mut Config) -> Result<Tls, String> {
        if self.is_verified(config)? {
            config.ssl_mode(SslMode::Require);
            return Ok(Tls::Verified(MakeRustlsConnect::new(client(self.authorities()?)?)));
        }
        config.ssl_mode(SslMode::Disable);
        Ok(Tls::None)
    }

    fn is_verified(&self, config: &Config) -> Result<bool, String> {
        match self.mode.as_deref() {
            Some("disable") => Ok(false),
            Some("verify-full" | "verify-ca" | "require") => Ok(true),
            None => Ok(self.roots.is_some() || !config.get_hosts().iter().all(is_here)),
            Some(other) => Err(format!(
                "sslmode={other} may do without proof of who answers: say sslmode=verify-full, or sslmode=disable on a \
                 network that nobody else is on"
            )),
        }
    }

    fn authorities(&self) -> Result<RootCertStore, String> {
        let named = self.roots.as_deref().filter(|roots| *roots != "system").map(PathBuf::from);
        let at_home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".postgresql/root.crt"));
        let file = match (&self.roots, named) {
            (Some(_), named) => named,
            (None, _) => at_home().filter(|file| file.exists()),
        };
        match file {
            Some(file) => of_file(&file).map_err(|why| format!("sslrootcert {}: {why}", file.display())),
            None => of_system(),
        }
    }
}

/// A name that leads nowhere but to this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let is_loopback = |name: &str| name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            name == "localhost" || is_loopback(name)
        }
    }
}

fn of_file(file: &Path) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for found in CertificateDer::pem_file_iter(file).map_err(|e| e.to_string())? {
        let certificate = found.map_err(|e| e.to_string())?;
        store.add(certificate).map_err(|e| e.to_string())?;
    }
    if store.is_empty() { Err("it holds no certificate".into()) } else { Ok(store) }
}

fn of_system() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err("this machine has no list of authorities: name the server's with sslrootcert=FILE".into());
    }
    Ok(store)
}

fn client(authorities: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|e| e.to_string())?.with_root_certificates(authorities);
    Ok(config.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_verified(mode: Option<&str>, roots: Option<&str>, host: &str) -> Result<bool, String> {
        let wanted = Wanted { mode: mode.map(str::to_owned), roots: roots.map(str::to_owned) };
        wanted.is_verified(Config::new().host(host))
    }

    #[test]
    fn tls_is_verified_or_not_there_and_never_half() {
        for mode in ["require", "verify-ca", "verify-full"] {
            assert_eq!(is_verified(Some(mode), None, "localhost"), Ok(true));
        }
        assert_eq!(is_verified(Some("disable"), None, "db.example"), Ok(false));
        for here in ["localhost", "127.0.0.1", "::1", "/run/postgresql"] {
            assert_eq!(is_verified(None, None, here), Ok(false), "{here}");
            assert_eq!(is_verified(None, Some("system"), here), Ok(true), "{here}");
        }
        for elsewhere in ["db.example", "10.0.0.5", "localhost.example"] {
            assert_eq!(is_verified(None, None, elsewhere), Ok(true), "{elsewhere}");
        }
        for mode in ["prefer", "allow", "yes"] {
            assert!(is_verified(Some(mode), None, "localhost").unwrap_err().contains("verify-full"));
        }
    }
}
