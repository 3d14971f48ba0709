//! The API server on a socket, with TLS, for programs like kubectl.

mod certificate;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
};

use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use openssl::{
    error::ErrorStack,
    ssl::{AlpnError, Ssl, SslAcceptor, SslMethod, select_next_proto},
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

use super::{ADMINISTRATOR, ApiServer, Sandbox, SandboxError};
use certificate::Certificates;

/// Protocols in the order of preference, as ALPN writes them.
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// A listening API server.
#[derive(Clone)]
pub struct Served {
    /// Where it listens; the port is never 0.
    pub address: SocketAddr,
    /// Certificate of the authority that clients must trust.
    pub ca_pem: String,
    /// Bearer token of the administrator.
    pub token: String,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Served").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Serves the API over TLS, HTTP/1.1 and HTTP/2, until the sandbox stops.
    ///
    /// # Errors
    /// [`SandboxError::Listen`] for an address that is taken or foreign, [`SandboxError::Certificate`] when OpenSSL
    /// cannot make certificates.
    pub async fn serve(&self, address: SocketAddr) -> Result<Served, SandboxError> {
        let certificates = Certificates::new(address.ip())?;
        let ca_pem = String::from_utf8_lossy(&certificates.authority.to_pem()?).into_owned();
        let acceptor = acceptor(&certificates)?;
        let listen = |source| SandboxError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        tokio::spawn(accept(listener, acceptor, self.api().clone()));
        Ok(Served { address, ca_pem, token: self.api().token().to_owned() })
    }

    /// A kubeconfig with one context per pair of a name and a namespace, all onto this server and as its
    /// administrator; the first is the current one.
    pub fn kubeconfig(&self, served: &Served, contexts: &[(&str, &str)]) -> String {
        let token = (ADMINISTRATOR, served.token.as_str());
        kubeconfig(served, token, contexts)
    }

    /// The same as [`Sandbox::kubeconfig`] for a user of the options; `None` if there is no such user.
    pub fn kubeconfig_of(
        &self,
        user: &str,
        served: &Served,
        contexts: &[(&str, &str)],
    ) -> Option<String> {
        let user = self.api().options().users.iter().find(|known| known.name == user)?;
        Some(kubeconfig(served, (&user.name, &user.token), contexts))
    }
}

fn kubeconfig(served: &Served, (user, token): (&str, &str), contexts: &[(&str, &str)]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut address = served.address;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let context = |(name, namespace): &(&str, &str)| json!({"name": name, "context": {"cluster": "sandbox", "user": user, "namespace": namespace}});
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sandbox", "cluster": {
            "server": format!("https://{address}"),
            "certificate-authority-data": STANDARD.encode(&served.ca_pem),
        }}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": contexts.iter().map(context).collect::<Vec<_>>(),
        "current-context": contexts.first().map_or("", |(name, _)| name),
    });
    // JSON is YAML too, should the writer of YAML ever refuse.
    serde_saphyr::to_string(&config).unwrap_or_else(|_| config.to_string())
}

fn acceptor(certificates: &Certificates) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    builder.set_private_key(&certificates.key)?;
    builder.set_certificate(&certificates.server)?;
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK)
    });
    Ok(builder.build())
}

async fn accept(listener: TcpListener, acceptor: SslAcceptor, server: ApiServer) {
    let stop = server.stopped();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, acceptor.clone(), server.clone()));
            }
            // Out of file descriptors, as a rule: others will close theirs.
            Err(error) => tracing::warn!(%error, "a connection to the sandbox was not accepted"),
        }
    }
}

async fn converse(stream: TcpStream, acceptor: SslAcceptor, server: ApiServer) {
    let stop = server.stopped();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small packets may wait");
    }
    let secured = Ssl::new(acceptor.context()).and_then(|ssl| SslStream::new(ssl, stream));
    let mut stream = match secured {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "no TLS session"),
    };
    if let Err(error) = Pin::new(&mut stream).accept().await {
        return tracing::debug!(%error, "TLS handshake failed");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(server.handle(request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the sandbox broke");
        },
        () = stop.cancelled() => {}
    }
}
