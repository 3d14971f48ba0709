//! The faults that a repository or its server can have: how each comes about, and what the command line says of it.

// A stage may be missing where a program is, and all have one type.
#![allow(clippy::unnecessary_wraps)]

use crate::fault_stages::{
    Stage, cut_off, declined, long, odd, other_format, padded, refused, rewritten,
};
use crate::git::world::git;
use crate::support::git_http::Rules;
use std::fs;

/// One fault: how it comes about, what is run, and what is said.
pub struct Row {
    pub fault: &'static str,
    pub stage: fn() -> Option<Stage>,
    pub run: &'static [&'static str],
    pub code: i32,
    /// All of these, each a whole line or sentence.
    pub words: &'static [&'static str],
}

const LOG: &[&str] = &["log", "fleet"];
const CHECK: &[&str] = &["repo", "check", "fleet"];

const fn row(
    fault: &'static str,
    stage: fn() -> Option<Stage>,
    run: &'static [&'static str],
    code: i32,
    words: &'static [&'static str],
) -> Row {
    Row { fault, stage, run, code, words }
}

/// All of them.
pub fn rows() -> Vec<&'static Row> {
    [SERVERS, BRANCHES, TREES, LIMITS].into_iter().flatten().collect()
}

const SERVERS: &[Row] = &[
    row(
        "unknown host key",
        Stage::ssh,
        LOG,
        3,
        &[
            "error: fleet: the host key of HOST is not known (ED25519 FINGERPRINT): compare the fingerprint with the one that its operator publishes before it is accepted\n",
            "  `gitdeck repo check REPOSITORY --host-key FINGERPRINT` accepts it; so does `A` in the console\n",
        ],
    ),
    row(
        "unknown host key",
        Stage::ssh,
        CHECK,
        3,
        &[
            "reachable   failed  the host key of HOST is not known (ED25519 FINGERPRINT): compare the fingerprint with the one that its operator publishes before it is accepted (`gitdeck repo check REPOSITORY --host-key FINGERPRINT` accepts it; so does `A` in the console)",
        ],
    ),
    row(
        "changed host key",
        || Some(Stage::ssh()?.know("impostor")),
        LOG,
        3,
        &[
            "error: fleet: THE HOST KEY OF HOST HAS CHANGED: it shows FINGERPRINT, but ROOT/known_hosts:1 has IMPOSTOR: somebody may be between you and the host; ask its operator, and only then remove the old line\n",
        ],
    ),
    row(
        "changed host key behind a jump host",
        || Some(Stage::behind_a_jump_host()?.know("impostor")),
        LOG,
        3,
        &[
            "error: fleet: THE HOST KEY OF HOST HAS CHANGED: it shows FINGERPRINT, but ROOT/known_hosts:1 has IMPOSTOR: somebody may be between you and the host; ask its operator, and only then remove the old line\n",
        ],
    ),
    row(
        "authentication refused",
        refused,
        LOG,
        3,
        &[
            "error: fleet: SERVER/origin.git refused the password (or token) file:ROOT/word of the user ada: Authentication failed for 'SERVER/origin.git/': check that the credential is valid and may read this repository\n",
        ],
    ),
    row(
        "moved repository",
        moved,
        LOG,
        3,
        &[
            "error: fleet: SERVER/origin.git has moved: the server says that it is at https://new.example.invalid/moved/origin.git now: redirects are not followed; give the new address\n",
        ],
    ),
    row(
        "custom CA missing",
        authority,
        LOG,
        3,
        &[
            "error: fleet: the TLS certificate of SERVER/origin.git is not trusted: ",
            ": name the authority's file with `git config http.sslCAInfo` or GIT_SSL_CAINFO\n",
        ],
    ),
    row(
        "proxy refused",
        proxy,
        LOG,
        3,
        &[
            "error: fleet: SERVER/origin.git cannot be reached: Failed to connect to 127.0.0.1 port 9",
            ": check the address and the network\n",
        ],
    ),
    row(
        "declined hook",
        declined,
        &[
            "commit",
            "app",
            "--file",
            "one.yaml=ROOT/local.yaml",
            "-m",
            "x",
            "--push",
            "--no-validate",
        ],
        3,
        &[
            "committed ID x\n",
            "error: app: the server refused the push: pre-receive hook declined\npolicy 7: no\n",
            "  the commit is kept in the outbox; a protected branch needs a pull request or other rights\n",
            "it waits in the outbox; `gitdeck push fleet` pushes it\n",
        ],
    ),
];

fn proxy() -> Option<Stage> {
    let stage = Stage::https();
    stage.setting("http.proxy", "http://127.0.0.1:9");
    Some(stage.with("no_proxy", ""))
}

