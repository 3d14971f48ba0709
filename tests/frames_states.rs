//! Keys in, picture out: mappings that wait, are ill or are held, and lists that are longer than the screen.

use crate::frames::{both, is_plan};
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::stall::{Stall, Told};
use gitdeck::domain::suspect::{Deed, Rank, Suspect};
use gitdeck::domain::{
    Health, Healthy, LeftOut, MappingStatus, MissingRights, Op, Operation, Reason, Refusal,
    SyncState, Wait, Why,
};
use gitdeck::engine::{Command, Event, Failure, Outcome, Store};
use std::sync::Arc;

/// The fleet, with another status of some mappings.
fn fleet(change: impl Fn(&mut MappingStatus)) -> Store {
    let mut store = world::fleet();
    let names: Vec<String> = store.mappings.keys().cloned().collect();
    for name in names {
        let mut status = store.mappings[&name].status.clone();
        change(&mut status);
        store.apply(Event::MappingObserved { status: Box::new(status) });
    }
    store
}

fn planned(driver: &mut Driver, mapping: &str, operations: Vec<Operation>, refusals: Vec<Refusal>) {
    let plan = Arc::new(world::plan(mapping, operations, refusals));
    driver.fact(Event::Planned { plan, at: world::now() });
}

fn create(name: &str) -> Operation {
    world::operation(Op::Create, Reason::Commit, world::object("ConfigMap", name), Vec::new())
}

fn wait(mapping: &str, why: &str) -> Wait {
    Wait { mapping: mapping.into(), why: why.into(), failed: false }
}

const UNSEEN: &str = "cannot be seen: cannot reach https://10.0.0.1:6443: connection refused; check the network and the \
                      context's server address";

#[test]
fn a_mapping_waits_for_others() {
    let waits = || vec![wait("search", "has 1 object to sync"), wait("platform-gateway", UNSEEN)];
    let mut store = fleet(|status| {
        if status.name == "catalog" {
            status.sync = SyncState::OutOfSync;
            status.waits = waits();
            status.held = Some("waits for search, which has 1 object to sync".into());
        }
    });
    let view = store.mappings.get_mut("catalog").expect("a mapping");
    view.mapping.depends_on = vec!["search".into(), "platform-gateway".into()];
    let refused = |driver: &mut Driver| {
        let refusals = waits().into_iter().map(Refusal::Waits).collect();
        planned(driver, "catalog", vec![create("catalog")], refusals);
    };
    both("waits", &store, |driver| {
        refused(driver);
        driver.keys("/cat<enter>5");
    });
    both("confirm-waits", &store, |driver| {
        refused(driver);
        driver.keys("/cat<enter>s").done(is_plan);
    });
    both("confirm-no-wait", &store, |driver| {
        refused(driver);
        driver.keys("/cat<enter>s").done(is_plan).keys("i");
        planned(driver, "catalog", vec![create("catalog")], Vec::new());
        driver.done(is_plan);
    });
}

fn by(revision: &str, author: &str, title: &str, rank: Rank) -> Suspect {
    let why = match rank {
        Rank::Object => "it wrote lines of Deployment shop/search",
        Rank::File => "it touched apps/shop/search/deployment.yaml",
        Rank::Mapping => "it touched the mapping",
    };
    let (author, title) = (author.into(), title.into());
    let deed = Deed::Commit { revision: world::revision(revision), author, title };
    Suspect { deed, rank, why: why.into(), at: Some(world::ago(7_200)) }
}

fn is_ill(status: &mut MappingStatus, message: &str) {
    status.sync = SyncState::Synced;
    status.health = Health::Degraded;
    status.message = Some(message.into());
}

const PULL: &str =
    "Deployment shop/search: Back-off pulling image \"registry.example.com/shop/search:9\"";

#[test]
fn a_mapping_that_fell_ill_names_its_suspects() {
    let store = fleet(|status| {
        if status.name == "search" {
            is_ill(status, PULL);
            let at = world::ago(90_000);
            status.last_healthy = Some(Healthy { revision: world::revision("77ab210"), at });
            status.suspects = vec![
                by("3f2a91c", "ana", "search: the image that was announced", Rank::Object),
                by("8801c7e", "Jürgen 山田", "search: 変更 of limits", Rank::Mapping),
            ];
        }
    });
    both("suspects", &store, |driver| {
        driver.keys("/search<enter>5");
    });
    both("suspects-described", &store, |driver| {
        driver.keys("/search<enter>D");
    });
    both("regression", &store, |driver| {
        driver.keys("/search<enter>");
        let message = format!("was healthy at 77ab210 and is degraded: {PULL}");
        driver.fact(Event::Regressed { mapping: "search".into(), message, at: world::now() });
    });
}

