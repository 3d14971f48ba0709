//! From a request to the verb that answers it.

use std::sync::Mutex;

use http::{HeaderMap, Method, Request as HttpRequest, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame};
use serde_json::json;

use super::{
    ApiServer,
    call::{Call, Identity},
    failure::Failure,
    faults::{self, Effect},
    read::with_warnings,
    reply::{self, Body, Reply},
    request::{Query, Target},
    resource::Resource,
    traffic::Request,
};

/// Largest request body; the real server's limit.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

impl ApiServer {
    /// Answers one request. This is the whole server, whatever carries the request to it.
    pub async fn handle<B>(&self, request: HttpRequest<B>) -> Reply
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                return reply::failure(&Failure::bad_request(format!("the body was cut: {error}")));
            }
        };
        if body.len() > BODY_LIMIT {
            return reply::failure(&Failure::new(
                413,
                "RequestEntityTooLarge",
                "the request is too large",
            ));
        }
        let Some(user) = self.identify(&parts) else {
            return reply::failure(&Failure::unauthorized());
        };
        let mut noted = note(&parts, &user);
        if noted.verb == "delete" || noted.verb == "deletecollection" {
            noted.dry_run |= String::from_utf8_lossy(&body).contains("\"dryRun\":[\"All\"]");
        }
        if user.is_controller() {
            let answered = self.answer(parts, body, (user, &noted));
            return answered.unwrap_or_else(|failure| reply::failure(&failure));
        }
        let number = self.traffic().arrived(noted.clone());
        let effects = self.faults().take(&noted);
        let answered = match faults::before(&effects, &noted).await {
            Ok(()) => self.answer(parts, body, (user, &noted)),
            Err(failure) => Err(failure),
        };
        let made = answered.unwrap_or_else(|failure| reply::failure(&failure));
        let made = after(&effects, &noted, made);
        self.traffic().answered(number, made.status().as_u16());
        made
    }

    fn identify(&self, parts: &Parts) -> Option<Identity> {
        if let Some(identity) = parts.extensions.get::<Identity>() {
            return Some(identity.clone());
        }
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let is = |known: &str| {
            let same = |token| openssl::memcmp::eq(&digest(known), &digest(token));
            !known.is_empty() && token.is_some_and(same)
        };
        if is(self.token()) {
            return Some(Identity::administrator());
        }
        match token {
            Some(_) => {
                let user = self.options().users.iter().find(|user| is(&user.token))?;
                Some(Identity { name: user.name.clone(), groups: user.groups.clone() })
            }
            None => matches!(parts.uri.path(), "/healthz" | "/livez" | "/readyz" | "/version")
                .then(|| Identity {
                    name: "system:anonymous".into(),
                    groups: vec!["system:unauthenticated".into()],
                }),
        }
    }

    fn answer(
        &self,
        parts: Parts,
        body: Bytes,
        (user, noted): (Identity, &Request),
    ) -> Result<Reply, Failure> {
        let path = parts.uri.path();
        let accept = text(&parts.headers, &header::ACCEPT).to_owned();
        let Some(target) = Target::parse(path) else { return self.answer_other(&parts, &accept) };
        let Some(resource) = self.registry().find(&target.group, &target.version, &target.plural)
        else {
            return Err(self.unserved(&target));
        };
        if resource.namespaced && target.name.is_some() && target.namespace.is_none() {
            return Err(Failure::no_such_path());
        }
        let content_type = text(&parts.headers, &header::CONTENT_TYPE);
        let call = Call {
            user,
            method: parts.method.clone(),
            agent: noted.agent.clone(),
            query: Query::parse(parts.uri.query()),
            content_type: content_type.split(';').next().unwrap_or_default().trim().to_owned(),
            resource,
            target,
            accept,
            body,
            warnings: Mutex::default(),
        };
        self.authorise(&call, &noted.verb)?;
        call.check_dry_run()?;
        if parts.method == Method::POST && call.resource.transient {
            return self.review(&call);
        }
        self.carry_out(&call, &parts.method, &noted.verb)
    }

    /// Why nothing serves a target.
    fn unserved(&self, target: &Target) -> Failure {
        let dead = self.dead_services();
        if dead.iter().any(|(group, version)| *group == target.group && *version == target.version)
        {
            Failure::new(503, "ServiceUnavailable", "service unavailable")
        } else if self.registry().of_version(&target.group, &target.version).is_empty() {
            Failure::page_not_found()
        } else {
            Failure::no_such_path()
        }
    }

    fn carry_out(&self, call: &Call, method: &Method, verb: &str) -> Result<Reply, Failure> {
        if call.resource.transient {
            return Err(Failure::method_not_allowed());
        }
        let Some(subresource) = call.target.subresource.as_deref() else {
            return match verb {
                "get" => self.get(call),
                "list" => self.list(call),
                "watch" => self.watch(call),
                "create" if call.target.name.is_none() => self.create(call),
                "update" if call.target.name.is_some() => self.update(call),
                "patch" if call.target.name.is_some() => self.patch(call),
                "delete" => self.delete(call),
                "deletecollection" => self.delete_collection(call),
                _ => Err(Failure::method_not_allowed()),
            };
        };
        let Resource { status, scale, .. } = *call.resource;
        let is_pod = &*call.resource.storage == "pods";
        match (subresource, verb) {
            ("status", "get") if status => self.get(call),
            ("status", "update") if status => self.update(call),
            ("status", "patch") if status => self.patch(call),
            ("scale", "get") if scale => self.get_scale(call),
            ("scale", "update" | "patch") if scale => {
                self.write_scale(call, *method == Method::PUT)
            }
            ("log", "get") if is_pod => self.log(call),
            ("binding", "create") if is_pod => self.bind(call),
            ("eviction", "create") if is_pod => self.evict(call),
            ("finalize", "update") if &*call.resource.storage == "namespaces" => self.update(call),
            (name, _) if call.resource.subresources().iter().any(|known| known.name == name) => {
                Err(Failure::method_not_allowed())
            }
            _ => Err(Failure::no_such_path()),
        }
        .map(|made| with_warnings(call, made))
    }

    /// Everything that is no resource: health, version, discovery, schemas.
    fn answer_other(&self, parts: &Parts, accept: &str) -> Result<Reply, Failure> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Err(Failure::method_not_allowed());
        }
        let path = parts.uri.path();
        match path {
            "/healthz" | "/livez" | "/readyz" => Ok(reply::text(200, "ok")),
            "/version" => Ok(reply::json(200, &version())),
            "/openapi/v2" => Ok(Self::openapi_v2()),
            "/openapi/v3" => Ok(self.openapi_index()),
            _ if path.starts_with("/openapi/v3/") => {
                self.openapi_document(&path["/openapi/v3/".len()..])
            }
            "/" => Ok(reply::json(
                200,
                &json!({"paths": ["/api", "/apis", "/healthz", "/openapi/v3", "/version"]}),
            )),
            _ if path.starts_with("/api") => self.discovery(path, accept),
            _ => Err(Failure::page_not_found()),
        }
    }
}