fn moved() -> Option<Stage> {
    let stage = Stage::https();
    let redirect = Some("https://new.example.invalid/moved".to_owned());
    stage.rules(Rules { redirect, ..Rules::default() });
    Some(stage)
}

fn authority() -> Option<Stage> {
    let mut stage = Stage::https();
    stage.places.environment.retain(|(name, _)| name != "GIT_SSL_CAINFO");
    Some(stage)
}

const BRANCHES: &[Row] = &[
    row(
        "force-push",
        rewritten,
        LOG,
        3,
        &[
            "error: branch `main` of `fleet` was rewritten: ID is no longer part of ID\n",
            "  what was known stays; `gitdeck repo accept fleet` shows what would be left behind, and follows it\n",
        ],
    ),
    row(
        "force-push",
        checked,
        CHECK,
        3,
        &[
            "branch main  failed  was rewritten: ID is no longer part of ID; `gitdeck repo accept fleet` shows what would be left behind, and follows it\n",
        ],
    ),
    row(
        "deleted branch",
        deleted,
        LOG,
        3,
        &[
            "error: branch `main` of `fleet` is gone; what was known of ID stays\n",
            "  push the branch again, or set another `branch` in the configuration\n",
        ],
    ),
    row(
        "deleted branch",
        deleted,
        CHECK,
        3,
        &["branch main  failed  SERVER/origin.git has no branch \"main\": it has trunk\n"],
    ),
    row(
        "empty repository",
        || Some(Stage::empty()),
        LOG,
        3,
        &[
            "error: repository `fleet` is empty\n",
            "  `gitdeck edit`, `commit` and `mapping export` make the first commit of `main`\n",
        ],
    ),
    row("unborn HEAD", unborn, LOG, 0, &["begin"]),
    row("detached default branch", detached, LOG, 0, &["begin"]),
];

fn deleted() -> Option<Stage> {
    let stage = Stage::https().fetched();
    git(&stage.world.origin(), ["branch", "-m", "main", "trunk"]);
    Some(stage)
}

fn unborn() -> Option<Stage> {
    let stage = Stage::https();
    git(&stage.world.origin(), ["symbolic-ref", "HEAD", "refs/heads/nowhere"]);
    Some(stage)
}

fn detached() -> Option<Stage> {
    let stage = Stage::https();
    let tip = git(&stage.world.origin(), ["rev-parse", "refs/heads/main"]);
    fs::write(stage.world.origin().join("HEAD"), format!("{tip}\n")).unwrap();
    Some(stage)
}

fn checked() -> Option<Stage> {
    let stage = rewritten()?;
    // The last fetch saw it.
    stage.run(LOG);
    Some(stage)
}

const TREES: &[Row] = &[
    row(
        "submodules",
        odd,
        &["plan", "inside"],
        3,
        &[
            "error: inside: vendor/app: \"vendor/app\" is refused: it lies in a submodule; submodules are not entered\n",
        ],
    ),
    row(
        "symlink out of the tree",
        odd,
        &["plan", "out"],
        3,
        &[
            "error: out: out: a symbolic link that leads to no file of the repository; commit the file itself\n",
        ],
    ),
    row(
        "symlink out of the tree",
        odd,
        &["plan", "below"],
        3,
        &[
            "error: below: out/app: \"out/app\" is refused: a folder on the way is a symbolic link; links are never followed\n",
        ],
    ),
    row(
        "LFS pointers",
        odd,
        &["edit", "app", "big.yaml", "--yes", "--push"],
        2,
        &["error: app/big.yaml is an LFS pointer: edit it with git\n"],
    ),
    row("non-UTF-8 names", odd, &["log", "names"], 0, &["Other          odd\n"]),
    row(
        "non-UTF-8 names",
        odd,
        &["show", "main"],
        0,
        &["  added names/Gr\\xf6\\xdfe.yaml (+6 -0)\n", "\n+++ \"b/names/Gr\\366\\337e.yaml\"\n"],
    ),
    row(
        "non-UTF-8 names",
        odd,
        &[
            "set",
            "names",
            "value",
            "ConfigMap/odd:/data/key=two",
            "--yes",
            "--push",
            "--no-validate",
        ],
        0,
        &["committed ID names: key 1 -> two\n", "pushed ID to main\n"],
    ),
    row(
        "100,000-line file",
        long,
        &[
            "commit",
            "app",
            "--file",
            "long.yaml=ROOT/local.yaml",
            "-m",
            "long",
            "--push",
            "--no-validate",
        ],
        0,
        &["committed ID long\n", "pushed ID to main\n"],
    ),
    row("left-over lock", locks, LOG, 0, &["after the lock"]),
];

