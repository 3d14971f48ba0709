//! What is said about a command line that is wrong, without the secrets that were typed into it.

use crate::domain::redact::MASK;
use crate::domain::text::without_users;
use clap::error::{ContextKind, ContextValue};
use std::io::Write;

/// Says it: on stderr, or on stdout where help or the version were asked for.
pub(super) fn say(error: &clap::Error) {
    let told = error.render().to_string();
    let safe = safe(error, &told);
    // A reader that went away does not want it any more.
    let _ = if safe == told { error.print() } else { std::io::stderr().write_all(safe.as_bytes()) };
}

/// The text without the value of an argument that takes a reference, which may be the secret itself, without what is too
/// much for a command that takes secrets, and without the users of addresses.
fn safe(error: &clap::Error, told: &str) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg);
    let is_reference = argument.is_some_and(|name| name.contains("-ref") || name == "<REFERENCE>");
    let told = match argument.filter(|_| told.contains("gitdeck secret ")) {
        Some(extra) if !extra.starts_with('<') => {
            // Quoted, and in the tip that repeats it.
            let quoted = told.replace(&format!("'{extra}'"), &format!("'{MASK}'"));
            &quoted.replace(&format!("-- {extra}"), &format!("-- {MASK}"))
        }
        _ => told,
    };
    let told = match text(ContextKind::InvalidValue).filter(|value| !value.is_empty()) {
        Some(value) if is_reference => told.replace(&format!("'{value}'"), &format!("'{MASK}'")),
        _ => told.to_owned(),
    };
    without_users(&told).into_owned()
}

#[cfg(test)]
mod tests {
    use super::safe;
    use crate::cli::args::Arguments;
    use clap::Parser;

    #[test]
    fn secrets_that_were_typed_are_not_repeated() {
        for line in [
            "gitdeck repo add x https://h/x --password-ref hunter2",
            "gitdeck repo add x https://h/x --key-ref=hunter2",
            "gitdeck repo list https://hunter2@h/x",
            "gitdeck https://bot:hunter2@h/x",
            "gitdeck repo add x https://h/x --password=hunter2",
            "gitdeck secret set vault:x hunter2",
            "gitdeck secret set hunter2",
            "gitdeck secret set vault:x --value=hunter2",
            "gitdeck secret set vault:x --hunter2",
        ] {
            let error = Arguments::try_parse_from(line.split(' ')).unwrap_err();
            let told = safe(&error, &error.render().to_string());
            assert!(!told.contains("hunter2") && told.contains("error:"), "{told}");
        }
        let error = Arguments::try_parse_from(["gitdeck", "nonsense"]).unwrap_err();
        assert!(safe(&error, &error.render().to_string()).contains("'nonsense'"));
    }
}
