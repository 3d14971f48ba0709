//! Secrets in the vault with the built binary: kept, listed, taken out, used for repositories and SOPS, asked for on a
//! terminal and in the console; and nowhere to be read.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, said};
use crate::support::git_http::{GitHttp, Rules};
use crate::support::renderers::search_path;
use crate::support::shell::git;
use crate::support::terminal::Terminal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portable_pty::CommandBuilder;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What the server wants of `ada`.
const PASSWORD: &str = "k4n4ri-password";
const PASSPHRASE: &str = "k4n4ri horse battery";

/// A repository behind a password that only the vault knows.
struct Kept {
    folder: TempDir,
    server: GitHttp,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let basic = Some(STANDARD.encode(format!("ada:{PASSWORD}")));
        let server = GitHttp::start(folder.path(), Rules { basic, ..Rules::default() });
        git(folder.path(), &["init", "-q", "-b", "main", "work"]);
        git(folder.path(), &["-C", "work", "commit", "-q", "--allow-empty", "-m", "first"]);
        git(folder.path(), &["clone", "-q", "--bare", "work", "far.git"]);
        let config = format!(
            "cache_dir = \"cache\"\ndata_dir = \"data\"\n[repositories.far]\nurl = \"{}\"\nusername = \"ada\"\npassword = \"vault:git\"\n",
            server.url("far.git")
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let kept = Self { folder, server };
        kept.write("passphrase", PASSPHRASE);
        kept
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("HOME", self.folder.path().into()), ("GIT_SSL_CAINFO", self.server.authority())]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = gitdeck(&self.path("config.toml"));
        command.args(arguments).args(["--log-level", "trace"]).envs(self.environment());
        command.env("NO_PROXY", "localhost,127.0.0.1");
        command
    }

    /// Runs a command that knows where the passphrase is.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.env("GITDECK_VAULT_PASSPHRASE_FILE", self.path("passphrase"));
        fed(&mut command, input)
    }

    fn terminal(&self, arguments: &[&str]) -> Terminal {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
        command.args(["--config", self.path("config.toml").to_str().unwrap()]);
        command.args(arguments);
        command.env("GIT_SSL_CAINFO", self.server.authority());
        command.env("NO_PROXY", "localhost,127.0.0.1");
        Terminal::run(command, (120, 36))
    }

    fn assert_silent_on_disk(&self) {
        for folder in ["cache", "data"] {
            assert_silent_below(&self.path(folder));
        }
    }
}

fn fed(command: &mut Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // One that refuses before it reads closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_silent(&[&output.stdout[..], &output.stderr].concat(), "a command");
    output
}

fn assert_silent(bytes: &[u8], whence: &str) {
    let found = bytes.windows(7).any(|part| part == b"k4n4ri-" || part == b"k4n4ri ");
    assert!(!found, "{whence}: {}", String::from_utf8_lossy(bytes));
}

fn assert_silent_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_silent_below(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert_silent(&bytes, &path.display().to_string());
        }
    }
}

