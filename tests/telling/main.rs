//! Accounts that pause, and what people are told of it: the real binary against the stand-in platform and a real receiver.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod insecure;
mod pausing;
mod receiver;
mod removed;
mod webhook;

use juzhen_tests::{District, Stage};

/// A district whose accounts pause after three bad ends, and further lines of `district.yaml`.
fn district(stage: &Stage, more: &str) -> District {
    let district = District::new(&stage.mock_url());
    let retry = "\x20 retry: {most: 1, first_pause_seconds: 1, longest_pause_seconds: 1}\n";
    district.write_district(&stage.mock_url(), retry);
    let text =
        district.read("district.yaml").replace("...\n", "").replace("pause_after: 0", "pause_after: 3");
    district.write("district.yaml", &format!("{text}{more}"));
    district.unit("D07", "department", &["W015"]);
    district
}
