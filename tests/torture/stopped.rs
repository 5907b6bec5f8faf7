//! STOP ALL on the real binary, by each of its four ways (P26): within a second nothing leaves any more, a restart changes
//! nothing, and two people lift it.

use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_tests::{Daemon, juzhen};
use rustix::process::Signal;
use serde_json::json;

use crate::load::{World, account};

const ACCOUNTS: usize = 4;
/// Items, one each so many milliseconds.
const ITEMS: u64 = 60;
const EVERY: u64 = 200;

#[derive(Clone, Copy, Debug)]
enum Way {
    Api,
    CommandLine,
    Signal,
    File,
}

#[tokio::test(flavor = "multi_thread")]
async fn p26_stop_all_by_each_way_holds_within_a_second_and_two_people_lift_it() {
    let ways = [Way::Api, Way::CommandLine, Way::Signal, Way::File];
    for way in ways.map(|way| tokio::spawn(stopped_by(way))) {
        way.await.unwrap();
    }
}

async fn stopped_by(way: Way) {
    let mut world = World::new(ACCOUNTS).await;
    let mut daemon = world.start();
    let start = Timestamp::now() + Duration::from_secs(3);
    for number in 0..ITEMS {
        let due = start + Duration::from_millis(EVERY * number);
        let target = account(usize::try_from(number).unwrap() % ACCOUNTS);
        world.plan(&format!("第{number:02}条"), &[target], due, due + Duration::from_secs(900));
    }
    assert!(world.ask().await);
    while world.stage.ledger().effects.len() < 5 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Whoever says it by hand has said it when the word is out.
    let said = stop(way, &world, &daemon).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let out = world.stage.ledger().effects.len();
    let last = world.stage.ledger().effects.last().unwrap().at_unix_ms;
    println!("{way:?}: {out} were out, the last one {} ms after the word", last - said.as_millisecond());
    assert!(last <= said.as_millisecond() + 1_000, "{way:?}: it went on for longer than a second");
    assert!(out + 5 < world.planned.len(), "{way:?}: there is nothing left to stop");
    held(&world, out, way).await;

    daemon.kill();
    if matches!(way, Way::File) {
        std::fs::remove_file(world.district.data().join("STOP")).unwrap();
    }
    let _daemon = world.start();
    held(&world, out, way).await;
    let (status, view) = world.api.call("off.hg", "GET", "/api/v1/stop", None).await;
    assert!(status.is_success() && view["stopped"] == true, "{way:?}: {view:#}");
    for person in ["off.hg", "off.hg"] {
        let (_, view) = world.api.call(person, "POST", "/api/v1/stop/lift", None).await;
        assert_ne!(view["stopped"], false, "{way:?}: one person lifted it: {view:#}");
    }
    held(&world, out, way).await;
    let (status, view) = world.api.call("off.zr", "POST", "/api/v1/stop/lift", None).await;
    assert!(status.is_success() && view["stopped"] == false, "{way:?}: {view:#}");
    // What was held is released by the next sweep.
    for planned in &world.planned {
        world.api.until(planned.id.as_deref().unwrap(), &["published"]).await;
    }
    let tally = world.judge().await;
    assert_eq!(tally["published"], usize::try_from(ITEMS).unwrap(), "{way:?}: {tally:?}");
}

/// Says it; the moment before.
async fn stop(way: Way, world: &World, daemon: &Daemon) -> Timestamp {
    let before = Timestamp::now();
    match way {
        Way::Api => {
            let (status, body) = world
                .api
                .call("off.zr", "POST", "/api/v1/stop", Some(json!({"reason": "账号疑似被盗"})))
                .await;
            assert!(status.is_success(), "{body:#}");
        }
        Way::CommandLine => {
            let token = world.district.path("token");
            std::fs::write(&token, world.api.token("off.zr")).unwrap();
            let mut command = Command::new(juzhen());
            command.args(["stop", "账号疑似被盗", "--server", &world.api.url(), "--token-file"]).arg(&token);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Way::Signal => daemon.signal(Signal::USR1),
        Way::File => drop(std::fs::File::create(world.district.data().join("STOP")).unwrap()),
    }
    before
}

/// Nothing leaves, and what is due is held and says why.
async fn held(world: &World, out: usize, way: Way) {
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(world.stage.ledger().effects.len(), out, "{way:?}: something left");
    let deliveries = world.api.deliveries().await;
    let held = deliveries.iter().filter(|d| d["state"] == "held");
    let of_stop = held.filter(|d| d["reason"].as_str().unwrap().starts_with("stopped")).count();
    assert!(of_stop > 0, "{way:?}: nothing is held: {}", world.api.log());
}
