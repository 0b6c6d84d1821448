//! The HTTP server in front of the API: connections, bodies, deadlines, panics.
//!
//! HTTP/1 only, over TLS where a listener has certificates. What a request means is decided by
//! [`Front`]; here a request is bytes that must be whole, small enough and in time.
//!
//! Invariant: an accepted connection ends: each of its waits has a deadline, and when all places
//! are taken the longest idle connection gives way to a newcomer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use weir_wire::protocol::Reply;

use super::front::{Front, Inbound, Trouble};
use super::limits;
use super::tls::Certificates;
use crate::vault::download::{self, Download};

/// A socket of the API. With certificates it speaks TLS, without it does not.
pub struct ApiListener {
    /// Bound and listening.
    pub listener: TcpListener,
    /// What it shows to clients.
    pub certificates: Option<Arc<Certificates>>,
}

/// Renders the metrics page.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

/// What all connections share.
struct Shared {
    front: Front,
    metrics: MetricsPage,
    /// One permit per KiB of body that is held.
    body_room: Arc<Semaphore>,
}

/// The open connections, by order of arrival.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<u64>,
    open: BTreeMap<u64, Place>,
    next: u64,
}

/// A connection that was accepted.
struct Newcomer {
    stream: TcpStream,
    peer: SocketAddr,
    certificates: Option<Arc<Certificates>>,
}

struct Place {
    task: AbortHandle,
    /// A whole request is being answered: not to be evicted.
    busy: Arc<AtomicBool>,
}

/// How the caller reached us, for links in answers.
#[derive(Clone, Copy)]
struct Scheme(&'static str);

/// Marks a connection busy until dropped.
struct Busy(Arc<AtomicBool>);

/// Why a body was not taken.
enum BodyTrouble {
    TooLarge,
    TooSlow,
    Broken,
}

/// Serves the API until `shutdown` completes, then lets open calls finish for
/// [`limits::SHUTDOWN_WAIT_MAX`].
pub async fn serve(
    listeners: Vec<ApiListener>,
    front: Front,
    metrics: MetricsPage,
    shutdown: impl Future<Output = ()>,
) {
    let body_room = Arc::new(Semaphore::new(limits::BODY_KIB_IN_FLIGHT_MAX));
    let shared = Arc::new(Shared { front, metrics, body_room });
    let (stop, stopped) = watch::channel(false);
    let mut connections = Connections::default();
    let mut turn = 0;
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.tasks.join_next() => connections.forget(ended),
            accepted = accept(&listeners, &mut turn), if connections.has_place() => match accepted {
                Ok(newcomer) => connections.admit(Arc::clone(&shared), newcomer, stopped.clone()),
                Err(error) => {
                    tracing::warn!(%error, "the API cannot accept connections");
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listeners);
    // Fails only when no connection is left to hear it.
    let _ = stop.send(true);
    let ended = async { while connections.tasks.join_next().await.is_some() {} };
    if timeout(limits::SHUTDOWN_WAIT_MAX, ended).await.is_err() {
        tracing::warn!("API connections were cut at shutdown");
    }
}

// === impl Connections ===

impl Connections {
    /// Whether a newcomer can be served, at the cost of an idle connection if need be.
    fn has_place(&self) -> bool {
        self.open.len() < limits::CONNECTIONS_MAX
            || self.open.values().any(|place| !place.busy.load(Ordering::Acquire))
    }

    fn admit(&mut self, shared: Arc<Shared>, newcomer: Newcomer, stopped: watch::Receiver<bool>) {
        if self.open.len() >= limits::CONNECTIONS_MAX {
            self.evict();
        }
        let id = self.next;
        self.next += 1;
        let busy = Arc::new(AtomicBool::new(false));
        let connection = greet(shared, newcomer, Arc::clone(&busy), stopped);
        let task = self.tasks.spawn(async move {
            connection.await;
            id
        });
        self.open.insert(id, Place { task, busy });
    }

    /// Closes the oldest connection that is not being answered.
    fn evict(&mut self) {
        let idle = |place: &Place| !place.busy.load(Ordering::Acquire);
        let oldest = self.open.iter().find(|(_, place)| idle(place)).map(|(id, _)| *id);
        if let Some(place) = oldest.and_then(|id| self.open.remove(&id)) {
            place.task.abort();
        }
    }

    fn forget(&mut self, ended: Result<u64, tokio::task::JoinError>) {
        match ended {
            Ok(id) => drop(self.open.remove(&id)),
            // An evicted connection has left the map already.
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                tracing::error!(%error, "a connection of the API panicked");
                self.open.retain(|_, place| !place.task.is_finished());
            }
        }
    }
}

// === impl Busy ===

impl Busy {
    fn new(flag: &Arc<AtomicBool>) -> Self {
        flag.store(true, Ordering::Release);
        Self(Arc::clone(flag))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

// === connections and requests ===

/// The next connection of any listener. They take turns in being looked at first.
async fn accept(listeners: &[ApiListener], turn: &mut usize) -> io::Result<Newcomer> {
    poll_fn(|cx| {
        for offset in 0..listeners.len() {
            let index = (*turn + offset) % listeners.len();
            let ApiListener { listener, certificates } = &listeners[index];
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                *turn = index + 1;
                let certificates = certificates.clone();
                return Poll::Ready(accepted.map(|(stream, peer)| Newcomer {
                    stream,
                    peer,
                    certificates,
                }));
            }
        }
        Poll::Pending
    })
    .await
}

/// One connection, from its handshake, if it has one.
async fn greet(
    shared: Arc<Shared>,
    newcomer: Newcomer,
    busy: Arc<AtomicBool>,
    stopped: watch::Receiver<bool>,
) {
    let Newcomer { stream, peer, certificates } = newcomer;
    // Answers are written whole; waiting to fill packets would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(certificates) = certificates else {
        return converse(shared, stream, peer, Scheme("http"), busy, stopped).await;
    };
    match timeout(limits::HANDSHAKE_WAIT_MAX, certificates.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => {
            converse(shared, stream, peer, Scheme("https"), busy, stopped).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake of the API failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake of the API took too long"),
    }
}

/// One connection, to its end.
async fn converse(
    shared: Arc<Shared>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    scheme: Scheme,
    busy: Arc<AtomicBool>,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(scheme);
        let (shared, busy) = (Arc::clone(&shared), Arc::clone(&busy));
        async move { Ok::<_, Infallible>(answer(shared, request, peer, busy).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_WAIT_MAX)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "an API connection ended badly");
    }
}

/// Until the shutdown begins.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error says that the server is gone already, which is as good.
    let _ = stopped.wait_for(|stop| *stop).await.map(drop);
}

