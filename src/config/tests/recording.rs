//! `source = "cluster"`: how it records, and the loops that no configuration may ask for.

use super::Home;
use crate::domain::mapping::SecretsInGit;
use std::time::Duration;

fn tables(more: &str) -> String {
    format!(
        "[repositories.fleet]\nurl = \"https://h/a\"\n[repositories.same]\nurl = \"ssh://git@h/a.git\"\n\
         [defaults]\nrecord = {{ quiet_period = \"30s\" }}\n\
         [mappings.live]\nrepository = \"fleet\"\npath = \"apps/web\"\n{more}"
    )
}

#[test]
fn the_quiet_period_is_inherited_and_has_an_end() {
    let home = Home::with(&tables("source = \"cluster\"\nrecord = { push = false }\n"));
    let loaded = home.load().unwrap();
    let record = loaded.settings.mappings["live"].record;
    assert_eq!((record.quiet, record.push), (Duration::from_secs(30), false));
    assert_eq!(record.secrets, SecretsInGit::Skip);
    let sealed = Home::with(&tables("record = { secrets = \"sops\" }\n")).load().unwrap();
    assert_eq!(sealed.settings.mappings["live"].record.secrets, SecretsInGit::Sops);
    let long = Home::with(&tables("record = { quiet_period = \"2h\" }\n")).faults();
    assert!(long.contains(":10: `quiet_period` is at most \"1h\""), "{long}");
    let wrong = Home::with(&tables("record = { quiet = \"2s\" }\n")).faults();
    assert!(wrong.contains("quiet_period"), "{wrong}");
}

#[test]
fn nobody_else_is_made_from_what_is_recorded() {
    for (path, repository, source) in [
        ("apps/web", "fleet", "git"),
        ("apps", "same", "git"),
        ("apps/web/base", "fleet", "git"),
        ("apps/web", "fleet", "cluster"),
        (".", "fleet", "git"),
    ] {
        let other = format!(
            "source = \"cluster\"\n[mappings.other]\nrepository = \"{repository}\"\npath = \"{path}\"\ncontext = \"two\"\nsource = \"{source}\"\n"
        );
        let said = Home::with(&tables(&other)).faults();
        assert!(
            said.contains(":10: mapping `live` would record live changes below \"apps/web\"")
                && said.contains("mapping `other`"),
            "{path}: {said}"
        );
    }
    let beside =
        "source = \"cluster\"\n[mappings.other]\nrepository = \"fleet\"\npath = \"apps/web-two\"\n";
    assert!(Home::with(&tables(beside)).load().is_ok());
}

#[test]
fn what_does_nothing_is_said() {
    let home =
        Home::with(&tables("source = \"cluster\"\nsync = { auto = true, self_heal = true }\n"));
    let said: Vec<String> =
        home.load().unwrap().warnings().iter().map(ToString::to_string).collect();
    assert!(
        said.len() == 2
            && said.iter().all(|one| one.contains("does nothing: its source is the cluster")),
        "{said:?}"
    );
}
