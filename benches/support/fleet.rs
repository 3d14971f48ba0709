//! A generated fleet on a cluster of its own: a repository, a configuration, and `gitdeck demo --headless` to hold it.

use portable_pty::CommandBuilder;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The program that is measured: the one that cargo built beside the bench, or what `GITDECK` names.
pub fn gitdeck() -> String {
    std::env::var("GITDECK").unwrap_or_else(|_| env!("CARGO_BIN_EXE_gitdeck").to_owned())
}

/// Mappings with their objects, in Git and in a cluster.
pub struct Fleet {
    /// Everything on disk; removed with the value.
    folder: TempDir,
    cluster: Child,
    /// Of the cluster's administrator.
    pub kubeconfig: PathBuf,
}

impl Fleet {
    /// Starts a cluster and commits `mappings` folders with `objects` ConfigMaps of about `bytes` each.
    pub fn new(mappings: usize, objects: usize, bytes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Command::new(gitdeck())
            .args(["demo", "--headless"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("gitdeck starts");
        let mut line = String::new();
        let out = cluster.stdout.as_mut().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it announces itself");
        let announced: Value = serde_json::from_str(&line).expect("one JSON object");
        let kubeconfig = PathBuf::from(announced["kubeconfig"].as_str().expect("a path"));
        let fleet = Self { folder, cluster, kubeconfig };
        for index in 0..mappings {
            fleet.write_mapping(index, objects, bytes);
        }
        fleet.commit();
        fs::write(fleet.config(), fleet.configuration(mappings)).expect("a configuration");
        fleet
    }

    fn write_mapping(&self, index: usize, objects: usize, bytes: usize) {
        let folder = self.repository().join(format!("apps/service-{index:05}"));
        fs::create_dir_all(&folder).expect("a folder");
        for object in 0..objects {
            let name = format!("service-{index:05}-{object:03}");
            let manifest = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "labels": {"app": format!("service-{index:05}")}},
                "data": {"settings.conf": settings(index * objects + object, bytes)},
            });
            fs::write(folder.join(format!("{name}.yaml")), manifest.to_string()).expect("a file");
        }
    }

    fn commit(&self) {
        let git = |arguments: &[&str]| {
            let done = Command::new("git")
                .arg("-C")
                .arg(self.repository())
                .args(["-c", "user.name=figures", "-c", "user.email=figures@example.com"])
                .args(arguments)
                .status();
            assert!(done.expect("git runs").success(), "git {arguments:?} failed");
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "Lay out the fleet"]);
    }

    fn configuration(&self, mappings: usize) -> String {
        let mut text = format!(
            "[author]\nname = \"figures\"\nemail = \"figures@example.com\"\n\n[repositories.fleet]\n\
             url = \"file://{}\"\nbranch = \"main\"\naccess = \"shared\"\n",
            self.repository().display()
        );
        for index in 0..mappings {
            let name = format!("service-{index:05}");
            let _ = write!(
                text,
                "\n[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps/{name}\"\ncontext = \"demo\"\n\
                 namespace = \"default\"\n"
            );
        }
        text
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// The repository, with its work tree.
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("fleet")
    }

    /// The cache that [`Fleet::run`] fills.
    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The console, on a cache.
    pub fn console(&self, cache: &Path) -> CommandBuilder {
        // Through `env`, which becomes the program: the terminal of the tests takes such variables from what it starts.
        let mut command = CommandBuilder::new("env");
        for (name, value) in self.environment(cache) {
            command.arg(format!("{name}={}", value.display()));
        }
        command.arg(gitdeck());
        command
    }

    fn environment(&self, cache: &Path) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("GITDECK_CONFIG", self.config()),
            ("GITDECK_CACHE_DIR", cache.to_path_buf()),
            ("GITDECK_DATA_DIR", self.folder.path().join("data")),
            ("KUBECONFIG", self.kubeconfig.clone()),
        ]
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(gitdeck());
        command.args(arguments).envs(self.environment(&self.cache())).stdin(Stdio::null());
        let output = command.output().expect("gitdeck runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gitdeck {arguments:?}: {}\n{said}", output.status);
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Asked first, so that it removes its own folder.
        let asked = Command::new("kill").arg(self.cluster.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.cluster.kill();
        }
        let _ = self.cluster.wait();
    }
}

/// Lines like those of a configuration file, half of each a number that no other object has.
fn settings(seed: usize, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut state = seed as u64 + 1;
    while text.len() < bytes {
        // The generator of Marsaglia, Xorshift RNGs (2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = writeln!(text, "endpoint.timeout.{:03} = {state:016x}", text.len() % 1000);
    }
    text
}
