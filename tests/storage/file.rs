//! The file itself: who holds it, who took it away, what is wrong in it, and a crash while it is brought up to date.

use std::time::Duration;

use juzhen_tests::{Api, Daemon, District, Run, Stage};

async fn district() -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    (stage, district)
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_f36_a_second_daemon_is_refused_within_2_s_and_told_who_has_the_database() {
    let (_stage, district) = district().await;
    let mut first = Daemon::start(&district);
    let holder = format!("process {}", first.pid());
    let api = Api::new(district.path("other"));
    let refused = Daemon::try_start(&api, &district, &Run::default()).err().expect("two daemons");
    assert!(refused.log.contains(&holder), "{}", refused.log);
    assert!(refused.after < Duration::from_secs(2), "{:?}", refused.after);
    assert!(first.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn p25_killed_while_the_schema_is_made_the_next_start_completes() {
    for statement in [1, 20, 50] {
        let (stage, district) = district().await;
        let run = Run::failing(&format!("migrate.step_n={statement}*abort"));
        let api = Api::new(district.data());
        let killed =
            Daemon::try_start(&api, &district, &run).err().expect("migrate.step_n was never reached");
        assert!(killed.log.contains("migrate.step_n"), "{}", killed.log);
        let daemon = Daemon::start(&district);
        let id = daemon.publish("d07.xx", "新库", &["W015"], Duration::ZERO).await;
        daemon.until(&id, &["published"]).await;
        stage.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_a_damaged_file_is_refused_with_the_way_back_and_left_as_it_is() {
    let (_stage, district) = district().await;
    let mut daemon = Daemon::start(&district);
    daemon.submit("d07.xx", "在库里", &["W015"]).await;
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ended(Duration::from_secs(20)).is_some_and(|status| status.success()));
    let file = district.data().join("juzhen.db");
    let mut bytes = std::fs::read(&file).unwrap();
    for byte in &mut bytes[8192..16384] {
        *byte ^= 0x10;
    }
    std::fs::write(&file, &bytes).unwrap();
    let api = Api::new(district.data());
    let refused = Daemon::try_start(&api, &district, &Run::default()).err().expect("a damaged database runs");
    for said in ["is damaged", "juzhen restore"] {
        assert!(refused.log.contains(said), "{}", refused.log);
    }
    assert!(std::fs::read(&file).unwrap() == bytes, "the damaged file was changed");
}
