//! One refresher, the fence, the pauses, and what people give, on several daemons over one database.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use juzhen_host::Fetched;
use juzhen_store::{Fate, InMemory};
use tempfile::TempDir;

use super::*;
use crate::clock::Machine;
use crate::seal::MasterKey;

/// One database and one folder of secrets, for several daemons.
struct Scene {
    database: InMemory,
    secrets: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            database: InMemory::on_clock(Arc::new(Timestamp::now)).unwrap(),
            secrets: TempDir::new().unwrap(),
        };
        scene.give("given");
        scene
    }

    fn give(&self, value: &str) {
        std::fs::write(self.secrets.path().join("W000.token"), value).unwrap();
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.database.store(Arc::new(|_| Fate::Done)))
    }

    async fn daemon(&self) -> Tokens {
        let (store, world): (Arc<dyn Store>, Arc<dyn World>) = (self.store(), Arc::new(Machine));
        let node = Arc::new(Node::new(Duration::from_secs(3600)));
        node.join(store.as_ref(), &world).await.unwrap();
        let references = |_: &AccountId| [("token".to_owned(), "file:W000.token".to_owned())].into();
        let folder = self.secrets.path();
        let key = MasterKey::Fixed([3; 32]);
        let vault = Vault::open(&key, Arc::clone(&store), Arc::default()).await.unwrap();
        let given = Given::new(crate::Folder::new(folder), folder.to_owned(), Box::new(references), vault);
        Tokens::new(given, store, world, node, Arc::default())
    }
}

async fn get(tokens: &Tokens) -> String {
    tokens.get("W000", "token").await.unwrap().unwrap().expose().to_owned()
}

async fn renew(tokens: &Tokens, used: Option<&str>) -> Renewal {
    let wanted = [Wanted { name: "token".into(), used: used.map(Secret::new), anew: false }];
    tokens.renew("W000", &wanted, Duration::from_secs(60)).await.unwrap()
}

fn fetched(value: &str) -> Vec<Fetched> {
    vec![Fetched { name: "token".into(), value: Secret::new(value), ttl: Some(Duration::from_secs(7200)) }]
}

#[tokio::test(flavor = "multi_thread")]
async fn f39_of_many_calls_on_two_daemons_one_fetches_and_all_have_it() {
    let scene = Scene::new();
    let (a, b) = (scene.daemon().await, scene.daemon().await);
    let asked = AtomicU32::new(0);
    let call = async |tokens: &Tokens| {
        match renew(tokens, Some("given")).await {
            Renewal::Fetch(turn) => {
                // The platform takes its time; the others wait or come late.
                tokio::time::sleep(Duration::from_millis(100)).await;
                let number = asked.fetch_add(1, Ordering::SeqCst);
                turn.keep(fetched(&format!("issued-{number}"))).await.unwrap();
            }
            Renewal::Known { ttl } => assert!(ttl.is_some()),
            Renewal::NotNow { reason } => panic!("{reason}"),
        }
        get(tokens).await
    };
    let calls = (0..8).flat_map(|_| [call(&a), call(&b)]);
    let values = join_all(calls).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(values.iter().all(|value| value == "issued-0"), "{values:?}");
    // Later, when that one is refused in its turn, and at a start.
    let Renewal::Fetch(turn) = renew(&b, Some("issued-0")).await else { panic!("it is of no use") };
    turn.keep(fetched("issued-1")).await.unwrap();
    assert!(matches!(renew(&a, Some("issued-0")).await, Renewal::Known { .. }));
    assert_eq!((get(&a).await.as_str(), get(&scene.daemon().await).await.as_str()), ("issued-1", "issued-1"));
    assert_eq!(scene.store().captured(None).await.unwrap()[0].generation, 2);
    assert!(
        matches!(renew(&a, None).await, Renewal::Known { .. }),
        "who used none takes the one that is good"
    );
}

#[tokio::test]
async fn f39_what_came_after_the_turn_had_passed_on_is_not_kept() {
    let scene = Scene::new();
    let (a, b) = (scene.daemon().await, scene.daemon().await);
    let Renewal::Fetch(slow) = renew(&a, Some("given")).await else { panic!("nobody has fetched it") };
    // The daemon was asleep, and others hold it for gone.
    a.0.node.leave(a.0.store.as_ref()).await.unwrap();
    let Renewal::Fetch(turn) = renew(&b, Some("given")).await else { panic!("nobody has fetched it") };
    turn.keep(fetched("issued-b")).await.unwrap();
    assert!(slow.keep(fetched("issued-a")).await.is_err());
    assert_eq!(get(&b).await, "issued-b");
}

