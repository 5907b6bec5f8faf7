//! `procedures.yaml`: the five procedures of graded review as lists of steps (domain reference §1.4).

use juzhen_domain::matrix::Role;
use serde::Serialize;

use crate::form::{At, List, Maybe, Table, Text, Word, vocabulary};
use crate::read::section;

section! {
    pub(crate) struct ProceduresFile, "procedures.yaml：审核程序" {
        procedures: Vec<(At<String>, ProcedureSettings)> as Table<ProcedureSettings>, "五种程序 P1–P5；可以只写用到的。";
    }
}

section! {
    /// One procedure.
    pub struct ProcedureSettings, "审核程序" {
        /// What the office calls it.
        name: String as Text<64>, "名称。";
        /// Clause of the rules it comes from.
        clause: Option<String> as Maybe<Text<64>> = None, "依据条款，显示在审核单上。";
        origin: Origin as Word<Origin>, "由谁起草：unit 报送单位、office 管委会办公室。";
        /// In the order in which they are done; none can be skipped.
        steps: Vec<StepSettings> as List<StepSettings>, "步骤，按先后顺序；不能跳过。目前稿件只经一步：由起草人以外的人审核备案；其余步骤只检查写法，在以后的版本中生效。";
    }
}

section! {
    /// One step of a procedure.
    pub struct StepSettings, "步骤" {
        id: String as Text<32>, "步骤编号，例如 unit_approval。";
        /// Who does it.
        actor: Role as Word<Role>, "由哪个角色办理。";
        /// Where that person belongs.
        scope: Scope as Word<Scope>, "办理人所在：unit 报送单位、office 管委会办公室、district 区领导。";
        /// What the office calls the decision.
        kind: Option<String> as Maybe<Text<32>> = None, "决定的名称，例如 审核备案。";
    }
}

/// Who drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Unit,
    Office,
}

vocabulary!(Origin: "unit" => Self::Unit, "office" => Self::Office);

/// Whose person acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of the unit that submits.
    Unit,
    /// Of the office.
    Office,
    /// A leader of the district.
    District,
}

vocabulary!(Scope: "unit" => Self::Unit, "office" => Self::Office, "district" => Self::District);
