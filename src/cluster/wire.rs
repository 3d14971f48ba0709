//! The one place that sends requests: bounded in flight, patient with an overloaded server, counted.

use super::access::Access;
use super::explain::is_undeclared;
use super::line::Line;
use super::patience::{Pass, Rest, retry_after, unless_stopped};
use futures::AsyncBufRead;
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How many requests, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests in flight at one time, watches not counted; all that this process does with the cluster shares them.
    pub in_flight: usize,
    /// One attempt without an answer.
    pub attempt: Duration,
    /// One call with all its attempts, while the server asks for patience.
    pub call: Duration,
    /// Until a CustomResourceDefinition is established or a namespace active.
    pub established: Duration,
    /// Until an object that others wait for does its work.
    pub ready: Duration,
    /// Members of a mapping that one object of its record holds; more are spread over several.
    pub shard: usize,
    /// First and longest pause before a watch that broke is tried again.
    pub reconnect: (Duration, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 16,
            attempt: Duration::from_secs(30),
            call: Duration::from_secs(90),
            established: Duration::from_secs(60),
            ready: Duration::from_secs(300),
            shard: 2000,
            reconnect: (Duration::from_millis(800), Duration::from_secs(30)),
        }
    }
}

/// Requests sent since the connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Gets, lists, watches and reviews.
    pub reads: u64,
    /// Writes that the server only tried out.
    pub dry_runs: u64,
    /// Writes.
    pub writes: u64,
}

/// Why a request brought no result.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// No answer. A write may have been carried out.
    Silent(String),
    /// The server put us off beyond the call's deadline: for so many seconds, and for how many more.
    Throttled { spent: u64, asked: u64 },
    /// Somebody stopped the wait for the server; the request was not carried out.
    Stopped,
    /// The server's refusal.
    Status(Box<Status>),
    /// An answer that cannot be read.
    Malformed(String),
}

impl Failure {
    /// The HTTP status code; 0 without an answer.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Status(status) => status.code,
            _ => 0,
        }
    }

    /// Whether a write may have been carried out all the same. Proxies say 502 and 503 of a server that they lost in
    /// between, and the server says 500 of a store that it lost; where it was not, another attempt may succeed.
    pub(super) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Silent(_) => true,
            Self::Status(status) => {
                matches!(status.code, 500 | 502 | 503 | 504) && !is_undeclared(status)
            }
            _ => false,
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    address: String,
    content: Option<&'static str>,
    accept: &'static str,
    body: Vec<u8>,
    review: bool,
}

/// What is asked for unless something else is.
pub(super) const JSON: &str = "application/json";
/// `Content-Type` of a server-side apply; JSON is YAML.
pub(super) const APPLY: &str = "application/apply-patch+yaml";
/// `Content-Type` of a JSON patch.
pub(super) const JSON_PATCH: &str = "application/json-patch+json";

impl Call {
    pub(super) fn get(address: impl Into<String>) -> Self {
        Self::new(Method::GET, address, None, Vec::new())
    }

    pub(super) fn write(method: Method, address: impl Into<String>, body: &Value) -> Self {
        Self::new(method, address, Some("application/json"), body.to_string().into_bytes())
    }

    pub(super) fn patch(address: impl Into<String>, content: &'static str, body: &Value) -> Self {
        Self::new(Method::PATCH, address, Some(content), body.to_string().into_bytes())
    }

    /// A POST that changes nothing, such as an access review.
    pub(super) fn review(address: impl Into<String>, body: &Value) -> Self {
        Self { review: true, ..Self::write(Method::POST, address, body) }
    }

    pub(super) fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    fn new(
        method: Method,
        address: impl Into<String>,
        content: Option<&'static str>,
        body: Vec<u8>,
    ) -> Self {
        Self { method, address: address.into(), content, accept: JSON, body, review: false }
    }

    fn is_read(&self) -> bool {
        self.review || self.method == Method::GET
    }

    /// Whether it may be sent again, whatever became of it.
    fn is_harmless(&self) -> bool {
        self.is_read() || self.address.contains("dryRun=All")
    }

    fn request(&self) -> Result<Request<Body>, Failure> {
        let mut builder = Request::builder()
            .method(self.method.clone())
            .uri(&self.address)
            .header(http::header::ACCEPT, self.accept);
        if let Some(content) = self.content {
            builder = builder.header(http::header::CONTENT_TYPE, content);
        }
        builder
            .body(Body::from(self.body.clone()))
            .map_err(|error| Failure::Malformed(error.to_string()))
    }
}

