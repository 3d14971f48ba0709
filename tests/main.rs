//! The integration tests, one binary. A file beside this one that is not listed here fails `tidy::every_test_file_is_listed`.

#[cfg(feature = "sandbox")]
mod adopt;
#[cfg(feature = "sandbox")]
mod automation;
#[cfg(feature = "sandbox")]
mod blame;
#[cfg(feature = "sandbox")]
mod branches;
#[cfg(feature = "sandbox")]
mod cli;
#[cfg(feature = "sandbox")]
mod cluster;
#[cfg(feature = "sandbox")]
mod committer;
#[cfg(feature = "sandbox")]
mod connect;
#[cfg(feature = "sandbox")]
mod control_plane;
#[cfg(feature = "sandbox")]
mod depends;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod edit;
#[cfg(feature = "sandbox")]
mod export;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod export_console;
#[cfg(feature = "sandbox")]
mod fault_rows;
mod fault_stages;
mod fault_words;
mod faults;
#[cfg(feature = "sandbox")]
mod first_commit;
#[cfg(feature = "console")]
mod frames;
#[cfg(feature = "console")]
mod frames_adopt;
#[cfg(feature = "console")]
mod frames_blame;
#[cfg(feature = "console")]
mod frames_connect;
#[cfg(feature = "console")]
mod frames_export;
#[cfg(feature = "console")]
mod frames_files;
#[cfg(feature = "console")]
mod frames_flows;
#[cfg(feature = "console")]
mod frames_guide;
#[cfg(feature = "console")]
mod frames_pictures;
#[cfg(feature = "console")]
mod frames_place;
#[cfg(feature = "console")]
mod frames_random;
#[cfg(feature = "console")]
mod frames_revert;
#[cfg(feature = "console")]
mod frames_shown;
#[cfg(feature = "console")]
mod frames_signed;
#[cfg(feature = "console")]
mod frames_states;
#[cfg(feature = "console")]
mod frames_travel;
#[cfg(feature = "console")]
mod frames_unlock;
mod git;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod guide;
mod health;
#[cfg(feature = "sandbox")]
mod incidents;
#[cfg(feature = "sandbox")]
mod kill;
#[cfg(feature = "sandbox")]
mod kill_places;
#[cfg(feature = "sandbox")]
mod kubectl;
#[cfg(feature = "sandbox")]
mod many_clusters;
#[cfg(feature = "sandbox")]
mod messages;
#[cfg(feature = "sandbox")]
mod onset;
#[cfg(feature = "sandbox")]
mod parity;
#[cfg(feature = "sandbox")]
mod places;
#[cfg(feature = "sandbox")]
mod proof;
#[cfg(feature = "console")]
mod pty;
#[cfg(feature = "sandbox")]
mod record;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod refused;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod reload;
#[cfg(feature = "sandbox")]
mod remote_bases;
mod render;
#[cfg(feature = "sandbox")]
mod rendered;
#[cfg(feature = "sandbox")]
mod revert_bases;
#[cfg(feature = "sandbox")]
mod reverts;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod secrecy;
#[cfg(feature = "sandbox")]
mod shared_bases;
#[cfg(feature = "sandbox")]
mod shown;
#[cfg(feature = "sandbox")]
mod signed;
#[cfg(feature = "sandbox")]
mod soak;
mod support;
#[cfg(feature = "sandbox")]
mod suspects;
mod tidy;
#[cfg(feature = "sandbox")]
mod travel;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod two_consoles;
#[cfg(feature = "sandbox")]
mod unread;
#[cfg(feature = "sandbox")]
mod validated;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod vault;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod wait;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod walk;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod walk_back;
#[cfg(all(feature = "console", feature = "sandbox"))]
mod walk_clusters;
mod yaml_edits;
