//! A login on any device, as the person meets it: a code to type there, and the wait until they have.

use byok_auth::Http;
use byok_auth::flow::{DeviceLogin, Known, Polled};
use byok_config::process_environment;
use byok_provider::Login;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::code::Visitor;
use super::progress::Progress;
use super::{Fresh, Session, browser};
use crate::commands::Error;
use crate::terminal::{CODE, STRONG, paint};

/// Logs in.
pub(super) async fn run(
    session: &Session<'_>,
    login: &Login,
    known: Known,
    http: &dyn Http,
) -> Result<Fresh, Error> {
    let mut begun = DeviceLogin::begin(login.flow, &login.overrides, known, http).await?;
    let until = Instant::now() + begun.expires_in();
    let address = begun.complete_url().unwrap_or(begun.url()).to_owned();
    let here = !session.args.no_browser && browser::is_there(process_environment);
    let opened = here && browser::open(&address, process_environment).is_ok();
    session.terminal.news_aside(
        &invitation(session, &begun, opened),
        &json!({"device": {
            "provider": session.spec.id.as_str(), "flow": login.flow.name, "code": begun.user_code(),
            "url": begun.url(), "complete_url": begun.complete_url(), "opened": opened,
            "expires_in": begun.expires_in().as_secs(),
        }}),
    );
    let mut progress =
        Progress::new(session.terminal, "waiting until you have allowed it there", Some(until));
    loop {
        let polled = async {
            sleep(begun.interval()).await;
            begun.poll(http).await
        };
        let polled = tokio::select! {
            polled = polled => polled,
            () = progress.run() => continue,
        };
        match polled {
            Ok(Polled::Pending) => {}
            Ok(Polled::Done(tokens)) => return Ok(Fresh { tokens, visitor: Visitor::default() }),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the person is to do.
fn invitation(session: &Session<'_>, login: &DeviceLogin, opened: bool) -> String {
    let name = &session.spec.name;
    let code = login.user_code();
    let rule = "─".repeat(code.chars().count() + 6);
    let framed = format!("  ┌{rule}┐\n  │   {}   │\n  └{rule}┘\n", paint(STRONG, code));
    let url = login.complete_url().filter(|_| !opened).unwrap_or(login.url());
    let begin = if opened {
        format!("Log in to {name} in your browser. If it does not open, here is the address:")
    } else {
        format!("To log in to {name}, open this address in a browser, on any device:")
    };
    format!("\n{begin}\n\n  {}\n\nThe code to enter there:\n\n{framed}\n", paint(CODE, url))
}
