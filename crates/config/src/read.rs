//! From the tree of the file to the validated [`Config`]: which field is what.
//!
//! All problems are collected, so that a person mends a file in one go. A field that is there without a
//! value (`providers:` with nothing but comments below it) is as good as absent.

mod address;
mod provider;
mod reader;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use byok_types::{AppId, ProviderId, Secret};

use crate::MAX_FILE_BYTES;
use crate::error::{Error, Reason, Shape};
use crate::model::{ClientKey, Config, Limits, Log, LogLevel, OnLossy, ProviderConfig, Streaming, Timeouts};
use crate::schema;
use crate::yaml::{self, Node};
use reader::{Field, Reader};

pub(crate) use address::is_link_local;

/// Reads a config from its text. Nothing but white space and comments is the default config.
///
/// `environment` answers for the variables in `${NAME}`.
pub fn parse(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, Error> {
    Ok(document(text, environment)?.map(|document| document.config).unwrap_or_default())
}

/// A config and what reading it brought to light.
pub(crate) struct Document {
    pub(crate) config: Config,
    /// Whether a secret stands in the file itself, and not in a variable.
    pub(crate) holds_secrets: bool,
}

/// Like [`parse`], but tells nothing (`None`) from a config.
pub(crate) fn document(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Document>, Error> {
    if text.len() > MAX_FILE_BYTES {
        return Err(Error::TooLarge { file: None });
    }
    let root = match yaml::read(text) {
        Ok(Some(root)) => root,
        Ok(None) => return Ok(None),
        Err(problem) => {
            return Err(Error::Invalid { file: None, problems: vec![problem], more: 0 });
        }
    };
    let mut reader = Reader::new(environment);
    let config = root_fields(&mut reader, root);
    let holds_secrets = reader.holds_secrets;
    reader.finish()?;
    Ok(Some(Document { config, holds_secrets }))
}

fn root_fields(reader: &mut Reader<'_>, root: Node) -> Config {
    let mut config = Config::default();
    let mut fields = reader.fields(Field::root(root), schema::ROOT);
    if let Some(host) = fields.take("host") {
        reader.set(&mut config.host, host, |text| listen_address(&text));
    }
    if let Some(port) = fields.take("port") {
        reader.set(&mut config.port, port, |text| value::port(&text));
    }
    if let Some(field) = fields.take("providers") {
        config.providers = providers(reader, field);
    }
    if let Some(field) = fields.take("aliases") {
        config.aliases = aliases(reader, field);
    }
    if let Some(field) = fields.take("require_key") {
        reader.set(&mut config.require_key, field, |text| value::switch(&text));
    }
    if let Some(field) = fields.take("keys") {
        config.keys = keys(reader, field);
    }
    if let Some(field) = fields.take("allowed_hosts") {
        config.allowed_hosts = reader.list(field, |text| address::host(&text));
    }
    if let Some(field) = fields.take("allowed_origins") {
        config.allowed_origins = reader.list(field, |text| address::origin(&text));
    }
    if let Some(field) = fields.take("timeouts") {
        config.timeouts = timeouts(reader, field);
    }
    if let Some(field) = fields.take("streaming") {
        config.streaming = streaming(reader, field);
    }
    if let Some(field) = fields.take("limits") {
        config.limits = limits(reader, field);
    }
    if let Some(field) = fields.take("log") {
        config.log = log(reader, field);
    }
    if let Some(field) = fields.take("on_lossy") {
        reader.set(&mut config.on_lossy, field, |text| {
            let words = [("refuse", OnLossy::Refuse), ("drop", OnLossy::Drop)];
            value::word(&text, &words)
        });
    }
    config
}

fn listen_address(text: &str) -> Result<IpAddr, Reason> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .or(Err(Reason::Rule("must be an IP address of this machine, such as 127.0.0.1 or ::1")))
}

fn providers(reader: &mut Reader<'_>, field: Field) -> BTreeMap<ProviderId, ProviderConfig> {
    let mut providers = BTreeMap::new();
    for (name, field) in reader.entries(field) {
        if !ProviderId::is_valid(&name) {
            reader.problem(
                &field,
                Reason::Rule(
                    "the name of a provider is made of lower-case letters, digits, `_` and `-`, 64 at most, and starts with a letter or digit",
                ),
            );
            continue;
        }
        let config = provider::config(reader, field);
        providers.insert(ProviderId::new(name), config);
    }
    providers
}

fn aliases(reader: &mut Reader<'_>, field: Field) -> BTreeMap<String, String> {
    let mut aliases = BTreeMap::new();
    for (name, field) in reader.entries(field) {
        if let Err(reason) = value::model_name(&name) {
            reader.problem(&field, reason);
            continue;
        }
        let target = reader.read(field, |text| {
            value::model_name(&text)?;
            if text == name {
                return Err(Reason::Rule("an alias cannot stand for itself"));
            }
            Ok(text)
        });
        if let Some(target) = target {
            aliases.insert(name, target);
        }
    }
    aliases
}

fn keys(reader: &mut Reader<'_>, field: Field) -> Vec<ClientKey> {
    let mut keys = Vec::new();
    let mut names = HashMap::new();
    let mut values = HashMap::new();
    for item in reader.items(field) {
        let whole = item.place_and_path();
        let mut fields = reader.fields(item, schema::KEY);
        let name = fields.require(reader, &whole, "name").and_then(|field| {
            let place = field.place();
            reader.read(field, |text| {
                value::app_name(&text)?;
                first_of(&mut names, text.clone(), place.line)?;
                Ok(AppId::new(text))
            })
        });
        let key = fields.require(reader, &whole, "key").and_then(|field| {
            let place = field.place();
            reader.secret(field, |text| {
                value::client_key(&text)?;
                first_of(&mut values, text.clone(), place.line)?;
                Ok(Secret::new(text))
            })
        });
        if let (Some(name), Some(key)) = (name, key) {
            keys.push(ClientKey { name, key });
        }
    }
    keys
}

/// Notes on which line `value` stands; an error if it stood somewhere before.
fn first_of(seen: &mut HashMap<String, u64>, value: String, line: u64) -> Result<(), Reason> {
    match seen.insert(value, line) {
        Some(line) => Err(Reason::Duplicate { line }),
        None => Ok(()),
    }
}

fn timeouts(reader: &mut Reader<'_>, field: Field) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let mut fields = reader.fields(field, schema::TIMEOUTS);
    for (name, target) in [
        ("connect", &mut timeouts.connect),
        ("first_byte", &mut timeouts.first_byte),
        ("idle", &mut timeouts.idle),
    ] {
        if let Some(field) = fields.take(name) {
            reader.set(target, field, |text| value::seconds(&text));
        }
    }
    timeouts
}

fn streaming(reader: &mut Reader<'_>, field: Field) -> Streaming {
    let mut streaming = Streaming::default();
    let mut fields = reader.fields(field, schema::STREAMING);
    if let Some(field) = fields.take("keepalive_seconds") {
        reader.set(&mut streaming.keepalive, field, |text| value::seconds_or_never(&text));
    }
    streaming
}

fn limits(reader: &mut Reader<'_>, field: Field) -> Limits {
    let mut limits = Limits::default();
    let mut fields = reader.fields(field, schema::LIMITS);
    if let Some(field) = fields.take("body_bytes") {
        reader.set(&mut limits.body_bytes, field, |text| value::bytes(&text));
    }
    limits
}

fn log(reader: &mut Reader<'_>, field: Field) -> Log {
    let mut log = Log::default();
    let mut fields = reader.fields(field, schema::LOG);
    if let Some(field) = fields.take("level") {
        reader.set(&mut log.level, field, |text| {
            value::word(&text, &LogLevel::ALL.map(|level| (level.name(), level)))
        });
    }
    log
}

/// What to say when a single value stands where a shape with more in it belongs.
fn expected(expected: Shape, found: Shape) -> Reason {
    Reason::Expected { expected, found }
}
