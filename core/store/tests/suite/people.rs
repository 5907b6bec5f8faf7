//! People's access and delegations.

use std::sync::Arc;

use juzhen_domain::access::key::{Key, Scope};
use juzhen_domain::access::session::{Form, Session, Stage};
use juzhen_domain::access::throttle::Throttle;
use juzhen_domain::access::{Accepted, Credentials, Disabled, Invitation, Sealed};
use juzhen_domain::matrix::Role;
use juzhen_domain::review::Delegation;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

fn asking(person: &str) -> Asking {
    Asking { person: person.into(), address: Some("10.0.0.7".into()) }
}

fn session(person: &str, number: u32) -> Session {
    Session {
        id: format!("s{number}"),
        person: person.into(),
        token: format!("{number:064}"),
        stage: Stage::Full,
        form: Form::Bearer,
        began_at: at(0),
        used_at: at(0),
        expires_at: at(3600),
        address: Some("10.0.0.7".into()),
    }
}

fn key(person: &str, number: u32) -> Key {
    Key {
        id: format!("k{number}"),
        person: person.into(),
        name: "脚本".into(),
        token: format!("{number:064}"),
        scopes: vec![Scope::Read, Scope::Submit],
        per_minute: 60,
        created_by: person.into(),
        created_at: at(0),
        expires_at: at(3600),
        used_at: None,
    }
}

fn credentials(person: &str) -> Credentials {
    Credentials {
        password: Some("$argon2id$…".into()),
        seed: Some(Sealed { bytes: vec![0, 1, 2], key: "k1".into() }),
        earlier: vec!["before".into()],
        last_step: 7,
        ..Credentials::none(person.into(), at(0))
    }
}

fn noted(action: &str) -> Audit {
    Audit {
        actor: "aq".into(),
        action: action.into(),
        subject: "person:off.hg".into(),
        detail: serde_json::json!({}),
        at: at(0),
        request: None,
    }
}

async fn write(store: &dyn Store, person: &str, change: AccessChange) -> Result<(), StoreError> {
    let change = move |_: &Access| Ok(change.clone());
    store.people().change_access(asking(person), Arc::new(change)).await
}

pub(crate) async fn c07_a_code_is_used_with_the_session_that_it_begins_and_a_repeated_look_sees_it(
    place: &dyn Place,
) {
    let store = place.open();
    let first = AccessChange {
        credentials: Some(credentials("off.hg")),
        begin: Some(session("off.hg", 1)),
        audit: vec![noted("session.begun")],
        ..AccessChange::default()
    };
    write(store.as_ref(), "off.hg", first).await.unwrap();
    // Whoever decides next sees the step that was used, and writes nothing with it.
    let next = |access: &Access| {
        let used = access.credentials.as_ref().map_or(0, |c| c.last_step);
        Err(Refused::new("used", used.to_string()))
    };
    let refused = store.people().change_access(asking("off.hg"), Arc::new(next)).await.unwrap_err();
    assert_eq!(refused.to_string(), "7");
    drop(store);
    let store = place.open();
    let kept = store.people().access(&asking("off.hg")).await.unwrap();
    assert_eq!(kept, Access { credentials: Some(credentials("off.hg")), ..Access::default() });
    let shown = store.people().session(&format!("{:064}", 1)).await.unwrap().unwrap();
    assert_eq!((shown.it, shown.credentials), (session("off.hg", 1), Some(credentials("off.hg"))));
    let filter = AuditFilter { subject: Some("person:off.hg".into()), before: None, most: 9 };
    assert_eq!(store.audit(filter).await.unwrap().len(), 1);
}

pub(crate) async fn f105_what_is_ended_is_gone_for_every_reader_and_others_keep_theirs(place: &dyn Place) {
    let store = place.open();
    for (person, number) in [("off.hg", 1), ("off.hg", 2), ("off.zr", 3)] {
        let begin = AccessChange {
            begin: Some(session(person, number)),
            new_key: Some(key(person, number)),
            ..AccessChange::default()
        };
        write(store.as_ref(), person, begin).await.unwrap();
    }
    let people = store.people();
    people.session_used(&format!("{:064}", 1), at(60)).await.unwrap();
    people.session_used(&format!("{:064}", 1), at(30)).await.unwrap();
    people.key_used(&format!("{:064}", 2), at(60)).await.unwrap();
    let sessions = people.sessions(&"off.hg".into()).await.unwrap();
    assert_eq!(
        sessions.iter().map(|one| (one.id.as_str(), one.used_at)).collect::<Vec<_>>(),
        [("s2", at(0)), ("s1", at(60))]
    );
    let stranger = AccessChange { end: End::One("s1".into()), ..AccessChange::default() };
    assert!(matches!(write(store.as_ref(), "off.zr", stranger).await, Err(StoreError::NotFound { .. })));
    assert_eq!(people.holders().await.unwrap(), ["off.hg".into(), "off.zr".into()]);
    let out = Disabled { at: at(61), by: "aq".into(), reason: "调离".into() };
    let disabled = Credentials { disabled: Some(out), ..credentials("off.hg") };
    let all = AccessChange {
        credentials: Some(disabled.clone()),
        end: End::All,
        end_keys: End::All,
        audit: vec![noted("person.disabled")],
        ..AccessChange::default()
    };
    write(store.as_ref(), "off.hg", all).await.unwrap();
    for number in [1, 2, 3] {
        let token = format!("{number:064}");
        let left =
            (people.session(&token).await.unwrap().is_some(), people.key(&token).await.unwrap().is_some());
        assert_eq!(left, (number == 3, number == 3), "{number}");
    }
    assert_eq!(people.keys(None).await.unwrap(), [key("off.zr", 3)]);
    assert_eq!(people.access(&asking("off.hg")).await.unwrap().credentials, Some(disabled));
}

