//! What the files say about rendering, and how it is inherited.

use super::fault::Sited;
use super::inherit::Layers;
use super::raw::once;
use super::reader::{File, Reader};
use super::trace::{Origin, Trace};
use crate::domain::{Decryption, HelmChart, RenderKind, Rendering, Substitution, ValuesFile};
use serde_json::{Map, Value};

/// The keys of one layer that are about rendering.
#[derive(Debug, Default)]
pub(super) struct RawRendering {
    kind: Option<Sited<RenderKind>>,
    allow_remote: Option<Sited<bool>>,
    release: Option<Sited<String>>,
    namespace: Option<Sited<String>>,
    values: Option<Sited<Vec<String>>>,
    set: Option<Sited<Map<String, Value>>>,
    include_crds: Option<Sited<bool>>,
    kube_version: Option<Sited<String>>,
    api_versions: Option<Sited<Vec<String>>>,
    substitute: Vec<(String, Sited<String>)>,
    substitute_from: Vec<Sited<ValuesFile>>,
    substitute_strict: Option<Sited<bool>>,
    decryption: Option<Sited<Decryption>>,
}

impl RawRendering {
    /// Reads the keys of one table.
    pub(super) fn read(table: &mut Reader<'_>) -> Self {
        let kinds = [RenderKind::Auto, RenderKind::Plain, RenderKind::Kustomize, RenderKind::Helm];
        let mut raw = Self {
            kind: table.word("render", &kinds.map(|kind| (kind.word(), kind))),
            allow_remote: table.flag("allow_remote"),
            substitute: variables(table),
            substitute_from: values_files(table),
            substitute_strict: table.flag("substitute_strict"),
            decryption: decryption(table),
            ..Self::default()
        };
        if let Some(mut helm) = table.table("helm") {
            raw.release = helm.text("release");
            raw.namespace = helm.text("namespace");
            raw.values = helm.texts("values");
            raw.set = helm.values("set");
            raw.include_crds = helm.flag("include_crds");
            raw.kube_version = helm.text("kube_version");
            raw.api_versions = helm.texts("api_versions");
            raw.refuse_flags(&helm);
            helm.finish();
        }
        raw
    }

    /// Adds the same table of another file.
    pub(super) fn join(&mut self, file: &File, other: Self) {
        once(file, &mut self.kind, other.kind);
        once(file, &mut self.allow_remote, other.allow_remote);
        once(file, &mut self.release, other.release);
        once(file, &mut self.namespace, other.namespace);
        once(file, &mut self.values, other.values);
        once(file, &mut self.set, other.set);
        once(file, &mut self.include_crds, other.include_crds);
        once(file, &mut self.kube_version, other.kube_version);
        once(file, &mut self.api_versions, other.api_versions);
        once(file, &mut self.substitute_strict, other.substitute_strict);
        once(file, &mut self.decryption, other.decryption);
        self.substitute.extend(other.substitute);
        self.substitute_from.extend(other.substitute_from);
    }

    /// What becomes an argument of a program must not be taken for one of its flags.
    fn refuse_flags(&self, helm: &Reader<'_>) {
        let texts = [&self.release, &self.namespace, &self.kube_version];
        for text in texts.into_iter().flatten() {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            if text.value.is_empty() || text.value.starts_with('-') || !text.value.chars().all(fits)
            {
                let message = "a release, a namespace and a version are letters, digits, `-`, `.` and `+`, and do not begin with `-`";
                helm.fault(text.place.clone(), message);
            }
        }
    }
}

fn variables(table: &mut Reader<'_>) -> Vec<(String, Sited<String>)> {
    let found = table.pairs("substitute");
    for (name, value) in &found {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(fits) || name.starts_with(|c: char| c.is_ascii_digit()) {
            let message = "a variable's name has letters, digits and `_`, and begins with no digit";
            table.fault(value.place.clone(), message);
        }
    }
    found
}

fn values_files(table: &mut Reader<'_>) -> Vec<Sited<ValuesFile>> {
    let mut found = Vec::new();
    for mut entry in table.list("substitute_from") {
        let place = entry.place();
        let optional = entry.flag("optional").is_some_and(|flag| flag.value);
        match entry.text("file") {
            Some(file) => {
                let value = ValuesFile { file: file.value, optional };
                found.push(Sited { value, place });
            }
            None => entry.fault(place, "an entry of `substitute_from` needs a `file`"),
        }
        entry.finish();
    }
    found
}

