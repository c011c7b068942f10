//! The command `serve`: a daemon from its start to the signal that ends it.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::{App, AppError, log};
use crate::config::Config;
use crate::demo;
use crate::wire::Listen;

/// How long what is still being read or written may take after the daemon has stopped.
const LEFT_OVER: Duration = Duration::from_secs(1);

/// Every connection is a file to the system, and of those a program may have 1,024 unless it asks for more.
fn allow_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the number of connections stays limited by the system (ulimit -n)");
    }
}

/// Runs the daemon until SIGTERM or Ctrl-C.
pub fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let _lines_are_written_until_the_end = log::start(&config)?;
    allow_connections();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("checksync").build()?;
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut app = tokio::select! {
            app = App::start(config) => app?,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        announce(&app, &mut io::stdout())?;
        let ended = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            part = app.part_ended() => Some(part),
        };
        app.stop().await?;
        ended.map_or(Ok(()), |part| Err(AppError::Ended(part).into()))
    });
    // A large file that is being read for its sum is read in vain.
    runtime.shutdown_timeout(LEFT_OVER);
    ended
}

/// What whoever started the daemon needs to know, on standard output.
fn announce(app: &App, out: &mut impl Write) -> io::Result<()> {
    let (phones, admin) = (format!("http://{}", shown(app.phones)), format!("http://{}", shown(app.admin)));
    if let Some(key) = &app.new_key {
        writeln!(out, "api key {key} (of the master account; shown this once)")?;
    }
    writeln!(out, "phones {phones}\nadmin {admin}\nsip udp:{}", shown(app.sip))?;
    for also in &app.sip_also {
        writeln!(out, "sip {}", Listen { address: shown(also.address), ..*also })?;
    }
    if let Some(tftp) = app.tftp {
        writeln!(out, "tftp udp:{}", shown(tftp))?;
    }
    if let Some(planted) = &app.planted {
        let key = app.new_key.as_ref().map_or_else(String::new, |key| format!("KEY={key}\n"));
        writeln!(out, "\n{key}{}", demo::hints(planted, &phones, &admin))?;
    }
    out.flush()
}

/// An address that can be typed on this machine.
fn shown(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        let v4 = address.is_ipv4();
        address.set_ip(if v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}
