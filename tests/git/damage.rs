//! Random damage to a mirror: an error or the right content, never wrong content, and all is well after a fetch.

use super::world::{World, fetch, head, push, request};
use gitdeck::git::LogQuery;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Numbers that look random and are the same in every run (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_below(&path, out) } else { out.push(path) }
    }
}

/// Flips a bit, or cuts or empties the file, in one file of the mirrors.
fn damage(world: &World, dice: &mut Dice) -> String {
    let mut files = Vec::new();
    files_below(&world.path().join("cache"), &mut files);
    let file = &files[dice.roll(files.len())];
    let mut bytes = fs::read(file).unwrap();
    let kind = dice.roll(4);
    let at = dice.roll(bytes.len());
    match kind {
        0 => bytes.truncate(at),
        1 => bytes.clear(),
        _ if bytes.is_empty() => bytes.push(0xff),
        _ => bytes[at] ^= 1 << dice.roll(8),
    }
    // Packs are read-only, so that the file is replaced.
    fs::remove_file(file).unwrap();
    fs::write(file, bytes).unwrap();
    format!("{} (kind {kind} at {at})", file.strip_prefix(world.path()).unwrap().display())
}

/// How often something is damaged; `GITDECK_DAMAGES` sets another number.
fn rounds() -> usize {
    std::env::var("GITDECK_DAMAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

#[test]
fn damage_is_an_error_or_harmless_and_a_fetch_heals_it() {
    let world = World::new();
    let manifest = "a line that compresses well: 1\n".repeat(50);
    let tip =
        world.publish("many", &[("apps/api.yaml", &manifest), ("apps/deep/x.yaml", "x: 1\n")]);
    let repository = world.fetched();
    repository.commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
    drop(repository);
    let mut dice = Dice(2026);
    for round in 0..rounds() {
        let what = format!("round {round}: {}", damage(&world, &mut dice));
        let repository = world.open();
        if let Ok(content) = repository.file(&tip, "apps/api.yaml") {
            assert_eq!(content, manifest.as_bytes(), "{what}");
        }
        let everything = LogQuery { from: Some(tip.clone()), limit: 100, ..LogQuery::default() };
        let log = repository.log(&everything);
        assert!(log.is_err() || log.is_ok_and(|page| page.commits.len() == 2), "{what}");
        // The first fetch finds broken refs; broken objects are found by the reads above, and healed by it.
        fetch(&repository).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(repository.tip().as_ref(), Some(&tip), "{what}");
        let files = repository.tree(&tip, "").or_else(|_| {
            fetch(&repository).unwrap();
            repository.tree(&tip, "")
        });
        assert_eq!(files.unwrap_or_else(|error| panic!("{what}: {error}")).len(), 4, "{what}");
        assert_eq!(
            repository.pending().unwrap_or_else(|error| panic!("{what}: {error}")).len(),
            1,
            "{what}"
        );
    }
    let repository = world.open();
    push(&repository).unwrap();
    assert_eq!(world.titles(), ["mine", "many", "begin"]);
    assert_eq!(repository.tip(), Some(head(&repository)));
}

#[test]
fn what_lies_under_the_id_of_another_is_not_read() {
    let world = World::new();
    let tip = world.publish("two", &[("apps/a.yaml", "a: 1\n"), ("apps/b.yaml", "b: 2\n")]);
    let repository = world.fetched();
    let files = repository.tree(&tip, "apps").unwrap();
    let [a, b, ..] = &files[..] else { panic!("{files:?}") };
    let mut found = Vec::new();
    files_below(&world.path().join("cache"), &mut found);
    let pack = found.iter().find(|path| path.extension().is_some_and(|end| end == "pack")).unwrap();
    let objects = pack.ancestors().nth(2).unwrap();
    // Objects that are in a pack are not unpacked.
    let aside = world.path().join("aside.pack");
    fs::rename(pack, &aside).unwrap();
    fs::remove_file(pack.with_extension("idx")).unwrap();
    let unpacked = Command::new("git")
        .current_dir(objects.parent().unwrap())
        .args(["unpack-objects", "-q"])
        .stdin(fs::File::open(&aside).unwrap())
        .status();
    assert!(unpacked.unwrap().success());
    let of = |id: &str| objects.join(&id[..2]).join(&id[2..]);
    fs::remove_file(of(&a.id)).unwrap();
    fs::copy(of(&b.id), of(&a.id)).unwrap();
    let repository = world.open();
    let error = repository.file(&tip, "apps/a.yaml").unwrap_err().to_string();
    assert!(error.contains("another content than its id names"), "{error}");
    assert!(repository.tree(&tip, "apps").is_err());
    assert_eq!(repository.file(&tip, "apps/b.yaml").unwrap(), b"b: 2\n");
    fetch(&repository).unwrap();
    assert_eq!(repository.file(&tip, "apps/a.yaml").unwrap(), b"a: 1\n");
}
