//! Every published file: values are changed and changed back, and the file is what it was.

use super::generate::{Dice, Down};
use super::readers::{Edit, at};
use super::{Case, edited, is_cut, routes};
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

#[test]
fn published_files_change_in_one_value_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/manifests");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    if files.is_empty() {
        eprintln!("skipped: {} has no manifests", folder.display());
        return;
    }
    let full = std::env::var_os("GITDECK_YAML_EDITS").is_some();
    let (mut done, mut refused) = (0_usize, 0_usize);
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        // The definitions and dashboards of half a megabyte and more take a minute.
        if text.len() > 200_000 && !full {
            continue;
        }
        let Ok(read) = documents(text.as_bytes()) else {
            panic!("{} cannot be read", file.display())
        };
        let mut dice = Dice::new(text.len() as u64);
        for (position, document) in read.iter().enumerate() {
            let mut found = Vec::new();
            routes(&document.value, &mut Vec::new(), &mut found);
            let most = if full { 20 } else { usize::from(position < 3) };
            for _ in 0..most {
                let route = found[dice.below(found.len())].clone();
                let mut root = document.value.clone();
                let Some(value) = at(&mut root, &route) else { continue };
                let document = (document.index, position);
                match there_and_back(&text, document, &route, value) {
                    Ok(true) => done += 1,
                    Ok(false) => refused += 1,
                    Err(fault) => panic!("{}: {route:?}: {fault}", file.display()),
                }
            }
        }
    }
    println!("{} files, {done} edits there and back, {refused} refused", files.len());
    assert!(done > 20 * refused, "{done} done, {refused} refused");
}

/// Changes a value, then changes it back. Whether it could be done.
fn there_and_back(
    text: &str,
    document: (usize, usize),
    route: &[Down],
    value: &Value,
) -> Result<bool, String> {
    let case = |route: &[Down], edit| Case { document, route: route.to_vec(), edit };
    match value {
        Value::Object(_) | Value::Array(_) => {
            let down = match value {
                Value::Array(items) => Down::Index(items.len()),
                _ => Down::Key("gitdeck.test/new".to_owned()),
            };
            let new = json!({"name": "yes", "count": 3, "more": ["1", 2]});
            let Some(longer) = edited(text, &case(route, Edit::Add(down.clone(), new)))? else {
                return Ok(false);
            };
            if !is_cut(&longer, text, 1) {
                return Err(format!("more than an addition\n{longer}"));
            }
            let mut below = route.to_vec();
            below.push(down);
            let back = edited(&longer, &case(&below, Edit::Remove))?;
            let emptied = matches!(value, Value::Object(map) if map.is_empty())
                || matches!(value, Value::Array(items) if items.is_empty());
            (emptied || back.as_deref() == Some(text))
                .then_some(true)
                .ok_or_else(|| format!("it does not come back\n{back:?}"))
        }
        Value::String(old) => {
            let new = if old.contains('\n') { format!("{old}more\n") } else { format!("{old}x") };
            let Some(changed) = edited(text, &case(route, Edit::Set(json!(new))))? else {
                return Ok(false);
            };
            let back = edited(&changed, &case(route, Edit::Set(value.clone())))?;
            // What was folded by hand, or quoted in several lines, is not folded again;
            // what had odd quotes has other ones.
            let lines = text.lines().count() != changed.lines().count();
            let around = is_cut(text, &common(text, &changed), 1);
            let one_line = back.as_deref().is_some_and(|back| differing(text, back) == Some(1));
            (back.as_deref() == Some(text)
                || one_line
                || (around && lines)
                || folded(text, &changed))
            .then_some(true)
            .ok_or_else(|| format!("it does not come back\n{changed}"))
        }
        scalar => {
            let Some(changed) = edited(text, &case(route, Edit::Set(json!("no"))))? else {
                return Ok(false);
            };
            let back = edited(&changed, &case(route, Edit::Set(scalar.clone())))?;
            let same = back
                .as_deref()
                .is_some_and(|back| back == text || back.lines().count() == text.lines().count());
            same.then_some(true).ok_or_else(|| format!("it does not come back\n{back:?}"))
        }
    }
}

/// How many lines differ, where both have as many.
fn differing(a: &str, b: &str) -> Option<usize> {
    let same = a.lines().count() == b.lines().count();
    same.then(|| a.lines().zip(b.lines()).filter(|(a, b)| a != b).count())
}

fn common(a: &str, b: &str) -> String {
    let head = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let tail = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(a.len() - head).min(b.len() - head);
    format!("{}{}", &a[..head], &a[a.len() - tail..])
}

/// Whether all that changed is inside one value that was folded.
fn folded(a: &str, b: &str) -> bool {
    let head = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a[..head]
        .lines()
        .rev()
        .take(12)
        .any(|line| line.trim_end().ends_with(['>', '-']) && line.contains('>'))
}
