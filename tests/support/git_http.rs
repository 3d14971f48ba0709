//! A Git server over HTTPS for tests: `git http-backend` behind a certificate of its own authority.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How the server behaves.
#[derive(Default)]
pub struct Rules {
    /// `user:password` in base64, as it stands behind `Basic`; nothing lets everybody in.
    pub basic: Option<String>,
    /// How many authenticated requests are answered before the credential expires.
    pub valid_for: Option<usize>,
    /// Answers everything with a redirect to this base.
    pub redirect: Option<String>,
    /// Answers everything with this status.
    pub status: Option<u16>,
    /// Sends packs so slowly that a client shows how far it is.
    pub slowly: bool,
    /// Ends every conversation with these words, in the form of Git's protocol.
    pub words: Option<String>,
}

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub target: String,
    pub authorised: bool,
}

struct Shared {
    root: PathBuf,
    rules: Mutex<Rules>,
    seen: Mutex<Vec<Seen>>,
    stop: AtomicBool,
}

/// The server; it ends when dropped.
pub struct GitHttp {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
    authority: PathBuf,
}

impl GitHttp {
    /// Serves the bare repositories below `root`; the certificate of its authority is written there too.
    pub fn start(root: &Path, rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let authority = root.join(format!("authority-{}.pem", address.port()));
        let acceptor = acceptor(&authority);
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            rules: Mutex::new(rules),
            seen: Mutex::new(Vec::new()),
            stop: AtomicBool::new(false),
        });
        let state = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if state.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (state, acceptor) = (Arc::clone(&state), acceptor.clone());
                std::thread::spawn(move || {
                    if let Ok(mut stream) = acceptor.accept(stream) {
                        // A client that leaves early is its own business.
                        let _ = answer(&state, &mut stream);
                        let _ = stream.shutdown();
                    }
                });
            }
        });
        Self { shared, address, thread: Some(thread), authority }
    }

    /// The address of a repository.
    pub fn url(&self, repository: &str) -> String {
        format!("https://localhost:{}/{repository}", self.address.port())
    }

    /// The file with the certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.authority.clone()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Behaves otherwise from now on, and forgets what it saw.
    pub fn change(&self, rules: Rules) {
        *self.shared.rules.lock().unwrap() = rules;
        self.shared.seen.lock().unwrap().clear();
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer<S: Read + Write>(shared: &Shared, stream: &mut S) -> io::Result<()> {
    let mut reader = BufReader::new(&mut *stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        // Connected, and gone without a question.
        return Ok(());
    }
    let mut words = line.split_whitespace();
    let (method, target) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let headers = read_headers(&mut reader)?;
    let body = read_body(&mut reader, &headers)?;
    let authorization = headers.get("authorization").cloned();
    shared
        .seen
        .lock()
        .unwrap()
        .push(Seen { target: target.clone(), authorised: authorization.is_some() });
    if let Some((status, extra)) = verdict(shared, &target, authorization.as_deref()) {
        return write!(
            stream,
            "HTTP/1.1 {status} x\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let words = shared.rules.lock().unwrap().words.clone();
    if let Some(words) = words {
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let service = target.rsplit('=').next().unwrap_or_default();
        let body = format!(
            "{}0000{}",
            packet(&format!("# service={service}\n")),
            packet(&format!("ERR {words}\n"))
        );
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-{service}-advertisement\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
    let output = backend(shared, &method, &target, &headers, &body)?;
    let split = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..split]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let body = output.get(split + 4..).unwrap_or_default();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if !shared.rules.lock().unwrap().slowly {
        stream.write_all(body)?;
        return stream.flush();
    }
    for piece in body.chunks(64 << 10) {
        stream.write_all(piece)?;
        stream.flush()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// A status instead of an answer, with further headers.
fn verdict(shared: &Shared, target: &str, authorization: Option<&str>) -> Option<(u16, String)> {
    let mut rules = shared.rules.lock().unwrap();
    if let Some(base) = &rules.redirect {
        return Some((301, format!("Location: {base}{target}\r\n")));
    }
    if let Some(status) = rules.status {
        return Some((status, String::new()));
    }
    let basic = rules.basic.as_ref()?;
    let good = authorization == Some(&format!("Basic {basic}"));
    let expired = rules.valid_for == Some(0);
    if !good || expired {
        return Some((401, "WWW-Authenticate: Basic realm=\"git\"\r\n".to_owned()));
    }
    rules.valid_for = rules.valid_for.map(|left| left - 1);
    None
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<HashMap<String, String>> {
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(headers);
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

fn read_body(reader: &mut impl BufRead, headers: &HashMap<String, String>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if headers
        .get("transfer-encoding")
        .is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"))
    {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            reader.take(size).read_to_end(&mut body)?;
            line.clear();
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let size = headers.get("content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
    reader.take(size).read_to_end(&mut body)?;
    Ok(body)
}

fn backend(
    shared: &Shared,
    method: &str,
    target: &str,
    headers: &HashMap<String, String>,
    body: &[u8],
) -> io::Result<Vec<u8>> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("HTTP_GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", "tester")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let body = body.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output()?;
    // A backend that stops reading has answered already.
    let _ = writer.join();
    Ok(output.stdout)
}

/// A TLS acceptor for `localhost`, signed by a new authority that is written to `file`.
fn acceptor(file: &Path) -> SslAcceptor {
    // A name of its own: OpenSSL finds an issuer by its name.
    let name = format!(
        "Authority {}",
        file.parent().and_then(Path::file_name).unwrap_or_default().display()
    );
    let name = format!("{name} {}", file.file_stem().unwrap_or_default().display());
    let (authority, authority_key) = certificate(&name, None);
    std::fs::write(file, authority.to_pem().unwrap()).unwrap();
    let (leaf, key) = certificate("localhost", Some((&authority, &authority_key)));
    let mut builder = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
    builder.set_private_key(&key).unwrap();
    builder.set_certificate(&leaf).unwrap();
    builder.build()
}

fn certificate(name: &str, issuer: Option<(&X509, &PKey<Private>)>) -> (X509, PKey<Private>) {
    let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder: X509Builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |(issuer, _)| issuer.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    if issuer.is_some() {
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .ip("127.0.0.1")
            .build(&builder.x509v3_context(None, None));
        builder.append_extension(names.unwrap()).unwrap();
    } else {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    builder.sign(issuer.map_or(&key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}
