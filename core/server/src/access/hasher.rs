//! Hashes of passwords: argon2id, a few at a time, so that a flood of guesses takes neither the memory nor the processors
//! that publishing needs (C05).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use juzhen_engine::Secret;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::problem::{Code, Problem};

/// KiB of memory, passes and lanes, as OWASP asks at least (C05).
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at a time, and those that wait for a turn.
const AT_A_TIME: usize = 2;
const WAITING: usize = 16;

/// What nobody's password fits: compared where there is nothing to compare with, so that a name that nobody has takes as
/// long as one that somebody has (C09).
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and compares.
pub(crate) struct Hasher {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        let (room, turns) = (Semaphore::new(AT_A_TIME + WAITING), Semaphore::new(AT_A_TIME));
        Self { room: Arc::new(room), turns: Arc::new(turns) }
    }
}

impl Hasher {
    /// With its parameters and a salt of its own.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, Problem> {
        let hashed = self.run(move || {
            let hashed: Result<PasswordHash, _> = argon2()?.hash_password(password.expose().as_bytes());
            hashed.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        });
        hashed.await?.map_err(|error| failed(&error))
    }

    /// The first of the hashes that the password fits. Without one, the same work is done.
    pub(crate) async fn fitting(
        &self,
        password: Secret,
        hashes: Vec<String>,
    ) -> Result<Option<String>, Problem> {
        self.run(move || {
            if hashes.is_empty() {
                fits(&password, NOBODYS);
            }
            hashes.into_iter().find(|hash| fits(&password, hash))
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let overloaded = |_| Problem::new(Code::Overloaded);
        let _room = Arc::clone(&self.room).try_acquire_owned().map_err(overloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Problem::new(Code::Stopping))?;
        let done = spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| failed(&error.to_string()))
    }
}

/// Whether it was made with less than is asked today.
pub(crate) fn is_outdated(hash: &str) -> bool {
    let parsed = PasswordHash::new(hash).ok();
    let params = parsed.as_ref().and_then(|hash| Params::try_from(hash).ok());
    params.is_none_or(|p| p.m_cost() < MEMORY || p.t_cost() < PASSES || p.p_cost() < LANES)
}

fn argon2() -> Result<Argon2<'static>, String> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// By the parameters of the hash.
fn fits(password: &Secret, hash: &str) -> bool {
    let Ok(argon2) = argon2() else { return false };
    argon2.verify_password(password.expose().as_bytes(), hash).is_ok()
}

fn failed(why: &str) -> Problem {
    tracing::error!(error = why, "Could not hash a password");
    Problem::new(Code::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn c05_a_password_is_kept_as_argon2id_with_its_parameters_and_a_salt_of_its_own() {
        let hasher = Hasher::default();
        let word = || Secret::new("Dong-Hu 2026");
        let (one, other) = (hasher.hash(word()).await.unwrap(), hasher.hash(word()).await.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(hasher.fitting(word(), vec![other, one.clone()]).await.unwrap().is_some());
        assert_eq!(hasher.fitting(Secret::new("Dong-Hu 2027"), vec![one.clone()]).await.unwrap(), None);
        assert_eq!(hasher.fitting(word(), vec![]).await.unwrap(), None);
        assert!(!is_outdated(&one));
        assert!(is_outdated(&one.replace("m=19456", "m=4096")));
        assert!(
            PasswordHash::new(NOBODYS).is_ok() && !is_outdated(NOBODYS),
            "it costs as much as a real one"
        );
    }

    #[tokio::test]
    async fn c05_a_flood_of_guesses_is_turned_away_before_it_takes_the_memory() {
        let hasher = Hasher::default();
        let _taken: Vec<_> =
            (0..AT_A_TIME + WAITING).map(|_| Arc::clone(&hasher.room).try_acquire_owned().unwrap()).collect();
        let refused = hasher.fitting(Secret::new("x"), vec![]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
    }
}
