//! Pushes of the platform. The kit signs and opens in a way that a test can read: a signature is the hexadecimal of what was
//! signed, and what is opened comes back as it was. The host's own tests have the real ones.

use juzhen_testkit::{Adapter, Outcome, Script};
use serde_json::{Value, json};

use super::{answer, call, meta, start, yes};

const NOW: i64 = Script::START_UNIX_MS / 1000;
const TOKEN: &str = "{{secret:callback_token}}";

fn signature(parts: &[&str]) -> String {
    parts.concat().bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let quad = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4).map(|n| if n <= three.len() { digit(bits >> (18 - 6 * n)) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(quad).collect()
}

/// The envelope of a message, and its ciphertext.
fn sealed(message: &str, appid: &str) -> (String, String) {
    let mut plain = b"0123456789abcdef".to_vec();
    plain.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    plain.extend([message, appid].concat().bytes());
    let padding = 32 - plain.len() % 32;
    plain.extend(vec![u8::try_from(padding).unwrap(); padding]);
    let encrypt = base64(&plain);
    (
        format!(
            "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
        ),
        encrypt,
    )
}

/// A push as the platform makes it.
fn push(message: &str, nonce: &str) -> Value {
    let (body, encrypt) = sealed(message, "wx1");
    let timestamp = NOW.to_string();
    let msg_signature = signature(&[TOKEN, &timestamp, nonce, &encrypt]);
    let query = json!([
        ["signature", "covers-no-body"],
        ["timestamp", timestamp],
        ["nonce", nonce],
        ["openid", "oA"],
        ["encrypt_type", "aes"],
        ["msg_signature", msg_signature],
    ]);
    json!({"method": "POST", "query": query, "headers": [["content-type", "text/xml"]], "body": body})
}

fn text_message(id: u64) -> String {
    format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>{NOW}</CreateTime>\
         <MsgType>text</MsgType><Content><![CDATA[几点来水？]]></Content><MsgId>{id}</MsgId></xml>"
    )
}

fn receive(adapter: &Adapter, request: &Value) -> Value {
    answer(call(adapter, "receive", request))
}

fn told(received: &Value) -> usize {
    received["told"].as_array().unwrap().len()
}

#[test]
fn the_address_is_verified_by_its_own_word() {
    let (adapter, script) = start();
    let timestamp = NOW.to_string();
    let request = |signature: &str| {
        json!({"method": "GET", "query": [
            ["signature", signature], ["timestamp", timestamp], ["nonce", "15"], ["echostr", "4375120948345356249"],
        ]})
    };
    let received = receive(&adapter, &request(&signature(&[TOKEN, &timestamp, "15"])));
    let expected = json!({"status": 200, "content_type": "text/plain", "body": "4375120948345356249", "told": [], "once": null});
    assert_eq!(received, expected);
    let forged = receive(&adapter, &request("00"));
    assert_eq!((&forged["status"], &forged["body"]), (&json!(401), &json!("")));
    assert!(script.requests().is_empty(), "nothing is sent from here");
}

#[test]
fn p22_a_push_tells_its_message_and_what_the_daemon_knows_it_again_by() {
    let (adapter, _script) = start();
    let first = receive(&adapter, &push(&text_message(7), "n1"));
    assert_eq!((&first["status"], &first["body"], told(&first)), (&json!(200), &json!("success"), 1));
    let message = &first["told"][0]["message"];
    assert_eq!(
        (&message["id"], &message["text"], &message["kind"]),
        (&json!("7"), &json!("几点来水？"), &json!("private"))
    );
    assert_eq!(first["once"], json!({"key": format!("{NOW} n1"), "until_unix_ms": (NOW + 300) * 1000}));
    // The platform's own repetition, which is signed anew, is the same message and another request.
    let again = receive(&adapter, &push(&text_message(7), "n2"));
    assert_eq!((&again["body"], &again["told"]), (&json!("success"), &first["told"]));
    assert_ne!(again["once"], first["once"]);
}

#[test]
fn nothing_forged_stale_foreign_cut_or_oversized_is_believed() {
    let (adapter, _script) = start();
    let good = push(&text_message(7), "n1");
    let with = |name: &str, value: &str| {
        let mut request = good.clone();
        for pair in request["query"].as_array_mut().unwrap() {
            if pair[0] == name {
                pair[1] = json!(value);
            }
        }
        request
    };
    let body = |body: String| {
        let mut request = good.clone();
        request["body"] = json!(body);
        request
    };
    let cases = [
        (with("msg_signature", "00"), 401),
        (with("msg_signature", ""), 401),
        (with("nonce", "n2"), 401),
        (with("nonce", "{{secret:app_secret}}"), 401),
        (with("timestamp", &(NOW - 301).to_string()), 401),
        (with("timestamp", &(NOW + 301).to_string()), 401),
        (with("timestamp", &(NOW - 1).to_string()), 401),
        (body(sealed(&text_message(8), "wx1").0), 401),
        (body(text_message(7)), 400),
        (body(String::new()), 400),
        (body("<xml>".to_owned()), 400),
        (body("<!DOCTYPE x [<!ENTITY a \"b\">]><xml><Encrypt>&a;</Encrypt></xml>".to_owned()), 400),
        (body("x".repeat((64 << 10) + 1)), 413),
    ];
    for (request, status) in cases {
        let received = receive(&adapter, &request);
        assert_eq!((&received["status"], told(&received)), (&json!(status), 0), "{request}");
        assert_eq!(received["body"], "", "nothing is said to a stranger");
    }
    let mut put = good.clone();
    put["method"] = json!("PUT");
    assert_eq!(receive(&adapter, &put)["status"], 405);
    let text = good["body"].as_str().unwrap();
    for cut in [1, text.len() / 2, text.len() - 1] {
        assert_eq!(told(&receive(&adapter, &body(text[..cut].to_owned()))), 0);
    }
    assert_eq!(told(&receive(&adapter, &good)), 1, "and the real one still is");
}

