//! Live objects: one paged LIST where many of a kind are wanted, single GETs where few are.

use super::resource::{Resource, segment};
use super::wire::{Call, Failure, JSON, Wire};
use super::{Cluster, ClusterError};
use crate::domain::{ObjectKey, ObjectRef, pack};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

/// Objects of one page of a LIST.
const PAGE: usize = 500;
/// Up to this number of objects of one kind, GETs may cost the server less than a LIST of a namespace that others use
/// too, and being in flight together they take as long as one.
const FEW: usize = 16;
/// From this number on, one short page is tried before the GETs: most namespaces hold little else of the kind.
const SOME: usize = 3;
/// Up to this number of namespaces, one LIST each; beyond it, one over all namespaces.
const FEW_NAMESPACES: usize = 4;
/// How much of an object others are packed against, in bytes; the format looks back no further.
const SAMPLE: usize = 32 << 10;

/// A live object, kept as the text that the server sent: a fifth of the memory of a parsed tree. What is watched is
/// kept packed, which is a fifth of that again.
#[derive(Debug, Clone)]
pub struct Live {
    /// UID.
    pub uid: Arc<str>,
    /// `resourceVersion`.
    pub resource_version: Arc<str>,
    text: Text,
    types: Arc<Types>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    Plain(Arc<str>),
    Packed(Arc<[u8]>),
}

/// `apiVersion` and `kind`, which the items of a LIST lack, and the text that objects of the kind are packed against;
/// shared by all of them.
#[derive(Debug)]
pub(super) struct Types {
    api_version: String,
    kind: String,
    sample: OnceLock<Box<[u8]>>,
}

/// Live objects by identity; what is not in it does not exist.
pub type LiveObjects = HashMap<ObjectKey, Live>;

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: HeadMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMetadata<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
}

/// One page of a LIST.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) metadata: PageMetadata,
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMetadata {
    #[serde(rename = "continue")]
    pub(super) next: String,
    pub(super) resource_version: String,
}

/// What the objects of a resource share.
pub(super) fn types_of(resource: &Resource) -> Arc<Types> {
    Arc::new(Types {
        api_version: resource.api_version(),
        kind: resource.kind.clone(),
        sample: OnceLock::new(),
    })
}

impl Live {
    /// Reads the head of an object's text and keeps the rest as it is.
    pub(super) fn read(
        text: &str,
        resource: &Resource,
        types: &Arc<Types>,
    ) -> Result<(ObjectKey, Self), Failure> {
        let head: Head<'_> = serde_json::from_str(text)
            .map_err(|error| Failure::Malformed(format!("an object cannot be read: {error}")))?;
        let metadata = head.metadata;
        let key = ObjectKey {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: metadata.namespace.map(Cow::into_owned).filter(|name| !name.is_empty()),
            name: metadata.name.into_owned(),
        };
        let live = Self {
            uid: metadata.uid.as_ref().into(),
            resource_version: metadata.resource_version.as_ref().into(),
            text: Text::Plain(text.into()),
            types: types.clone(),
        };
        Ok((key, live))
    }

    /// The object without its content but for the number that grows with its specification.
    pub(super) fn slim(self) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Slim {
            metadata: Generation,
        }
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Generation {
            generation: i64,
        }
        let slim: Slim = serde_json::from_str(&self.text()).unwrap_or_default();
        Self { text: Text::Plain(slim.metadata.generation.to_string().into()), ..self }
    }

    /// The same object in little room, for what is kept for long. Objects of one kind are packed against the first of
    /// them: most of their text is the same.
    pub(super) fn packed(self, types: &Arc<Types>) -> Self {
        let Text::Plain(text) = &self.text else { return self };
        let text = text.as_bytes();
        let sample = types.sample.get_or_init(|| text[text.len().saturating_sub(SAMPLE)..].into());
        match pack::pack(text, sample) {
            Some(packed) => {
                Self { text: Text::Packed(packed.into()), types: types.clone(), ..self }
            }
            None => self,
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match &self.text {
            Text::Plain(text) => Cow::Borrowed(text),
            Text::Packed(packed) => {
                let sample = self.types.sample.get().map(AsRef::as_ref).unwrap_or_default();
                let text =
                    pack::unpack(packed, sample).and_then(|text| String::from_utf8(text).ok());
                Cow::Owned(text.unwrap_or_default())
            }
        }
    }

    /// Whether another state of the same object has the same content.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.uid == other.uid && self.text == other.text
    }

    /// Whether this is a later state than another of the same name. Versions are numbers that grow; where one is not,
    /// any other version counts as later.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        match (self.resource_version.parse::<u64>(), other.resource_version.parse::<u64>()) {
            (Ok(ours), Ok(theirs)) => ours > theirs,
            _ => self.resource_version != other.resource_version,
        }
    }

    /// The object as a tree; null where it is nested deeper than can be read.
    pub fn value(&self) -> Value {
        let mut value: Value = serde_json::from_str(&self.text()).unwrap_or_default();
        if let Some(object) = value.as_object_mut()
            && !object.contains_key("kind")
        {
            object.shift_insert(0, "apiVersion".to_owned(), self.types.api_version.clone().into());
            object.shift_insert(1, "kind".to_owned(), self.types.kind.clone().into());
        }
        value
    }
}

