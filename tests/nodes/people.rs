//! People's access on two daemons that share one database: what is said to one holds on the other from the next request on.

use juzhen_domain::access::totp;
use serde_json::{Value, json};

use crate::fleet::Fleet;

/// One request with this very token; `None`: as nobody.
async fn ask(url: &str, token: Option<&str>, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = juzhen_tests::client().request(method.parse().unwrap(), format!("{url}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Text of a field.
fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// The bytes of a seed as telephones write it.
fn of_base32(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = text.chars().flat_map(|c| {
        let five = letters.find(c).unwrap();
        (0..5).rev().map(move |bit| five >> bit & 1)
    });
    let bits: Vec<usize> = bits.collect();
    let byte = |eight: &[usize]| eight.iter().fold(0, |n, bit| n << 1 | u8::try_from(*bit).unwrap());
    bits.chunks_exact(8).map(byte).collect()
}

/// Invited, enrolled and signed in on one daemon: the token, and a key.
async fn signed_in(url: &str, admin: &str, person: &str) -> (String, String) {
    let password = "Dong-Hu 2026 日出";
    let (_, invited) =
        ask(url, Some(admin), "POST", "/api/v1/invitations", Some(json!({ "person": person }))).await;
    let token = text(&invited, "token");
    let accept = json!({ "token": token, "password": password });
    let (_, accepted) = ask(url, None, "POST", "/api/v1/invitations/accept", Some(accept)).await;
    let seed = of_base32(&text(&accepted, "secret"));
    // Codes change every thirty seconds: both are of the same ones.
    while jiff::Timestamp::now().as_second() % 30 > 20 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    // The first code is of the step before, so that the one of this step is still unused.
    let now = jiff::Timestamp::now();
    let earlier = totp::code_at(&seed, now - jiff::SignedDuration::from_secs(30));
    let confirm = json!({ "token": token, "code": earlier });
    let (status, confirmed) = ask(url, None, "POST", "/api/v1/invitations/confirm", Some(confirm)).await;
    assert_eq!(status, 200, "{confirmed}");
    let code = totp::code_at(&seed, jiff::Timestamp::now());
    let sign_in = json!({ "person": person, "password": password, "code": code });
    let (_, session) = ask(url, None, "POST", "/api/v1/sessions", Some(sign_in)).await;
    let token = text(&session, "token");
    let key = json!({ "name": "script", "scopes": ["read"] });
    let (_, key) = ask(url, Some(&token), "POST", "/api/v1/keys", Some(key)).await;
    (token, text(&key, "token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn f105_whoever_is_put_out_on_one_daemon_is_out_on_the_other_within_a_second() {
    let fleet = Fleet::new(1, 10).await;
    let (one, other) = (fleet.berth("people-one"), fleet.berth("people-other"));
    let (_running, _beside) = (fleet.start(&one), fleet.start(&other));
    let (here, there) = (one.api.url(), other.api.url());
    let admin = one.api.token("off.aq");
    let mut tokens = Vec::new();
    for person in ["off.hg", "off.hg2"] {
        let (session, key) = signed_in(&here, &admin, person).await;
        tokens.extend([session, key]);
    }
    let statuses = async |url: &str| {
        let mut statuses = Vec::new();
        for token in &tokens {
            statuses.push(ask(url, Some(token), "GET", "/api/v1/items", None).await.0);
        }
        statuses
    };
    assert_eq!(statuses(&there).await, [200; 4], "a session begun on one daemon counts on the other");
    let disable = Some(json!({ "reason": "调离" }));
    let (status, out) = ask(&there, Some(&admin), "POST", "/api/v1/people/off.hg/disable", disable).await;
    assert_eq!(status, 200, "{out}");
    let began = std::time::Instant::now();
    assert_eq!(statuses(&here).await, [401, 401, 200, 200]);
    println!("f105: four requests on the other daemon took {:?} after the word", began.elapsed());
    assert_eq!(statuses(&there).await, [401, 401, 200, 200]);
    // What the machine minted for them counts on neither.
    let minted = one.api.token("off.hg");
    for url in [&here, &there] {
        assert_eq!(ask(url, Some(&minted), "GET", "/api/v1/items", None).await.0, 401);
    }
}