#[test]
fn a_push_for_another_account_is_not_believed_although_it_is_signed() {
    let (adapter, _script) = start();
    let (body, encrypt) = sealed(&text_message(7), "wx2");
    let timestamp = NOW.to_string();
    let msg_signature = signature(&[TOKEN, &timestamp, "n1", &encrypt]);
    let query = json!([["timestamp", timestamp], ["nonce", "n1"], ["msg_signature", msg_signature]]);
    let received = receive(&adapter, &json!({"method": "POST", "query": query, "body": body}));
    assert_eq!((&received["status"], told(&received)), (&json!(400), 0));
}

#[test]
fn plain_pushes_are_for_accounts_that_say_so() {
    let (adapter, _script) = start();
    let timestamp = NOW.to_string();
    let query = json!([
        ["timestamp", timestamp],
        ["nonce", "n1"],
        ["signature", signature(&[TOKEN, &timestamp, "n1"])]
    ]);
    let request = json!({"method": "POST", "query": query, "body": text_message(7)});
    assert_eq!(receive(&adapter, &request)["status"], 400, "no downgrade");
    let meta = meta(&json!({"callback_mode": "plain"}));
    assert_eq!(told(&answer(adapter.call("receive", &meta, &request).unwrap())), 1);
}

#[test]
fn f63_an_event_tells_what_became_of_a_post_and_spares_the_question() {
    let (adapter, script) = start();
    let event = "<xml><MsgType>event</MsgType><Event>PUBLISHJOBFINISH</Event><PublishEventInfo>\
        <publish_id>100000001</publish_id><publish_status>0</publish_status><article_id>A1</article_id><article_detail>\
        <count>1</count><item><idx>1</idx><article_url>http://mp/1</article_url></item></article_detail>\
        </PublishEventInfo></xml>";
    let received = receive(&adapter, &push(event, "n1"));
    let published = json!({"state": "published", "id": "A1", "url": "http://mp/1", "at_unix_ms": null});
    assert_eq!(
        received["told"],
        json!([{"what": "finished", "ticket": "free:100000001:", "outcome": published}])
    );
    let ticket = format!("free:100000001:5:{}:D", Script::START_UNIX_MS - 1000);
    assert_eq!(call(&adapter, "track", &json!({"ticket": ticket})), Outcome::Answer(published));
    assert!(script.requests().is_empty(), "the platform was not asked");
    // Whoever asks again, days later, asks the platform.
    let ticket = format!("free:100000001:5:{}:D", Script::START_UNIX_MS - 86_400_000);
    script.answer(yes(&json!({"publish_status": 0, "article_id": "A1"})));
    assert_eq!(answer(call(&adapter, "track", &json!({"ticket": ticket})))["id"], "A1");
    assert_eq!(script.requests().len(), 1);
}

#[test]
fn f64_the_administrators_no_reaches_a_mass_send_without_a_number() {
    let (adapter, script) = start();
    let ticket = json!({"ticket": format!("mass:::{}:D", Script::START_UNIX_MS - 1000)});
    assert_eq!(answer(call(&adapter, "track", &ticket))["state"], "pending");
    let event = "<xml><MsgType>event</MsgType><Event>MASSSENDJOBFINISH</Event><MsgID>9</MsgID>\
        <Status>err(40002)</Status></xml>";
    let received = receive(&adapter, &push(event, "n1"));
    assert_eq!(
        (&received["told"][0]["ticket"], &received["told"][0]["outcome"]["state"]),
        (&json!("mass:9:"), &json!("refused"))
    );
    script.answer(super::ok());
    let refused = answer(call(&adapter, "track", &ticket));
    assert!(refused["reason"].as_str().unwrap().contains("管理员 30 分钟内没有确认"), "{refused}");
    let later = json!({"ticket": format!("mass:::{}:D", Script::START_UNIX_MS + 1000)});
    assert_eq!(answer(call(&adapter, "track", &later))["state"], "pending", "it was of an earlier one");
}

#[test]
fn what_the_account_needs_is_told_and_what_nobody_needs_is_not() {
    let (adapter, _script) = start();
    let event = |name: &str| {
        format!(
            "<xml><MsgType>event</MsgType><Event>{name}</Event><FromUserName>oA</FromUserName><CreateTime>{NOW}</CreateTime></xml>"
        )
    };
    let received = receive(&adapter, &push(&event("verify_expired"), "n1"));
    assert_eq!(received["told"][0]["what"], "notice");
    let received = receive(&adapter, &push(&event("subscribe"), "n2"));
    assert_eq!((&received["body"], told(&received)), (&json!("success"), 0));
}