/// A client with its bounds and counters.
pub(super) struct Wire {
    line: Line,
    limits: Limits,
    permits: Semaphore,
    rest: Rest,
    reads: AtomicU64,
    dry_runs: AtomicU64,
    writes: AtomicU64,
}

/// One answer.
struct Answer {
    code: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Wire {
    pub(super) fn new(client: Client, limits: Limits) -> Self {
        Self::on(Line::new(client, None), limits)
    }

    /// A wire whose credentials are read again when the server refuses them.
    pub(super) fn renewable(client: Client, limits: Limits, access: Access, server: &str) -> Self {
        Self::on(Line::new(client, Some((access, server.to_owned()))), limits)
    }

    fn on(line: Line, limits: Limits) -> Self {
        Self {
            line,
            limits,
            permits: Semaphore::new(limits.in_flight.max(1)),
            rest: Rest::default(),
            reads: AtomicU64::new(0),
            dry_runs: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    /// Whether the server says anything at all within the caller's patience. Neither counted nor bounded: it has to
    /// get through when everything else waits.
    pub(super) async fn answers(&self) -> bool {
        let request = Request::get("/livez").body(Body::empty());
        match request {
            Ok(request) => self.line.client().0.send(request).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Opens a stream of lines, such as a watch. It is not bound by the number of requests in flight.
    pub(super) async fn lines(
        &self,
        address: &str,
        accept: &str,
    ) -> Result<impl AsyncBufRead + use<>, Failure> {
        let (client, age) = self.line.client();
        match self.open(&client, address, accept).await {
            Err(failure) if failure.code() == 401 && self.line.renewed(age).await => {
                self.open(&self.line.client().0, address, accept).await
            }
            opened => opened,
        }
    }

    async fn open(
        &self,
        client: &Client,
        address: &str,
        accept: &str,
    ) -> Result<impl AsyncBufRead + use<>, Failure> {
        // Some servers compress watches event by event, which not every decoder can follow.
        let request = Request::get(address)
            .header(http::header::ACCEPT, accept)
            .header(http::header::ACCEPT_ENCODING, "identity")
            .body(Vec::new())
            .map_err(|error| Failure::Malformed(error.to_string()))?;
        self.reads.fetch_add(1, Ordering::Relaxed);
        match tokio::time::timeout(self.limits.attempt, client.request_stream(request)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(kube::Error::Api(status))) => Err(Failure::Status(status)),
            Ok(Err(error)) => Err(Failure::Silent(cause(&error))),
            Err(_) => Err(Failure::Silent(format!(
                "no answer within {} s",
                self.limits.attempt.as_secs()
            ))),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            reads: self.reads.load(Ordering::Relaxed),
            dry_runs: self.dry_runs.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }

    /// Sends a request and reads the answer as JSON.
    pub(super) async fn json(&self, call: &Call) -> Result<Value, Failure> {
        let body = self.bytes(call).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Failure::Malformed(format!("the answer is no JSON: {error}")))
    }

    /// Sends a request and hands out the answer's bytes. Waits where the server asks for patience, and with it every
    /// other request to this cluster; repeats what changes nothing after a cut. A write that may have been carried out
    /// is never repeated here: its caller has to read back first.
    pub(super) async fn bytes(&self, call: &Call) -> Result<Vec<u8>, Failure> {
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|error| Failure::Silent(error.to_string()))?;
        let mut pause = Duration::from_millis(250);
        let (mut renewed, mut refused_since) = (false, None);
        for attempt in 0_u32.. {
            let pass = self.admitted(&mut refused_since).await?;
            let (client, age) = self.line.client();
            let failure = match self.once(&client, call).await {
                Ok(answer) if (200..300).contains(&answer.code) => {
                    pass.done();
                    return Ok(answer.body);
                }
                // Nothing was carried out, so that a write may be sent again as well.
                Ok(answer) if answer.code == 401 && !renewed => {
                    pass.done();
                    renewed = true;
                    if self.line.renewed(age).await {
                        continue;
                    }
                    return Err(refusal(answer));
                }
                Ok(answer) => (answer.retry_after, refusal(answer)),
                Err(failure) => (None, failure),
            };
            match patience(call, &failure, attempt, pause) {
                Patience::None => {
                    pass.done();
                    return Err(failure.1);
                }
                Patience::Pause(pause) => {
                    pass.done();
                    unless_stopped(tokio::time::sleep(pause)).await.ok_or(Failure::Stopped)?;
                }
                Patience::PutOff(wait) => {
                    // Whatever is asked for: it may be over sooner, and is looked at now and then.
                    pass.put_off(wait.min(self.limits.call));
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed().saturating_add(wait) > self.limits.call {
                        return Err(put_off(since, wait));
                    }
                }
            }
            pause = (pause * 2).min(Duration::from_secs(8));
        }
        Err(Failure::Silent("gave up".to_owned()))
    }

    /// Waits while the server rests, within the call's deadline.
    async fn admitted(&self, refused_since: &mut Option<Instant>) -> Result<Pass<'_>, Failure> {
        if let Some(pass) = self.rest.open() {
            return Ok(pass);
        }
        let since = *refused_since.get_or_insert_with(Instant::now);
        let wait = tokio::time::timeout_at(since + self.limits.call, self.rest.pass());
        match unless_stopped(wait).await {
            Some(Ok(pass)) => Ok(pass),
            Some(Err(_)) => Err(put_off(since, Duration::ZERO)),
            None => Err(Failure::Stopped),
        }
    }

    async fn once(&self, client: &Client, call: &Call) -> Result<Answer, Failure> {
        let request = call.request()?;
        let counter = if call.is_read() {
            &self.reads
        } else if call.is_harmless() {
            &self.dry_runs
        } else {
            &self.writes
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let exchange = async {
            let response = client.send(request).await?;
            let code = response.status().as_u16();
            let retry_after = retry_after(response.headers());
            let body = response.into_body().collect_bytes().await?;
            Ok::<_, kube::Error>(Answer { code, retry_after, body: body.into() })
        };
        match tokio::time::timeout(self.limits.attempt, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure::Silent(cause(&error))),
            Err(_) => Err(Failure::Silent(format!(
                "no answer within {} s",
                self.limits.attempt.as_secs()
            ))),
        }
    }
}

/// What to do after a failure.
enum Patience {
    /// It ends the call.
    None,
    /// The next attempt may follow after a pause.
    Pause(Duration),
    /// The server carried nothing out, and asks everybody to wait.
    PutOff(Duration),
}

fn patience(
    call: &Call,
    (retry_after, failure): &(Option<Duration>, Failure),
    attempt: u32,
    pause: Duration,
) -> Patience {
    let harmless = call.is_harmless();
    // To come back at once would be no patience.
    let asked = retry_after.filter(|wait| !wait.is_zero());
    match failure {
        Failure::Silent(_) if harmless && attempt < 2 => Patience::Pause(pause),
        Failure::Status(status) => match status.code {
            429 => Patience::PutOff(asked.unwrap_or(pause)),
            503 if retry_after.is_some() => Patience::PutOff(asked.unwrap_or(pause)),
            // An aggregated API without a backend answers 503 for good.
            503 if harmless && attempt < 3 => Patience::Pause(pause),
            500 | 502 | 504 if harmless && attempt < 2 && !is_undeclared(status) => {
                Patience::Pause(pause)
            }
            _ => Patience::None,
        },
        _ => Patience::None,
    }
}

fn put_off(since: Instant, asked: Duration) -> Failure {
    Failure::Throttled { spent: since.elapsed().as_secs(), asked: asked.as_secs() }
}

fn refusal(answer: Answer) -> Failure {
    let code = answer.code;
    let status = serde_json::from_slice::<Status>(&answer.body)
        .ok()
        .filter(|status| !status.message.is_empty());
    let mut status = status.unwrap_or_else(|| {
        let text: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        Status::failure(
            text.trim(),
            http::StatusCode::from_u16(code).ok().map_or("", reason_phrase),
        )
    });
    status.code = code;
    Failure::Status(Box::new(status))
}

fn reason_phrase(code: http::StatusCode) -> &'static str {
    code.canonical_reason().unwrap_or("")
}

/// The innermost sentences of a transport error; outer layers only say that a service failed.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut sentences = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        let sentence = inner.to_string();
        if sentences.last().is_none_or(|last| *last != sentence) {
            sentences.push(sentence);
        }
        source = inner.source();
    }
    let from = sentences.len().saturating_sub(2);
    let mut text = sentences.split_off(from);
    if text.len() == 2 && text[0].contains(&text[1]) {
        text.pop();
    }
    text.join(": ")
}
