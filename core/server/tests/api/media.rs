//! Uploads.

use serde_json::json;

use crate::support::{Api, Request, text};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n fictional picture";

fn upload(kind: &str, bytes: &[u8]) -> Request {
    Request::new("POST", "/api/v1/media").of("d07.xx").bytes_of(kind, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_kept_by_its_content_and_named_by_an_item() {
    let api = Api::start().await;
    let stored = api.send(upload("image/png", PNG)).await;
    assert_eq!(stored.status, 201, "{stored:?}");
    assert_eq!(api.send(upload("application/octet-stream", PNG)).await.body, stored.body);
    let stored = stored.json();
    assert_eq!((&stored["mime"], &stored["bytes"]), (&json!("image/png"), &json!(PNG.len())));
    let item = json!({
        "variants": { "weibo": { "text": "图文", "media": [{ "sha256": stored["sha256"], "alt": "停水范围" }] } }
    });
    let item = api.post("d07.xx", "/api/v1/items", item).await.json();
    assert_eq!(item["variants"]["weibo"]["media"][0]["mime"], "image/png");

    let path = format!("/api/v1/media/{}", text(&stored["sha256"]));
    assert_eq!(api.send(Request::new("GET", &path)).await.problem(), "401 unauthenticated");
    let given = api.get("off.hg", &path).await;
    assert_eq!((given.status, given.body.as_slice()), (200, PNG));
    assert_eq!(given.header("content-disposition"), Some("attachment"));
    assert_eq!(given.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(
        api.get("off.hg", &format!("/api/v1/media/{}", "0".repeat(64))).await.problem(),
        "404 not_found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c33_what_is_no_picture_is_not_kept() {
    let api = Api::with(|options| options.media_bytes = 1000, "").await;
    for (kind, bytes) in [
        ("image/png", &b"<svg onload=alert(1)>"[..]),
        ("image/jpeg", PNG),
        ("application/octet-stream", b"<html>"),
        ("application/octet-stream", b""),
    ] {
        assert_eq!(api.send(upload(kind, bytes)).await.problem(), "415 wrong_content_type", "{kind}");
    }
    let large = [PNG, &[0; 1000]].concat();
    assert_eq!(api.send(upload("image/png", &large)).await.problem(), "413 body_too_large");
}
