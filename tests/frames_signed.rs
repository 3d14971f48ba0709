//! Signatures in the log: asked about for the page in sight, and never green before git said so.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::repository::Signature;
use gitdeck::domain::{Belief, Commit, CommitDetails, Revision, Verdict};
use gitdeck::engine::{Command, Event, JobId, Outcome, Store, Subject};
use gitdeck::tui::effect::Effect;
use gitdeck::tui::glyphs::ASCII;
use gitdeck::tui::style::Role;
use std::sync::Arc;

fn is_verify(command: &Command) -> bool {
    matches!(command, Command::Verify { .. })
}

fn asked(driver: &Driver) -> Vec<(JobId, Vec<Revision>)> {
    let asked = driver.sent.iter().filter_map(|(job, command)| match command {
        Command::Verify { revisions, .. } => Some((*job, revisions.clone())),
        _ => None,
    });
    asked.collect()
}

fn signed(short: &str, title: &str) -> Commit {
    Commit { signature: Signature::Present, ..world::commit(short, "ana", 3_600, title) }
}

/// Five signed commits and one that is not.
fn store() -> Store {
    let mut store = world::fleet();
    let titles = ["good", "strange", "false", "not to be checked", "not asked"];
    let mut commits: Vec<Commit> =
        (0..).zip(titles).map(|(n, title)| signed(&format!("aaaaaa{n}"), title)).collect();
    commits.push(world::commit("bbbbbb0", "leo", 7_200, "bare"));
    let subject = Subject::Mapping("checkout".into());
    store.apply(Event::LogLoaded { subject, skip: 0, commits, more: false });
    store
}

fn verdict(state: Belief, why: Option<&str>) -> Verdict {
    Verdict {
        state,
        signer: (state == Belief::Verified).then(|| "ana@example.com".into()),
        key: (state != Belief::Unchecked).then(|| "SHA256:KZyV097H11xJYImW".into()),
        why: why.map(str::to_owned),
    }
}

fn verdicts() -> Event {
    let said = [
        verdict(Belief::Verified, None),
        verdict(Belief::Untrusted, Some("none of the allowed signers signed it")),
        verdict(Belief::Bad, Some("its signature is not for what it says now \u{1b}[32m")),
        verdict(Belief::Unchecked, Some("gpg cannot be run")),
    ];
    let verdicts =
        (0..).zip(said).map(|(n, one)| (world::revision(&format!("aaaaaa{n}")), one)).collect();
    Event::Verified { verdicts }
}

#[test]
fn the_log_shows_what_git_says() {
    both("signed-unasked", &store(), |driver| {
        driver.keys("/checkout<enter>3");
    });
    both("signed", &store(), |driver| {
        driver.keys("/checkout<enter>3").fact(verdicts()).done(is_verify);
    });
    both("signed-wide", &store(), |driver| {
        driver.keys("/checkout<enter>3z").fact(verdicts()).done(is_verify);
    });
    let mut driver = Driver::new(store(), (120, 36));
    driver.look(|look| look.glyphs = ASCII);
    driver.keys("/checkout<enter>3z").fact(verdicts());
    let picture = driver.picture();
    for line in ["s good", "u strange", "X bad signature false", "o not to be", "o not asked"] {
        assert!(picture.contains(line), "{line}: {picture}");
    }
}

/// The colours in front of a title.
fn roles(driver: &mut Driver, title: &str) -> Vec<ratatui::style::Color> {
    let buffer = driver.buffer();
    for y in buffer.area.top()..buffer.area.bottom() {
        let line: Vec<&str> = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        if let Some(at) = line.concat().find(title) {
            let at = line.concat()[..at].chars().count() as u16;
            return (at.saturating_sub(16)..at)
                .filter(|x| !buffer[(*x, y)].symbol().trim().is_empty())
                .map(|x| buffer[(x, y)].fg)
                .collect();
        }
    }
    panic!("no {title}: {}", driver.picture())
}

