//! What `git` tells on its standard error: how far it is, words of the server, and what went wrong.

use crate::git::FetchProgress;

/// Bytes of words that are kept.
const KEPT: usize = 16 << 10;

/// The lines of a running `git`, sorted.
#[derive(Default)]
pub(super) struct Told {
    /// How far the transfer is.
    pub(super) progress: FetchProgress,
    /// Words of the server, without their prefix (foreign text).
    pub(super) server: String,
    /// Words of `git` and of ssh.
    pub(super) own: String,
    /// The words with which the server ended the conversation, and all that followed (foreign text).
    pub(super) error: String,
    foreign: bool,
}

impl Told {
    /// Takes one piece, which ended with a line feed or, where it will be overwritten, with a carriage return.
    pub(super) fn take(&mut self, piece: &[u8]) {
        let text = String::from_utf8_lossy(piece);
        let text = text.trim_end();
        if self.foreign || text.contains("remote error: ") {
            // Its words may have several lines, and git says nothing of its own after them.
            self.foreign = true;
            keep(&mut self.error, text);
        } else if let Some(words) = text.strip_prefix("remote:") {
            let words = words.strip_prefix(' ').unwrap_or(words);
            if !is_progress(words) {
                keep(&mut self.server, words);
            }
        } else if let Some(progress) = transfer(text) {
            // Words that look like progress can be anybody's, so that what was counted never goes back.
            let bytes = progress.bytes.max(self.progress.bytes);
            self.progress = FetchProgress { bytes, ..progress };
        } else if !is_progress(text) && !text.starts_with("hint:") {
            keep(&mut self.own, text);
        }
    }
}

fn keep(words: &mut String, line: &str) {
    if line.is_empty() {
        return;
    }
    words.push_str(line);
    words.push('\n');
    // What went wrong is said last.
    while words.len() > KEPT
        && let Some(end) = words.find('\n')
    {
        words.drain(..=end);
    }
}

/// Whether a line only says how far something is.
fn is_progress(line: &str) -> bool {
    let verbs = [
        "Enumerating objects",
        "Counting objects",
        "Compressing objects",
        "Receiving objects",
        "Writing objects",
        "Unpacking objects",
        "Resolving deltas",
        "Checking objects",
        "Checking connectivity",
        "Finding sources",
        "Delta compression using",
        "Total ",
    ];
    verbs.iter().any(|verb| line.starts_with(verb))
}

/// `Receiving objects:  45% (450/1000), 1.20 MiB | 2.00 MiB/s`, and the same when writing.
fn transfer(line: &str) -> Option<FetchProgress> {
    let rest = ["Receiving objects:", "Writing objects:", "Unpacking objects:"]
        .iter()
        .find_map(|verb| line.strip_prefix(verb))?;
    let (counts, rest) = rest.split_once('(')?.1.split_once(')')?;
    let (objects, total) = counts.split_once('/')?;
    let size = rest.trim_start_matches(',').split('|').next().unwrap_or_default();
    Some(FetchProgress {
        objects: objects.trim().parse().ok()?,
        total: total.trim().parse().ok()?,
        bytes: bytes(size).unwrap_or(0),
    })
}

fn bytes(size: &str) -> Option<usize> {
    let mut words = size.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    let unit = match words.next()?.trim_end_matches(',') {
        "bytes" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some((number * unit) as usize)
}

#[cfg(test)]
mod tests {
    use super::Told;
    use crate::git::FetchProgress;

    fn told(lines: &[&str]) -> Told {
        let mut told = Told::default();
        for line in lines {
            told.take(line.as_bytes());
        }
        told
    }

    #[test]
    fn progress_is_read() {
        let told = told(&[
            "remote: Counting objects: 100% (4/4)",
            "Receiving objects:  45% (450/1000), 1.50 MiB | 2.00 MiB/s",
        ]);
        let bytes = 3 << 19;
        assert_eq!(told.progress, FetchProgress { objects: 450, total: 1000, bytes });
        assert_eq!((told.own.as_str(), told.server.as_str()), ("", ""));
        let told =
            super::tests::told(&["Writing objects: 100% (3/3), 260 bytes | 260.00 KiB/s, done."]);
        assert_eq!(told.progress, FetchProgress { objects: 3, total: 3, bytes: 260 });
    }

    #[test]
    fn what_follows_an_error_of_the_server_is_its_word() {
        let told = told(&["warning: mine", "fatal: remote error: no", "fatal: bad object HEAD"]);
        assert_eq!(told.own, "warning: mine\n");
        assert_eq!(told.error, "fatal: remote error: no\nfatal: bad object HEAD\n");
    }

    #[test]
    fn what_was_counted_never_goes_back() {
        let told = told(&[
            "Receiving objects:  45% (450/1000), 1.50 MiB | 2.00 MiB/s",
            "Receiving objects:   0% (0/1000), 0 bytes | 0 bytes/s",
        ]);
        assert_eq!(told.progress.bytes, 3 << 19);
    }

    #[test]
    fn words_are_sorted_by_speaker_and_bounded() {
        let told = told(&[
            "remote: policy 7: no        ",
            "remote:",
            "hint: try harder",
            "fatal: it broke",
            "error: 1",
        ]);
        assert_eq!(told.server, "policy 7: no\n");
        assert_eq!(told.own, "fatal: it broke\nerror: 1\n");
        let flood = "x".repeat(900);
        let told = super::tests::told(&vec![flood.as_str(); 100]);
        assert!(told.own.len() < 17_000);
    }
}
