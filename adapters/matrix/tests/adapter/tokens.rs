//! The token: bought by name, never seen, one new one for one refusal.

use juzhen_sdk::message::{Effect, ErrorKind, HostErrorKind};
use juzhen_testkit::Answer;
use serde_json::{Value, json};

use super::{ME, answer, body, call_as, error, no, sent, start};

#[test]
fn f61_a_token_that_ended_is_replaced_as_the_account_says() {
    for (sign_in, path, bought_with) in [
        ("password", "/v3/login", "{{secret:password}}"),
        ("refresh", "/v3/refresh", "{{secret:refresh_token}}"),
    ] {
        let (adapter, script) = start();
        script.answer(no(401, "M_UNKNOWN_TOKEN"));
        script.answer(Answer::json(200, &json!({"access_token": "***", "device_id": "JUZHEN"})));
        script.answer(sent("$4"));
        let settings = json!({"sign_in": sign_in});
        assert_eq!(answer(call_as(&adapter, &settings, "publish", &json!({"text": "a"})))["id"], "$4");
        let requests = script.requests();
        assert!(requests[1].head.url.ends_with(path), "{}", requests[1].head.url);
        assert_eq!(requests[1].head.effect, Effect::Safe);
        assert!(body(&requests[1]).to_string().contains(bought_with));
        assert!(requests[1].head.headers.iter().all(|(name, _)| name != "authorization"));
        let captured: Vec<_> = requests[1].head.capture.iter().map(|one| one.secret.as_str()).collect();
        assert!(captured.contains(&"access_token"));
        assert_eq!(captured.contains(&"refresh_token"), sign_in == "refresh");
        assert_eq!(requests[0], requests[2], "the refused one once more");
    }
    let by_password = body_of_sign_in(&json!({"sign_in": "password", "device_id": "QU1"}));
    assert_eq!((&by_password["device_id"], &by_password["identifier"]["user"]), (&json!("QU1"), &json!(ME)));
}

#[test]
fn f61_without_a_way_to_sign_in_a_person_is_asked_and_the_reason_is_the_servers() {
    // No token was ever given: the daemon lets nothing leave, and the password buys the first one.
    let (adapter, script) = start();
    script.answer(Answer::Fails(HostErrorKind::Denied));
    script.answer(Answer::json(200, &json!({"access_token": "***"})));
    script.answer(sent("$5"));
    let settings = json!({"sign_in": "password"});
    assert_eq!(answer(call_as(&adapter, &settings, "publish", &json!({"text": "a"})))["id"], "$5");
    // "Forbidden" at the login is a wrong password, and no fault of the room.
    let (adapter, script) = start();
    script.answer(no(401, "M_UNKNOWN_TOKEN"));
    script.answer(no(403, "M_FORBIDDEN"));
    let said = error(call_as(&adapter, &settings, "publish", &json!({"text": "a"})));
    assert_eq!(said.kind, ErrorKind::AuthExpired { secret: Some("password".into()) }, "{said:?}");
    // The daemon has put sign-ins off: the server's word of the token stands.
    let (adapter, script) = start();
    script.answer(no(401, "M_UNKNOWN_TOKEN"));
    script.answer(Answer::Fails(HostErrorKind::Denied));
    let said = error(call_as(&adapter, &settings, "publish", &json!({"text": "a"})));
    assert_eq!(said.kind, ErrorKind::AuthExpired { secret: Some("access_token".into()) }, "{said:?}");
    assert_eq!(script.requests().len(), 2);
}

fn body_of_sign_in(settings: &Value) -> Value {
    let (adapter, script) = start();
    script.answer(no(401, "M_UNKNOWN_TOKEN"));
    script.answer(Answer::json(200, &json!({"access_token": "***"})));
    script.answer(sent("$1"));
    answer(call_as(&adapter, settings, "publish", &json!({"text": "a"})));
    body(&script.requests()[1])
}
