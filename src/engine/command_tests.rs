//! Command lines that do what commands do.

use crate::domain::FileEdit;
use crate::engine::{Command, SyncOptions};

#[test]
fn command_lines_can_be_pasted() {
    let options = SyncOptions { allow_delete: Some(7), ..SyncOptions::default() };
    let sync = Command::Sync {
        mapping: "checkout".into(),
        revision: None,
        confirmed: "d".into(),
        options,
    };
    assert_eq!(sync.line(), "gitdeck sync checkout --allow-delete 7");
    let edit = |path: &str, content: Option<&[u8]>| FileEdit {
        path: path.into(),
        content: content.map(<[u8]>::to_vec),
    };
    let commit = Command::Commit {
        mapping: "cart".into(),
        edits: vec![edit("apps/cart/a.yaml", Some(b"")), edit("apps/cart/b/c.yaml", None)],
        message: None,
        base: None,
        push: false,
        branch: None,
        of: None,
        validate: true,
    };
    assert_eq!(
        commit.line_below("apps/cart"),
        "gitdeck commit cart --file a.yaml=a.yaml --delete b/c.yaml --no-push"
    );
    let Command::Commit { mapping, edits, message, base, push, branch, of, .. } = commit.clone()
    else {
        panic!("no commit");
    };
    let at_once =
        Command::Commit { mapping, edits, message, base, push, branch, of, validate: false };
    assert!(at_once.line().ends_with(" --no-validate --no-push"), "{}", at_once.line());
    assert!(commit.line_below("apps/cart/a.yaml").contains(" --file a.yaml=a.yaml "));
    let suspend =
        Command::Suspend { mapping: "cart".into(), reason: Some("it's mine".into()), until: None };
    assert_eq!(suspend.line(), r"gitdeck suspend cart --reason 'it'\''s mine'");
}
