//! HTTPS with a private authority: credentials, redirects, refusals and races at a real `git http-backend`.

use super::world::{World, git, head, remote_at, request, set};
use crate::support::git_http::{GitHttp, Rules};
use base64::Engine;
use gitdeck::domain::text::harmless;
use gitdeck::domain::{Credential, PushOutcome, Secret};
use gitdeck::git::{Flow, GitError, Places, Repository, check};

const PASSWORD: &str = "correct-horse-battery-staple";

fn basic(password: &str) -> Credential {
    Credential::Basic { username: "ada".to_owned(), password: Secret::new(password) }
}

fn protected() -> Rules {
    Rules {
        basic: Some(base64::engine::general_purpose::STANDARD.encode(format!("ada:{PASSWORD}"))),
        ..Rules::default()
    }
}

/// A world behind a server, with the server's authority trusted.
fn served(rules: Rules) -> (World, GitHttp, Places) {
    let world = World::new();
    let server = GitHttp::start(world.path(), rules);
    let mut places = world.places();
    set(&mut places, "GIT_SSL_CAINFO", server.authority());
    (world, server, places)
}

fn open(places: &Places, server: &GitHttp) -> Repository {
    Repository::open(places, &remote_at(&server.url("origin.git"))).unwrap()
}

fn fetch(
    repository: &Repository,
    credential: &Credential,
) -> Result<gitdeck::git::Fetched, GitError> {
    repository.fetch(credential, &mut |_| Flow::Continue)
}

fn push(repository: &Repository, credential: &Credential) -> Result<PushOutcome, GitError> {
    repository.push(credential, &mut |_| Flow::Continue)
}

#[test]
fn fetch_commit_and_push_with_a_token() {
    let (world, server, places) = served(protected());
    let repository = open(&places, &server);
    fetch(&repository, &basic(PASSWORD)).unwrap();
    assert_eq!(repository.file(&head(&repository), "README").unwrap(), b"hello\n");
    repository.commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
    world.publish("theirs", &[("README", "theirs\n")]);
    let PushOutcome::Pushed { revision, rebuilt } = push(&repository, &basic(PASSWORD)).unwrap()
    else {
        panic!("not pushed")
    };
    assert_eq!((world.newest(), rebuilt.len()), (revision, 1));
    assert_eq!(world.titles(), ["mine", "theirs", "begin"]);
    assert!(matches!(push(&repository, &basic(PASSWORD)).unwrap(), PushOutcome::UpToDate { .. }));
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let (world, server, _) = served(Rules::default());
    let error = fetch(&open(&world.places(), &server), &Credential::Anonymous).unwrap_err();
    assert!(matches!(error, GitError::Certificate { .. }), "{error:?}");
    assert_eq!(server.seen().len(), 0, "nothing was asked over that connection");
}