#[test]
fn a_password_is_kept_used_and_taken_out() {
    let kept = Kept::new();
    let missing = kept.run(&["repo", "check", "far"], "");
    assert!(said(&missing).contains("`gitdeck secret set vault:git`"), "{}", said(&missing));
    let set = kept.run(&["secret", "set", "vault:git"], &format!("{PASSWORD}\n"));
    assert_eq!(String::from_utf8_lossy(&set.stdout), "set vault:git\n", "{}", said(&set));
    let mode =
        |name: &str| std::fs::metadata(kept.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("data/vault.age"), mode("data")], [0o600, 0o700]);
    let checked = kept.run(&["repo", "check", "far"], "");
    assert!(checked.status.success(), "{}", said(&checked));

    let again = kept.run(&["secret", "set", "vault:other", "-o", "json"], "k4n4ri-other");
    let document: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(document, serde_json::json!({"action": "set", "reference": "vault:other"}));
    let listed = kept.run(&["secret", "list", "-o", "json"], "");
    let document: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let row = |index: usize| document["secrets"][index].clone();
    assert_eq!(
        (&row(1)["reference"], &row(1)["used_by"][0]),
        (&"vault:git".into(), &"repository far".into())
    );
    assert_eq!((&row(2)["reference"], &row(2)["state"]), (&"vault:other".into(), &"there".into()));
    assert_eq!(row(0)["used_by"][0], "the vault");

    let used = kept.run(&["secret", "remove", "vault:git"], "");
    assert_eq!(used.status.code(), Some(4), "{}", said(&used));
    assert!(said(&used).contains("repository far"));
    assert!(kept.run(&["secret", "remove", "vault:git", "--in-use"], "").status.success());
    assert_eq!(kept.run(&["secret", "remove", "vault:git", "--in-use"], "").status.code(), Some(2));
    let missing = kept.run(&["repo", "check", "far"], "");
    assert!(said(&missing).contains("there is no vault:git"), "{}", said(&missing));
    for (arguments, input) in [
        (["secret", "set", "env:K4N4RI"], PASSWORD),
        (["secret", "set", PASSWORD], PASSWORD),
        (["secret", "set", "vault:empty"], "\n"),
    ] {
        assert_eq!(kept.run(&arguments, input).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(kept.run(&["secret", "set", "vault:x", PASSWORD], "").status.code(), Some(2));
    kept.assert_silent_on_disk();
}

#[test]
fn a_vault_is_sealed_anew_for_another_passphrase_or_key() {
    let kept = Kept::new();
    let rekey = ["secret", "rekey"];
    assert_eq!(kept.run(&rekey, "").status.code(), Some(2), "there is none");
    kept.run(&["secret", "set", "vault:git"], PASSWORD);
    // Nobody can type a new one here, and it is no argument.
    let asked = kept.run(&rekey, "k4n4ri mule\n");
    assert!(
        asked.status.code() == Some(2) && said(&asked).contains("a terminal"),
        "{}",
        said(&asked)
    );
    let whole = std::fs::read(kept.path("data/vault.age")).unwrap();
    for arguments in [["secret", "set", "vault:git"], ["secret", "remove", "vault:git"]] {
        let refused = kept.run(&[&["--read-only"][..], &arguments].concat(), "k4n4ri-x");
        assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    }
    assert_eq!(kept.run(&["--read-only", "secret", "rekey"], "").status.code(), Some(4));
    let mut terminal = kept.terminal(&rekey);
    terminal.see("Vault: its passphrase").keys(&format!("{PASSPHRASE}\r"));
    terminal.see("New passphrase: ").keys("k4n4ri ox\r").see("Once more: ").keys("k4n4ri\r");
    assert_eq!(terminal.end(), 2, "{}", terminal.text());
    assert_eq!(std::fs::read(kept.path("data/vault.age")).unwrap(), whole, "as it was");

    let mut terminal = kept.terminal(&rekey);
    terminal.see("Vault: its passphrase").keys(&format!("{PASSPHRASE}\r"));
    terminal.see("New passphrase: ").keys("k4n4ri ox\r").see("Once more: ").keys("k4n4ri ox\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.text());
    assert_silent(&terminal.bytes(), "a terminal");
    assert!(!kept.run(&["repo", "check", "far"], "").status.success(), "the old one");
    kept.write("passphrase", "k4n4ri ox");
    let checked = kept.run(&["repo", "check", "far"], "");
    assert!(checked.status.success(), "{}", said(&checked));
    let vault = |kept: &Kept| {
        let output = kept.run(&["doctor", "-o", "json"], "");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = document["checks"].as_array().unwrap().clone();
        let check = checks.into_iter().find(|check| check["area"] == "vault").expect("a check");
        format!("{}: {}", check["result"], check["message"])
    };
    assert!(vault(&kept).contains("opens for a passphrase, read from"), "{}", vault(&kept));

    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(kept.path("key"))
        .status();
    assert!(made.unwrap().success());
    let key = kept.path("key").display().to_string();
    let sealed = kept.run(&["secret", "rekey", "--identity", &key], "");
    assert!(sealed.status.success(), "{}", said(&sealed));
    assert!(said(&sealed).contains("`identity` of [vault] has to be"), "{}", said(&sealed));
    let config = std::fs::read_to_string(kept.path("config.toml")).unwrap();
    kept.write("config.toml", &format!("{config}[vault]\nidentity = \"key\"\n"));
    let checked = fed(&mut kept.command(&["repo", "check", "far"]), "");
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(vault(&kept).contains("opens for a key (ssh-ed25519)"), "{}", vault(&kept));
    let open = PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(kept.path("data/vault.age"), open).unwrap();
    assert!(vault(&kept).starts_with("\"warning\": \"others may"), "{}", vault(&kept));
    std::fs::remove_file(kept.path("data/vault.age")).unwrap();
    assert!(vault(&kept).contains("repository far needs vault:git"), "{}", vault(&kept));
    kept.assert_silent_on_disk();
}

#[test]
fn a_vault_that_does_not_open_says_why_and_what_to_do() {
    let kept = Kept::new();
    kept.run(&["secret", "set", "vault:git"], PASSWORD);
    let locked = fed(&mut kept.command(&["repo", "check", "far"]), "");
    assert_eq!(locked.status.code(), Some(3), "{}", said(&locked));
    for words in ["data/vault.age is locked", "`U` in the console", "`passphrase` of [vault]"] {
        assert!(said(&locked).contains(words), "{}", said(&locked));
    }
    let status = fed(&mut kept.command(&["secret", "set", "vault:git"]), "k4n4ri-two");
    assert_eq!(status.status.code(), Some(2), "{}", said(&status));
    kept.write("passphrase", "k4n4ri mule");
    let wrong = kept.run(&["repo", "check", "far"], "");
    assert!(
        said(&wrong).contains("another passphrase than the configured one is wanted"),
        "{}",
        said(&wrong)
    );
    kept.write("passphrase", PASSPHRASE);
    let whole = std::fs::read(kept.path("data/vault.age")).unwrap();
    std::fs::write(kept.path("data/vault.age"), &whole[..whole.len() / 2]).unwrap();
    let cut = kept.run(&["secret", "set", "vault:git"], PASSWORD);
    assert_eq!(cut.status.code(), Some(3), "{}", said(&cut));
    assert!(said(&cut).contains("is damaged"), "{}", said(&cut));
    std::fs::write(kept.path("data/vault.age"), whole).unwrap();
    assert!(kept.run(&["repo", "check", "far"], "").status.success());
    kept.assert_silent_on_disk();
}

#[test]
fn an_ssh_key_opens_the_vault_without_a_question() {
    let kept = Kept::new();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(kept.path("key"))
        .status();
    assert!(made.unwrap().success());
    let config = std::fs::read_to_string(kept.path("config.toml")).unwrap();
    kept.write("config.toml", &format!("{config}[vault]\nidentity = \"key\"\n"));
    let set = fed(&mut kept.command(&["secret", "set", "vault:git"]), PASSWORD);
    assert!(set.status.success(), "{}", said(&set));
    let checked = fed(&mut kept.command(&["repo", "check", "far"]), "");
    assert!(checked.status.success(), "{}", said(&checked));
    kept.write("config.toml", &format!("{config}[vault]\npassphrase = \"vault:git\"\n"));
    let faulty = fed(&mut kept.command(&["config", "check"]), "");
    assert_eq!(faulty.status.code(), Some(2), "{}", said(&faulty));
}

#[test]
fn a_terminal_is_asked_without_echo() {
    let kept = Kept::new();
    let mut terminal = kept.terminal(&["secret", "set", "vault:git"]);
    terminal.see("New passphrase: ").keys(&format!("{PASSPHRASE}x\x7f\r"));
    terminal.see("Once more: ").keys(&format!("{PASSPHRASE}\r"));
    terminal.see("Value of vault:git: ").keys(&format!("{PASSWORD}\r"));
    assert_eq!(terminal.end(), 0, "{}", terminal.text());
    terminal.assert_restored();
    assert_silent(&terminal.bytes(), "a terminal");
    assert!(terminal.text().contains("set vault:git"));

    let mut terminal = kept.terminal(&["repo", "check", "far"]);
    terminal.see("Vault: its passphrase").keys("k4n4ri mule\r").see("That is not it.");
    // What is typed before a question is no answer to it.
    let asked_again =
        |screen: &vt100::Screen| screen.contents().matches("Vault: its passphrase").count() == 2;
    terminal.wait("the question again", asked_again).keys(&format!("{PASSPHRASE}\r"));
    assert_eq!(terminal.end(), 0, "{}", terminal.text());
    terminal.assert_restored();
    assert_silent(&terminal.bytes(), "a terminal");

    let mut terminal = kept.terminal(&["secret", "list"]);
    terminal.see("Vault: its passphrase").keys("k4n4ri\x03");
    assert_eq!(terminal.end(), 130, "{}", terminal.text());
    terminal.assert_restored();
}

#[test]
fn the_console_opens_the_vault_and_goes_on() {
    let kept = Kept::new();
    kept.run(&["secret", "set", "vault:git"], PASSWORD);
    let mut terminal = kept.terminal(&[]);
    terminal.see("Open the vault").keys("k4n4ri mule\r").see("does not open the vault");
    terminal.keys("\x1b").miss("Open the vault").keys("1").see("U unlock");
    terminal.keys("U").see("Open the vault").keys(&format!("{PASSPHRASE}\r"));
    terminal.miss("U unlock").see("first");
    assert_eq!(terminal.keys("q").end(), 0);
    assert_silent(&terminal.bytes(), "the console");
}

/// A repository with a Secret that SOPS sealed, and the age key that opens it.
fn sealed_repository(root: &Path, search: &OsStr) -> String {
    let program = |name: &str| {
        let mut command = Command::new(name);
        command.env("PATH", search).env("SOPS_DISABLE_VERSION_CHECK", "1").current_dir(root);
        command
    };
    let key = String::from_utf8(program("age-keygen").output().unwrap().stdout).unwrap();
    let public = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    git(root, &["init", "-q", "-b", "main", "fleet"]);
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: k4n4ri-db\n";
    std::fs::write(root.join("fleet/db.yaml"), secret).unwrap();
    let sealed = program("sops")
        .args([
            "--encrypt",
            "--in-place",
            "--encrypted-regex",
            "^stringData$",
            "--age",
            public,
            "fleet/db.yaml",
        ])
        .output()
        .unwrap();
    assert!(sealed.status.success(), "{}", said(&sealed));
    git(root, &["-C", "fleet", "add", "."]);
    git(root, &["-C", "fleet", "commit", "-qm", "sealed"]);
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn an_age_key_of_the_vault_decrypts() {
    let Some(search) = search_path() else { return };
    let world = World::sandbox("vault").await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let key = sealed_repository(root, &search);
    std::fs::write(root.join("passphrase"), PASSPHRASE).unwrap();
    let config = format!(
        "kubeconfig = \"{}\"\ncache_dir = \"cache\"\ndata_dir = \"data\"\n[vault]\npassphrase = \"file:{}\"\n\
         [repositories.fleet]\nurl = \"file://{}/fleet\"\n\
         [mappings.db]\nrepository = \"fleet\"\npath = \".\"\nnamespace = \"{}\"\nsops = {{ age_key = \"vault:age\" }}\n",
        world.kubeconfig.display(),
        root.join("passphrase").display(),
        root.display(),
        world.namespace,
    );
    std::fs::write(root.join("config.toml"), config).unwrap();
    let run = |arguments: &[&str], input: &str| {
        let mut command = gitdeck(&root.join("config.toml"));
        fed(command.args(arguments).env("PATH", &search).env("HOME", root), input)
    };
    let missing = run(&["plan", "db"], "");
    assert!(
        said(&missing).contains("`gitdeck secret set vault:age` makes it"),
        "{}",
        said(&missing)
    );
    let set = run(&["secret", "set", "vault:age"], &key);
    assert!(set.status.success(), "{}", said(&set));
    let synced = run(&["sync", "db", "--yes"], "");
    assert!(synced.status.success(), "{}", said(&synced));
    let client = world.client().await;
    let path = format!("/api/v1/namespaces/{}/secrets/db", world.namespace);
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    let live: Value = client.request(request).await.unwrap();
    assert_eq!(live["data"]["password"], STANDARD.encode("k4n4ri-db"));
    assert_silent_below(&root.join("cache"));
    assert_silent_below(&root.join("data"));
}
