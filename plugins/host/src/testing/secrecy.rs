//! Secrets go to the hosts they are bound to and nowhere else (P11).

use std::time::Duration;

use juzhen_abi::message::{Capture, Decrypt, Effect, HostErrorKind, HttpRequest, Part, Sign};
use serde_json::json;

use super::platform::{Do, Platform, answer, bytes_of};
use super::{Bench, CANARY, Cx, Script, answer_of, call, ok, script, told};
use crate::call::{Effects, Reply};

fn request(cx: &Cx, path: &str) -> HttpRequest {
    HttpRequest { method: "POST".into(), url: cx.url(path), ..HttpRequest::default() }
}

/// Sends one request; what comes back, whatever it is, is the answer.
fn sends(build: impl Fn(&Cx) -> (HttpRequest, String) + Send + Sync + 'static) -> Script {
    script(move |cx| {
        let (request, body) = build(&cx);
        async move {
            match cx.http(request, body.as_bytes()).await {
                Ok((head, body)) => ok(&json!([head.headers, String::from_utf8_lossy(&body)])),
                Err(refused) => told(&refused),
            }
        }
    })
}

fn nothing_shows(reply: &Reply, bench: &Bench) {
    let rows = bench.memory.ledger.rows();
    let bodies: Vec<String> = rows
        .iter()
        .filter_map(|row| Some(String::from_utf8_lossy(&row.answer.as_ref()?.body).into_owned()))
        .collect();
    let shown = match &reply.result {
        Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Err(failure) => format!("{failure:?} {failure}"),
    };
    let all = format!("{shown}\n{rows:?}\n{bodies:?}");
    for form in [CANARY, "canary-7f3a%2Fb%2Bc", "canary-7f3a"] {
        assert!(!all.contains(form), "{form} in {all}");
    }
}