/// An object that is wanted, and how it is addressed.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) resource: Resource,
    pub(super) reference: ObjectRef,
}

impl Cluster {
    /// The live objects among the wanted ones, straight from the server.
    pub(super) async fn read_live(&self, wanted: &[Wanted]) -> Result<LiveObjects, ClusterError> {
        let mut kinds: BTreeMap<String, Vec<&Wanted>> = BTreeMap::new();
        for one in wanted {
            kinds.entry(one.resource.collection(None)).or_default().push(one);
        }
        let reads = kinds.values().map(|wanted| self.read_kind(wanted));
        let parts = futures::future::try_join_all(reads).await?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// One object as it is now, with everything that the server says of it; nothing where it is not there.
    pub async fn object(&self, reference: &ObjectRef) -> Result<Option<Value>, ClusterError> {
        let catalogue = self.catalogue().await?;
        let (group, version, kind) = (&reference.group, &reference.version, &reference.kind);
        let Some(resource) = catalogue.any(group, version, kind) else { return Ok(None) };
        Ok(self.read_one(resource, reference).await?.map(|live| live.value()))
    }

    /// One object, straight from the server.
    pub(super) async fn read_one(
        &self,
        resource: &Resource,
        reference: &ObjectRef,
    ) -> Result<Option<Live>, ClusterError> {
        let address = resource.item(reference.namespace.as_deref(), &reference.name);
        let body = match self.wire().bytes(&Call::get(address)).await {
            Ok(body) => body,
            Err(failure) if failure.code() == 404 => return Ok(None),
            Err(failure) => {
                return Err(self.explain(&failure, "get", &reference.to_string(), false));
            }
        };
        let read = text(&body).and_then(|text| Live::read(text, resource, &types_of(resource)));
        read.map(|(_, live)| Some(live))
            .map_err(|failure| self.explain(&failure, "get", &reference.to_string(), false))
    }

    async fn read_kind(&self, wanted: &[&Wanted]) -> Result<Vec<(ObjectKey, Live)>, ClusterError> {
        let Some(first) = wanted.first() else { return Ok(Vec::new()) };
        let resource = &first.resource;
        if wanted.len() <= FEW || !resource.offers("list") {
            return self.read_few(wanted).await;
        }
        let namespaces: BTreeSet<Option<&str>> =
            wanted.iter().map(|one| one.reference.namespace.as_deref()).collect();
        let everywhere: BTreeSet<Option<&str>> = [None].into();
        let mut scopes = if namespaces.len() > FEW_NAMESPACES { &everywhere } else { &namespaces };
        let keys: BTreeSet<ObjectKey> = wanted.iter().map(|one| one.reference.key()).collect();
        loop {
            let lists = scopes.iter().map(|namespace| self.list(resource, *namespace, &keys));
            match futures::future::try_join_all(lists).await {
                Ok(parts) => return Ok(parts.into_iter().flatten().collect()),
                // Allowed in single namespaces only, or to get but not to list.
                Err(failure)
                    if failure.code() == 403
                        && scopes.contains(&None)
                        && !namespaces.contains(&None) =>
                {
                    scopes = &namespaces;
                }
                Err(failure) if failure.code() == 403 => return self.get_each(wanted).await,
                Err(failure) => {
                    return Err(self.explain(&failure, "list", &resource.qualified(), false));
                }
            }
        }
    }

    /// A few objects: one short page of their namespace where they share one, and a GET for each that is not on it
    /// although the namespace holds more.
    async fn read_few(&self, wanted: &[&Wanted]) -> Result<Vec<(ObjectKey, Live)>, ClusterError> {
        let (resource, namespace) = (&wanted[0].resource, wanted[0].reference.namespace.as_deref());
        let together = wanted.iter().all(|one| one.reference.namespace.as_deref() == namespace);
        if wanted.len() < SOME || !together || !resource.offers("list") {
            return self.get_each(wanted).await;
        }
        let keys: BTreeSet<ObjectKey> = wanted.iter().map(|one| one.reference.key()).collect();
        let limit = 2 * wanted.len();
        let address = format!("{}?limit={limit}", resource.collection(namespace));
        let types = types_of(resource);
        let mut found = Vec::new();
        let read = match self.wire().bytes(&Call::get(address)).await {
            Ok(body) => text(&body).and_then(page).and_then(|page| {
                take(&page, resource, &types, &keys, &mut found)?;
                Ok(page.metadata.next.is_empty())
            }),
            Err(failure) if failure.code() == 403 => Ok(false),
            Err(failure) => Err(failure),
        };
        match read {
            Ok(true) => Ok(found),
            Ok(false) => {
                let seen: BTreeSet<&ObjectKey> = found.iter().map(|(key, _)| key).collect();
                let is_missing = |one: &&&Wanted| !seen.contains(&one.reference.key());
                let missing: Vec<&Wanted> = wanted.iter().filter(is_missing).copied().collect();
                let rest = self.get_each(&missing).await?;
                found.extend(rest);
                Ok(found)
            }
            Err(failure) => Err(self.explain(&failure, "list", &resource.qualified(), false)),
        }
    }

    async fn get_each(&self, wanted: &[&Wanted]) -> Result<Vec<(ObjectKey, Live)>, ClusterError> {
        let gets = wanted.iter().map(async |one| {
            let live = self.read_one(&one.resource, &one.reference).await?;
            Ok::<_, ClusterError>(live.map(|live| (one.reference.key(), live)))
        });
        Ok(futures::future::try_join_all(gets).await?.into_iter().flatten().collect())
    }

    async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        keys: &BTreeSet<ObjectKey>,
    ) -> Result<Vec<(ObjectKey, Live)>, Failure> {
        let mut found = Vec::new();
        let types = types_of(resource);
        self.wire()
            .each_page(resource, namespace, JSON, |page, restarted| {
                if restarted {
                    found.clear();
                }
                take(page, resource, &types, keys, &mut found)
            })
            .await?;
        Ok(found)
    }
}

