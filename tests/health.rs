//! Health, one fixture for each rule and state.

use std::fmt::Write;
use std::time::Duration;

use gitdeck::domain::Health;
use gitdeck::domain::health::{GRACE, assess, assess_written, roll_up};
use gitdeck::yaml::documents;
use serde_json::json;

#[test]
fn every_state_of_every_rule() {
    let fixtures = documents(include_bytes!("health.yaml")).unwrap();
    assert!(fixtures.len() > 105);
    for fixture in fixtures {
        let report = assess(&fixture.value["object"]);
        let mut told = report.health.word().to_owned();
        if !report.message.is_empty() {
            told.push(' ');
            told.push_str(&report.message);
        }
        if let Some((ready, wanted)) = report.replicas {
            write!(told, " {ready}/{wanted}").unwrap();
        }
        assert_eq!(told, fixture.value["expect"], "tests/health.yaml:{}", fixture.line);
    }
}

#[test]
fn a_silent_custom_resource_has_a_moment_of_grace() {
    let silent = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}});
    // The SIGs of Kubernetes define custom resources in groups of its own domain.
    for (version, kind) in [
        ("example.com/v1", "Thing"),
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
        ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
    ] {
        let silent = silent(version, kind);
        assert_eq!(assess_written(&silent, Duration::ZERO).health, Health::Progressing, "{kind}");
        assert_eq!(assess_written(&silent, GRACE).health, Health::Healthy, "{kind}");
    }
    for (version, kind) in [("v1", "ConfigMap"), ("storage.k8s.io/v1", "StorageClass")] {
        let plain = silent(version, kind);
        assert_eq!(assess_written(&plain, Duration::ZERO).health, Health::Healthy, "{kind}");
    }
}

#[test]
fn the_worst_part_is_the_health_of_the_whole() {
    assert_eq!(roll_up([Health::Healthy, Health::Degraded, Health::Progressing]), Health::Degraded);
    assert_eq!(roll_up([Health::Healthy, Health::Suspended]), Health::Suspended);
    assert_eq!(roll_up([]), Health::Unknown);
}

#[test]
fn no_object_makes_it_stumble() {
    for object in [
        json!(null),
        json!([]),
        json!({"kind": 1, "status": []}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "status": 3}),
    ] {
        assess(&object);
    }
}
