//! Secrets are planted wherever users keep them; then everything that gitdeck says, draws and writes is searched.

use crate::support::demo::Demo;
use crate::support::git_http::{GitHttp, Rules};
use crate::support::terminal::Terminal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portable_pty::CommandBuilder;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Every planted secret begins with this, which in base64 is the start of what it becomes.
const CANARY: &str = "k4n4ri";
/// What the server wants of `ada`.
const PASSWORD: &str = "k4n4ri-password";

struct Planted {
    demo: Demo,
    home: TempDir,
    server: GitHttp,
}

impl Planted {
    /// A demo beside an HTTPS server that wants a password, which the environment, a file and a helper know.
    fn new() -> Self {
        let demo = Demo::start();
        let home = tempfile::tempdir().unwrap();
        let basic = Some(STANDARD.encode(format!("ada:{PASSWORD}")));
        let server = GitHttp::start(home.path(), Rules { basic, ..Rules::default() });
        let helper = format!("!f() {{ printf 'username=ada\\\\npassword={PASSWORD}\\\\n'; }}; f");
        let settings = format!(
            "[user]\nname = Ana\nemail = ana@example.com\n[http]\nsslCAInfo = {}\n[credential]\nhelper = \"{helper}\"\n",
            server.authority().display()
        );
        std::fs::write(home.path().join(".gitconfig"), settings).unwrap();
        std::fs::write(home.path().join("password"), PASSWORD).unwrap();
        let planted = Self { demo, home, server };
        let source = planted.demo.repository("storefront");
        planted.git(&["clone", "-q", "--bare", source.to_str().unwrap(), "far.git"]);
        planted.git(&["clone", "-q", source.to_str().unwrap(), "clone"]);
        planted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Commits a Secret whose values, comments and annotations are planted.
    fn publish(&self, round: &str) {
        self.publish_file("token.yaml", &secret(round), round);
    }

    /// Commits a file of `catalog` under a title.
    fn publish_file(&self, name: &str, text: &str, title: &str) {
        self.git(&["-C", "clone", "pull", "-q"]);
        std::fs::write(self.path("clone/apps/catalog").join(name), text).unwrap();
        self.git(&["-C", "clone", "add", "."]);
        self.git(&["-C", "clone", "commit", "-qm", title]);
        self.git(&["-C", "clone", "push", "-q"]);
    }

    /// Runs a command, for people and for programs; its exit codes.
    fn run(&self, arguments: &[&str]) -> [Option<i32>; 2] {
        ["human", "json"].map(|form| {
            let output = self
                .demo
                .gitdeck()
                .args(["--log-level", "trace", "-o", form])
                .args(arguments)
                .env("HOME", self.home.path())
                .env_remove("GIT_SSL_CAINFO")
                .env("PLANTED", PASSWORD)
                .env("NO_PROXY", "localhost,127.0.0.1")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert_silent(&output.stdout, &format!("{arguments:?}"));
            assert_silent(&output.stderr, &format!("{arguments:?}"));
            output.status.code()
        })
    }

    fn succeed(&self, arguments: &[&str]) {
        assert_eq!(self.run(arguments)[1], Some(0), "{arguments:?}");
    }

    /// What a command says, for people.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.demo.gitdeck().args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn secret(round: &str) -> String {
    let encoded = STANDARD.encode(format!("{CANARY}-data-{round}"));
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n  annotations:\n    note: {CANARY}-note-{round}\n    \
         kubectl.kubernetes.io/last-applied-configuration: |\n      {{\"stringData\": \"{CANARY}-last-{round}\"}}\n    \
         gitdeck.dev/ignore: '.data | select(.x != \"{CANARY}-rule\") | .kept'\n\
         data:\n  old: {encoded}\nstringData:\n  # was {CANARY}\n  new: |\n    {CANARY}-one-{round}\n    {CANARY}-two-{round}\n"
    )
}

fn assert_silent(bytes: &[u8], whence: &str) {
    for canary in [CANARY.to_owned(), STANDARD.encode(CANARY)] {
        let found = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
        assert!(!found, "{whence}: {}", String::from_utf8_lossy(bytes));
    }
}

fn assert_silent_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_silent_below(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert_silent(&bytes, &path.display().to_string());
        }
    }
}

