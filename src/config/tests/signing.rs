//! `require_signed` and who may sign.

use super::Home;

#[test]
fn what_has_to_be_signed_is_inherited() {
    let tables = "[signing]\nallowed_signers = \"signers\"\n[repositories.fleet]\nurl = \"https://h/a\"\n\
        [projects.safe]\nrepository = \"fleet\"\nrequire_signed = true\n\
        [mappings.one]\nproject = \"safe\"\npath = \"one\"\n\
        [mappings.two]\nproject = \"safe\"\npath = \"two\"\nrequire_signed = false\n";
    let home = Home::with(tables);
    let loaded = home.load().unwrap();
    let mappings = &loaded.settings.mappings;
    assert_eq!((mappings["one"].require_signed, mappings["two"].require_signed), (true, false));
    assert_eq!(loaded.settings.allowed_signers, Some(home.path("signers")));
    let explained = loaded.explain("one").unwrap();
    let value = explained[0].values.iter().find(|one| one.key == "require_signed").unwrap();
    assert_eq!(value.value, "true");
    assert!(value.origin.to_string().starts_with("project safe ("), "{}", value.origin);
    let wrong = Home::with(&tables.replace("= true", "= \"yes\"")).faults();
    assert!(
        wrong.contains(":7: `require_signed` of [projects.safe] must be true or false"),
        "{wrong}"
    );
}
