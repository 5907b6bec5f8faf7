//! What callers hear when a job fails, a commit fails, the disk is full or broken.

use super::*;
use crate::error::Refused;

fn start(commit: Commit) -> (tempfile::TempDir, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("t.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;
             CREATE TABLE t (n INTEGER PRIMARY KEY, of INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)",
        )
        .unwrap();
    let writer = Writer::start(connection, 64, Poison::default(), commit, None).unwrap();
    (folder, writer)
}

fn insert(n: i64) -> impl Fn(&Connection) -> Result<(), StoreError> + Send + 'static {
    move |c| c.execute("INSERT INTO t (n) VALUES (?1)", [n]).map(drop).map_err(StoreError::from)
}

async fn rows(writer: &Writer) -> Vec<i64> {
    let read = |c: &Connection| {
        let mut statement = c.prepare("SELECT n FROM t ORDER BY n")?;
        Ok(statement.query_map([], |r| r.get(0))?.collect::<Result<Vec<i64>, _>>()?)
    };
    writer.write("read", read).await.unwrap()
}

/// Holds the thread until every job is handed in, so that they share one transaction.
async fn together(writer: &Writer, jobs: Vec<(i64, bool)>) -> Vec<Result<(), StoreError>> {
    let gate = writer.write("wait", |_| {
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    });
    let all = jobs.into_iter().map(|(n, good)| {
        writer.write("insert", move |c| {
            insert(n)(c)?;
            if good { Ok(()) } else { Err(StoreError::Refused(Refused::new("no", "no"))) }
        })
    });
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut gate = Box::pin(gate);
    // Polling once hands a job in.
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(gate.as_mut().poll(&mut context).is_pending());
    for job in &mut all {
        assert!(job.as_mut().poll(&mut context).is_pending());
    }
    gate.await.unwrap();
    let mut answers = Vec::new();
    for job in all {
        answers.push(job.await);
    }
    answers
}

#[tokio::test]
async fn a_job_that_fails_takes_back_only_its_own_changes() {
    let (_folder, writer) = start(commit);
    let answers = together(&writer, vec![(1, true), (2, false), (3, true)]).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(rows(&writer).await, [1, 3]);
}

#[tokio::test]
async fn a_panic_in_a_job_is_an_error_for_its_caller_alone() {
    let (_folder, writer) = start(commit);
    let broken = |c: &Connection| -> Result<(), StoreError> {
        insert(1)(c)?;
        panic!("boom")
    };
    let error = writer.write("insert", broken).await.unwrap_err();
    assert!(super::super::error::chain(&error).contains("boom"), "{error:?}");
    writer.write("insert", insert(2)).await.unwrap();
    assert_eq!(rows(&writer).await, [2]);
}

#[tokio::test]
async fn p04_when_the_commit_fails_nobody_hears_that_it_was_done() {
    let (_folder, writer) = start(commit);
    let dangling = |c: &Connection| {
        c.execute("INSERT INTO t (n, of) VALUES (1, 99)", [])?;
        Ok(())
    };
    // The foreign key is looked at by COMMIT itself.
    assert!(writer.write("insert", dangling).await.is_err());
    writer.write("insert", insert(2)).await.unwrap();
    assert_eq!(rows(&writer).await, [2]);
}

#[tokio::test]
async fn f18_a_full_disk_keeps_what_was_answered_and_comes_back() {
    let (_folder, writer) = start(commit);
    let pages = |most: i64| {
        move |c: &Connection| {
            c.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?;
            Ok(())
        }
    };
    // The same answer as from a disk without room.
    writer.write("limit", pages(4)).await.unwrap();
    let fill = |c: &Connection| {
        insert(50)(c)?;
        Ok(c.execute_batch("CREATE TABLE big AS SELECT randomblob(1000000) AS b")?)
    };
    let gate = writer.write("insert", insert(1));
    let (before, full, after) =
        tokio::join!(gate, writer.write("fill", fill), writer.write("insert", insert(2)));
    assert!(matches!(full, Err(StoreError::NoRoom { .. })), "{full:?}");
    let answered: Vec<i64> =
        [(1, before), (2, after)].into_iter().filter(|(_, a)| a.is_ok()).map(|(n, _)| n).collect();
    assert_eq!(rows(&writer).await, answered);
    writer.write("limit", pages(100_000)).await.unwrap();
    writer.write("fill", fill).await.unwrap();
    assert!(rows(&writer).await.contains(&50));
}

#[tokio::test]
async fn p17_what_finds_no_room_does_not_take_the_result_beside_it_along() {
    let (_folder, writer) = start(commit);
    let limit = |c: &Connection| Ok(c.query_row("PRAGMA max_page_count = 12", [], |_| Ok(()))?);
    writer.write("limit", limit).await.unwrap();
    let fill = |c: &Connection| Ok(c.execute_batch("CREATE TABLE big AS SELECT randomblob(1000000) AS b")?);
    // Handed in while the thread is busy, so that they share one transaction.
    let busy = writer.write("wait", |_| {
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    });
    let (_, usual, large, result) = tokio::join!(
        busy,
        writer.write("insert", insert(1)),
        writer.write("fill", fill),
        writer.write(Job::from("settle").result(), insert(2))
    );
    for refused in [usual, large] {
        assert!(matches!(refused, Err(StoreError::NoRoom { .. })), "{refused:?}");
    }
    result.unwrap();
    assert_eq!(rows(&writer).await, [2]);
}

#[tokio::test]
async fn f21_after_a_failed_fsync_nothing_is_answered_any_more() {
    fn no_disk(_: &Connection) -> rusqlite::Result<()> {
        Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
            None,
        ))
    }
    let (_folder, writer) = start(no_disk);
    assert!(writer.write("insert", insert(1)).await.is_err());
    let error = writer.write("insert", insert(2)).await.unwrap_err();
    assert!(super::super::error::chain(&error).contains("failed earlier"), "{error:?}");
}

#[tokio::test]
async fn closing_writes_what_came_before_and_takes_nothing_after() {
    let (_folder, writer) = start(commit);
    let (before, closed) = tokio::join!(writer.write("insert", insert(1)), writer.close());
    before.unwrap();
    closed.unwrap();
    assert!(matches!(writer.write("insert", insert(2)).await, Err(StoreError::Closed)));
    writer.close().await.unwrap();
}

#[tokio::test]
async fn what_is_in_no_hurry_shares_the_commit_of_what_comes_after_it() {
    let (_folder, writer) = start(commit);
    let (first, second) = tokio::join!(
        writer.write(Job::from("answer").in_no_hurry(), insert(1)),
        writer.write("settle", insert(2))
    );
    first.and(second).unwrap();
    assert_eq!(writer.commits(), 1);
    writer.write(Job::from("answer").in_no_hurry(), insert(3)).await.unwrap();
    assert_eq!(writer.commits(), 2, "nothing came after it");
    assert_eq!(rows(&writer).await, [1, 2, 3]);
}
