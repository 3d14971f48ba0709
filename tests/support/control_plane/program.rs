//! One program of the control plane, kept alive by a pipe: it ends with the test process, however that ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SUPERVISE: &str = include_str!("supervise.sh");

pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `assets/name` with its output in `folder/name.log`. `folder` is removed when the program is stopped.
    pub fn start(
        assets: &Path,
        name: &str,
        folder: &Path,
        arguments: &[String],
    ) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let child = Command::new("sh")
            .args(["-c", SUPERVISE, "supervise"])
            .arg(folder)
            .arg(assets.join(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir(folder)
            // Ctrl-C is for the test process; the pipe tells the rest.
            .process_group(0)
            .spawn()?;
        Ok(Self { name: name.into(), child, log })
    }

    /// Why the program ended, with the end of its log; `None` while it runs.
    pub fn fault(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("{} ended with {status}:\n{}", self.name, self.tail()))
    }

    /// The last lines of the log.
    pub fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // The supervisor ends by itself once its input has ended.
        let _ = self.child.wait();
    }
}
