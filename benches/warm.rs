//! The plan of a program that stays, a console say, while nothing differs: what it watches is in memory already.
//!
//! usage: cargo bench --bench warm -- CONFIG MAPPING [ROUNDS]                                  (default: 5 rounds)
//!
//! CONFIG is a configuration, and the cluster is that of its context in `KUBECONFIG`; `benches/against-kubectl` runs this
//! on a real API server. The engine is started, watches until it has seen the mapping in sync, plans once, and then ROUNDS
//! times more. Prints the milliseconds of each of these, from the command to the plan, a line each.

use gitdeck::config::{self, Environment, Overrides};
use gitdeck::domain::SyncState;
use gitdeck::engine::{Command, Engine, Event, Outcome, SyncOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [config, mapping, rest @ ..] = &arguments[..] else {
        panic!("usage: cargo bench --bench warm -- CONFIG MAPPING [ROUNDS]")
    };
    let rounds = rest.first().map_or(5, |rounds| rounds.parse().expect("a number of rounds"));
    let overrides = Overrides { config: Some(config.into()), ..Overrides::default() };
    let settings = config::load(&overrides, &Environment::of_process()).expect("a configuration");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let mut engine = Engine::start(Arc::new(settings.settings)).expect("an engine");
        engine.send(Command::Watch);
        in_sync(&mut engine, mapping).await;
        plan(&mut engine, mapping).await;
        for _ in 0..rounds {
            println!("{:.1}", plan(&mut engine, mapping).await.as_secs_f64() * 1000.0);
        }
        engine.stop().await;
    });
}

/// Waits until the mapping is seen in sync.
async fn in_sync(engine: &mut Engine, mapping: &str) {
    loop {
        match engine.next().await.expect("the engine runs") {
            Event::MappingObserved { status }
                if status.name == *mapping && status.sync == SyncState::Synced =>
            {
                return;
            }
            _ => {}
        }
    }
}

/// How long a plan takes, which has to be empty.
async fn plan(engine: &mut Engine, mapping: &str) -> Duration {
    let begun = Instant::now();
    let options = SyncOptions::default();
    let job = engine.send(Command::Plan { mapping: mapping.to_owned(), revision: None, options });
    let mut taken = None;
    loop {
        match engine.next().await.expect("the engine runs") {
            Event::Planned { plan, .. } if plan.mapping == *mapping => {
                assert!(plan.is_empty(), "something differs");
                taken = Some(begun.elapsed());
            }
            Event::JobEnded { job: ended, outcome, .. } if ended == job => {
                assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
                return taken.expect("a plan");
            }
            _ => {}
        }
    }
}
