//! `depends_on`: inherited, every name known, no cycles.

use super::Home;

fn tables(more: &str) -> String {
    format!(
        "[repositories.fleet]\nurl = \"https://h/a\"\n[projects.shop]\nrepository = \"fleet\"\ndepends_on = [\"infra\"]\n\
         [mappings.infra]\nproject = \"shop\"\npath = \"infra\"\n[mappings.app]\nproject = \"shop\"\npath = \"app\"\n{more}"
    )
}

#[test]
fn a_list_is_inherited_and_overridden() {
    let home = Home::with(&tables(
        "[mappings.web]\nproject = \"shop\"\npath = \"web\"\ndepends_on = [\"app\", \"app\"]\n",
    ));
    let loaded = home.load().unwrap();
    let of = |name: &str| loaded.settings.mappings[name].depends_on.clone();
    assert_eq!(
        (of("app"), of("infra"), of("web")),
        (vec!["infra".into()], vec![], vec!["app".into()])
    );
    let explained = loaded.explain("web").unwrap();
    let value = explained[0].values.iter().find(|one| one.key == "depends_on").unwrap();
    assert_eq!(value.origin.level, "mapping web");
    assert_eq!(value.overridden[0].level, "project shop");
}

#[test]
fn unknown_names_and_cycles_are_faults_with_their_line() {
    let unknown = Home::with(&tables("depends_on = [\"infr\"]\n")).faults();
    assert!(
        unknown.contains(":12: `depends_on` names no mapping: there is no `infr`"),
        "{unknown}"
    );
    assert!(unknown.contains("infra"), "{unknown}");
    let ring = "depends_on = [\"web\"]\n[mappings.web]\nproject = \"shop\"\npath = \"web\"\ndepends_on = [\"app\"]\n";
    let ring = Home::with(&tables(ring)).faults();
    assert!(ring.contains(":12: mappings wait for each other: app -> web -> app"), "{ring}");
    let own = Home::with(&tables("depends_on = [\"app\"]\n")).faults();
    assert!(own.contains("app -> app"), "{own}");
}

#[test]
fn what_others_depend_on_is_not_removed() {
    let home = Home::with(&tables(""));
    let overrides = super::Overrides::default();
    let refused = super::edit::remove_mapping(&overrides, &home.environment(), "infra");
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("app depends on mapping `infra`"), "{words}");
    super::edit::remove_mapping(&overrides, &home.environment(), "app").unwrap();
}
