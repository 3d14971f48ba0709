//! TLS to an API server whose authority the kubeconfig names: that authority is trusted, and no other.
//!
//! kube's own connector adds the authorities of the system to those of the kubeconfig. kubectl does not, and to read some
//! hundred certificates that are not asked for takes longer than the handshake. Where a plugin gives the credential, or a
//! proxy lies between, kube's connector serves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use kube::Config;
use kube::config::AuthInfo;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509VerifyResult};
use secrecy::ExposeSecret;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use tower::{BoxError, Service};

/// How connections to one server are made.
#[derive(Clone)]
pub(super) struct Connector {
    http: HttpConnector,
    context: SslContext,
    /// Name in the certificate, where it is not the host of the address.
    name: Option<String>,
    /// For address, connection and handshake together.
    limit: Duration,
}

impl Connector {
    /// A connector, where the configuration is one that it can serve: an authority of its own (or none is wanted), no
    /// proxy, and a certificate that no plugin has to be asked for.
    pub(super) fn new(config: &Config, limit: Duration) -> Result<Option<Self>, BoxError> {
        let own = config.root_cert.is_some() || config.accept_invalid_certs;
        let plain = config.cluster_url.scheme_str() != Some("https");
        if plain || !own || config.proxy_url.is_some() || config.auth_info.exec.is_some() {
            return Ok(None);
        }
        let identity = identity(&config.auth_info)?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let name = config.tls_server_name.clone();
        Ok(Some(Self { http, context: context(config, identity)?, name, limit }))
    }

    async fn connect(mut self, address: Uri) -> Result<TokioIo<Secured>, BoxError> {
        std::future::poll_fn(|context| self.http.poll_ready(context)).await?;
        let stream = self.http.call(address.clone()).await?.into_inner();
        let host = address.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ssl = self.session(self.name.as_deref().unwrap_or(host))?;
        let mut stream = SslStream::new(ssl, stream)?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            let verdict = stream.ssl().verify_result();
            return Err(if verdict == X509VerifyResult::OK {
                error.into()
            } else {
                format!("{error}: {verdict}").into()
            });
        }
        Ok(TokioIo::new(Secured(stream)))
    }

    fn session(&self, name: &str) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        let address: Option<IpAddr> = name.parse().ok();
        if address.is_none() {
            ssl.set_hostname(name)?;
        }
        let wanted = ssl.param_mut();
        wanted.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match address {
            Some(address) => wanted.set_ip(address)?,
            None => wanted.set_host(name)?,
        }
        Ok(ssl)
    }
}

/// A connection that is through with its handshake.
pub(super) struct Secured(SslStream<TcpStream>);

impl Service<Uri> for Connector {
    type Response = TokioIo<Secured>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let (connector, limit) = (self.clone(), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connector.connect(address)).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("no connection within {} s", limit.as_secs()).into()),
            }
        })
    }
}

impl Connection for Secured {
    fn connected(&self) -> Connected {
        self.0.get_ref().connected()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Certificate and key, as texts in PEM.
struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn context(config: &Config, identity: Option<Identity>) -> Result<SslContext, BoxError> {
    let mut context = SslContextBuilder::new(SslMethod::tls_client())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // A write that could not be finished is tried again from wherever its bytes are then.
    context.set_mode(
        SslMode::AUTO_RETRY
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::RELEASE_BUFFERS,
    );
    context.set_verify(if config.accept_invalid_certs {
        SslVerifyMode::NONE
    } else {
        SslVerifyMode::PEER
    });
    let mut authorities = X509StoreBuilder::new()?;
    for authority in config.root_cert.iter().flatten() {
        authorities.add_cert(X509::from_der(authority)?)?;
    }
    // As Go has it: what the kubeconfig names is trusted, whether or not it signed itself.
    authorities.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    context.set_cert_store(authorities.build());
    if let Some(identity) = identity {
        let mut chain = X509::stack_from_pem(&identity.certificate)?.into_iter();
        let leaf = chain.next().ok_or("the client certificate is empty")?;
        context.set_certificate(&leaf)?;
        for certificate in chain {
            context.add_extra_chain_cert(certificate)?;
        }
        context.set_private_key(&*PKey::private_key_from_pem(&identity.key)?)?;
    }
    Ok(context.build())
}

/// The client certificate of a user, which the kubeconfig holds or names the file of.
fn identity(user: &AuthInfo) -> Result<Option<Identity>, BoxError> {
    let key = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    let certificate =
        read(user.client_certificate_data.as_deref(), user.client_certificate.as_deref())?;
    let key = read(key, user.client_key.as_deref())?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err("the user has a client certificate and no client key".into()),
        (None, Some(_)) => Err("the user has a client key and no client certificate".into()),
    }
}

fn read(data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, BoxError> {
    match (data, file) {
        (Some(data), _) => Ok(Some(STANDARD.decode(data)?)),
        (None, Some(file)) => {
            let found = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            Ok(Some(found))
        }
        (None, None) => Ok(None),
    }
}
