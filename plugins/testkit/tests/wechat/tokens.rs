//! The token: bought by name, never seen, one new one for one refusal.

use juzhen_abi::message::{Effect, ErrorKind, HostErrorKind, RejectedBy};
use juzhen_testkit::{Answer, Outcome};
use serde_json::json;

use super::{body, call, error_kind, no, ok, paths, signed, start, stop, yes};

const TOKEN: &str = "/cgi-bin/stable_token";
const DELETE: &str = "/cgi-bin/freepublish/delete";

fn token() -> Answer {
    yes(&json!({"access_token": "***", "expires_in": 7200}))
}

#[test]
fn f61_a_refused_token_is_renewed_and_the_refused_request_sent_once_more() {
    for code in [40001, 40014, 42001] {
        let (adapter, script) = start();
        for answer in [no(code), token(), ok()] {
            script.answer(answer);
        }
        assert_eq!(call(&adapter, "retract", &json!({"id": "A"})), Outcome::Answer(json!({})), "{code}");
        assert_eq!(paths(&script), [signed(DELETE), TOKEN.to_owned(), signed(DELETE)]);
        let requests = script.requests();
        let (renewal, declined) = (&requests[1], requests[0].head.declined.clone().unwrap());
        assert!(declined.codes.contains(&code), "the host counts it as a no");
        assert_eq!(
            body(renewal),
            json!({
                "grant_type": "client_credential", "appid": "wx1", "secret": "{{secret:app_secret}}",
                "force_refresh": false,
            })
        );
        assert_eq!(renewal.head.effect, Effect::Safe);
        let [capture] = &renewal.head.capture[..] else { panic!("one secret") };
        assert_eq!(
            (capture.pointer.as_str(), capture.secret.as_str(), capture.ttl.as_deref()),
            ("/access_token", "access_token", Some("/expires_in"))
        );
        stop(adapter);
    }
}

#[test]
fn an_account_without_a_token_buys_its_first_one() {
    let (adapter, script) = start();
    for answer in [Answer::Fails(HostErrorKind::Denied), token(), ok()] {
        script.answer(answer);
    }
    assert_eq!(call(&adapter, "retract", &json!({"id": "A"})), Outcome::Answer(json!({})));
    assert_eq!(paths(&script).len(), 3);
}

#[test]
fn f61_where_the_newest_token_is_refused_it_is_replaced_by_force_once_and_never_in_a_loop() {
    let (adapter, script) = start();
    for answer in [no(40001), token(), no(40001), token(), no(40001)] {
        script.answer(answer);
    }
    let kind = error_kind(call(&adapter, "retract", &json!({"id": "A"})));
    assert_eq!(kind, ErrorKind::AuthExpired { secret: Some("access_token".into()) });
    let forced: Vec<_> = script.requests().iter().filter(|r| r.head.url.ends_with(TOKEN)).map(body).collect();
    assert_eq!(
        (forced[0]["force_refresh"].clone(), forced[1]["force_refresh"].clone()),
        (json!(false), json!(true))
    );
    // Within ten minutes not by force again.
    for answer in [no(40001), token(), no(40001)] {
        script.answer(answer);
    }
    call(&adapter, "retract", &json!({"id": "A"}));
    assert_eq!(script.requests().len(), 8);
}

#[test]
fn f70_what_is_wrong_with_the_account_itself_is_said_so() {
    let rejected = |code: &str| ErrorKind::Rejected { code: Some(code.into()), by: RejectedBy::Permission };
    for (answer, expected) in [
        (no(40001), ErrorKind::AuthExpired { secret: Some("app_secret".into()) }),
        (no(40125), ErrorKind::AuthExpired { secret: Some("app_secret".into()) }),
        (no(40164), rejected("40164")),
        (no(89503), rejected("89503")),
    ] {
        let (adapter, script) = start();
        script.answer(no(42001));
        script.answer(answer);
        assert_eq!(error_kind(call(&adapter, "retract", &json!({"id": "A"}))), expected);
        assert_eq!(paths(&script).len(), 2, "the refused request is not sent again");
    }
}

#[test]
fn a_check_proves_the_token_and_says_what_is_used_up() {
    let (adapter, script) = start();
    let quota =
        |remain| yes(&json!({"errcode": 0, "quota": {"daily_limit": 100, "used": 0, "remain": remain}}));
    for answer in [yes(&json!({"ip_list": ["1.2.3.4"]})), quota(5), quota(0)] {
        script.answer(answer);
    }
    let Outcome::Answer(info) = call(&adapter, "check", &json!(null)) else { panic!("no answer") };
    let used_up = json!([{"what": "quota", "text": "发布：今日 100 次额度已用完", "code": null}]);
    assert_eq!((&info["uid"], &info["lacks"]), (&json!("gh_1"), &used_up));
    assert_eq!(body(&script.requests()[2]), json!({"cgi_path": "/cgi-bin/freepublish/submit"}));

    let (adapter, script) = start();
    for answer in [yes(&json!({"ip_list": []})), quota(1), no(76022)] {
        script.answer(answer);
    }
    let Outcome::Answer(info) = call(&adapter, "check", &json!(null)) else { panic!("no answer") };
    assert!(info["lacks"][0]["text"].as_str().unwrap().contains("没有此接口的权限"), "{info}");
    assert_eq!(
        (&info["lacks"][0]["what"], &info["lacks"][0]["code"]),
        (&json!("permission"), &json!("76022"))
    );

    // Neither a token nor anything else is answered to an address that is not on the list.
    let (adapter, script) = start();
    let said = "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 1-2-3";
    script.answer(yes(&json!({"errcode": 40164, "errmsg": said})));
    let Outcome::Answer(info) = call(&adapter, "check", &json!(null)) else { panic!("no answer") };
    assert_eq!((&info["lacks"][0]["what"], info["lacks"].as_array().unwrap().len()), (&json!("address"), 1));
    assert!(info["lacks"][0]["text"].as_str().unwrap().starts_with("本机地址 203.0.113.9："), "{info}");
}
