//! The matrix itself: units, people, accounts and columns, as the settings describe them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ColumnId, PersonId, Platform, UnitCode};

/// 单位. One file under `units/` describes one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unit {
    pub code: UnitCode,
    pub name: String,
    pub short_name: String,
    pub category: UnitCategory,
}

/// Reports group by category, in this order (domain reference §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitCategory {
    /// 管委会办公室: owner and daily manager of the matrix; exactly one unit.
    Office,
    /// 乡镇
    Township,
    /// 街道办事处
    Subdistrict,
    /// 区直部门
    Department,
    /// 驻区机构
    Resident,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    pub unit: UnitCode,
    pub roles: Vec<Role>,
    /// A person who left keeps their history and may do nothing.
    pub active: bool,
}

impl Person {
    pub fn has(&self, role: Role) -> bool {
        self.active && self.roles.contains(&role)
    }
}

/// 账号: one official account on one platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Account {
    pub id: AccountId,
    pub unit: UnitCode,
    pub name: String,
    pub platform: Platform,
    /// Name of the adapter that serves it.
    pub adapter: String,
    /// Id on the platform.
    pub uid: String,
    pub level: AccountLevel,
    pub status: AccountStatus,
    /// What the adapter needs to know, never a secret.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Secret name in the adapter → where the value is kept.
    pub secrets: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountLevel {
    /// Of the district itself.
    District,
    /// Of one unit.
    Unit,
}

/// Registry status. Only `active` publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    Planned,
    Active,
    /// 停更: what is due waits as held.
    Suspended,
    Closing,
    Closed,
}

/// 栏目.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    pub id: ColumnId,
    pub name: String,
    pub platforms: Vec<Platform>,
    pub procedures: Vec<Procedure>,
    pub owner: UnitCode,
    pub enabled: bool,
    /// Its items ask for opinions on what is not decided yet.
    pub exempt_category6: bool,
}

/// The five procedures of graded review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Procedure {
    /// 重大行动活动安排
    P1,
    /// 政策性答复文件
    P2,
    /// 较大影响事件及阶段性信息
    P3,
    /// 业务活动与安全应急知识
    P4,
    /// 转发申请
    P5,
}

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident $name:literal $zh:literal),+ $(,)?) => {
        /// What a person may be (domain reference §1.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Role { $($(#[$doc])* $variant),+ }

        impl Role {
            pub const ALL: &'static [Role] = &[$(Role::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Role::$variant => $name),+ }
            }

            /// The name the office uses.
            pub fn chinese(self) -> &'static str {
                match self { $(Role::$variant => $zh),+ }
            }
        }
    };
}

roles! {
    InfoOfficer "info_officer" "信息员",
    SecrecyReviewer "secrecy_reviewer" "保密审查员",
    DeputyHead "deputy_head" "分管领导",
    UnitHead "unit_head" "主要负责人",
    OfficeContact "office_contact" "办公室工作联系人",
    OfficeEditor "office_editor" "办公室核稿",
    OfficeDirector "office_director" "办公室主任",
    /// Publishes, never approves.
    AccountAdmin "account_admin" "微博微信管理员",
    SupervisingLeader "supervising_leader" "主管领导",
    PrincipalLeader "principal_leader" "区主要领导",
    PetitionHandler "petition_handler" "举报信访专办",
    OpinionHandler "opinion_handler" "舆情专办",
    /// Settings only: neither approves nor publishes.
    Sysadmin "sysadmin" "系统管理员",
    /// People's access only: invites, lets out, unlocks; neither settings nor items (C03).
    SecurityAdmin "security_admin" "安全管理员",
    /// Reads the audit log, writes nothing.
    Auditor "auditor" "审计员",
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text).ok_or(())
    }
}

impl Procedure {
    pub const ALL: [Procedure; 5] = [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
            Self::P5 => "P5",
        }
    }
}

impl fmt::Display for Procedure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Procedure {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or(())
    }
}
