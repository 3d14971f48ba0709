//! The believable fleet of `gitdeck demo`: repositories with a history, mappings in every state.

mod disturb;
mod history;
mod manifests;
mod repositories;

pub use disturb::{Motion, disturb};
pub use repositories::{FleetError, write};

use std::path::{Path, PathBuf};

/// The namespace that a mapping of the fleet goes to is also its project, where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetMapping {
    /// Name.
    pub name: &'static str,
    /// Repository.
    pub repository: &'static str,
    /// Project, if any.
    pub project: Option<&'static str>,
    /// Path below the project's prefix, or from the root.
    pub path: &'static str,
    /// Namespace.
    pub namespace: &'static str,
    /// What is applied before the console opens.
    pub start: Start,
}

/// What the cluster has of a mapping when the demo begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The tip.
    Tip,
    /// So many commits of its own path before the tip.
    Behind(usize),
    /// Nothing: it was never synced.
    Never,
}

/// Every mapping of the fleet, in the order of the configuration.
pub const MAPPINGS: &[FleetMapping] = &[
    shop("frontend", Start::Tip),
    shop("catalog", Start::Tip),
    shop("checkout", Start::Tip),
    shop("cart", Start::Behind(3)),
    shop("search", Start::Tip),
    shop("recommendations", Start::Tip),
    shop("reviews", Start::Never),
    payments("gateway", Start::Tip),
    payments("ledger", Start::Behind(1)),
    payments("fraud", Start::Behind(1)),
    payments("webhooks", Start::Tip),
    platform("ingress", Start::Tip),
    platform("redis", Start::Tip),
    platform("quotas", Start::Tip),
];

const fn shop(name: &'static str, start: Start) -> FleetMapping {
    FleetMapping {
        name,
        repository: "storefront",
        project: Some("shop"),
        path: name,
        namespace: "shop",
        start,
    }
}

const fn payments(name: &'static str, start: Start) -> FleetMapping {
    FleetMapping {
        name,
        repository: "payments",
        project: Some("payments"),
        path: name,
        namespace: "payments",
        start,
    }
}

const fn platform(name: &'static str, start: Start) -> FleetMapping {
    FleetMapping {
        name,
        repository: "platform",
        project: None,
        path: name,
        namespace: "platform",
        start,
    }
}

/// Who suspended what, and why, when the demo begins.
pub const SUSPENDED: (&str, &str) = ("ledger", "the ledger tables are being migrated, ask ana");

/// A fleet on disk.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Directory that holds everything.
    pub root: PathBuf,
    /// Name and URL of each repository.
    pub repositories: Vec<(String, String)>,
}

impl Fleet {
    /// Path of the configuration.
    pub fn config_path(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Path of the kubeconfig.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// The configuration of the fleet, as TOML.
    pub fn config(&self) -> String {
        let mut parts = vec!["# The embedded sandbox of `gitdeck demo`.".to_owned()];
        for (key, value) in
            [("kubeconfig", "kubeconfig"), ("cache_dir", "cache"), ("data_dir", "data")]
        {
            parts.push(format!("{key} = {}", toml_string(&self.root.join(value))));
        }
        parts.push(
            "\n[author]\nname = \"Demo Operator\"\nemail = \"operator@example.com\"".to_owned(),
        );
        parts.push("\n[defaults]\npolling_interval = \"5s\"".to_owned());
        for (name, url) in &self.repositories {
            let access = match name.as_str() {
                "storefront" => "project = \"shop\"",
                "payments" => "project = \"payments\"",
                _ => "access = \"shared\"",
            };
            parts.push(format!(
                "\n[repositories.{name}]\nurl = \"{url}\"\nbranch = \"main\"\n{access}"
            ));
        }
        for (name, repository) in [("shop", "storefront"), ("payments", "payments")] {
            parts.push(format!(
                "\n[projects.{name}]\nrepository = \"{repository}\"\npath_prefix = \"apps\""
            ));
        }
        parts.extend(MAPPINGS.iter().map(FleetMapping::config));
        parts.join("\n") + "\n"
    }
}

impl FleetMapping {
    fn config(&self) -> String {
        let belongs = match self.project {
            Some(project) => format!("project = \"{project}\""),
            None => format!("repository = \"{}\"", self.repository),
        };
        let Self { name, path, namespace, .. } = self;
        format!(
            "\n[mappings.{name}]\n{belongs}\npath = \"{path}\"\ncontext = \"demo\"\nnamespace = \"{namespace}\""
        )
    }
}

fn toml_string(path: &Path) -> String {
    toml_edit::Value::from(path.to_string_lossy().as_ref()).to_string().trim().to_owned()
}