/// One request: pages of our own, or a call of the API.
async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    peer: SocketAddr,
    busy: Arc<AtomicBool>,
) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_read && request.uri().query().is_none() {
        match request.uri().path() {
            "/healthz" => return page(StatusCode::OK, "ok\n".into()),
            "/metrics" => return page(StatusCode::OK, (shared.metrics)()),
            _ => {}
        }
    }
    if is_read && request.uri().path().starts_with(download::PATH) {
        let _busy = Busy::new(&busy);
        return content(&shared.front, request.uri()).await;
    }
    let (head, body) = request.into_parts();
    // The room is held until the answer exists.
    let (body, _room) = match take_body(&shared, &head.headers, body).await {
        Ok(taken) => taken,
        Err(trouble) => return refuse_body(&shared, &head, peer, trouble),
    };
    let _busy = Busy::new(&busy);
    let inbound = inbound(&head, body, peer);
    let request_id = inbound.request_id.clone();
    // A task of its own: a panic stays in it, and a call goes on when its caller hangs up.
    let call = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { shared.front.handle(inbound).await }
    });
    let trouble = match timeout(limits::CALL_WAIT_MAX, call).await {
        Ok(Ok(reply)) => return response(reply),
        Ok(Err(error)) => {
            tracing::error!(%request_id, %error, "a call of the API panicked");
            Trouble::Bug
        }
        Err(_) => {
            tracing::error!(%request_id, "a call of the API did not end in time");
            Trouble::Slow
        }
    };
    response(shared.front.trouble(&inbound_head(&head, peer, request_id), trouble))
}

