//! What states and checks mean for the exit code.

use super::{done, one_drifted, run, status};
use crate::cli::Exit;
use crate::domain::SyncState;
use crate::engine::{Command, Event, Outcome};

#[test]
fn what_cannot_be_seen_fails_and_what_is_broken_is_a_state() {
    fn unseen(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Observe { mapping, .. } if mapping == "cart" => {
                (vec![status(mapping, SyncState::Unknown)], done())
            }
            Command::Observe { mapping, .. } => (vec![status(mapping, SyncState::Error)], done()),
            other => one_drifted(other),
        }
    }
    assert_eq!(run("gitdeck status cart", unseen).exit, Exit::Failed);
    assert_eq!(run("gitdeck status checkout", unseen).exit, Exit::Fine);
    assert_eq!(run("gitdeck status checkout --exit-code", unseen).exit, Exit::Differences);
    assert_eq!(run("gitdeck status checkout --exit-code --cached", unseen).exit, Exit::Failed);
    fn one_broken(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Observe { mapping, .. } if mapping == "cart" => {
                (vec![status(mapping, SyncState::Error)], done())
            }
            other => one_drifted(other),
        }
    }
    assert_eq!(run("gitdeck status --exit-code", one_broken).exit, Exit::Differences);
    assert_eq!(run("gitdeck status", one_broken).exit, Exit::Fine);
}

#[test]
fn doctor_names_the_rights_that_are_missing() {
    fn checked(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::CheckCluster { context } if context == "dev" => {
                let checks = vec![
                    ("reachable".into(), true, "v1.36.3, answers in 4 ms".into()),
                    ("rights in shop".into(), false, "you may not patch secrets".into()),
                ];
                (vec![Event::ClusterChecked { context: context.clone(), checks }], done())
            }
            other => one_drifted(other),
        }
    }
    let ended = run("gitdeck doctor -o json", checked);
    assert_eq!(ended.exit, Exit::Failed);
    let document: serde_json::Value = serde_json::from_str(&ended.results).unwrap();
    let checks = document["checks"].as_array().unwrap().iter();
    let clusters: Vec<String> = checks
        .filter(|check| check["area"] == "cluster")
        .map(|check| format!("{} {} {}", check["subject"], check["result"], check["message"]))
        .collect();
    assert_eq!(
        clusters[..2],
        [
            r#""dev" "ok" "reachable: v1.36.3, answers in 4 ms""#,
            r#""dev" "failed" "rights in shop: you may not patch secrets""#,
        ]
    );
    assert!(clusters[2].contains("could not be checked"), "{clusters:?}");
}
