//! Tokens: 256 random bits behind a mark that says what they are, so that a scanner finds one that was pasted where it
//! should not be. A plain SHA-256 of one tells nothing, and is all that is kept.

use juzhen_domain::hash::hex;
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

pub(crate) const SESSION: &str = "juzhen_s_";
pub(crate) const KEY: &str = "juzhen_k_";
pub(crate) const INVITATION: &str = "juzhen_i_";
/// What all of them begin with, and those that are minted on the machine.
const ANY: &str = "juzhen_";

/// A new one.
pub(crate) fn new(mark: &str) -> Result<String, Problem> {
    Ok(format!("{mark}{}", hex(&random::<32>()?)))
}

pub(crate) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Problem> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "The operating system gave no randomness");
        Problem::new(Code::Internal)
    })?;
    Ok(bytes)
}

/// What is kept of one.
pub(crate) fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

pub(crate) fn is_session(token: &str) -> bool {
    token.starts_with(SESSION)
}

pub(crate) fn is_key(token: &str) -> bool {
    token.starts_with(KEY)
}

/// Whether a token stands in an address, where logs, histories and other sites read it (A38).
pub(crate) fn is_in_address(query: &str) -> bool {
    query.contains(ANY)
}
