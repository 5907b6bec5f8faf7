//! A bad configuration changes nothing and is loud, however it is written (P8); a restart with broken files runs on the
//! last good set.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use juzhen_tests::{Daemon, District, Stage};
use reqwest::StatusCode;

/// How a file comes to be another one.
const WAYS: [&str; 6] = [
    "rename",
    "in place, three pieces",
    "deleted, then made",
    "symlink swap",
    "truncated first",
    "copied over",
];

fn write(way: &str, path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("fresh");
    let _ = fs::remove_file(&beside);
    match way {
        "rename" => {
            fs::write(&beside, bytes).unwrap();
            fs::rename(&beside, path).unwrap();
        }
        "in place, three pieces" => {
            let mut file = fs::OpenOptions::new().write(true).truncate(true).create(true).open(path).unwrap();
            for piece in bytes.chunks(bytes.len().div_ceil(3).max(1)) {
                file.write_all(piece).unwrap();
                file.flush().unwrap();
            }
        }
        "deleted, then made" => {
            let _ = fs::remove_file(path);
            fs::write(path, bytes).unwrap();
        }
        "symlink swap" => {
            let target = path.with_extension("target");
            fs::write(&target, bytes).unwrap();
            symlink(target.file_name().unwrap(), &beside).unwrap();
            fs::rename(&beside, path).unwrap();
        }
        "truncated first" => {
            fs::write(path, b"").unwrap();
            fs::write(path, bytes).unwrap();
        }
        "copied over" => {
            fs::write(&beside, bytes).unwrap();
            fs::copy(&beside, path).unwrap();
            fs::remove_file(&beside).unwrap();
        }
        other => panic!("{other}"),
    }
}

