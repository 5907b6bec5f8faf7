//! `district.yaml`: the district, the daemon's own places, the adapters, and the rules of publishing.

use std::net::{IpAddr, SocketAddr};

use jiff::SignedDuration;
use juzhen_domain::access::{Policy, Profile};
use juzhen_domain::id::UnitCode;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::absent;
use crate::fault::Finding;
use crate::form::{
    Address, At, Count, Flag, Free, Hook, Ip, List, Maybe, Placed, Ref, SecretFile, Site, Table, Text, Try,
    Word, Zone, vocabulary,
};
use crate::problem::{MatterProblem, What};
use crate::read::{Form, Notes, section};
use crate::tree::Node;

section! {
    pub(crate) struct DistrictFile, "district.yaml：全区设置" {
        district: Option<DistrictSection> as Try<DistrictSection>, "本区。";
        storage: Option<StorageSettings> as Try<StorageSettings> = absent(), "数据存放。除 reserve_mib 外，改动后须重启。";
        server: Option<ServerSettings> as Try<ServerSettings> = absent(), "网页和接口服务。改动后须重启。";
        adapters: Option<AdapterSection> as Try<AdapterSection> = absent(), "适配器：与各平台打交道的插件。";
        publish: Option<PublishSettings> as Try<Publish> = absent(), "发布规则。";
        checks: Option<CheckSettings> as Try<CheckSettings> = absent(), "内容检查；词表在 lexicons 目录，领导名录在 leaders.yaml。";
        policy: Option<PolicySettings> as Try<PolicySettings> = absent(), "登录规则：密码、会话、停用。";
        review: Option<ReviewSettings> as Try<ReviewSettings> = absent(), "审核与备案。";
        notices: Option<NoticeSettings> as Try<NoticeSettings> = absent(), "提醒：有事要人处理时，除了日志还告诉谁。";
    }
}

section! {
    pub(crate) struct DistrictSection, "本区" {
        code: Option<String> as Try<Text<32>>, "代码，用于备份文件名和日志，例如 bnsf。";
        name: Option<String> as Try<Text<64>>, "全称。";
        short_name: Option<String> as Try<Text<32>>, "简称，显示在页面顶部。";
        office_unit: At<UnitCode> as Ref<UnitCode>, "管委会办公室的单位代码：归口责任单位，有且只有一个。";
        timezone: Option<String> as Try<Zone> = Some("Asia/Shanghai".to_owned()), "时区。默认 Asia/Shanghai。目前只检查写法，在以后的版本中用于显示和统计。";
    }
}

/// 本区.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct District {
    /// Short ASCII name.
    pub code: String,
    pub name: String,
    pub short_name: String,
    /// The unit that is responsible for the matrix.
    pub office_unit: UnitCode,
    /// IANA name that this program knows.
    pub timezone: String,
}

section! {
    /// Where the daemon keeps what it must not lose. Restart only, but for the reserve.
    pub struct StorageSettings, "数据存放" {
        /// Folder of the database, relative to the folder of `district.yaml`. `None`: as the command line says.
        directory: Option<String> as Maybe<Text<256>> = None, "数据目录（数据库等），相对于本文件所在目录。不写则由命令行 --data 决定。改动后须重启；已有的数据须先停止服务再移到新目录。";
        /// With less free space than this on the disk of the database nothing is claimed (P17). MiB, default 64; 0 never.
        reserve_mib: u32 as Count<0, 1_048_576> = 64, "数据库所在磁盘的剩余空间少于多少 MiB 时暂停发布；腾出空间后自动恢复。0 表示不检查。默认 64。";
        /// Take an embedded database on a disk of another machine, whose locks may not hold (F26). Default false.
        allow_shared_disk: bool as Flag = false, "是否允许把内嵌数据库放在网络磁盘（NFS、SMB 等）上；这类磁盘的文件锁和落盘不可靠，可能重复发布或丢失数据。默认 false。改动后须重启。";
    }
}

section! {
    /// The HTTP service. Restart only.
    pub struct ServerSettings, "网页和接口服务" {
        /// Default 127.0.0.1:8460: reachable from this machine only, until the operator decides otherwise.
        listen: SocketAddr as Address = SocketAddr::from(([127, 0, 0, 1], 8460)), "监听地址 IP:端口。默认 127.0.0.1:8460，只有本机能访问。";
        /// Who stands before the daemon and says truly from where a request came (`X-Forwarded-For`). Default nobody.
        trusted_proxies: Vec<IpAddr> as List<Ip> = Vec::new(), "可信的反向代理的 IP；只有它们所报的来访地址（X-Forwarded-For）才算数。默认没有。改动后须重启。";
        /// Where browsers reach the daemon from outside; platforms send them back to `/authorized` below it. `None`: nowhere.
        public_url: Option<String> as Maybe<Hook> = None, "从外面访问本系统的网址，例如 https://juzhen.example.gov.cn；在平台上授权后，浏览器回到它下面的 /authorized。不写则由账号设置中的回调地址代替，再用命令行完成授权。改动后须重启。";
    }
}

