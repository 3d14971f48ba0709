//! Mappings: every setting from the mapping, else its project, else the defaults.

use super::duration;
use super::fault::{Fault, Sited};
use super::messages::messages;
use super::raw::{Layer, MappingTable, Named, Project};
use super::resolve::Resolver;
use super::settings::{Access, RepositorySettings};
use super::trace::{Origin, Trace};
use crate::domain::pattern::matches;
use crate::domain::{EngineKind, IgnoreRule, Mapping, Source, SyncPolicy, Target};
use indexmap::IndexMap;

/// The layers of one mapping, the nearest first; the last one is `[defaults]`.
pub(super) struct Layers<'a>(pub Vec<(String, &'a Layer)>);

impl<'a> Resolver<'a> {
    /// All mappings.
    pub(super) fn mappings(
        &mut self,
        repositories: &IndexMap<String, RepositorySettings>,
    ) -> IndexMap<String, Mapping> {
        let raw = self.raw;
        let mut mappings = IndexMap::new();
        for named in &raw.mappings {
            if let Some(mapping) = self.mapping(named, repositories, &mut Trace::off()) {
                mappings.insert(named.name.clone(), mapping);
            }
        }
        self.no_cycles(&mappings);
        self.no_loops(&mappings, repositories);
        mappings
    }

    /// One mapping with what it inherits.
    pub(super) fn mapping(
        &mut self,
        named: &'a Named<MappingTable>,
        repositories: &IndexMap<String, RepositorySettings>,
        trace: &mut Trace,
    ) -> Option<Mapping> {
        let table = &named.table;
        let project = match &table.project {
            Some(name) => Some(self.known_project(name)?),
            None => None,
        };
        let layers = Layers::of(self.raw, named, project);
        let repository = self.repository_of(named, project, trace)?;
        let settings = repositories.get(&repository);
        self.may_use(named, settings);
        let path = self.path_of(named, project, trace)?;
        let target = self.target(&layers, trace);
        let production = self.is_production(&target);
        trace.note("production", || production.to_string(), vec![Origin::beside("[safety]")]);
        if let Some(list) = &self.raw.sensitive {
            let origin = Origin { level: "[safety]".to_owned(), place: Some(list.place.clone()) };
            trace.note("sensitive", || list.value.join(", "), vec![origin]);
        }
        // Without a word of its own it is fetched as often as its repository, which knows the defaults already.
        let mut near = layers.of_each(|layer| layer.polling_interval.as_ref());
        near.pop();
        let fallback = settings.map(|repository| repository.polling_interval).unwrap_or_default();
        let polling_interval =
            trace.pick("polling_interval", &near, fallback, |interval| duration::show(*interval));
        let connected = [(layers.0[0].0.as_str(), table.connected.as_ref())];
        Some(Mapping {
            name: named.name.clone(),
            project: table.project.as_ref().map(|project| project.value.clone()),
            repository,
            path,
            engine: layers.engine(trace),
            source: layers.source(trace),
            target,
            sync: layers.sync(trace),
            record: self.recording(&layers, trace),
            messages: messages(&layers, trace),
            rendering: layers.rendering(trace),
            ignore: layers.ignore(trace),
            production,
            polling_interval,
            depends_on: self.depends_on(&named.name, &layers, trace),
            require_signed: layers.require_signed(trace),
            connected: trace.pick("connected", &connected, true, bool::to_string),
        })
    }

    fn repository_of(
        &mut self,
        named: &Named<MappingTable>,
        project: Option<&Named<Project>>,
        trace: &mut Trace,
    ) -> Option<String> {
        let own = format!("mapping {}", named.name);
        let of_project = project.and_then(|project| project.table.repository.as_ref());
        let levels = [(own.as_str(), named.table.repository.as_ref()), ("its project", of_project)];
        let repository = trace.pick("repository", &levels, String::new(), String::clone);
        if repository.is_empty() {
            let message = format!(
                "[mappings.{}] needs a `repository`, its own or that of its project",
                named.name
            );
            self.faults.push(Fault { place: named.place.clone(), message });
            return None;
        }
        match &named.table.repository {
            Some(written) if !self.known_repository(written) => None,
            _ => Some(repository),
        }
    }

    /// A private repository serves only its own project.
    fn may_use(&mut self, named: &Named<MappingTable>, repository: Option<&RepositorySettings>) {
        let Some(repository) = repository else { return };
        let Access::Project(owner) = &repository.access else { return };
        let project = named.table.project.as_ref().map(|project| project.value.as_str());
        if project != Some(owner) {
            let message = format!(
                "repository `{}` is private to project `{owner}`; give [mappings.{}] that project, or make the repository shared",
                repository.remote.name, named.name
            );
            self.faults.push(Fault { place: named.place.clone(), message });
        }
    }

    fn path_of(
        &mut self,
        named: &Named<MappingTable>,
        project: Option<&Named<Project>>,
        trace: &mut Trace,
    ) -> Option<String> {
        let prefix = project.and_then(|project| project.table.path_prefix.as_ref());
        if named.table.path.is_none() && prefix.is_none() {
            let message =
                format!("[mappings.{}] needs a `path`; \".\" is the whole repository", named.name);
            self.faults.push(Fault { place: named.place.clone(), message });
            return None;
        }
        let mut parts = Vec::new();
        let mut origins = Vec::new();
        for (level, written) in [("its project", prefix), ("mapping", named.table.path.as_ref())] {
            let Some(written) = written else { continue };
            parts.push(self.clean_path(written)?);
            origins
                .insert(0, Origin { level: level.to_owned(), place: Some(written.place.clone()) });
        }
        parts.retain(|part| !part.is_empty());
        let path = parts.join("/");
        origins.truncate(1);
        trace.note("path", || path.clone(), origins);
        Some(path)
    }

