//! Adapters that were not built like the daemon: one in C from the header alone, one for size with `panic=abort`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use juzhen_testkit::build;
use juzhen_tests::{Daemon, District, Stage, root};
use serde_json::json;

const SOON: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_in_c_publishes() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    let source = root().join("adapters/c-example/c_example.c");
    let built = build::c_adapter(&source, &district.path("secrets")).unwrap();
    district.install_file(&built, "libc_example.so");
    district.secret("C001");
    district.write(
        "units/D09.yaml",
        &format!(
            "code: D09\nname: 单位D09\nshort_name: D09\ncategory: department\n\
             people:\n  - {{id: d09.xx, name: 测试员, roles: [info_officer]}}\n\
             accounts:\n  - {{id: C001, platform: c_example, name: C, uid: c1, status: active, \
             settings: {{base_url: \"{}\"}}, secrets: {{access_token: \"file:C001.token\"}}}}\n",
            stage.mock_url()
        ),
    );
    let daemon = Daemon::start(&district);
    let item = json!({"variants": {"c_example": {"text": "用 C 写的适配器"}}, "targets": ["C001"]});
    let (status, body) = daemon.call("d09.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = daemon.approve(&id, SOON).await.unwrap();
    assert!(status.is_success(), "{body:#}");
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("用 C 写的适配器").len(), 1);
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_of_another_build_publishes() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    let mut arguments = vec!["--target-dir", folder.to_str().unwrap()];
    for setting in ["profile.dev.opt-level=\"z\"", "profile.dev.panic=\"abort\"", "profile.dev.debug=false"] {
        arguments.extend(["--config", setting]);
    }
    let built = build::adapter_with("juzhen-adapter-mock", &arguments).unwrap();
    district.install_file(&built, "libmock.so");
    let daemon = Daemon::start(&district);
    let id = daemon.publish("off.xx", "另一种编译的适配器", &["W000"], SOON).await;
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("另一种编译的适配器").len(), 1);
    stage.assert_clean();
}
