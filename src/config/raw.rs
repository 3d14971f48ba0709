//! What the files say, table by table, before anything is inherited. Every value knows its line.

use super::fault::{Place, Sited};
use super::messages::{self, RawMessages};
use super::reader::{File, Reader};
use super::rendering::RawRendering;
use super::rules::{Kind, Rule, authentication, rule};
use super::settings::Notify;
use crate::domain::mapping::SecretsInGit;
use crate::domain::{Authentication, EngineKind, IgnoreRule, SecretRef, SignatureFormat, Source};
use std::time::Duration;

/// Every table of every file, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub kubeconfig: Option<Sited<String>>,
    pub known_hosts: Option<Sited<String>>,
    pub record_namespace: Option<Sited<String>>,
    pub cache_dir: Option<Sited<String>>,
    pub data_dir: Option<Sited<String>>,
    pub author_name: Option<Sited<String>>,
    pub author_email: Option<Sited<String>>,
    pub committer_name: Option<Sited<String>>,
    pub committer_email: Option<Sited<String>>,
    pub signing_format: Option<Sited<Option<SignatureFormat>>>,
    pub signing_key: Option<Sited<String>>,
    pub allowed_signers: Option<Sited<String>>,
    pub production: Option<Sited<Vec<String>>>,
    pub read_only: Option<Sited<bool>>,
    pub sensitive: Option<Sited<Vec<String>>>,
    pub vault_identity: Option<Sited<String>>,
    pub vault_passphrase: Option<Sited<SecretRef>>,
    pub theme: Option<Sited<String>>,
    pub glyphs: Option<Sited<&'static str>>,
    pub notify: Option<Sited<Notify>>,
    pub defaults: Layer,
    pub specific: Vec<Rule>,
    pub generic: Vec<Rule>,
    pub repositories: Vec<Named<Repository>>,
    pub projects: Vec<Named<Project>>,
    pub mappings: Vec<Named<MappingTable>>,
}

/// A table with the name it has in the file.
#[derive(Debug)]
pub(super) struct Named<T> {
    pub name: String,
    pub place: Place,
    pub table: T,
}

/// Settings that are inherited: `[defaults]`, `[projects.X]`, `[mappings.X]`.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub context: Option<Sited<String>>,
    pub namespace: Option<Sited<String>>,
    pub engine: Option<Sited<EngineKind>>,
    pub source: Option<Sited<Source>>,
    pub polling_interval: Option<Sited<Duration>>,
    pub auto: Option<Sited<bool>>,
    pub prune: Option<Sited<bool>>,
    pub self_heal: Option<Sited<bool>>,
    pub prune_limit: Option<Sited<u64>>,
    pub record_quiet: Option<Sited<Duration>>,
    pub record_push: Option<Sited<bool>>,
    pub record_secrets: Option<Sited<SecretsInGit>>,
    pub depends_on: Option<Sited<Vec<String>>>,
    pub require_signed: Option<Sited<bool>>,
    pub messages: RawMessages,
    pub ignore: Vec<Sited<IgnoreRule>>,
    pub rendering: RawRendering,
}

/// `[projects.X]`.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub repository: Option<Sited<String>>,
    pub path_prefix: Option<Sited<String>>,
    pub layer: Layer,
}

/// `[mappings.X]`.
#[derive(Debug, Default)]
pub(super) struct MappingTable {
    pub project: Option<Sited<String>>,
    pub repository: Option<Sited<String>>,
    pub path: Option<Sited<String>>,
    pub connected: Option<Sited<bool>>,
    pub layer: Layer,
}

/// `[repositories.X]`.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub url: Option<Sited<String>>,
    pub branch: Option<Sited<String>>,
    pub display_name: Option<Sited<String>>,
    pub shared: bool,
    pub project: Option<Sited<String>>,
    pub authentication: Option<Sited<Authentication>>,
    pub polling_interval: Option<Sited<Duration>>,
}

