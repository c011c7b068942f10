//! What administrators reach: their listener.

use std::io;
use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App as Web, HttpServer, web};

use super::{GRACE, Ground, random, wall_clock, workers};
use crate::api::{self, Desk};
use crate::auth::{Cost, Patience};
use crate::config::Config;

pub(super) fn at_the_door() -> api::Means {
    api::Means { cost: Cost::USUAL, patience: Patience::USUAL, clock: wall_clock, random }
}

pub(super) fn server(
    ground: &Ground,
    (doorman, imports): (api::Doorman, api::Imports),
    listener: TcpListener,
    config: &Config,
) -> io::Result<Server> {
    let desk = Desk {
        store: ground.store.clone(),
        files: ground.files.clone(),
        circle: ground.circle.clone(),
        switchboard: ground.switchboard.clone(),
        registrations: ground.registrations.clone(),
        sightings: ground.sightings.clone(),
        statics: ground.statics.clone(),
        uploads: ground.uploads.clone(),
        doorman,
        imports,
        kazoo_from: config.kazoo_from.clone(),
        clock: wall_clock,
        random,
    };
    let configure = api::configure(web::Data::new(desk));
    let server = HttpServer::new(move || Web::new().configure(configure.clone()));
    Ok(server.workers(workers(config)).disable_signals().shutdown_timeout(GRACE).listen(listener)?.run())
}