/// Bad files: what is wrong, which file, its bytes. At least sixty.
fn bad(district: &District) -> Vec<(String, &'static str, Vec<u8>)> {
    let unit = district.read("units/D07.yaml");
    let routes = "routes:\n  - {id: a, kind: forward, when: {accounts: [W015]}, to: [W000]}\n...\n";
    let swap = |from: &str, to: &str| {
        assert!(unit.contains(from), "{from:?} is not in the unit's file");
        unit.replacen(from, to, 1).into_bytes()
    };
    let with = |line: &str| format!("{line}{unit}").into_bytes();
    let text = |t: &str| t.as_bytes().to_vec();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(unit.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let gbk = [b"code: D07\nname: ".as_slice(), &[0xb5, 0xa5, 0xce, 0xbb], b"\n...\n"].concat();
    let u = "units/D07.yaml";
    let mut bad: Vec<(String, &'static str, Vec<u8>)> = [
        ("Y01 empty", u, text("")),
        ("Y02 comments only", u, text("# nothing\n")),
        ("Y03 null", u, text("~\n...\n")),
        ("Y04 two documents", u, with("a: 1\n---\n")),
        ("Y05 tab", u, swap("\n  - ", "\n\t- ")),
        ("Y06 duplicate key", u, with("code: D07\n")),
        ("Y07 unknown key", u, with("naem: x\n")),
        ("Y08 yes for true", u, swap("roles: [info_officer]", "roles: [info_officer], active: yes")),
        ("Y10 octal", "district.yaml", text(&district.read("district.yaml").replace("min_gap_seconds: 0", "min_gap_seconds: 010"))),
        ("Y12 huge number", "district.yaml", text(&district.read("district.yaml").replace("min_gap_seconds: 0", "min_gap_seconds: 99999999999999999999"))),
        ("Y13 negative", "district.yaml", text(&district.read("district.yaml").replace("min_gap_seconds: 0", "min_gap_seconds: -1"))),
        ("Y14 not a number", "district.yaml", text(&district.read("district.yaml").replace("min_gap_seconds: 0", "min_gap_seconds: .nan"))),
        ("Y15 unclosed quote", u, swap("name: 单位D07", "name: \"单位D07")),
        ("Y18 UTF-16", u, utf16),
        ("Y19 GBK", u, gbk),
        ("Y20 NUL", u, swap("D07", "D\x0007")),
        ("Y20 escaped NUL", u, swap("name: 单位D07", "name: \"单位\\0D07\"")),
        ("Y21 bidi in an id", u, swap("code: D07", "code: \"D\u{202e}07\"")),
        ("Y23 alias bomb", u, with("a: &a [1,1,1]\nb: [*a,*a,*a]\n")),
        ("Y24 deep", u, [vec![b'['; 100_000], text("\n...\n")].concat()),
        ("Y25 many keys", u, (0..60_000).map(|n| format!("k{n}: 1\n")).collect::<String>().into_bytes()),
        ("Y26 huge scalar", u, [text("code: \""), vec![b'a'; 2_000_000], text("\"\n...\n")].concat()),
        ("Y27 merge key", u, with("<<: {a: 1}\n")),
        ("Y28 alias of itself", u, with("a: &a [*a]\n")),
        ("Y29 object tag", u, swap("name: 单位D07", "name: !!python/object:os.system x")),
        ("Y29 include tag", u, swap("name: 单位D07", "name: !include /etc/passwd")),
        ("Y29 binary tag", u, swap("name: 单位D07", "name: !!binary aGk=")),
        ("Y30 complex key", u, with("? [a, b]\n: c\n")),
        ("Y33 other version", u, with("%YAML 9.9\n---\n")),
        ("Y34 JSON of another kind", u, text("{\"hello\": 1}\n...\n")),
        ("Y34 TOML", u, text("[unit]\ncode = \"D07\"\n")),
        ("Y34 web page", u, text("<!DOCTYPE html><html><body>502</body></html>\n")),
        ("Y36 very long line", u, [text("# "), vec![b'x'; 5_000_000], text("\n"), text(&unit)].concat()),
        ("Y37 an id twice", u, swap("id: W016", "id: W015")),
        ("Y37 a uid twice", u, swap("uid: \"W016\"", "uid: \"W015\"")),
        ("Y38 route to itself", "routes.yaml", text(&routes.replace("to: [W000]", "to: [W015]"))),
        ("Y38 route to nowhere", "routes.yaml", text(&routes.replace("to: [W000]", "to: [W999]"))),
        ("Y38 loop", "routes.yaml", text("routes:\n  - {id: a, kind: forward, when: {accounts: [W015]}, to: [W000]}\n  - {id: b, kind: forward, when: {accounts: [W000]}, to: [W015]}\n...\n")),
        ("Y39 zone", "district.yaml", text(&district.read("district.yaml").replace("office_unit: OFFICE", "office_unit: OFFICE, timezone: Asia/Beijing"))),
        ("unknown platform", u, swap("platform: weibo", "platform: weibbo")),
        ("unknown role", u, swap("info_officer", "info_oficer")),
        ("unknown category", u, swap("category: department", "category: deparment")),
        ("unknown status", u, swap("status: active", "status: actve")),
        ("unknown adapter", u, swap("status: active", "status: active, adapter: mokc")),
        ("missing name", u, swap("name: 单位D07\n", "")),
        ("a list for a text", u, swap("name: 单位D07", "name: [单位]")),
        ("a text for a list", u, swap("roles: [info_officer]", "roles: info_officer")),
        ("a secret in clear", u, swap("file:W015.token", "2.00AbCdEfGhIjKlMnOp")),
        ("a second office", u, swap("category: department", "category: office")),
        ("a column of nobody", "columns.yaml", text("columns:\n  - {id: yaowen, name: 要闻, platforms: [weibo], procedures: [P4], owner: D99}\n...\n")),
        ("a column with no procedure", "columns.yaml", text("columns:\n  - {id: yaowen, name: 要闻, platforms: [weibo], procedures: [P9], owner: OFFICE}\n...\n")),
    ]
    .into_iter()
    .map(|(what, file, bytes)| (what.to_owned(), file, bytes))
    .collect();
    // Beginnings of a good file: cut anywhere, it must not pass for a shorter good one.
    let cuts = 15;
    for n in 1..=cuts {
        let at = (unit.len() - 5) * n / cuts;
        let at = (0..=at).rev().find(|i| unit.is_char_boundary(*i)).unwrap();
        bad.push((format!("Y16 the first {at} bytes"), u, unit.as_bytes()[..at].to_vec()));
    }
    bad
}

#[tokio::test(flavor = "multi_thread")]
async fn p08_bad_files_change_nothing_in_any_way_of_writing() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015", "W016"]);
    let daemon = Daemon::start(&district);
    let before = daemon.get("/api/v1/configuration").await["revision"].clone();
    let bad = bad(&district);
    assert!(bad.len() >= 60, "only {}", bad.len());
    let mut tried = 0;
    for (what, file, bytes) in &bad {
        let path = district.config().join(file);
        let good = fs::read(&path).unwrap();
        for way in WAYS {
            write(way, &path, bytes);
            let (status, body) = daemon.call("off.xt", "POST", "/-/reload", None).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}, {way}: {body:#}");
            let faults = body["faults"].as_array().unwrap_or_else(|| panic!("{what}: {body:#}"));
            assert!(!faults[0]["message"].as_str().unwrap().is_empty(), "{what}");
            tried += 1;
        }
        let status = daemon.get("/api/v1/configuration").await;
        assert_eq!(status["revision"], before, "{what} changed the running settings");
        let metrics = daemon.get("/metrics").await;
        let metrics = metrics.as_str().unwrap();
        assert!(metrics.contains("config_last_reload_successful 0"), "{what}: {metrics}");
        write("rename", &path, &good);
        daemon.call("off.xt", "POST", "/-/reload", None).await;
    }
    println!("{} bad files x {} ways: {tried} refused", bad.len(), WAYS.len());
    let status = daemon.get("/api/v1/configuration").await;
    assert_eq!((&status["revision"], &status["successful"]), (&before, &true.into()), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p08_the_watch_refuses_a_bad_file_by_itself_and_takes_the_next_good_one() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let mut daemon = Daemon::start(&district);
    let path = district.config().join("units/D07.yaml");
    let good = fs::read_to_string(&path).unwrap();
    for (number, way) in WAYS.iter().enumerate() {
        write(way, &path, b"code: D07\nname: [");
        until(&mut daemon, |s| s["successful"] == false).await;
        let name = format!("单位改名{number}");
        write(way, &path, good.replace("单位D07", &name).as_bytes());
        let took = until(&mut daemon, |s| s["successful"] == true).await;
        println!("{way}: the next good file applied after {took:?}");
    }
    for break_it in ["chmod 000", "directory", "removed"] {
        let _ = fs::remove_file(&path);
        match break_it {
            "chmod 000" => {
                // Root reads everything, so the mode is seen as dangerous instead: writable by all.
                fs::write(&path, &good).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
            }
            "directory" => fs::create_dir(&path).unwrap(),
            _ => fs::write(district.config().join("district.yaml"), b"").unwrap(),
        }
        until(&mut daemon, |s| s["successful"] == false).await;
        let _ = fs::remove_dir(&path);
        let _ = fs::remove_file(&path);
        fs::write(&path, &good).unwrap();
        district.write_district(&stage.mock_url(), "");
        until(&mut daemon, |s| s["successful"] == true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p08_a_restart_with_broken_files_runs_on_the_last_good_set_and_says_so() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let mut daemon = Daemon::start(&district);
    let revision = daemon.get("/api/v1/configuration").await["revision"].clone();
    daemon.kill();
    fs::write(district.config().join("routes.yaml"), "routes: [").unwrap();
    let daemon = Daemon::start(&district);
    let status = daemon.get("/api/v1/configuration").await;
    assert_eq!((&status["revision"], &status["on_last_good"]), (&revision, &true.into()), "{status:#}");
    assert!(daemon.log().contains("last good"), "{}", daemon.log());
    let id = daemon.publish("d07.xx", "照常发布", &["W015"], Duration::from_millis(200)).await;
    daemon.until(&id, &["published"]).await;
}

/// Asks for the status until it is as wanted, and says how long it took.
async fn until(daemon: &mut Daemon, wanted: impl Fn(&serde_json::Value) -> bool) -> Duration {
    let start = Instant::now();
    loop {
        let status = daemon.get("/api/v1/configuration").await;
        if wanted(&status) {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{status:#}\n{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
