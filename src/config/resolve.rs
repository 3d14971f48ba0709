//! What the files say to settings: the global parts, repositories with their rules, and projects.

use super::address::Address;
use super::environment::Environment;
use super::fault::{Fault, Sited};
use super::inherit::Layers;
use super::messages::messages;
use super::raw::{Named, Project, Raw, Repository};
use super::rules::{Rule, Winners, winners};
use super::settings::{
    Access, ConsoleSettings, ProjectSettings, RepositorySettings, Safety, Settings,
};
use super::trace::Trace;
use super::{Overrides, Places, context, duration, suggest};
use crate::domain::sensitive::Sensitive;
use crate::domain::{Authentication, Author, Backoff, Remote, SecretRef, Signing, VaultKey};
use indexmap::IndexMap;
use std::path::Path;
use std::time::Duration;

/// How often a repository is fetched where nothing says otherwise.
const POLLING: Duration = Duration::from_secs(180);

/// Everything that resolving needs, and the faults that it finds.
pub(super) struct Resolver<'a> {
    pub raw: &'a Raw,
    pub overrides: &'a Overrides,
    /// The kubeconfig's current context.
    pub current_context: Option<String>,
    pub faults: Vec<Fault>,
}

/// Resolves everything.
pub(super) fn resolve(
    raw: &Raw,
    overrides: &Overrides,
    environment: &Environment,
    places: Places,
) -> Result<Settings, Vec<Fault>> {
    let mut resolver = Resolver::new(raw, overrides, environment, &places);
    let console = ConsoleSettings::default();
    let theme = raw.theme.as_ref().map_or(console.theme, |theme| theme.value.clone());
    let glyphs = raw.glyphs.as_ref().map_or(console.glyphs, |glyphs| glyphs.value.to_owned());
    let notify = raw.notify.as_ref().map_or(console.notify, |notify| notify.value);
    let author = resolver.author();
    let committer = resolver.committer();
    let signing = resolver.signing();
    let vault = resolver.vault(environment);
    let repositories = resolver.repositories();
    let projects = resolver.projects();
    let mappings = resolver.mappings(&repositories);
    let record_namespace = resolver.record_namespace();
    let sensitive = resolver.sensitive();
    let defaults = Layers(vec![("defaults".to_owned(), &raw.defaults)]);
    let messages = messages(&defaults, &mut Trace::off());
    if !resolver.faults.is_empty() {
        return Err(resolver.faults);
    }
    Ok(Settings {
        files: Vec::new(),
        read_with: Overrides::default(),
        author,
        committer,
        signing,
        messages,
        vault,
        safety: resolver.safety(sensitive),
        repositories,
        projects,
        mappings,
        pace: Backoff::default(),
        console: ConsoleSettings { theme, glyphs, notify },
        kubeconfig: places.kubeconfig,
        record_namespace,
        cache_dir: places.cache_dir,
        data_dir: places.data_dir,
        known_hosts: places.known_hosts,
        allowed_signers: places.allowed_signers,
    })
}

/// Name and address, as far as they are written.
type Person<'a> = (&'a Option<Sited<String>>, &'a Option<Sited<String>>);

impl<'a> Resolver<'a> {
    pub(super) fn new(
        raw: &'a Raw,
        overrides: &'a Overrides,
        environment: &Environment,
        places: &Places,
    ) -> Self {
        let current_context = context::current(places.kubeconfig.as_deref(), environment);
        Self { raw, overrides, current_context, faults: Vec::new() }
    }

    /// Notes a fault at a value.
    pub(super) fn fault<T>(&mut self, at: &Sited<T>, message: impl Into<String>) {
        self.faults.push(Fault { place: at.place.clone(), message: message.into() });
    }

    fn author(&mut self) -> Option<Author> {
        self.person("author", (&self.raw.author_name, &self.raw.author_email))
    }

    fn committer(&mut self) -> Option<Author> {
        self.person("committer", (&self.raw.committer_name, &self.raw.committer_email))
    }

    fn person(&mut self, table: &str, written: Person<'_>) -> Option<Author> {
        match written {
            (Some(name), Some(email)) => {
                for text in [name, email] {
                    if text.value.trim().is_empty()
                        || text.value.contains(['<', '>', '\n', '\r', '\0'])
                    {
                        self.fault(text, format!("name and address in [{table}] are not empty and hold no `<`, `>` or line end"));
                    }
                }
                Some(Author { name: name.value.clone(), email: email.value.clone() })
            }
            (None, None) => None,
            (Some(half), None) | (None, Some(half)) => {
                self.fault(half, format!("[{table}] needs both `name` and `email`"));
                None
            }
        }
    }

