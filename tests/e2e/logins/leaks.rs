//! Where secrets must not be: in what is said at any level of detail, in what other programs see of the
//! process, on the disk.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use byok_e2e::vendors::claude::CLAUDE;
use byok_e2e::vendors::codex::SIGN_IN;
use byok_e2e::vendors::copilot::COPILOT;
use byok_e2e::vendors::gemini::GEMINI;
use byok_e2e::vendors::iflow::IFLOW;
use byok_e2e::vendors::kiro::KIRO;
use byok_e2e::vendors::qwen::QWEN;
use byok_e2e::vendors::{Decision, Kind, Visit};

use super::{Scene, address, code, come_back, ends_well};

/// How a secret may be spelled: as it is, in hexadecimal, and in base64 at each of three alignments.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![secret.to_owned(), hex.to_ascii_uppercase(), hex];
    for shift in 0..3 {
        let padded = [&vec![0; shift], secret.as_bytes()].concat();
        for text in [BASE64_STANDARD_NO_PAD.encode(&padded), BASE64_URL_SAFE_NO_PAD.encode(&padded)] {
            // What stands at the ends depends on the neighbours.
            all.push(text[4..text.len() - 4].to_owned());
        }
    }
    all.into_iter().map(String::into_bytes).collect()
}

fn holds(place: &[u8], secret: &str) -> bool {
    spellings(secret).iter().any(|wanted| place.windows(wanted.len()).any(|window| window == &wanted[..]))
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.is_file() {
            all.push((path.display().to_string(), std::fs::read(&path).expect("it can be read")));
        }
    }
    all
}

/// What every program of this machine sees of a process.
fn seen_from_outside(pid: Option<u32>) -> Vec<(String, Vec<u8>)> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let pid = pid.expect("it runs");
    let names = ["cmdline", "environ", "comm", "status"].iter();
    let paths = names.map(|name| format!("/proc/{pid}/{name}"));
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap_or_default())).collect()
}

fn check(kind: Kind) {
    let scene = Scene::new(kind);
    let mut command = super::command(&scene.home, &["-vv", "login", kind.provider, "--yes"]);
    command.env("RUST_LOG", "trace");
    let mut session = byok_e2e::pty::Session::start(&command);
    let mut places = Vec::new();
    if matches!(kind.provider, "copilot" | "kiro" | "qwen") {
        let code = code(&mut session);
        places.extend(seen_from_outside(session.pid()));
        scene.vendor.desk.decide(&code, Decision::Approved);
    } else {
        let (address, said) = address(&mut session);
        places.extend(seen_from_outside(session.pid()));
        match scene.vendor.visit(&address) {
            Visit::Shown(pasted) => session.type_line(&pasted),
            Visit::SentTo(callback) => {
                come_back(&mut session, &said, &callback);
            }
            Visit::Refused(why) => panic!("{why}"),
        }
    }
    // The end of the log, and with it of the process, comes with the end of the terminal.
    let ended = ends_well(session);
    places.push(("the terminal".to_owned(), ended.raw.into_bytes()));
    let status = super::command(&scene.home, &["-vv", "--json", "status"]).output().expect("byok runs");
    places.push(("the status".to_owned(), status.stdout));
    places.push(("the status' log".to_owned(), status.stderr));
    places.extend(files(scene.home.path()));
    scene.has_one_login();
    let secrets = scene.vendor.desk.secrets();
    assert!(secrets.len() >= 3, "codes, tokens, verifiers: {}", secrets.len());
    for (place, bytes) in &places {
        for secret in &secrets {
            let shown = String::from_utf8_lossy(bytes);
            assert!(!holds(bytes, secret), "{}: {secret} is in {place}:\n{shown}", kind.provider);
        }
    }
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = "sk-0123456789-abcdef";
    let wrapped = |text: &str| format!("xy{text}z").into_bytes();
    assert!(holds(&wrapped(secret), secret));
    assert!(holds(&wrapped(&BASE64_STANDARD_NO_PAD.encode(wrapped(secret))), secret));
    assert!(holds(secret.bytes().map(|byte| format!("{byte:02X}")).collect::<String>().as_bytes(), secret));
    assert!(!holds(&wrapped("sk-0123456789"), secret));
}

#[test]
fn of_logins_in_a_browser() {
    for kind in [CLAUDE, SIGN_IN, GEMINI, IFLOW] {
        check(kind);
    }
}

#[test]
fn of_logins_on_a_device() {
    for kind in [COPILOT, KIRO, QWEN] {
        check(kind);
    }
}
