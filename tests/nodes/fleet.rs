//! Daemons that share one database, each behind a wire that can be cut.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use juzhen_tests::{Api, Daemon, District, Run, Wire, cluster};
use serde_json::Value;

use crate::load::{Planned, World, account, open};

/// Generous: the machine may be busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// A district on a database of its own.
pub(crate) struct Fleet {
    pub(crate) world: World,
    database: String,
    /// Seconds of a lease.
    lease: u64,
}

/// Where one daemon runs: its name, its data folder, its way to the database. The daemon itself may be down.
pub(crate) struct Berth {
    pub(crate) wire: Wire,
    pub(crate) api: Api,
    pub(crate) run: Run,
}

impl Fleet {
    pub(crate) async fn new(accounts: usize, lease: u64) -> Self {
        let database = cluster().database(None).unwrap();
        Self { world: World::new(accounts).await, database, lease }
    }

    /// A place for a daemon of this name. People's tokens are the same everywhere.
    pub(crate) fn berth(&self, name: &str) -> Berth {
        self.berth_in(&format!("data-of-{name}"), name)
    }

    /// The same in a data folder of this name.
    pub(crate) fn berth_in(&self, folder: &str, name: &str) -> Berth {
        let district = &self.world.district;
        let (data, tokens) = (district.path(folder), district.data().join("tokens"));
        private(&tokens);
        private(&data);
        std::os::unix::fs::symlink(tokens, data.join("tokens")).unwrap();
        let wire = Wire::to(cluster().port());
        let url = format!("postgres://juzhen@127.0.0.1:{}/{}?sslmode=disable", wire.port(), self.database);
        let lease = self.lease.to_string();
        let arguments = ["--lease", &lease, "--node", name, "--database", &url];
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let run = Run { arguments, data: Some(data), ..Run::failing("") };
        Berth { wire, api: Api::new(district.data()), run }
    }

    pub(crate) fn district(&self) -> &District {
        &self.world.district
    }

    pub(crate) fn start(&self, berth: &Berth) -> Daemon {
        berth.start(self.district())
    }

    /// Items on every account, one after another, the first due after `first`; all acknowledged.
    pub(crate) async fn plan(&mut self, items: usize, first: Duration, apart: Duration, api: &Api) {
        let targets: Vec<String> = (0..self.accounts()).map(account).collect();
        let first = Timestamp::now() + first;
        for number in 0..items {
            let due = first + apart * u32::try_from(number).unwrap();
            let latest = due + SignedDuration::from_mins(10);
            self.world.plan(&format!("第{number:03}条：今天的消息"), &targets, due, latest);
        }
        for planned in &mut self.world.planned {
            while !planned.ask(api).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// One item on the first account.
    pub(crate) async fn plan_one(&mut self, text: &str, due_in: Duration, api: &Api) -> String {
        let due = Timestamp::now() + due_in;
        let mut planned = Planned::new(
            self.world.planned.len(),
            text,
            &[account(0)],
            due,
            due + SignedDuration::from_mins(10),
        );
        planned.expect(&self.world.stage.handle);
        assert!(planned.ask(api).await, "{}", api.log());
        let id = planned.id.clone().unwrap();
        self.world.planned.push(planned);
        id
    }

    /// Its name on the server.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Runs a question on the database by hand, past every daemon.
    pub(crate) fn ask_database(&self, question: &str) -> String {
        cluster().say(&self.database, question).unwrap()
    }

    /// What the database has done so far.
    pub(crate) fn costs(&self) -> Costs {
        // Each session tells its numbers about once a second.
        std::thread::sleep(Duration::from_millis(1_500));
        let transactions = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
        let log = "SELECT pg_current_wal_lsn() - '0/0'";
        let disk = "SELECT pg_database_size(current_database())";
        let number = |question| self.ask_database(question).parse().unwrap();
        Costs { transactions: number(transactions), log: number(log), disk: number(disk) }
    }

    /// Waits until the database says this.
    pub(crate) async fn until_database_says(&self, question: &str, wanted: &str) {
        let start = Instant::now();
        loop {
            let says = self.ask_database(question);
            if says == wanted {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{question} says {says}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until nothing moves any more without a person (P3).
    pub(crate) async fn settled(&self, api: &Api) {
        let start = Instant::now();
        loop {
            let open = open(&api.deliveries().await);
            if open.is_empty() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "P3: still {open:#?}\n{}", api.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn accounts(&self) -> usize {
        self.world.district.read("units/D07.yaml").matches("platform: weibo").count()
    }
}

/// Transactions, bytes of log, bytes on disk. The log is the whole server's, other tests' databases included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Costs {
    pub(crate) transactions: f64,
    pub(crate) log: f64,
    pub(crate) disk: f64,
}

impl Costs {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            transactions: self.transactions - before.transactions,
            log: self.log - before.log,
            disk: self.disk - before.disk,
        }
    }
}

impl Berth {
    pub(crate) fn start(&self, district: &District) -> Daemon {
        Daemon::start_as(&self.api, district, &self.run)
    }

    /// With a failpoint set.
    pub(crate) fn failing(mut self, points: &str) -> Self {
        self.run.failpoints = Some(points.to_owned());
        self
    }
}

/// The newest delivery of an item, with everything that is known of it.
pub(crate) async fn record(api: &Api, item: &str) -> Value {
    let list = api.get(&format!("/api/v1/deliveries?item={item}")).await;
    api.get(&format!("/api/v1/deliveries/{}", list["deliveries"][0]["id"].as_str().unwrap())).await
}

fn private(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}
