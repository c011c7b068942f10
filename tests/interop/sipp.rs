//! SIPp as the phone of one line.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::house::Daemon;
use crate::peers::{at_ports, says_in_use};
use crate::ports::Ports;

/// SIPp as the phone of one line, always at the same port.
pub(crate) struct Sipp {
    registrar: String,
    ports: Ports,
    work: tempfile::TempDir,
}

impl Sipp {
    /// A phone that has registered for the line `front`.
    pub(crate) fn registered(daemon: &Daemon) -> Self {
        Self::registered_at(daemon.sip(), "register.xml")
    }

    /// A phone that has registered at a registrar, as a scenario says.
    pub(crate) fn registered_at(registrar: SocketAddr, scenario: &str) -> Self {
        at_ports(|ports| Self::at(ports, registrar, scenario))
    }

    fn at(ports: Ports, registrar: SocketAddr, scenario: &str) -> Option<Self> {
        let sipp = Self { registrar: registrar.to_string(), ports, work: tempfile::tempdir().unwrap() };
        let played = sipp.command(scenario, "300").stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8_lossy(&played.stderr);
        assert!(played.status.success() || says_in_use(&errors), "SIPp could not register: {errors}");
        played.status.success().then_some(sipp)
    }

    /// It goes from where it has registered freely.
    pub(crate) fn leaves(&self) {
        let left = self.command("register_freely.xml", "0").status().unwrap();
        assert!(left.success(), "SIPp could not go");
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        format!("127.0.0.1:{}", self.ports.first()).parse().unwrap()
    }

    pub(crate) fn plays(&self, scenario: &str) -> Child {
        self.command(scenario, "300").spawn().unwrap()
    }

    fn command(&self, scenario: &str, expires: &str) -> Command {
        let scenario = format!("{}/tests/interop/{scenario}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("sipp");
        command.args(["-sf", &scenario, "-i", "127.0.0.1", "-p", &self.ports.first().to_string()]);
        command.args(["-key", "expires", expires]);
        command.args(["-m", "1", "-nostdin", "-timeout", "60s", &self.registrar]);
        command.current_dir(self.work.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}
