//! Three daemons that are killed, stopped and cut off at random, all at once, while they share one load (P18).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use juzhen_sandbox::{Chance, Fault, Match, Rule};
use juzhen_tests::{Daemon, District};
use rustix::process::Signal;

use crate::fleet::{Berth, Fleet};

/// Short, so that each stop and each cut outlasts it.
const LEASE: u64 = 3;

/// How much of it.
struct Shape {
    accounts: usize,
    items: usize,
    apart: Duration,
    blows_for: Duration,
}

fn shape() -> Shape {
    let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
    if std::env::var_os("JUZHEN_LONG").is_some() {
        Shape { accounts: 50, items: 60, apart: seconds(10), blows_for: seconds(600) }
    } else {
        Shape { accounts: 20, items: 25, apart: millis(800), blows_for: seconds(20) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    Kill,
    Stop,
    Partition,
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_three_daemons_killed_stopped_and_partitioned_publish_each_delivery_at_most_once() {
    let shape = shape();
    let seed = std::env::var("JUZHEN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("JUZHEN_SEED={seed}");
    let mut fleet = Fleet::new(shape.accounts, LEASE).await;
    // Slow enough that blows land while requests are under way.
    let slow = Rule {
        matching: Match { method: Some("POST".into()), ..Match::default() },
        times: None,
        chance: Some(Chance { percent: 50, seed, spread: false }),
        fault: Fault::DelayMs { ms: 400 },
    };
    fleet.world.stage.handle.fault(slow).unwrap();
    let berths = ["north", "east", "south"].map(|name| fleet.berth(name));
    let daemons = berths.each_ref().map(|berth| fleet.start(berth));
    fleet.plan(shape.items, Duration::from_secs(4), shape.apart, &berths[0].api).await;

    let (until, mut chance) = (Instant::now() + shape.blows_for, fastrand::Rng::with_seed(seed));
    let district = Arc::new(fleet.world.district);
    let battered = berths.into_iter().zip(daemons).map(|(berth, daemon)| {
        let (chance, district) = (chance.fork(), Arc::clone(&district));
        std::thread::spawn(move || batter(berth, daemon, &district, until, chance))
    });
    let battered: Vec<_> = battered.collect();
    let mut blows: BTreeMap<Blow, u32> = BTreeMap::new();
    let mut alive = Vec::new();
    for thread in battered {
        let (berth, daemon, dealt) =
            tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        dealt.into_iter().for_each(|blow| *blows.entry(blow).or_default() += 1);
        alive.push((berth, daemon));
    }
    fleet.world.district = Arc::into_inner(district).unwrap();

    let log = || alive.iter().map(|(berth, _)| berth.api.log()).collect::<String>();
    fleet.settled(&alive[0].0.api).await;
    fleet.world.api.moved_to(&alive[0].0.api.url());
    let tally = fleet.world.judge().await;
    let said = |what: &str| log().matches(what).count();
    println!(
        "{} deliveries: {tally:?}; {blows:?}; leases lost {}, taken up {}, late results {}",
        shape.accounts * shape.items,
        said("Joined anew"),
        said("Took up what a daemon"),
        said("A late result was kept"),
    );
    assert_eq!(tally.values().sum::<usize>(), shape.accounts * shape.items, "{}", log());
    // A result comes late to a daemon that lost its lease, and to no other: what the living hold is their own.
    assert!(said("A late result was kept") <= said("Joined anew") * shape.accounts, "{}", log());
    assert!(tally["published"] * 10 > shape.accounts * shape.items * 8, "{tally:?}\n{}", log());
    assert_eq!(blows.len(), 3, "each kind of blow fell: {blows:?}");
    assert!(said("Joined anew") > 0 && said("Took up what a daemon") > 0, "{}", log());
}

/// Blow after blow; in the end the daemon runs, with its way to the database open.
fn batter(
    berth: Berth,
    mut daemon: Daemon,
    district: &District,
    until: Instant,
    mut chance: fastrand::Rng,
) -> (Berth, Daemon, Vec<Blow>) {
    let pause = |chance: &mut fastrand::Rng, from: u64, to: u64| {
        std::thread::sleep(Duration::from_millis(chance.u64(from..to)));
    };
    let mut dealt = Vec::new();
    // One of each first, so that a short run has all of them.
    let mut next = vec![Blow::Kill, Blow::Stop, Blow::Partition];
    chance.shuffle(&mut next);
    while Instant::now() < until {
        pause(&mut chance, 500, 3_000);
        let blow = next.pop().or_else(|| chance.choice([Blow::Kill, Blow::Stop, Blow::Partition])).unwrap();
        dealt.push(blow);
        match blow {
            Blow::Kill => {
                daemon.kill();
                pause(&mut chance, 0, 2_000);
                daemon = berth.start(district);
            }
            Blow::Stop => {
                daemon.signal(Signal::STOP);
                pause(&mut chance, 1_000 * LEASE, 3_000 * LEASE);
                daemon.signal(Signal::CONT);
            }
            Blow::Partition => {
                berth.wire.cut(true);
                pause(&mut chance, 1_000 * LEASE, 2_000 * LEASE);
                berth.wire.cut(false);
            }
        }
    }
    (berth, daemon, dealt)
}
