//! A district with one account in a room of the real server, seen through the proxy.

use std::time::Duration;

use juzhen_tests::{Daemon, District, User, eventually, synapse};
use serde_json::{Value, json};

use crate::proxy::Proxy;

const SOON: Duration = Duration::from_millis(200);

pub(crate) struct Scene {
    pub(crate) district: District,
    pub(crate) proxy: Proxy,
    pub(crate) user: User,
    pub(crate) room: String,
    /// Has the room on their screen.
    pub(crate) citizen: User,
}

impl Scene {
    /// `name` is the account's on the server; `settings` are further ones of the account, each with a comma before it.
    pub(crate) async fn new(name: &str, settings: &str) -> Self {
        let server = synapse().await;
        let user = server.user(name).await;
        let citizen = server.user(&format!("{name}-reader")).await;
        let room = server.room(&user).await;
        server.done(&citizen, "POST", &format!("/_matrix/client/v3/join/{room}"), Some(json!({}))).await;
        let proxy = Proxy::before(server.port).await;
        let district = District::new("http://127.0.0.1:9");
        district.install("matrix");
        let scene = Self { district, proxy, user, room, citizen };
        scene.secret("token", &scene.user.token);
        scene.secret("password", &scene.user.password);
        scene.account(&scene.room, settings);
        scene
    }

    /// The unit's file, with the account in this room.
    pub(crate) fn account(&self, room: &str, settings: &str) {
        let (url, uid, device) = (&self.proxy.url, &self.user.id, &self.user.device);
        let settings = format!("{{base_url: \"{url}\", room: \"{room}\", device_id: {device}{settings}}}");
        let unit = format!(
            "code: M01\nname: 矩阵单位\nshort_name: M01\ncategory: resident\n\
             people:\n  - {{id: m01.xx, name: 测试员, roles: [info_officer]}}\n\
             accounts:\n  - {{id: M-1, platform: matrix, name: 示范区发布, uid: \"{uid}\", status: active, \
             settings: {settings}, secrets: {{access_token: \"file:token\", password: \"file:password\"}}}}\n"
        );
        self.district.write("units/M01.yaml", &unit);
    }

    pub(crate) fn secret(&self, name: &str, value: &str) {
        let (beside, place) = (self.district.path("secrets/.new"), self.district.path("secrets").join(name));
        std::fs::write(&beside, value).unwrap();
        std::fs::rename(beside, place).unwrap();
    }

    /// Approved and due; the item.
    pub(crate) async fn publish(&self, daemon: &Daemon, content: Value) -> String {
        let item = json!({"variants": {"matrix": content}, "targets": ["M-1"]});
        let (status, body) = daemon.call("m01.xx", "POST", "/api/v1/items", Some(item)).await;
        assert!(status.is_success(), "{body:#}");
        let id = body["id"].as_str().unwrap().to_owned();
        let (status, body) = daemon.approve(&id, SOON).await.unwrap();
        assert!(status.is_success(), "{body:#}");
        id
    }

    /// The one delivery of an item.
    pub(crate) async fn delivery(&self, daemon: &Daemon, item: &str) -> Value {
        daemon.get(&format!("/api/v1/deliveries?item={item}")).await["deliveries"][0].clone()
    }

    /// Waits until the delivery is in this state and its reason has these words.
    pub(crate) async fn until(&self, daemon: &Daemon, item: &str, state: &str, says: &str) {
        let what = format!("{item} is {state}: {says}");
        eventually(&what, async || {
            let delivery = self.delivery(daemon, item).await;
            delivery["state"] == state && delivery.to_string().contains(says)
        })
        .await;
    }

    /// What the citizen reads in the room, newest first.
    pub(crate) async fn read(&self) -> Vec<Value> {
        synapse().await.messages(&self.citizen, &self.room).await
    }

    /// Messages of the room with this text in them.
    pub(crate) async fn with(&self, text: &str) -> Vec<Value> {
        let all = self.read().await.into_iter();
        all.filter(|event| event["content"]["body"].as_str().is_some_and(|body| body.contains(text)))
            .collect()
    }
}
