//! The server's loop. On hyper itself, because axum's own has no limit for slow heads and too many connections (F98).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::auth::Peer;

/// Connections at a time; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 1024;
/// From the first byte of a request to the end of its head, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_HEADERS: usize = 64;
/// Longest head of a request.
const HEAD_BYTES: usize = 32 << 10;
/// Answers that are being given when the daemon is told to stop have this long.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop`, then lets the requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let free = tokio::select! {
            free = Arc::clone(&room).acquire_owned() => free,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let connection = connections.watch(connection(stream, from, router.clone()));
                tokio::spawn(async move {
                    let _free = free;
                    if let Err(cause) = connection.await {
                        debug!(%cause, "A connection ended early");
                    }
                });
            }
            Err(cause) => {
                warn!(%cause, "Could not accept a connection");
                // Out of descriptors, most likely: trying again at once would only burn time.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        info!(seconds = GRACE.as_secs(), "Closed connections that did not finish");
    }
}

fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> {
    // Small answers must not wait for the client's acknowledgement.
    if let Err(cause) = stream.set_nodelay(true) {
        debug!(%cause, "Could not turn Nagle's algorithm off");
    }
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(from.ip()));
        router.call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
}
