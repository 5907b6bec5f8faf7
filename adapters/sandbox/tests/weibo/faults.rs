//! Scripted faults on Weibo: its own numbers, answers that get lost, posts that people look at first.

use juzhen_sandbox::{
    AsyncOutcome, EffectState, Expectation, Fault, LateAnswer, Rule, ScriptedRefusal, ViolationKind,
};
use serde_json::json;

use crate::client::{OFFICE, Weibo, code, post};
use crate::common::{Stage, until};

const SHARE: &str = "2/statuses/share.json";
const OWN: &str = "2/statuses/user_timeline.json";

fn number(code: i64, applied: bool) -> Rule {
    Rule::new(Fault::PlatformError { code, message: None, applied, late_ms: None })
        .path_contains("share")
        .times(1)
}

fn texts(text: &str) -> String {
    format!("{text} https://gov.example.cn/w/1 ")
}

#[tokio::test]
async fn f59_errors_that_mean_success_and_errors_that_do_not() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    // number, applied, status, how many posts there are then
    for (index, (wanted, applied, status)) in [
        (20032, true, 400),
        (20053, true, 400),
        (20053, false, 400),
        (10009, false, 503),
        (20031, false, 400),
        (20034, false, 403),
        (77_777, false, 400),
    ]
    .into_iter()
    .enumerate()
    {
        stage.fault(number(wanted, applied));
        let before = stage.published();
        let answer = weibo.post(SHARE, &[("status", &texts(&format!("第{index}条")))]).await;
        assert_eq!(code(&answer), (status, wanted));
        assert!(answer.1["id"].is_null() && answer.1["request"] == "/2/statuses/share.json");
        assert_eq!(stage.published() - before, usize::from(applied));
    }
    assert_eq!(weibo.timeline(OWN).await.len(), 2);
}

#[tokio::test]
async fn f50_f52_answers_get_lost_before_and_after_the_post() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let scripted = ScriptedRefusal::of(502);
    // fault, posts, the status that is seen
    let cases = [
        (Fault::ResetAfterEffect {}, 1, None),
        (Fault::ResetBeforeEffect {}, 0, None),
        (Fault::ResetMidBody {}, 1, None),
        (Fault::Status(scripted.clone()), 0, Some(502)),
        (Fault::StatusAfterEffect(scripted), 1, Some(502)),
        (Fault::ApplyLateMs { ms: 50, answer: LateAnswer::GatewayTimeout }, 1, Some(504)),
    ];
    for (index, (fault, posts, seen)) in cases.into_iter().enumerate() {
        stage.fault(Rule::new(fault).path_contains("/weibo/2/statuses").times(1));
        let before = stage.published();
        let text = texts(&format!("第{index}条"));
        let form = [("status", text.as_str()), ("access_token", &weibo.token)];
        let answered = async {
            Ok::<_, reqwest::Error>({
                let answer = post(&stage, SHARE, &form).send().await?;
                (answer.status().as_u16(), answer.text().await?)
            })
        };
        match (answered.await, seen) {
            (Err(_), None) => {}
            (Ok((status, page)), Some(wanted)) => {
                assert_eq!(status, wanted);
                assert!(page.starts_with("<html>") && page.contains("nginx"), "{page}");
            }
            (answered, seen) => panic!("{answered:?}, not {seen:?}"),
        }
        until("the effect", || stage.published() - before == posts).await;
    }
    assert_eq!(weibo.timeline(OWN).await.len(), 4);
    assert!(stage.handle.ledger().violations.is_empty());
}

#[tokio::test]
async fn f59_people_look_at_a_post_first_and_may_say_no_without_a_word() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    for (text, outcome) in [("通过", AsyncOutcome::Published), ("不通过", AsyncOutcome::Refused)] {
        stage.fault(Rule::new(Fault::AsyncThen { polls: 1, outcome, code: None, message: None }).times(1));
        assert_eq!(code(&weibo.post(SHARE, &[("status", &texts(text))]).await), (400, 20053));
        let shown = async || weibo.timeline(OWN).await.iter().filter(|one| one.starts_with(text)).count();
        assert_eq!(shown().await, 0, "still looked at");
        assert_eq!(shown().await, usize::from(outcome == AsyncOutcome::Published));
    }
    let states: Vec<_> = stage.handle.ledger_of(OFFICE).effects.iter().map(|effect| effect.state).collect();
    assert_eq!(states, [EffectState::Standing, EffectState::Refused]);
    let late = Fault::PlatformError { code: 20053, message: None, applied: true, late_ms: Some(50) };
    stage.fault(Rule::new(late).times(1));
    assert_eq!(code(&weibo.post(SHARE, &[("status", &texts("晚到"))]).await), (400, 20053));
    until("it is there", || stage.published() == 3).await;
}

#[tokio::test]
async fn f56_f57_scripted_limits_and_repetition_speak_weibos_numbers() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    stage.fault(Rule::new(Fault::Quota { posts: 1, window_s: 3_600 }));
    weibo.share("一").await;
    assert_eq!(code(&weibo.post(SHARE, &[("status", &texts("二"))]).await), (400, 20016));
    assert_eq!(stage.fired(0), 1);
    stage.handle.clear_faults();
    stage.fault(number(20017, false));
    assert_eq!(code(&weibo.post(SHARE, &[("status", &texts("二"))]).await), (400, 20017));
    stage.fault(
        Rule::new(Fault::Status(ScriptedRefusal {
            status: 403,
            code: Some("10022".into()),
            ..Default::default()
        }))
        .times(1),
    );
    let answer = weibo.post(SHARE, &[("status", &texts("二"))]).await;
    assert_eq!(
        (code(&answer), answer.1["error"].as_str()),
        ((403, 10022), Some("IP requests out of rate limit!"))
    );
}

#[tokio::test]
async fn f68_fields_change_without_a_word() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    stage.fault(Rule::new(Fault::StrangeFields {}).times(2));
    let post = weibo.share("一").await;
    assert!(
        post["user"].is_null() && post["ab_test_bucket"].is_object() && post["idstr"].is_string(),
        "{post}"
    );
    let again = weibo.post(SHARE, &[("status", "一 https://gov.example.cn/w/1 ")]).await;
    assert_eq!(again.1["error_code"], "20019", "as a string");
    assert!(weibo.share("二").await["user"].is_object());
}

#[tokio::test]
async fn the_ledger_judges_weibo_as_any_other_platform() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    stage.handle.expect([Expectation::of(OFFICE, "", &texts("批准"))]).unwrap();
    weibo.share("批准").await;
    assert!(stage.handle.ledger().violations.is_empty());
    weibo.share("未批准").await;
    let violations = stage.handle.ledger().violations;
    assert_eq!((violations.len(), violations[0].kind), (1, ViolationKind::Unapproved));
    let ledger = stage.handle.ledger();
    assert_eq!(ledger.requests["POST /weibo/2/statuses/share.json"].total, 2);
    assert_eq!(ledger.requests["POST /weibo/oauth2/access_token"].total, 1);
    stage.handle.reset();
    assert_eq!(
        code(&weibo.post(SHARE, &[("status", &texts("三"))]).await),
        (403, 21332),
        "tokens are forgotten, too"
    );
    assert_eq!(Weibo::of(&stage, OFFICE).await.share("三").await["user"]["screen_name"], json!("示例区发布"));
}
