//! What a person does from a shell where the daemon must not decide.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use serde_json::Value;
use support::district::{Daemon, District, until};
use support::{finish, http_with, juzhen};

/// What a person reads, who asks for no JSON.
fn read(district: &District, daemon: &Daemon, arguments: &[&str]) -> String {
    let mut command = juzhen();
    command.args(arguments).args(["--server", &daemon.url, "--token-file"]);
    finish(command.arg(district.token_file("off.hg"))).stdout
}

/// A post on W015's account that somebody made by hand; its address.
fn post_by_hand(district: &District, text: &str) -> String {
    let url = format!("{}/v1/accounts/9000000015/posts", district.places["mock"].as_str().unwrap());
    let body = format!(r#"{{"text":"{text}","media":[]}}"#);
    let answer = http_with("POST", &url, "Authorization: Bearer by-hand\r\n", &body);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let post: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"));
    post["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The answer to a post is lost, and meanwhile somebody posts the same by hand: only a person can say which one is ours.
fn doubtful(district: &District, daemon: &Daemon) -> (String, String) {
    district.fault(r#"{"match":{"method":"POST"},"times":1,"do":{"kind":"reset_after_effect"}}"#);
    let item = district.schedule(daemon, "停水通知");
    until("it is posted", || district.effects().len() == 1);
    let by_hand = post_by_hand(district, "停水通知");
    let mut seen = Value::Null;
    until("it needs a person", || {
        let list = district.done(daemon, "off.hg", &["delivery", "list", "--item", &item]);
        seen = list["deliveries"][0].clone();
        seen["state"] == "needs_person"
    });
    (seen["id"].as_str().unwrap().to_owned(), by_hand)
}

#[test]
fn f40_p01_a_doubt_is_closed_by_a_person_and_never_by_sending_again_what_is_there() {
    let district = District::new();
    let daemon = district.start();
    let (id, by_hand) = doubtful(&district, &daemon);

    let waiting = read(&district, &daemon, &["delivery", "list", "--attention"]);
    assert!(
        waiting.contains(&id) && waiting.contains("需人工核实") && waiting.contains("内容相同"),
        "{waiting}"
    );
    let page = read(&district, &daemon, &["delivery", "show", &id]);
    for words in [
        "需人工核实",
        "内容相同",
        "对外请求",
        "答复不完整",
        "确认已发布",
        "重新发送",
        &format!("resolve {id} --retry"),
    ] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    let seen = district.done(&daemon, "off.hg", &["delivery", "look", &id]);
    assert_eq!((&seen["seen"], &seen["matches"]), (&"several".into(), &2.into()), "{seen}");

    let resolve = |more: &[&str]| {
        let ran = district.ask(&daemon, "off.hg", &[&["delivery", "resolve", &id], more].concat());
        (ran.code, ran.json()["problem"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let mut unfounded = juzhen();
    unfounded.args(["delivery", "resolve", &id, "--retry", "--server", &daemon.url]);
    assert_eq!(finish(&mut unfounded).code, Some(2), "sending again takes a reason");
    assert_eq!(resolve(&["--retry", "--reason", "没看到"]), (Some(1), "on_account".into()));
    assert_eq!(resolve(&["--not-published"]), (Some(1), "on_account".into()));
    assert_eq!(resolve(&["--published", "https://example.com/1"]), (Some(1), "not_on_platform".into()));
    let mut in_chinese = juzhen();
    in_chinese.args(["delivery", "resolve", &id, "--not-published", "--server", &daemon.url, "--token-file"]);
    let told = finish(in_chinese.arg(district.token_file("off.hg")).env("LC_ALL", "zh_CN.UTF-8"));
    assert!(told.stderr.contains("账号 W015 上有 2 条内容相同"), "{told:?}");
    assert_eq!(district.effects().len(), 2, "ours and the one by hand");

    let closed = district.done(&daemon, "off.hg", &["delivery", "resolve", &id, "--published", &by_hand]);
    assert_eq!((&closed["state"], &closed["receipt"]["by"]), (&"published".into(), &"person".into()));
    let waiting = read(&district, &daemon, &["delivery", "list", "--attention"]);
    assert_eq!(waiting, "没有需要人工处理的发布任务\n");
    let page = read(&district, &daemon, &["delivery", "show", &id]);
    assert!(page.contains("已发布") && page.contains("人工确认") && !page.contains("现在可以做的"), "{page}");
}

#[test]
fn p26_one_page_says_what_is_stopped_and_who_is_still_needed() {
    let district = District::new();
    let daemon = district.start();
    until("it is ready", || district.ask(&daemon, "off.hg", &["status"]).code == Some(0));
    let page = read(&district, &daemon, &["status"]);
    assert!(page.starts_with("运行  正常\n停发  没有停发\n"), "{page}");
    district.done(&daemon, "off.lx", &["stop", "账号疑似被盗"]);
    district.done(&daemon, "off.hg", &["resume"]);
    let stopped = district.ask(&daemon, "off.hg", &["status"]);
    assert_eq!(
        (stopped.code, stopped.json()["stop"]["words_needed"].clone()),
        (Some(1), 1.into()),
        "{stopped:?}"
    );
    let page = read(&district, &daemon, &["status"]);
    for words in ["还差 1 人", "账号疑似被盗", "off.lx", "已同意恢复：off.hg", "mock", "claim"]
    {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
}

#[test]
fn p21_a_backup_that_is_asked_for_twice_is_made_once() {
    let district = District::new();
    let daemon = district.start();
    let ask = |person: &str, key: &str| {
        let token = std::fs::read_to_string(district.token_file(person)).unwrap();
        let head = format!("Authorization: Bearer {}\r\nIdempotency-Key: {key}\r\n", token.trim());
        http_with("POST", &format!("{}/api/v1/backups", daemon.url), &head, "{}")
    };
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(ask("off.hg", "b1").starts_with("HTTP/1.1 403"), "an editor backs nothing up");
    let first = ask("sys", "b1");
    assert!(first.starts_with("HTTP/1.1 201"), "{first}");
    let again = ask("sys", "b1");
    assert!(again.contains("idempotency-replayed: true") && body(&again) == body(&first), "{first}\n{again}");
    assert_ne!(body(&ask("sys", "b2")), body(&first));
    let folder = district.data().join("backups");
    let made: Value = serde_json::from_str(&body(&first)).unwrap();
    assert!(folder.join(made["file"].as_str().unwrap()).is_file(), "{made}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2);
}
