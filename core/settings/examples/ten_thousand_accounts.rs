//! How long 10,000 accounts in 500 unit files take: `cargo run --release -p juzhen-settings --example ten_thousand_accounts`.
#![allow(clippy::print_stdout, reason = "its output is the result")]

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use juzhen_settings::{Installed, InstalledAdapter, Loader, Report, diff};

const UNITS: usize = 500;
const ACCOUNTS_A_UNIT: usize = 20;
const ROUNDS: usize = 9;

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("juzhen-settings-{}", std::process::id()));
    write_district(&folder)?;
    let outcome = measure(&folder);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(folder: &Path) -> io::Result<()> {
    let installed = installed();
    let mut full = Vec::new();
    let mut loader = Loader::new(folder);
    for _ in 0..ROUNDS {
        loader = Loader::new(folder);
        full.push(timed(|| loader.load(Some(&installed)))?.0);
    }
    let (_, settings) = timed(|| loader.load(Some(&installed)))?;
    let bytes = loader.report().bytes;
    println!("{} accounts, {} files, {} bytes", settings.accounts.len(), loader.report().files, bytes);
    println!("full load          {}", figures(&mut full));
    // Bytes over microseconds are megabytes a second.
    let rate = u128::from(bytes) / median(&mut full).as_micros().max(1);
    println!("  read, parsed and checked at {rate} MB/s");

    let mut nothing = Vec::new();
    let mut one = Vec::new();
    let path = folder.join("units/U250.yaml");
    let text = std::fs::read_to_string(&path)?;
    for round in 0..ROUNDS {
        nothing.push(timed(|| loader.load(Some(&installed)))?.0);
        std::fs::write(&path, text.replace("单位 250", &format!("单位 250 第 {round} 次")))?;
        one.push(timed(|| loader.load(Some(&installed)))?.0);
        assert_eq!(loader.parsed(), 1, "only the changed file is parsed");
    }
    println!("nothing changed    {}  (reading and checking alone)", figures(&mut nothing));
    println!("one file changed   {}", figures(&mut one));
    let (_, changed) = timed(|| loader.load(Some(&installed)))?;
    let started = Instant::now();
    let changes = diff(Some(&settings), &changed);
    println!(
        "diff               {:>6.1} ms, {} unit changed",
        ms(started.elapsed()),
        changes.units.changed.len()
    );
    println!("peak memory        {}", peak_memory()?);
    Ok(())
}

fn timed<T>(load: impl FnOnce() -> Result<T, Report>) -> io::Result<(Duration, T)> {
    let started = Instant::now();
    let value = load().map_err(|report| io::Error::other(report.to_string()))?;
    Ok((started.elapsed(), value))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn figures(times: &mut [Duration]) -> String {
    let middle = median(times);
    let (least, most) =
        (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
    format!("{:>6.1} ms ({:.1}-{:.1}, median of {})", ms(middle), ms(least), ms(most), times.len())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// `VmHWM` of this process, as the kernel says it.
fn peak_memory() -> io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.map_or_else(|| "not known".to_owned(), |text| text.trim().to_owned()))
}

fn installed() -> Installed {
    let mock = InstalledAdapter {
        name: "mock".into(),
        platform: "mock".into(),
        settings: vec![("base_url".into(), true), ("region".into(), false)],
        secrets: vec![("access_token".into(), true)],
    };
    Installed { adapters: vec![mock] }
}

fn write_district(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder.join("units"))?;
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    for name in ["district.yaml", "columns.yaml", "procedures.yaml", "units/OFFICE.yaml"] {
        let text = std::fs::read_to_string(sample.join(name))?;
        // The owners of the sample's columns are not among these units.
        let text = ["D01", "D04", "D07", "D08"].iter().fold(text, |text, code| text.replace(code, "U001"));
        std::fs::write(folder.join(name), text)?;
    }
    for unit in 0..UNITS {
        std::fs::write(folder.join(format!("units/U{unit:03}.yaml")), unit_text(unit))?;
    }
    std::fs::write(folder.join("routes.yaml"), routes_text())
}

/// Writing to a string cannot fail.
fn unit_text(unit: usize) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema=../schema/unit.json\n# 测量用的单位 {unit}\n\ncode: U{unit:03}\n\
         name: 测量用单位 {unit}\nshort_name: 单位 {unit}\ncategory: department\n\npeople:\n"
    );
    for (end, role) in
        [("xx", "info_officer"), ("bm", "secrecy_reviewer"), ("fg", "deputy_head"), ("zy", "unit_head")]
    {
        let _ = writeln!(text, "  - {{id: u{unit:03}.{end}, name: 某某, roles: [{role}]}}");
    }
    text.push_str("\naccounts:\n");
    for account in 0..ACCOUNTS_A_UNIT {
        let platform = if account % 2 == 0 { "weibo" } else { "wechat" };
        let id = format!("U{unit:03}-{account:02}");
        let _ = write!(
            text,
            "  # 第 {account} 个账号：由本单位信息员维护\n  - id: {id}\n    platform: {platform}\n    \
             name: 单位 {unit} 的账号 {account}\n    uid: \"{unit:03}{account:03}\"\n    level: unit\n    \
             status: active\n    settings:\n      base_url: \"http://127.0.0.1:9477/mock/{platform}\"\n      \
             region: 东湖示范区第 {unit} 号片区\n    secrets:\n      access_token: \"file:{id}.token\"\n"
        );
    }
    text.push_str("\nquota: {monthly_min: 4, exempt: false}\n\n...\n");
    text
}

/// A forward from each unit's first account to its others, and a publishing route for every fifth.
fn routes_text() -> String {
    let mut text = "routes:\n".to_owned();
    for unit in 0..UNITS {
        let _ = writeln!(
            text,
            "  - {{id: f{unit}, kind: forward, when: {{accounts: [U{unit:03}-00]}}, to: [U{unit:03}-02, U{unit:03}-04]}}"
        );
        if unit % 5 == 0 {
            let _ = writeln!(
                text,
                "  - {{id: p{unit}, kind: publish, when: {{units: [U{unit:03}], columns: [yaowen]}}, to: [U{unit:03}-00]}}"
            );
        }
    }
    text.push_str("...\n");
    text
}
