//! Commits whose answer is lost, and transactions that are in each other's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use juzhen_domain::state::DeliveryState;
use juzhen_store::{Settled, Store, StoreError};

use crate::cluster::cluster;
use crate::fixture::*;
use crate::{Session, back, open, options, row, times, wired};

#[tokio::test(flavor = "multi_thread")]
async fn f29_f30_a_commit_whose_answer_is_lost_is_asked_for_and_done_once() {
    let (wire, store) = wired(&options());
    for n in 0..6 {
        // Either the word COMMIT is lost, or the answer to it.
        let spot = if n % 2 == 0 { &wire.spots().cut_before_commit } else { &wire.spots().cut_after_commit };
        spot.store(1, Ordering::SeqCst);
        store.note(row(&format!("thing:{n}"))).await.unwrap();
        assert_eq!(spot.load(Ordering::SeqCst), 0, "the connection was never cut");
        assert_eq!(times(&store, &format!("thing:{n}")).await, 1);
    }
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (6, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_while_the_database_is_away_calls_fail_and_go_on_after_it() {
    let (wire, store) = wired(&options());
    store.note(row("before")).await.unwrap();
    wire.cut(true);
    let refused = store.note(row("meanwhile")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused:?}");
    wire.cut(false);
    back(&store).await;
    store.note(row("after")).await.unwrap();
    assert_eq!((times(&store, "before").await, times(&store, "meanwhile").await), (1, 0));
    assert_eq!(times(&store, "after").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_work_that_met_a_deadlock_is_done_again_and_the_chain_is_whole() {
    let database = cluster().database(None).unwrap();
    let store = Arc::new(open(cluster().port(), &database, &options()).unwrap());
    // A trigger that breaks every third writing of the audit off, as a deadlock does.
    let breaking = "SET search_path = juzhen; CREATE SEQUENCE tries;
         CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('juzhen.tries') % 3 = 0 THEN RAISE EXCEPTION 'met another' USING ERRCODE = '40P01'; END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER deadlocks BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION deadlock()";
    cluster().say(&database, breaking).unwrap();
    let notes = (0..60).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.note(row(&format!("thing:{n}"))).await })
    });
    for note in notes.collect::<Vec<_>>() {
        note.await.unwrap().unwrap();
    }
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (60, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn f29_a_claim_whose_commit_is_not_answered_is_claimed_once_and_told() {
    let (wire, store) = wired(&options());
    for (n, spot) in [&wire.spots().cut_before_commit, &wire.spots().cut_after_commit].into_iter().enumerate()
    {
        let (item, account) = (format!("i{n}"), format!("W00{n}"));
        scheduled(&store, &item, &[(&account, 0)]).await;
        spot.store(1, Ordering::SeqCst);
        let claims = claim(&store, 1).await;
        assert_eq!(spot.load(Ordering::SeqCst), 0, "the connection was never cut");
        let record = record(&store, &format!("{item}-{account}")).await;
        assert_eq!(claims.len(), 1, "what is claimed is known to be");
        assert_eq!(record.attempts, [claims[0].attempt.clone()], "and was claimed once");
        assert_eq!(record.delivery.state, DeliveryState::Claimed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_a_result_whose_commit_is_not_answered_is_written_once() {
    let (wire, store) = wired(&options());
    for (n, spot) in [&wire.spots().cut_before_commit, &wire.spots().cut_after_commit].into_iter().enumerate()
    {
        let (item, account) = (format!("i{n}"), format!("W00{n}"));
        scheduled(&store, &item, &[(&account, 0)]).await;
        let claim = claim_one(&store, 1).await;
        send(&store, &claim, 1).await;
        spot.store(1, Ordering::SeqCst);
        let settled = store.settle(settle_as(&claim, published("7", 2), 2)).await.unwrap();
        assert_eq!(spot.load(Ordering::SeqCst), 0, "the connection was never cut");
        assert!(matches!(settled, Settled::Applied { .. }), "{settled:?}");
        let delivery = format!("{item}-{account}");
        let record = record(&store, &delivery).await;
        assert_eq!((record.delivery.state, record.late.len()), (DeliveryState::Published, 0));
        let actions = actions(&store, &format!("delivery:{delivery}")).await;
        assert_eq!(actions.iter().filter(|action| *action == "delivery.published").count(), 1, "{actions:?}");
    }
    assert_eq!(store.verify_audit().await.unwrap().broken_at, None);
}

/// Lets the audit refuse rows of this subject, with this error.
fn refuse(database: &str, subject: &str, code: &str) {
    let statements = format!(
        "SET search_path = juzhen; CREATE SEQUENCE refusals;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.subject = '{subject}' THEN
                 PERFORM nextval('juzhen.refusals'); RAISE EXCEPTION 'not this one' USING ERRCODE = '{code}';
             END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER refuses BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    cluster().say(database, &statements).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_what_is_always_in_the_way_is_told_after_five_more_tries() {
    let database = cluster().database(None).unwrap();
    let store = open(cluster().port(), &database, &options()).unwrap();
    refuse(&database, "thing:bad", "40001");
    let refused = store.note(row("thing:bad")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused:?}");
    assert_eq!(cluster().say(&database, "SELECT last_value FROM juzhen.refusals").unwrap(), "6");
    store.note(row("thing:good")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_one_bad_job_costs_no_other_of_its_commit() {
    let database = cluster().database(None).unwrap();
    let store = Arc::new(open(cluster().port(), &database, &options()).unwrap());
    refuse(&database, "thing:7", "P0001");
    // All wait behind one, and then go together.
    let lock = Session::saying(cluster().port(), &database, "SELECT pg_advisory_lock(1249202766, 1)");
    let waiting = Arc::new(AtomicU32::new(0));
    let notes = (0..30).map(|n| {
        let (store, waiting) = (Arc::clone(&store), Arc::clone(&waiting));
        tokio::spawn(async move {
            let note = store.note(row(&format!("thing:{n}")));
            waiting.fetch_add(1, Ordering::SeqCst);
            note.await
        })
    });
    let notes: Vec<_> = notes.collect();
    crate::until("all are asked", async || waiting.load(Ordering::SeqCst) == 30).await;
    lock.end();
    for (n, note) in notes.into_iter().enumerate() {
        assert_eq!(note.await.unwrap().is_err(), n == 7, "{n}");
    }
    assert_eq!(times(&*store, "thing:7").await, 0);
    let tries = cluster().say(&database, "SELECT last_value FROM juzhen.refusals").unwrap();
    assert_eq!(tries, "2", "once with the others and once alone");
    assert_eq!(store.verify_audit().await.unwrap().rows, 29);
}
