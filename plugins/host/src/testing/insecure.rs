//! A platform that does not prove who it is (F49), over real TLS on loopback.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use juzhen_abi::message::{Effect, HttpRequest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Bench, call, ok, script};
use crate::call::Effects;
use crate::outcome::Failure;

/// Speaks TLS with a certificate that no authority has signed; counts the requests that it can read.
struct Stranger {
    url: String,
    heard: Arc<AtomicUsize>,
    met: Arc<AtomicUsize>,
}

impl Stranger {
    fn start() -> Self {
        let config = Arc::new(config());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (heard, met) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (hears, meets) = (Arc::clone(&heard), Arc::clone(&met));
        // Ends with the test's process: nobody connects any more.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                meets.fetch_add(1, Ordering::SeqCst);
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, stream);
                if stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {
                    hears.fetch_add(1, Ordering::SeqCst);
                    let _closed = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}");
                }
            }
        });
        Self { url, heard, met }
    }
}

fn config() -> ServerConfig {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    assert!(openssl.stderr(Stdio::null()).status().unwrap().success(), "openssl made no certificate");
    let _already = rustls::crypto::ring::default_provider().install_default();
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
}

async fn is_not_trusted(path: &'static str, effect: Effect) {
    let stranger = Stranger::start();
    // The adapter does not care, and would try plain HTTP next.
    let bench = Bench::new(script(move |cx| {
        let effect = effect.clone();
        async move {
            let request =
                HttpRequest { method: "POST".into(), url: cx.url(path), effect, ..Default::default() };
            let _ignored = cx.http(request, b"{}").await;
            let plain = cx.url(path).replace("https:", "http:");
            let request = HttpRequest { method: "POST".into(), url: plain, ..HttpRequest::default() };
            let _ignored = cx.http(request, b"{}").await;
            ok(&serde_json::json!({ "state": "published", "id": "1" }))
        }
    }));
    let reply = bench.call(call(&stranger.url)).await;
    let Err(Failure::Insecure { reason }) = &reply.result else { panic!("{:?}", reply.result) };
    assert!(reason.contains("certificate"), "{reason}");
    assert_eq!(reply.effects, Effects::default(), "nothing of it has left");
    assert_eq!(stranger.heard.load(Ordering::SeqCst), 0);
    assert_eq!(stranger.met.load(Ordering::SeqCst), 1, "neither again nor without TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn f49_a_certificate_that_proves_nothing_ends_the_call_before_anything_is_said() {
    is_not_trusted("/posts", Effect::Mutating).await;
}

/// A token request carries the secret that buys tokens.
#[tokio::test(flavor = "multi_thread")]
async fn f49_not_even_a_safe_request_is_sent_to_a_stranger() {
    is_not_trusted("/token", Effect::Safe).await;
}
