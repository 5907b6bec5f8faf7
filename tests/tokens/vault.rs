//! Secrets that are kept in the database: given with and without a daemon, bound to accounts, put under a new master key while
//! daemons run and die, and never in the environment of an adapter.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use juzhen_tests::{Api, Daemon, Run, cluster, eventually, juzhen};
use serde_json::{Value, json};

use crate::account::{FIRST, Scene, delivery};
use crate::key::files_of;

const PATIENCE: Duration = Duration::from_secs(60);

/// `juzhen secret …` with something on its standard input.
fn secret(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(juzhen());
    for name in ["JUZHEN_TOKEN_FILE", "JUZHEN_SERVER", "JUZHEN_DATA"] {
        command.env_remove(name);
    }
    command.arg("secret").args(arguments).arg("--json").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that wants nothing may be over by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The same, which has to go well.
fn done(arguments: &[&str], input: &str) -> Value {
    let output = secret(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(arguments: &[&str], input: &str) -> String {
    let output = secret(arguments, input);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The account takes its secrets from the database.
fn vault(scene: &Scene) {
    let unit = scene.district.read("units/D07.yaml").replace("file:", "vault:");
    scene.district.write("units/D07.yaml", unit.trim_end_matches("...\n"));
}

fn token_file(scene: &Scene, daemon: &Daemon, person: &str) -> String {
    let file = scene.district.path(&format!("token-of-{person}"));
    fs::write(&file, daemon.token(person)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_secrets_are_given_before_the_first_start_and_to_the_running_daemon_and_used_at_once() {
    let scene = Scene::new().await;
    vault(&scene);
    let data = scene.district.data().display().to_string();
    let kept = done(&["set", "W015.token", "--data", &data], &format!("{FIRST}\n"));
    assert_eq!((&kept["version"], &kept["state"]), (&json!(1), &json!("kept")), "{kept}");
    assert!(kept["set_by"].as_str().unwrap().starts_with("uid:"), "{kept}");
    let mut daemon = Daemon::start(&scene.district);
    let first = scene.publish(&daemon, "第一条").await;
    daemon.until(&first, &["published"]).await;
    // Beside a daemon that runs only the daemon writes.
    let said = refused(&["set", "W015.app", "--data", &data], "secret-2");
    assert!(said.contains("--token-file") && said.contains("in use"), "{said}");
    let (admin, editor) = (token_file(&scene, &daemon, "off.xt"), token_file(&scene, &daemon, "off.hg"));
    let url = daemon.url();
    let at = |who: &str| ["--server".to_owned(), url.clone(), "--token-file".to_owned(), who.to_owned()];
    let with = |arguments: &[&str], who: &str| -> Vec<String> {
        arguments.iter().map(|argument| (*argument).to_owned()).chain(at(who)).collect()
    };
    let ask = |arguments: &[&str], who: &str, input: &str| {
        let arguments = with(arguments, who);
        done(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), input)
    };
    let set = with(&["set", "W015.app"], &editor);
    let said = refused(&set.iter().map(String::as_str).collect::<Vec<_>>(), "secret-2");
    assert!(said.contains("sysadmin") && !said.contains("secret-2"), "{said}");
    // The token is refused from now on, and what buys another one is given while the daemon runs.
    scene.flow("secret-2", false, false);
    ask(&["set", "W015.app", "--account", "W015"], &admin, "secret-2");
    let second = scene.publish(&daemon, "第二条").await;
    daemon.until(&second, &["published"]).await;
    assert_eq!(scene.renewals(), 1, "{}", daemon.log());
    let list = ask(&["list"], &editor, "");
    let app = list["secrets"].as_array().unwrap().iter().find(|one| one["name"] == "W015.app").unwrap();
    assert_eq!((&app["state"], &app["bound_to"]), (&json!("kept"), &json!(["W015"])), "{app}");
    assert_eq!((&app["set_by"], &app["used_by"][0]["account"]), (&json!("off.xt"), &json!("W015")), "{app}");
    assert!(!list.to_string().contains("secret-2"));
    let said =
        refused(&with(&["remove", "W015.app"], &admin).iter().map(String::as_str).collect::<Vec<_>>(), "");
    assert!(said.contains("W015") && said.contains("force"), "{said}");
    // The same list without a daemon.
    daemon.kill();
    let offline = done(&["list", "--data", &data], "");
    assert_eq!(offline["secrets"].as_array().unwrap().len(), list["secrets"].as_array().unwrap().len());
    assert_eq!(done(&["remove", "W015.app", "--force", "--data", &data], ""), json!({"removed": "W015.app"}));
    scene.assert_once(&["第一条", "第二条"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_secret_of_another_account_buys_nothing() {
    let scene = Scene::new().await;
    vault(&scene);
    let data = scene.district.data().display().to_string();
    done(&["set", "W015.token", "--account", "W000", "--data", &data], FIRST);
    done(&["set", "W015.app", "--account", "W015", "--data", &data], "secret-1");
    let daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, "不该发出").await;
    eventually("the log says why nothing leaves", async || {
        daemon.log().contains("bound to other accounts")
            || delivery(&daemon, &item).await.to_string().contains("bound to other accounts")
    })
    .await;
    assert!(scene.stage.posts("不该发出").is_empty());
    // Given to the right one, it goes on.
    let body = json!({ "value": FIRST, "accounts": ["W015"] });
    let (status, said) = daemon.call("off.xt", "PUT", "/api/v1/secrets/W015.token", Some(body)).await;
    assert!(status.is_success(), "{said:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_c22_killed_in_the_middle_of_a_new_master_key_everything_opens_after_the_next_start() {
    for (point, is_new) in
        [("key.rotate.after_file_before_commit", false), ("key.rotate.after_commit_before_file", true)]
    {
        let scene = Scene::new().await;
        vault(&scene);
        scene.flow("secret-1", false, false);
        let data = scene.district.data();
        let data_text = data.display().to_string();
        done(&["set", "W015.token", "--data", &data_text], FIRST);
        done(&["set", "W015.app", "--data", &data_text], "secret-1");
        let mut daemon = Daemon::start_with(&scene.district, &Run::failing(&format!("{point}=1*abort")));
        let first = scene.publish(&daemon, "第一条").await;
        daemon.until(&first, &["published"]).await;
        let before = daemon.get("/api/v1/secrets").await["key"].clone();
        let asked = daemon.try_call("off.xt", "POST", "/api/v1/master-key/rotate", Some(json!({}))).await;
        assert!(asked.is_err() && daemon.ended(PATIENCE).is_some(), "{point}: {asked:?}");
        let file = fs::read_to_string(data.join("master.key")).unwrap();
        assert!(data.join("master.key.new").exists(), "{point}");
        let daemon = Daemon::start(&scene.district);
        let list = daemon.get("/api/v1/secrets").await;
        assert_eq!(list["key"] != before, is_new, "{point}: {list:#}");
        let kept = list["secrets"].as_array().unwrap().iter().filter(|one| one["state"] == "kept").count();
        assert_eq!(kept, 2, "{point}: {list:#}");
        assert_eq!(fs::read_to_string(data.join("master.key")).unwrap() != file, is_new, "{point}");
        // The token that was handed out under the old key is there as well: nobody buys another one.
        let second = scene.publish(&daemon, "第二条").await;
        daemon.until(&second, &["published"]).await;
        assert_eq!(scene.renewals(), 1, "{point}: {}", daemon.log());
        // And the change goes through when it is asked for again.
        let (status, rotated) =
            daemon.call("off.xt", "POST", "/api/v1/master-key/rotate", Some(json!({}))).await;
        assert!(status.is_success(), "{point}: {rotated:#}");
        assert_eq!((&rotated["given"], &rotated["captured"]), (&json!(2), &json!(1)), "{point}");
        let third = scene.publish(&daemon, "第三条").await;
        daemon.until(&third, &["published"]).await;
        assert_eq!(scene.renewals(), 1, "{point}: {}", daemon.log());
        scene.assert_once(&["第一条", "第二条", "第三条"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_c22_what_one_of_two_daemons_is_given_and_a_new_master_key_reach_the_other() {
    let scene = Scene::new().await;
    vault(&scene);
    let database = cluster().database(None).unwrap();
    let (url, key) = (cluster().url(&database), scene.district.path("shared.key").display().to_string());
    let run = |name: &str| {
        let arguments = ["--node", name, "--database", &url, "--master-key", &key];
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Run { arguments, data: Some(scene.district.path(&format!("data-of-{name}"))), ..Run::default() }
    };
    ["a", "b"].iter().for_each(|name| share_people(&scene, &run(name)));
    let of_a = Api::new(scene.district.data());
    let (a, b) =
        (Daemon::start_as(&of_a, &scene.district, &run("a")), Daemon::start_with(&scene.district, &run("b")));
    let body = json!({ "value": FIRST, "accounts": ["W015"] });
    let (status, said) = a.call("off.xt", "PUT", "/api/v1/secrets/W015.token", Some(body)).await;
    assert!(status.is_success(), "{said:#}");
    // A command beside them, straight on the database.
    let more = ["--database", url.as_str(), "--master-key", key.as_str()];
    done(&[&["set", "W015.app"][..], &more].concat(), "secret-1");
    let kept = async |daemon: &Daemon| {
        let list = daemon.get("/api/v1/secrets").await;
        list["secrets"].as_array().unwrap().iter().filter(|one| one["state"] == "kept").count()
    };
    assert_eq!((kept(&a).await, kept(&b).await), (2, 2));
    scene.flow("secret-1", false, false);
    let first = scene.publish(&b, "第一条").await;
    b.until(&first, &["published"]).await;
    let rotated = done(&[&["rotate"][..], &more].concat(), "");
    assert_eq!((&rotated["given"], &rotated["captured"]), (&json!(2), &json!(1)), "{rotated}");
    // The token ends: whoever renews it seals the next one under the new key.
    scene.flow("secret-1", false, false);
    for (number, daemon) in [&a, &b, &a, &b].into_iter().enumerate() {
        let item = scene.publish(daemon, &format!("第{number}批")).await;
        daemon.until(&item, &["published"]).await;
    }
    assert_eq!(scene.renewals(), 2, "{}{}", a.log(), b.log());
    for daemon in [&a, &b] {
        assert_eq!(daemon.get("/api/v1/secrets").await["key"], rotated["to"]);
    }
    scene.stage.assert_clean();
}

/// People's tokens of the district's own data folder count for every daemon.
fn share_people(scene: &Scene, run: &Run) {
    let data = run.data.as_ref().unwrap();
    fs::create_dir_all(data).unwrap();
    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir_all(scene.district.data().join("tokens")).unwrap();
    std::os::unix::fs::symlink(scene.district.data().join("tokens"), data.join("tokens")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_c20_a_key_from_the_service_manager_is_in_no_environment_of_an_adapter_and_in_no_file_of_ours() {
    let scene = Scene::new().await;
    vault(&scene);
    let credentials = scene.district.path("credentials");
    fs::create_dir(&credentials).unwrap();
    let key = "5eed".repeat(16);
    fs::write(credentials.join("juzhen-master-key"), &key).unwrap();
    let folder = credentials.display().to_string();
    let run = Run { env: vec![("CREDENTIALS_DIRECTORY".into(), folder.clone())], ..Run::default() };
    let daemon = Daemon::start_with(&scene.district, &run);
    for (name, value) in [("W015.token", FIRST), ("W015.app", "secret-1")] {
        let body = json!({ "value": value });
        let (status, said) =
            daemon.call("off.xt", "PUT", &format!("/api/v1/secrets/{name}"), Some(body)).await;
        assert!(status.is_success(), "{said:#}");
    }
    let item = scene.publish(&daemon, "停水通知").await;
    daemon.until(&item, &["published"]).await;
    assert!(!scene.district.data().join("master.key").exists());
    let children = daemon.children();
    assert!(!children.is_empty());
    for pid in children {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
        let text = String::from_utf8_lossy(&environment);
        assert!(!text.contains("CREDENTIALS") && !text.contains(&folder) && !text.contains(&key), "{text}");
    }
    // The daemon itself knows where to look, and no more.
    let own = fs::read(format!("/proc/{}/environ", daemon.pid())).unwrap();
    let own = String::from_utf8_lossy(&own);
    assert!(own.contains(&folder) && !own.contains(&key));
    for file in files_of(&scene.district.data()) {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{}", file.display());
    }
}