/// Who opens the description of what does not come up is told what the cluster says, once, and nobody else asks.
#[test]
fn the_description_of_what_is_ill_asks_the_cluster() {
    let store = fleet(|status| {
        if status.name == "search" {
            is_ill(status, PULL);
        }
    });
    let is_asked = |command: &Command| matches!(command, Command::Diagnose { .. });
    let stall = Stall {
        object: world::object("Deployment", "search"),
        pod: Some("search-7d4-x2".into()),
        container: Some("app".into()),
        reason: "ImagePullBackOff".into(),
        message: "Back-off pulling image \"registry.example.com/shop/search:9\u{1b}[31m\"".into(),
        hopeless: None,
        events: vec![Told {
            warning: true,
            reason: "Failed".into(),
            message: "no such image".into(),
            count: 7,
        }],
        log: vec!["cannot reach the index".into()],
    };
    both("diagnosis", &store, |driver| {
        driver.keys("/search<enter>");
        assert!(driver.command(is_asked).is_none());
        driver.keys("D");
        assert!(driver.picture().contains("Asking the cluster why it does not come up"));
        driver.fact(Event::Stalled { mapping: "search".into(), stall: Arc::new(stall.clone()) });
        driver.done(is_asked);
        assert!(!driver.picture().contains("Asking the cluster"));
    });
    let mut driver = Driver::new(store, (120, 36));
    driver.keys("/search<enter>D");
    let failure = Failure::new("pods: forbidden");
    driver.end(Outcome::Failed(failure), is_asked);
    let words = "The cluster could not be asked why it does not come up: pods: forbidden";
    assert!(driver.picture().contains(words), "{}", driver.picture());
    // What is well is not asked about.
    let mut well = Driver::new(fleet(|status| status.health = Health::Healthy), (120, 36));
    well.keys("/search<enter>D");
    assert!(well.command(is_asked).is_none());
}

#[test]
fn what_is_ill_is_grouped_by_its_cause() {
    let well = fleet(|status| {
        (status.sync, status.health, status.message) = (SyncState::Synced, Health::Healthy, None);
        status.observed_at = Some(world::ago(4));
    });
    both("causes-none", &well, |driver| {
        driver.fact(world::fetched("legacy", 9, "77ab210")).keys("C");
    });
    both("causes-one", &world::fleet(), |driver| {
        driver.keys("C");
    });
    let several = fleet(|status| match status.name.as_str() {
        "search" | "web" | "cart" => {
            is_ill(status, &PULL.replace("shop/search:", &format!("shop/{}:", status.name)));
            status.suspects = vec![by("3f2a91c", "ana", "all: image 9", Rank::Object)];
        }
        "catalog" => status.waits = vec![wait("search", "is degraded")],
        "checkout" => {
            status.sync = SyncState::Error;
            status.message = Some(
                "apps/shop/checkout: helm failed: parse error at line 3\nthe second line of it"
                    .into(),
            );
        }
        _ => {}
    });
    both("causes", &several, |driver| {
        driver.keys("C");
    });
}

#[test]
fn what_is_left_out_of_many_objects_is_listed() {
    both("left-out-many", &world::fleet(), |driver| {
        let mut plan = world::empty("catalog");
        let rule = Why::Rule {
            rule: "ConfigMap /data".into(),
            place: Some("/home/ana/.config/gitdeck/config.toml:41".into()),
        };
        let name = "a-config-map-with-a-name-that-is-longer-than-most-panes-are-wide";
        for index in 0..20 {
            let object = world::object("ConfigMap", &format!("{name}-{index}"));
            let left = [("/data/a", rule.clone()), ("/data/extra", Why::Extra)];
            plan.left_out
                .extend(LeftOut::group(&object, left.map(|(path, why)| (path.to_owned(), why))));
        }
        driver.fact(Event::Planned { plan: Arc::new(plan), at: world::now() });
        driver.keys("/catalog<enter>dijjj");
    });
}

#[test]
fn rights_that_are_missing_stand_in_the_sync_pane() {
    both("rights", &world::fleet(), |driver| {
        let missing = |verbs: &[&str], resource: &str| {
            Refusal::Rights(MissingRights {
                verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
                resource: resource.into(),
                namespace: Some("shop".into()),
                objects: 2,
                identity: Some("system:serviceaccount:shop:continuous-delivery".into()),
                context: "prod-eu".into(),
            })
        };
        let refusals = vec![
            missing(&["create", "patch"], "configmaps"),
            missing(&["create", "delete", "patch"], "deployments.apps"),
        ];
        planned(driver, "catalog", vec![create("one"), create("two")], refusals);
        driver.keys("/catalog<enter>5");
    });
}

#[test]
fn nothing_is_pruned_for_a_reason() {
    both("confirm-kept", &world::fleet(), |driver| {
        let mut plan = world::plan("catalog", vec![create("new")], Vec::new());
        let why = "what left Git is kept: `broken` may want it and cannot be read: apps/broken/x.yaml:1: mapping \
                   values are not allowed in this context";
        plan.prune_blocked = Some(why.into());
        driver.fact(Event::Planned { plan: Arc::new(plan), at: world::now() });
        driver.keys("/catalog<enter>s").done(is_plan);
    });
}

#[test]
fn another_name_stands_in_for_one_that_goes() {
    both("replaces", &world::fleet(), |driver| {
        let mut new = create("settings-6h2c9d7k5f");
        new.replaces = Some("settings-8f7g2m4t9b".into());
        let old = world::object("ConfigMap", "settings-8f7g2m4t9b");
        let old = world::operation(Op::Delete, Reason::Prune, old, Vec::new());
        planned(driver, "catalog", vec![new, old], Vec::new());
        driver.keys("/catalog<enter>d");
    });
}

#[test]
fn the_palette_finds_what_another_pane_does() {
    both("palette-elsewhere", &world::fleet(), |driver| {
        driver.keys("/cart<enter>:ignored<enter>");
    });
}
