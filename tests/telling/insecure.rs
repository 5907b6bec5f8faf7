//! A platform whose certificate proves nothing (F49): a real one, on loopback, that no authority has signed.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use juzhen_tests::{Daemon, District, eventually};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Its address, and how often somebody has said something to it.
fn stranger() -> (String, Arc<AtomicUsize>) {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).stderr(Stdio::null());
    assert!(openssl.status().unwrap().success(), "openssl made no certificate");
    let _already = rustls::crypto::ring::default_provider().install_default();
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let (config, heard) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, hears) = (format!("https://{}", listener.local_addr().unwrap()), Arc::clone(&heard));
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            if StreamOwned::new(tls, stream).read(&mut [0; 64]).is_ok_and(|read| read > 0) {
                hears.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (url, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn f49_a_certificate_that_proves_nothing_holds_the_delivery_with_an_alarm_and_is_not_tried_again() {
    let (url, heard) = stranger();
    let district = District::new(&url);
    district.unit("D07", "department", &["W015"]);
    let daemon = Daemon::start(&district);
    let id = daemon.publish("d07.xx", "不能交给陌生人", &["W015"], Duration::from_millis(200)).await;
    daemon.until(&id, &["held"]).await;
    let seen = daemon.get(&format!("/api/v1/deliveries?item={id}")).await;
    assert!(seen["deliveries"][0]["reason"].as_str().unwrap().starts_with("insecure: "), "{seen:#}");
    let alarm = || async { daemon.log().contains("SECURITY") && daemon.log().contains("证书无法验证") };
    eventually("the alarm", alarm).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let delivery = seen["deliveries"][0]["id"].as_str().unwrap();
    let record = daemon.get(&format!("/api/v1/deliveries/{delivery}")).await;
    assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "not tried again: {record:#}");
    assert_eq!(heard.load(Ordering::SeqCst), 0, "nothing was said to it");
}