impl Raw {
    /// Takes in one file. What is wrong is noted in the file.
    pub(super) fn read(&mut self, file: &File, root: &dyn toml_edit::TableLike) {
        let place = file.place(None);
        let mut top = Reader::new(file, root, "the configuration".to_owned(), place);
        once(file, &mut self.kubeconfig, top.text("kubeconfig"));
        once(file, &mut self.known_hosts, top.text("known_hosts"));
        once(file, &mut self.record_namespace, top.text("record_namespace"));
        once(file, &mut self.cache_dir, top.text("cache_dir"));
        once(file, &mut self.data_dir, top.text("data_dir"));
        self.read_small_tables(file, &mut top);
        for (key, kind) in [("github", Kind::GitHub), ("gitlab", Kind::GitLab)] {
            self.specific.extend(top.list(key).into_iter().filter_map(|table| rule(table, kind)));
        }
        let generic = top.list("auth").into_iter().filter_map(|table| rule(table, Kind::Generic));
        self.generic.extend(generic);
        add(file, &mut self.repositories, top.named("repositories"), repository);
        add(file, &mut self.projects, top.named("projects"), project);
        add(file, &mut self.mappings, top.named("mappings"), mapping);
        top.finish();
    }

    fn read_small_tables(&mut self, file: &File, top: &mut Reader<'_>) {
        if let Some(mut table) = top.table("author") {
            once(file, &mut self.author_name, table.text("name"));
            once(file, &mut self.author_email, table.text("email"));
            table.finish();
        }
        if let Some(mut table) = top.table("committer") {
            once(file, &mut self.committer_name, table.text("name"));
            once(file, &mut self.committer_email, table.text("email"));
            table.finish();
        }
        if let Some(mut table) = top.table("signing") {
            let formats = [
                ("ssh", Some(SignatureFormat::Ssh)),
                ("openpgp", Some(SignatureFormat::OpenPgp)),
                ("off", None),
            ];
            once(file, &mut self.signing_format, table.word("format", &formats));
            once(file, &mut self.signing_key, table.text("key"));
            once(file, &mut self.allowed_signers, table.text("allowed_signers"));
            table.finish();
        }
        if let Some(mut table) = top.table("safety") {
            once(file, &mut self.production, table.texts("production"));
            once(file, &mut self.read_only, table.flag("read_only"));
            once(file, &mut self.sensitive, table.texts("sensitive"));
            table.finish();
        }
        if let Some(mut table) = top.table("vault") {
            once(file, &mut self.vault_identity, table.text("identity"));
            once(file, &mut self.vault_passphrase, table.secret("passphrase"));
            table.finish();
        }
        if let Some(mut table) = top.table("console") {
            once(file, &mut self.theme, table.text("theme"));
            let glyphs = [("unicode", "unicode"), ("ascii", "ascii")];
            once(file, &mut self.glyphs, table.word("glyphs", &glyphs));
            let notify =
                [("bell", Notify::Bell), ("desktop", Notify::Desktop), ("off", Notify::Off)];
            once(file, &mut self.notify, table.word("notify", &notify));
            table.finish();
        }
        if let Some(mut table) = top.table("defaults") {
            let layer = layer(&mut table);
            self.defaults.join(file, layer);
            table.finish();
        }
    }
}

impl Layer {
    /// Adds the same table of another file.
    fn join(&mut self, file: &File, other: Self) {
        once(file, &mut self.context, other.context);
        once(file, &mut self.namespace, other.namespace);
        once(file, &mut self.engine, other.engine);
        once(file, &mut self.source, other.source);
        once(file, &mut self.polling_interval, other.polling_interval);
        once(file, &mut self.auto, other.auto);
        once(file, &mut self.prune, other.prune);
        once(file, &mut self.self_heal, other.self_heal);
        once(file, &mut self.prune_limit, other.prune_limit);
        once(file, &mut self.record_quiet, other.record_quiet);
        once(file, &mut self.record_push, other.record_push);
        once(file, &mut self.record_secrets, other.record_secrets);
        once(file, &mut self.depends_on, other.depends_on);
        once(file, &mut self.require_signed, other.require_signed);
        messages::join(file, &mut self.messages, other.messages);
        self.ignore.extend(other.ignore);
        self.rendering.join(file, other.rendering);
    }
}

/// Takes a value over; a second one is a fault, because which of two files wins would be a riddle.
pub(super) fn once<T>(file: &File, known: &mut Option<Sited<T>>, new: Option<Sited<T>>) {
    match (known.as_ref(), new) {
        (Some(first), Some(second)) => {
            file.fault(second.place, format!("set already at {}; remove one of both", first.place));
        }
        (None, new @ Some(_)) => *known = new,
        (_, None) => {}
    }
}

