//! Uploads: what is taken, what is refused, what becomes of it.

use juzhen_sandbox::EffectKind;
use serde_json::json;

use crate::client::{Client, JPEG, PNG, code};

const FILM: &[u8] = b"\0\0\0\x18ftypmp42 a film";
const VOICE: &[u8] = b"#!AMR a voice";

fn padded(start: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(length, 0);
    bytes
}

#[tokio::test]
async fn pictures_for_articles_are_jpeg_or_png_below_one_megabyte() {
    let client = Client::new().await;
    for bytes in [JPEG, PNG] {
        let url = client.upload("media/uploadimg", bytes).await["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with("http://mmbiz.qpic.cn/"), "{url}");
    }
    assert_eq!(code(&client.upload("media/uploadimg", b"GIF89a").await), 40005);
    assert_eq!(code(&client.upload("media/uploadimg", &padded(JPEG, 1 << 20)).await), 40009);
    assert_eq!(code(&client.upload("media/uploadimg", &padded(JPEG, (1 << 20) - 1)).await), 0);
    assert_eq!(code(&client.upload("media/uploadimg", b"").await), 44001);
    assert_eq!(
        code(&client.upload_parts("media/uploadimg", &[("media", JPEG)]).await),
        44001,
        "no file name"
    );
    assert_eq!(code(&client.upload_parts("media/uploadimg", &[("file\"; filename=\"a", JPEG)]).await), 44001);
    assert_eq!(client.effects(EffectKind::Media).len(), 3);
    assert_eq!(client.get("material/get_materialcount").await["image_count"], 0);
}

#[tokio::test]
async fn permanent_media_are_kept_listed_counted_read_and_deleted() {
    let client = Client::new().await;
    let image = client.upload("material/add_material?type=image", JPEG).await;
    assert_eq!(image["media_id"].as_str().unwrap().len(), 64);
    assert!(image["url"].is_string() && image["item"].is_array());
    let thumb = client.upload("material/add_material?type=thumb", JPEG).await;
    client.upload("material/add_material?type=voice", VOICE).await;
    let described = br#"{"title":"T","introduction":"I"}"#;
    let parts: [(&str, &[u8]); 2] = [("media\"; filename=\"a.mp4", FILM), ("description", described)];
    let film = client.upload_parts("material/add_material?type=video", &parts).await;
    assert!(film.get("url").is_none());
    let counts = json!({ "voice_count": 1, "video_count": 1, "image_count": 2, "news_count": 0 });
    assert_eq!(client.get("material/get_materialcount").await, counts);

    let list = json!({ "type": "image", "offset": 0, "count": 20 });
    let list = client.post("material/batchget_material", list).await;
    assert_eq!((&list["total_count"], &list["item"][0]["media_id"]), (&json!(2), &thumb["media_id"]));
    assert_eq!(list["item"][1]["name"], "a.jpg");
    let read = json!({ "media_id": film["media_id"] });
    let shown = client.post("material/get_material", read).await;
    assert_eq!((&shown["title"], &shown["description"]), (&json!("T"), &json!("I")));
    let bytes = client.stage.client.get(shown["down_url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(bytes.bytes().await.unwrap(), FILM);
    let request = client.stage.client.post(client.url("material/get_material"));
    let answer = request.json(&json!({ "media_id": image["media_id"] })).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    assert_eq!(answer.bytes().await.unwrap(), JPEG);

    let delete = json!({ "media_id": image["media_id"] });
    assert_eq!(code(&client.post("material/del_material", delete.clone()).await), 0);
    assert_eq!(code(&client.post("material/del_material", delete).await), 40007);
}

#[tokio::test]
async fn what_a_kind_does_not_take_is_refused() {
    let client = Client::new().await;
    let cases: [(&str, Vec<u8>, i64); 8] = [
        ("image", VOICE.to_vec(), 40005),
        ("image", padded(JPEG, (10 << 20) + 1), 40009),
        ("thumb", PNG.to_vec(), 40005),
        ("thumb", padded(JPEG, (64 << 10) + 1), 40009),
        ("voice", JPEG.to_vec(), 40005),
        ("voice", padded(VOICE, (2 << 20) + 1), 45001),
        ("video", FILM.to_vec(), 47001),
        ("news", JPEG.to_vec(), 40004),
    ];
    for (kind, bytes, wanted) in cases {
        let path = format!("material/add_material?type={kind}");
        assert_eq!(code(&client.upload(&path, &bytes).await), wanted, "{kind} {wanted}");
    }
}

#[tokio::test]
async fn temporary_media_last_three_days_and_are_no_thumbs() {
    let mut client = Client::new().await;
    let stored = client.upload("media/upload?type=image", JPEG).await;
    assert_eq!(stored["type"], "image");
    assert!(stored["created_at"].is_i64());
    let id = stored["media_id"].as_str().unwrap().to_owned();
    let article = json!({ "title": "通知", "content": "x", "thumb_media_id": id });
    assert_eq!(code(&client.post("draft/add", json!({ "articles": [article] })).await), 40007);
    let path = format!("media/get?media_id={id}");
    let answer = client.stage.client.get(client.url(&path)).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), JPEG);
    client.stage.handle.wechat_advance(3 * 86_400);
    client.token = client.stable_token(false).await["access_token"].as_str().unwrap().to_owned();
    assert_eq!(code(&client.get(&path).await), 40007);
}