impl Wire {
    /// Walks a LIST page by page and returns its `resourceVersion`. A token that expires on the way starts the walk
    /// again, once; the second argument tells `visit` to drop what it has. Half a list is an error, never a result.
    pub(super) async fn each_page(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        accept: &'static str,
        mut visit: impl FnMut(&Page<'_>, bool) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let base = format!("{}?limit={PAGE}", resource.collection(namespace));
        let mut next = String::new();
        let (mut restarts, mut begins) = (0, true);
        loop {
            let address = if next.is_empty() {
                base.clone()
            } else {
                format!("{base}&continue={}", segment(&next))
            };
            let body = match self.bytes(&Call::get(address).accepting(accept)).await {
                Ok(body) => body,
                Err(failure) if failure.code() == 410 && restarts == 0 => {
                    restarts += 1;
                    begins = true;
                    next.clear();
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let page = page(text(&body)?)?;
            visit(&page, begins)?;
            begins = false;
            if page.metadata.next.is_empty() {
                return Ok(page.metadata.resource_version);
            }
            next = page.metadata.next;
        }
    }
}

fn page(text: &str) -> Result<Page<'_>, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::Malformed(format!("the list cannot be read: {error}")))
}

/// Takes the wanted objects of a page.
fn take(
    page: &Page<'_>,
    resource: &Resource,
    types: &Arc<Types>,
    keys: &BTreeSet<ObjectKey>,
    found: &mut Vec<(ObjectKey, Live)>,
) -> Result<(), Failure> {
    for item in page.items.iter().flatten() {
        let (key, live) = Live::read(item.get(), resource, types)?;
        if keys.contains(&key) {
            found.push((key, live));
        }
    }
    Ok(())
}

pub(super) fn text(body: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(body)
        .map_err(|error| Failure::Malformed(format!("the answer is no UTF-8: {error}")))
}

#[cfg(test)]
mod tests {
    use super::{Live, types_of};
    use crate::cluster::resource::Resource;

    #[test]
    fn a_listed_item_gets_its_type() {
        let pods = Resource::fixed("v1", "Pod", "pods", true);
        let text = r#"{"metadata": {"name": "a", "namespace": "b", "uid": "u", "resourceVersion": "5"}, "spec": {}}"#;
        let (key, live) = Live::read(text, &pods, &types_of(&pods)).unwrap();
        assert_eq!(
            (key.to_string().as_str(), &*live.uid, &*live.resource_version),
            ("Pod b/a", "u", "5")
        );
        let value = live.value();
        assert_eq!(
            (value["apiVersion"].as_str(), value["kind"].as_str()),
            (Some("v1"), Some("Pod"))
        );
    }
}
