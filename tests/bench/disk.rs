//! What the disk can do: every figure with durable commits depends on it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

const FOR: Duration = Duration::from_millis(700);

/// How often a second 4 KiB can be appended and synced.
#[allow(clippy::cast_precision_loss, reason = "a rate")]
pub(crate) fn syncs_per_second(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("sync"))?;
    file.write_all(&[0])?;
    let began = Instant::now();
    let mut number = 0_u64;
    while began.elapsed() < FOR {
        file.write_all_at(&[7; 4096], number * 4096)?;
        file.sync_data()?;
        number += 1;
    }
    Ok(number as f64 / began.elapsed().as_secs_f64())
}
