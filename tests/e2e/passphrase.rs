//! The wallet's passphrase as a person at a terminal meets it.

use byok_e2e::daemon::Home;
use byok_e2e::pty::Session;

const FIRST: &str = "correct horse battery staple";
const NEW: &str = "Another horse, same staple";

/// A home with one account, protected by the passphrase of its file.
fn filled() -> Home {
    let home = Home::new("");
    let login = home.run_with(&["login", "openai", "--api-key-stdin"], "sk-test-0123456789abcdefghij");
    assert!(login.status.success(), "{}", String::from_utf8_lossy(&login.stderr));
    home
}

/// The program at a terminal, with nothing but the person to ask for a passphrase.
fn at_terminal(home: &Home, arguments: &[&str]) -> Session {
    let mut command = home.command(arguments);
    command.env_remove("BYOK_PASSPHRASE_FILE");
    Session::start(&command)
}

#[test]
fn a_passphrase_is_asked_for_hidden_and_twice_and_a_weak_one_again() {
    let home = filled();
    let mut session = at_terminal(&home, &["wallet", "passphrase"]);
    session.expect("Passphrase of");
    session.expect("(not shown): ");
    assert!(!session.echoes());
    session.type_line("something else entirely");
    session.expect("that is not it");
    session.expect("(not shown): ");
    session.type_line(FIRST);
    session.expect("New passphrase (not shown): ");
    assert!(!session.echoes());
    session.type_line("short");
    session.expect("at least 12 characters");
    session.expect("New passphrase (not shown): ");
    session.type_line(NEW);
    session.expect("again: ");
    session.type_line("Another horse, sane staple");
    session.expect("the two differ");
    session.expect("New passphrase (not shown): ");
    session.type_line(NEW);
    session.expect("again: ");
    session.type_line(NEW);
    let ended = session.end();
    assert_eq!((ended.code, ended.echoes), (Some(0), true), "{}", ended.text);
    assert!(!ended.text.contains("horse"), "{}", ended.text);

    assert!(!home.run(&["models"]).status.success(), "the file holds the old one");
    let mut session = at_terminal(&home, &["wallet", "passphrase", "--remove"]);
    session.expect("(not shown): ");
    session.type_line(NEW);
    assert_eq!(session.end().code, Some(0));
    assert!(home.run(&["models"]).status.success(), "it takes none any more");
}

#[test]
fn a_server_at_a_terminal_asks_before_it_serves() {
    let home = filled();
    let mut session = at_terminal(&home, &["serve", "-p", "0"]);
    session.expect("(not shown): ");
    session.type_line(FIRST);
    session.expect("serves on");
    session.expect("openai");
    // Locked from elsewhere, and unlocked from a second terminal.
    assert!(home.run(&["wallet", "lock"]).status.success());
    let mut second = at_terminal(&home, &["wallet", "unlock"]);
    second.expect("(not shown): ");
    second.type_line(FIRST);
    let ended = second.end();
    assert!(ended.code == Some(0) && ended.text.contains("uses the wallet"), "{}", ended.text);
}

#[test]
fn three_wrong_passphrases_end_the_command() {
    let home = filled();
    let mut session = at_terminal(&home, &["wallet", "rekey"]);
    for _ in 0..3 {
        session.expect("(not shown): ");
        session.type_line("something else entirely");
    }
    let ended = session.end();
    assert!(ended.code == Some(1) && ended.text.contains("does not open"), "{}", ended.text);
}
