//! What a journal remembers, over several runs.

use super::*;

fn mutating(journal: &Journal, fingerprint: &str) -> Result<Ticket, HostError> {
    journal.register(fingerprint, &EffectKind::Mutating)
}

#[test]
fn a_request_of_an_ended_run_cannot_leave() {
    let journal = Journal::default();
    journal.start_run();
    let waiting = mutating(&journal, "a").unwrap();
    journal.end_run();
    assert!(!journal.may_leave(waiting));
    journal.start_run();
    assert!(!journal.may_leave(waiting), "nor in the next run");
    assert_eq!(journal.effects(), Effects::default());
}

#[test]
fn after_an_unclear_answer_nothing_mutating_is_sent() {
    let journal = Journal::default();
    journal.start_run();
    let first = mutating(&journal, "a").unwrap();
    assert!(journal.may_leave(first));
    assert_eq!(mutating(&journal, "a").unwrap_err().kind, HostErrorKind::Denied, "the same beside itself");
    assert!(mutating(&journal, "another beside it").is_ok());
    journal.abandon(first);
    assert_eq!(mutating(&journal, "b").unwrap_err().kind, HostErrorKind::Denied);
    journal.settle(first, Stage::Unclear);
    assert_eq!(mutating(&journal, "b").unwrap_err().kind, HostErrorKind::Denied);
    assert!(journal.must_not_repeat() && journal.effects().may_have_happened());
    journal.settle(first, Stage::Accepted);
    assert!(mutating(&journal, "b").is_ok());
}

#[test]
fn an_idempotent_request_is_settled_by_its_repetition() {
    let journal = Journal::default();
    journal.start_run();
    let kind = EffectKind::Idempotent { key: "k".into() };
    let first = journal.register("a", &kind).unwrap();
    journal.settle(first, Stage::Unclear);
    assert!(!journal.must_not_repeat());
    let second = journal.register("a", &kind).unwrap();
    assert_eq!((first.occurrence, second.occurrence), (0, 1));
    assert_eq!(journal.effects().unclear, 1);
    journal.settle(second, Stage::Accepted);
    assert_eq!(
        journal.effects(),
        Effects { began: 2, waiting: 0, unclear: 0, done: 1, declined_last: false }
    );
}

#[test]
fn the_second_run_counts_the_same_request_once() {
    let journal = Journal::default();
    for _ in 0..2 {
        journal.start_run();
        let ticket = mutating(&journal, "a").unwrap();
        assert_eq!(ticket.occurrence, 0);
        journal.settle(ticket, Stage::Accepted);
    }
    assert_eq!(
        journal.effects(),
        Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false }
    );
}

#[test]
fn what_each_stage_counts_as() {
    for (stage, began, unclear, done) in [
        (Stage::Waiting, 1, 0, 0),
        (Stage::Refused, 0, 0, 0),
        (Stage::NothingLeft, 0, 0, 0),
        (Stage::Leaving, 1, 1, 0),
        (Stage::Unclear, 1, 1, 0),
        (Stage::Declined, 1, 0, 0),
        (Stage::Accepted, 1, 0, 1),
    ] {
        let journal = Journal::default();
        journal.start_run();
        let ticket = mutating(&journal, "a").unwrap();
        journal.settle(ticket, stage);
        let declined_last = stage == Stage::Declined;
        let waiting = u32::from(stage == Stage::Waiting);
        assert_eq!(journal.effects(), Effects { began, waiting, unclear, done, declined_last }, "{stage:?}");
    }
}

#[test]
fn a_run_that_is_refused_does_not_undo_what_an_earlier_one_sent() {
    for (before, after) in [
        (Stage::Accepted, Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false }),
        (Stage::Declined, Effects { began: 1, waiting: 0, unclear: 0, done: 0, declined_last: true }),
        (Stage::Unclear, Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false }),
        (Stage::Leaving, Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false }),
    ] {
        let journal = Journal::default();
        journal.start_run();
        let kind = EffectKind::Idempotent { key: "k".into() };
        let first = journal.register("a", &kind).unwrap();
        journal.settle(first, before);
        journal.start_run();
        let second = journal.register("a", &kind).unwrap();
        journal.settle(second, Stage::Refused);
        assert_eq!(journal.effects(), after, "{before:?}, then refused");
        assert!(!journal.may_leave(first));
        assert_eq!(journal.effects(), after, "{before:?}, then out of time");
    }
}

#[test]
fn a_repetition_that_finds_no_connection_leaves_the_first_try_unclear() {
    let journal = Journal::default();
    journal.start_run();
    let kind = EffectKind::Idempotent { key: "k".into() };
    let first = journal.register("a", &kind).unwrap();
    assert!(journal.may_leave(first));
    journal.settle(first, Stage::Unclear);
    journal.start_run();
    let second = journal.register("a", &kind).unwrap();
    assert!(journal.may_leave(second));
    journal.settle(second, Stage::NothingLeft);
    assert_eq!(
        journal.effects(),
        Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false }
    );
}

#[test]
fn p01_an_earlier_answer_to_the_same_key_settles_nothing_that_came_after_it() {
    let key = || EffectKind::Idempotent { key: "k".into() };
    for (stages, unclear) in [([Stage::Declined, Stage::Unclear], 1), ([Stage::Unclear, Stage::Accepted], 0)]
    {
        let journal = Journal::default();
        journal.start_run();
        for (name, stage) in ["first", "second"].into_iter().zip(stages) {
            let ticket = journal.register(name, &key()).unwrap();
            journal.settle(ticket, stage);
        }
        assert_eq!(journal.effects().unclear, unclear, "{stages:?}");
    }
}
