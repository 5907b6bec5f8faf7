//! P13: who may do what to an item, cell by cell: every person of a district × every state of every procedure × every act.
//!
//! The procedures are those of the sample; what is expected is stated here on its own, from the clauses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Answer, Api, in_seconds, new_item, text};

/// A state in which somebody has to decide: whose turn it is (R-40 … R-44, §1.4, §1.9 of the domain reference).
struct Turn {
    state: &'static str,
    /// Of the step, and who may stand in (R-36: upward only).
    roles: &'static [&'static str],
    /// `None`: the unit that wrote the item.
    unit: Option<&'static str>,
}

struct Procedure {
    id: &'static str,
    author: &'static str,
    turns: &'static [Turn],
}

const fn of_the_unit(state: &'static str, roles: &'static [&'static str]) -> Turn {
    Turn { state, roles, unit: None }
}

const fn of_the_office(state: &'static str, roles: &'static [&'static str]) -> Turn {
    Turn { state, roles, unit: Some("OFFICE") }
}

const SECRECY: Turn = of_the_unit("pending_secrecy", &["secrecy_reviewer"]);
const REGISTERED: Turn = of_the_office("pending_office", &["office_editor", "office_director"]);

const PROCEDURES: &[Procedure] = &[
    Procedure {
        id: "P1",
        author: "d07.xx",
        turns: &[SECRECY, of_the_unit("pending_unit", &["deputy_head", "unit_head"]), REGISTERED],
    },
    Procedure {
        id: "P3",
        author: "off.hg",
        turns: &[
            of_the_office("pending_secrecy", &["secrecy_reviewer"]),
            of_the_office("pending_leader", &["supervising_leader"]),
            of_the_office("pending_principal", &["principal_leader"]),
        ],
    },
    Procedure {
        id: "P4",
        author: "d07.xx",
        turns: &[SECRECY, of_the_unit("pending_unit", &["unit_head"]), REGISTERED],
    },
    Procedure {
        id: "P4",
        // Has every role of their unit, and still decides nothing on what they wrote.
        author: "d09.all",
        turns: &[SECRECY, of_the_unit("pending_unit", &["unit_head"]), REGISTERED],
    },
    Procedure {
        id: "P5",
        author: "d07.xx",
        turns: &[of_the_office("pending_decision", &["office_editor", "office_director"])],
    },
];

/// Everybody: id, unit, roles.
const PEOPLE: &[(&str, &str, &[&str])] = &[
    ("d07.xx", "D07", &["info_officer"]),
    ("d07.bm", "D07", &["secrecy_reviewer"]),
    ("d07.fg", "D07", &["deputy_head"]),
    ("d07.zy", "D07", &["unit_head"]),
    ("d08.xx", "D08", &["info_officer"]),
    ("d08.bm", "D08", &["secrecy_reviewer"]),
    ("d08.fg", "D08", &["deputy_head"]),
    ("d08.zy", "D08", &["unit_head"]),
    ("d09.all", "D09", &["info_officer", "secrecy_reviewer", "deputy_head", "unit_head"]),
    ("d09.bm", "D09", &["secrecy_reviewer"]),
    ("d09.zy", "D09", &["unit_head"]),
    ("off.xx", "OFFICE", &["info_officer"]),
    ("off.bm", "OFFICE", &["secrecy_reviewer"]),
    ("off.lx", "OFFICE", &["office_contact"]),
    ("off.hg", "OFFICE", &["office_editor"]),
    ("off.hg2", "OFFICE", &["office_editor"]),
    ("off.zr", "OFFICE", &["office_director"]),
    ("off.gl", "OFFICE", &["account_admin"]),
    ("off.zg", "OFFICE", &["supervising_leader"]),
    ("off.zyld", "OFFICE", &["principal_leader"]),
    ("sys", "OFFICE", &["sysadmin"]),
    ("aud", "OFFICE", &["auditor"]),
];

const SEE_EVERYTHING: &[&str] = &[
    "office_contact",
    "office_editor",
    "office_director",
    "account_admin",
    "supervising_leader",
    "principal_leader",
    "auditor",
];

const ACTS: &[&str] = &["approve", "return", "reject", "schedule", "withdraw"];
/// After review.
const SETTLED: &[&str] = &["approved", "scheduled", "returned", "rejected", "withdrawn"];

/// What a person meets, stated from the clauses and not from the code.
fn expected(procedure: &Procedure, turn: Option<&Turn>, state: &str, person: usize, act: &str) -> String {
    let (id, unit, roles) = PEOPLE[person];
    let items_unit = unit_of(procedure.author);
    let has = |wanted: &[&str]| roles.iter().any(|role| wanted.contains(role));
    let is_author = id == procedure.author;
    let sees = is_author || has(SEE_EVERYTHING) || (unit == items_unit && !has(&["sysadmin"]));
    if act == "schedule" && !has(&["office_editor", "office_director"]) {
        return "403 forbidden".into();
    }
    if !sees {
        return "404 not_found".into();
    }
    match act {
        "schedule" if state == "approved" => "200".into(),
        "schedule" if state == "scheduled" => "409 bad_state".into(),
        // 先审后发: what is not approved is not scheduled, whoever asks.
        "schedule" => "409 not_approved".into(),
        // The office, too: an author may be away when something has to be stopped.
        "withdraw" if !is_author && !has(&["office_editor", "office_director"]) => "403 forbidden".into(),
        "withdraw" if turn.is_some() || ["approved", "scheduled", "returned"].contains(&state) => {
            "200".into()
        }
        "withdraw" => "409 bad_state".into(),
        _ => match turn {
            None => "409 bad_state".into(),
            Some(_) if is_author => "403 self_approval".into(),
            Some(turn) if !has(turn.roles) => "403 forbidden".into(),
            Some(turn) if unit != turn.unit.unwrap_or(items_unit) => "403 forbidden_unit".into(),
            Some(_) => "200".into(),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_c04_who_may_do_what_to_an_item_cell_by_cell() {
    let api = start().await;
    let mut cells = 0;
    let mut allowed = BTreeMap::<&str, u32>::new();
    let mut wrong = Vec::new();
    for procedure in PROCEDURES {
        let pending = procedure.turns.iter().map(|turn| (Some(turn), turn.state));
        // What is behind its review is the same for every procedure.
        let settled = if procedure.id == "P1" { SETTLED } else { &[] };
        for (turn, state) in pending.chain(settled.iter().map(|state| (None, *state))) {
            // Whoever is refused leaves it as it is, so the next one meets the same item.
            let mut item = in_state(&api, procedure, state).await;
            for (person, (id, _, _)) in PEOPLE.iter().enumerate() {
                for act in ACTS {
                    let wanted = expected(procedure, turn, state, person, act);
                    let answer = try_it(&api, id, &item, act).await;
                    let met = if answer.status == 200 { "200".into() } else { answer.problem() };
                    cells += 1;
                    if met != wanted {
                        wrong.push(format!(
                            "{} of {} {state}: {id} {act}: {met}, not {wanted}",
                            procedure.id, procedure.author
                        ));
                    }
                    if answer.status == 200 {
                        *allowed.entry(act).or_default() += 1;
                        item = in_state(&api, procedure, state).await;
                    }
                }
            }
            let path = format!("/api/v1/items/{}", text(&item["id"]));
            assert_eq!(api.get("off.lx", &path).await.json()["state"], state, "left as it was");
        }
    }
    println!("{cells} cells, of which allowed: {allowed:?}");
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells >= 300);
    assert_eq!(allowed.len(), ACTS.len(), "each act is allowed to somebody");
}

async fn try_it(api: &Api, person: &str, item: &Value, act: &str) -> Answer {
    let path = |what: &str| format!("/api/v1/items/{}/{what}", text(&item["id"]));
    match act {
        "schedule" => api.post(person, &path("schedule"), json!({ "publish_at": in_seconds(3600) })).await,
        "withdraw" => api.post(person, &path("withdraw"), json!({ "reason": "不再需要" })).await,
        decision => {
            let reason = (decision != "approve").then_some("数字有误");
            api.decide(person, item, json!({ "decision": decision, "reason": reason })).await
        }
    }
}

/// A new item of this procedure that has come so far, by the people whose work that is.
async fn in_state(api: &Api, procedure: &Procedure, state: &str) -> Value {
    let mut new = new_item("安全生产月启动");
    new["procedure"] = json!(procedure.id);
    new["targets"] = json!(["W000"]);
    let handed_in = api.post(procedure.author, "/api/v1/items", new).await;
    assert_eq!(handed_in.status, 201, "{handed_in:?}");
    let mut item = handed_in.json();
    let act = match state {
        "returned" => Some("return"),
        "rejected" => Some("reject"),
        "withdrawn" => Some("withdraw"),
        _ => None,
    };
    if let Some(act) = act {
        let who = if act == "withdraw" { procedure.author } else { whose(procedure, &procedure.turns[0]) };
        item = done(&try_it(api, who, &item, act).await);
    }
    for turn in procedure.turns {
        if item["state"] == state || act.is_some() {
            break;
        }
        assert_eq!(item["state"], turn.state);
        item = done(&try_it(api, whose(procedure, turn), &item, "approve").await);
    }
    if state == "scheduled" {
        item = done(&try_it(api, "off.zr", &item, "schedule").await);
    }
    assert_eq!(item["state"], state);
    item
}

fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Somebody whose turn it is, other than the author.
fn whose(procedure: &Procedure, turn: &Turn) -> &'static str {
    let unit = turn.unit.unwrap_or(unit_of(procedure.author));
    let is_theirs = |(id, of, roles): &&(&str, &str, &[&str])| {
        *of == unit && *id != procedure.author && roles.contains(&turn.roles[0])
    };
    PEOPLE.iter().find(is_theirs).unwrap().0
}

fn unit_of(person: &str) -> &'static str {
    PEOPLE.iter().find(|(id, _, _)| *id == person).unwrap().1
}

/// A daemon with these people under the procedures of the sample; what they ask for beside the steps is tested elsewhere.
async fn start() -> Api {
    let api = Api::start().await;
    let sample = include_str!("../../../../config/procedures.yaml");
    let steps: String = sample
        .lines()
        .filter(|line| !line.trim().starts_with("required:"))
        .map(|line| format!("{line}\n"))
        .collect();
    api.district.write("procedures.yaml", steps.trim_end().trim_end_matches("..."));
    let column = "columns:\n  - {id: gonggao, name: 通知公告, platforms: [weibo, wechat], procedures: [P1, P2, P3, P4, P5], owner: OFFICE}\n";
    api.district.write("columns.yaml", column);
    for (unit, name, category, accounts) in [
        (
            "OFFICE",
            "管委会办公室",
            "office",
            "  - {id: W000, platform: weibo, name: 示范区, uid: \"1\", level: district, status: active, secrets: {access_token: \"file:W000\"}}\n",
        ),
        ("D07", "应急管理局", "department", ""),
        ("D08", "行政审批局", "department", ""),
        ("D09", "教育局", "department", ""),
    ] {
        let people: String = PEOPLE
            .iter()
            .filter(|(_, of, _)| *of == unit)
            .map(|(id, _, roles)| format!("  - {{id: {id}, name: {id}, roles: [{}]}}\n", roles.join(", ")))
            .collect();
        let accounts = if accounts.is_empty() { String::new() } else { format!("accounts:\n{accounts}") };
        let file = format!(
            "code: {unit}\nname: {name}\nshort_name: {name}\ncategory: {category}\npeople:\n{people}{accounts}"
        );
        api.district.write(&format!("units/{unit}.yaml"), &file);
    }
    let reload = api.post("sys", "/-/reload", json!({})).await;
    if reload.status != 200 {
        let waiting = api.get("off.zr", "/api/v1/configuration").await.json();
        let revision = waiting["waiting_for_confirmation"]["revision"].clone();
        let confirmed = api.post("sys", "/-/reload", json!({ "confirm": revision })).await;
        assert_eq!(confirmed.status, 200, "{reload:?} {confirmed:?}");
    }
    api
}
