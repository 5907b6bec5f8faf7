//! A child that says whatever it likes: the link against a scripted other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use juzhen_abi::pack;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::MOST_HOST_CALLS;
use super::link::{Link, read};
use crate::lane::{HostCalls, LaneAnswer};
use crate::wire::frame::Splitter;
use crate::wire::{Answer, ToParent};

/// Capability calls that never end, counted.
#[derive(Default)]
struct Waiting(Arc<AtomicUsize>);

impl HostCalls for Waiting {
    fn call(&self, _: u64, _: String, _: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
    fn log(&self, _: u64, _: u32, _: Vec<u8>) {}
    fn clock_read(&self, scope: u64, _: i64) {
        assert_eq!(scope, SCOPE, "of a live scope only");
    }
}

const SCOPE: u64 = 7;

/// One open call, and the child's frames; returns how reading ended and what the call was answered.
async fn say(frames: &[ToParent], asked: &Arc<AtomicUsize>) -> (Result<(), String>, Option<LaneAnswer>) {
    let link = Link::new(Arc::new(Waiting(Arc::clone(asked))));
    let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
    let (_, mut answer) = link.begin(SCOPE, permit).unwrap();
    let mut bytes = Vec::new();
    assert!(frames.iter().all(|frame| frame.encode(&mut bytes)));
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (reading, _writing) = ours.into_split();
    let reader = tokio::spawn(read(link, reading, Splitter::default()));
    // The link may stop reading in the middle.
    let _ = theirs.write_all(&bytes).await;
    drop(theirs);
    (reader.await.unwrap(), answer.try_recv().ok())
}

fn done(id: u64, text: &str) -> ToParent {
    ToParent::Done { id, answer: Answer::Ok(pack::pack(&text, &[]).unwrap()) }
}

fn asks(id: u64, scope: u64) -> ToParent {
    ToParent::HostCall { id, scope, operation: "http.send".into(), request: Vec::new() }
}

#[tokio::test]
async fn f79_the_first_answer_to_an_open_call_wins_and_others_change_nothing() {
    let asked = Arc::default();
    let said = [done(99, "of nobody"), done(1, "first"), done(1, "second"), done(0, "of nobody")];
    let (ended, answer) = say(&said, &asked).await;
    assert_eq!(ended, Ok(()));
    assert_eq!(answer, Some(LaneAnswer::Ok(pack::pack(&"first", &[]).unwrap())));
}

#[tokio::test]
async fn capabilities_are_only_for_live_scopes() {
    let asked = Arc::default();
    let clock = |scope| ToParent::Clock { scope, unix_ms: 1 };
    let said =
        [asks(1, 8), clock(8), clock(SCOPE), asks(2, SCOPE), done(1, ""), asks(3, SCOPE), clock(SCOPE)];
    assert_eq!(say(&said, &asked).await.0, Ok(()));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "before the end of its operation, and of no other scope");
}

#[tokio::test]
async fn a_flood_of_capability_calls_ends_the_connection() {
    let asked = Arc::default();
    let flood: Vec<_> = (0..5_000).map(|id| asks(id, SCOPE)).collect();
    assert!(say(&flood, &asked).await.0.unwrap_err().contains("more capability calls"));
    assert!(asked.load(Ordering::SeqCst) <= MOST_HOST_CALLS + 1);
    let (ended, _) = say(&[asks(1, SCOPE), asks(1, SCOPE)], &asked).await;
    assert!(ended.unwrap_err().contains("one number twice"));
}

#[tokio::test]
async fn a_second_ready_ends_the_connection() {
    let (ended, _) = say(&[ToParent::Ready(b"{}".to_vec())], &Arc::default()).await;
    assert_eq!(ended, Err("a second READY".into()));
}
