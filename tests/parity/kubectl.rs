//! An unmodified `kubectl` at work, and what of its output has to be equal in every world.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::normal::is_uid;

/// How long one command may take: `rollout status` waits for pods.
const PATIENCE: Duration = Duration::from_secs(180);

/// What of a command's output is compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Compared {
    /// Every line of both streams.
    All,
    /// The last line: what comes before tells of progress.
    Last,
    /// The exit code alone: the text is about parts that the sandbox does not have.
    Code,
}

pub struct Line {
    pub arguments: Vec<String>,
    pub compared: Compared,
}

fn line(compared: Compared, text: &str) -> Line {
    Line { arguments: text.split_whitespace().map(String::from).collect(), compared }
}

/// A day's work on the objects in `folder`.
#[expect(clippy::too_many_lines, reason = "a table of what is asked")]
pub fn session(folder: &Path) -> Vec<Line> {
    let files = folder.display();
    let all = |text: String| line(Compared::All, &text);
    let last = |text: &str| line(Compared::Last, text);
    let short = |text: &str| line(Compared::All, text);
    vec![
        line(Compared::Code, "version"),
        short("auth can-i create deployments"),
        short("auth can-i delete nodes -A -q"),
        line(Compared::Code, "auth can-i --list"),
        line(Compared::Code, "auth whoami"),
        all(format!("diff --server-side -f {files}/adservice.yaml")),
        all(format!("apply --server-side -f {files}")),
        all(format!("apply --server-side -f {files}")),
        all(format!("diff --server-side -f {files}")),
        last("rollout status deployment/frontend --timeout=120s"),
        short("wait deployment --all --for=condition=Available --timeout=120s"),
        short("get deploy"),
        short("get deploy,svc -o wide --show-labels"),
        short("get sa"),
        line(Compared::Code, "get pods -o wide"),
        short(
            "get all -l app=frontend -o name --chunk-size=1 --show-kind=false --selector=app=none",
        ),
        short("scale deployment/frontend --replicas=3"),
        last("rollout status deployment/frontend --timeout=120s"),
        short("get deploy frontend -o jsonpath={.spec.replicas}/{.status.readyReplicas}"),
        short("set image deployment/adservice server=registry.example/ad:2"),
        last("rollout status deployment/adservice --timeout=120s"),
        line(Compared::Code, &format!("diff --server-side -f {files}/adservice.yaml")),
        all(format!("apply --server-side -f {files}/adservice.yaml")),
        all(format!("apply --server-side --force-conflicts -f {files}/adservice.yaml")),
        line(Compared::Code, "rollout history deployment/adservice"),
        short("rollout restart deployment/adservice"),
        last("rollout status deployment/adservice --timeout=120s"),
        short("rollout undo deployment/cartservice"),
        short("annotate deployment/frontend note=hello"),
        short("label deployment/frontend tier=web --overwrite"),
        short("label deployment/frontend tier-"),
        short("patch deployment frontend --type=strategic -p {\"spec\":{\"minReadySeconds\":1}}"),
        short(
            "patch deployment frontend --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/minReadySeconds\",\"value\":0}]",
        ),
        short(
            "patch deployment frontend --type=merge -p {\"spec\":{\"replicas\":2}} --dry-run=server -o jsonpath={.spec.replicas}",
        ),
        short("create configmap made --from-literal=a=1"),
        short("create configmap made --from-literal=a=1"),
        short("create configmap other --from-literal=a=1 --dry-run=server -o name"),
        short("get configmap made -o jsonpath={.data}"),
        short("get configmap missing"),
        short("get nothing"),
        short("explain deployment.spec.replicas"),
        short("explain deployment.spec.strategy.rollingUpdate --recursive"),
        short("create job once --image=registry.example/work:1"),
        short("wait job/once --for=condition=Complete --timeout=120s"),
        short("get job once -o jsonpath={.status.succeeded}"),
        short("create deployment broken --image=registry.example/broken:1"),
        last("rollout status deployment/broken --timeout=3s"),
        short("expose deployment broken --port=80"),
        short("autoscale deployment broken --min=1 --max=2"),
        short("create namespace parity-kubectl-second"),
        short("delete namespace parity-kubectl-second --wait=false"),
        short("delete configmap made"),
        short("delete configmap made"),
        short("delete configmap made --ignore-not-found"),
        all(format!("delete -f {files} --wait=true --timeout=120s")),
        short("get deploy frontend"),
        all(format!("apply -f {files}/frontend.yaml")),
        all(format!("apply -f {files}/frontend.yaml")),
        all(format!("diff -f {files}/frontend.yaml")),
        all(format!("replace -f {files}/frontend.yaml")),
        all(format!("apply --server-side -f {files}/frontend.yaml")),
        all(format!("delete -f {files}/frontend.yaml --cascade=foreground --timeout=120s")),
    ]
}

/// Runs one command; gives its exit code and its comparable output.
pub async fn run(program: &Path, kubeconfig: &Path, namespace: &str, line: &Line) -> (i32, String) {
    let home: PathBuf = kubeconfig.parent().expect("a folder").join("home");
    let running = Command::new(program)
        .args(["--kubeconfig", &kubeconfig.display().to_string(), "-n", namespace])
        .args(&line.arguments)
        // Its discovery cache goes into the world's own folder.
        .env("HOME", &home)
        .env("KUBECTL_EXTERNAL_DIFF", "diff -u -N")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Ok(ended) = tokio::time::timeout(PATIENCE, running).await else {
        return (-1, format!("kubectl {} does not end", line.arguments.join(" ")));
    };
    let ended = ended.expect("kubectl runs");
    let text = String::from_utf8_lossy(&ended.stdout).into_owned()
        + &String::from_utf8_lossy(&ended.stderr);
    let comparable: Vec<String> = text.lines().map(comparable).collect();
    let text = match line.compared {
        Compared::All => comparable.join("\n"),
        Compared::Last => comparable.last().cloned().unwrap_or_default(),
        Compared::Code => String::new(),
    };
    (ended.status.code().unwrap_or(-1), text)
}

/// A line without ages, addresses, ports that were allocated, and names of temporary files.
fn comparable(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    words.join(" ")
}

fn word(word: &str) -> String {
    let age = word.len() < 8
        && word.ends_with(['s', 'm', 'h', 'd'])
        && word.chars().all(|sign| sign.is_ascii_digit() || "smhd".contains(sign))
        && word.starts_with(|first: char| first.is_ascii_digit());
    let quad = word.split('.').count() == 4
        && word.chars().all(|sign| sign.is_ascii_digit() || sign == '.');
    let allocated = word.split_once(':').is_some_and(|(port, rest)| {
        port.parse::<u16>().is_ok()
            && rest.ends_with("/TCP")
            && rest.trim_end_matches("/TCP").parse::<u16>().is_ok()
    });
    let bare = word.trim_matches('"');
    let moment = bare.len() >= 10
        && bare.starts_with("20")
        && bare.chars().all(|sign| "-:.TZ+".contains(sign) || sign.is_ascii_digit())
        || bare.len() > 12 && bare.split(':').count() == 3 && bare.contains('.');
    if !quad && (moment || is_uid(bare)) {
        return "(chance)".into();
    }
    match (age, quad, allocated) {
        (true, _, _) => "(age)".into(),
        (_, true, _) => "(address)".into(),
        (_, _, true) => format!("{}:(port)/TCP", word.split(':').next().unwrap_or_default()),
        _ if word.contains("/LIVE-") || word.contains("/MERGED-") => "(file)".into(),
        _ => word.into(),
    }
}
