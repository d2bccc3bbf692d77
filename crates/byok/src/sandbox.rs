//! The echo upstream: a small server that speaks every upstream format and says back what it was told.
//!
//! It lets a person see byok work before they have any key, and lets tests drive the real program. It is
//! as strict as a real provider about the credential and the shape of a body, so what passes here was
//! written properly. It never reaches out anywhere, and listens on a loopback port for as long as the
//! command that started it runs.
//!
//! - [`ask`]: what a request asks for, the same for all formats.
//! - [`answer`]: what is said to that; a pure function.
//! - `anthropic`, `chat`, `cohere`, `gemini`, `responses`: one format each, in and out.
//! - [`embed`]: embeddings, in the formats that have them.
//! - [`respond`]: a request to a response. [`server`]: sockets.

mod answer;
mod anthropic;
mod ask;
mod chat;
mod cohere;
mod embed;
mod gemini;
mod respond;
mod responses;
mod schema;
mod server;

use std::net::{Ipv4Addr, SocketAddr};

use byok_config::{ModelEntry, ProviderConfig};
use byok_types::{Family, ModelId, ProviderId, Secret};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use ask::EchoModel;

/// What the echo upstream accepts as a credential. It guards nothing: it is here so that a request which
/// carries the caller's key instead of the wallet's is refused, as it would be anywhere else.
const KEY: &str = "sk-echo-0123456789abcdef";

/// A running echo upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sandbox {
    address: SocketAddr,
}

impl Sandbox {
    /// Starts one on a free loopback port. It runs on `tasks` until `stop`.
    pub(crate) async fn start(tasks: &TaskTracker, stop: CancellationToken) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tasks.spawn(server::serve(listener, tasks.clone(), stop));
        Ok(Self { address })
    }

    /// One provider for each format, ready to be put into the config.
    pub(crate) fn providers(self) -> impl Iterator<Item = (ProviderId, ProviderConfig)> {
        Family::ALL.into_iter().filter_map(move |family| {
            let provider = ProviderConfig {
                api_key: Some(Secret::new(KEY)),
                base_url: Some(self.base_url(family)?),
                family: Some(family),
                models: Some(EchoModel::ALL.map(entry).to_vec()),
                ..ProviderConfig::default()
            };
            Some((ProviderId::from(provider_name(family)), provider))
        })
    }

    /// The address of one format. Each has a path of its own, since three of them share `/v1/models`.
    fn base_url(self, family: Family) -> Option<Url> {
        let version = match family {
            Family::OpenaiChat | Family::OpenaiResponses => "/v1",
            Family::Anthropic | Family::Cohere | Family::Gemini => "",
        };
        Url::parse(&format!("http://{}/{family}{version}", self.address)).ok()
    }
}

/// What the provider with that format is called.
pub(crate) fn provider_name(family: Family) -> &'static str {
    match family {
        Family::Anthropic => "echo-anthropic",
        Family::Cohere => "echo-cohere",
        Family::Gemini => "echo-gemini",
        Family::OpenaiChat => "echo-openai",
        Family::OpenaiResponses => "echo-responses",
    }
}

fn entry(model: EchoModel) -> ModelEntry {
    ModelEntry {
        id: ModelId::from(model.id()),
        name: Some(model.title().to_owned()),
        context: Some(ask::CONTEXT),
        output: Some(ask::OUTPUT),
    }
}

#[cfg(test)]
mod tests;