#[test]
fn a_wrong_password_is_offered_once_and_never_shown() {
    let (_world, server, places) = served(protected());
    let repository = open(&places, &server);
    let error = fetch(&repository, &basic("hunter2-wrong")).unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    assert!(error.to_string().contains("the password (or token) of the user ada"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let offers = server.seen().iter().filter(|seen| seen.authorised).count();
    assert!((1..=2).contains(&offers), "{:?}", server.seen());
    assert!(server.seen().iter().all(|seen| !seen.target.contains("hunter2")));
    let error = fetch(&repository, &Credential::Anonymous).unwrap_err();
    assert!(error.to_string().contains("without a credential"), "{error}");
}

#[test]
fn a_password_in_the_address_is_neither_used_nor_shown() {
    let (_world, server, places) = served(protected());
    let url = server.url("origin.git").replace("https://", &format!("https://ada:{PASSWORD}@"));
    let repository = Repository::open(&places, &remote_at(&url)).unwrap();
    let error = fetch(&repository, &Credential::Anonymous).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
    assert!(server.seen().iter().all(|seen| !seen.authorised));
}

#[test]
fn a_credential_that_expires_is_reported_after_one_more_try() {
    let (world, server, places) = served(protected());
    let repository = open(&places, &server);
    fetch(&repository, &basic(PASSWORD)).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    server.change(Rules { valid_for: Some(2), ..protected() });
    let error = push(&repository, &basic(PASSWORD)).unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    let offers = server.seen().iter().filter(|seen| seen.authorised).count();
    assert!(offers <= 4, "two good ones and at most two refused: {:?}", server.seen());
    assert_eq!(repository.pending().unwrap().len(), 1, "the commit waits");
    server.change(protected());
    push(&repository, &basic(PASSWORD)).unwrap();
    assert_eq!(world.titles(), ["mine", "begin"]);
}

#[test]
fn redirects_are_not_followed_and_carry_no_credential() {
    let (world, first, mut places) = served(protected());
    let second = GitHttp::start(world.path(), protected());
    let both = [first.authority(), second.authority()].map(|file| std::fs::read(file).unwrap());
    std::fs::write(world.path().join("both.pem"), both.concat()).unwrap();
    set(&mut places, "GIT_SSL_CAINFO", world.path().join("both.pem"));
    let repository = open(&places, &first);
    fetch(&repository, &basic(PASSWORD)).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    let base = second.url("").trim_end_matches('/').to_owned();
    let elsewhere = base.replace("localhost", "127.0.0.1");
    first.change(Rules { redirect: Some(elsewhere), ..Rules::default() });
    let error = fetch(&repository, &basic(PASSWORD)).unwrap_err();
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
    assert!(matches!(push(&repository, &basic(PASSWORD)), Err(GitError::Redirected { .. })));
    let found = check(&places, &remote_at(&first.url("origin.git")), &basic(PASSWORD));
    assert!(
        !found.reachable && matches!(found.problems[0], GitError::Redirected { .. }),
        "{found:?}"
    );
    assert_eq!(second.seen().len(), 0, "{:?}", second.seen());
    // Another port of the same host is another server too.
    first.change(Rules { redirect: Some(base), ..Rules::default() });
    let error = fetch(&repository, &basic(PASSWORD)).unwrap_err();
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
    assert!(second.seen().iter().all(|seen| !seen.authorised), "{:?}", second.seen());
}

#[test]
fn a_hook_that_declines_is_heard_and_the_commit_stays() {
    let (world, server, places) = served(Rules::default());
    world.hook("pre-receive", "printf 'policy 7: no\\033]52;c;AAAA\\007\\n' >&2; exit 1");
    let repository = open(&places, &server);
    fetch(&repository, &Credential::Anonymous).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    let outcome = push(&repository, &Credential::Anonymous).unwrap();
    let PushOutcome::Refused { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("hook declined") && reason.contains("policy 7: no"), "{reason:?}");
    assert!(!harmless(&reason).contains('\u{1b}'), "{reason:?}");
    assert_eq!(repository.pending().unwrap().len(), 1);
    assert_eq!(world.titles(), ["begin"]);
}

#[test]
fn a_branch_of_its_own_is_pushed_and_the_server_is_heard() {
    let (world, server, places) = served(protected());
    world.hook("post-receive", "printf 'visit\\n  https://127.0.0.1/new?x\\033[31m\\n' >&2");
    let (repository, credential) = (open(&places, &server), basic(PASSWORD));
    fetch(&repository, &credential).unwrap();
    let waits = repository.commit(&request("waits", &[("other", "1\n")])).unwrap();
    let made = repository.commit_apart(&request("apart", &[("README", "2\n")]), "fix/it").unwrap();
    assert_ne!(made.parents, [waits.revision]);
    assert_eq!(repository.offered("fix/it").unwrap().unwrap().revision, made.revision);
    let mut go_on = |_| Flow::Continue;
    repository.is_free(&credential, "fix/it", &mut go_on).unwrap();
    let said = repository.offer(&credential, "fix/it", &made.revision, &mut go_on).unwrap();
    assert!(said.contains("https://127.0.0.1/new?x"), "{said:?}");
    // What was interrupted after the push is not pushed again.
    assert_eq!(repository.offer(&credential, "fix/it", &made.revision, &mut go_on).unwrap(), "");
    repository.forget_offer("fix/it").unwrap();
    assert!(repository.offered("fix/it").unwrap().is_none());
    let taken = repository.is_free(&credential, "fix/it", &mut go_on).unwrap_err();
    assert!(matches!(taken, GitError::BranchTaken { .. }), "{taken:?}");
    assert_eq!(
        (world.titles(), repository.pending().unwrap().len()),
        (vec!["begin".to_owned()], 1)
    );
    world.hook("pre-receive", "echo 'policy 7: no' >&2; exit 1");
    let other = repository.commit_apart(&request("apart", &[("README", "3\n")]), "no").unwrap();
    let refused = repository.offer(&credential, "no", &other.revision, &mut go_on).unwrap_err();
    assert!(refused.to_string().contains("policy 7: no"), "{refused}");
}

#[test]
fn a_branch_that_moves_during_the_push_is_caught_up_with() {
    let (world, server, places) = served(Rules::default());
    let repository = open(&places, &server);
    fetch(&repository, &Credential::Anonymous).unwrap();
    let theirs = world.publish("theirs", &[("README", "theirs\n")]);
    git(&world.origin(), ["update-ref", "refs/other/theirs", theirs.as_str()]);
    git(&world.origin(), ["update-ref", "refs/heads/main", "main~1"]);
    // Once, after the old tip was told to the client and before the new one is written.
    let mark = world.path().join("moved");
    world.hook(
        "update",
        &format!(
            "test -e {mark} && exit 0; touch {mark}; unset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main {theirs}",
            mark = mark.display(),
        ),
    );
    let mine = repository
        .commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")]))
        .unwrap()
        .revision;
    let PushOutcome::Pushed { rebuilt, .. } = push(&repository, &Credential::Anonymous).unwrap()
    else {
        panic!("not pushed")
    };
    assert!(mark.exists(), "the hook ran");
    assert_eq!(rebuilt[0].0, mine);
    assert_eq!(world.titles(), ["mine", "theirs", "begin"]);
}

#[test]
fn a_push_that_the_server_undoes_is_not_believed() {
    let (world, server, places) = served(Rules::default());
    let before = world.newest();
    world.hook("post-receive", &format!("git update-ref refs/heads/main {before}"));
    let repository = open(&places, &server);
    fetch(&repository, &Credential::Anonymous).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    let error = push(&repository, &Credential::Anonymous).unwrap_err();
    assert!(matches!(error, GitError::Unconfirmed { .. }), "{error:?}");
    assert_eq!(repository.pending().unwrap().len(), 1);
}

#[test]
fn racing_pushes_over_https_are_both_in_the_history() {
    let (world, server, places) = served(protected());
    let mut elsewhere = places.clone();
    elsewhere.mirrors = world.path().join("elsewhere/cache");
    elsewhere.outbox = world.path().join("elsewhere/data");
    let consoles = [open(&places, &server), open(&elsewhere, &server)];
    std::thread::scope(|scope| {
        for (who, console) in consoles.iter().enumerate() {
            scope.spawn(move || {
                fetch(console, &basic(PASSWORD)).unwrap();
                for round in 0..3 {
                    let file = format!("{who}/{round}.yaml");
                    console
                        .commit(&request(&format!("{who} {round}"), &[(&file, "x: 1\n")]))
                        .unwrap();
                    let outcome = push(console, &basic(PASSWORD)).unwrap();
                    assert!(matches!(outcome, PushOutcome::Pushed { .. }), "{outcome:?}");
                }
            });
        }
    });
    let mut titles = world.titles();
    titles.sort();
    assert_eq!(titles, ["0 0", "0 1", "0 2", "1 0", "1 1", "1 2", "begin"]);
}

#[test]
fn the_helpers_of_git_are_asked_and_told() {
    let (world, server, places) = served(protected());
    let log = world.path().join("helper.log");
    let asked = world.path().join("helper.asked");
    let helper = |password: &str| {
        let script = format!(
            "!f() {{ echo \"$1\" >> {}; cat > {}; test \"$1\" = get && printf 'username=ada\\npassword={password}\\n'; }}; f",
            log.display(),
            asked.display()
        );
        let file = world.path().join("home/.gitconfig");
        git(world.path(), ["config", "-f", file.to_str().unwrap(), "credential.helper", &script]);
    };
    helper(PASSWORD);
    let repository = open(&places, &server);
    fetch(&repository, &Credential::GitCredential { username: None }).unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "get\nstore\n");
    std::fs::remove_file(&log).unwrap();
    fetch(&repository, &Credential::GitCredential { username: Some("ada".to_owned()) }).unwrap();
    assert!(std::fs::read_to_string(&asked).unwrap().contains("username=ada\n"));
    std::fs::remove_file(&log).unwrap();
    helper("wrong-password");
    let error = fetch(&repository, &Credential::GitCredential { username: None }).unwrap_err();
    assert!(
        error.to_string().contains("git's helpers")
            && !error.to_string().contains("wrong-password"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "get\nerase\n");
}

#[test]
fn a_check_says_what_is_wrong_without_changing_anything() {
    let (world, server, places) = served(protected());
    let remote = remote_at(&server.url("origin.git"));
    let good = check(&places, &remote, &basic(PASSWORD));
    assert!(good.reachable && good.branch == Some(true) && good.push == Some(true), "{good:?}");
    assert!(good.problems.is_empty(), "{good:?}");
    let wrong = check(&places, &remote, &basic("wrong"));
    assert!(
        !wrong.reachable && matches!(wrong.problems[0], GitError::Authentication { .. }),
        "{wrong:?}"
    );
    let missing = check(&places, &remote_at(&server.url("none.git")), &basic(PASSWORD));
    assert!(matches!(missing.problems[0], GitError::Unreachable { .. }), "{missing:?}");
    git(&world.origin(), ["config", "http.receivepack", "false"]);
    let readonly = check(&places, &remote, &basic(PASSWORD));
    assert!(readonly.reachable && readonly.push == Some(false), "{readonly:?}");
    let mut other = remote;
    other.branch = "production".to_owned();
    let branch = check(&places, &other, &basic(PASSWORD));
    assert_eq!(branch.branch, Some(false));
    server.change(Rules { status: Some(503), ..Rules::default() });
    let down = check(&places, &other, &basic(PASSWORD));
    assert!(matches!(down.problems[0], GitError::Unreachable { .. }), "{down:?}");
}

#[test]
fn no_credential_goes_over_plain_http_to_another_machine() {
    let world = World::new();
    let remote = remote_at("http://git.example.invalid/a.git");
    let found = check(&world.places(), &remote, &basic(PASSWORD));
    assert!(!found.reachable, "{found:?}");
    assert!(!format!("{found:?}").contains(PASSWORD));
}

#[test]
fn checks_of_many_remotes_at_once_do_not_meet() {
    let world = World::new();
    // The folder of the checks is made anew each time, by all of them.
    for _ in 0..10 {
        let places = world.places();
        let _ = std::fs::remove_dir_all(places.mirrors.join("check.git"));
        let barrier = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let found = check(&places, &world.remote(), &Credential::Anonymous);
                    assert!(found.reachable && found.problems.is_empty(), "{found:?}");
                });
            }
        });
        let left = std::fs::read_dir(&places.mirrors).unwrap().flatten();
        assert_eq!(left.filter(|one| one.file_name() != "check.git").count(), 0);
    }
}
