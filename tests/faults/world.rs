//! Sixty items, three accounts for each (Weibo, an article, a mass send), and the faults that each account's requests meet.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use juzhen_sandbox::wechat::AccountSeed;
use juzhen_sandbox::{Expectation, Fault, Match, Rule};
use juzhen_tests::{Daemon, District, Stage, client};
use serde_json::{Value, json};

use crate::cases::{Case, Place, is_meant_for};
use crate::ends::{End, Way};
use crate::items::{Item, items};

const SOON: Duration = Duration::from_millis(300);
/// People who hand in at the same time.
const AT_ONCE: usize = 8;
/// Short enough for a test: a call without an answer ends, and what was clearly refused is tried again within seconds.
const IMPATIENT: &str = "\x20 retry: {most: 4, first_pause_seconds: 1, longest_pause_seconds: 5}\n\x20 call_deadline_seconds: 12\n";

/// What is published, where, and what goes wrong.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) accounts: Vec<Account>,
    district: District,
}

/// One account with the one item that is published on it.
pub(crate) struct Account {
    pub(crate) id: String,
    /// The platform's id of it.
    pub(crate) uid: String,
    pub(crate) case: &'static str,
    pub(crate) end: End,
    pub(crate) faults: Vec<Scripted>,
}

impl Account {
    /// The platform has asked its administrator, and has given no number to ask by.
    pub(crate) fn waits_for_admin(&self) -> bool {
        let asked = self.faults.iter().any(|one| matches!(one.fault, Fault::AdminConfirms { .. }));
        asked && Way::of(&self.id) == Way::Mass
    }
}

/// A rule of the sandbox's script.
pub(crate) struct Scripted {
    pub(crate) rule: u64,
    pub(crate) fault: Fault,
    pub(crate) meant: bool,
}

impl World {
    /// `case_of` says which fault the item of this number meets.
    pub(crate) async fn new<'c>(case_of: impl Fn(usize) -> &'c Case) -> Self {
        let stage = Stage::start().await;
        let district = District::new(&stage.mock_url());
        district.write_district(&stage.mock_url(), IMPATIENT);
        ["weibo", "wechat"].iter().for_each(|adapter| district.install(adapter));
        let mut world = Self { stage, accounts: Vec::new(), district };
        let mut settings = String::new();
        for (number, item) in items().iter().enumerate() {
            let case = case_of(number);
            for way in Way::ALL {
                let account = world.account(way, number, item, case).await;
                world.write_settings(&mut settings, way, number, &account);
                world.accounts.push(account);
            }
        }
        let people = "  - {id: x01.xx, name: 测试员, roles: [info_officer]}\n";
        let unit = format!(
            "code: X01\nname: 样例单位\nshort_name: X01\ncategory: resident\npeople:\n{people}accounts:\n{settings}"
        );
        world.district.write("units/X01.yaml", &unit);
        world
    }

    /// The account on its platform, its faults, and what the judge may see of it.
    async fn account(&self, way: Way, number: usize, item: &Item, case: &Case) -> Account {
        let handle = &self.stage.handle;
        let id = format!("{}-{}", way.letter(), item.id);
        let uid = match way {
            Way::Weibo => format!("50000002{number:02}"),
            Way::Article | Way::Mass => format!("wx{}{number:02}", way.letter()),
        };
        let expected = match way {
            Way::Weibo => Expectation::of(&uid, "", &item.post(number)),
            Way::Article | Way::Mass => Expectation::of(&uid, &item.title, &item.article()),
        };
        handle.expect([expected]).unwrap();
        match way {
            Way::Weibo => self.introduce(&uid, case.is_repeated().then(|| item.post(number))).await,
            // Some accounts have their numbers as text and their texts as numbers, as the platform itself does.
            Way::Article | Way::Mass => {
                let (appid, secret, odd_shapes) = (uid.clone(), secret(&uid), number.is_multiple_of(4));
                handle
                    .wechat_account(AccountSeed { appid, secret, odd_shapes, ..AccountSeed::default() })
                    .unwrap();
            }
        }
        let mut faults = Vec::new();
        for (place, fault) in case.script(way) {
            let Some(matching) = requests(*place, way, number, item, &uid) else { continue };
            let lasts = matches!(
                fault,
                Fault::ListPart { .. }
                    | Fault::ListDisorder {}
                    | Fault::StrangeFields {}
                    | Fault::ClockSkewMs { .. }
            );
            let times = (!lasts).then_some(1);
            let rule = handle.fault(Rule { matching, times, chance: None, fault: fault.clone() }).unwrap();
            faults.push(Scripted { rule, fault: fault.clone(), meant: is_meant_for(fault, way) });
        }
        Account { id, uid, case: case.name, end: case.end(way), faults }
    }

    /// A Weibo account that has authorised the app, and perhaps said something by hand before.
    async fn introduce(&self, uid: &str, said: Option<String>) {
        let control = self.stage.handle.weibo_url().replace("/weibo", "/control/weibo");
        let token = json!({"app": "1352222456", "token": secret(uid)});
        let mut known = vec![("accounts", json!({"uid": uid, "name": uid, "tokens": [token]}))];
        known.extend(said.map(|text| ("statuses", json!({"uid": uid, "text": text}))));
        for (path, body) in known {
            let answer = client().post(format!("{control}/{path}")).json(&body).send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
        }
    }

    fn write_settings(&self, settings: &mut String, way: Way, number: usize, account: &Account) {
        let Account { id, uid, .. } = account;
        std::fs::write(self.district.path("secrets").join(uid), secret(uid)).unwrap();
        let (platform, base, own, name) = match way {
            Way::Weibo => {
                let tier = items()[number].tier(number);
                let own = format!("tier: {tier}, safe_domain: gov.example.cn");
                ("weibo", self.stage.handle.weibo_url(), own, "access_token")
            }
            Way::Article | Way::Mass => {
                let mode = if way == Way::Mass { "mass" } else { "freepublish" };
                let own = format!("appid: {uid}, mode: {mode}, author: 示范区发布");
                ("wechat", self.stage.handle.wechat_url(), own, "app_secret")
            }
        };
        writeln!(
            settings,
            "  - {{id: {id}, platform: {platform}, adapter: {platform}, name: 账号{id}, uid: \"{uid}\", status: active, \
             settings: {{base_url: \"{base}\", {own}}}, secrets: {{{name}: \"file:{uid}\"}}}}"
        )
        .unwrap();
    }

    /// Starts the daemon; every item is handed in by the unit, approved by the office, and due.
    pub(crate) async fn publish(&self) -> Daemon {
        let daemon = Daemon::start(&self.district);
        let picture = daemon.picture("x01.xx").await;
        let all = items().iter().enumerate().map(|(number, item)| hand_in(&daemon, number, item, &picture));
        let handed_in: Vec<String> = stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
        join_all(handed_in.iter().map(|id| async {
            let (status, body) = daemon.approve(id, SOON).await.unwrap();
            assert!(status.is_success(), "{body:#}");
        }))
        .await;
        daemon
    }
}

