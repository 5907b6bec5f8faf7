//! `columns.yaml`: 栏目, the columns of the district's accounts.

use juzhen_domain::id::{ColumnId, Platform, UnitCode};
use juzhen_domain::matrix::Procedure;

use crate::form::{At, Flag, List, New, Ref, Text, Try, Word};
use crate::read::section;

section! {
    pub(crate) struct ColumnsFile, "columns.yaml：栏目" {
        columns: Vec<ColumnSection> as List<ColumnSection>, "栏目列表，按显示顺序。";
    }
}

section! {
    pub(crate) struct ColumnSection, "栏目" {
        id: At<ColumnId> as New<ColumnId>, "栏目编号，例如 yaowen。";
        name: Option<String> as Try<Text<32>>, "栏目名称。";
        platforms: Option<Vec<At<Platform>>> as Try<List<Ref<Platform>>>, "在哪些平台上有此栏目。";
        procedures: Option<Vec<Procedure>> as Try<List<Word<Procedure>>>, "可用的审核程序 P1–P5。";
        owner: Option<At<UnitCode>> as Try<Ref<UnitCode>>, "负责单位的代码。";
        exempt_category6: Option<bool> as Try<Flag> = Some(false), "公开征求意见的栏目：不检查第六类“未经确认的信息和未经审定的事项”。默认 false。";
        enabled: Option<bool> as Try<Flag> = Some(true), "是否启用。停用的栏目不再收新稿，历史保留。默认 true。";
    }
}
