//! A login in a browser, as the person meets it: the browser comes back by itself, or they paste what it
//! ends at, whichever is first.

use std::time::Duration;

use byok_auth::Http;
use byok_auth::callback::{BindError, Callback, Listener, Page};
use byok_auth::flow::{CallbackError, CodeLogin, Known, LoginError, Redirected};
use byok_config::process_environment;
use byok_provider::Login;
use byok_types::Secret;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::progress::Progress;
use super::{Fresh, Session, browser};
use crate::commands::Error;
use crate::keyboard::{Echo, Keyboard};
use crate::terminal::{CODE, FAINT, WARNING, paint};

/// How long a person may take. Vendors forget a login that was begun after about as long.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A browser that waits for a page; nobody, where what it ended at was pasted.
#[derive(Default)]
pub(super) struct Visitor {
    listener: Option<Listener>,
    callback: Option<Callback>,
}

impl Visitor {
    /// Shows the page, and ends the listener and all of its connections.
    pub(super) async fn show(self, page: Page) {
        if let Some(callback) = self.callback {
            callback.answer(page);
        }
        if let Some(listener) = self.listener {
            listener.close().await;
        }
    }
}

/// Logs in.
pub(super) async fn run(
    session: &Session<'_>,
    login: &Login,
    known: Known,
    http: &dyn Http,
    mut keyboard: Option<Keyboard>,
) -> Result<Fresh, Error> {
    let redirect = login.flow.redirect().ok_or(Error::Declined)?;
    let listener = match Listener::bind(redirect).await {
        Ok(listener) => Some(listener),
        Err(error) if keyboard.is_none() => {
            return Err(Error::NoWayBack { error, provider: session.spec.id.clone() });
        }
        Err(error) => {
            session.terminal.aside(&unheard(&error));
            None
        }
    };
    let port = listener.as_ref().map(Listener::port);
    let begun = CodeLogin::begin(login.flow, &login.overrides, known, port, http).await?;
    // Before anyone is told that they can paste.
    if let Some(keyboard) = &mut keyboard {
        keyboard.ask(Echo::Hidden);
    }
    let here = !session.args.no_browser && browser::is_there(process_environment);
    let opened = here && browser::open(begun.url(), process_environment).is_ok();
    session.terminal.news_aside(
        &invitation(session, &begun, opened, listener.is_some(), keyboard.is_some()),
        &json!({"open": {
            "provider": session.spec.id.as_str(), "flow": login.flow.name, "url": begun.url(),
            "manual_url": begun.manual_url(), "opened": opened, "listens": listener.is_some(),
            "expires_in": PATIENCE.as_secs(),
        }}),
    );
    let (redirected, visitor) = wait(session, &begun, listener, keyboard).await?;
    let mut progress = Progress::new(session.terminal, "exchanging the code, and setting up", None);
    let finished = tokio::select! {
        finished = begun.finish(redirected, http) => finished,
        () = progress.run() => return Err(Error::Interrupted),
    };
    drop(progress);
    match finished {
        Ok(tokens) => Ok(Fresh { tokens, visitor }),
        Err(error) => {
            let provider = session.spec.name.clone();
            visitor.show(Page::Failed { provider, reason: error.to_string() }).await;
            Err(error.into())
        }
    }
}

