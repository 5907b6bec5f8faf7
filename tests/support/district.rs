//! A small district as files: an office and some units, all accounts on the stand-in platform.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::adapter;

/// The folder of one test: `config/`, `adapters/`, `secrets/`, `data/`.
pub struct District {
    folder: TempDir,
}

impl District {
    /// An office with an editor (`off.hg`), a director (`off.zr`) and the account W000; the mock adapter is installed.
    pub fn new(mock_url: &str) -> Self {
        let district = Self { folder: TempDir::new().unwrap() };
        for folder in ["config/units", "adapters", "secrets", "data"] {
            fs::create_dir_all(district.path(folder)).unwrap();
        }
        make_private(&district.path("data"));
        make_private(&district.path("secrets"));
        district.install("mock");
        district.write_district(mock_url, "");
        district.write(
            "columns.yaml",
            "columns:\n  - {id: yaowen, name: 要闻, platforms: [weibo], procedures: [P4], owner: OFFICE}\n",
        );
        district.write("procedures.yaml", PROCEDURES);
        district.write("routes.yaml", "routes: []\n");
        district.unit("OFFICE", "office", &["W000"]);
        district
    }

    /// `district.yaml`; `publish` holds further lines of its `publish:` section.
    pub fn write_district(&self, mock_url: &str, publish: &str) {
        let text = format!(
            "district: {{code: test, name: 测试示范区, short_name: 示范区, office_unit: OFFICE}}\n\
             server: {{listen: \"127.0.0.1:0\"}}\n\
             adapters:\n\
             \x20 directory: ../adapters\n\
             \x20 secrets_directory: ../secrets\n\
             \x20 allow_private_egress: true\n\
             \x20 serve: {{weibo: mock}}\n\
             \x20 defaults: {{mock: {{base_url: \"{mock_url}\"}}}}\n\
             publish:\n\
             \x20 min_gap_seconds: 0\n\
             \x20 caps: {{per_delivery: 5, per_account_hour: 5000, pause_after: 0}}\n\
             {publish}"
        );
        self.write("district.yaml", &text);
    }

    /// A unit with an information officer `{code}.xx` and these accounts, each with its id as its uid.
    pub fn unit(&self, code: &str, category: &str, accounts: &[&str]) {
        accounts.iter().for_each(|id| self.secret(id));
        self.write(&format!("units/{code}.yaml"), &unit(code, category, accounts));
    }

    /// The token of an account.
    pub fn secret(&self, account: &str) {
        fs::write(self.path("secrets").join(format!("{account}.token")), format!("token of {account}"))
            .unwrap();
    }

    /// Writes a file of the settings with its end mark, the way an editor does: a new file, then a rename.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.config().join(name);
        let fresh = path.with_extension("tmp");
        fs::write(&fresh, format!("{text}...\n")).unwrap();
        fs::rename(fresh, path).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.config().join(name)).unwrap()
    }

    /// Puts an adapter into the folder of adapters, whole.
    pub fn install(&self, name: &str) {
        self.install_file(&adapter(name), &format!("lib{name}.so"));
    }

    pub fn install_file(&self, from: &Path, name: &str) {
        let to = self.path("adapters").join(name);
        let fresh = to.with_extension("new");
        fs::copy(from, &fresh).unwrap();
        fs::rename(fresh, to).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.path("config")
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The text of a unit's file, without its end mark.
fn unit(code: &str, category: &str, accounts: &[&str]) -> String {
    let prefix = if code == "OFFICE" { "off".to_owned() } else { code.to_lowercase() };
    let mut people = vec![("xx", "info_officer")];
    if code == "OFFICE" {
        people.extend([
            ("hg", "office_editor"),
            ("hg2", "office_editor"),
            ("zr", "office_director"),
            ("gl", "account_admin"),
            ("xt", "sysadmin"),
            ("aq", "security_admin"),
        ]);
    }
    let people: String = people
        .iter()
        .map(|(short, role)| format!("  - {{id: {prefix}.{short}, name: 测试员, roles: [{role}]}}\n"))
        .collect();
    let accounts: String = accounts
        .iter()
        .map(|id| {
            format!("  - {{id: {id}, platform: weibo, name: 账号{id}, uid: \"{id}\", status: active, secrets: {{access_token: \"file:{id}.token\"}}}}\n")
        })
        .collect();
    let accounts = if accounts.is_empty() { String::new() } else { format!("accounts:\n{accounts}") };
    format!(
        "code: {code}\nname: 单位{code}\nshort_name: {code}\ncategory: {category}\npeople:\n{people}{accounts}"
    )
}

fn make_private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

const PROCEDURES: &str = "\
procedures:
  P4:
    name: 业务活动与安全应急知识
    origin: unit
    steps:
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
";