#[tokio::test]
async fn f10_a_platform_that_says_no_is_not_asked_by_every_call_until_somebody_signs_in() {
    let scene = Scene::new();
    let tokens = scene.daemon().await;
    let Renewal::Fetch(turn) = renew(&tokens, Some("given")).await else { panic!("nobody has fetched it") };
    turn.failed("app_secret_wrong").await;
    for _ in 0..3 {
        let Renewal::NotNow { reason } = renew(&tokens, Some("given")).await else { panic!("asked again") };
        assert_eq!(reason, "app_secret_wrong");
    }
    assert_eq!(scene.store().sign_ins().await.unwrap()[0].sign_in.failures, 1);
    scene.give("signed in");
    assert!(matches!(renew(&tokens, Some("given")).await, Renewal::Known { .. }), "it is there already");
    let Renewal::Fetch(turn) = renew(&tokens, Some("signed in")).await else { panic!("worth a try") };
    turn.keep(fetched("issued")).await.unwrap();
    assert!(scene.store().sign_ins().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_person_gives_after_a_renewal_wins_on_every_daemon_and_the_replaced_one_never_again() {
    let scene = Scene::new();
    let (a, b) = (scene.daemon().await, scene.daemon().await);
    let fetch = async |tokens: &Tokens, used: &str, value: &str| {
        let Renewal::Fetch(turn) = renew(tokens, Some(used)).await else { panic!("not {used}") };
        turn.keep(fetched(value)).await.unwrap();
    };
    fetch(&a, "given", "issued-1").await;
    assert_eq!(get(&a).await, "issued-1");
    scene.give("by hand");
    assert_eq!(get(&a).await, "by hand");
    fetch(&a, "by hand", "issued-2").await;
    assert_eq!(get(&b).await, "issued-2");
    // A daemon whose folder still has the first one does not fall back to it.
    scene.give("given");
    assert_eq!(get(&b).await, "issued-2");
}

#[tokio::test]
async fn f30_what_was_handed_out_is_kept_although_the_database_fails_at_first() {
    let scene = Scene::new();
    let mut tokens = scene.daemon().await;
    let left = Arc::new(AtomicU32::new(2));
    let fails = Arc::clone(&left);
    let fate = move |attempted: &'static str| {
        let is_it = attempted == "keep what a platform handed out";
        let fail =
            is_it && fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if fail { Fate::Fails } else { Fate::Done }
    };
    let inner = Arc::get_mut(&mut tokens.0).unwrap();
    inner.store = Arc::new(scene.database.store(Arc::new(fate)));
    let Renewal::Fetch(turn) = renew(&tokens, Some("given")).await else { panic!("nobody has fetched it") };
    turn.keep(fetched("issued")).await.unwrap();
    assert_eq!((left.load(Ordering::SeqCst), get(&tokens).await.as_str()), (0, "issued"));
}

#[tokio::test]
async fn f10_who_signs_in_anew_asks_whatever_there_is_and_a_mistake_of_theirs_counts_for_nothing() {
    let scene = Scene::new();
    let daemon = scene.daemon().await;
    let anew = async || {
        let wanted = [Wanted { name: "token".into(), used: None, anew: true }];
        daemon.renew("W000", &wanted, Duration::from_secs(60)).await.unwrap()
    };
    let Renewal::Fetch(turn) = renew(&daemon, Some("given")).await else { panic!("nobody has fetched it") };
    turn.keep(fetched("issued-0")).await.unwrap();
    // There is a good one; the platform is asked all the same, and a wrong code changes nothing.
    let Renewal::Fetch(turn) = anew().await else { panic!("a person wants it") };
    turn.failed("21325: invalid authorization code").await;
    assert_eq!(get(&daemon).await, "issued-0");
    assert!(scene.store().sign_ins().await.unwrap().is_empty(), "no failure of the account");
    // Nor does a failure of a moment ago put a person off, and their sign-in ends it.
    let Renewal::Fetch(turn) = renew(&daemon, Some("issued-0")).await else { panic!("it is of no use") };
    turn.failed("21327: expired_token").await;
    assert!(matches!(renew(&daemon, Some("issued-0")).await, Renewal::NotNow { .. }));
    let Renewal::Fetch(turn) = anew().await else { panic!("a person wants it") };
    turn.keep(fetched("issued-1")).await.unwrap();
    assert_eq!(get(&daemon).await, "issued-1");
    assert!(scene.store().sign_ins().await.unwrap().is_empty());
}
