//! A small district that has no faults, and ways to write and to break it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "shared by several test programs")]

use std::collections::BTreeMap;
use std::path::Path;

use juzhen_settings::{Installed, InstalledAdapter, Loader, Locale};

pub(crate) const DISTRICT: &str = "\
district: {code: demo, name: 示例区, short_name: 示例, office_unit: OFFICE}
adapters:
  serve: {weibo: mock}
  defaults: {mock: {base_url: \"http://127.0.0.1:1\"}}
...
";

pub(crate) const OFFICE: &str = "\
code: OFFICE
name: 办公室
short_name: 办公室
category: office
people:
  - {id: off.hg, name: 甲, roles: [office_editor]}
  - {id: off.gl, name: 乙, roles: [account_admin]}
accounts:
  - {id: W000, platform: weibo, name: 示例发布, uid: \"1\", level: district, status: active, secrets: {access_token: \"file:W000\"}}
quota: {exempt: true}
...
";

pub(crate) const UNIT: &str = "\
code: T01
name: 柳河乡人民政府
short_name: 柳河乡
category: township
people:
  - {id: t01.xx, name: 丙, roles: [info_officer]}
  - {id: t01.zy, name: 丁, roles: [unit_head]}
accounts:
  - id: W001
    platform: weibo
    name: 柳河发布
    uid: \"2\"
    status: active
    secrets: {access_token: \"file:W001\"}
quota: {monthly_min: 4, exempt: false}
...
";

pub(crate) const COLUMNS: &str = "\
columns:
  - {id: yaowen, name: 要闻, platforms: [weibo], procedures: [P4], owner: OFFICE}
...
";

pub(crate) const PROCEDURES: &str = "\
procedures:
  P4:
    name: 业务活动
    origin: unit
    steps:
      - {id: unit_approval, actor: unit_head, scope: unit}
      - {id: office_review, actor: office_editor, scope: office}
      - {id: publish, actor: account_admin, scope: office}
...
";

pub(crate) const ROUTES: &str = "\
routes:
  - id: news
    kind: publish
    when: {columns: [yaowen]}
    to: [W000]
  - id: onward
    kind: forward
    when: {accounts: [W000]}
    to: [W001]
...
";

/// The files of the small district.
pub(crate) fn files() -> BTreeMap<String, String> {
    let files = [
        ("district.yaml", DISTRICT),
        ("columns.yaml", COLUMNS),
        ("procedures.yaml", PROCEDURES),
        ("routes.yaml", ROUTES),
        ("units/OFFICE.yaml", OFFICE),
        ("units/T01.yaml", UNIT),
    ];
    files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// The small district with one file replaced.
pub(crate) fn with(name: &str, text: &str) -> BTreeMap<String, String> {
    let mut files = files();
    files.insert(name.to_owned(), text.to_owned());
    files
}

/// What the stand-in adapter offers.
pub(crate) fn installed() -> Installed {
    let mock = InstalledAdapter {
        name: "mock".into(),
        platform: "mock".into(),
        settings: vec![("base_url".into(), true), ("idempotency_window_s".into(), false)],
        secrets: vec![("access_token".into(), true), ("app_secret".into(), false)],
    };
    Installed { adapters: vec![mock] }
}

/// The report of a set, as `juzhen check` prints it, without its last line; empty when there is nothing to say.
pub(crate) fn report_of(files: BTreeMap<String, String>) -> String {
    report_in(files, Locale::English)
}

pub(crate) fn report_in(files: BTreeMap<String, String>, locale: Locale) -> String {
    let mut loader = Loader::from_sources(files);
    let _ = loader.load(Some(&installed()));
    let text = loader.report().display(locale).to_string();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.pop();
    lines.join("\n")
}

/// Writes a set into a folder.
pub(crate) fn write(folder: &Path, files: &BTreeMap<String, String>) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
