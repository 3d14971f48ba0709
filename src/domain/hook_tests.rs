//! Tables of what annotations of hooks mean, and of when a hook has ended.

use super::{
    DeletePolicy, Hook, Phase, Progress, generated, is_hook, is_of, prefix, progress, split,
    told_end,
};
use crate::domain::{Manifest, ObjectRef, Origin};
use serde_json::{Value, json};
use std::time::Duration;

fn annotated(annotations: &[(&str, &str)]) -> Value {
    let mut object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "annotations": {}}});
    for (name, text) in annotations {
        object["metadata"]["annotations"][*name] = (*text).into();
    }
    object
}

#[test]
fn annotations_become_phases() {
    use Phase::{PostSync, PreSync, Sync, SyncFail};
    let argo = "argocd.argoproj.io/hook";
    let helm = "helm.sh/hook";
    for (name, text, phases, left_out) in [
        (argo, "PreSync", vec![PreSync], 0),
        (argo, " PostSync , PreSync,PreSync", vec![PreSync, PostSync], 0),
        (argo, "Sync,SyncFail", vec![Sync, SyncFail], 0),
        (argo, "Skip", vec![], 1),
        (argo, "PreSync,Skip", vec![], 1),
        (argo, "PreDelete", vec![], 1),
        (argo, "PostSync,PostDelete", vec![PostSync], 1),
        (helm, "pre-install", vec![PreSync], 0),
        (helm, "pre-install,pre-upgrade", vec![PreSync], 0),
        (helm, "post-install, post-upgrade", vec![PostSync], 0),
        (helm, "pre-install,crd-install", vec![PreSync], 0),
        (helm, "test", vec![], 1),
        (helm, "test-success", vec![], 1),
        (helm, "pre-delete,post-delete", vec![], 2),
        (helm, "pre-rollback", vec![], 1),
        (helm, "post-upgrade,something-new", vec![PostSync], 1),
    ] {
        let object = annotated(&[(name, text)]);
        assert!(is_hook(&object), "{text}");
        let hook = Hook::of(&object).unwrap().unwrap();
        assert_eq!(hook.phases, phases, "{text}");
        assert_eq!(hook.left_out.len(), left_out, "{text}: {:?}", hook.left_out);
    }
    // Where both are there, Argo CD's counts alone.
    let both = annotated(&[(argo, "PostSync"), (helm, "pre-install")]);
    assert_eq!(Hook::of(&both).unwrap().unwrap().phases, [PostSync]);
}