    fn target(&mut self, layers: &Layers<'_>, trace: &mut Trace) -> Target {
        let place_of = |word: &Option<String>| word.clone().unwrap_or_default();
        let context = layers.of_each(|layer| layer.context.as_ref());
        let beside = if self.overrides.context.is_some() {
            ("--context", place_of(&self.overrides.context))
        } else {
            ("current context of the kubeconfig", place_of(&self.current_context))
        };
        let context = pick_or(trace, "context", &context, beside);
        let namespace = layers.of_each(|layer| layer.namespace.as_ref());
        for (_, written) in &namespace {
            if let Some(written) = written.filter(|written| !is_namespace(&written.value)) {
                self.fault(
                    written,
                    "a namespace has lowercase letters, digits and `-`, at most 63",
                );
            }
        }
        let beside = match &self.overrides.namespace {
            Some(name) => ("--namespace", name.clone()),
            None => ("built in", "default".to_owned()),
        };
        Target { context, namespace: pick_or(trace, "namespace", &namespace, beside) }
    }

    fn is_production(&self, target: &Target) -> bool {
        let Some(patterns) = &self.raw.production else { return false };
        let names = [&target.context, &target.namespace];
        patterns.value.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)))
    }
}

impl<'a> Layers<'a> {
    fn of(
        raw: &'a super::raw::Raw,
        named: &'a Named<MappingTable>,
        project: Option<&'a Named<Project>>,
    ) -> Self {
        let mut layers = vec![(format!("mapping {}", named.name), &named.table.layer)];
        if let Some(project) = project {
            layers.push((format!("project {}", project.name), &project.table.layer));
        }
        layers.push(("defaults".to_owned(), &raw.defaults));
        Self(layers)
    }

    pub(super) fn of_each<T>(
        &self,
        get: impl Fn(&'a Layer) -> Option<&'a Sited<T>>,
    ) -> Vec<(&str, Option<&'a Sited<T>>)> {
        self.0.iter().map(|(label, layer)| (label.as_str(), get(layer))).collect()
    }

    fn engine(&self, trace: &mut Trace) -> EngineKind {
        let levels = self.of_each(|layer| layer.engine.as_ref());
        trace.pick("engine", &levels, EngineKind::Direct, |engine| match engine {
            EngineKind::Direct => "direct".to_owned(),
            EngineKind::Flux => "flux".to_owned(),
            EngineKind::Argocd => "argocd".to_owned(),
        })
    }

    fn source(&self, trace: &mut Trace) -> Source {
        let levels = self.of_each(|layer| layer.source.as_ref());
        trace.pick("source", &levels, Source::Git, |source| source.word().to_owned())
    }

    fn require_signed(&self, trace: &mut Trace) -> bool {
        let levels = self.of_each(|layer| layer.require_signed.as_ref());
        trace.pick("require_signed", &levels, false, bool::to_string)
    }

    fn sync(&self, trace: &mut Trace) -> SyncPolicy {
        let built_in = SyncPolicy::default();
        let flag = bool::to_string;
        let auto = self.of_each(|layer| layer.auto.as_ref());
        let prune = self.of_each(|layer| layer.prune.as_ref());
        let self_heal = self.of_each(|layer| layer.self_heal.as_ref());
        let limit = self.of_each(|layer| layer.prune_limit.as_ref());
        let most = built_in.prune_limit as u64;
        SyncPolicy {
            auto: trace.pick("sync.auto", &auto, built_in.auto, flag),
            prune: trace.pick("sync.prune", &prune, built_in.prune, flag),
            self_heal: trace.pick("sync.self_heal", &self_heal, built_in.self_heal, flag),
            prune_limit: trace.pick("sync.prune_limit", &limit, most, u64::to_string) as usize,
        }
    }

    /// Ignore rules add up: what is ignored everywhere is ignored here too.
    fn ignore(&self, trace: &mut Trace) -> Vec<IgnoreRule> {
        let mut rules = Vec::new();
        for (label, layer) in &self.0 {
            for rule in &layer.ignore {
                let place = Some(rule.place.clone());
                let origin = Origin { level: label.clone(), place };
                trace.note("ignore", || rule.value.to_string(), vec![origin]);
                rules.push(rule.value.clone());
            }
        }
        rules
    }
}

/// Like [`Trace::pick`], for texts whose last resort is no line of a file.
fn pick_or(
    trace: &mut Trace,
    key: &str,
    levels: &[(&str, Option<&Sited<String>>)],
    (beside, fallback): (&str, String),
) -> String {
    let written = levels.iter().find_map(|(_, sited)| *sited).filter(|text| !text.value.is_empty());
    if written.is_some() {
        return trace.pick(key, levels, String::new(), String::clone);
    }
    trace.note(key, || fallback.clone(), vec![Origin::beside(beside)]);
    fallback
}

/// DNS label, as Kubernetes wants it (RFC 1123).
fn is_namespace(name: &str) -> bool {
    name.len() <= 63
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
