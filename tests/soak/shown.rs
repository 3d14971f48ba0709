//! A change in the middle of the churn, as who sits before the console and who asks on the command line see it.

use crate::support::demo::{gitdeck, json};
use crate::support::terminal::Terminal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A console that watches, from its first frame to the moment when it shows the change.
pub struct Shown {
    terminal: Terminal,
    config: PathBuf,
    mapping: String,
}

impl Shown {
    /// Starts a console on a configuration, of which it takes the automation, and waits until everything is in sync.
    pub async fn start(config: &Path, mapping: &str) -> Self {
        let text = fs::read_to_string(config).expect("a configuration");
        let calm = text.replace("sync = { auto = true, self_heal = true }\n", "");
        assert_ne!(calm, text, "the mapping had no automation");
        let place = config.with_file_name("calm");
        fs::create_dir_all(&place).expect("a folder");
        let own = |what: &str| place.join(what).display().to_string();
        let calm =
            format!("cache_dir = \"{}\"\ndata_dir = \"{}\"\n{calm}", own("cache"), own("data"));
        let config = place.join("config.toml");
        fs::write(&config, calm).expect("a configuration");
        let (at, mapping) = (config.clone(), mapping.to_owned());
        let terminal = tokio::task::spawn_blocking(move || {
            let arguments = ["--config".to_owned(), at.display().to_string()];
            let mut terminal = Terminal::start(&arguments, (120, 36));
            terminal.see("1 in sync");
            terminal
        });
        Self { terminal: terminal.await.expect("a console"), config, mapping }
    }

    /// Waits until the change is on the screen, then asks the command line; how long each took.
    pub async fn see(self, changed: Instant) -> (Duration, Duration) {
        let Self { mut terminal, config, mapping } = self;
        let seen = tokio::task::spawn_blocking(move || {
            terminal.see("1 drifted");
            let on_screen = changed.elapsed();
            let asked = Instant::now();
            let status = json(gitdeck(&config).args(["status", &mapping]));
            let one = &status["mappings"][0];
            assert_eq!((&one["sync"], &one["drifted_fields"]), (&"drifted".into(), &1.into()));
            let told = asked.elapsed();
            terminal.keys("q");
            (on_screen, told)
        });
        seen.await.expect("a console")
    }
}
