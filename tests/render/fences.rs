//! What a program gets and what it does not, and programs that do not end.

use crate::support::renderers::{Bench, Files, rendered};
use gitdeck::domain::Rendering;
use rustix::process::{Pid, test_kill_process};
use std::time::Duration;

fn tree() -> Files {
    Files::of(&[("k/kustomization.yaml", "namePrefix: a-\n")])
}

/// Waits until a process is gone.
async fn gone(pid: &str) {
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    while test_kill_process(pid).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_sees_its_own_folder_and_a_bare_environment() {
    let script = "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: a\\ndata:\\n'\n\
        env | sed -n 's/^\\([A-Z_]*\\)=.*/  \\1: x/p'\n\
        printf '  pwd: \"%s\"\\n  home: \"%s\"\\n  stdin: \"%s\"\\n' \"$PWD\" \"$HOME\" \"$(cat)\"\n\
        stat -c '  mode: \"%a\"' ..";
    let bench = Bench::fake("kustomize", script);
    let found = rendered(&bench, &tree(), "k", &Rendering::default()).await.unwrap();
    let data = found[0].object["data"].as_object().unwrap().clone();
    let mut names: Vec<&str> = data.keys().map(String::as_str).collect();
    names.retain(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    names.sort_unstable();
    let expected =
        ["HOME", "PATH", "PWD", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
    // `_`, `OLDPWD` and `SHLVL` are the shell's own.
    names.retain(|name| !["_", "OLDPWD", "SHLVL"].contains(name));
    assert_eq!(names, expected);
    let scratch = bench.tools.scratch.canonicalize().unwrap();
    for key in ["pwd", "home"] {
        assert!(data[key].as_str().unwrap().starts_with(scratch.to_str().unwrap()), "{data:?}");
    }
    assert_eq!((&data["stdin"], &data["mode"]), (&"".into(), &"700".into()));
}

#[tokio::test]
async fn a_program_has_no_network_where_the_system_allows_it() {
    let script = "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: a\\ndata:\\n  links: \"%s\"\\n' \
        \"$(sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev | tr '\\n' ' ')\"";
    let bench = Bench::fake("kustomize", script);
    let isolated =
        bench.tools.survey().await.into_iter().find(|one| one.subject == "network of renders");
    let found = rendered(&bench, &tree(), "k", &Rendering::default()).await.unwrap();
    let links = found[0].object["data"]["links"].as_str().unwrap().trim().to_owned();
    if isolated.is_some_and(|finding| finding.good) {
        assert_eq!(links, "lo");
    }
    let rendering = Rendering { allow_remote: true, ..Rendering::default() };
    assert!(rendered(&bench, &tree(), "k", &rendering).await.is_ok());
}

#[tokio::test]
async fn a_program_that_does_not_end_is_stopped_with_all_it_started() {
    let pids = tempfile::tempdir().unwrap();
    let file = pids.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", file.display());
    let mut bench = Bench::fake("kustomize", &script);
    bench.tools.limits.time = Duration::from_millis(500);
    let error = rendered(&bench, &tree(), "k", &Rendering::default()).await.unwrap_err();
    assert!(error.to_string().contains("was stopped after 0 s without an end"), "{error}");
    gone(&std::fs::read_to_string(&file).unwrap()).await;
}

#[tokio::test]
async fn a_dropped_render_leaves_no_program_and_no_file() {
    let pids = tempfile::tempdir().unwrap();
    let file = pids.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", file.display());
    let bench = Bench::fake("kustomize", &script);
    let tree = tree();
    let rendering = Rendering::default();
    let render = rendered(&bench, &tree, "k", &rendering);
    let started = async {
        loop {
            let pid = std::fs::read_to_string(&file).unwrap_or_default();
            if pid.ends_with('\n') {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let pid = tokio::select! {
        ended = render => panic!("it ended: {ended:?}"),
        pid = started => pid,
    };
    gone(&pid).await;
    assert_eq!(bench.leftovers(), 0);
}

#[tokio::test]
async fn output_without_end_is_cut_off() {
    let mut bench = Bench::fake("kustomize", "exec yes");
    bench.tools.limits.output = 1 << 16;
    let error = rendered(&bench, &tree(), "k", &Rendering::default()).await.unwrap_err();
    assert!(error.to_string().contains("stopped after 65536 bytes"), "{error}");
}

#[tokio::test]
async fn what_a_failing_program_says_is_harmless_and_short() {
    let script = "printf 'Error: \\033]0;title\\007 went wrong\\n' >&2\n\
        i=0; while [ $i -lt 200 ]; do echo 'more and more words of it' >&2; i=$((i+1)); done\nexit 3";
    let bench = Bench::fake("kustomize", script);
    let text = rendered(&bench, &tree(), "k", &Rendering::default()).await.unwrap_err().to_string();
    assert!(!text.contains('\u{1b}') && text.len() < 2_000, "{text}");
    let bench = Bench::fake("kustomize", "printf 'a: [\\n'");
    let text = rendered(&bench, &tree(), "k", &Rendering::default()).await.unwrap_err().to_string();
    assert!(text.contains("what kustomize printed cannot be read"), "{text}");
}

#[tokio::test]
async fn what_killed_processes_left_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    // As in a container, where whoever starts again has the number of the one that was killed.
    let (left, used) = (format!("{}-x", std::process::id()), "used");
    for name in [&left, used] {
        std::fs::create_dir_all(folder.path().join(name).join("tree")).unwrap();
    }
    let held = std::fs::File::open(folder.path().join(used)).unwrap();
    held.lock().unwrap();
    gitdeck::render::sweep(folder.path());
    assert!(!folder.path().join(&left).exists());
    assert!(folder.path().join(used).join("tree").exists());
    // A process that another test just started may hold the same open file until it is another program.
    held.unlock().unwrap();
    gitdeck::render::sweep(folder.path());
    assert!(!folder.path().join(used).exists());
}

#[tokio::test]
async fn a_render_that_runs_is_not_swept() {
    let gates = tempfile::tempdir().unwrap();
    let (began, go) = (gates.path().join("began"), gates.path().join("go"));
    let script = format!(
        "cat > /dev/null; : > '{}'; while [ ! -e '{}' ]; do sleep 0.01; done\n\
        printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: a\\ndata:\\n'\n\
        printf '  there: \"%s\"\\n' \"$(ls ../tree/k)\"",
        began.display(),
        go.display()
    );
    let bench = Bench::fake("kustomize", &script);
    let files = tree();
    let meanwhile = async {
        while !began.exists() {
            tokio::task::yield_now().await;
        }
        gitdeck::render::sweep(&bench.tools.scratch);
        std::fs::write(&go, "").unwrap();
    };
    let rendering = Rendering::default();
    let (found, ()) = tokio::join!(rendered(&bench, &files, "k", &rendering), meanwhile);
    assert_eq!(found.unwrap()[0].object["data"]["there"], "kustomization.yaml");
}
