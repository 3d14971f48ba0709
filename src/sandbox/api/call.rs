//! One request on a resource, with what was found out about it on the way in.

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use hyper::body::Bytes;
use serde_json::Value;

use crate::sandbox::controllers::USER;

use super::{
    failure::{Cause, Failure},
    protobuf,
    request::{Query, Target},
    resource::Resource,
    store::{Key, Reference},
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User name.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl Identity {
    /// Who may do everything.
    pub fn administrator() -> Self {
        Self { name: super::ADMINISTRATOR.into(), groups: vec!["system:masters".into()] }
    }
}

impl Identity {
    /// Whether the sandbox's own controllers ask.
    pub fn is_controller(&self) -> bool {
        self.name == USER
    }
}

/// Media type of Kubernetes' protobuf.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// How strictly unknown fields are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Silently dropped.
    Ignore,
    /// Dropped, with a `Warning` header.
    Warn,
    /// Refused.
    Strict,
}

/// A request on a served resource.
#[derive(Debug)]
pub struct Call {
    /// Who asks.
    pub user: Identity,
    /// The program that asks, as its `User-Agent` says.
    pub agent: String,
    /// Its method.
    pub method: Method,
    /// What is asked about.
    pub resource: Arc<Resource>,
    /// The path.
    pub target: Target,
    /// The query.
    pub query: Query,
    /// `Accept` header.
    pub accept: String,
    /// `Content-Type` header without parameters.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
    /// Texts for `Warning` headers.
    pub warnings: Mutex<Vec<String>>,
}

impl Call {
    /// Adds a warning to the response.
    pub fn warn(&self, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// The field manager: the parameter, or the start of the `User-Agent`, as in the real server.
    pub fn manager(&self) -> String {
        match self.query.get("fieldManager") {
            Some(manager) => manager.to_owned(),
            None => self.agent.split('/').next().unwrap_or_default().chars().take(128).collect(),
        }
    }

    /// How unknown fields are treated; the server's default is to warn.
    pub fn strictness(&self) -> Result<Strictness, Failure> {
        match self.query.get("fieldValidation") {
            None | Some("Warn") => Ok(Strictness::Warn),
            Some("Strict") => Ok(Strictness::Strict),
            Some("Ignore") => Ok(Strictness::Ignore),
            Some(other) => {
                let why = format!(
                    "Unsupported value: \"{other}\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                );
                Err(Failure::invalid_option(
                    self.options_kind(),
                    Cause::new("NotSupported", "fieldValidation", why),
                ))
            }
        }
    }

    /// Refuses a `dryRun` that is neither absent nor `All`.
    pub fn check_dry_run(&self) -> Result<(), Failure> {
        match self.query.get("dryRun") {
            None | Some("All") => Ok(()),
            Some(other) => {
                let why = format!("Unsupported value: [\"{other}\"]: supported values: \"All\"");
                Err(Failure::invalid_option(
                    self.options_kind(),
                    Cause::new("NotSupported", "dryRun", why),
                ))
            }
        }
    }

    fn options_kind(&self) -> &'static str {
        match self.method {
            Method::PUT => "UpdateOptions",
            Method::PATCH => "PatchOptions",
            Method::DELETE => "DeleteOptions",
            _ => "CreateOptions",
        }
    }

    /// The object in the path.
    pub fn place(&self) -> Reference {
        Reference {
            storage: self.resource.storage.clone(),
            key: Key {
                namespace: self.target.namespace.clone().unwrap_or_default(),
                name: self.target.name.clone().unwrap_or_default(),
            },
        }
    }

    /// Name in the path, empty for a collection.
    pub fn name(&self) -> &str {
        self.target.name.as_deref().unwrap_or_default()
    }

    /// The body as JSON; YAML is read as `kubectl` reads it.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if self.content_type == PROTOBUF {
            return protobuf::decode(&self.body).map_err(|error| {
                Failure::bad_request(format!("error decoding protobuf: {error}"))
            });
        }
        if let Ok(value) = serde_json::from_slice(&self.body) {
            return Ok(value);
        }
        let known = ["", "application/json", "application/yaml", PROTOBUF];
        if !known.contains(&self.content_type.as_str()) && !self.content_type.contains("patch+") {
            return Err(Failure::unsupported_media(&known[1..]));
        }
        if !self.content_type.contains("yaml") {
            let why =
                serde_json::from_slice::<Value>(&self.body).err().map(|error| error.to_string());
            return Err(Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {}",
                self.resource.kind,
                why.unwrap_or_default()
            )));
        }
        let text = String::from_utf8_lossy(&self.body);
        serde_saphyr::from_str(&text)
            .map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))
    }
}
