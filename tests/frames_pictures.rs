//! The pictures of the README. `cargo test --test main pictures_are_drawn -- --ignored` draws them again.

use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::tui::picture::svg;
use std::fs;
use std::path::Path;

/// Name, size and keys of every picture.
const PICTURES: &[(&str, (u16, u16), &str)] =
    &[("console", (120, 36), "jjj"), ("diff", (120, 36), "jjjjdz"), ("narrow", (80, 24), "jjjd")];

fn picture((width, height): (u16, u16), keys: &str) -> String {
    svg(&Driver::new(world::fleet(), (width, height)).keys(keys).buffer())
}

#[test]
#[ignore = "writes into assets/"]
fn pictures_are_drawn() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    fs::create_dir_all(&assets).expect("a folder");
    for (name, size, keys) in PICTURES {
        fs::write(assets.join(format!("{name}.svg")), picture(*size, keys)).expect("a picture");
    }
}

#[test]
fn pictures_show_what_the_console_shows() {
    for (name, size, keys) in PICTURES {
        let picture = picture(*size, keys);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{name}");
        assert!(picture.matches("<text ").count() > 300, "{name}");
    }
}
