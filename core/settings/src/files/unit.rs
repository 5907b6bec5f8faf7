//! `units/*.yaml`: one file is one unit with its people and accounts.

use juzhen_domain::id::{AccountId, PersonId, Platform, UnitCode};
use juzhen_domain::matrix::{AccountLevel, AccountStatus, Role, UnitCategory};
use serde_json::Value;

use super::absent;
use crate::fault::Place;
use crate::form::{At, Count, Flag, Free, List, Maybe, New, Placed, Ref, SecretName, Table, Text, Try, Word};
use crate::read::section;

section! {
    pub(crate) struct UnitFile, "units/*.yaml：一个文件描述一个单位" {
        code: At<UnitCode> as New<UnitCode>, "单位代码，全区唯一，例如 D07。";
        name: Option<String> as Try<Text<64>>, "单位全称。";
        short_name: Option<String> as Try<Text<32>>, "单位简称，用于列表和报表。";
        category: Option<At<UnitCategory>> as Try<Placed<Word<UnitCategory>>>, "类别：office 管委会办公室、township 乡镇、subdistrict 街道办事处、department 区直部门、resident 驻区机构。";
        people: Vec<PersonSection> as List<PersonSection> = Vec::new(), "本单位人员。";
        accounts: Vec<AccountSection> as List<AccountSection> = Vec::new(), "本单位账号。没有账号可以不写。";
        quota: Option<QuotaSettings> as Try<QuotaSettings> = absent(), "报送任务。目前只检查写法，在以后的版本中统计。";
    }
}

section! {
    pub(crate) struct PersonSection, "人员" {
        id: At<PersonId> as New<PersonId>, "人员编号，全区唯一，也是登录名，例如 d07.xx。";
        name: String as Text<32>, "姓名。";
        roles: Vec<Role> as List<Word<Role>>, "角色，可有多个。";
        active: bool as Flag = true, "是否在岗。离岗写 false：历史记录保留，不能再办理。默认 true。";
    }
}

section! {
    pub(crate) struct AccountSection, "账号" {
        id: At<AccountId> as New<AccountId>, "账号编号，全区唯一，例如 W015。";
        platform: At<Platform> as Ref<Platform>, "平台：weibo 微博、wechat 微信公众号，或其他适配器提供的平台。";
        name: Option<String> as Try<Text<64>>, "账号名称，公众看到的名字。";
        uid: Option<At<String>> as Try<Placed<Text<128>>>, "平台上的编号：微博为 UID，微信公众号为原始 ID（gh_ 开头）。";
        level: Option<At<AccountLevel>> as Try<Placed<Word<AccountLevel>>> = Some(At { value: AccountLevel::Unit, place: Place::START }), "级别：district 区级账号、unit 单位账号。默认 unit。";
        status: Option<AccountStatus> as Try<Word<AccountStatus>>, "状态：planned 筹备、active 启用、suspended 停更、closing 注销中、closed 已注销。只有 active 才发布。";
        adapter: Option<At<String>> as Maybe<Placed<Text<64>>> = None, "由哪个适配器办理。不写则按 district.yaml 的 adapters.serve，再按平台同名。";
        settings: Vec<(At<String>, Value)> as Table<Free> = Vec::new(), "交给适配器的设置，不保密。有哪些键见适配器说明。";
        secrets: Vec<(At<String>, Option<String>)> as Table<Try<SecretName>> = Vec::new(), "密钥的名称（不是密钥本身），例如 {access_token: \"vault:W015.token\"}，值用 juzhen secret set W015.token 存入。file:名称 则为密钥目录中的文件。";
    }
}

section! {
    /// What a unit owes (R-70 and following). Read by the reports.
    pub struct QuotaSettings, "报送任务" {
        /// Fewest items in a month. Default 4 (seed 5.3.1).
        monthly_min: u32 as Count<0, 1000> = 4, "每月至少报送条数。默认 4。";
        /// Owes nothing. Default false.
        exempt: bool as Flag = false, "是否免除报送任务。默认 false。";
    }
}