    fn signing(&mut self) -> Signing {
        let key = self.raw.signing_key.as_ref();
        match (&self.raw.signing_format, key) {
            (None, None) => Signing::AsGit,
            (None, Some(key)) => {
                self.fault(key, "[signing] needs `format` beside `key`: \"ssh\" or \"openpgp\"");
                Signing::AsGit
            }
            (Some(Sited { value: None, .. }), _) => Signing::Off,
            (Some(Sited { value: Some(format), .. }), key) => {
                Signing::With { format: *format, key: key.map(|key| key.value.clone()) }
            }
        }
    }

    /// What opens the vault; a passphrase file of the environment wins.
    fn vault(&mut self, environment: &Environment) -> VaultKey {
        let raw = self.raw;
        let identity = raw.vault_identity.as_ref().map(|text| {
            let folder = text.place.file.parent().unwrap_or(Path::new("."));
            environment.path(&text.value, folder)
        });
        if let Some(passphrase) = &raw.vault_passphrase
            && !matches!(
                passphrase.value,
                SecretRef::Env(_) | SecretRef::File(_) | SecretRef::Keyring(_)
            )
        {
            self.fault(
                passphrase,
                "`passphrase` of [vault] is `env:NAME`, `file:PATH` or `keyring:NAME`",
            );
        }
        let configured = raw.vault_passphrase.as_ref().map(|one| one.value.clone());
        let file = environment.get("GITDECK_VAULT_PASSPHRASE_FILE");
        let passphrase = file.map(|path| SecretRef::File(path.to_owned())).or(configured);
        VaultKey { identity, passphrase }
    }

    fn record_namespace(&mut self) -> Option<String> {
        let name = self.raw.record_namespace.as_ref()?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let text = &name.value;
        let edge = |c: char| c == '-';
        if text.is_empty()
            || text.len() > 63
            || !text.chars().all(plain)
            || text.starts_with(edge)
            || text.ends_with(edge)
        {
            self.fault(
                name,
                "`record_namespace` is the name of a namespace, such as \"gitdeck-system\"",
            );
        }
        Some(text.clone())
    }

    fn safety(&self, sensitive: Vec<Sensitive>) -> Safety {
        let configured = self.raw.read_only.as_ref().is_some_and(|flag| flag.value);
        Safety {
            production: self.raw.production.as_ref().map_or(Vec::new(), |list| list.value.clone()),
            read_only: configured || self.overrides.read_only,
            sensitive,
        }
    }

    fn sensitive(&mut self) -> Vec<Sensitive> {
        let raw = self.raw;
        let Some(list) = &raw.sensitive else { return Vec::new() };
        let mut found = Vec::new();
        for text in &list.value {
            match Sensitive::parse(text) {
                Ok(one) => found.push(one),
                Err(fault) => self.fault(list, format!("`sensitive`: `{text}` {fault}")),
            }
        }
        found
    }

    fn projects(&mut self) -> IndexMap<String, ProjectSettings> {
        let raw = self.raw;
        let mut projects = IndexMap::new();
        for project in &raw.projects {
            let table = &project.table;
            if let Some(repository) = &table.repository {
                self.known_repository(repository);
            }
            let prefix = table.path_prefix.as_ref();
            let settings = ProjectSettings {
                repository: table.repository.as_ref().map(|text| text.value.clone()),
                path_prefix: prefix.and_then(|path| self.clean_path(path)).unwrap_or_default(),
            };
            projects.insert(project.name.clone(), settings);
        }
        projects
    }

    fn repositories(&mut self) -> IndexMap<String, RepositorySettings> {
        let raw = self.raw;
        let mut repositories = IndexMap::new();
        for repository in &raw.repositories {
            if let Some(settings) = self.repository(repository, &mut Trace::off()) {
                repositories.insert(repository.name.clone(), settings);
            }
        }
        repositories
    }

    /// One repository with what the rules for its address add.
    pub(super) fn repository(
        &mut self,
        named: &Named<Repository>,
        trace: &mut Trace,
    ) -> Option<RepositorySettings> {
        let (name, table) = (&named.name, &named.table);
        let Some(url) = &table.url else {
            let message = format!("[repositories.{name}] needs a `url`");
            self.faults.push(Fault { place: named.place.clone(), message });
            return None;
        };
        let address = match Address::parse(&url.value) {
            Ok(address) => address,
            Err(error) => {
                self.fault(url, error.to_string());
                return None;
            }
        };
        let own = format!("repository {name}");
        let text = String::clone;
        let url = trace.pick("url", &[(&own, Some(url))], String::new(), text);
        let branch =
            trace.pick("branch", &[(&own, table.branch.as_ref())], "main".to_owned(), text);
        if branch.is_empty() || branch.starts_with('-') || branch.contains(char::is_whitespace) {
            self.faults.push(Fault {
                place: named.place.clone(),
                message: format!("`branch` of [repositories.{name}] is no name of a branch"),
            });
        }
        let label = [(own.as_str(), table.display_name.as_ref())];
        let display_name = trace.pick("display_name", &label, name.clone(), text);
        let access = self.access(&own, table, trace);
        let won = winners(&self.raw.specific, &self.raw.generic, &address);
        Some(RepositorySettings {
            remote: Remote { name: name.clone(), url, branch },
            display_name,
            access,
            authentication: authentication(&own, table, won, trace),
            polling_interval: self.polling(&own, table, won, trace),
        })
    }