fn locks() -> Option<Stage> {
    let stage = Stage::folder().fetched();
    for left in ["refs/remotes/origin/main.lock", "packed-refs.lock", "config.lock", "HEAD.lock"] {
        fs::write(stage.mirror().join(left), "").unwrap();
    }
    stage.world.publish("after the lock", &[("README", "2\n")]);
    Some(stage)
}

const LIMITS: &[Row] = &[
    row(
        "shallow repository",
        shallow,
        LOG,
        3,
        &[
            "error: fleet: file://ROOT/shallow.git cannot be used: it is a shallow copy itself, so that its history has no beginning: use the repository that it was cloned from\n",
        ],
    ),
    row(
        "shallow repository",
        shallow,
        CHECK,
        3,
        &[
            "reachable   failed  file://ROOT/shallow.git cannot be used: it is a shallow copy itself, so that its history has no beginning: use the repository that it was cloned from\n",
        ],
    ),
    row(
        "shallow repository",
        shallow_server,
        LOG,
        3,
        &[
            "error: fleet: SERVER/shallow.git cannot be used: it is a shallow copy itself, so that its history has no beginning: use the repository that it was cloned from\n",
        ],
    ),
    row(
        "SHA-256",
        sha256,
        LOG,
        3,
        &[
            "error: fleet: file://ROOT/sha256.git cannot be used: its format is not supported (unknown object format 'sha256'): only SHA-1 repositories with the files backend are\n",
        ],
    ),
    row(
        "SHA-256",
        sha256_server,
        LOG,
        3,
        &[
            "error: fleet: SERVER/sha256.git cannot be used: its format is not supported (mismatched algorithms: client sha1; server sha256): only SHA-1 repositories are\n",
        ],
    ),
    row(
        "byte limit",
        bytes,
        LOG,
        3,
        &[
            "error: fleet: file://ROOT/origin.git was given up: more than 1000 bytes were sent (GITDECK_FETCH_BYTES): raise the limit, or follow a smaller repository\n",
        ],
    ),
    row(
        "byte limit",
        bytes_server,
        LOG,
        3,
        &[
            "error: fleet: SERVER/origin.git was given up: more than 1000 bytes were sent (GITDECK_FETCH_BYTES): raise the limit, or follow a smaller repository\n",
        ],
    ),
    row(
        "time limit",
        time,
        LOG,
        3,
        &[
            "error: fleet: file://ROOT/origin.git was given up: it took more than 0 seconds (GITDECK_FETCH_SECONDS): raise the limit, or follow a smaller repository\n",
        ],
    ),
    row(
        "time limit",
        time_server,
        LOG,
        3,
        &[
            "error: fleet: SERVER/origin.git was given up: it took more than 0 seconds (GITDECK_FETCH_SECONDS): raise the limit, or follow a smaller repository\n",
        ],
    ),
    row(
        "fsck",
        padded,
        LOG,
        3,
        &[
            "error: fleet: SERVER/origin.git cannot be used: its objects do not pass the check of git (object ID: zeroPaddedFilemode: ",
            "): where that is known and harmless, `git config --global fetch.fsck.zeroPaddedFilemode warn` lets them in\n",
        ],
    ),
];

fn shallow() -> Option<Stage> {
    let stage = Stage::folder();
    cut_off(&stage);
    Some(stage.at("shallow.git"))
}

fn shallow_server() -> Option<Stage> {
    let stage = Stage::https();
    cut_off(&stage);
    Some(stage.at("shallow.git"))
}

fn sha256() -> Option<Stage> {
    let stage = Stage::folder();
    other_format(&stage);
    Some(stage.at("sha256.git"))
}

fn sha256_server() -> Option<Stage> {
    let stage = Stage::https();
    other_format(&stage);
    Some(stage.at("sha256.git"))
}

fn bytes() -> Option<Stage> {
    Some(Stage::folder().noisy().with("GITDECK_FETCH_BYTES", "1000"))
}

fn bytes_server() -> Option<Stage> {
    let stage = Stage::https().noisy();
    stage.rules(Rules { slowly: true, ..Rules::default() });
    Some(stage.with("GITDECK_FETCH_BYTES", "1000"))
}

fn time() -> Option<Stage> {
    Some(Stage::folder().noisy().with("GITDECK_FETCH_SECONDS", "0"))
}

fn time_server() -> Option<Stage> {
    Some(Stage::https().with("GITDECK_FETCH_SECONDS", "0"))
}
