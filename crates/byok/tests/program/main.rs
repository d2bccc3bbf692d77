//! The real program, run as a person or a script runs it.

mod accounts;
mod config;
mod demo;
mod serve;
mod support;
