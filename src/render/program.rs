//! The user's own programs: where they are, which version they are, and how they are called.

use super::RenderError;
use super::run::{Access, Call, RunError};
use super::scratch::Scratch;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// What it is called in messages: `kustomize`, `kubectl kustomize`.
    pub name: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What comes before every other argument.
    pub first: &'static [&'static str],
}

impl Program {
    /// Changes whenever the file does; stands for its version in the key of a render.
    fn stamp(&self) -> String {
        let metadata = std::fs::metadata(&self.path).ok();
        let about = metadata.map(|data| (data.len(), data.modified().ok()));
        format!("{} {} {about:?}", self.name, self.path.display())
    }
}

/// How much one run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time.
    pub time: Duration,
    /// Bytes on standard output.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), output: 64 << 20 }
    }
}

/// Where programs are looked for, and where they work; clones share what was found out.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `PATH`.
    pub search: OsString,
    /// Folder for the private folders of running renders.
    pub scratch: PathBuf,
    /// Bounds of every run.
    pub limits: Limits,
    /// How many may still be started beside those that run.
    pub(super) turns: Arc<Semaphore>,
    /// The program that takes the network away from another, where the system lets it.
    isolation: Arc<OnceCell<Result<PathBuf, String>>>,
}

/// What is known of one program, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Program, or what else was checked.
    pub subject: &'static str,
    /// Whether it is there and answers.
    pub good: bool,
    /// Path and version, or what is missing and what to do.
    pub message: String,
}

/// Program, how its version is asked for, and what needs it.
const KNOWN: [(&str, &[&str], &str); 3] = [
    ("kustomize", &["version"], "kustomizations that do more than list files"),
    ("helm", &["version", "--short"], "Helm charts"),
    ("sops", &["--version"], "files that SOPS encrypted"),
];

impl Tools {
    /// The programs of a search path, working below a folder.
    pub fn new(search: OsString, scratch: PathBuf) -> Self {
        // More at once than there are processors would only run into their time limits together.
        let turns = std::thread::available_parallelism().map_or(2, usize::from);
        let turns = Arc::new(Semaphore::new(turns));
        Self { search, scratch, limits: Limits::default(), turns, isolation: Arc::default() }
    }

    /// `kustomize`, else `kubectl kustomize`.
    pub(super) fn kustomize(&self, file: &str) -> Result<Program, RenderError> {
        self.find("kustomize")
            .map(|path| Program { name: "kustomize", path, first: &["build"] })
            .or_else(|| {
                let path = self.find("kubectl")?;
                Some(Program { name: "kubectl kustomize", path, first: &["kustomize"] })
            })
            .ok_or_else(|| missing(file, "kustomize", "install kustomize or kubectl"))
    }

    /// `helm`.
    pub(super) fn helm(&self, file: &str) -> Result<Program, RenderError> {
        self.find("helm")
            .map(|path| Program { name: "helm", path, first: &[] })
            .ok_or_else(|| missing(file, "helm", "install Helm 3 or 4"))
    }

    /// `sops`.
    pub(super) fn sops(&self, file: &str) -> Result<Program, RenderError> {
        self.find("sops")
            .map(|path| Program { name: "sops", path, first: &[] })
            .ok_or_else(|| missing(file, "sops", "install sops 3"))
    }

    /// What `sops edit` has for an editor: it writes its input into the file that it is given.
    pub(super) fn tee(&self, file: &str) -> Result<PathBuf, RenderError> {
        self.find("tee").ok_or_else(|| missing(file, "tee", "install coreutils"))
    }

    /// Stands for the versions of the programs that a kind of render uses.
    pub fn stamps(&self, kind: super::Kind) -> Vec<String> {
        let renderer = match kind {
            super::Kind::Plain => None,
            super::Kind::Kustomize => self.kustomize("").ok(),
            super::Kind::Helm => self.helm("").ok(),
        };
        renderer.into_iter().chain(self.sops("").ok()).map(|program| program.stamp()).collect()
    }

    /// An executable of the search path. Relative folders are passed over: what lies where somebody happens to stand
    /// is not the user's program.
    fn find(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.search)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|path| is_executable(path))
    }

    /// The program that runs another without network. Tried once: many systems forbid it.
    pub(super) async fn isolation(&self) -> Result<&Path, &str> {
        let tried = self.isolation.get_or_init(|| async {
            let path = self.find("unshare").ok_or("there is no `unshare`, which takes it away")?;
            let tried = tokio::process::Command::new(&path)
                .args(super::run::ISOLATED)
                .arg(&path)
                .arg("--version")
                .env_clear()
                .stdin(std::process::Stdio::null())
                .kill_on_drop(true)
                .output();
            match tokio::time::timeout(Duration::from_secs(5), tried).await {
                Ok(Ok(output)) if output.status.success() => Ok(path),
                _ => Err("this system lets no user make a network of their own".to_owned()),
            }
        });
        tried.await.as_deref().map_err(String::as_str)
    }

    /// What is installed, and how well it is fenced in.
    pub async fn survey(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, arguments, serves) in KNOWN {
            findings.push(self.version(name, arguments, serves).await);
        }
        findings.push(match self.isolation().await {
            Ok(_) => Finding {
                subject: "network of renders",
                good: true,
                message: "kustomize, helm and sops are run without network".to_owned(),
            },
            Err(why) => Finding {
                subject: "network of renders",
                good: false,
                message: format!("cannot be taken away from kustomize, helm and sops: {why}; remote bases are refused all the same"),
            },
        });
        findings
    }

    async fn version(&self, name: &'static str, ask: &[&str], serves: &str) -> Finding {
        let found = match name {
            "kustomize" => self.kustomize(""),
            "helm" => self.helm(""),
            _ => self.sops(""),
        };
        let finding = |good, message| Finding { subject: name, good, message };
        let Ok(program) = found else {
            return finding(false, format!("not installed; only {serves} need it"));
        };
        let place = program.path.display().to_string();
        let (bare, ask): (_, &[&str]) = if program.name == "kubectl kustomize" {
            (Program { first: &[], ..program }, &["version", "--client"])
        } else {
            (Program { first: &[], ..program }, ask)
        };
        let ran = async {
            let scratch = Scratch::new(&self.scratch).map_err(|error| error.to_string())?;
            let call = Call {
                program: &bare,
                arguments: ask.iter().map(OsString::from).collect(),
                scratch: &scratch,
                environment: Vec::new(),
                access: Access::None,
                input: None,
            };
            call.run(self).await.map_err(|error: RunError| error.to_string())
        };
        match ran.await {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output).into_owned();
                let version = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()));
                let version = version.unwrap_or_default().trim();
                finding(true, format!("{version} ({place})"))
            }
            Err(error) => finding(false, format!("{place} does not say its version: {error}")),
        }
    }
}

fn missing(file: &str, program: &'static str, install: &'static str) -> RenderError {
    RenderError::MissingProgram { file: file.to_owned(), program, install }
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
