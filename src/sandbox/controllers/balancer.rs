//! Services of the type `LoadBalancer` get an address.

use serde_json::json;

use super::cluster::{CONTROLLER, Error};
use super::container::digest;
use super::context::Context;
use super::kind::Kind;
use super::world::{Key, is_leaving, uid};

/// Gives a balanced service an address of the range that is reserved for documentation (RFC 5737), and takes it back
/// when the service is of another type.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(mut service) = context.world.get(key).filter(|it| !is_leaving(it)).cloned() else {
        return Ok(());
    };
    let balanced = service["spec"]["type"] == "LoadBalancer";
    let has = service.pointer("/status/loadBalancer/ingress/0").is_some();
    if balanced == has {
        return Ok(());
    }
    let number = digest(uid(&service))
        .get(..2)
        .and_then(|text| u8::from_str_radix(text, 16).ok())
        .unwrap_or(1);
    let ingress = json!({"ingress": [{"ip": format!("203.0.113.{}", number.clamp(1, 254)), "ipMode": "VIP"}]});
    service["status"]["loadBalancer"] = if balanced { ingress } else { json!({}) };
    context.status(Kind::Service, &service, CONTROLLER).await
}
