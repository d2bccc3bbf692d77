//! The crate as a whole: what a person reads when a file is wrong, and that no value of it is ever shown.

mod errors;
mod example;
mod leaks;
mod values;

use crate::{Config, Error, parse};

/// An environment with a few variables, none of which is the process's.
pub(crate) fn environment(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("key-from-the-environment".to_owned()),
        "PORT" => Some("9000".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Config, Error> {
    parse(text, &environment)
}

fn sound(text: &str) -> Config {
    match read(text) {
        Ok(config) => config,
        Err(error) => panic!("{error}\n---\n{text}"),
    }
}

fn broken(text: &str) -> String {
    match read(text) {
        Ok(_) => panic!("this should be an error:\n{text}"),
        Err(error) => error.to_string(),
    }
}
