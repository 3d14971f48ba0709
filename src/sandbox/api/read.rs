//! The verbs get and list.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde_json::{Value, json};

use super::{
    ApiServer,
    call::Call,
    convert,
    failure::{Cause, Failure},
    reply::{self, Reply},
    selector::Selector,
    shape::{self, Shape},
    store::{Key, Object, Range},
    table,
    write::place_of,
};

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.";

impl ApiServer {
    /// GET on an object.
    pub(super) fn get(&self, call: &Call) -> Result<Reply, Failure> {
        let place = call.place();
        let object = self
            .store()
            .get(&place.storage, &place.key)
            .ok_or_else(|| Failure::not_found(&call.resource, call.name()))?;
        object_reply(call, 200, &object)
    }

    /// GET on a collection.
    pub(super) fn list(&self, call: &Call) -> Result<Reply, Failure> {
        let selector = selector(call)?;
        let limit =
            call.query.get("limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0);
        let mut range =
            Range { namespace: call.target.namespace.clone(), limit, ..Range::default() };
        let continued = call.query.get("continue");
        if let Some(token) = continued {
            let (at, after) = read_token(token).ok_or_else(|| {
                Failure::bad_request("invalid continue token: continue key is not valid")
            })?;
            (range.at, range.after) = (Some(at), Some(after));
        } else {
            range.at = self.exact_revision(call)?;
        }
        let storage = &call.resource.storage;
        let listing = self
            .store()
            .list(storage, &range, |object| selector.matches(object))
            .map_err(|gone| {
                let asked = range.at.unwrap_or_default();
                Failure::expired(if continued.is_some() {
                    TOO_OLD.to_owned()
                } else {
                    format!(
                        "The resourceVersion for the provided list is too old: {asked} ({})",
                        gone.oldest
                    )
                })
            })?;
        let mut metadata = json!({"resourceVersion": listing.revision.to_string()});
        if let Some(last) = listing.items.last().filter(|_| listing.more) {
            let last = place_of(&call.resource, last).key;
            metadata["continue"] = json!(write_token(listing.revision, &last));
            if selector.is_empty() {
                let rest = Range { after: Some(last), limit: None, at: None, ..range };
                if let Ok(rest) = self.store().list(storage, &rest, |_| true) {
                    metadata["remainingItemCount"] = json!(rest.items.len());
                }
            }
        }
        list_reply(call, listing.items, &metadata)
    }

    /// The revision in the query, refused when it has not happened yet.
    pub(super) fn asked_revision(&self, call: &Call) -> Result<Option<u64>, Failure> {
        let Some(text) = call.query.get("resourceVersion") else { return Ok(None) };
        let asked: u64 = text.parse().map_err(|_| {
            Failure::bad_request(format!("invalid resource version: resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"))
        })?;
        let current = self.store().revision();
        if asked > current {
            Err(Failure::too_large_revision(asked, current))
        } else {
            Ok(Some(asked))
        }
    }

    fn exact_revision(&self, call: &Call) -> Result<Option<u64>, Failure> {
        let asked = self.asked_revision(call)?;
        match call.query.get("resourceVersionMatch") {
            Some("Exact") if asked.is_some_and(|revision| revision > 0) => Ok(asked),
            Some("Exact") => Err(forbidden_match(
                "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            )),
            Some("NotOlderThan") if asked.is_none() => Err(forbidden_match(
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            )),
            Some("NotOlderThan") | None => Ok(None),
            Some(other) => {
                let why = format!(
                    "Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\", \"\""
                );
                let cause = Cause::new("NotSupported", "resourceVersionMatch", why);
                Err(Failure::invalid_option("ListOptions", cause))
            }
        }
    }
}

/// The selectors of a request.
pub fn selector(call: &Call) -> Result<Selector, Failure> {
    Selector::parse(
        call.query.get("labelSelector"),
        call.query.get("fieldSelector"),
        &call.resource,
    )
    .map_err(Failure::bad_request)
}

/// A response with one object in the form that the client wants.
pub fn object_reply(call: &Call, status: u16, object: &Object) -> Result<Reply, Failure> {
    let served = convert::to_served(&call.resource, object);
    let body: Object = match Shape::of(call)? {
        Shape::Plain => served,
        Shape::Metadata => shape::metadata_only(&served),
        Shape::Table => {
            let version = served["metadata"]["resourceVersion"].clone();
            let include = call.query.get("includeObject");
            Arc::new(table::of(
                &call.resource,
                &[served],
                &json!({"resourceVersion": version}),
                include,
            ))
        }
    };
    Ok(with_warnings(call, reply::json(status, &body)))
}

/// A response with a list in the form that the client wants.
pub fn list_reply(call: &Call, items: Vec<Object>, metadata: &Value) -> Result<Reply, Failure> {
    let resource = call.resource.clone();
    let made = match Shape::of(call)? {
        Shape::Plain => {
            let head = json!({"kind": resource.list_kind, "apiVersion": resource.api_version(), "metadata": metadata});
            reply::list(&head, items, move |object, piece| {
                let served = convert::to_served(&resource, object);
                if resource.is_custom() {
                    serde_json::to_writer(piece, &*served)
                } else {
                    serde_json::to_writer(piece, &reply::Untyped(&served))
                }
            })
        }
        Shape::Metadata => {
            let head = json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            });
            reply::list(&head, items, |object, piece| {
                serde_json::to_writer(piece, &*shape::metadata_only(object))
            })
        }
        Shape::Table => {
            let served: Vec<Object> =
                items.iter().map(|object| convert::to_served(&resource, object)).collect();
            reply::json(
                200,
                &table::of(&resource, &served, metadata, call.query.get("includeObject")),
            )
        }
    };
    Ok(with_warnings(call, made))
}

/// A combination of list options that makes no sense.
pub fn forbidden_match(why: &str) -> Failure {
    Failure::invalid_option("ListOptions", Cause::new("Forbidden", "resourceVersionMatch", why))
}

/// Adds the warnings of the request to a response.
pub fn with_warnings(call: &Call, mut made: Reply) -> Reply {
    let warnings = call.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for text in warnings.iter() {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            made.headers_mut().append(http::header::WARNING, value);
        }
    }
    made
}

fn write_token(revision: u64, last: &Key) -> String {
    URL_SAFE_NO_PAD.encode(
        json!({"v": "gitdeck/v1", "rv": revision, "ns": last.namespace, "name": last.name})
            .to_string(),
    )
}

fn read_token(token: &str) -> Option<(u64, Key)> {
    let token: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let text = |name: &str| token[name].as_str().map(str::to_owned);
    Some((token["rv"].as_u64()?, Key { namespace: text("ns")?, name: text("name")? }))
}