fn digest(secret: &str) -> [u8; 32] {
    openssl::sha::sha256(secret.as_bytes())
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn note(parts: &Parts, user: &Identity) -> Request {
    let query = Query::parse(parts.uri.query());
    let mut noted = Request {
        verb: parts.method.as_str().to_lowercase(),
        path: parts.uri.path().to_owned(),
        dry_run: query.dry_run(),
        user: user.name.clone(),
        agent: text(&parts.headers, &header::USER_AGENT).to_owned(),
        content_type: text(&parts.headers, &header::CONTENT_TYPE).to_owned(),
        ..Request::default()
    };
    if let Some(target) = Target::parse(parts.uri.path()) {
        verb(&parts.method, &target, &query).clone_into(&mut noted.verb);
        noted.group = target.group;
        noted.resource = target.plural;
        noted.subresource = target.subresource.unwrap_or_default();
        noted.namespace = target.namespace.unwrap_or_default();
        noted.name = target.name.unwrap_or_default();
    }
    noted
}

/// The Kubernetes verb of a request on a resource.
fn verb(method: &Method, target: &Target, query: &Query) -> &'static str {
    let named = target.name.is_some();
    match *method {
        Method::GET | Method::HEAD if query.is_true("watch") && target.subresource.is_none() => {
            "watch"
        }
        Method::GET | Method::HEAD if named => "get",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => "",
    }
}

fn version() -> serde_json::Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.0+gitdeck-sandbox", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "sandbox",
        "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
    })
}

/// What faults do to an answer that is made already.
fn after(effects: &[Effect], request: &Request, mut made: Reply) -> Reply {
    for effect in effects {
        match effect {
            Effect::StatusAfterCommit { code } => {
                made = reply::failure(&faults::refusal(*code, None, request));
            }
            Effect::Cut { after } => made = made.map(|body| cut(body, *after)),
            _ => {}
        }
    }
    made
}

/// Lets so many bytes through and then fails, as a lost connection does.
fn cut(body: Body, after: usize) -> Body {
    let pieces = futures::stream::unfold(Some((body, after)), |state| async move {
        let (mut body, left) = state?;
        let lost =
            || std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut by the sandbox");
        match body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.len() < left => {
                    let left = left - data.len();
                    Some((Ok(data), Some((body, left))))
                }
                Ok(data) if left > 0 => Some((Ok(data.slice(..left)), Some((body, 0)))),
                _ => Some((Err(lost()), None)),
            },
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(lost()), None)),
        }
    });
    let frames =
        futures::StreamExt::map(pieces, |piece: std::io::Result<Bytes>| piece.map(Frame::data));
    http_body_util::StreamBody::new(frames).boxed_unsync()
}
