//! The configuration changes under a running console: it follows without a restart, and a faulty one changes nothing.

use crate::support::clusters::World;
use crate::support::driver::Driver;
use crate::support::services::{lay_out, sync_all};
use crate::support::terminal::Terminal;
use crate::support::world;
use gitdeck::engine::{Command, Event};
use std::fs;
use std::path::Path;
use std::sync::Arc;

#[test]
fn what_was_asked_is_not_answered_under_other_settings() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    let is_plan = |command: &Command| matches!(command, Command::Plan { .. });
    let is_sync = |command: &Command| matches!(command, Command::Sync { .. });
    driver.keys("/checkout<enter>s").done(is_plan);
    assert!(driver.picture().contains("Sync checkout?"));
    let mut elsewhere = world::mapping("checkout", "fleet");
    elsewhere.target.context = "prod-us".into();
    let settings = Arc::new(world::settings(vec![elsewhere]));
    let what = "mapping checkout changed".to_owned();
    driver.fact(Event::Configured { settings, what, clusters: false });
    let picture = driver.picture();
    assert!(!picture.contains("Sync checkout?") && picture.contains("prod-us"), "{picture}");
    assert!(picture.contains("what was asked is to be asked again"), "{picture}");
    driver.keys("<enter>");
    assert!(driver.command(is_sync).is_none());
    // A look that began before says nothing of the mapping that it is now.
    let mut old = world::fleet().mappings["checkout"].status.clone();
    old.message = Some("seen in the old place".into());
    driver.fact(Event::MappingObserved { status: Box::new(old) });
    assert_eq!(driver.console.store.mappings["checkout"].status.message, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_follows_its_configuration() {
    let world = World::sandbox("reload").await;
    let place = tempfile::tempdir().expect("a place");
    let config = lay_out(place.path(), &world);
    tokio::task::spawn_blocking(move || {
        sync_all(&config);
        let whole = fs::read_to_string(&config).expect("a configuration");
        let at = whole.find("[mappings.checkout]").expect("a mapping");
        let (less, checkout) = whole.split_at(at);

        replace(&config, less);
        let mut console = Terminal::start(&["--config".as_ref(), config.as_os_str()], (120, 36));
        console.see("2 Mappings").see("1 in sync").see("cluster live");
        assert!(!console.text().contains("checkout"), "{}", console.text());

        replace(&config, &whole);
        console.see("mapping checkout added").see("2 in sync");

        // What is wrong is said with its line, and what was there goes on.
        replace(&config, &(whole.clone() + "[safty]\n"));
        console.see("configuration: ").see("config.toml:").miss("checkout added");
        assert!(console.text().contains("2 in sync"), "{}", console.text());

        replace(
            &config,
            &format!("{whole}[safety]\nread_only = true\n[console]\nglyphs = \"ascii\"\n"),
        );
        console.see("read-only").see("2 in sync").miss("╭");
        console.keys("2s").see("read-only");
        assert!(!console.text().contains("Sync c"), "{}", console.text());

        // A mapping under the cursor goes while it is looked at.
        console.keys("2/checkout\r").see("1 of 2");
        replace(&config, less);
        console.see("mapping checkout removed").miss("read-only");
        console.keys("\x1b").see("1 in sync").see("catalog");

        // Nothing is taken off the screen because a file is gone.
        fs::remove_file(&config).expect("the configuration goes");
        console.see("is gone or empty");
        assert!(console.text().contains("1 in sync"), "{}", console.text());
        replace(&config, &(checkout_alone(less) + checkout));
        console.see("mapping checkout added").see("1 in sync");
        assert_eq!(console.keys("q").end(), 0);
        console.assert_restored();
    })
    .await
    .expect("the console follows");
}

/// The configuration without any mapping.
fn checkout_alone(less: &str) -> String {
    less.split("[mappings.catalog]").next().unwrap_or_default().to_owned()
}

/// As editors do: a new file in the place of the old one.
fn replace(config: &Path, text: &str) {
    let beside = config.with_extension("new");
    fs::write(&beside, text).expect("a file");
    fs::rename(&beside, config).expect("in its place");
}
