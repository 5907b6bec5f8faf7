//! A thousand deliveries due in the same second: none early, each account in its order (P6). How late they are is printed.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::load::{World, account};

const ACCOUNTS: usize = 50;
const EACH: usize = 20;
/// To say what is wanted, on a machine with other things to do.
const AHEAD: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn p06_a_thousand_in_one_second_are_never_early_and_in_order() {
    let mut world = World::new(ACCOUNTS).await;
    let targets: Vec<String> = (0..ACCOUNTS).map(account).collect();
    let daemon = world.start();
    let first = Timestamp::now() + AHEAD;
    for number in 0..EACH {
        let due = first + Duration::from_millis(40 * number as u64);
        world.plan(&format!("同时第{number:02}条"), &targets, due, due + Duration::from_secs(900));
    }
    assert!(world.ask().await);
    println!("asked {:?} before the first is due", first.duration_since(Timestamp::now()));
    let start = Instant::now();
    while world.stage.ledger().effects.len() < ACCOUNTS * EACH && start.elapsed() < Duration::from_secs(240) {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    world.settled(Duration::from_secs(240)).await;
    let tally = world.judge().await;
    world.judge_order(|_| false);
    assert_eq!(tally["published"], ACCOUNTS * EACH, "{tally:?}");
    drop(daemon);
    print_lateness(&world, &targets);
}

/// Of each account's first post after it was due, and of each further one after the one before or its own time.
fn print_lateness(world: &World, targets: &[String]) {
    let effects = world.stage.ledger().effects;
    let due = |text: &str| world.planned.iter().find(|one| one.text == text).unwrap().due.as_millisecond();
    let (mut first, mut next) = (Vec::new(), Vec::new());
    for account in targets {
        let own: Vec<_> = effects.iter().filter(|effect| effect.account == *account).collect();
        first.push(own[0].at_unix_ms - due(&own[0].text));
        next.extend(
            own.windows(2).map(|pair| pair[1].at_unix_ms - pair[0].at_unix_ms.max(due(&pair[1].text))),
        );
    }
    for (what, mut late) in
        [("the first of an account after it is due", first), ("a further one after the one before", next)]
    {
        late.sort_unstable();
        let of = |percent: usize| late[(late.len() * percent).div_ceil(100) - 1];
        println!("{what}: p50 {} ms, p99 {} ms, at most {} ms", of(50), of(99), of(100));
    }
}
