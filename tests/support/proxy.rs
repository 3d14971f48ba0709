//! A proxy that carries connections (HTTP CONNECT) for tests, and remembers what it was told.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The proxy; it ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stop) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
        let (told, ended) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let told = Arc::clone(&told);
                // A client that leaves early is its own business.
                std::thread::spawn(move || drop(carry(stream, &told)));
            }
        });
        Self { address, seen, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of all requests.
    pub fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(mut client: TcpStream, seen: &Mutex<String>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    seen.lock().unwrap().push_str(&head);
    let target = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut server = TcpStream::connect(target)?;
    write!(client, "HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut to, mut back) = (server.try_clone()?, client.try_clone()?);
    let answers = std::thread::spawn(move || {
        let copied = io::copy(&mut server, &mut back);
        let _ = back.shutdown(std::net::Shutdown::Write);
        copied
    });
    io::copy(&mut reader, &mut to)?;
    let _ = to.shutdown(std::net::Shutdown::Write);
    let _ = answers.join();
    Ok(())
}
