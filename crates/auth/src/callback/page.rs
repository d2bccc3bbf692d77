//! What the browser shows at the end of a login: one small page with nothing from elsewhere and no script.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// A page for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Page {
    /// It worked.
    Done {
        /// Where the login is for, as people call it.
        provider: String,
        /// Whose it is, where that is known.
        label: Option<String>,
    },
    /// It did not, after the vendor had agreed.
    Failed {
        /// Where the login was for.
        provider: String,
        /// What went wrong, without secrets.
        reason: String,
    },
    /// The request belongs to another login, or to none.
    Foreign,
    /// The login has ended.
    Over,
    /// It takes longer than a browser should wait.
    Pending,
    /// The vendor said no.
    Refused {
        /// Where the login was for.
        provider: String,
        /// What the vendor said, without secrets.
        reason: String,
    },
}

/// How a page looks at first sight.
#[derive(Clone, Copy)]
enum Mood {
    Bad,
    Good,
    Neutral,
}

impl Page {
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let status = match self {
            Self::Done { .. } => StatusCode::OK,
            Self::Failed { .. } => StatusCode::BAD_GATEWAY,
            Self::Foreign => StatusCode::BAD_REQUEST,
            Self::Over => StatusCode::GONE,
            Self::Pending => StatusCode::ACCEPTED,
            Self::Refused { .. } => StatusCode::FORBIDDEN,
        };
        response(status, "text/html; charset=utf-8", Bytes::from(self.html()))
    }

    pub(super) fn html(&self) -> String {
        let (mood, title, text, more) = match self {
            Self::Done { provider, label } => {
                let title = match label {
                    Some(label) => format!("Logged in as {label}"),
                    None => "Logged in".to_owned(),
                };
                let text = format!("Your login for {provider} is in your wallet now, encrypted.");
                (Mood::Good, title, text, CLOSE)
            }
            Self::Failed { provider, reason } => {
                (Mood::Bad, format!("{provider}: not logged in"), reason.clone(), TERMINAL)
            }
            Self::Foreign => (
                Mood::Bad,
                "This is not the login that byok waits for".to_owned(),
                "It may be an older one, or none of yours. Nothing has been changed; byok still waits for the \
                 login that it began."
                    .to_owned(),
                "To go on, open the address that your terminal shows.",
            ),
            Self::Over => (
                Mood::Bad,
                "This login has ended".to_owned(),
                "byok no longer waits for it.".to_owned(),
                TERMINAL,
            ),
            Self::Pending => (
                Mood::Neutral,
                "byok is still at it".to_owned(),
                "The provider takes its time to set things up.".to_owned(),
                "Your terminal shows how it ends. You can close this tab.",
            ),
            Self::Refused { provider, reason } => {
                (Mood::Bad, format!("{provider} said no"), reason.clone(), TERMINAL)
            }
        };
        let (class, mark) = match mood {
            Mood::Bad => ("bad", "M8 8l8 8M16 8l-8 8"),
            Mood::Good => ("good", "M7 12.5l3.5 3.5L17 8.5"),
            Mood::Neutral => ("neutral", "M12 6.5V12l3.5 2.5"),
        };
        let (title, text) = (escaped(&title), escaped(&text));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · byok</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main class=\"{class}\">\n\
             <svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><circle cx=\"12\" cy=\"12\" r=\"11\"/>\
             <path d=\"{mark}\"/></svg>\n<h1>{title}</h1>\n<p>{text}</p>\n<p class=\"more\">{more}</p>\n\
             </main>\n<footer>byok</footer>\n</body>\n</html>\n"
        )
    }
}

const CLOSE: &str = "You can close this tab and go back to your terminal.";
const TERMINAL: &str = "Your terminal says what you can do. You can close this tab.";

const STYLE: &str = "\
:root{--back:#f6f7f9;--card:#fff;--line:#e3e6ea;--text:#1b1f24;--soft:#5c6570;--good:#1a7f4b;--bad:#c4312c;--neutral:#5c6570}\
@media(prefers-color-scheme:dark){:root{--back:#0f1216;--card:#171b21;--line:#2a3038;--text:#e8ebef;--soft:#98a2ad;--good:#43c383;--bad:#ff7b72;--neutral:#98a2ad}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;padding:1.5rem;background:var(--back);color:var(--text);font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
main{width:100%;max-width:29rem;padding:2.5rem 2rem;text-align:center;background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:0 1px 2px rgba(0,0,0,.05),0 12px 32px rgba(0,0,0,.06)}\
svg{width:3.25rem;height:3.25rem;fill:none;stroke-linecap:round;stroke-linejoin:round}\
circle{stroke-width:1.25;opacity:.35}path{stroke-width:2}\
.good svg{stroke:var(--good)}.bad svg{stroke:var(--bad)}.neutral svg{stroke:var(--neutral)}\
h1{margin:1.1rem 0 .6rem;font-size:1.35rem;line-height:1.3;font-weight:650;overflow-wrap:anywhere}\
p{margin:0;overflow-wrap:anywhere}.more{margin-top:1.1rem;color:var(--soft);font-size:.925rem}\
footer{margin-top:1.5rem;color:var(--soft);font:600 .85rem/1 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}";

/// Everything is forbidden but the one style above, by its digest.
const POLICY: &str = "default-src 'none'; style-src 'sha256-+4jZOgoAIf0PYsPOAEv1H5O/rHcWa+PqMTaI8ITztkg='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An answer that is shown once and kept nowhere; the address that it stands under, which holds a code, is
/// told to nobody.
pub(super) fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let fields: [(HeaderName, &'static str); 7] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (CONNECTION, "close"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The longest text of a vendor's that is shown.
const LONGEST: usize = 400;

/// Text in HTML: shown as it is, whatever it holds.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().take(LONGEST) {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