#[test]
fn green_is_only_what_git_stands_by_and_red_what_is_false() {
    let mut driver = Driver::new(store(), (120, 36));
    // The row under the cursor has a colour of its own.
    driver.keys("/checkout<enter>3zG");
    let theme = driver.console.look.theme.clone();
    let colour = |role: Role| theme[role].fg.expect("a colour");
    let (good, bad) = (colour(Role::Good), colour(Role::Bad));
    for title in ["good", "strange", "not to be", "not asked"] {
        assert!(!roles(&mut driver, title).contains(&good), "{title} before it was checked");
    }
    driver.fact(verdicts()).done(is_verify);
    assert!(roles(&mut driver, "good").contains(&good));
    for title in ["strange", "not to be", "not asked"] {
        assert!(!roles(&mut driver, title).contains(&good), "{title}");
    }
    let of_false = roles(&mut driver, "false");
    assert!(of_false.contains(&bad) && !of_false.contains(&good), "{of_false:?}");
}

#[test]
fn a_commit_says_in_words_who_signed_it() {
    let open = |driver: &mut Driver, commit: Commit| {
        let patch = String::new();
        let details = CommitDetails { commit, files: Vec::new(), patch, truncated: false };
        let details = Arc::new(details);
        let is_show = |command: &Command| matches!(command, Command::Show { .. });
        driver.keys("<enter>");
        driver.fact(Event::CommitLoaded { repository: "fleet".into(), details }).done(is_show);
    };
    both("signed-good", &store(), |driver| {
        driver.keys("/checkout<enter>3").fact(verdicts());
        open(driver, signed("aaaaaa0", "good"));
    });
    both("signed-bad", &store(), |driver| {
        driver.keys("/checkout<enter>3").fact(verdicts()).keys("jj");
        open(driver, signed("aaaaaa2", "false"));
    });
    let mut driver = Driver::new(store(), (120, 36));
    driver.keys("/checkout<enter>3").fact(verdicts()).keys("jj");
    open(&mut driver, signed("aaaaaa2", "false"));
    assert!(!driver.picture().contains('\u{1b}'), "{}", driver.picture());
}

/// A log of more than a page, all of it signed.
fn long() -> Driver {
    let mut store = world::fleet();
    let commits = (0..400).map(|n| signed(&format!("{:07x}", 0x00d0_0000 + n), "change")).collect();
    let subject = Subject::Mapping("checkout".into());
    store.apply(Event::LogLoaded { subject, skip: 0, commits, more: false });
    let mut driver = Driver::new(store, (80, 24));
    driver.keys("/checkout<enter>3");
    driver
}

fn answers(of: &[Revision]) -> Event {
    let answer = |one: &Revision| (one.clone(), verdict(Belief::Verified, None));
    Event::Verified { verdicts: of.iter().map(answer).collect() }
}

#[test]
fn only_the_page_in_sight_is_asked_about_and_called_back_when_it_is_gone() {
    let mut driver = long();
    let first = asked(&driver);
    let page = first[0].1.len();
    assert!(first.len() == 1 && page > 2 && page < 24, "{first:?}");
    driver.keys("j");
    assert_eq!(asked(&driver).len(), 1, "one at a time");
    assert!(!driver.effects.contains(&Effect::Cancel(first[0].0)), "it is in sight still");
    driver.keys("G");
    assert!(driver.effects.contains(&Effect::Cancel(first[0].0)));
    driver.end(Outcome::Cancelled, is_verify);
    let second = asked(&driver);
    assert_eq!(second.len(), 2);
    assert!(second[1].1.contains(&world::revision(&format!("{:07x}", 0x00d0_0000 + 399))));
    driver.fact(answers(&second[1].1)).done(is_verify);
    assert_eq!(asked(&driver).len(), 2, "what is known is not asked for again");
    driver.keys("g");
    assert_eq!(asked(&driver)[2].1.len(), page, "what was called back is");
    driver.fact(answers(&asked(&driver)[2].1.clone())).done(is_verify);
    driver.keys("j").keys("k");
    assert_eq!(asked(&driver).len(), 3);
    driver.keys("<c-r>");
    assert_eq!(asked(&driver).len(), 4, "other signers may count by now");
}

#[test]
fn what_git_could_not_tell_is_not_asked_for_over_and_over() {
    let mut driver = long();
    let failure = world::failure("git cannot be run", "install it");
    driver.end(failure, is_verify);
    assert_eq!(asked(&driver).len(), 1);
}
