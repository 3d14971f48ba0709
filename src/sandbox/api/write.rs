//! The three ways in which the store changes: an object is inserted, replaced or removed.

use serde_json::{Value, json};

use super::{
    ApiServer, convert,
    failure::Failure,
    identity, prepare,
    resource::Resource,
    rules::{self, Schema, Writer},
    store::{Key, Object, Reference},
};

/// How something is written, and in whose name.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Field manager.
    pub manager: String,
    /// Nothing is stored.
    pub dry_run: bool,
    /// Subresource through which it is written.
    pub subresource: Option<String>,
    /// The rules for fields do not apply (a scheduler binds a pod).
    pub unchecked: bool,
    /// `managedFields` are up to date already (server-side apply).
    pub tracked: bool,
}

impl Writing {
    /// A write of the server itself.
    pub fn by(manager: &str) -> Self {
        Self {
            manager: manager.to_owned(),
            dry_run: false,
            subresource: None,
            unchecked: false,
            tracked: false,
        }
    }

    /// The same through a subresource.
    pub fn through(self, subresource: &str) -> Self {
        Self { subresource: Some(subresource.to_owned()), ..self }
    }
}

/// How often a write is tried again when others write the same object meanwhile.
const ATTEMPTS: usize = 64;

impl ApiServer {
    /// Stores a new object.
    pub(super) fn insert(
        &self,
        resource: &Resource,
        object: Value,
        writing: &Writing,
    ) -> Result<Object, Failure> {
        let mut object = convert::to_stored(resource, object);
        let generated = object.pointer("/metadata/name").is_none();
        prepare::creation(resource, &mut object)?;
        self.check_namespace(resource, &object)?;
        self.complete(resource, None, &mut object, writing)?;
        for _ in 0..ATTEMPTS {
            let place = place_of(resource, &object);
            if writing.dry_run {
                return match self.store().get(&place.storage, &place.key) {
                    Some(_) => Err(Failure::already_exists(resource, &place.key.name)),
                    None => Ok(object.into()),
                };
            }
            match self.store().commit(&place, None, Some(object.clone())) {
                Ok(stored) => {
                    self.changed(resource, None, &stored);
                    return Ok(stored);
                }
                Err(_) if generated => prepare::generate_name(&mut object),
                Err(_) => return Err(Failure::already_exists(resource, &place.key.name)),
            }
        }
        Err(Failure::internal("no free name was found"))
    }

    /// Replaces an object by what `change` makes of its present state; again, when others were faster.
    ///
    /// An object that is being deleted goes when its last finalizer does.
    pub(super) fn replace(
        &self,
        resource: &Resource,
        place: &Reference,
        writing: &Writing,
        mut change: impl FnMut(&Object) -> Result<Value, Failure>,
    ) -> Result<Object, Failure> {
        for _ in 0..ATTEMPTS {
            let live = self
                .store()
                .get(&place.storage, &place.key)
                .ok_or_else(|| Failure::not_found(resource, &place.key.name))?;
            let mut object = convert::to_stored(resource, change(&live)?);
            prepare::update(resource, &live, &mut object, writing.subresource.as_deref())?;
            self.complete(resource, Some(&live), &mut object, writing)?;
            if !writing.unchecked {
                prepare::count_generation(resource, &live, &mut object);
            }
            rules::keep_times(&live, &mut object);
            if prepare::same(&live, &object) {
                return Ok(live);
            }
            if writing.dry_run {
                return Ok(object.into());
            }
            if prepare::is_finished(&object) {
                match self.store().commit(place, Some(&live), None) {
                    Ok(_) => {
                        self.removed(resource, &object);
                        return Ok(object.into());
                    }
                    Err(_) => continue,
                }
            }
            if let Ok(stored) = self.store().commit(place, Some(&live), Some(object)) {
                self.changed(resource, Some(&live), &stored);
                return Ok(stored);
            }
        }
        Err(Failure::modified(resource, &place.key.name))
    }

    /// Defaults, ownership, what the server allocates (which nobody owns), and the validation of the result.
    fn complete(
        &self,
        resource: &Resource,
        live: Option<&Object>,
        object: &mut Value,
        writing: &Writing,
    ) -> Result<(), Failure> {
        let schema = self.schema(resource);
        if let Some(schema) = &schema {
            rules::default(schema, object);
            if !writing.tracked {
                track(schema, (resource, live), object, writing);
            }
        }
        self.faults().mutate(&resource.plural, writing.dry_run, object);
        self.allocate(resource, live.map(|live| &**live), object, writing.dry_run);
        let Some(schema) = schema.filter(|_| !writing.unchecked) else { return Ok(()) };
        let causes = rules::validate(&schema, live.map(|live| &**live), object);
        if causes.is_empty() {
            return Ok(());
        }
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        Err(Failure::invalid(resource, name, &causes))
    }

    /// A namespaced object needs its namespace, and one that stays.
    fn check_namespace(&self, resource: &Resource, object: &Value) -> Result<(), Failure> {
        if !resource.namespaced {
            return Ok(());
        }
        let namespace =
            object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let key = Key { namespace: String::new(), name: namespace.to_owned() };
        let found =
            self.store().get("namespaces", &key).ok_or_else(|| Failure::no_namespace(namespace))?;
        if found.pointer("/metadata/deletionTimestamp").is_none() {
            return Ok(());
        }
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let mut failure = Failure::forbidden(resource, name, &why);
        if let Some(details) = &mut failure.details {
            details["causes"] = json!([{
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }]);
        }
        Err(failure)
    }
}

fn track(
    schema: &Schema,
    (resource, live): (&Resource, Option<&Object>),
    object: &mut Value,
    writing: &Writing,
) {
    let (version, time) = (resource.api_version(), identity::now());
    let writer = Writer {
        manager: &writing.manager,
        api_version: &version,
        time: &time,
        subresource: writing.subresource.as_deref(),
    };
    rules::track_update(schema, live.map(|live| &**live), object, &writer);
}

/// Where an object belongs.
pub fn place_of(resource: &Resource, object: &Value) -> Reference {
    let text = |pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let namespace = if resource.namespaced { text("/metadata/namespace") } else { String::new() };
    Reference {
        storage: resource.storage.clone(),
        key: Key { namespace, name: text("/metadata/name") },
    }
}