#[tokio::test]
async fn p11_a_placeholder_is_filled_in_header_query_and_body() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    let bench = Bench::new(sends(|cx| {
        let mut request = request(cx, "/x?access_token={{secret:token}}&b=%7B%7Bsecret%3Atoken%7D%7D&c=中");
        request.headers.push(("Authorization".into(), "Bearer {{secret:token}}".into()));
        request.headers.push(("Content-Type".into(), "application/json".into()));
        (request, r#"{"token":"{{secret:token}}"}"#.to_owned())
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert!(reply.result.is_ok(), "{:?}", reply.result);
    let seen = platform.seen().remove(0);
    assert_eq!(seen.path(), "/x?access_token=canary-7f3a%2Fb%2Bc&b=canary-7f3a%2Fb%2Bc&c=%E4%B8%AD");
    assert!(seen.head.contains(&format!("authorization: Bearer {CANARY}")), "{}", seen.head);
    assert_eq!(seen.body_text(), format!(r#"{{"token":"{CANARY}"}}"#));
    nothing_shows(&reply, &bench);
}

#[tokio::test]
async fn p11_what_the_platform_echoes_is_masked() {
    let platform = Platform::start(|_| {
        let body = format!(r#"{{"you":"{CANARY}","again":"canary-7f3a%2Fb%2Bc"}}"#);
        Do::Raw(bytes_of(200, body.as_bytes(), &format!("x-echo: {CANARY}\r\nset-cookie: a={CANARY}\r\n")))
    })
    .await;
    let bench = Bench::new(sends(|cx| (request(cx, "/echo"), String::new())));
    let reply = bench.call(call(&platform.url)).await;
    let answer = answer_of(&reply);
    assert_eq!(answer[1], r#"{"you":"***","again":"***"}"#);
    assert!(answer.to_string().contains(r#"["x-echo","***"]"#), "{answer}");
    assert!(!answer.to_string().contains("set-cookie"), "{answer}");
    nothing_shows(&reply, &bench);
}

#[tokio::test]
async fn p11_errors_do_not_hold_the_address_with_its_token() {
    let platform = Platform::start(|_| Do::Reset).await;
    let bench = Bench::new(sends(|cx| (request(cx, "/x?access_token={{secret:token}}"), String::new())));
    let reply = bench.call(call(&platform.url)).await;
    assert!(reply.result.is_err());
    nothing_shows(&reply, &bench);
}

#[tokio::test]
async fn p11_a_secret_goes_to_its_own_hosts_only() {
    let bound = Platform::start(|_| answer(200, "{}")).await;
    let other = Platform::start(|_| answer(200, "{}")).await;
    let elsewhere = other.url.clone();
    let bench = Bench::new(sends(move |_| {
        let url = format!("{elsewhere}/steal?t={{{{secret:token}}}}");
        (HttpRequest { method: "GET".into(), url, ..HttpRequest::default() }, String::new())
    }));
    let mut call = call(&bound.url);
    call.account.settings.insert("other_url".into(), json!(other.url));
    let reply = bench.call(call).await;
    let why = format!("{:?}", reply.result);
    assert!(why.contains("secret `token` is not bound to host"), "{why}");
    assert!(other.seen().is_empty());
    nothing_shows(&reply, &bench);
}

#[tokio::test]
async fn unknown_and_unset_secrets_are_denied_by_name() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    for (name, why) in [
        ("nobody", "secret `nobody` is not in the adapter's manifest"),
        ("unset", "account d07 has no value for the secret `unset`"),
    ] {
        let bench =
            Bench::new(sends(move |cx| (request(cx, &format!("/x?t={{{{secret:{name}}}}}")), String::new())));
        let reply = bench.call(call(&platform.url)).await;
        let said = format!("{:?}", reply.result);
        assert!(said.contains("Denied: ") && said.contains(why), "{said}");
        assert_eq!(reply.effects, Effects::default());
        // Its row has to be there, because it could also have been one that an earlier run has sent.
        assert!(bench.memory.ledger.rows()[0].answer.as_ref().unwrap().nothing_left());
    }
    assert!(platform.seen().is_empty());
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_lets_nothing_leave() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    let bench = Bench::new(sends(|cx| (request(cx, "/x?t={{secret:token}}"), String::new())));
    bench.memory.secrets.break_down(Some("the store is locked"));
    let reply = bench.call(call(&platform.url)).await;
    let said = format!("{:?}", reply.result);
    assert!(said.contains("Unreachable: secrets: read secret token") && said.contains("locked"), "{said}");
    assert_eq!((reply.effects, platform.seen().len()), (Effects::default(), 0));
}

#[tokio::test]
async fn p11_an_author_cannot_publish_a_token_by_spelling_its_placeholder() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    let bench = Bench::new(script(|cx| async move {
        let text = cx.request.body["text"].as_str().unwrap().to_owned();
        told(&cx.post("/posts", &text).await.unwrap_err())
    }));
    let mut call = call(&platform.url);
    call.body = json!({ "text": "看这里 {{secret:token}}" });
    let reply = bench.call(call).await;
    let why = format!("{:?}", reply.result);
    assert!(why.contains("remove it and try again"), "{why}");
    assert!(platform.seen().is_empty());
}

#[tokio::test]
async fn p11_nor_can_the_platform_by_having_the_adapter_quote_it() {
    let platform = Platform::start(|seen| match seen.path() {
        "/comments" => answer(200, r#"{"text":"\u007b{secret:token}}"}"#),
        _ => answer(200, "{}"),
    })
    .await;
    let bench = Bench::new(script(|cx| async move {
        let (_, comment) = cx.get("/comments").await.unwrap();
        let comment: serde_json::Value = serde_json::from_slice(&comment).unwrap();
        cx.post("/reply", comment["text"].as_str().unwrap()).await.unwrap();
        ok(&json!({}))
    }));
    assert!(bench.call(call(&platform.url)).await.result.is_ok());
    let sent = platform.seen()[1].body_text();
    assert!(sent.contains("token") && !sent.contains(CANARY), "{sent}");
}

#[tokio::test]
async fn p11_a_token_that_the_platform_hands_out_is_kept_and_not_shown() {
    let platform = Platform::start(|seen| match seen.path() {
        "/token" => answer(200, r#"{"access_token":"fresh-canary","expires_in":7200,"scope":"x"}"#),
        path => answer(200, &format!("{path} fresh-canary")),
    })
    .await;
    let bench = Bench::new(script(|cx| async move {
        let capture = Capture {
            pointer: "/access_token".into(),
            secret: "token".into(),
            ttl: Some("/expires_in".into()),
        };
        let mut token = request(&cx, "/token");
        (token.effect, token.capture) = (Effect::Safe, vec![capture]);
        let (_, first) = cx.http(token, b"").await.unwrap();
        let (_, second) = cx.get("/me?t={{secret:token}}").await.unwrap();
        ok(&json!([String::from_utf8(first).unwrap(), String::from_utf8(second).unwrap()]))
    }));
    let reply = bench.call(call(&platform.url)).await;
    let answer = answer_of(&reply);
    assert!(answer[0].as_str().unwrap().contains(r#""access_token":"***""#), "{answer}");
    assert_eq!(answer[1], "/me?t=*** ***");
    let stored = bench.memory.secrets.look("d07", "token").unwrap();
    assert_eq!(stored, ("fresh-canary".to_owned(), Some(Duration::from_secs(7200))));
}

#[tokio::test]
async fn i8_a_secret_is_never_overwritten_with_nothing() {
    let platform = Platform::start(|_| answer(200, r#"{"access_token":""}"#)).await;
    let bench = Bench::new(sends(|cx| {
        let capture = Capture { pointer: "/access_token".into(), secret: "token".into(), ttl: None };
        (HttpRequest { effect: Effect::Safe, capture: vec![capture], ..request(cx, "/token") }, String::new())
    }));
    assert!(bench.call(call(&platform.url)).await.result.is_ok());
    assert_eq!(bench.memory.secrets.look("d07", "token").unwrap().0, CANARY);
}

#[tokio::test]
async fn signatures_are_made_without_showing_the_key() {
    let bench = Bench::new(script(|cx| async move {
        let sign = |algorithm: &str, key: Option<&str>, part: &str| Sign {
            algorithm: algorithm.into(),
            key: key.map(str::to_owned),
            parts: vec!["a".into(), part.into()],
        };
        let plain = cx.host("secret.sign", &sign("sha256", None, "bc"), b"").await.unwrap().0;
        let keyed = cx.host("secret.sign", &sign("hmac_sha256", Some("token"), "bc"), b"").await.unwrap().0;
        let mixed = cx.host("secret.sign", &sign("sha256", None, "{{secret:token}}"), b"").await.unwrap().0;
        let denied = cx.host("secret.sign", &sign("hmac_sha256", Some("other"), ""), b"").await.unwrap_err();
        assert_eq!(denied.kind, HostErrorKind::Denied);
        ok(&json!([plain["hex"], keyed["hex"], mixed["hex"]]))
    }));
    let answer = answer_of(&bench.call(call("http://127.0.0.1:1")).await);
    // sha256("abc"), from FIPS 180; hmac and the mixed one from coreutils and openssl.
    assert_eq!(answer[0], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(answer[1], HMAC);
    assert_eq!(answer[2], MIXED);
}

const HMAC: &str = "9c500a740afc88de0f188f0e3895eb104d5427a700da05d775fbf18336f0659e";
const MIXED: &str = "8e11fa7f0dc35f50d22ee6a6c222f3f9e61f7c5b08f9981585bc81a9d8bb75bd";

/// The bytes are those of WxJava's test `WxCryptUtilTest`.
#[tokio::test]
async fn p11_what_a_platform_encrypted_is_opened_without_showing_the_key() {
    const SEALED: &[u8] = &[
        142, 125, 75, 219, 112, 193, 251, 161, 11, 168, 159, 186, 110, 187, 175, 219, 86, 58, 48, 62, 202,
        120, 135, 207, 243, 96, 250, 129, 77, 253, 174, 105, 32, 115, 54, 214, 194, 222, 126, 221, 185, 242,
        131, 146, 185, 229, 184, 21, 181, 92, 221, 243, 125, 150, 205, 145, 140, 134, 67, 251, 218, 245, 78,
        126,
    ];
    let bench = Bench::new(script(|cx| async move {
        let decrypt = |algorithm: &str, key: &str| Decrypt { algorithm: algorithm.into(), key: key.into() };
        let good = decrypt("aes_256_cbc_own_iv", "unset");
        let (_, plain) = cx.host("secret.decrypt", &good, SEALED).await.unwrap();
        for (wrong, sealed, kind) in [
            (decrypt("rot13", "unset"), SEALED, HostErrorKind::BadRequest),
            (decrypt("aes_256_cbc_own_iv", "unset"), &SEALED[1..], HostErrorKind::BadRequest),
            (decrypt("aes_256_cbc_own_iv", "token"), SEALED, HostErrorKind::Denied),
            (decrypt("aes_256_cbc_own_iv", "other"), SEALED, HostErrorKind::Denied),
        ] {
            assert_eq!(cx.host("secret.decrypt", &wrong, sealed).await.unwrap_err().kind, kind);
        }
        ok(&json!(String::from_utf8_lossy(&plain)))
    }));
    bench.memory.secrets.put("d07", "unset", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG");
    let answer = answer_of(&bench.call(call("http://127.0.0.1:1")).await);
    assert!(answer.as_str().unwrap().contains("我是中文abcd123wxb11529c136998cb6"), "{answer}");
}

#[tokio::test]
async fn pictures_are_sent_by_handle_and_only_those_of_the_request() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    let bench = Bench::new(script(|cx| async move {
        let blob = cx.request.body["media"][0]["blob"].as_str().unwrap().to_owned();
        let part = |blob: &str| Part::Blob {
            name: "pic".into(),
            blob: blob.into(),
            filename: "a.png".into(),
            mime: "image/png".into(),
        };
        let text = Part::Text { name: "t".into(), value: "{{secret:token}}".into() };
        let form = HttpRequest { parts: vec![text, part(&blob)], ..request(&cx, "/form") };
        cx.http(form, b"").await.unwrap();
        let whole = HttpRequest { body_blob: Some(blob.clone()), ..request(&cx, "/whole") };
        cx.http(whole, b"").await.unwrap();
        let foreign = HttpRequest { body_blob: Some("0".repeat(64)), ..request(&cx, "/foreign") };
        assert_eq!(cx.http(foreign, b"").await.unwrap_err().kind, HostErrorKind::Denied);
        let read = json!({ "blob": blob, "offset": 1, "length": 2 });
        let (head, bytes) = cx.host("blob.read", &read, b"").await.unwrap();
        ok(&json!([head["bytes"], bytes]))
    }));
    let blob = bench.memory.blobs.put(b"PNG!");
    bench.memory.blobs.put(b"another account's");
    let mut call = call(&platform.url);
    call.body = json!({ "media": [{ "blob": blob }] });
    assert_eq!(answer_of(&bench.call(call).await), json!([4, [78, 71]]));
    let seen = platform.seen();
    assert!(seen[0].body_text().contains("filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG!\r\n"));
    assert!(seen[0].body_text().contains(CANARY));
    assert_eq!((seen[1].body_text().as_str(), seen.len()), ("PNG!", 2));
}
