//! `gitdeck set`.

use super::landing::Landing;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::session::Work;
use crate::engine::Alteration;
use clap::{Args, ValueEnum};

/// Change an image or one value in the files of a mapping, and commit that
///
/// Every other byte of the files stays, comments included. An image is changed where it is decided: in the manifests, in
/// the `images` of a kustomization, or in the values of a chart.
///
/// gitdeck set checkout image checkout=1.5.0
///
/// gitdeck set checkout value Deployment/checkout:/spec/replicas=5
///
/// gitdeck set grafana value image.tag=12.1.0
#[derive(Debug, Args)]
pub struct Set {
    /// Mapping
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// What is set
    #[arg(value_enum)]
    what: What,
    /// Of an image NAME=REF: the end of its name, and a tag, a digest or a whole reference. Of a value PATH=VALUE: a
    /// field as Kind/name:/path, or a key of a chart's values as image.tag; the value as in YAML
    #[arg(value_name = "NAME=REF|PATH=VALUE", value_parser = pair)]
    to: (String, String),
    /// Commit also what the API server would refuse
    #[arg(long)]
    no_validate: bool,
    /// What becomes of it
    #[command(flatten)]
    landing: Landing,
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// A container image
    Image,
    /// A value
    Value,
}

fn pair(text: &str) -> Result<(String, String), String> {
    Alteration::pair(text).ok_or_else(|| "NAME=REF for an image, PATH=VALUE for a value".to_owned())
}

impl Set {
    /// Proposes the change and commits it.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let (name, to) = self.to.clone();
        let alteration = match self.what {
            What::Image if to.is_empty() => {
                return Err(Fault::usage(format!("{name}= names no version of the image")));
            }
            What::Image => Alteration::Image { name, reference: to },
            What::Value => Alteration::Value { path: name, value: to },
        };
        self.landing.run(work, &self.mapping, alteration, !self.no_validate).await
    }
}