#[test]
fn what_is_no_hook_is_a_member() {
    for object in [annotated(&[]), annotated(&[("helm.sh/hook", "crd-install")])] {
        assert!(!is_hook(&object));
        assert_eq!(Hook::of(&object), Ok(None));
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for (name, text) in [
        ("argocd.argoproj.io/hook", "PreSnc"),
        ("argocd.argoproj.io/hook", "presync"),
        ("argocd.argoproj.io/hook-delete-policy", "Never"),
        ("helm.sh/hook-delete-policy", "HookSucceeded"),
        ("helm.sh/hook-weight", "first"),
        ("argocd.argoproj.io/sync-wave", "1.5"),
    ] {
        let object = annotated(&[("helm.sh/hook", "pre-install"), (name, text)]);
        let error = Hook::of(&object).unwrap_err();
        assert_eq!((error.annotation, error.text.as_str()), (name, text));
    }
}

#[test]
fn policies_and_waves() {
    use DeletePolicy::{BeforeHookCreation, HookFailed, HookSucceeded};
    let of = |more: &[(&str, &str)]| {
        let all = [&[("argocd.argoproj.io/hook", "Sync")], more].concat();
        Hook::of(&annotated(&all)).unwrap().unwrap()
    };
    let argo = "argocd.argoproj.io/hook-delete-policy";
    let helm = "helm.sh/hook-delete-policy";
    for (annotations, policies) in [
        (vec![], vec![BeforeHookCreation]),
        (vec![(argo, "HookSucceeded")], vec![HookSucceeded]),
        (vec![(argo, "HookFailed, BeforeHookCreation")], vec![HookFailed, BeforeHookCreation]),
        (
            vec![(helm, "before-hook-creation,hook-succeeded")],
            vec![HookSucceeded, BeforeHookCreation],
        ),
        (vec![(argo, "HookFailed"), (helm, "hook-failed")], vec![HookFailed]),
    ] {
        assert_eq!(of(&annotations).policies, policies, "{annotations:?}");
    }
    assert!(of(&[(argo, "HookFailed")]).goes(false) && !of(&[(argo, "HookFailed")]).goes(true));
    assert_eq!(of(&[("helm.sh/hook-weight", "-5")]).wave, -5);
    assert_eq!(of(&[("helm.sh/hook-weight", "-5"), ("argocd.argoproj.io/sync-wave", "2")]).wave, 2);
}

#[test]
fn a_hook_ends_when_it_has_done_its_work() {
    let job = |condition: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "status": {"active": 1,
            "conditions": [{"type": condition, "status": "True", "reason": "R", "message": "m"}]}})
    };
    let pod = |phase: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"restartPolicy": "Never"}, "status": {"phase": phase}})
    };
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let ends = |object: &Value| match progress(object, Duration::from_secs(60)) {
        Progress::Running(_) => "runs",
        Progress::Succeeded => "succeeded",
        Progress::Failed(_) => "failed",
    };
    for (object, end) in [
        (job("Suspended"), "runs"),
        // Its pods may still end.
        (job("SuccessCriteriaMet"), "runs"),
        (job("FailureTarget"), "runs"),
        (job("Complete"), "succeeded"),
        (job("Failed"), "failed"),
        (pod("Pending"), "runs"),
        (pod("Running"), "runs"),
        (pod("Succeeded"), "succeeded"),
        (pod("Failed"), "failed"),
        (config, "succeeded"),
    ] {
        assert_eq!(ends(&object), end, "{object}");
    }
}

#[test]
fn events_tell_how_a_job_ended_that_is_gone() {
    assert_eq!(told_end("Completed", "Job completed"), Some(Progress::Succeeded));
    assert!(matches!(told_end("BackoffLimitExceeded", "m"), Some(Progress::Failed(_))));
    for reason in ["SuccessfulCreate", "Suspended", "FailedCreate"] {
        assert_eq!(told_end(reason, ""), None, "{reason}");
    }
}

#[test]
fn generated_names_are_names_of_their_own() {
    let name = generated("migrate-", "3f2a91c000", Phase::PreSync, 1_700_000_000);
    assert_eq!(name, "migrate-3f2a91c-presync-1700000000");
    let long = generated(&"x".repeat(90), "3f2a91c", Phase::PostSync, 1_700_000_000);
    assert_eq!(long.len(), 63);
    assert!(long.ends_with("-postsync-1700000000"));
    let object =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "migrate-"}});
    assert_eq!(prefix(&object), Some("migrate-"));
    assert_eq!(prefix(&annotated(&[])), None);
}

#[test]
fn an_object_of_before_is_known_by_name_or_prefix() {
    let key = |name: &str| {
        let object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop"}});
        ObjectRef::of(&object).unwrap().key()
    };
    assert!(is_of(&key("migrate"), &key("migrate"), None));
    assert!(!is_of(&key("migrate-2"), &key("migrate"), None));
    assert!(is_of(&key("migrate-3f2a91c-presync-17"), &key("migrate-"), Some("migrate-")));
    assert!(!is_of(&key("other-3f2a91c-presync-17"), &key("migrate-"), Some("migrate-")));
}

#[test]
fn hooks_are_split_from_members() {
    let manifest = |object: Value| Manifest {
        reference: ObjectRef::of(&object).unwrap(),
        object,
        origin: Origin { file: "a.yaml".into(), document: 0, line: 1 },
    };
    let hook = || manifest(annotated(&[("helm.sh/hook", "test")]));
    let member = || manifest(annotated(&[]));
    for order in [vec![hook(), member()], vec![member(), hook()], vec![member()], vec![]] {
        let (members, hooks) = split(&order);
        assert!(members.iter().all(|one| !is_hook(&one.object)));
        assert!(hooks.iter().all(|one| is_hook(&one.object)));
        assert_eq!(members.len() + hooks.len(), order.len());
    }
}
