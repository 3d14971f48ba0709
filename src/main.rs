//! Starts the face that was asked for and turns its end into an exit code.

#[cfg(feature = "sandbox")]
mod demo;
mod heap;
mod log;

#[cfg(feature = "console")]
use gitdeck::cli::args::When;
use gitdeck::cli::{self, Exit, Face, Fault, Global, Invocation, Output};
use gitdeck::config::{self, Environment, Settings, Watched};
use std::process::ExitCode;
use std::sync::Arc;

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
        // The demo has a configuration of its own; a fault in the user's is no reason not to show it.
        Face::Demo(demo) => {
            heap::of_a_program_that_stays();
            on_threads(start_demo(demo, global))
        }
        Face::Command(command) => load(global, &environment).and_then(|settings| {
            heap::of_a_command();
            on_threads(command.run_on_engine(global, settings, &mut out))
        }),
        Face::Console => {
            heap::of_a_program_that_stays();
            // Before they are read: what changes in between is seen.
            let files = Watched::new(global.overrides(), environment.clone());
            load(global, &environment)
                .and_then(|settings| on_threads(open_console(Arc::new(settings), files, global)))
        }
    };
    let exit = ended.unwrap_or_else(|fault| out.fault(&fault));
    out.finish(exit)
}

fn load(global: &Global, environment: &Environment) -> Result<Settings, Fault> {
    let settings = config::load(&global.overrides(), environment)?.settings;
    log::install(&settings.data_dir, global.log_level);
    Ok(settings)
}

fn on_threads(work: impl Future<Output = Result<Exit, Fault>>) -> Result<Exit, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(format!("no threads can be started: {error}")))?;
    let ended = runtime.block_on(work);
    // Whoever still waits for the terminal or for a server is not waited for.
    runtime.shutdown_background();
    ended
}

#[cfg(feature = "console")]
async fn open_console(
    settings: Arc<Settings>,
    files: Watched,
    global: &Global,
) -> Result<Exit, Fault> {
    use gitdeck::tui::{self, ConsoleOptions};
    let mut engine = gitdeck::engine::Engine::start(Arc::clone(&settings))?;
    engine.follow(files);
    let mut options = ConsoleOptions::of_environment();
    options.no_colour |= global.color == When::Never;
    tui::run(engine, settings, options).await.map_err(|error| failed(error.to_string()))?;
    Ok(Exit::Fine)
}

#[cfg(not(feature = "console"))]
#[expect(clippy::unused_async, reason = "its twin with the feature waits")]
async fn open_console(_: Arc<Settings>, _: Watched, _: &Global) -> Result<Exit, Fault> {
    Err(Fault::usage("this program was built without the console")
        .hint("`gitdeck --help` lists what it does; the feature `console` adds the console"))
}

#[cfg(feature = "sandbox")]
async fn start_demo(asked: &cli::Demo, global: &Global) -> Result<Exit, Fault> {
    let demo = demo::Demo::start(asked.keep.clone()).await.map_err(failed)?;
    log::install(&demo.settings.data_dir, global.log_level);
    if asked.headless {
        demo.serve().await.map_err(failed)?;
        return Ok(Exit::Fine);
    }
    let mut settings = Settings::clone(&demo.settings);
    settings.safety.read_only |= global.read_only;
    let files = demo.files(global.read_only);
    open_console(Arc::new(settings), files, global).await
}

#[cfg(not(feature = "sandbox"))]
#[expect(clippy::unused_async, reason = "its twin with the feature waits")]
async fn start_demo(_: &cli::Demo, _: &Global) -> Result<Exit, Fault> {
    Err(Fault::usage("this program was built without the sandbox")
        .hint("the feature `sandbox` adds `gitdeck demo`"))
}

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
