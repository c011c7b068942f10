//! What all real peers need: to be installed, a port, and an end.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often it is looked whether a peer has done something, and how long is waited in between.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// True when a peer is installed. Without it a test says so, and fails where everything must be there.
pub(crate) fn has(peer: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {peer}")]).stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{peer} is missing: scripts/test --install installs it");
        eprintln!("NOT RUN: {peer} is missing; scripts/test --install installs it");
    }
    found
}

/// A UDP port on loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if so() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{what}: not within {:?}", PAUSE * LOOKS);
}

/// What a peer has written to a file so far.
pub(crate) fn written(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}

/// A process that ends with the test. Where the test fails, what the process wrote is shown.
pub(crate) struct Peer {
    running: Child,
    log: PathBuf,
}

impl Peer {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).unwrap();
        let command = command.stdin(Stdio::piped()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { running: command.spawn().unwrap(), log: log.to_owned() }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.running.kill();
        let _status = self.running.wait();
        if std::thread::panicking() {
            let said = written(&self.log);
            let skipped = said.lines().count().saturating_sub(100);
            eprintln!("{}:", self.log.display());
            said.lines().skip(skipped).for_each(|line| eprintln!("{line}"));
        }
    }
}
