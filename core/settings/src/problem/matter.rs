//! Faults between values: references that lead nowhere, things that exist twice, rules that cannot be kept.

use juzhen_domain::matrix::Role;

use super::{Texts, Thing, say};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MatterProblem {
    /// `first` is `file:line:column`.
    DefinedTwice {
        thing: Thing,
        id: String,
        first: String,
    },
    SameOnPlatform {
        platform: String,
        uid: String,
        first: String,
        other: String,
    },
    SameCredentials {
        first: String,
        other: String,
    },
    Unknown {
        thing: Thing,
        id: String,
        near: Option<String>,
    },
    UnknownPlatform {
        platform: String,
        near_installed: Option<String>,
        near_served: Option<String>,
        installed: String,
    },
    UnknownAdapter {
        adapter: String,
        near: Option<String>,
        installed: String,
    },
    UnknownSetting {
        adapter: String,
        key: String,
        near: Option<String>,
    },
    MissingSetting {
        adapter: String,
        key: String,
    },
    UnknownSecret {
        adapter: String,
        key: String,
        near: Option<String>,
    },
    MissingSecret {
        adapter: String,
        key: String,
    },
    /// The value is not repeated: it may be the secret itself.
    SecretInSettings {
        key: String,
    },
    NoInfoOfficer {
        unit: String,
    },
    /// One person in two of the three administrations (C03).
    TwoAdministrations {
        person: String,
        one: Role,
        other: Role,
    },
    NotTheOffice {
        unit: String,
    },
    SecondOffice {
        first: String,
    },
    DistrictAccountOutsideOffice {
        office: String,
    },
    RouteWithoutTargets,
    TargetTwice {
        account: String,
    },
    SourcesOfPublish,
    RouteToItself {
        account: String,
    },
    RouteToInactive {
        account: String,
        status: &'static str,
    },
    RouteToSuspended {
        account: String,
    },
    RouteNeverMatches {
        platform: String,
    },
    /// Every other place on the loop, `route `b` (routes.yaml:9:5)`.
    RouteLoop {
        way: String,
        others: String,
    },
    NobodyFor {
        step: String,
        procedure: String,
        role: &'static str,
    },
    NobodyInUnit {
        step: String,
        procedure: String,
        role: &'static str,
        unit: String,
    },
    OnlyTheAuthor {
        step: String,
        procedure: String,
        person: String,
    },
    PublisherApproves {
        procedure: String,
        person: String,
    },
    NoSteps {
        procedure: String,
    },
    StepTwice {
        step: String,
        procedure: String,
    },
    /// It would never be reached: what is planned is approved already.
    StepTooLate {
        step: String,
        procedure: String,
    },
    NoSuchProcedure {
        name: String,
    },
    /// `sends` counts the first one too.
    RetriesBeyondCap {
        most: u32,
        sends: u32,
    },
}

