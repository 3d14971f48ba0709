//! `[safety] sensitive`: what is shown nowhere beside Secrets.

use super::Home;

const MAPPING: &str = "[repositories.fleet]\nurl = \"https://h/a\"\n[mappings.cart]\nrepository = \"fleet\"\npath = \"x\"\nnamespace = \"shop\"\n";

#[test]
fn the_list_is_read_and_explained() {
    let safety = "[safety]\nsensitive = [\"Feed.acme.io\", \"ConfigMap/shop/feed:/data/token\"]\n";
    let loaded = Home::with(&format!("{safety}{MAPPING}")).load().unwrap();
    let list: Vec<String> =
        loaded.settings.safety.sensitive.iter().map(ToString::to_string).collect();
    assert_eq!(list, ["Feed.acme.io", "ConfigMap/shop/feed:/data/token"]);
    let values = loaded.explain("cart").unwrap().remove(0).values;
    let told = values.iter().find(|one| one.key == "sensitive").expect("it is told");
    assert_eq!(told.value, "Feed.acme.io, ConfigMap/shop/feed:/data/token");
}

#[test]
fn what_cannot_be_meant_is_a_fault_with_its_line() {
    let safety = "[safety]\nsensitive = [\"Feed:spec\", \"Feed:/spec//x\"]\n";
    insta::assert_snapshot!(Home::with(&format!("{safety}{MAPPING}")).faults(), @r"
    config.toml:2: `sensitive`: `Feed:spec` is written Kind[.group][/[namespace/]name][:/path], such as ConfigMap/shop/feed:/data/token
    config.toml:2: `sensitive`: `Feed:/spec//x` is written Kind[.group][/[namespace/]name][:/path], such as ConfigMap/shop/feed:/data/token; its path has no empty step
    ");
    let safety = "[safety]\nsensitiv = []\n";
    insta::assert_snapshot!(Home::with(&format!("{safety}{MAPPING}")).faults(), @"config.toml:2: unknown key `sensitiv` in [safety]; did you mean `sensitive`?");
}