/// Reads a whole body, within its bounds; the permit stands for the memory that it takes.
async fn take_body(
    shared: &Shared,
    headers: &hyper::HeaderMap,
    body: Incoming,
) -> Result<(Bytes, Option<tokio::sync::OwnedSemaphorePermit>), BodyTrouble> {
    let announced = body.size_hint().exact();
    if announced == Some(0) {
        return Ok((Bytes::new(), None));
    }
    let announced = announced.or_else(|| {
        let length = headers.get(CONTENT_LENGTH)?;
        length.to_str().ok()?.parse().ok()
    });
    let bytes = match announced {
        // Who asks first has not sent anything; reading on would only invite it.
        Some(bytes) if bytes > limits::BODY_BYTES_MAX as u64 && headers.contains_key(EXPECT) => {
            return Err(BodyTrouble::TooLarge);
        }
        Some(bytes) if bytes > limits::BODY_BYTES_MAX as u64 => return too_large(body).await,
        Some(bytes) => bytes as usize,
        None => limits::BODY_BYTES_MAX,
    };
    let big = bytes > limits::BODY_SMALL_BYTES_MAX;
    let room = bytes.div_ceil(1024) as u32;
    let whole = async {
        let permit = match big {
            true => Arc::clone(&shared.body_room).acquire_many_owned(room).await.ok(),
            false => None,
        };
        collect(body).await.map(|bytes| (bytes, permit))
    };
    match timeout(limits::BODY_WAIT_MAX, whole).await {
        Ok(taken) => taken,
        Err(_) => Err(BodyTrouble::TooSlow),
    }
}

async fn collect(mut body: Incoming) -> Result<Bytes, BodyTrouble> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(BodyTrouble::Broken) };
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > limits::BODY_BYTES_MAX {
            return too_large(body).await;
        }
        whole.extend_from_slice(data);
    }
    Ok(whole.into())
}

/// Reads on for a while without keeping anything: a client that is still sending when the
/// connection closes would see a reset instead of the answer.
async fn too_large<T>(mut body: Incoming) -> Result<T, BodyTrouble> {
    let mut thrown = 0;
    let drain = async {
        while let Some(Ok(frame)) = body.frame().await {
            thrown += frame.data_ref().map_or(0, Bytes::len);
            if thrown > limits::DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    // However it ends, the answer is the same.
    let _ = timeout(limits::BODY_WAIT_MAX, drain).await;
    Err(BodyTrouble::TooLarge)
}

fn refuse_body(
    shared: &Shared,
    head: &hyper::http::request::Parts,
    peer: SocketAddr,
    trouble: BodyTrouble,
) -> Response<Full<Bytes>> {
    let trouble = match trouble {
        BodyTrouble::TooLarge => Trouble::TooLarge,
        BodyTrouble::TooSlow => Trouble::BodySlow,
        BodyTrouble::Broken => Trouble::BodyBroken,
    };
    let inbound = inbound_head(head, peer, super::front::request_id());
    let mut response = response(shared.front.trouble(&inbound, trouble));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn inbound(head: &hyper::http::request::Parts, body: Bytes, peer: SocketAddr) -> Inbound {
    Inbound { body, ..inbound_head(head, peer, super::front::request_id()) }
}

fn inbound_head(
    head: &hyper::http::request::Parts,
    peer: SocketAddr,
    request_id: String,
) -> Inbound {
    let fields = head.headers.iter();
    Inbound {
        request_id,
        peer: peer.ip().to_canonical(),
        method: head.method.as_str().to_owned(),
        scheme: head.extensions.get::<Scheme>().map_or("http", |scheme| scheme.0),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: fields.map(|(name, value)| (name.to_string(), value.as_bytes().into())).collect(),
        body: Bytes::new(),
    }
}

/// What a link to a bundle or a revocation list is answered with.
async fn content(front: &Front, uri: &hyper::Uri) -> Response<Full<Bytes>> {
    let query = uri.query().unwrap_or_default();
    match timeout(limits::CALL_WAIT_MAX, front.download(uri.path(), query)).await {
        Ok(Download::Content(bytes)) => {
            let mut response = Response::new(Full::new(Bytes::from(bytes)));
            let binary = HeaderValue::from_static("binary/octet-stream");
            response.headers_mut().insert(CONTENT_TYPE, binary);
            response
        }
        Ok(Download::Denied) => page(StatusCode::FORBIDDEN, "The link is not valid.\n".into()),
        Ok(Download::Gone) => page(StatusCode::NOT_FOUND, "It is no longer here.\n".into()),
        Ok(Download::Unavailable) | Err(_) => {
            page(StatusCode::SERVICE_UNAVAILABLE, "Try again.\n".into())
        }
    }
}

fn page(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The reply as hyper writes it; hyper adds `Date` and `Content-Length`.
fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        // Both are ours; a value that HTTP cannot carry is left out.
        let name = hyper::header::HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
