//! What of a chart's folder Helm does not read: its `.helmignore`, by Helm's own rules (`pkg/ignore/rules.go`), which are not
//! those of Git.

/// The rules of one folder.
pub(super) struct Rules(Vec<Rule>);

struct Rule {
    pattern: Vec<char>,
    negated: bool,
    of_folders: bool,
    /// Against the whole path instead of its last part.
    whole: bool,
}

impl Rules {
    /// Reads the file. Where Helm would refuse it, nothing is ignored.
    pub(super) fn read(text: &str) -> Self {
        let rules: Option<Vec<Rule>> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(rule)
            .collect();
        Self(rules.unwrap_or_default())
    }

    /// Whether Helm passes over a path relative to the folder, or over a folder above it.
    pub(super) fn ignore(&self, path: &str, is_folder: bool) -> bool {
        let above = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        above.chain([(path, is_folder)]).any(|(path, is_folder)| self.hits(path, is_folder))
    }

    /// The first rule that speaks decides; one that is negated speaks where it does not match.
    fn hits(&self, path: &str, is_folder: bool) -> bool {
        self.0.iter().any(|rule| {
            let fits = !rule.of_folders || is_folder;
            if rule.negated { !fits || !rule.matches(path) } else { fits && rule.matches(path) }
        })
    }
}

fn rule(line: &str) -> Option<Rule> {
    if line.contains("**") {
        return None;
    }
    let (negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (of_folders, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
    let whole = line.contains('/');
    let pattern = line.strip_prefix('/').unwrap_or(line).chars().collect();
    Some(Rule { pattern, negated, of_folders, whole })
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let name = if self.whole { path } else { path.rsplit('/').next().unwrap_or(path) };
        let name: Vec<char> = name.chars().collect();
        fits(&self.pattern, &name)
    }
}

/// As `filepath.Match` of Go: `*` and `?` stand for anything but a slash. Where something does not fit, the last `*` takes
/// one more character: no earlier one has to, so that no pattern takes longer than its length times that of the name.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        if let ['*', rest @ ..] = pattern {
            star = Some((rest, name));
            pattern = rest;
        } else if pattern.is_empty() && name.is_empty() {
            return true;
        } else if let Some((rest, left)) = one(pattern, name) {
            (pattern, name) = (rest, left);
        } else if let Some((rest, [taken, left @ ..])) = star
            && *taken != '/'
        {
            star = Some((rest, left));
            (pattern, name) = (rest, left);
        } else {
            return false;
        }
    }
}

/// What is left of both once one character fits; nothing where it does not.
fn one<'p, 'n>(pattern: &'p [char], name: &'n [char]) -> Option<(&'p [char], &'n [char])> {
    let (first, left) = name.split_first()?;
    match pattern {
        [] => None,
        ['?', rest @ ..] => (*first != '/').then_some((rest, left)),
        ['[', rest @ ..] => {
            let (is_in, rest) = class(rest, *first)?;
            (is_in && *first != '/').then_some((rest, left))
        }
        ['\\', c, rest @ ..] | [c, rest @ ..] => (c == first).then_some((rest, left)),
    }
}

/// Whether a character is in a class `[^a-z]`, whose bracket was opened, and what comes after it.
fn class(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let one = |rest: &mut &[char]| -> Option<char> {
        if let ['\\', tail @ ..] = *rest {
            *rest = tail;
        }
        let (first, tail) = rest.split_first()?;
        *rest = tail;
        Some(*first)
    };
    let (mut found, mut first) = (false, true);
    loop {
        if let [']', tail @ ..] = rest
            && !first
        {
            return Some((found != negated, tail));
        }
        first = false;
        let low = one(&mut rest)?;
        let mut high = low;
        if let ['-', tail @ ..] = rest {
            rest = tail;
            high = one(&mut rest)?;
        }
        found |= (low..=high).contains(&c);
    }
}

#[cfg(test)]
mod tests {
    use super::Rules;

    #[test]
    fn no_pattern_takes_for_ever() {
        let (stars, name) = ("*a".repeat(40) + "*b", "a".repeat(200));
        assert!(!Rules::read(&stars).ignore(&name, false));
        assert!(Rules::read(&stars).ignore(&(name + "b"), false));
    }

    // The cases of Helm's own test, and those in which Git would decide otherwise.
    #[test]
    fn paths_are_ignored_as_helm_ignores_them() {
        for (rules, path, is_folder, expected) in [
            ("helm.txt", "helm.txt", false, true),
            ("helm.*", "helm.txt", false, true),
            ("helm.*", "rudder.txt", false, false),
            ("*.txt", "tiller.txt", false, true),
            ("*.txt", "cargo/a.txt", false, true),
            ("cargo", "cargo", true, true),
            ("cargo/", "cargo", true, true),
            ("cargo/", "cargo/x/logo.png", false, true),
            ("cargo/", "cargo", false, false),
            ("cargo/*.txt", "cargo/a.txt", false, true),
            ("cargo/*.*", "cargo/a.txt", false, true),
            ("cargo/*.txt", "mast/a.txt", false, false),
            ("ru[c-e]?er.txt", "rudder.txt", false, true),
            ("ru[^c-e]?er.txt", "rudder.txt", false, false),
            ("templates/.?*", "templates/.dotfile", false, true),
            ("mast/", "a/mast", true, true),
            ("/a.txt", "a.txt", false, true),
            ("/a.txt", "cargo/a.txt", false, false),
            ("/cargo/*", "cargo/a.txt", false, true),
            ("# a.txt\n\n", "a.txt", false, false),
            ("!helm.txt", "helm.txt", false, false),
            ("!helm.txt", "tiller.txt", false, true),
            ("!*.txt", "cargo", true, true),
            ("\\*.txt", "a.txt", false, false),
            ("media/**", "media/a.mp4", false, false),
            ("[", "a", false, false),
        ] {
            let ignored = Rules::read(rules).ignore(path, is_folder);
            assert_eq!(ignored, expected, "{rules}: {path}");
        }
    }
}