/// Waits for the browser or for the person.
async fn wait(
    session: &Session<'_>,
    login: &CodeLogin,
    mut listener: Option<Listener>,
    mut keyboard: Option<Keyboard>,
) -> Result<(Redirected, Visitor), Error> {
    let terminal = session.terminal;
    let until = Instant::now() + PATIENCE;
    let mut progress = Progress::new(terminal, "waiting for your browser", Some(until));
    loop {
        tokio::select! {
            callback = next(&mut listener) => match login.accept(callback.query()) {
                Ok(redirected) => {
                    return Ok((redirected, Visitor { listener, callback: Some(callback) }));
                }
                Err(CallbackError::Denied { error, description }) => {
                    progress.clear();
                    let reason = description.unwrap_or(error);
                    let page = Page::Refused { provider: session.spec.name.clone(), reason: reason.clone() };
                    Visitor { listener, callback: Some(callback) }.show(page).await;
                    return Err(Error::Refused { provider: session.spec.name.clone(), reason });
                }
                Err(_) => callback.answer(Page::Foreign),
            },
            pasted = line(&mut keyboard) => {
                progress.clear();
                let Some(pasted) = pasted else {
                    // Nothing more can be typed; the browser can still come back.
                    keyboard = None;
                    if listener.is_none() {
                        return Err(Error::Declined);
                    }
                    continue;
                };
                match accept(session, login, &pasted) {
                    Some(Ok(redirected)) => return Ok((redirected, Visitor { listener, callback: None })),
                    Some(Err(error)) => return Err(error),
                    None => {}
                }
                if let Some(keyboard) = &mut keyboard {
                    keyboard.ask(Echo::Hidden);
                }
            }
            () = progress.run() => {}
            () = sleep_until(until) => {
                progress.clear();
                return Err(Error::LoginTimedOut {
                    provider: session.args.provider.clone(),
                    minutes: PATIENCE.as_secs() / 60,
                });
            }
        }
    }
}

/// What a person pasted. `None`: it was explained what is wrong, and they may try again.
fn accept(session: &Session<'_>, login: &CodeLogin, pasted: &Secret) -> Option<Result<Redirected, Error>> {
    if pasted.is_blank() {
        return None;
    }
    session.terminal.redactor().learn([pasted.clone()]);
    match login.accept_pasted(pasted.expose()) {
        Ok(redirected) => Some(Ok(redirected)),
        Err(CallbackError::Denied { error, description }) => {
            let provider = session.spec.name.clone();
            Some(Err(Error::Refused { provider, reason: description.unwrap_or(error) }))
        }
        Err(error) => {
            session.terminal.aside(&format!("{} {error}\n", paint(WARNING, "note:")));
            None
        }
    }
}

async fn next(listener: &mut Option<Listener>) -> Callback {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

async fn line(keyboard: &mut Option<Keyboard>) -> Option<Secret> {
    match keyboard {
        Some(keyboard) => keyboard.line().await,
        None => std::future::pending().await,
    }
}

/// Why the browser will not come back by itself.
fn unheard(error: &BindError) -> String {
    format!(
        "{} {error}, so your browser will end at a page that does not load; that is no harm\n",
        paint(WARNING, "note:")
    )
}

/// What the person is to do.
fn invitation(
    session: &Session<'_>,
    login: &CodeLogin,
    opened: bool,
    listens: bool,
    can_paste: bool,
) -> String {
    let name = &session.spec.name;
    let paste = format!(
        "If your browser does not come back here by itself, paste {} and press Enter.\n{}\n\n",
        login.paste_hint(),
        paint(FAINT, "(What you paste is not shown.)"),
    );
    let must_paste = format!(
        "Then paste here {} and press Enter.\n{}\n\n",
        login.paste_hint(),
        paint(FAINT, "(What you paste is not shown.)"),
    );
    let hint = match (can_paste, listens) {
        (true, true) if opened => paste,
        (true, _) => must_paste,
        (false, _) => String::new(),
    };
    if opened {
        return format!(
            "\nLog in to {name} in your browser. If it does not open, here is the address:\n\n  {}\n\n{hint}",
            paint(CODE, login.url()),
        );
    }
    // On another machine a page that shows the code is the better end.
    let (address, other) = match login.manual_url().filter(|_| can_paste) {
        Some(manual) if manual != login.url() => (manual, Some(login.url())),
        _ => (login.url(), None),
    };
    let other = other.filter(|_| listens).map(|other| {
        format!("In a browser on this machine you need not paste anything with this one:\n\n  {other}\n\n")
    });
    format!(
        "\nTo log in to {name}, open this address in a browser:\n\n  {}\n\n{hint}{}",
        paint(CODE, address),
        other.unwrap_or_default(),
    )
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        Self::Login(error)
    }
}
