//! What all real peers need: to be installed, ports, and an end.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

pub(crate) use crate::house::has;
use crate::ports::Ports;

/// How often it is looked whether a peer has done something, and how long is waited in between.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked whether a peer that was asked to end has done so.
const LOOKS_AT_THE_END: u32 = 100;
/// At how many ports a peer is started before it is a failure.
const TRIES: u32 = 5;

/// Starts a peer at ports of its own, and at others when it says that they are in use: whoever is no test may have
/// taken them. What is started says so by `None`.
pub(crate) fn at_ports<P>(mut start: impl FnMut(Ports) -> Option<P>) -> P {
    (0..TRIES).find_map(|_| start(Ports::claimed())).expect("ports that are free when the peer takes them")
}

/// Whether what a peer wrote says that somebody has its port.
pub(crate) fn says_in_use(text: &str) -> bool {
    text.contains("Address already in use")
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
    has_children: bool,
    log: PathBuf,
}

impl Peer {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).unwrap();
        let command = command.stdin(Stdio::piped()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { running: command.spawn().unwrap(), has_children: false, log: log.to_owned() }
    }

    /// The same, of a process that has children, which end with it.
    pub(crate) fn start_with_children(command: &mut Command, log: &Path) -> Self {
        let mut peer = Self::start(command.process_group(0), log);
        peer.has_children = true;
        peer
    }

    /// Waits until it is up, by what it has written to a file; `None` when it says there that its address is in use.
    pub(crate) fn up(mut self, log: &Path, mut is_up: impl FnMut(&str) -> bool) -> Option<Self> {
        let mut in_use = false;
        wait_until("the peer is up", || {
            let ended = self.running.try_wait().unwrap();
            let said = written(log);
            in_use = says_in_use(&said);
            assert!(in_use || ended.is_none(), "the peer ended at once: {ended:?}");
            in_use || is_up(&said)
        });
        (!in_use).then_some(self)
    }
}

impl Peer {
    /// Asks it to end its children and itself, and ends all of them that have not after a while.
    fn end_with_children(&mut self) {
        let group = Pid::from_child(&self.running);
        let _asked = kill_process(group, Signal::TERM);
        for _ in 0..LOOKS_AT_THE_END {
            if !matches!(self.running.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        let _nobody_is_left = kill_process_group(group, Signal::KILL);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.has_children {
            self.end_with_children();
        } else {
            let _ended = self.running.kill();
        }
        let _status = self.running.wait();
        if std::thread::panicking() {
            let said = written(&self.log);
            let skipped = said.lines().count().saturating_sub(100);
            eprintln!("{}:", self.log.display());
            said.lines().skip(skipped).for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Whether a process runs.
fn runs(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_peer_leaves_no_child_behind() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 600 & echo $!; wait"]);
    let peer = Peer::start_with_children(&mut command, &log).up(&log, |said| said.ends_with('\n')).unwrap();
    let child = written(&log).trim().to_owned();
    assert!(runs(&child));
    drop(peer);
    wait_until("the child has ended", || !runs(&child));
}
