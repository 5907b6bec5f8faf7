//! `routes.yaml`: which accounts items go to, and what is forwarded where.

use juzhen_domain::id::{AccountId, ColumnId, Platform, RouteId, UnitCode};
use juzhen_domain::route::RouteKind;

use super::absent;
use crate::form::{At, Flag, List, New, Ref, Try, Word};
use crate::read::section;

section! {
    pub(crate) struct RoutesFile, "routes.yaml：路由" {
        routes: Vec<RouteSection> as List<RouteSection>, "路由列表。";
    }
}

section! {
    pub(crate) struct RouteSection, "路由" {
        id: At<RouteId> as New<RouteId>, "路由编号，例如 yaowen-district。";
        kind: Option<RouteKind> as Try<Word<RouteKind>>, "publish：符合条件的稿件审核通过后发到 to；forward：某账号发布后转发到 to。";
        when: MatchSection as MatchSection = absent()?, "条件；不写的条件不限制。";
        to: Option<Vec<At<AccountId>>> as Try<List<Ref<AccountId>>>, "去向：账号编号，按先后顺序。";
        enabled: Option<bool> as Try<Flag> = Some(true), "是否启用。默认 true。";
    }
}

section! {
    pub(crate) struct MatchSection, "条件" {
        units: Vec<At<UnitCode>> as List<Ref<UnitCode>> = Vec::new(), "报送单位的代码。";
        columns: Vec<At<ColumnId>> as List<Ref<ColumnId>> = Vec::new(), "栏目编号。";
        platforms: Vec<At<Platform>> as List<Ref<Platform>> = Vec::new(), "平台。";
        accounts: Vec<At<AccountId>> as List<Ref<AccountId>> = Vec::new(), "仅用于 forward：在这些账号上发布的才转发。";
    }
}