async fn hand_in(daemon: &Daemon, number: usize, item: &Item, picture: &Value) -> String {
    let pictures = |count| vec![picture.clone(); count];
    let variants = json!({
        "weibo": {"title": item.title, "text": item.weibo, "link": item.link(number), "media": pictures(item.images)},
        "wechat": {"title": item.title, "text": item.wechat, "media": pictures(item.images.max(1))},
    });
    let targets = Way::ALL.map(|way| format!("{}-{}", way.letter(), item.id));
    let item = json!({"variants": variants, "targets": targets});
    let (status, body) = daemon.call("x01.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    body["id"].as_str().unwrap().to_owned()
}

/// The requests of this account; `None` where the way has none like these.
fn requests(place: Place, way: Way, number: usize, item: &Item, uid: &str) -> Option<Match> {
    let path = match (place, way) {
        (Place::Any, _) => None,
        (Place::Effect, Way::Weibo) => Some(match (item.tier(number), item.images) {
            ("open", _) => "/statuses/share",
            (_, 0) => "/statuses/update",
            (_, 1) => "/statuses/upload",
            _ => "/statuses/upload_url_text",
        }),
        (Place::Effect, Way::Article) => Some("/freepublish/submit"),
        (Place::Effect, Way::Mass) => Some("/message/mass/sendall"),
        (Place::List, Way::Weibo) => Some("/statuses/user_timeline"),
        (Place::List, Way::Article) => Some("/freepublish/batchget"),
        (Place::Prepare, Way::Article | Way::Mass) => Some("/draft/add"),
        (Place::Token, Way::Article | Way::Mass) => Some("/stable_token"),
        (Place::Track, Way::Article) => Some("/freepublish/get"),
        (Place::Prepare | Place::Token | Place::Track, Way::Weibo)
        | (Place::List | Place::Track, Way::Mass) => return None,
    };
    let (account, path_contains) = (Some(uid.to_owned()), path.map(str::to_owned));
    Some(Match { account, path_contains, ..Match::default() })
}

/// What the account signs in with.
fn secret(uid: &str) -> String {
    format!("canary-of-{uid}")
}
