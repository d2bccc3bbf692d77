//! The server over real sockets: a client that writes its bytes by hand, and upstreams that play a script.

mod gate;
mod generate;
mod keys;
mod limits;
mod models;
mod native;
mod routes;
mod shutdown;
mod support;