section! {
    /// What is asked of people who sign in (C10, C15, C16).
    pub struct PolicySettings, "登录规则" {
        /// Of passwords. Default mlps3.
        profile: Profile as Word<Profile> = Profile::Mlps3, "密码规则：mlps3（等级保护三级：至少 12 个字符、3 类字符，90 天更换，不重复最近 5 个；默认）或 asvs（至少 15 个字符，不强制更换）。";
        /// A session that is not used for so long is over. Minutes, default 15.
        idle_minutes: u32 as Count<1, 480> = 15, "登录后多少分钟没有操作就自动退出。默认 15。";
        /// No session is longer. Hours, default 8.
        session_hours: u32 as Count<1, 24> = 8, "一次登录最长多少小时。默认 8。";
        /// Who has not signed in for so many days is disabled. Default 90.
        unused_days: u32 as Count<7, 3650> = 90, "多少天没有登录的人员自动停用。默认 90。";
    }
}

vocabulary!(Profile: "mlps3" => Self::Mlps3, "asvs" => Self::Asvs);

impl PolicySettings {
    /// The same as the domain decides by it.
    pub fn policy(&self) -> Policy {
        let minutes = |minutes: u32| SignedDuration::from_mins(i64::from(minutes));
        Policy {
            profile: self.profile,
            idle: minutes(self.idle_minutes),
            longest: minutes(self.session_hours * 60),
            unused: minutes(self.unused_days * 24 * 60),
        }
    }
}

section! {
    pub(crate) struct AdapterSection, "适配器" {
        directory: Option<String> as Maybe<Text<256>> = None, "存放适配器 .so 文件的目录，相对于本文件所在目录。不写则由命令行决定。改动后须重启。";
        secrets_directory: Option<String> as Maybe<Text<256>> = None, "file:名称 所指的密钥目录，相对于本文件所在目录。不写则用数据目录下的 secrets。改动后须重启。";
        isolation: Option<Isolation> as Try<Word<Isolation>> = Some(Isolation::Process), "隔离方式：process（每个适配器一个子进程，默认）或 in_process（同一进程，仅供测试）。改动后须重启。";
        isolation_of: Vec<(At<String>, Isolation)> as Table<Word<Isolation>> = Vec::new(), "个别适配器的隔离方式，例如 {mock: in_process}。改动后须重启。";
        sandbox: Option<Sandbox> as Try<Word<Sandbox>> = Some(Sandbox::Preferred), "子进程沙箱：preferred（系统支持多少用多少，默认）或 required（不完整就不运行）。改动后须重启。";
        allow_private_egress: Option<bool> as Try<Flag> = Some(false), "是否允许适配器访问内网和本机地址。默认 false；只有演示和测试才需要 true。改动后须重启。";
        serve: Vec<(At<String>, At<String>)> as Table<Placed<Text<64>>> = Vec::new(), "平台由哪个适配器代办，例如 {weibo: mock}。不写则由与平台同名的适配器办理。";
        defaults: Vec<(At<String>, Vec<(At<String>, Value)>)> as Table<Table<Free>> = Vec::new(), "各适配器账号设置的默认值；账号自己的 settings 优先。";
    }
}

/// Where an adapter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In the daemon itself. Weakest, so the lowest.
    InProcess,
    /// In a process of its own.
    Process,
}

vocabulary!(Isolation: "process" => Self::Process, "in_process" => Self::InProcess);

/// What happens where the kernel offers less than the whole sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// Take what there is, and say what is missing.
    Preferred,
    /// Do not run the adapter.
    Required,
}

vocabulary!(Sandbox: "preferred" => Self::Preferred, "required" => Self::Required);

section! {
    /// The rules of publishing.
    pub struct PublishSettings, "发布规则" {
        /// How late an item may still go out when its route or schedule names no limit. Minutes, default 15.
        latest_after_minutes: u32 as Count<1, 1440> = 15, "最多迟到多少分钟仍然发布；再晚则记为“错过”，由人工重新安排。默认 15。";
        /// Shortest time between two posts of one account. Seconds, default 10.
        min_gap_seconds: u32 as Count<0, 86_400> = 10, "同一账号两次发布之间至少间隔多少秒。默认 10。";
        /// How long one call of an adapter may take. Seconds, default 60.
        call_deadline_seconds: u32 as Count<1, 600> = 60, "一次平台调用最多等待多少秒。默认 60。";
        /// How often each account's own list is looked at for posts that are not ours (P27). Seconds, default 300; 0: never.
        watch_seconds: u32 as Count<0, 86_400> = 300, "每隔多少秒查看一次各账号上有没有不是本系统发布的内容；0 为不查看。默认 300。";
        /// How often comments, mentions and messages of each account are read; less often where its platform allows no more.
        /// Seconds, default 300; 0: never.
        intake_seconds: u32 as Count<0, 86_400> = 300, "每隔多少秒读取一次各账号的评论、@ 和私信；平台要求的间隔更长时按平台的。0 为不读取。默认 300。";
        retry: RetrySettings as Retry = absent()?, "平台明确拒收且确未发出时的重试。结果不明的绝不重试。";
        caps: CapSettings as CapSettings = absent()?, "发送次数上限，防止失控。";
    }
}

