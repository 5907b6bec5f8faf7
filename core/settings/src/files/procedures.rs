//! `procedures.yaml`: the five procedures of graded review as lists of steps (domain reference §1.4).

use juzhen_domain::filing::Required;
use juzhen_domain::id::UnitCode;
use juzhen_domain::matrix::Role;
use juzhen_domain::review::{Chain, Formalities, NoReview, Origin, Scope, StepRule};

use crate::form::{At, List, Maybe, Table, Text, Vocabulary, Word, vocabulary};
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
        /// What has to be stated or declared before an item goes on. Default: nothing.
        required: Vec<Required> as List<Word<Required>> = Vec::new(), "报送和审核时必须填写的要素，例如 info_nature（信息性质）、declaration（报送人和单位审定人的七类声明）、secrecy_record（保密审查记录）、deployment_decided_at（工作部署确定时间）。默认没有。";
        /// In the order in which they are done; none can be skipped.
        steps: Vec<StepSettings> as List<StepSettings>, "步骤，按先后顺序；不能跳过。编号为 schedule（排期）、publish（发布）的不是审核步骤，其余每一步都须有人同意，稿件才算审核通过。";
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
        kind: Option<String> as Maybe<Text<32>> = None, "决定的名称，例如 审核备案；区办公室的一步写 审定 时，稿件等待这一步的状态是“待办公室审定”。";
    }
}

vocabulary!(Origin: "unit" => Self::Unit, "office" => Self::Office);

vocabulary!(Scope: "unit" => Self::Unit, "office" => Self::Office, "district" => Self::District);

/// The domain knows what can be asked for.
impl Vocabulary for Required {
    fn find(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|required| required.as_str() == word)
    }

    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|required| required.as_str()).collect()
    }
}

/// The office decides alone whether there will be a publication, instead of 审核备案.
const OFFICE_DECISION: &str = "审定";

impl ProcedureSettings {
    /// What an item of this unit has to pass.
    ///
    /// # Errors
    /// None of the steps is one of review.
    pub fn chain(&self, unit: &UnitCode, office: &UnitCode) -> Result<Chain, NoReview> {
        Chain::of(self.steps.iter().map(StepSettings::rule), unit, office)
    }

    pub fn requires(&self, wanted: Required) -> bool {
        self.required.contains(&wanted)
    }

    /// What reviewers have to say with their decisions.
    pub fn formalities(&self) -> Formalities {
        Formalities {
            declaration: self.requires(Required::Declaration),
            secrecy_record: self.requires(Required::SecrecyRecord),
        }
    }
}

impl StepSettings {
    pub(crate) fn rule(&self) -> StepRule<'_> {
        let is_office_decision = self.kind.as_deref() == Some(OFFICE_DECISION);
        StepRule { id: &self.id, actor: self.actor, scope: self.scope, is_office_decision }
    }
}
