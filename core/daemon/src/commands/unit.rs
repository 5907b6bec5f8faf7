//! `juzhen unit new`: writes the file of a new unit, commented, and only if the whole set is good with it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use juzhen_domain::id::is_plain;
use juzhen_settings::{Installed, InstalledAdapter, Loader, Settings};
use serde_json::json;

use super::check;
use crate::failure::{Ended, Usage};
use crate::installed::AdaptersArgs;
use crate::output::Output;

/// Units of the district
#[derive(Debug, Args)]
pub(crate) struct Unit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
}

/// Write units/CODE.yaml for a new unit
#[derive(Debug, Args)]
struct New {
    /// Code of the unit, such as D10
    code: String,
    /// Full name
    #[arg(long)]
    name: String,
    /// Short name for lists; default: the full name
    #[arg(long, value_name = "NAME")]
    short_name: Option<String>,
    /// What kind of unit it is
    #[arg(long, value_enum)]
    category: Category,
    /// Name of its information officer (信息员)
    #[arg(long, value_name = "NAME")]
    officer: Option<String>,
    /// Platform of its first account, such as weibo
    #[arg(long, requires = "uid")]
    platform: Option<String>,
    /// Id of that account on the platform
    #[arg(long, requires = "platform")]
    uid: Option<String>,
    /// Folder of district.yaml
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    #[command(flatten)]
    adapters: AdaptersArgs,
}

/// What kind of unit it is; the office itself is there already
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Category {
    /// 乡镇
    Township,
    /// 街道办事处
    Subdistrict,
    /// 区直部门
    Department,
    /// 驻区机构
    Resident,
}

impl Unit {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::New(new) = self.command;
        new.run(output)
    }
}

impl New {
    fn run(self, output: Output) -> Result<Ended> {
        if !is_plain(&self.code) {
            bail!(Usage(format!("{:?} is no unit code: letters, digits, `.`, `-` and `_` only", self.code)));
        }
        let file = format!("units/{}.yaml", self.code);
        let path = self.config.join(&file);
        let mut loader = Loader::new(&self.config);
        let installed = self.adapters.installed(&mut loader, &self.config)?;
        let Ok(settings) = loader.load(installed.as_ref()) else {
            check::show(loader.report(), installed.is_some(), output)?;
            return Ok(Ended::Not);
        };
        if settings.sources.contains_key(&file) {
            bail!("{} is there already; it was left as it is", path.display());
        }
        let text = self.text(&settings, installed.as_ref());
        let mut sources = settings.sources.clone();
        sources.insert(file, Arc::from(text.as_str()));
        let mut with_it = Loader::from_sources(sources);
        if with_it.load(installed.as_ref()).is_err() {
            check::show(with_it.report(), installed.is_some(), output)?;
            return Ok(Ended::Not);
        }
        write_new(&path, &text)?;
        output.answer(&json!({"unit": self.code, "file": path}), |_| path.display().to_string())?;
        Ok(Ended::Fine)
    }

    fn text(&self, settings: &Settings, installed: Option<&Installed>) -> String {
        let name = quoted(&self.name);
        let short_name = quoted(self.short_name.as_deref().unwrap_or(&self.name));
        let (category, chinese) = self.category.words();
        let code = quoted(&self.code);
        let mut text = format!(
            "# yaml-language-server: $schema=../schema/unit.json\n\
             # 一个文件描述一个单位。保存后，运行中的服务两秒内采用；写错则一切照旧，并指出错在哪一行。\n\
             code: {code}\n\
             name: {name}\n\
             short_name: {short_name}\n\
             category: {category}  # {chinese}\n\n\
             # 本单位人员。编号全区唯一，也是登录名。\n"
        );
        text.push_str(&self.people());
        text.push_str("\n# 本单位账号。没有账号可以不写。\n");
        text.push_str(&self.accounts(settings, installed));
        // The mark that the file is whole: one that was cut off is not taken.
        text.push_str("...\n");
        text
    }

    fn people(&self) -> String {
        let id = format!("{}.xx", self.code.to_lowercase());
        match &self.officer {
            Some(name) => format!(
                "people:\n  - id: {}\n    name: {}\n    roles: [info_officer]  # 信息员\n",
                quoted(&id),
                quoted(name)
            ),
            None => format!(
                "# people:\n#   - id: {id}\n#     name: 姓名\n#     roles: [info_officer]  # 信息员\n"
            ),
        }
    }

    fn accounts(&self, settings: &Settings, installed: Option<&Installed>) -> String {
        let (Some(platform), Some(uid)) = (&self.platform, &self.uid) else {
            return format!(
                "# accounts:\n#   - id: {}-weibo\n#     platform: weibo\n#     name: 公众看到的名字\n\
                 #     uid: \"平台上的编号\"\n#     status: active\n",
                self.code
            );
        };
        let id = format!("{}-{platform}", self.code);
        let name = quoted(self.short_name.as_deref().unwrap_or(&self.name));
        let mut text = format!(
            "accounts:\n  - id: {}\n    platform: {}\n    name: {name}  # 公众看到的名字\n    \
             uid: {}  # 平台上的编号\n    status: active  # 只有 active 才发布\n",
            quoted(&id),
            quoted(platform),
            quoted(uid)
        );
        if let Some(adapter) = adapter_of(platform, settings, installed) {
            text.push_str(&of_adapter(adapter, &id, settings));
        }
        text
    }
}

impl Category {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Township => ("township", "乡镇"),
            Self::Subdistrict => ("subdistrict", "街道办事处"),
            Self::Department => ("department", "区直部门"),
            Self::Resident => ("resident", "驻区机构"),
        }
    }
}

/// What the adapter needs to know of an account: settings without a default to be filled in, and names for its secrets.
fn of_adapter(adapter: &InstalledAdapter, id: &str, settings: &Settings) -> String {
    let defaults = settings.adapters.defaults.get(&adapter.name);
    let has_default = |key: &String| defaults.is_some_and(|all| all.contains_key(key));
    let mut text = String::new();
    let needed: Vec<_> =
        adapter.settings.iter().filter(|(key, needed)| *needed && !has_default(key)).collect();
    if !needed.is_empty() {
        text.push_str("    settings:\n");
        text.extend(needed.iter().map(|(key, _)| format!("      {key}: \"\"  # 必填，见适配器说明\n")));
    }
    let secrets: Vec<_> = adapter.secrets.iter().filter(|(_, needed)| *needed).collect();
    if !secrets.is_empty() {
        text.push_str("    secrets:  # 只写名称；内容用 `juzhen secret set 名称` 存入\n");
        text.extend(secrets.iter().map(|(secret, _)| format!("      {secret}: \"file:{id}.{secret}\"\n")));
    }
    text
}

fn adapter_of<'a>(
    platform: &str,
    settings: &Settings,
    installed: Option<&'a Installed>,
) -> Option<&'a InstalledAdapter> {
    let adapters = &installed?.adapters;
    let named = settings.adapters.serve.iter().find(|(served, _)| served.as_str() == platform);
    match named {
        Some((_, name)) => adapters.iter().find(|adapter| adapter.name == *name),
        None => adapters
            .iter()
            .find(|adapter| adapter.name == platform)
            .or_else(|| adapters.iter().find(|adapter| adapter.platform == platform)),
    }
}

/// YAML's double quotes take what JSON's do.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let attempted = || format!("could not write {}", path.display());
    // Readable for the daemon, which may be another user than the one who administers it.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    match file {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(attempted)
        }
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; it was left as it is", path.display())
        }
        Err(cause) => Err(cause).with_context(attempted),
    }
}
