//! An adapter that asks every capability once, each in the way an author does. The test kit runs it.

#![forbid(unsafe_code)]

use core::time::Duration;

use juzhen_sdk::prelude::*;

juzhen_sdk::export_adapter!(Capabilities, "examples/capabilities.json");

struct Capabilities {
    greeting: String,
}

#[async_trait]
impl Adapter for Capabilities {
    fn new(host: Host, config: Config) -> Result<Self> {
        host.log(Level::Info, "started");
        Ok(Self { greeting: config.get("greeting")?.unwrap_or_else(|| "hello".to_owned()) })
    }

    /// The body names what to ask, and that of the answer is what came of it.
    async fn receive(&self, cx: Cx, request: Receive) -> Result<Received> {
        let answer = match request.body.as_str() {
            "config" => json!(self.greeting),
            "clock" => {
                let before = cx.now_unix_ms();
                cx.sleep(Duration::from_millis(1500)).await?;
                json!(cx.now_unix_ms() - before)
            }
            "random" => json!([cx.random::<4>(), cx.random::<4>()]),
            "kv" => {
                let before = cx.kv().get("cursor").await?;
                cx.kv().set("cursor", b"\xff7").await?;
                let after = cx.kv().get("cursor").await?;
                cx.kv().delete("cursor").await?;
                json!([before, after, cx.kv().get("cursor").await?])
            }
            "blob" => json!([cx.blob("b").read(1, 2).await?, cx.blob("b").read(2, 0).await?]),
            "sign" => json!(cx.sign("sha256", None, &["a=", &secret("app_id")]).await?),
            "decrypt" => json!(cx.decrypt("aes_256_cbc_own_iv", "app_id", b"abc").await?),
            "log" => {
                let fields = [("posts".to_owned(), json!(3))].into_iter().collect();
                cx.log_with(Level::Warn, "close to the limit", fields);
                json!(null)
            }
            "trace" => {
                trace();
                json!(null)
            }
            "token" => token(&cx).await?,
            "form" => form(&cx).await?,
            "together" => together(&cx).await?,
            other => return Err(Error::bug(format!("nothing is called {other}"))),
        };
        Ok(Received { body: answer.to_string(), ..Received::default() })
    }
}

/// An answer with a secret in it, which the daemon keeps.
async fn token(cx: &Cx) -> Result<Value> {
    let request = cx.http().post("http://m/token").query_secret("app_id", "app_id").query("kind", "a&b");
    let request = request.effect(Effect::Safe).capture("/access_token", "access_token", Some("/expires_in"));
    request.timeout(Duration::from_secs(3)).form(&[("grant", "refresh it")]).send().await?.json()
}

async fn form(cx: &Cx) -> Result<Value> {
    let blob = Part::Blob {
        name: "file".to_owned(),
        blob: "b".to_owned(),
        filename: "1.png".to_owned(),
        mime: "image/png".to_owned(),
    };
    let text = Part::Text { name: "kind".to_owned(), value: "image".to_owned() };
    let request = cx.http().request("PATCH", "http://m/media").multipart(vec![text, blob]);
    let answer = request.idempotency(&cx.meta.idempotency_key).send_any().await?;
    Ok(json!([answer.status(), answer.header("X-Seen"), answer.bytes().len()]))
}

/// Two requests under way at once, finished in whatever order.
async fn together(cx: &Cx) -> Result<Value> {
    let mut first = Box::pin(cx.http().get("http://m/1").send());
    let mut second = Box::pin(cx.http().get("http://m/2").send());
    let (mut one, mut two) = (None, None);
    core::future::poll_fn(|task| {
        for (request, answer) in [(&mut first, &mut one), (&mut second, &mut two)] {
            if answer.is_none()
                && let core::task::Poll::Ready(ready) = request.as_mut().poll(task)
            {
                *answer = Some(ready);
            }
        }
        if one.is_some() && two.is_some() { core::task::Poll::Ready(()) } else { core::task::Poll::Pending }
    })
    .await;
    let status = |answer: Option<Result<Response>>| answer.and_then(Result::ok).map(|answer| answer.status());
    Ok(json!([status(one), status(two)]))
}

#[cfg(feature = "tracing")]
fn trace() {
    tracing::warn!(posts = 3, account = "d07", "close to the limit");
}

#[cfg(not(feature = "tracing"))]
fn trace() {}
