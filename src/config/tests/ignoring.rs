//! Ignore rules: what they may say, and where they are wrong.

use super::Home;
use crate::domain::IgnoreRule;

const MAPPING: &str = "[repositories.fleet]\nurl = \"https://h/a\"\n[mappings.cart]\nrepository = \"fleet\"\npath = \"x\"\nnamespace = \"shop\"\n";

#[test]
fn every_part_of_a_rule_is_read_with_its_line() {
    let rules = "ignore = [\n  { group = \"apps\", kind = \"Deploy*\", namespace = \"shop\", name = \"web-*\", labels = \"a=b,c in (d)\", path = '.spec.containers[] | select(.name == \"x\") | .image' },\n  { manager = \"cainjector\" },\n]\n";
    let home = Home::with(&format!("{MAPPING}{rules}"));
    let loaded = home.load().unwrap();
    let [first, second] = &loaded.settings.mappings["cart"].ignore[..] else { panic!() };
    assert_eq!(
        first.to_string(),
        "Deploy*.apps shop/web-* (a=b,c in (d)) .spec.containers[] | select(.name == \"x\") | .image"
    );
    assert_eq!(first.short_place(), Some("config.toml:8"));
    let manager = Some("cainjector".to_owned());
    let place = second.place.clone();
    assert_eq!(*second, IgnoreRule { manager, place, ..IgnoreRule::default() });
    let values = loaded.explain("cart").unwrap().remove(0).values;
    let told: Vec<&str> =
        values.iter().filter(|one| one.key == "ignore").map(|one| one.value.as_str()).collect();
    assert_eq!(told[1], "of manager cainjector");
}

#[test]
fn what_a_rule_cannot_say_is_a_fault_with_its_line() {
    let rules = "ignore = [\n  { kind = \"Pod\" },\n  { path = \"spec\" },\n  { path = \"/spec//a\" },\n  { path = \".spec | keys\" },\n  { manager = \"git*\" },\n  { labels = \"a b\", path = \"/spec\" },\n  { nam = \"a\", path = \"/spec\" },\n]\n";
    let home = Home::with(&format!("{MAPPING}{rules}"));
    insta::assert_snapshot!(home.faults(), @r#"
    config.toml:8: an ignore rule needs a `path`, like "/spec/replicas", or a `manager`
    config.toml:9: the path of an ignore rule begins with `/` (a JSON pointer) or with `.` (as in jq)
    config.toml:10: the path of an ignore rule has no empty step
    config.toml:11: the path of an ignore rule cannot be read: at character 9 `keys` is not understood; a path begins with `.`
    config.toml:12: `gitdeck` is this program: the rule would ignore everything
    config.toml:13: the label selector of an ignore rule: unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt
    config.toml:14: unknown key `nam` in [[ignore]]; did you mean `name`?
    "#);
}
