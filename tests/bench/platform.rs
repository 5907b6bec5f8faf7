//! A stand-in for a fast platform: answers the mock's API from one thread and writes down what arrived when. `raw` shows
//! that it is not what limits a run.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use memchr::memmem;
use tokio::net::TcpListener;

use crate::items::{Planned, TEXT_MARK};

/// The stand-in, for as long as the program runs.
#[derive(Clone)]
pub(crate) struct Platform {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    delay_ms: AtomicU64,
    posts: AtomicUsize,
    arrivals: Mutex<Vec<Arrival>>,
    /// Requests that are no posts, by method and path: a run in which there are many is no clean run.
    others: Mutex<BTreeMap<String, u64>>,
}

/// One post that arrived whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Of the item, as its text says.
    number: usize,
    /// Of the account, as the path says.
    account: usize,
    unix_us: i64,
}

/// What the ledger says of one run.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Judgement {
    pub(crate) duplicates: usize,
    pub(crate) lost: usize,
    pub(crate) early: usize,
    pub(crate) wrong_account: usize,
    pub(crate) out_of_order: usize,
    pub(crate) others: BTreeMap<String, u64>,
    /// Arrival less due time, sorted.
    #[serde(skip)]
    pub(crate) lateness_us: Vec<i64>,
}

impl Platform {
    /// Serves on a free port of its own thread.
    pub(crate) fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("could not bind the platform")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let state = Arc::<State>::default();
        let served = Arc::clone(&state);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("platform".into()).spawn(move || {
            runtime.block_on(async move {
                if let Ok(listener) = TcpListener::from_std(listener) {
                    serve(listener, served).await;
                }
            });
        })?;
        Ok(Self { address, state })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forgets everything; from now on each answer takes this long.
    pub(crate) fn reset(&self, delay_ms: u64) {
        self.state.delay_ms.store(delay_ms, Ordering::SeqCst);
        lock(&self.state.arrivals).clear();
        lock(&self.state.others).clear();
        self.state.posts.store(0, Ordering::SeqCst);
    }

    /// Posts that were answered.
    pub(crate) fn posts(&self) -> usize {
        self.state.posts.load(Ordering::SeqCst)
    }

    /// Compares what arrived with what was planned.
    pub(crate) fn judge(&self, planned: &[Planned]) -> Judgement {
        let arrivals = lock(&self.state.arrivals).clone();
        let mut judged = Judgement { others: lock(&self.state.others).clone(), ..Judgement::default() };
        let (mut seen, mut last) = (vec![false; planned.len()], BTreeMap::new());
        for Arrival { number, account, unix_us } in arrivals {
            let (Some(plan), Some(seen)) = (planned.get(number), seen.get_mut(number)) else {
                judged.wrong_account += 1;
                continue;
            };
            judged.duplicates += usize::from(std::mem::replace(seen, true));
            judged.wrong_account += usize::from(plan.account != account);
            let late = unix_us - plan.due_unix_ms * 1000;
            judged.early += usize::from(late < 0);
            judged.lateness_us.push(late);
            let place = (plan.due_unix_ms, number);
            judged.out_of_order +=
                usize::from(last.insert(account, place).is_some_and(|before| before > place));
        }
        judged.lost = seen.iter().filter(|seen| !**seen).count();
        judged.lateness_us.sort_unstable();
        judged
    }

    /// Arrival less due time of some items, sorted.
    pub(crate) fn lateness_us(&self, planned: &[Planned], of: impl Fn(&Planned) -> bool) -> Vec<i64> {
        let arrivals = lock(&self.state.arrivals);
        let late = |arrival: &Arrival| {
            let plan = planned.get(arrival.number).filter(|plan| of(plan))?;
            Some(arrival.unix_us - plan.due_unix_ms * 1000)
        };
        let mut late: Vec<i64> = arrivals.iter().filter_map(late).collect();
        late.sort_unstable();
        late
    }
}

impl Judgement {
    pub(crate) fn is_clean(&self) -> bool {
        let Self { duplicates, lost, early, wrong_account, out_of_order, .. } = self;
        duplicates + lost + early + wrong_account + out_of_order == 0
    }

    /// Milliseconds that this share (0 to 1) of the posts was not later than.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        crate::figures::percentile(&self.lateness_us, share) / 1000.0
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        // Small answers must not wait for an acknowledgement; where it cannot be set, they only come later.
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&state, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A client that hangs up is no fault of the platform.
            let _ = connection.await;
        });
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let (head, body) = request.into_parts();
    let account = account_of(head.uri.path()).filter(|_| head.method == Method::POST);
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (Some(account), Some(number)) = (account, number_of(&body)) else {
        *lock(&state.others).entry(format!("{} {}", head.method, head.uri.path())).or_default() += 1;
        return Ok(text(200, r#"{"posts":[],"uid":"","name":""}"#.to_owned()));
    };
    let unix_us = now_unix_us();
    lock(&state.arrivals).push(Arrival { number, account, unix_us });
    let delay = state.delay_ms.load(Ordering::Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let id = state.posts.fetch_add(1, Ordering::SeqCst) + 1;
    let at = unix_us / 1000;
    let url = format!("https://platform.test/p{id}");
    Ok(text(201, format!(r#"{{"id":"p{id}","url":"{url}","created_at_unix_ms":{at}}}"#)))
}

/// `/v1/accounts/W017/posts` → 17
fn account_of(path: &str) -> Option<usize> {
    path.strip_prefix("/v1/accounts/W")?.strip_suffix("/posts")?.parse().ok()
}

/// The digits after the mark.
fn number_of(body: &[u8]) -> Option<usize> {
    let after = body.get(memmem::find(body, TEXT_MARK.as_bytes())? + TEXT_MARK.len()..)?;
    let digits = after.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn text(status: u16, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}

pub(crate) fn now_unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