#[test]
fn secrets_are_nowhere() {
    let planted = Planted::new();
    credentials(&planted);
    objects(&planted);
    console(&planted);
    let root = planted.demo.config.parent().unwrap();
    assert!(root.join("data").is_dir() || root.join("state").is_dir(), "{}", root.display());
    assert_silent_below(root);
}

/// What users call sensitive is treated as Secrets are, whatever shows it.
#[test]
fn what_users_call_sensitive_is_nowhere() {
    let planted = Planted::new();
    let config = &planted.demo.config;
    let text = std::fs::read_to_string(config).unwrap();
    let list = "sensitive = [\"ConfigMap/feed:/data/token\", \"Lease.coordination.k8s.io\"]\n";
    let text = if text.contains("[safety]\n") {
        text.replace("[safety]\n", &format!("[safety]\n{list}"))
    } else {
        format!("{text}\n[safety]\n{list}")
    };
    std::fs::write(config, text).unwrap();
    planted.publish_file("feed.yaml", &feed("first"), "first");
    assert_eq!(planted.run(&["plan", "catalog"]), [Some(1); 2]);
    planted.succeed(&["sync", "catalog", "--yes"]);
    planted.publish_file("feed.yaml", &feed("second"), "second");
    let diff = planted.said(&["diff", "catalog"]);
    for words in ["/data/token", "/spec/holderIdentity", "open-second"] {
        assert!(diff.contains(words), "{words}: {diff}");
    }
    let shown = planted.said(&["show", "main"]);
    assert!(shown.contains("token: ***") && shown.contains("holderIdentity: ***"), "{shown}");
    assert!(shown.contains("open-second"), "{shown}");
    let mut console = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    console.args(["--log-level", "trace", "--config", config.to_str().unwrap()]);
    let mut terminal = Terminal::run(console, (120, 36));
    terminal.see("2 Mappings").keys("/catalog\r").see("1 of ").keys("dz");
    terminal.see("/data/token").see("value hidden").see("open-second");
    assert_eq!(terminal.keys("q").end(), 0);
    assert_silent(&terminal.bytes(), "the console");
    let explained = planted.said(&["config", "explain", "catalog"]);
    assert!(explained.contains("ConfigMap/feed:/data/token"), "{explained}");
    for arguments in [
        &["diff"][..],
        &["plan", "catalog", "--show-ignored"],
        &["show", "main"],
        &["show", "main", "--rendered"],
        &["blame", "catalog"],
        &["adopt", "catalog"],
        &["sync", "catalog", "--yes"],
        &["activity"],
    ] {
        planted.run(arguments);
    }
    // What the server refuses it quotes.
    let local = planted.path("local.yaml");
    let file = format!("feed.yaml={}", local.display());
    let unfit =
        feed("third").replace("leaseDurationSeconds: 5", "leaseDurationSeconds: \"k4n4ri-word\"");
    for text in [unfit, feed("fourth")] {
        std::fs::write(&local, text).unwrap();
        for commit in [
            &["commit", "catalog", "--file", &file, "--no-push"][..],
            &["commit", "catalog", "--file", &file, "--push", "--no-validate"],
        ] {
            planted.run(commit);
        }
        planted.run(&["diff", "catalog"]);
        planted.run(&["sync", "catalog", "--yes"]);
    }
    assert_silent_below(planted.demo.config.parent().unwrap());
}

fn feed(round: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: feed\ndata:\n  free: open-{round}\n  token: |\n    {CANARY}-one-{round}\n    \
         {CANARY}-two-{round}\n---\napiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: feed\n  annotations:\n    \
         note: {CANARY}-note-{round}\nspec:\n  holderIdentity: {CANARY}-holder-{round}\n  leaseDurationSeconds: 5\n"
    )
}

