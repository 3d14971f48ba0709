//! Bodies and responses.

use std::{convert::Infallible, io};

use futures::{Stream, StreamExt as _, stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{failure::Failure, store::Object};

/// Body of every response.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Every response.
pub type Reply = Response<Body>;

/// How many objects of a list are serialised at a time.
const CHUNK: usize = 64;

/// A body that is there at once.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body that comes in pieces.
pub fn streamed(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

/// A response with a content type.
pub fn typed(status: u16, kind: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

/// A JSON response.
pub fn json(status: u16, value: &Value) -> Reply {
    typed(status, "application/json", full(value.to_string()))
}

/// Plain text.
pub fn text(status: u16, text: impl Into<String>) -> Reply {
    typed(status, "text/plain; charset=utf-8", full(text.into()))
}

/// The response to a refused request.
pub fn failure(failure: &Failure) -> Reply {
    if failure.is_plain() {
        return text(failure.code, format!("{}\n", failure.message));
    }
    let mut reply = json(failure.code, &failure.status());
    let seconds =
        failure.details.as_ref().and_then(|details| details["retryAfterSeconds"].as_u64());
    if let Some(seconds) = seconds {
        reply.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    reply
}

/// A list whose objects are serialised while it is sent.
///
/// `head` is the list without `items`; `write` appends what is sent of a stored object.
pub fn list(
    head: &Value,
    items: Vec<Object>,
    write: impl Fn(&Object, &mut Vec<u8>) -> serde_json::Result<()> + Send + 'static,
) -> Reply {
    let mut opening = head.to_string();
    opening.pop();
    opening.push_str(",\"items\":[");
    let mut first = true;
    let mut rest = items.into_iter();
    let pieces = std::iter::from_fn(move || {
        let mut piece = Vec::new();
        for object in rest.by_ref().take(CHUNK) {
            if !std::mem::take(&mut first) {
                piece.push(b',');
            }
            if let Err(error) = write(&object, &mut piece) {
                return Some(Err(io::Error::other(error)));
            }
        }
        if piece.is_empty() { None } else { Some(Ok(Bytes::from(piece))) }
    });
    let whole = stream::iter([Ok(Bytes::from(opening))])
        .chain(stream::iter(pieces))
        .chain(stream::iter([Ok(Bytes::from_static(b"]}\n"))]));
    typed(200, "application/json", streamed(whole))
}

/// An object as it stands in the list of a built-in kind: the server leaves out what the list says already.
pub struct Untyped<'a>(pub &'a Value);

impl Serialize for Untyped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.as_object().into_iter().flatten();
        serializer.collect_map(fields.filter(|(name, _)| *name != "apiVersion" && *name != "kind"))
    }
}
