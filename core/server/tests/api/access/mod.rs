//! People's access over real HTTP: from the invitation to the end of the last session.

mod browsers;
mod delegating;
mod inviting;
mod keys;
mod leaving;
mod signing_in;

use juzhen_domain::access::totp;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Request, text};

const PASSWORD: &str = "Dong-Hu 2026 日出";

/// Somebody with both factors.
struct Enrolled {
    person: &'static str,
    seed: Vec<u8>,
}

impl Enrolled {
    /// Invited by the security administrator.
    async fn new(api: &Api, person: &'static str) -> Self {
        let invited = api.post("aq", "/api/v1/invitations", json!({ "person": person })).await;
        assert_eq!(invited.status, 200, "{invited:?}");
        let token = text(&invited.json()["token"]).to_owned();
        let accepted =
            open(api, "/api/v1/invitations/accept", json!({ "token": token, "password": PASSWORD }));
        let accepted = accepted.await;
        assert_eq!(accepted.status, 200, "{accepted:?}");
        let seed = of_base32(text(&accepted.json()["secret"]));
        let code = totp::code_at(&seed, api.engine.now());
        let confirmed =
            open(api, "/api/v1/invitations/confirm", json!({ "token": token, "code": code })).await;
        assert_eq!(confirmed.status, 200, "{confirmed:?}");
        Self { person, seed }
    }

    /// A code that was not used yet.
    fn code(&self, api: &Api) -> String {
        api.wait(30);
        totp::code_at(&self.seed, api.engine.now())
    }

    /// Signs in with both factors at once.
    async fn sign_in(&self, api: &Api, form: &str) -> Answer {
        let code = self.code(api);
        let body = json!({ "person": self.person, "password": PASSWORD, "code": code, "form": form });
        let request = Request::new("POST", "/api/v1/sessions").json(&body);
        api.send(request.header("Sec-Fetch-Site", "same-origin")).await
    }

    /// A token of a new session.
    async fn token(&self, api: &Api) -> String {
        let answer = self.sign_in(api, "bearer").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        text(&answer.json()["token"]).to_owned()
    }
}

/// Asks as nobody.
async fn open(api: &Api, path: &str, body: Value) -> Answer {
    api.send(Request::new("POST", path).json(&body)).await
}

/// Asks with this token.
async fn with(api: &Api, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
    let request = Request::new(method, path).bearer(token);
    api.send(body.map_or(request.clone(), |body| request.json(&body))).await
}

fn of_base32(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = text.chars().flat_map(|c| {
        let five = letters.find(c).unwrap();
        (0..5).rev().map(move |bit| five >> bit & 1)
    });
    let bits: Vec<usize> = bits.collect();
    bits.chunks_exact(8)
        .map(|eight| eight.iter().fold(0, |n, bit| n << 1 | u8::try_from(*bit).unwrap()))
        .collect()
}
