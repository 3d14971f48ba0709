//! What the server serves: kinds with their scope, and the groups that could not be asked.

use super::resource::Resource;
use super::wire::{Call, Failure, Wire};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Kinds and failed groups.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    kinds: HashMap<(String, String), Vec<Resource>>,
    failed: BTreeMap<String, String>,
}

/// How a kind is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It is served.
    Served(&'a Resource),
    /// The kind is served, in other versions.
    OtherVersions(Vec<&'a str>),
    /// Its group could not be asked; the reason is given.
    Failed(&'a str),
    /// It is not served.
    Unknown,
}

impl Catalogue {
    /// Asks the server, with two requests where it speaks aggregated discovery (Kubernetes 1.27 and later).
    pub(super) async fn read(wire: &Wire) -> Result<Self, Failure> {
        let (core, groups) =
            (Call::get("/api").accepting(AGGREGATED), Call::get("/apis").accepting(AGGREGATED));
        let (core, groups) =
            futures::future::try_join(wire.json(&core), wire.json(&groups)).await?;
        let mut catalogue = Self::default();
        for answer in [core, groups] {
            if answer["kind"] == "APIGroupDiscoveryList" {
                catalogue.add_aggregated(&answer);
            } else {
                catalogue.add_unaggregated(wire, &answer).await;
            }
        }
        Ok(catalogue)
    }

    /// Looks a kind up under the version in which it is written.
    pub fn lookup(&self, group: &str, version: &str, kind: &str) -> Lookup<'_> {
        let Some(versions) = self.versions(group, kind) else {
            return self.failed.get(group).map_or(Lookup::Unknown, |reason| Lookup::Failed(reason));
        };
        match versions.iter().find(|resource| resource.version == version) {
            Some(resource) => Lookup::Served(resource),
            None if self.failed.contains_key(group) => Lookup::Failed(&self.failed[group]),
            None => Lookup::OtherVersions(
                versions.iter().map(|resource| resource.version.as_str()).collect(),
            ),
        }
    }

    /// A kind in the wanted version, or else in the one that the server prefers.
    pub fn any(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        let versions = self.versions(group, kind)?;
        versions.iter().find(|resource| resource.version == version).or_else(|| versions.first())
    }

    /// Every kind in the version that the server prefers, by group and kind.
    pub fn preferred(&self) -> impl Iterator<Item = &Resource> {
        let mut all: Vec<&Resource> = self.kinds.values().filter_map(|one| one.first()).collect();
        all.sort_by(|a, b| (&a.group, &a.kind).cmp(&(&b.group, &b.kind)));
        all.into_iter()
    }

    /// `apps/v1` and `apps/v1/Deployment` of everything that is served, sorted.
    pub fn api_versions(&self) -> Vec<String> {
        let resources = self.kinds.values().flatten();
        let names = resources.flat_map(|resource| {
            let version = api_version(&resource.group, &resource.version);
            [format!("{version}/{}", resource.kind), version]
        });
        let names: BTreeSet<String> = names.collect();
        names.into_iter().collect()
    }

    /// Groups that could not be asked, with the reason.
    pub fn failed(&self) -> &BTreeMap<String, String> {
        &self.failed
    }

    fn versions(&self, group: &str, kind: &str) -> Option<&Vec<Resource>> {
        // Two owned strings per look-up; manifests come in thousands, not in millions.
        self.kinds.get(&(group.to_owned(), kind.to_owned()))
    }

    fn add(&mut self, resource: Resource) {
        let versions =
            self.kinds.entry((resource.group.clone(), resource.kind.clone())).or_default();
        if !versions.iter().any(|known| known.version == resource.version) {
            versions.push(resource);
        }
    }

    fn add_aggregated(&mut self, list: &Value) {
        for group in array(&list["items"]) {
            let name = text(&group["metadata"]["name"]);
            for version in array(&group["versions"]) {
                if version["freshness"] == "Stale" {
                    self.failed
                        .insert(name.clone(), format!("the backend of {name} does not answer"));
                }
                for item in array(&version["resources"]) {
                    let kind = &item["responseKind"];
                    self.add(Resource {
                        group: first_of(&kind["group"], &name),
                        version: first_of(&kind["version"], &text(&version["version"])),
                        kind: text(&kind["kind"]),
                        plural: text(&item["resource"]),
                        namespaced: item["scope"] == "Namespaced",
                        verbs: array(&item["verbs"]).map(text).collect(),
                    });
                }
            }
        }
    }

    /// The older form: one request per group and version; a group that fails is recorded.
    async fn add_unaggregated(&mut self, wire: &Wire, list: &Value) {
        let core = array(&list["versions"])
            .filter_map(Value::as_str)
            .map(|version| (String::new(), version.to_owned()));
        let named = array(&list["groups"]).flat_map(|group| {
            let preferred = text(&group["preferredVersion"]["version"]);
            let mut versions: Vec<String> =
                array(&group["versions"]).map(|version| text(&version["version"])).collect();
            versions.sort_by_key(|version| *version != preferred);
            let name = text(&group["name"]);
            versions.into_iter().map(move |version| (name.clone(), version))
        });
        let wanted: Vec<(String, String)> = core.chain(named).collect();
        let answers = futures::future::join_all(wanted.iter().map(async |(group, version)| {
            let resource = Resource::fixed(&api_version(group, version), "", "", false);
            wire.json(&Call::get(resource.collection(None).trim_end_matches('/'))).await
        }));
        for ((group, version), answer) in wanted.iter().zip(answers.await) {
            match answer {
                Ok(answer) => self.add_list(group, version, &answer),
                Err(failure) => {
                    self.failed.insert(
                        group.clone(),
                        format!("{group}/{version} does not answer ({})", failure.code()),
                    );
                }
            }
        }
    }

    fn add_list(&mut self, group: &str, version: &str, list: &Value) {
        for item in array(&list["resources"]).filter(|item| !text(&item["name"]).contains('/')) {
            self.add(Resource {
                group: first_of(&item["group"], group),
                version: first_of(&item["version"], version),
                kind: text(&item["kind"]),
                plural: text(&item["name"]),
                namespaced: item["namespaced"] == true,
                verbs: array(&item["verbs"]).map(text).collect(),
            });
        }
    }
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn first_of(value: &Value, otherwise: &str) -> String {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or(otherwise).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Lookup};
    use serde_json::json;

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        catalogue.add_aggregated(&json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": "deployments", "scope": "Namespaced", "verbs": ["get", "list"],
                 "responseKind": {"group": "", "version": "", "kind": "Deployment"}}]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}]}));
        catalogue
    }

    #[test]
    fn aggregated_groups() {
        let catalogue = catalogue();
        let Lookup::Served(resource) = catalogue.lookup("apps", "v1", "Deployment") else {
            panic!("not served")
        };
        assert_eq!(resource.collection(Some("a")), "/apis/apps/v1/namespaces/a/deployments");
        assert_eq!(
            catalogue.lookup("apps", "v1beta1", "Deployment"),
            Lookup::OtherVersions(vec!["v1"])
        );
        assert_eq!(catalogue.lookup("apps", "v1", "Missing"), Lookup::Unknown);
    }

    #[test]
    fn a_failed_group_blocks_only_itself() {
        let catalogue = catalogue();
        assert!(matches!(
            catalogue.lookup("metrics.k8s.io", "v1beta1", "PodMetrics"),
            Lookup::Failed(_)
        ));
        assert_eq!(catalogue.failed().len(), 1);
        assert!(matches!(catalogue.lookup("apps", "v1", "Deployment"), Lookup::Served(_)));
    }
}