section! {
    /// Bounded retry of what was clearly refused before anything left.
    pub struct RetrySettings, "重试" {
        /// Most tries after the first; those beyond [`CapSettings::per_delivery`] do not happen. Default 3.
        most: u32 as Count<0, 20> = 3, "首次之后最多再试几次；连首次在内不会超过 caps.per_delivery。默认 3。";
        /// Pause before the second try; doubled each time. Seconds, default 30.
        first_pause_seconds: u32 as Count<1, 3600> = 30, "第一次重试前等待多少秒，以后每次加倍。默认 30。";
        /// No pause is longer. Seconds, default 900.
        longest_pause_seconds: u32 as Count<1, 86_400> = 900, "最长等待多少秒。默认 900。";
    }
}

section! {
    /// What the office decides about texts, beside its word lists.
    pub struct CheckSettings, "内容检查" {
        /// Sites that an address may lead to without a question.
        link_whitelist: Vec<String> as List<Site> = usual_sites(), "可以直接引用的网站，例如 weibo.com；*.gov.cn 含其下所有网站。其余网站的链接须确认。默认 *.gov.cn、*.edu.cn、*.weibo.com、mp.weixin.qq.com。";
    }
}

/// Sites of governments and schools, and the platforms' own (domain reference §4.8).
fn usual_sites() -> Vec<String> {
    ["*.gov.cn", "*.edu.cn", "*.weibo.com", "mp.weixin.qq.com"].map(str::to_owned).to_vec()
}

section! {
    /// Review and register.
    pub struct ReviewSettings, "审核与备案" {
        /// What stands before the year in a register number. Default 新媒备.
        register_prefix: String as Text<16> = "新媒备".to_owned(), "备案号中年份前面的字，例如 东新媒备，备案号即为 东新媒备〔2026〕0001号。默认 新媒备。";
        /// Hosts whose posts the office forwards without its director, each with everything below it. Default gov.cn.
        forward_sources: Vec<String> as List<Text<253>> = vec!["gov.cn".to_owned()], "可以转发的稿源网站，包括其下各级域名；其他来源须由办公室主任审定。默认 gov.cn。";
    }
}

section! {
    /// Who is told beside the log.
    pub struct NoticeSettings, "提醒" {
        /// Every notice is posted to this address as JSON, until it is taken. `None`: the log is all.
        webhook: Option<String> as Maybe<Hook> = None, "把每条提醒以 JSON 发送到这个地址（例如单位的值班或消息系统），直到对方收下。须为 https，或本机的 http。不写则只记日志。";
        /// Name of the secret that signs them. Default webhook.
        secret: String as SecretFile = "webhook".to_owned(), "签名用的密钥的名称，用 juzhen secret set 存入；接收方凭它确认提醒来自本系统。默认 webhook。";
    }
}

/// Rules of publishing whose retries can all happen; a cap below them is kept, and pointed at.
pub(crate) struct Publish;

impl Form for Publish {
    type Out = PublishSettings;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<PublishSettings> {
        let publish = PublishSettings::read(node, notes)?;
        let (most, sends) = (publish.retry.most, publish.caps.per_delivery);
        if sends <= most {
            let cap = || node.get("caps")?.get("per_delivery");
            // Where the cap is not written, it is the number of retries that is out of the usual.
            let place = cap().or_else(|| node.get("retry")?.get("most")).unwrap_or(node).place;
            notes.findings.push(Finding::warning(place, MatterProblem::RetriesBeyondCap { most, sends }));
        }
        Some(publish)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        PublishSettings::schema(generator)
    }
}

/// Retry settings whose pauses fit together.
pub(crate) struct Retry;

impl Form for Retry {
    type Out = RetrySettings;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<RetrySettings> {
        let retry = RetrySettings::read(node, notes)?;
        let (first, longest) = (retry.first_pause_seconds, retry.longest_pause_seconds);
        if first > longest {
            notes.fault(node.place, What::PauseOrder { first, longest });
        }
        Some(retry)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        RetrySettings::schema(generator)
    }
}

section! {
    /// Limits that no fault of ours can get past.
    pub struct CapSettings, "上限" {
        /// Most sends of one delivery, whatever the reason. Default 4: the first, and as many retries as by default.
        per_delivery: u32 as Count<1, 21> = 4, "一个发布任务最多实际发送几次，包括首次。应不小于 retry.most 加 1。默认 4。";
        /// Most sends of one account in an hour. Default 30.
        per_account_hour: u32 as Count<1, 10_000> = 30, "一个账号每小时最多发送几次。默认 30。";
        /// So many deliveries of one account that end badly in a row pause the account (P20). Default 3; 0: never.
        pause_after: u32 as Count<0, 100> = 3, "一个账号连续几个发布任务没有正常结束（结果不明、被拒绝、多次重试不成）就自动暂停该账号，由人工解除；0 为不自动暂停。默认 3。";
    }
}
