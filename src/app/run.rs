//! The command `serve`: a daemon from its start to the signal that ends it.

use std::error::Error;
use std::io::{self, Write};

use tokio::signal::unix::{SignalKind, signal};

use super::{App, AppError, log};
use crate::config::Config;
use crate::demo;

/// Runs the daemon until SIGTERM or Ctrl-C.
pub fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let _lines_are_written_until_the_end = log::start(&config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("checksync").build()?;
    runtime.block_on(async {
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
    })
}

/// What whoever started the daemon needs to know, on standard output.
fn announce(app: &App, out: &mut impl Write) -> io::Result<()> {
    let (phones, admin) = (format!("http://{}", shown(app.phones)), format!("http://{}", shown(app.admin)));
    if let Some(key) = &app.new_key {
        writeln!(out, "api key {key} (of the master account; shown this once)")?;
    }
    writeln!(out, "phones {phones}\nadmin {admin}\nsip udp:{}", shown(app.sip))?;
    if let Some(planted) = &app.planted {
        let key = app.new_key.as_ref().map_or_else(String::new, |key| format!("KEY={key}\n"));
        writeln!(out, "\n{key}{}", demo::hints(planted, &phones, &admin))?;
    }
    out.flush()
}

/// An address that can be typed on this machine.
fn shown(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}
