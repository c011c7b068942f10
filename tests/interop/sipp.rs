//! SIPp as the phone of one line.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::house::Daemon;
use crate::peers::free_port;

/// SIPp as the phone of one line, always at the same port.
pub(crate) struct Sipp {
    registrar: String,
    port: String,
    work: tempfile::TempDir,
}

impl Sipp {
    /// A phone that has registered for the line `front`.
    pub(crate) fn registered(daemon: &Daemon) -> Self {
        Self::registered_at(daemon.sip(), "register.xml")
    }

    /// A phone that has registered at a registrar, as a scenario says.
    pub(crate) fn registered_at(registrar: SocketAddr, scenario: &str) -> Self {
        let (registrar, port) = (registrar.to_string(), free_port().to_string());
        let sipp = Self { registrar, port, work: tempfile::tempdir().unwrap() };
        assert!(sipp.plays(scenario).wait().unwrap().success(), "SIPp could not register");
        sipp
    }

    /// It goes from where it has registered freely.
    pub(crate) fn leaves(&self) {
        let mut leaving = self.plays_with("register_freely.xml", "0");
        assert!(leaving.wait().unwrap().success(), "SIPp could not go");
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        format!("127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(crate) fn plays(&self, scenario: &str) -> Child {
        self.plays_with(scenario, "300")
    }

    fn plays_with(&self, scenario: &str, expires: &str) -> Child {
        let scenario = format!("{}/tests/interop/{scenario}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("sipp");
        command.args(["-sf", &scenario, "-i", "127.0.0.1", "-p", &self.port]);
        command.args(["-key", "expires", expires]);
        command.args(["-m", "1", "-nostdin", "-timeout", "40s", &self.registrar]);
        command.current_dir(self.work.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}
