//! The server's loop. On hyper itself, because axum's server cannot end a connection without an answer.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// In the extensions of a response: do not send it, reset the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResetConnection;

/// In the extensions of a request: where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

#[derive(Debug, thiserror::Error)]
#[error("the script resets the connection")]
struct Reset;

/// Accepts connections until told to stop; then whatever is still open is closed without an answer.
pub(crate) async fn run(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, Peer(peer.ip()), router.clone()));
                }
                Err(source) => {
                    warn!(%source, "Could not accept a connection");
                    // Out of descriptors, most likely: trying again at once would only burn time.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = stop.cancelled() => break,
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, peer: Peer, router: Router) {
    // Small answers must not wait for the client's acknowledgement.
    if let Err(source) = stream.set_nodelay(true) {
        debug!(%source, "Could not turn Nagle's algorithm off");
    }
    let reset = Arc::new(AtomicBool::new(false));
    let marked = reset.clone();
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        let (answer, marked) = (hyper::service::Service::call(&router, request), marked.clone());
        Box::pin(async move {
            let Ok(response) = answer.await;
            if response.extensions().get::<ResetConnection>().is_some() {
                marked.store(true, Ordering::Relaxed);
                return Err(Reset);
            }
            Ok(response)
        })
    });
    // No time limit on idle connections: one that ends just as a client reuses it would look like a scripted fault.
    let mut connection =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    // Not the plain future: the stream is wanted back, to end it in the way the script says.
    if let Err(source) = poll_fn(|context| connection.poll_without_shutdown(context)).await {
        debug!(%source, "A connection ended early");
    }
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed)
        && let Err(source) = stream.set_zero_linger()
    {
        debug!(%source, "Could not reset a connection; it is closed instead");
    }
}