impl MatterProblem {
    /// A table, one row a fault: long, and nothing to follow.
    pub(super) fn texts(&self) -> Texts {
        match self {
            Self::DefinedTwice { thing, id, first } => say(
                format!("{} `{id}` is already defined at {first}", thing.english()),
                format!("{} `{id}` 已在 {first} 定义", thing.chinese()),
            )
            .hint("give one of them another id", "请给其中一个换一个编号"),
            Self::SameOnPlatform { platform, uid, first, other } => say(
                format!("account `{other}` at {first} is `{uid}` on {platform} too"),
                format!("账号 `{other}`（{first}）在 {platform} 上也是 `{uid}`"),
            )
            .hint("one account of a platform is written once", "平台上的同一个账号只能写一次"),
            Self::SameCredentials { first, other } => say(
                format!("account `{other}` at {first} has the same secrets"),
                format!("账号 `{other}`（{first}）使用了相同的密钥"),
            )
            .hint("each account has its own sign-in", "每个账号应有自己的登录凭据"),
            Self::Unknown { thing, id, near } => {
                say(format!("unknown {} `{id}`", thing.english()), format!("没有名为 `{id}` 的{}", thing.chinese()))
                    .did_you_mean(near.as_deref())
            }
            Self::NoInfoOfficer { unit } => say(
                format!("unit `{unit}` has no active info_officer: nobody there can submit"),
                format!("单位 `{unit}` 没有在岗的信息员（info_officer）：无人能报送"),
            ),
            Self::TwoAdministrations { person, one, other } => say(
                format!("`{person}` is {one} and {other}: nobody looks after the system and after who looks after it"),
                format!("`{person}` 同时是{}和{}：系统管理、安全管理、审计须由不同的人担任", one.chinese(), other.chinese()),
            )
            .hint("give one of the two roles to another person", "把其中一个角色交给另一个人"),
            Self::SecretInSettings { key } => say(
                format!("`{key}` sounds like a secret; settings are not secret"),
                format!("`{key}` 像是密钥；settings 中的内容不保密"),
            )
            .hint(
                format!("write it under secrets: `{key}: vault:NAME`"),
                format!("请写到 secrets 下：`{key}: vault:名称`"),
            ),
            Self::NotTheOffice { unit } => say(
                format!("`{unit}` is not of category `office`; district.office_unit names the office"),
                format!("`{unit}` 的类别不是 `office`；district.office_unit 应为管委会办公室"),
            ),
            Self::SecondOffice { first } => say(
                format!("a second unit of category `office`; the first is at {first}"),
                format!("出现第二个类别为 `office` 的单位；第一个在 {first}"),
            )
            .hint("exactly one unit is the office", "管委会办公室有且只有一个"),
            Self::DistrictAccountOutsideOffice { office } => say(
                "an account of level `district` belongs to the office",
                "级别为 `district` 的账号应归管委会办公室",
            )
            .hint(format!("write level: unit, or move it to the file of `{office}`"), format!("请写 level: unit，或移到 `{office}` 的文件中")),
            Self::UnknownPlatform { platform, near_installed, near_served, installed } => {
                let texts = say(
                    format!("unknown platform `{platform}`; installed: {installed}"),
                    format!("未知的平台 `{platform}`；已安装：{installed}"),
                );
                match (near_installed, near_served) {
                    (Some(near), _) => texts.hint(format!("`{near}` is installed"), format!("已安装的是 `{near}`")),
                    (None, Some(near)) => texts.did_you_mean(Some(near)),
                    (None, None) => texts.hint(
                        "install its adapter, or name the one that serves it under adapters.serve",
                        "请安装对应的适配器，或在 adapters.serve 中指定由谁代办",
                    ),
                }
            }
            Self::UnknownAdapter { adapter, near, installed } => {
                let texts = say(
                    format!("no adapter named `{adapter}` is installed; installed: {installed}"),
                    format!("没有安装名为 `{adapter}` 的适配器；已安装：{installed}"),
                );
                match near {
                    Some(near) => texts.hint(format!("`{near}` is installed"), format!("已安装的是 `{near}`")),
                    None => texts,
                }
            }
            Self::UnknownSetting { adapter, key, near } => say(
                format!("adapter `{adapter}` has no setting `{key}`"),
                format!("适配器 `{adapter}` 没有名为 `{key}` 的设置"),
            )
            .did_you_mean(near.as_deref()),
            Self::MissingSetting { adapter, key } => say(
                format!("adapter `{adapter}` needs the setting `{key}`"),
                format!("适配器 `{adapter}` 需要设置 `{key}`"),
            )
            .hint(
                format!("write it under settings here, or for all accounts under adapters.defaults.{adapter} in district.yaml"),
                format!("请写在此账号的 settings 下，或在 district.yaml 的 adapters.defaults.{adapter} 下为所有账号统一写"),
            ),
            Self::UnknownSecret { adapter, key, near } => say(
                format!("adapter `{adapter}` has no secret `{key}`"),
                format!("适配器 `{adapter}` 没有名为 `{key}` 的密钥"),
            )
            .did_you_mean(near.as_deref()),
            Self::MissingSecret { adapter, key } => say(
                format!("adapter `{adapter}` needs the secret `{key}`"),
                format!("适配器 `{adapter}` 需要密钥 `{key}`"),
            )
            .hint(format!("write `{key}: vault:NAME` under secrets"), format!("请在 secrets 下写 `{key}: vault:名称`")),
            Self::RouteWithoutTargets => say("the route leads nowhere: `to` is empty", "路由没有去向：`to` 为空")
                .hint("name at least one account, or write enabled: false", "请至少写一个账号，或写 enabled: false"),
            Self::TargetTwice { account } => {
                say(format!("account `{account}` is listed twice"), format!("账号 `{account}` 重复列出"))
            }
            Self::SourcesOfPublish => say(
                "`when.accounts` is for forwards; a route of kind publish does not look at it",
                "`when.accounts` 只用于 forward；publish 路由不看此项",
            )
            .hint("remove it, or write kind: forward", "请删除，或写 kind: forward"),
            Self::RouteToItself { account } => say(
                format!("the route forwards from account `{account}` to itself"),
                format!("路由把账号 `{account}` 的内容转发给它自己"),
            )
            .hint("take it out of `to` or of `when.accounts`", "请从 `to` 或 `when.accounts` 中去掉"),
            Self::RouteToInactive { account, status } => say(
                format!("account `{account}` is `{status}` and publishes nothing"),
                format!("账号 `{account}` 的状态为 `{status}`，不发布内容"),
            )
            .hint("take it out of the route, or set its status to active", "请从路由中去掉，或把它的状态改为 active"),
            Self::RouteToSuspended { account } => say(
                format!("account `{account}` is suspended: what goes there is held"),
                format!("账号 `{account}` 已停更：发往该账号的内容会被暂缓"),
            ),
            Self::RouteNeverMatches { platform } => say(
                format!("no account of this route is on platform `{platform}`"),
                format!("此路由中没有平台 `{platform}` 的账号"),
            ),
            Self::RouteLoop { way, others } => say(
                format!("forwarding goes round in a circle: {way}; the others are {others}"),
                format!("转发形成循环：{way}；其余各处：{others}"),
            )
            .hint("take one account out of one of these routes", "请从其中一条路由中去掉一个账号"),
            Self::NobodyFor { step, procedure, role } => say(
                format!("nobody has the role `{role}` for step `{step}` of {procedure}: no item could pass"),
                format!("{procedure} 的步骤 `{step}` 需要角色 `{role}`，但无人担任：任何稿件都无法通过"),
            )
            .hint(
                format!("give the role `{role}` to a person of the office"),
                format!("请把角色 `{role}` 给办公室的某位人员"),
            ),
            Self::NobodyInUnit { step, procedure, role, unit } => say(
                format!("unit `{unit}` has nobody with the role `{role}` for step `{step}` of {procedure}"),
                format!("单位 `{unit}` 无人担任角色 `{role}`（{procedure} 的步骤 `{step}`）"),
            ),
            Self::OnlyTheAuthor { step, procedure, person } => say(
                format!("only `{person}` could do step `{step}` of {procedure}, and `{person}` is the only author: no one approves their own item"),
                format!("{procedure} 的步骤 `{step}` 只有 `{person}` 能办，而 `{person}` 又是唯一的起草人：起草人不能审自己的稿件"),
            )
            .hint("give the role to a second person", "请把该角色也给另一个人"),
            Self::PublisherApproves { procedure, person } => say(
                format!("only `{person}` could approve last and publish in {procedure}: these are two people"),
                format!("{procedure} 的最后审核和发布都只有 `{person}` 能办：两者不能是同一人"),
            )
            .hint("give one of the roles to a second person", "请把其中一个角色给另一个人"),
            Self::NoSuchProcedure { name } => say(
                format!("unknown procedure `{name}`; there are P1, P2, P3, P4 and P5"),
                format!("未知的程序 `{name}`；只有 P1、P2、P3、P4、P5"),
            ),
            Self::RetriesBeyondCap { most, sends } => {
                let happen = sends.saturating_sub(1);
                say(
                    format!(
                        "publish.retry.most is {most}, but publish.caps.per_delivery is {sends}, the first send \
                         included: at most {happen} of the {most} retries happen"
                    ),
                    format!(
                        "publish.retry.most 为 {most}，而 publish.caps.per_delivery（含首次）为 {sends}：\
                         {most} 次重试中最多只会进行 {happen} 次"
                    ),
                )
                .hint(
                    format!("write per_delivery: {} or more, or retry.most: {happen}", most.saturating_add(1)),
                    format!("请把 per_delivery 写成不小于 {}，或把 retry.most 写成 {happen}", most.saturating_add(1)),
                )
            }
            Self::NoSteps { procedure } => say(
                format!("procedure {procedure} has no step of review: nothing could ever be approved"),
                format!("程序 {procedure} 没有审核步骤：稿件永远无法审核通过"),
            ),
            Self::StepTwice { step, procedure } => say(
                format!("procedure {procedure} has two steps `{step}`: one decision would count for both"),
                format!("程序 {procedure} 有两个步骤都叫 `{step}`：一次同意会被当作两步"),
            )
            .hint("give one of them another id", "请给其中一个换一个编号"),
            Self::StepTooLate { step, procedure } => say(
                format!("step `{step}` of procedure {procedure} stands behind schedule or publish, where nothing is reviewed"),
                format!("程序 {procedure} 的步骤 `{step}` 排在 schedule（排期）或 publish（发布）之后，永远轮不到"),
            )
            .hint("put it before them", "请移到它们之前"),
        }
    }
}
