//! `connected`: written in place, explained, and what it takes out of force.

use super::Home;
use crate::config::{Overrides, change};

const FLEET: &str = "[repositories.fleet]\nurl = \"https://git.example.com/fleet.git\"\n\n# the shop\n[mappings.web] # its front\nrepository = \"fleet\"\npath = \"apps/web\" # where\n\n[mappings.api]\nrepository = \"fleet\"\npath = \"apps/api\"\ndepends_on = [\"web\"]\n";

impl Home {
    fn connect(&self, name: &str, connected: bool) -> Result<bool, String> {
        let changed =
            change::connect_mapping(&Overrides::default(), &self.environment(), name, connected);
        changed.map(|file| file.is_some()).map_err(|error| error.to_string())
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path("config.toml")).unwrap()
    }
}

#[test]
fn a_mapping_is_connected_unless_its_table_says_otherwise() {
    let home = Home::with(FLEET);
    assert_eq!(home.connect("web", true), Ok(false), "it is already");
    assert_eq!(home.connect("web", false), Ok(true));
    assert_eq!(home.connect("web", false), Ok(false));
    let off = FLEET.replace("# where\n", "# where\nconnected = false\n");
    assert_eq!(home.text(), off);
    let loaded = home.load().unwrap();
    let connected: Vec<&str> =
        loaded.settings.connected().map(|mapping| mapping.name.as_str()).collect();
    assert_eq!(connected, ["api"]);
    let explained = &loaded.explain("web").unwrap()[0];
    let value = explained.values.iter().find(|value| value.key == "connected").unwrap();
    assert_eq!(value.value, "false");
    assert_eq!(value.origin.place.as_ref().map(|place| place.line), Some(8));
    assert_eq!(home.connect("web", true), Ok(true));
    assert_eq!(home.text(), FLEET);
}

#[test]
fn it_is_written_into_the_file_that_holds_the_mapping() {
    let home = Home::with("[repositories.fleet]\nurl = \"https://git.example.com/fleet.git\"\n");
    let other = "[mappings.web]\nrepository = \"fleet\"\npath = \"web\"\n";
    home.write("config.d/web.toml", other);
    assert_eq!(home.connect("web", false), Ok(true));
    assert!(!home.text().contains("connected"));
    let written = std::fs::read_to_string(home.path("config.d/web.toml")).unwrap();
    assert_eq!(written, format!("{other}connected = false\n"));
    let unknown = home.connect("webb", false).unwrap_err();
    assert!(unknown.contains("there is no mapping `webb`; did you mean `web`?"), "{unknown}");
}

#[test]
fn a_mapping_that_is_disconnected_chases_nobody_and_is_not_connected_into_a_chase() {
    let twice = "[repositories.fleet]\nurl = \"https://git.example.com/fleet.git\"\n[mappings.web]\nrepository = \"fleet\"\npath = \"web\"\n[mappings.live]\nrepository = \"fleet\"\npath = \"web\"\nsource = \"cluster\"\n";
    let home = Home::with(twice);
    assert!(home.faults().contains("chase each other"));
    home.write(
        "config.toml",
        &twice.replace("[mappings.live]\n", "[mappings.live]\nconnected = false\n"),
    );
    assert!(home.load().is_ok());
    let refused = home.connect("live", true).unwrap_err();
    assert!(
        refused.contains("[mappings.live] was not changed") && refused.contains("chase each other"),
        "{refused}"
    );
    assert!(home.text().contains("connected = false"));
}
