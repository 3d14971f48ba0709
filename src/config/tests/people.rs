//! Who writes commits, and who makes them.

use super::Home;

const ANA: &str = "[author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n";
const BOT: &str = "[committer]\nname = \"Bot\"\nemail = \"bot@example.com\"\n";

#[test]
fn a_committer_is_read_and_explained_like_an_author() {
    let home = Home::with(&format!(
        "{ANA}{BOT}[repositories.fleet]\nurl = \"https://git.example.com/fleet\"\n"
    ));
    let loaded = home.load().unwrap();
    let (author, committer) =
        (loaded.settings.author.clone().unwrap(), loaded.settings.committer.clone().unwrap());
    assert_eq!((author.name.as_str(), committer.name.as_str()), ("Ana", "Bot"));
    assert_eq!(committer.email, "bot@example.com");
    let explained = loaded.explain("fleet").unwrap();
    let of = |key: &str| {
        let value = explained[0].values.iter().find(|value| value.key == key).unwrap();
        (value.value.clone(), value.origin.to_string())
    };
    let (value, origin) = of("committer");
    assert_eq!(value, "Bot <bot@example.com>");
    assert!(origin.starts_with("[committer] (") && origin.ends_with(":5)"), "{origin}");
    assert_eq!(of("author").0, "Ana <ana@example.com>");
}

#[test]
fn half_a_committer_and_an_empty_one_are_faults() {
    let faults = Home::with("[committer]\nname = \"Bot\"\n").faults();
    assert!(faults.contains(":2: [committer] needs both `name` and `email`"), "{faults}");
    let faults = Home::with(&BOT.replace("bot@example.com", "")).faults();
    assert!(faults.contains("in [committer] are not empty"), "{faults}");
    let faults = Home::with("[committer]\nnam = \"Bot\"\n").faults();
    assert!(faults.contains("`name`"), "{faults}");
}
