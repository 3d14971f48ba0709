//! TLS to an API server whose authority the kubeconfig names: that authority is trusted, and no other.
//!
//! kube's own connector adds the authorities of the system to those of the kubeconfig. kubectl does not, and to read some
//! hundred certificates that are not asked for takes longer than the handshake. Where a plugin gives the credential, or a
//! proxy lies between, kube's connector serves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use kube::Config;
use kube::config::AuthInfo;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslSession, SslSessionCacheMode,
    SslSessionRef, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509VerifyResult};
use secrecy::ExposeSecret;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
    ticket: Ticket,
    /// Host and port of the server; a ticket of it is shown to nobody else.
    server: Option<Authority>,
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
        let ticket = Ticket::default();
        let context = context(config, identity, &ticket)?;
        let server = config.cluster_url.authority().cloned();
        Ok(Some(Self { http, context, ticket, server, name, limit }))
    }

    async fn connect(mut self, address: Uri) -> Result<TokioIo<Secured>, BoxError> {
        std::future::poll_fn(|context| self.http.poll_ready(context)).await?;
        let stream = self.http.call(address.clone()).await?.into_inner();
        let host = address.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut ssl = self.session(self.name.as_deref().unwrap_or(host))?;
        if address.authority() == self.server.as_ref() {
            self.ticket.show(&mut ssl)?;
        }
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

/// What the server gave the last connection, so that the next one need not prove everything again.
///
/// One ticket serves several connections. TLS 1.3 advises against that (RFC 8446, C.4), because an observer could tell
/// that they come from one client; they come from one address, at the same moment.
#[derive(Clone, Default)]
struct Ticket(Arc<Mutex<Option<Vec<u8>>>>);

impl Ticket {
    /// Keeps a copy: the session itself is void as soon as its connection breaks off.
    fn keep(&self, session: &SslSessionRef) {
        if let Ok(copy) = session.to_der() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        }
    }

    #[expect(
        unsafe_code,
        reason = "only the caller can know that a session comes from the same context"
    )]
    fn show(&self, ssl: &mut Ssl) -> Result<(), ErrorStack> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: a connector has one context, whose callback is all that keeps sessions here.
            Some(copy) => unsafe { ssl.set_session(&*SslSession::from_der(copy)?) },
            None => Ok(()),
        }
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

fn context(
    config: &Config,
    identity: Option<Identity>,
    ticket: &Ticket,
) -> Result<SslContext, BoxError> {
    let mut context = SslContextBuilder::new(SslMethod::tls_client())?;
    context.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
    let ticket = ticket.clone();
    context.set_new_session_callback(move |_, session| ticket.keep(&session));
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

#[cfg(test)]
mod tests {
    use super::Connector;
    use http::Uri;
    use kube::Config;
    use openssl::asn1::Asn1Time;
    use openssl::error::ErrorStack;
    use openssl::hash::MessageDigest;
    use openssl::pkey::{PKey, Private};
    use openssl::rsa::Rsa;
    use openssl::ssl::{Ssl, SslAcceptor, SslMethod};
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509, X509NameBuilder};
    use std::pin::Pin;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_openssl::SslStream;
    use tower::Service;

    /// A certificate for 127.0.0.1 that signs itself.
    fn certificate() -> Result<(X509, PKey<Private>), ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "a server")?;
        let name = name.build();
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_pubkey(&key)?;
        builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
        builder.set_not_after(&*Asn1Time::days_from_now(1)?)?;
        let address = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .build(&builder.x509v3_context(None, None))?;
        builder.append_extension(address)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok((builder.build(), key))
    }

    #[tokio::test]
    async fn what_was_proved_once_is_not_proved_again() {
        let (certificate, key) = certificate().unwrap();
        let mut acceptor = SslAcceptor::mozilla_modern_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        acceptor.set_private_key(&key).unwrap();
        acceptor.set_session_id_context(b"gitdeck").unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: Uri = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let server = tokio::spawn(async move {
            let mut resumed = Vec::new();
            for _ in 0..3 {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream =
                    SslStream::new(Ssl::new(acceptor.context()).unwrap(), stream).unwrap();
                Pin::new(&mut stream).accept().await.unwrap();
                resumed.push(stream.ssl().session_reused());
                stream.write_all(b"!").await.unwrap();
            }
            resumed
        });
        let mut config = Config::new(address.clone());
        config.root_cert = Some(vec![certificate.to_der().unwrap()]);
        let mut connector = Connector::new(&config, Duration::from_secs(10)).unwrap().unwrap();
        for _ in 0..3 {
            let mut stream = connector.call(address.clone()).await.unwrap().into_inner();
            assert_eq!(stream.read_u8().await.unwrap(), b'!');
        }
        assert_eq!(server.await.unwrap(), [false, true, true]);
    }
}
