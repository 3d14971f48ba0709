//! Every published file: values are changed and changed back, and the file is what it was.

use super::generate::{Dice, Down};
use super::judge::{has_own_spelling, holds};
use super::readers::{Edit, at};
use super::{Case, Seen, Tally, edited, routes};
use gitdeck::yaml::documents;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            // Templates are no YAML before Helm made it of them.
            if path.file_name().is_some_and(|name| name != "templates") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(path);
        }
    }
}

/// The published files; their absence is a failure where everything has to be there.
pub fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/manifests");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    if files.is_empty() {
        let required = std::env::var_os("GITDECK_REQUIRE_CONTROL_PLANE").is_some();
        assert!(!required, "{} has no manifests", folder.display());
        eprintln!("skipped: {} has no manifests", folder.display());
    }
    files
}

/// Edits of each document of a file: the fewer, the longer the file is to read.
fn edits(length: usize, documents: usize) -> usize {
    if std::env::var_os("GITDECK_YAML_EDITS").is_some() {
        return 20;
    }
    let all = if length > 200_000 { 3 } else { 8 };
    (all / documents).max(1)
}

#[test]
fn published_files_change_in_one_value_only() {
    let files = files();
    if files.is_empty() {
        return;
    }
    let (mut done, mut refused, mut tally) = (0_usize, 0_usize, Tally::default());
    for file in &files {
        let seen = Seen::of(fs::read_to_string(file).unwrap());
        let Ok(read) = documents(seen.text.as_bytes()) else {
            panic!("{} cannot be read", file.display())
        };
        let mut dice = Dice::new(seen.text.len() as u64);
        let mut of_file = 0;
        for (position, document) in read.iter().enumerate() {
            let mut found = Vec::new();
            routes(&document.value, &mut Vec::new(), &mut found);
            for _ in 0..edits(seen.text.len(), read.len()) {
                let route = found[dice.below(found.len())].clone();
                let mut root = document.value.clone();
                let Some(value) = at(&mut root, &route) else { continue };
                let document = (document.index, position);
                match there_and_back(&seen, document, &route, value, &mut tally) {
                    Ok(true) => of_file += 1,
                    Ok(false) => refused += 1,
                    Err(fault) => panic!("{}: {route:?}: {fault}", file.display()),
                }
            }
        }
        assert!(of_file > 0 || read.is_empty(), "no edit of {}", file.display());
        done += of_file;
    }
    println!("{} files, {done} edits there and back, {refused} refused", files.len());
    println!("{:?}", tally.refused);
    tally.hold();
    assert!(done > 20 * refused, "{done} done, {refused} refused");
}

/// Changes a value, then changes it back; both touch the value alone. Whether it could be done.
fn there_and_back(
    seen: &Seen,
    document: (usize, usize),
    route: &[Down],
    value: &Value,
    tally: &mut Tally,
) -> Result<bool, String> {
    let case = |route: &[Down], edit| Case { document, route: route.to_vec(), edit };
    let (there, back) = match value {
        Value::Object(_) | Value::Array(_) => {
            let down = match value {
                Value::Array(items) => Down::Index(items.len()),
                _ => Down::Key("gitdeck.test/new".to_owned()),
            };
            let new = json!({"name": "yes", "count": 3, "more": ["1", 2]});
            let mut below = route.to_vec();
            below.push(down.clone());
            (case(route, Edit::Add(down, new)), case(&below, Edit::Remove))
        }
        Value::String(old) => {
            let new = if old.contains('\n') { format!("{old}more\n") } else { format!("{old}x") };
            let back = Edit::Set(value.clone());
            (case(route, Edit::Set(json!(new))), case(route, back))
        }
        scalar => {
            let back = Edit::Set(scalar.clone());
            (case(route, Edit::Set(json!("no"))), case(route, back))
        }
    };
    let Ok(changed) = edited(seen, &there, tally)? else { return Ok(false) };
    holds(seen, &changed, &there).map_err(|fault| format!("{fault}\n{}", changed.text))?;
    let again = edited(&changed, &back, tally)?;
    let again = again.map_err(|reason| format!("it does not come back: {reason}"))?;
    holds(&changed, &again, &back).map_err(|fault| format!("back: {fault}\n{}", again.text))?;
    // What was folded by hand is not folded again; what had odd quotes has other ones.
    let other = matches!(there.edit, Edit::Set(_)) && has_own_spelling(seen, &there, value);
    if again.text != seen.text && !other {
        return Err(format!("it does not come back as it was\n{}", again.text));
    }
    Ok(true)
}