fn decryption(table: &mut Reader<'_>) -> Option<Sited<Decryption>> {
    let mut sops = table.table("sops")?;
    let (key, environment) = (sops.secret("age_key"), sops.flag("environment"));
    let found = match (key, environment.filter(|flag| flag.value)) {
        (Some(key), Some(_)) => {
            sops.fault(key.place, "`age_key` and `environment` exclude each other; remove one");
            None
        }
        (Some(key), None) => Some(key.map(Decryption::Age)),
        (None, Some(flag)) => Some(flag.map(|_| Decryption::Environment)),
        (None, None) => Some(Sited { value: Decryption::Off, place: sops.place() }),
    };
    sops.finish();
    found
}

impl<'a> Layers<'a> {
    /// How a mapping is rendered: the nearest layer wins, key by key; variables and values files add up.
    pub(super) fn rendering(&self, trace: &mut Trace) -> Rendering {
        let kind = self.of_each(|layer| layer.rendering.kind.as_ref());
        let remote = self.of_each(|layer| layer.rendering.allow_remote.as_ref());
        Rendering {
            kind: trace.pick("render", &kind, RenderKind::Auto, |kind| kind.word().to_owned()),
            helm: self.helm(trace),
            substitution: self.substitution(trace),
            decryption: self
                .set("sops", trace, |raw| raw.decryption.as_ref(), Decryption::words)
                .unwrap_or_default(),
            allow_remote: trace.pick("allow_remote", &remote, false, bool::to_string),
        }
    }

    /// A value that is only worth a word where somebody set it.
    fn set<T: Clone + 'a>(
        &self,
        key: &str,
        trace: &mut Trace,
        get: impl Fn(&'a RawRendering) -> Option<&'a Sited<T>>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let levels = self.of_each(|layer| get(&layer.rendering));
        let first = levels.iter().find_map(|(_, sited)| *sited)?.value.clone();
        Some(trace.pick(key, &levels, first, show))
    }

    fn helm(&self, trace: &mut Trace) -> HelmChart {
        let (text, list) = (String::clone, |texts: &Vec<String>| texts.join(", "));
        let built_in = HelmChart::default();
        HelmChart {
            release: self.set("helm.release", trace, |raw| raw.release.as_ref(), text),
            namespace: self.set("helm.namespace", trace, |raw| raw.namespace.as_ref(), text),
            values: self
                .set("helm.values", trace, |raw| raw.values.as_ref(), list)
                .unwrap_or_default(),
            set: self
                .set(
                    "helm.set",
                    trace,
                    |raw| raw.set.as_ref(),
                    |set| Value::Object(set.clone()).to_string(),
                )
                .unwrap_or_default(),
            include_crds: self
                .set("helm.include_crds", trace, |raw| raw.include_crds.as_ref(), bool::to_string)
                .unwrap_or(built_in.include_crds),
            kube_version: self.set(
                "helm.kube_version",
                trace,
                |raw| raw.kube_version.as_ref(),
                text,
            ),
            api_versions: self
                .set("helm.api_versions", trace, |raw| raw.api_versions.as_ref(), list)
                .unwrap_or_default(),
        }
    }

    fn substitution(&self, trace: &mut Trace) -> Substitution {
        let mut found = Substitution::default();
        // From the farthest to the nearest, so that the nearest wins.
        for (label, layer) in self.0.iter().rev() {
            let at = |place| vec![Origin { level: label.clone(), place: Some(place) }];
            for (name, value) in &layer.rendering.substitute {
                let key = format!("substitute.{name}");
                trace.note(&key, || value.value.clone(), at(value.place.clone()));
                found.values.insert(name.clone(), value.value.clone());
            }
            for file in &layer.rendering.substitute_from {
                let optional = if file.value.optional { " (optional)" } else { "" };
                let show = || format!("{}{optional}", file.value.file);
                trace.note("substitute_from", show, at(file.place.clone()));
                found.from.push(file.value.clone());
            }
        }
        let get = |raw: &'a RawRendering| raw.substitute_strict.as_ref();
        let strict = self.set("substitute_strict", trace, get, bool::to_string);
        found.strict = strict.unwrap_or(found.strict);
        found
    }
}
