//! Starts the face that was asked for and turns its end into an exit code.

#[cfg(feature = "sandbox")]
mod demo;
mod log;

use gitdeck::cli::{self, Exit, Face, Fault, Invocation, Output};
use gitdeck::config::{self, Environment, Loaded};
use std::process::ExitCode;

fn main() -> ExitCode {
    harden();
    match cli::parse(std::env::args_os()) {
        Ok(invocation) => run(&invocation).into(),
        Err(exit) => exit.into(),
    }
}

fn run(invocation: &Invocation) -> Exit {
    let global = &invocation.global;
    let mut out = Output::of_process(global.output, global.color);
    let environment = Environment::of_process();
    let ended = match &invocation.face {
        Face::Command(command) if !command.needs_engine() => {
            command.run_alone(global, &environment, &mut out)
        }
        _ => config::load(&global.overrides(), &environment).map_err(Fault::from).and_then(
            |loaded| {
                log::install(&loaded.settings.data_dir, global.log_level);
                start(invocation, loaded, &mut out)
            },
        ),
    };
    let exit = ended.unwrap_or_else(|fault| out.fault(&fault));
    out.finish(exit)
}

/// Runs a face that needs the engine.
fn start(invocation: &Invocation, loaded: Loaded, out: &mut Output) -> Result<Exit, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::usage(format!("no threads can be started: {error}")))?;
    let ended = match &invocation.face {
        Face::Command(command) => {
            let settings = loaded.settings;
            runtime.block_on(command.run_on_engine(&invocation.global, settings, out))
        }
        Face::Demo(demo) => runtime.block_on(run_demo(demo)),
        Face::Console => Err(Fault::usage("this build has no console")),
    };
    // Whoever still waits for the terminal or for a server is not waited for.
    runtime.shutdown_background();
    ended
}

#[cfg(feature = "sandbox")]
async fn run_demo(asked: &cli::Demo) -> Result<Exit, Fault> {
    let demo = demo::Demo::start(asked.keep.clone()).await.map_err(failed)?;
    demo.serve().await.map_err(failed)?;
    Ok(Exit::Fine)
}

#[cfg(feature = "sandbox")]
fn failed(message: String) -> Fault {
    Fault::from(gitdeck::engine::Failure::new(message))
}

/// No core dumps, which would hold credentials, and nothing that others can read.
fn harden() {
    use rustix::process::{Resource, Rlimit, setrlimit, umask};
    // Where the limit cannot be lowered, the program still does its work.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    umask(rustix::fs::Mode::from_bits_retain(0o077));
}
