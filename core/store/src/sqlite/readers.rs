//! Connections that only read: a long list does not make a claim wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::{failed, renamed};
use super::open;
use super::poison::Poison;
use crate::error::StoreError;

pub(super) struct Readers {
    free: Arc<Mutex<Vec<Connection>>>,
    /// As many permits as connections.
    permits: Arc<Semaphore>,
    poison: Poison,
}

impl Readers {
    pub(super) fn open(path: &Path, number: usize, poison: Poison) -> Result<Self, StoreError> {
        let number = number.max(1);
        let connections = (0..number).map(|_| open::reading(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            free: Arc::new(Mutex::new(connections)),
            permits: Arc::new(Semaphore::new(number)),
            poison,
        })
    }

    pub(super) async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.poison.check(attempted)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (free, poison) = (Arc::clone(&self.free), self.poison.clone());
        let read = tokio::task::spawn_blocking(move || {
            let connection = lock(&free).pop().ok_or(StoreError::Closed)?;
            let result = catch_unwind(AssertUnwindSafe(|| snapshot(&connection, work)));
            lock(&free).push(connection);
            drop(permit);
            if let Ok(Err(error)) = &result {
                poison.set_if_disk_failed(error);
            }
            result.unwrap_or_else(|_| Err(failed(attempted, "reading panicked".into())))
        });
        match read.await {
            Ok(result) => result.map_err(|error| renamed(error, attempted)),
            Err(_) => Err(StoreError::Closed),
        }
    }

    pub(super) fn close(&self) {
        self.permits.close();
    }
}

/// Several statements see one state of the database.
fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    work(&transaction)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
