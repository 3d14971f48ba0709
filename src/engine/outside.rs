//! A text in the user's own editor, which has the terminal meanwhile.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Bytes of a text that are taken back.
const LIMIT: u64 = 8 << 20;

/// A text that somebody edits.
pub struct Outside {
    /// Goes away with everything that the editor leaves in it: backups, swap files.
    folder: TempDir,
    file: PathBuf,
    editor: OsString,
}

impl Outside {
    /// Writes the text where nobody else can read it, under a name by which the editor knows the language.
    pub fn new(path: &str, text: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("gitdeck-edit-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let name = path.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."));
        let file = folder.path().join(name.unwrap_or("text"));
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.write(true).create_new(true).open(&file)?.write_all(text.as_bytes())?;
        Ok(Self { folder, file, editor: editor() })
    }

    /// Starts the editor. As for git, it is a command line of the shell: `code --wait`, say.
    pub fn start(&self) -> io::Result<Child> {
        let mut line = self.editor.clone();
        line.push(" \"$@\"");
        Command::new("/bin/sh")
            .arg("-c")
            .arg(line)
            .arg(&self.editor)
            .arg(&self.file)
            .kill_on_drop(true)
            .spawn()
    }

    /// The name of the editor, for those who read how it ended.
    pub fn editor(&self) -> String {
        self.editor.to_string_lossy().into_owned()
    }

    /// What the editor left behind, or why that is no text. The file goes.
    pub fn text(self) -> Result<String, String> {
        self.read()
    }

    /// Leaves the file where it is; says where.
    pub fn keep(self) -> PathBuf {
        let _ = self.folder.keep();
        self.file
    }

    /// What the file says now, or why that is no text.
    pub fn read(&self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let read = fs::File::open(&self.file)
            .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
            .map_err(|error| format!("the edited file cannot be read: {error}"));
        if read? as u64 > LIMIT {
            return Err(format!("the edited file is larger than {} MiB", LIMIT >> 20));
        }
        String::from_utf8(bytes).map_err(|_| "the edited file is not UTF-8".to_owned())
    }
}

/// The editor that the environment names, in the order of git and kubectl; vi where it names none.
fn editor() -> OsString {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| OsStr::new("vi").to_owned())
}

#[cfg(test)]
mod tests {
    use super::Outside;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_text_goes_out_and_comes_back() {
        let mut outside = Outside::new("apps/cart/it's.yaml", "a: 1\n").unwrap();
        let folder = outside.folder.path().to_owned();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(outside.file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(outside.file.ends_with("it's.yaml"));
        outside.editor = "sed -i s/1/2/".into();
        assert!(outside.start().unwrap().wait().await.unwrap().success());
        assert_eq!(outside.text().unwrap(), "a: 2\n");
        assert!(!folder.exists());
    }

    #[test]
    fn what_is_kept_stays() {
        let outside = Outside::new("a.yaml", "a: 1\n").unwrap();
        assert_eq!(outside.read().unwrap(), "a: 1\n");
        let file = outside.keep();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a: 1\n");
        std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let outside = Outside::new("..", "").unwrap();
        std::fs::write(&outside.file, [0xff, 0xfe]).unwrap();
        assert!(outside.text().unwrap_err().contains("UTF-8"));
    }
}
