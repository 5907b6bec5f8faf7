//! A small fictional district as files: an office, two units, three accounts that the mock adapter serves.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

pub(crate) struct District {
    folder: TempDir,
}

const DISTRICT: &str = r#"
district: {code: test, name: 测试示范区, short_name: 示范区, office_unit: OFFICE}
adapters:
  isolation: in_process
  allow_private_egress: true
  serve: {weibo: mock, wechat: mock}
  defaults: {mock: {base_url: "PLATFORM"}}
publish: {latest_after_minutes: 15}
"#;

const OFFICE: &str = r#"
code: OFFICE
name: 管委会办公室
short_name: 区管委办
category: office
people:
  - {id: off.xx, name: 甲, roles: [info_officer]}
  - {id: off.hg, name: 乙, roles: [office_editor]}
  - {id: off.lx, name: 丙, roles: [office_contact]}
  - {id: off.zr, name: 丁, roles: [office_director]}
  - {id: off.gl, name: 戊, roles: [account_admin]}
  - {id: sys, name: 己, roles: [sysadmin]}
  - {id: aq, name: 卯, roles: [security_admin]}
  - {id: aud, name: 庚, roles: [auditor]}
accounts:
  - {id: W000, platform: weibo, name: 示范区, uid: "1", level: district, status: active, secrets: {access_token: "file:W000"}}
"#;

const D07: &str = r#"
code: D07
name: 应急管理局
short_name: 应急局
category: department
people:
  - {id: d07.xx, name: 辛, roles: [info_officer]}
  - {id: d07.zy, name: 壬, roles: [unit_head]}
  - {id: d07.left, name: 癸, roles: [info_officer], active: false}
accounts:
  - {id: W015, platform: weibo, name: 应急局, uid: "15", status: active, secrets: {access_token: "file:W015"}}
  - {id: X015, platform: wechat, name: 应急局发布, uid: gh_15, status: suspended, secrets: {access_token: "file:X015"}}
"#;

const D08: &str = r#"
code: D08
name: 行政审批局
short_name: 审批局
category: department
people:
  - {id: d08.xx, name: 子, roles: [info_officer]}
"#;

const COLUMNS: &str = r#"
columns:
  - {id: gonggao, name: 通知公告, platforms: [weibo, wechat], procedures: [P4], owner: OFFICE}
  - {id: jiulan, name: 旧栏目, platforms: [weibo], procedures: [P4], owner: OFFICE, enabled: false}
"#;

const PROCEDURES: &str = r#"
procedures:
  P4:
    name: 业务活动与安全应急知识
    origin: unit
    steps:
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
"#;

impl District {
    /// `platform` is the base URL of every account; nothing need answer there.
    pub(crate) fn new(platform: &str) -> Self {
        let district = Self { folder: TempDir::new().unwrap() };
        for folder in ["config/units", "adapters", "secrets"] {
            fs::create_dir_all(district.folder.path().join(folder)).unwrap();
        }
        fs::copy(mock(), district.adapters().join("libmock.so")).unwrap();
        for account in ["W000", "W015", "X015"] {
            fs::write(district.secrets().join(account), "token").unwrap();
        }
        for (name, text) in [
            ("district.yaml", DISTRICT.replace("PLATFORM", platform).as_str()),
            ("units/OFFICE.yaml", OFFICE),
            ("units/D07.yaml", D07),
            ("units/D08.yaml", D08),
            ("columns.yaml", COLUMNS),
            ("procedures.yaml", PROCEDURES),
            ("routes.yaml", "routes: []\n"),
        ] {
            district.write(name, text);
        }
        district
    }

    /// Writes a file of the settings with its end mark.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.config().join(name), format!("{text}...\n")).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    pub(crate) fn adapters(&self) -> PathBuf {
        self.folder.path().join("adapters")
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }
}

/// The mock adapter, built once.
fn mock() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| juzhen_testkit::build::adapter("juzhen-adapter-mock").unwrap())
}
