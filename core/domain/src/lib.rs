//! What things mean and what should happen next: no IO, no clock, no async. Times, ids and randomness are passed in.

#![forbid(unsafe_code)]

pub mod access;
pub mod act;
pub mod approval;
pub mod backoff;
pub mod caps;
pub mod check;
pub mod claim;
pub mod clock;
pub mod count;
pub mod crash;
pub mod delivery;
pub mod expiry;
pub mod filing;
pub mod finding;
pub mod hash;
pub mod id;
pub mod item;
pub mod matrix;
pub mod message;
pub mod notice;
pub mod outcome;
pub mod pause;
pub mod reason;
pub mod register;
pub mod review;
pub mod route;
pub mod schedule;
pub mod sign_in;
pub mod stage;
pub mod state;