    fn access(&mut self, own: &str, table: &Repository, trace: &mut Trace) -> Access {
        let access = match &table.project {
            Some(project) if self.known_project(project).is_some() => {
                Some(project.clone().map(Access::Project))
            }
            _ => None,
        };
        trace.pick("access", &[(own, access.as_ref())], Access::Shared, |access| match access {
            Access::Shared => "shared".to_owned(),
            Access::Project(project) => format!("project {project}"),
        })
    }

    fn polling(
        &self,
        own: &str,
        table: &Repository,
        won: Winners<'_>,
        trace: &mut Trace,
    ) -> Duration {
        let levels = [
            (own, table.polling_interval.as_ref()),
            (label(won.specific), won.specific.and_then(|rule| rule.polling_interval.as_ref())),
            (label(won.generic), won.generic.and_then(|rule| rule.polling_interval.as_ref())),
            ("defaults", self.raw.defaults.polling_interval.as_ref()),
        ];
        trace.pick("polling_interval", &levels, POLLING, |interval| duration::show(*interval))
    }

    /// The project of that name, or a fault.
    pub(super) fn known_project(&mut self, name: &Sited<String>) -> Option<&'a Named<Project>> {
        let raw = self.raw;
        let found = raw.projects.iter().find(|project| project.name == name.value);
        if found.is_none() {
            let names = raw.projects.iter().map(|project| project.name.as_str());
            let hint = suggest::hint(&name.value, names);
            self.fault(name, format!("there is no project `{}`{hint}", name.value.escape_debug()));
        }
        found
    }

    /// Whether there is a repository of that name; a fault if not.
    pub(super) fn known_repository(&mut self, name: &Sited<String>) -> bool {
        let raw = self.raw;
        let names = || raw.repositories.iter().map(|repository| repository.name.as_str());
        let found = names().any(|known| known == name.value);
        if !found {
            let hint = suggest::hint(&name.value, names());
            let name_text = name.value.escape_debug();
            self.fault(
                name,
                format!("there is no repository `{name_text}`{hint}; `gitdeck repo add` makes one"),
            );
        }
        found
    }

    /// A path inside a repository, without leading, trailing and doubled slashes.
    pub(super) fn clean_path(&mut self, path: &Sited<String>) -> Option<String> {
        let segments: Vec<&str> =
            path.value.split('/').filter(|s| !s.is_empty() && *s != ".").collect();
        if segments.contains(&"..") || path.value.chars().any(char::is_control) {
            self.fault(path, "a path stays inside the repository: no `..`, no control characters");
            return None;
        }
        Some(segments.join("/"))
    }
}

fn label(rule: Option<&Rule>) -> &str {
    rule.map_or("", |rule| rule.label.as_str())
}

fn authentication(
    own: &str,
    table: &Repository,
    won: Winners<'_>,
    trace: &mut Trace,
) -> Authentication {
    let of = |rule: Option<&Rule>| rule.and_then(|rule| rule.authentication.clone());
    let (specific, generic) = (of(won.specific), of(won.generic));
    let levels = [
        (own, table.authentication.as_ref()),
        (label(won.specific), specific.as_ref()),
        (label(won.generic), generic.as_ref()),
    ];
    trace.pick("access method", &levels, Authentication::Unset, describe)
}

/// An access method in words, with references instead of secrets.
fn describe(method: &Authentication) -> String {
    match method {
        Authentication::Unset => "none".to_owned(),
        Authentication::Basic { username, password } => format!("{username} with {password}"),
        Authentication::SshAgent { username: None } => "ssh-agent".to_owned(),
        Authentication::SshAgent { username: Some(user) } => format!("{user} with ssh-agent"),
        Authentication::SshKey { private_key, .. } => format!("ssh key {private_key}"),
        Authentication::GitCredential { username: None } => "git-credential".to_owned(),
        Authentication::GitCredential { username: Some(user) } => {
            format!("{user} with git-credential")
        }
    }
}
