//! What is said where rights are missing.

use super::{done, one_drifted, operation, plan, run};
use crate::cli::Exit;
use crate::domain::{MissingRights, Op, Refusal};
use crate::engine::{Command, Event, Outcome};

#[test]
fn missing_rights_are_told_with_the_way_out() {
    fn powerless(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Plan { mapping, .. } => {
                let missing = MissingRights {
                    verbs: vec!["delete".into()],
                    resource: "configmaps".into(),
                    namespace: Some("shop".into()),
                    objects: 2,
                    identity: Some("jane".into()),
                    context: "prod".into(),
                };
                let refusals = vec![Refusal::Rights(missing)];
                (vec![plan(mapping, vec![operation(Op::Delete)], refusals)], done())
            }
            other => one_drifted(other),
        }
    }
    let ended = run("gitdeck sync checkout --yes -o json", powerless);
    assert_eq!(ended.exit, Exit::Refused);
    assert!(ended.notes.contains("user `jane` may not delete configmaps in shop (2 objects)"));
    assert!(ended.notes.contains("auth can-i delete configmaps -n shop"), "{}", ended.notes);
    assert!(ended.results.contains("\"refusal\": \"rights\""), "{}", ended.results);
    let planned = run("gitdeck plan checkout -o json", powerless).results;
    assert!(planned.contains("\"identity\": \"jane\""), "{planned}");
}