/// Addresses and references: what is refused is not repeated, what is used is not told.
fn credentials(planted: &Planted) {
    let url = planted.server.url("far.git");
    let file = format!("file:{}", planted.path("password").display());
    for (name, reference) in
        [("by-env", "env:PLANTED"), ("by-file", &file), ("by-git", "git-credential")]
    {
        let add = ["repo", "add", name, &url, "--username", "ada", "--password-ref", reference];
        assert_eq!(planted.run(&add)[0], Some(0), "{name}");
        planted.succeed(&["repo", "check", name]);
        planted.succeed(&["log", name]);
    }
    planted.server.change(Rules { basic: Some("other".to_owned()), ..Rules::default() });
    for name in ["by-env", "by-file", "by-git"] {
        assert_eq!(planted.run(&["repo", "check", name]), [Some(3); 2], "{name}");
    }
    for address in [
        "https://k4n4ri@localhost/x.git",
        "https://k4n4ri-user:k4n4ri-word@localhost/x.git",
        "https://localhost/x.git?private_token=k4n4ri",
        "ssh://git:k4n4ri@localhost/x.git",
    ] {
        for arguments in [&["repo", "add", "x", address][..], &["config", "explain", address]] {
            assert_eq!(planted.run(arguments), [Some(2); 2], "{arguments:?}");
        }
        let written = planted.path("written.toml");
        std::fs::write(&written, format!("[repositories.x]\nurl = \"{address}\"\n")).unwrap();
        for verb in [&["config", "check"][..], &["repo", "list"], &["doctor"]] {
            let arguments = [&["--config", written.to_str().unwrap()], verb].concat();
            let output =
                Command::new(env!("CARGO_BIN_EXE_gitdeck")).args(arguments).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{verb:?}");
            assert_silent(&[output.stdout, output.stderr].concat(), "a configuration by hand");
        }
    }
    planted.run(&["repo", "list", "https://k4n4ri@localhost/x.git"]);
    planted.run(&["repo", "add", "x", &url, "--password-ref", PASSWORD]);
}

/// Secrets in manifests: made, changed, refused by the server, malformed.
fn objects(planted: &Planted) {
    planted.publish("first");
    planted.succeed(&["sync", "catalog", "--yes"]);
    planted.publish("second");
    let diff = planted.said(&["diff", "catalog"]);
    for path in ["/data/old", "/data/new", "/metadata/annotations/note"] {
        assert!(diff.contains(path), "{path}: {diff}");
    }
    let shown = planted.said(&["show", "main"]);
    assert!(shown.contains("note: ***") && shown.contains("old: ***"), "{shown}");
    for arguments in [
        &["status"][..],
        &["diff"],
        &["diff", "--show-ignored"],
        &["plan", "catalog", "--show-ignored"],
        &["log", "catalog"],
        &["show", "main"],
        &["sync", "catalog", "--dry-run"],
        &["sync", "catalog"],
        &["sync", "catalog", "--yes"],
        &["mapping", "show", "catalog"],
        &["repo", "list"],
        &["repo", "show", "by-env"],
        &["config", "explain", "by-env"],
        &["config", "check"],
        &["doctor"],
    ] {
        planted.run(arguments);
    }
    let local = planted.path("local.yaml");
    let file = format!("token.yaml={}", local.display());
    let malformed = secret("third").replace("stringData:", "  stringData: [");
    let unfit = secret("fourth")
        .replace("data:\n  old: ", "type: kubernetes.io/dockerconfigjson\ndata:\n  old: k4n4ri!");
    for (text, code) in [(malformed, 3), (unfit, 0), (secret("fifth"), 0)] {
        std::fs::write(&local, text).unwrap();
        let commit = ["commit", "catalog", "--file", &file, "--push"];
        assert_eq!(planted.run(&commit)[0], Some(code), "{commit:?}");
        planted.run(&["diff", "catalog"]);
        planted.run(&["sync", "catalog", "--yes"]);
    }
    planted.publish("sixth");
    planted.run(&["activity"]);
}

/// Frames of what shows objects, commits and repositories.
fn console(planted: &Planted) {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.args(["--log-level", "trace", "--config", planted.demo.config.to_str().unwrap()]);
    command.env("PLANTED", PASSWORD);
    let mut terminal = Terminal::run(command, (120, 36));
    terminal.see("2 Mappings").keys("/catalog\r").see("1 of ");
    terminal.keys("d").see("/metadata/annotations/note").see("value hidden").keys("z");
    terminal
        .see("/data/old")
        .keys("i")
        .see("left out")
        .keys("z3")
        .see("sixth")
        .keys("\r")
        .see("note: ***");
    terminal.keys("\x1b").keys("2D").see("Mapping catalog").keys("\x1b");
    terminal.keys("1/by-env\r").see("by-env").keys("D").see("Repository by-env").keys("\x1b");
    assert_eq!(terminal.keys("q").end(), 0);
    assert_silent(&terminal.bytes(), "the console");
}
