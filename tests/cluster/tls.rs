//! Which certificates of an API server are accepted, and what is said of the others.

use gitdeck::cluster::{Access, Cluster};
use gitdeck::sandbox::{Options, Sandbox};
use serde_json::Value;

/// What a kubeconfig that was changed in its cluster leads to: an answer, or the error's text.
async fn outcome(kubeconfig: &str, cluster: &[(&str, Value)]) -> Result<(), String> {
    let mut changed: Value = serde_saphyr::from_str(kubeconfig).expect("a kubeconfig");
    for (name, value) in cluster {
        let fields = changed["clusters"][0]["cluster"].as_object_mut().expect("a cluster");
        if *name == INSECURE {
            fields.remove(AUTHORITY);
        }
        fields.insert((*name).to_owned(), value.clone());
    }
    let file = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
    std::fs::write(&file, changed.to_string()).expect("a kubeconfig");
    let access = Access { kubeconfig: Some(file.to_path_buf()), context: "prod".to_owned() };
    let cluster = Cluster::connect(&access).await.map_err(|error| error.to_string())?;
    cluster.version().await.map(|_| ()).map_err(|error| error.to_string())
}

const AUTHORITY: &str = "certificate-authority-data";
const INSECURE: &str = "insecure-skip-tls-verify";
const NAME: &str = "tls-server-name";

#[tokio::test]
async fn only_the_authority_of_the_kubeconfig_is_trusted() {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let other = Sandbox::start(Options::default()).await.expect("a sandbox");
    let local = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    let (served, elsewhere) = (sandbox.serve(local).await, other.serve(local).await);
    let good = sandbox.kubeconfig(&served.expect("a listener"), &[("prod", "default")]);
    let foreign = other.kubeconfig(&elsewhere.expect("a listener"), &[("prod", "default")]);
    let foreign: Value = serde_saphyr::from_str(&foreign).expect("a kubeconfig");
    let foreign = foreign["clusters"][0]["cluster"][AUTHORITY].clone();

    outcome(&good, &[]).await.expect("the authority of the kubeconfig");
    let wrong = outcome(&good, &[(AUTHORITY, foreign)]).await;
    let text = wrong.expect_err("a certificate of another authority was accepted");
    assert!(text.contains("certificate verify failed"), "{text}");
    outcome(&good, &[(INSECURE, true.into())]).await.expect("nothing is checked where so asked");

    outcome(&good, &[(NAME, "localhost".into())]).await.expect("a name of the certificate");
    let wrong = outcome(&good, &[(NAME, "prod.example.com".into())]).await;
    let text = wrong.expect_err("a certificate of another name was accepted");
    assert!(text.contains("hostname mismatch"), "{text}");
}