fn add<'a, T>(
    file: &File,
    known: &mut Vec<Named<T>>,
    tables: Vec<(String, Reader<'a>)>,
    read: fn(Reader<'a>) -> T,
) {
    for (name, reader) in tables {
        let place = reader.place();
        if !is_name(&name) {
            let message = "names are letters, digits, `-`, `_` and `.`, begin with a letter or digit and have at most 63 characters";
            file.fault(place.clone(), format!("`{}`: {message}", name.escape_debug()));
        }
        if let Some(first) = known.iter().find(|other| other.name == name) {
            let message = format!("`{name}` exists already at {}", first.place);
            file.fault(place.clone(), message);
        }
        known.push(Named { name, place, table: read(reader) });
    }
}

/// Names end up in labels and object names of Kubernetes, and in file names.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn layer(table: &mut Reader<'_>) -> Layer {
    let engines = [
        ("direct", EngineKind::Direct),
        ("flux", EngineKind::Flux),
        ("argocd", EngineKind::Argocd),
    ];
    let mut layer = Layer {
        context: table.text("context"),
        namespace: table.text("namespace"),
        engine: table.word("engine", &engines),
        source: table.word("source", &[("git", Source::Git), ("cluster", Source::Cluster)]),
        polling_interval: table.duration("polling_interval"),
        depends_on: table.texts("depends_on"),
        require_signed: table.flag("require_signed"),
        messages: messages::read(table),
        rendering: RawRendering::read(table),
        ..Layer::default()
    };
    if let Some(mut sync) = table.table("sync") {
        layer.auto = sync.flag("auto");
        layer.prune = sync.flag("prune");
        layer.self_heal = sync.flag("self_heal");
        layer.prune_limit = sync.number("prune_limit");
        sync.finish();
    }
    if let Some(mut record) = table.table("record") {
        layer.record_quiet = record.duration("quiet_period");
        layer.record_push = record.flag("push");
        let secrets = [SecretsInGit::Skip, SecretsInGit::Sops].map(|one| (one.word(), one));
        layer.record_secrets = record.word("secrets", &secrets);
        record.finish();
    }
    for rule in table.list("ignore") {
        layer.ignore.extend(ignore(rule));
    }
    layer
}

fn ignore(mut table: Reader<'_>) -> Option<Sited<IgnoreRule>> {
    let keys = ["group", "kind", "namespace", "name", "labels", "path", "manager"];
    let mut texts = keys.map(|key| table.text(key));
    let place = table.place();
    let at = |key: &str| {
        let index = keys.iter().position(|known| *known == key)?;
        Some(texts[index].as_ref()?.place.clone())
    };
    let place_of = |key: &str| at(key).unwrap_or_else(|| place.clone());
    let places: Vec<Place> = keys.iter().map(|key| place_of(key)).collect();
    let mut take = |key: &str| {
        let index = keys.iter().position(|known| *known == key)?;
        texts[index].take().map(|text| text.value)
    };
    let rule = IgnoreRule {
        group: take("group"),
        kind: take("kind"),
        namespace: take("namespace"),
        name: take("name"),
        labels: take("labels"),
        path: take("path"),
        manager: take("manager"),
        place: Some(place.to_string()),
    };
    let faults = rule.faults();
    for (key, fault) in &faults {
        let index = keys.iter().position(|known| known == key).unwrap_or_default();
        table.fault(places[index].clone(), fault);
    }
    table.finish();
    faults.is_empty().then_some(Sited { value: rule, place })
}

fn project(mut table: Reader<'_>) -> Project {
    let project = Project {
        repository: table.text("repository"),
        path_prefix: table.text("path_prefix"),
        layer: layer(&mut table),
    };
    table.finish();
    project
}

fn mapping(mut table: Reader<'_>) -> MappingTable {
    let mapping = MappingTable {
        project: table.text("project"),
        repository: table.text("repository"),
        path: table.text("path"),
        connected: table.flag("connected"),
        layer: layer(&mut table),
    };
    table.finish();
    mapping
}

fn repository(mut table: Reader<'_>) -> Repository {
    let repository = Repository {
        url: table.text("url"),
        branch: table.text("branch"),
        display_name: table.text("display_name"),
        shared: table.word("access", &[("shared", ())]).is_some(),
        project: table.text("project"),
        authentication: authentication(&mut table, "git"),
        polling_interval: table.duration("polling_interval"),
    };
    if let (true, Some(project)) = (repository.shared, &repository.project) {
        let message = "a repository is shared or belongs to a project, not both; remove `access` or `project`";
        table.fault(project.place.clone(), message);
    }
    table.finish();
    repository
}
