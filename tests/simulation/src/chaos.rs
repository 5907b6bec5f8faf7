//! What happens to machines, settings, clocks, accounts and the database, mostly when something is going on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::chance::Chance;
use crate::district::{ACCOUNTS, VARIANTS};
use crate::life::{self, Life};
use crate::people::People;
use crate::scene::Scene;

/// Until the storm is over.
pub(crate) async fn happens(people: People) {
    let scene = &people.scene;
    let chance = scene.chance.fork();
    if scene.marks.is_some() {
        tokio::task::spawn_local(put_back(people.clone(), chance.fork()));
    }
    loop {
        let wait = match scene.horizon.next() {
            Some(due) if chance.percent(70) => scene.time.until(due) + chance.millis(0, 9_000),
            _ => chance.seconds(60, 3 * 3600),
        };
        tokio::time::sleep(wait.max(Duration::from_secs(1))).await;
        if scene.is_calm() {
            return;
        }
        let Some(life) = one_of(&people, &chance) else { continue };
        match chance.below(13) {
            0..=3 => {
                scene.fired.count("crash.at_a_time");
                life.end();
            }
            4 | 5 => pause(scene, &life, &chance),
            6 | 7 => {
                let variant = usize::try_from(chance.below(VARIANTS as u64)).unwrap_or_default();
                scene.fired.count(&format!("settings.variant_{variant}"));
                scene.files.switch(variant);
            }
            8 => people.stop_a_while(chance.seconds(5, 1800)).await,
            9 | 10 => set_clock(scene, life.daemon, &chance),
            11 => post_by_hand(scene, &chance),
            _ => scene.files.switch(0),
        }
    }
}

fn one_of(people: &People, chance: &Chance) -> Option<Arc<Life>> {
    let lives: Vec<_> =
        people.serving.look(|serving| serving.values().map(|(_, life)| Arc::clone(life)).collect());
    chance.pick(&lives).cloned()
}

fn pause(scene: &Scene, life: &Arc<Life>, chance: &Chance) {
    let length = life::stop_length(scene, chance);
    scene.trace.note(|| format!("{} is stopped for {} s", life.name, length.as_secs()));
    life.stop_for(length);
}

/// A clock is set wrong, and right again after a while. What cannot be true is noticed by people soon; an hour is not.
fn set_clock(scene: &Scene, daemon: u64, chance: &Chance) {
    let hour = SignedDuration::from_hours(1);
    let since_1970 = scene.time.now().duration_since(Timestamp::UNIX_EPOCH);
    let steps = [
        ("forward_an_hour", hour, 7200),
        ("back_an_hour", -hour, 7200),
        ("forward_400_days", hour * 24 * 400, 50),
        ("to_1970", -since_1970, 1200),
        ("to_2100", hour * 24 * 365 * 80, 1200),
    ];
    let Some((name, by, longest)) = chance.pick(&steps).copied() else { return };
    scene.fired.count(&format!("clock.{name}"));
    scene.trace.note(|| format!("the clock of daemon {daemon} is set {name}"));
    scene.clocks.set(daemon, by);
    let (scene, length) = (scene.clone(), chance.seconds(5, longest));
    tokio::task::spawn_local(async move {
        tokio::time::sleep(length).await;
        scene.clocks.set(daemon, SignedDuration::ZERO);
    });
}

/// Somebody who has the password of an account (P27). What is there before the first look is stock, and no alarm.
fn post_by_hand(scene: &Scene, chance: &Chance) {
    let Some((account, _, platform)) = chance.pick(&ACCOUNTS) else { return };
    let watched = scene.view.watched().now_or_never().and_then(Result::ok).unwrap_or_default();
    if !watched.iter().any(|one| one.account.as_str() == *account && one.since.is_some()) {
        return;
    }
    let text = format!("手工发布 {}", chance.below(1_000_000));
    scene.fired.count("people.post_by_hand");
    scene.platform.post_by_hand(account, platform, &text);
    scene.book.open().by_hand.insert(((*account).to_owned(), text));
}

/// Around the time at which something is due, the leases of all daemons are so short that one that stands still may go on
/// with a call whose delivery another has taken up and sent (P18, F37).
pub(crate) async fn hurries(people: People, chance: Chance) {
    let scene = &people.scene;
    let all_end = || people.serving.look(|serving| serving.values().for_each(|(_, life)| life.end()));
    while !scene.is_calm() {
        tokio::time::sleep(chance.seconds(600, 6 * 3600)).await;
        let Some(due) = scene.horizon.of_service("claim") else { continue };
        tokio::time::sleep(scene.time.until(due).saturating_sub(BEFORE_DUE)).await;
        scene.fired.count("leases.short");
        scene.hurried.store(true, Ordering::SeqCst);
        all_end();
        tokio::time::sleep(BEFORE_DUE + chance.seconds(60, 300)).await;
        scene.hurried.store(false, Ordering::SeqCst);
        all_end();
    }
}
const BEFORE_DUE: Duration = Duration::from_secs(40);

/// The database is put back to what it was some hours before (P19). All that people know of it goes back with it.
async fn put_back(people: People, chance: Chance) {
    let scene = &people.scene;
    tokio::time::sleep(chance.seconds(3600, 30 * 3600)).await;
    let Ok(image) = scene.database.image() else { return };
    let pages = scene.book.open().clone();
    tokio::time::sleep(chance.seconds(600, 8 * 3600)).await;
    scene.trace.note(|| "the database is put back".to_owned());
    scene.fired.count("database.put_back");
    people.serving.look(|serving| serving.values().for_each(|(_, life)| life.end()));
    keep_marks(scene).await;
    if scene.database.put_back(&image).is_ok() {
        scene.book.put_back(pages);
    }
    // People look at the accounts before they lift the stop.
    tokio::time::sleep(chance.seconds(1200, 7200)).await;
    people.lift().await;
}

/// A daemon keeps its mark every second; here it rests for longer when nothing is due.
async fn keep_marks(scene: &Scene) {
    for file in (1..=scene.daemons).filter_map(|daemon| scene.mark_of(daemon)) {
        let seen = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Ok(mark) = scene.view.mark(seen).await else { return };
        let text = serde_json::to_string(&mark).unwrap_or_default();
        if let Err(error) = std::fs::write(file, &text) {
            scene.book.violation(format!("the mark could not be kept: {error}"));
        }
    }
}
