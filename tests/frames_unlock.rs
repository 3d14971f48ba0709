//! What opens the vault, in the console: asked for once by itself, shown as dots, sent, and asked for again.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::Secret;
use gitdeck::engine::{Command, Event};

fn locked() -> Event {
    Event::VaultLocked {
        wanted: "its passphrase (/home/ana/.local/share/gitdeck/vault.age)".into(),
    }
}

#[test]
fn a_locked_vault_asks_once_and_shows_dots() {
    both("vault", &world::fleet(), |driver| {
        driver.fact(locked()).keys("hunter2");
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.fact(locked()).keys("<esc>").fact(locked());
    assert!(driver.console.ui.popups.is_empty(), "it asks by itself once");
    driver.keys("U<enter>");
    assert!(driver.command(|one| matches!(one, Command::Unlock { .. })).is_none(), "nothing typed");
    driver.keys("hunter2");
    let told = format!("{:?}", driver.console.ui.popups);
    assert!(!told.contains("hunter2") && !driver.picture().contains("hunter2"), "{told}");
    driver.keys("<enter>");
    let sent = driver.command(|one| matches!(one, Command::Unlock { .. }));
    assert_eq!(sent, Some(&Command::Unlock { passphrase: Secret::new("hunter2") }));
    assert!(!format!("{sent:?}").contains("hunter2"));
}

#[test]
fn a_wrong_passphrase_is_said_and_a_right_one_looks_again() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.fact(locked()).keys("mule<enter>");
    driver.end(world::failure("the passphrase does not open it", ""), |one| {
        matches!(one, Command::Unlock { .. })
    });
    assert!(driver.picture().contains("the passphrase does not open it"), "{}", driver.picture());
    driver.keys("hunter2<enter>").fact(Event::VaultOpened);
    let fetched = driver.command(|one| matches!(one, Command::Fetch { observe: true, .. }));
    assert!(fetched.is_some() && driver.picture().contains("the vault is open"));
    // It asks again by itself where it was locked again.
    driver.fact(locked());
    assert!(driver.picture().contains("Open the vault"));
}
