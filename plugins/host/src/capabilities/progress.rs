//! Where a request is on its way out, told to a test that ends the daemon in the middle of one (F05). Without such a test
//! no request takes this way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use reqwest::{Body, Client, Request, Response};
use tokio::sync::Notify;

use crate::options::{Leaving, Progress};

/// The connection's own task writes the last piece; meanwhile the answer is not looked at.
const LAST_PIECE: Duration = Duration::from_millis(50);

/// Sends it, and tells `progress` where it is.
pub(super) async fn execute(
    client: &Client,
    mut request: Request,
    progress: &Progress,
) -> reqwest::Result<Response> {
    let Some(body) = request.body_mut() else { return client.execute(request).await };
    let given = Arc::new(Notify::new());
    *body = Body::wrap(Watched::new(std::mem::take(body), progress.clone(), Arc::clone(&given)));
    let sent = client.execute(request);
    tokio::pin!(sent);
    tokio::select! {
        biased;
        () = given.notified() => {}
        answer = &mut sent => return answer,
    }
    tokio::time::sleep(LAST_PIECE).await;
    progress.tell(Leaving::Whole);
    sent.await
}

/// A body in at least two pieces. Before each it says once that there is nothing yet, which makes the connection write out
/// what it has: so what is told is true.
struct Watched {
    inner: Body,
    progress: Progress,
    given: Arc<Notify>,
    left: u64,
    at: At,
}

enum At {
    Start,
    /// The head is out.
    Paused,
    Halfway {
        rest: Bytes,
        written: bool,
    },
    Rest,
}

impl Watched {
    fn new(inner: Body, progress: Progress, given: Arc<Notify>) -> Self {
        let left = inner.size_hint().exact().unwrap_or(u64::MAX);
        Self { inner, progress, given, left, at: At::Start }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<reqwest::Result<Bytes>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| Ok(frame?.into_data().unwrap_or_default())))
    }

    fn give(&mut self, piece: Option<reqwest::Result<Bytes>>) -> Option<reqwest::Result<Frame<Bytes>>> {
        let length = piece.as_ref().and_then(|p| p.as_ref().ok()).map_or(0, |bytes| bytes.len() as u64);
        self.left = self.left.saturating_sub(length);
        if self.left == 0 || piece.is_none() {
            self.given.notify_one();
        }
        piece.map(|piece| piece.map(Frame::data))
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<reqwest::Result<Frame<Bytes>>>> {
        let piece = match &mut self.at {
            At::Start => {
                self.at = At::Paused;
                return pause(cx);
            }
            At::Paused => {
                let mut first = ready!(self.next(cx));
                self.progress.tell(Leaving::Head);
                if let Some(Ok(bytes)) = &mut first {
                    let rest = bytes.split_off(bytes.len() / 2);
                    self.at = At::Halfway { rest, written: false };
                }
                first
            }
            At::Halfway { written: written @ false, .. } => {
                *written = true;
                return pause(cx);
            }
            At::Halfway { rest, .. } => {
                let rest = std::mem::take(rest);
                self.at = At::Rest;
                self.progress.tell(Leaving::Half);
                Some(Ok(rest))
            }
            At::Rest => ready!(self.next(cx)),
        };
        Poll::Ready(self.give(piece))
    }

    fn size_hint(&self) -> SizeHint {
        if self.left == u64::MAX { SizeHint::default() } else { SizeHint::with_exact(self.left) }
    }
}

fn pause<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}