pub(crate) async fn c09_a_refusal_is_answered_when_its_count_is_kept(place: &dyn Place) {
    let store = place.open();
    let throttle = Throttle { failures: 5, last_at: at(0), until: at(900) };
    let wrong = AccessChange {
        of_person: Put::Set(throttle),
        of_address: Put::Set(throttle),
        audit: vec![noted("session.refused")],
        refused: Some(Refused::new("wrong_credentials", "no")),
        ..AccessChange::default()
    };
    let refused = write(store.as_ref(), "nobody", wrong).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refused { code: "wrong_credentials", .. }))),
        "{refused:?}"
    );
    let known = store.people().access(&asking("nobody")).await.unwrap();
    assert_eq!(
        (known.of_person, known.of_address, known.credentials),
        (Some(throttle), Some(throttle), None)
    );
    // Another name from the same address, and the same name from nowhere.
    assert_eq!(store.people().access(&asking("another")).await.unwrap().of_address, Some(throttle));
    let nowhere = Asking { person: "nobody".into(), address: None };
    assert_eq!(store.people().access(&nowhere).await.unwrap().of_person, Some(throttle));
    let forgiven = AccessChange { of_person: Put::Remove, ..AccessChange::default() };
    write(store.as_ref(), "nobody", forgiven).await.unwrap();
    assert_eq!(store.people().access(&asking("nobody")).await.unwrap().of_person, None);
}

pub(crate) async fn p11_seeds_go_along_to_a_new_key_and_none_is_kept_under_another(place: &dyn Place) {
    let store = place.open();
    store.seal_under("k1", false).await.unwrap();
    let invitation = |seed: &str| Invitation {
        person: "off.zr".into(),
        token: "f".repeat(64),
        by: "aq".into(),
        at: at(0),
        expires_at: at(900),
        accepted: Some(Accepted { password: "h".into(), seed: Sealed { bytes: vec![9], key: seed.into() } }),
    };
    let mine = AccessChange { credentials: Some(credentials("off.hg")), ..AccessChange::default() };
    write(store.as_ref(), "off.hg", mine).await.unwrap();
    let invite = |key| AccessChange { invitation: Put::Set(invitation(key)), ..AccessChange::default() };
    assert!(write(store.as_ref(), "off.zr", invite("k2")).await.is_err());
    write(store.as_ref(), "off.zr", invite("k1")).await.unwrap();
    let reseal = Reseal {
        from: "k1".into(),
        to: "k2".into(),
        salt: "5a".into(),
        rewrap: Arc::new(|row| match row {
            juzhen_store::Sealed::Factor(person, bytes) => Ok([person.as_str().as_bytes(), bytes].concat()),
            _ => Err(Refused::new("bad_state", "nothing else is kept")),
        }),
        by: "uid:0".into(),
        at: at(1),
    };
    store.reseal(reseal).await.unwrap();
    let kept = store.people().access(&asking("off.hg")).await.unwrap().credentials.unwrap().seed.unwrap();
    assert_eq!((kept.bytes.as_slice(), kept.key.as_str()), (&b"off.hg\0\x01\x02"[..], "k2"));
    let waiting = store.people().invitation(&"f".repeat(64)).await.unwrap().unwrap();
    assert_eq!(
        waiting,
        Invitation { accepted: None, ..invitation("k2") },
        "who was about to accept does it again"
    );
    let old = AccessChange { credentials: Some(credentials("off.hg")), ..AccessChange::default() };
    assert!(write(store.as_ref(), "off.hg", old).await.is_err(), "sealed under the key of before");
}

pub(crate) async fn c02_a_delegation_is_with_the_item_as_long_as_it_may_hold(place: &dyn Place) {
    let store = place.open();
    let given = |id: &str, ends: i64| Delegation {
        id: id.into(),
        role: Role::UnitHead,
        unit: "D07".into(),
        from: (id != "g2").then(|| "d07.zy".into()),
        to: "d07.fg".into(),
        begins: at(-7200),
        ends: at(ends),
        reason: Some("出差".into()),
        by: "d07.zy".into(),
        at: at(-7200),
        ended: None,
    };
    for one in [given("g1", 3600), given("g2", 3600), given("g3", -3600)] {
        store.people().delegate(one, noted("delegation.begun")).await.unwrap();
    }
    let record = submit(store.as_ref(), "i1").await;
    assert_eq!(record.delegations, [given("g1", 3600), given("g2", 3600)]);
    let end = |before: &Delegation| {
        let ended = Some(("d07.zy".into(), at(0)));
        Ok((Delegation { ended, ..before.clone() }, noted("delegation.ended")))
    };
    let ended = store.people().change_delegation("g1", Arc::new(end)).await.unwrap();
    assert!(ended.ended.is_some());
    assert_eq!(store.item(&"i1".into()).await.unwrap().unwrap().delegations, [given("g2", 3600)]);
    let all = store.people().delegations(9).await.unwrap();
    assert_eq!(all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["g3", "g2", "g1"]);
    assert!(store.people().change_delegation("g9", Arc::new(end)).await.is_err());
}
