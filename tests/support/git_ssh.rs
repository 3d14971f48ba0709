//! A real sshd for tests, run as the current user on a loopback port, and a real ssh-agent.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The server; it ends when dropped.
pub struct GitSsh {
    folder: PathBuf,
    port: u16,
    child: Child,
}

/// Where OpenSSH's server is installed.
const SSHD: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

impl GitSsh {
    /// Starts a server that lets the current user in with the key `client` of the folder. Says why it cannot.
    pub fn start(folder: &Path) -> Result<Self, String> {
        let program =
            SSHD.iter().find(|path| Path::new(path).exists()).ok_or("sshd is not installed")?;
        let folder = folder.join("ssh");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .map_err(|error| error.to_string())?;
        for name in ["host_ed25519", "client"] {
            keygen(&folder, name, "ed25519", "")?;
        }
        let public =
            fs::read_to_string(folder.join("client.pub")).map_err(|error| error.to_string())?;
        write_private(&folder.join("authorized_keys"), &allowed(&public))?;
        if user() == "root" {
            // The folder of privilege separation, which a running service would have made.
            let _ = fs::create_dir_all("/run/sshd");
        }
        for _ in 0..20 {
            let port = free_port();
            let mut server = Self::spawn(program, &folder, port)?;
            if server.is_up() {
                return Ok(server);
            }
        }
        Err(format!(
            "sshd does not start: {}",
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        ))
    }

    fn spawn(program: &str, folder: &Path, port: u16) -> Result<Self, String> {
        let shown = folder.display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host_ed25519\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             AuthorizedKeysFile {shown}/authorized_keys\nMaxStartups 100\n"
        );
        write_private(&folder.join("config"), &config)?;
        let child = Command::new(program)
            .args(["-D", "-f"])
            .arg(folder.join("config"))
            .arg("-E")
            .arg(folder.join("log"))
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("sshd cannot be run: {error}"))?;
        Ok(Self { folder: folder.to_owned(), port, child })
    }

    /// Waits until the server greets, or has ended because its port was taken meanwhile.
    fn is_up(&mut self) -> bool {
        while matches!(self.child.try_wait(), Ok(None)) {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let mut greeting = [0; 4];
                return stream.read_exact(&mut greeting).is_ok() && &greeting == b"SSH-";
            }
            std::thread::yield_now();
        }
        false
    }

    /// The address of a repository by its absolute path.
    pub fn url(&self, repository: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", user(), self.port, repository.display())
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets nobody in any more.
    pub fn forget_keys(&self) {
        write_private(&self.file("authorized_keys"), "").unwrap();
    }

    /// The file of a private key: `client`, or one made with [`GitSsh::key`].
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes another client key that the server accepts.
    pub fn key(&self, name: &str, kind: &str, passphrase: &str) -> String {
        keygen(&self.folder, name, kind, passphrase).unwrap();
        let mut accepted = fs::read_to_string(self.file("authorized_keys")).unwrap();
        accepted
            .push_str(&allowed(&fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap()));
        write_private(&self.file("authorized_keys"), &accepted).unwrap();
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// The line that makes the server known.
    pub fn known_host(&self) -> String {
        self.known_as("host_ed25519")
    }

    /// The same line with another key.
    pub fn known_as(&self, name: &str) -> String {
        let public = fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap();
        let mut words = public.split_whitespace();
        let (kind, key) = (words.next().unwrap(), words.next().unwrap());
        format!("[127.0.0.1]:{} {kind} {key}\n", self.port)
    }

    /// The fingerprint of a key as ssh-keygen shows it.
    pub fn fingerprint(&self, name: &str) -> String {
        let output = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(self.file(&format!("{name}.pub")))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Makes a key that nobody accepts.
    pub fn stranger(&self, name: &str) -> String {
        keygen(&self.folder, name, "ed25519", "").unwrap();
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// How often a key was refused or accepted, as the server's log has it.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }
}

impl Drop for GitSsh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A key that may run git-shell alone, as on a server for repositories, and be a step on the way to another host.
fn allowed(public: &str) -> String {
    format!(
        "restrict,port-forwarding,command=\"git shell -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" {public}"
    )
}

/// The current user, as the server must be asked for.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn keygen(folder: &Path, name: &str, kind: &str, passphrase: &str) -> Result<(), String> {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"])
        .arg(folder.join(name))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ssh-keygen cannot be run: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn write_private(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text)
        .and_then(|()| fs::set_permissions(file, fs::Permissions::from_mode(0o600)))
        .map_err(|error| error.to_string())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free")
        .port()
}
