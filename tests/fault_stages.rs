//! Repositories and servers in the state that a fault needs, with the built binary before them.

// A stage may be missing where a program is, and all have one type.
#![allow(clippy::unnecessary_wraps)]

use crate::git::world::{World, git, set, settle};
use crate::support::git_http::{GitHttp, Rules};
use crate::support::git_ssh::{GitSsh, user};
use crate::support::missing;
use base64::Engine;
use gitdeck::git::Places;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The server that a stage needs, as long as it is played on.
enum Server {
    None,
    Http(GitHttp),
    Ssh(Vec<GitSsh>),
}

/// A repository, a configuration of it, and what is put down by name in the words that are said.
pub struct Stage {
    pub world: World,
    pub places: Places,
    server: Server,
    names: Vec<(String, &'static str)>,
    variables: Vec<(&'static str, String)>,
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  key: blue\n";

impl Stage {
    /// In a folder of this machine.
    pub fn folder() -> Self {
        Self::of(World::new())
    }

    pub fn empty() -> Self {
        Self::of(World::empty())
    }

    fn of(world: World) -> Self {
        let places = world.places();
        let stage =
            Self { places, server: Server::None, names: Vec::new(), variables: Vec::new(), world };
        let url = format!("file://{}", stage.world.origin().display());
        stage.configure(&url, "");
        stage
    }

    /// Behind `git http-backend`, whose authority is trusted.
    pub fn https() -> Self {
        let mut stage = Self::folder();
        let server = GitHttp::start(stage.world.path(), Rules::default());
        set(&mut stage.places, "GIT_SSL_CAINFO", server.authority());
        let url = server.url("origin.git");
        stage.configure(&url, "");
        stage.names.push((url.trim_end_matches("origin.git").to_owned(), "SERVER/"));
        stage.server = Server::Http(server);
        stage
    }

    /// Behind sshd; nothing where there is none.
    pub fn ssh() -> Option<Self> {
        let mut stage = Self::folder();
        let server = match GitSsh::start(stage.world.path()) {
            Ok(server) => server,
            Err(why) => {
                missing(&format!("ssh: {why}"));
                return None;
            }
        };
        server.stranger("impostor");
        let key = format!("private_key = \"file:{}\"\n", server.file("client").display());
        stage.configure(&server.url(&stage.world.origin()), &key);
        stage.name_keys(&server);
        stage.server = Server::Ssh(vec![server]);
        Some(stage)
    }

    /// Behind a second sshd, as `~/.ssh/config` says.
    pub fn behind_a_jump_host() -> Option<Self> {
        let mut stage = Self::ssh()?;
        let Server::Ssh(servers) = &mut stage.server else { return None };
        let target = servers.remove(0);
        let jump = GitSsh::start(&stage.world.path().join("jump")).ok()?;
        let folder = stage.world.path();
        fs::write(folder.join("jump_known_hosts"), jump.known_host()).unwrap();
        let settings = format!(
            "Host bastion\n  HostName 127.0.0.1\n  Port {}\n  User {user}\n  IdentityFile {}\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  IdentityAgent none\n\
             Host forge\n  HostName 127.0.0.1\n  Port {}\n  User {user}\n  ProxyJump bastion\n",
            jump.port(),
            jump.file("client").display(),
            folder.join("jump_known_hosts").display(),
            target.port(),
            user = user(),
        );
        fs::write(folder.join("home/ssh_config"), settings).unwrap();
        let key = format!("private_key = \"file:{}\"\n", target.file("client").display());
        let url = format!("ssh://{}@forge{}", user(), stage.world.origin().display());
        stage.configure(&url, &key);
        stage.server = Server::Ssh(vec![target, jump]);
        Some(stage)
    }

    fn name_keys(&mut self, server: &GitSsh) {
        self.names.push((server.fingerprint("host_ed25519"), "FINGERPRINT"));
        self.names.push((server.fingerprint("impostor"), "IMPOSTOR"));
        self.names.push((format!("[127.0.0.1]:{}", server.port()), "HOST"));
        self.names.push((format!("127.0.0.1:{}", server.port()), "HOST"));
    }

    /// Makes the host of the repository known, or a false key of it.
    pub fn know(self, name: &str) -> Self {
        if let Server::Ssh(servers) = &self.server {
            fs::write(self.world.path().join("known_hosts"), servers[0].known_as(name)).unwrap();
        }
        self
    }

    pub fn rules(&self, rules: Rules) {
        if let Server::Http(server) = &self.server {
            server.change(rules);
        }
    }

    /// The address of another repository, with lines of its table.
    pub fn configure(&self, url: &str, more: &str) {
        let file = self.config();
        let root = self.world.path().display();
        let text = format!(
            "kubeconfig = \"{root}/none\"\n[author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n\
             [repositories.fleet]\nurl = \"{url}\"\n{more}\
             [mappings.app]\nrepository = \"fleet\"\npath = \"app\"\n\
             [mappings.names]\nrepository = \"fleet\"\npath = \"names\"\n\
             [mappings.out]\nrepository = \"fleet\"\npath = \"out\"\n\
             [mappings.below]\nrepository = \"fleet\"\npath = \"out/app\"\n\
             [mappings.inside]\nrepository = \"fleet\"\npath = \"vendor/app\"\n"
        );
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The repository of another name beside `origin.git`, at the same server.
    pub fn at(self, name: &str) -> Self {
        let url = match &self.server {
            Server::Http(server) => server.url(name),
            _ => format!("file://{}", self.world.path().join(name).display()),
        };
        self.configure(&url, "");
        self
    }

    pub fn config(&self) -> PathBuf {
        self.world.path().join("config.toml")
    }

    /// A setting of the user's Git.
    pub fn setting(&self, name: &str, value: &str) {
        let file = self.world.path().join("home/.gitconfig");
        git(self.world.path(), ["config", "-f", file.to_str().unwrap(), name, value]);
    }

    /// A variable of gitdeck itself.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// With a mapping's file.
    pub fn filled(self) -> Self {
        self.world.publish("fill", &[("app/one.yaml", MAP)]);
        self
    }

    /// With 3 MiB that do not compress.
    pub fn noisy(self) -> Self {
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let noise: Vec<u8> = (0..3 << 20).map(|_| next()).collect();
        fs::write(self.world.other().join("big.bin"), noise).unwrap();
        self.world.publish("noise", &[]);
        self
    }

    /// Fetched once, as things were.
    pub fn fetched(self) -> Self {
        let (code, words) = self.run(&["log", "fleet"]);
        assert_eq!(code, Some(0), "{words}");
        self
    }

    /// The folder of the mirror.
    pub fn mirror(&self) -> PathBuf {
        let folders = fs::read_dir(self.world.path().join("cache/mirrors")).unwrap().flatten();
        let mut folders = folders.map(|entry| entry.path()).filter(|path| path.is_dir());
        let mirror =
            folders.find(|path| path.extension().is_none() && path.join("refs/gitdeck").exists());
        mirror.expect("there is a mirror")
    }

    /// A file of this machine for `--file`.
    pub fn local(&self, content: &str) -> String {
        let file = self.world.path().join("local.yaml");
        fs::write(&file, content).unwrap();
        file.display().to_string()
    }

    /// Exit code, and all that was said, with names in the place of what differs from run to run.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let root = self.world.path().display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitdeck"));
        settle(&mut command, &self.places).arg("--config").arg(self.config());
        command
            .args(arguments.iter().map(|argument| argument.replace("ROOT", &root)))
            .env("GITDECK_KNOWN_HOSTS", self.world.path().join("known_hosts"))
            .env("GITDECK_CACHE_DIR", self.world.path().join("cache"))
            .env("GITDECK_DATA_DIR", self.world.path().join("data"))
            .env("NO_COLOR", "1")
            .env("COLUMNS", "1000")
            .stdin(Stdio::null());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let mut said = String::from_utf8_lossy(&said).into_owned();
        for (value, name) in &self.names {
            said = said.replace(value, name);
        }
        (output.status.code(), ids(&said.replace(&root, "ROOT").replace(&user(), "USER")))
    }
}

/// Ids of commits as one word.
fn ids(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let hex = word.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        let is_id = hex && word.len() >= 7 && word.chars().any(|c| c.is_ascii_digit());
        out.push_str(if is_id { "ID" } else { &word });
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// A server that wants another password.
pub fn refused() -> Option<Stage> {
    let stage = Stage::https();
    let pair = base64::engine::general_purpose::STANDARD.encode("ada:open-sesame");
    stage.rules(Rules { basic: Some(pair), ..Rules::default() });
    let config = fs::read_to_string(stage.config()).unwrap();
    fs::write(stage.world.path().join("word"), "wrong-canary\n").unwrap();
    let word = stage.world.path().join("word");
    let more =
        format!("[repositories.fleet]\nusername = \"ada\"\npassword = \"file:{}\"", word.display());
    fs::write(stage.config(), config.replace("[repositories.fleet]", &more)).unwrap();
    Some(stage)
}

/// A server whose hook says no.
pub fn declined() -> Option<Stage> {
    let stage = Stage::https().filled();
    stage.world.hook("pre-receive", "echo 'policy 7: no' >&2; exit 1");
    stage.local("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n");
    Some(stage)
}

/// A branch that was rewritten since the last fetch.
pub fn rewritten() -> Option<Stage> {
    let stage = Stage::https();
    stage.world.publish("old", &[("README", "old\n")]);
    let stage = stage.fetched();
    git(&stage.world.other(), ["reset", "-q", "--hard", "HEAD~1"]);
    stage.world.publish("new", &[("README", "new\n")]);
    Some(stage)
}

/// A tree of everything that is not a file.
pub fn odd() -> Option<Stage> {
    let stage = Stage::folder().filled();
    let other = stage.world.other();
    std::os::unix::fs::symlink("/etc", other.join("out")).unwrap();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: odd\ndata:\n  key: \"1\"\n";
    fs::create_dir(other.join("names")).unwrap();
    fs::write(other.join(OsStr::from_bytes(b"names/Gr\xf6\xdfe.yaml")), map).unwrap();
    let pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 12\n";
    fs::write(other.join("app/big.yaml"), pointer).unwrap();
    git(&other, ["add", "-A"]);
    let head = git(&other, ["rev-parse", "HEAD"]);
    git(&other, ["update-index", "--add", "--cacheinfo", &format!("160000,{head},vendor")]);
    git(&other, ["commit", "-q", "-m", "odd"]);
    stage.world.publish_head();
    Some(stage)
}

/// A file of 100,000 entries, and an edit of one.
pub fn long() -> Option<Stage> {
    let stage = Stage::folder();
    let line = |n: usize| format!("  key{n}: \"{n}\"\n");
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: long\ndata:\n";
    let text = format!("{head}{}", (0..100_000).map(line).collect::<String>());
    stage.world.publish("long", &[("app/long.yaml", &text)]);
    stage.local(&text.replace("  key99999: \"99999\"\n", "  key99999: \"1\"\n"));
    Some(stage)
}

/// A copy without the beginning of the history.
pub fn cut_off(stage: &Stage) {
    stage.world.publish("more", &[("README", "more\n")]);
    let origin = format!("file://{}", stage.world.origin().display());
    git(stage.world.path(), ["clone", "-q", "--bare", "--depth", "1", &origin, "shallow.git"]);
}

/// A repository whose ids are longer.
pub fn other_format(stage: &Stage) {
    let (folder, format) = (stage.world.path(), "--object-format=sha256");
    git(folder, ["init", "-q", "--bare", format, "-b", "main", "sha256.git"]);
    git(folder, ["init", "-q", format, "-b", "main", "other256"]);
    git(&folder.join("other256"), ["commit", "-q", "--allow-empty", "-m", "x"]);
    git(&folder.join("other256"), ["push", "-q", "../sha256.git", "main"]);
}

/// A tree with a mode that only old programs wrote.
pub fn padded() -> Option<Stage> {
    let stage = Stage::https();
    let origin = stage.world.origin();
    let blob = git(&origin, ["hash-object", "-w", "--stdin"]);
    let raw = stage.world.path().join("tree");
    let id: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&blob[at * 2..at * 2 + 2], 16).unwrap()).collect();
    fs::write(&raw, [b"0100644 a.yaml\0".as_slice(), &id].concat()).unwrap();
    let path = raw.to_str().unwrap();
    let tree = git(&origin, ["hash-object", "-w", "--literally", "-t", "tree", path]);
    let commit = git(&origin, ["commit-tree", &tree, "-p", "main", "-m", "odd"]);
    git(&origin, ["update-ref", "refs/heads/main", &commit]);
    Some(stage)
}
