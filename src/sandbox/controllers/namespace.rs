//! Namespaces get the account that pods run under.

use serde_json::json;

use super::cluster::{CONTROLLER, Error};
use super::context::Context;
use super::kind::Kind;
use super::world::{Key, is_leaving};

/// Makes the account `default`.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(namespace) = context.world.get(key).filter(|it| !is_leaving(it)).cloned() else {
        return Ok(());
    };
    let stage = (super::world::uid(&namespace), "account");
    if !context.once(stage) {
        return Ok(());
    }
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": key.name},
    });
    match context.cluster.create(Kind::Account, &account, CONTROLLER).await {
        Err(error) if matches!(&*error, kube::Error::Api(status) if status.is_already_exists()) => {
            Ok(())
        }
        made => made.map(|_| ()),
    }
}
