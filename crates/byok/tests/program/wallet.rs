//! The wallet as a whole: its passphrase, its lock, its way to another machine.

use std::fs;

use serde_json::Value;

use crate::support::{Home, private_file};

const KEY: &str = "sk-ant-api03-0123456789-abcdefgh-Wxyz";

/// A home with a wallet of one account, protected by the passphrase of the environment.
fn filled() -> Home {
    let home = Home::new();
    let login = home.run_with(&["login", "anthropic", "--api-key-stdin"], KEY);
    assert_eq!(login.code, 0, "{}", login.stderr);
    home
}

/// The text without the size of the file.
fn settled(home: &Home, text: &str) -> String {
    regex::Regex::new("[0-9]+ KiB").unwrap().replace_all(&home.settled(text), "[N] KiB").into_owned()
}

/// Runs the program as if nobody had given a passphrase.
fn without_passphrase(home: &Home, arguments: &[&str]) -> crate::support::Run {
    home.byok(arguments).env_remove("BYOK_PASSPHRASE_FILE").output().unwrap().into()
}

#[test]
fn the_status_says_where_how_and_whether_it_is_sound() {
    let home = Home::new();
    insta::assert_snapshot!("wallet_status_none", home.settled(&home.run(&["wallet", "status"]).told()));
    let home = filled();
    insta::assert_snapshot!("wallet_status", settled(&home, &home.run(&["wallet", "status"]).told()));
    let locked = without_passphrase(&home, &["wallet", "status"]);
    insta::assert_snapshot!("wallet_status_locked", settled(&home, &locked.told()));
    let value: Value = serde_json::from_str(&home.run(&["--json", "wallet", "status"]).stdout).unwrap();
    assert_eq!(value["wallet"]["sound"], true);
    assert_eq!(value["wallet"]["exported_at"], Value::Null);
}

#[test]
fn without_its_passphrase_the_wallet_is_listed_and_not_used() {
    let home = filled();
    let status = without_passphrase(&home, &["status"]);
    insta::assert_snapshot!("status_locked", home.settled(&status.told()));
    assert_eq!(without_passphrase(&home, &["accounts"]).code, 0);
    let login = home
        .byok(&["login", "openai", "--api-key-stdin"])
        .env_remove("BYOK_PASSPHRASE_FILE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&login.stderr);
    assert!(login.status.code() == Some(2) && said.contains("BYOK_PASSPHRASE_FILE"), "{said}");
    let logout = without_passphrase(&home, &["logout", "anthropic"]);
    assert_eq!(logout.code, 0, "{}", logout.told());
}

#[test]
fn a_passphrase_is_changed_and_the_old_one_opens_nothing() {
    let home = filled();
    let new = home.file("new");
    private_file(&new, "Another horse, same staple\n");
    let new = new.to_str().unwrap().to_owned();
    let run = home.run(&["wallet", "passphrase", "--new-passphrase-file", &new]);
    insta::assert_snapshot!("wallet_passphrase", home.settled(&run.told()));
    let old = home.run(&["models"]);
    assert!(old.code == 1 && old.stderr.contains("does not open"), "{}", old.told());
    let with_new = |arguments: &[&str]| -> crate::support::Run {
        home.byok(arguments).env("BYOK_PASSPHRASE_FILE", &new).output().unwrap().into()
    };
    assert_eq!(with_new(&["models"]).code, 0);
    let rekey = with_new(&["wallet", "rekey"]);
    insta::assert_snapshot!("wallet_rekey", home.settled(&rekey.told()));
    assert_eq!(with_new(&["models"]).code, 0);
}

#[test]
fn a_weak_passphrase_is_refused_with_advice() {
    let home = filled();
    for weak in ["short", "password1234", "lowercaseonly"] {
        let file = home.file("weak");
        private_file(&file, weak);
        let run = home.run(&["wallet", "passphrase", "--new-passphrase-file", file.to_str().unwrap()]);
        assert!(run.code == 1 && run.stderr.contains("\n       - "), "{}", run.told());
        assert!(!run.stderr.contains(weak));
    }
    assert_eq!(home.run(&["models"]).code, 0, "nothing changed");
    // And none protects a new wallet.
    let fresh = Home::new();
    private_file(&fresh.file("weak"), "lowercaseonly");
    let mut login = fresh.byok(&["login", "anthropic", "--api-key-stdin"]);
    let run = login.env("BYOK_PASSPHRASE_FILE", fresh.file("weak")).output().unwrap();
    assert!(String::from_utf8_lossy(&run.stderr).contains("weak"), "{run:?}");
}

#[test]
fn nobody_is_asked_where_there_is_no_terminal() {
    let home = filled();
    for (arguments, flag) in [
        (&["wallet", "passphrase"][..], "--new-passphrase-file"),
        (&["wallet", "export", "x.byok"], "--passphrase-file"),
    ] {
        let run = home.run(arguments);
        assert!(run.code == 2 && run.stderr.contains(flag), "{}", run.told());
    }
    assert!(!home.file("x.byok").exists());
}

#[test]
fn wrong_passphrases_have_to_wait_after_the_fifth() {
    let home = filled();
    let wrong = home.file("wrong");
    private_file(&wrong, "Not the right one at all");
    let attempt = || -> crate::support::Run {
        home.byok(&["models"]).env("BYOK_PASSPHRASE_FILE", &wrong).output().unwrap().into()
    };
    for _ in 0..5 {
        assert!(attempt().stderr.contains("does not open"));
    }
    let refused = attempt();
    assert!(refused.code == 1 && refused.stderr.contains("5 wrong passphrases"), "{}", refused.told());
    assert_eq!(home.run(&["models"]).code, 1, "the right one waits as well");
    let status = without_passphrase(&home, &["wallet", "status"]);
    assert!(
        status.stdout.contains("5, the last one just now; the next one is taken in"),
        "{}",
        status.stdout
    );
}

#[test]
fn an_export_carries_the_wallet_to_another_machine() {
    let (here, there) = (filled(), Home::new());
    let passphrase = here.file("export-passphrase");
    private_file(&passphrase, "One for the way and no other");
    let (file, passphrase) = (here.file("wallet.byok"), passphrase.to_str().unwrap().to_owned());
    let name = file.to_str().unwrap();
    let export = ["wallet", "export", name, "--passphrase-file", &passphrase];
    insta::assert_snapshot!("wallet_export", here.settled(&here.run(&export).told()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
    let again = here.run(&export);
    assert!(again.code == 1 && again.stderr.contains("--force"), "{}", again.told());
    assert_eq!(fs::read(&file).unwrap(), bytes);
    let status = here.run(&["wallet", "status"]);
    assert!(status.stdout.contains("last export") && !status.stdout.contains("never"), "{}", status.stdout);

    let other = there.run_with(&["login", "anthropic", "--api-key-stdin"], "sk-ant-api03-of-the-other-one");
    assert_eq!(other.code, 0);
    let import = ["wallet", "import", name, "--passphrase-file", &passphrase];
    insta::assert_snapshot!("wallet_import", there.settled(&there.run(&import).told()));
    insta::assert_snapshot!("wallet_import_again", there.settled(&there.run(&import).told()));
    insta::assert_snapshot!("accounts", there.settled(&there.run(&["accounts"]).told()));
    let wrong = there.file("wrong");
    private_file(&wrong, "One for another way entirely");
    let run = there.run(&["wallet", "import", name, "--passphrase-file", wrong.to_str().unwrap()]);
    assert!(run.code == 1 && run.stderr.contains("or the export is damaged"), "{}", run.told());
    let mut replace = import.to_vec();
    replace.push("--replace");
    insta::assert_snapshot!("wallet_import_replace", there.settled(&there.run(&replace).told()));
}

#[test]
fn accounts_are_put_in_order_and_named() {
    let home = filled();
    home.run_with(
        &["login", "anthropic", "--account", "work", "--api-key-stdin"],
        "sk-ant-api03-second-9876",
    );
    insta::assert_snapshot!(
        "accounts_use",
        home.settled(&home.run(&["accounts", "use", "claude", "work"]).told())
    );
    let list: Value = serde_json::from_str(&home.run(&["--json", "accounts", "anthropic"]).stdout).unwrap();
    assert_eq!(list["accounts"][0]["account"], "work");
    assert_eq!(list["accounts"][0]["used_first"], true);
    let rename = ["accounts", "rename", "anthropic", "default", "private"];
    insta::assert_snapshot!("accounts_rename", home.settled(&home.run(&rename).told()));
    assert_eq!(home.run(&rename).code, 3, "it is called otherwise now");
    for (bad, code) in [("work", 1), ("config", 1), ("a b", 1)] {
        let run = home.run(&["accounts", "rename", "anthropic", "private", bad]);
        assert_eq!(run.code, code, "{}", run.told());
    }
    assert_eq!(home.run(&["accounts", "use", "anthropic", "nobody"]).code, 3);
    assert_eq!(home.run(&["accounts", "use", "antropic", "work"]).code, 2);
    assert_eq!(home.run(&["accounts", "openai"]).code, 3);
    assert_eq!(home.run(&["models", "anthropic"]).code, 0);
}

#[cfg(unix)]
mod running {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ASK: &str =
        r#"{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"#;

    /// A home whose wallet leads to an address where nobody listens.
    fn home_and_config() -> (Home, String) {
        let home = filled();
        let config = home.file("byok.yaml");
        private_file(&config, "providers: { anthropic: { base_url: \"http://127.0.0.1:9\" } }\n");
        let config = config.to_str().unwrap().to_owned();
        (home, config)
    }

    #[test]
    fn a_locked_wallet_answers_423_in_the_clients_format_until_it_is_unlocked() {
        let (home, config) = home_and_config();
        let nothing_runs = home.run(&["wallet", "lock"]);
        insta::assert_snapshot!("wallet_lock_nothing", home.settled(&nothing_runs.told()));
        assert_eq!(home.run(&["wallet", "unlock"]).code, 1);

        let serving = home.serve(&["-c", &config], &[]);
        let socket = home.path().join("tokens.db.sock");
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        let reached = serving.ask("POST", "/v1/messages", ASK);
        assert!(reached.starts_with("HTTP/1.1 502"), "{reached}");

        insta::assert_snapshot!("wallet_lock", home.settled(&home.run(&["wallet", "lock"]).told()));
        let anthropic = serving.ask("POST", "/v1/messages", ASK);
        assert!(anthropic.starts_with("HTTP/1.1 423"), "{anthropic}");
        let body: Value = serde_json::from_str(anthropic.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body["type"], "error");
        assert!(body["error"]["message"].as_str().unwrap().contains("byok wallet unlock"), "{body}");
        let openai = serving.ask("POST", "/v1/chat/completions", ASK);
        assert!(openai.starts_with("HTTP/1.1 423") && openai.contains("WALLET_LOCKED"), "{openai}");
        let status: Value =
            serde_json::from_str(&without_passphrase(&home, &["--json", "wallet", "status"]).stdout).unwrap();
        assert_eq!(status["wallet"]["server"]["locked"], true);

        let wrong = home.file("wrong");
        private_file(&wrong, "Not the right one at all");
        let refused = home.byok(&["wallet", "unlock"]).env("BYOK_PASSPHRASE_FILE", &wrong).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(serving.ask("POST", "/v1/messages", ASK).starts_with("HTTP/1.1 423"));
        insta::assert_snapshot!("wallet_unlock", home.settled(&home.run(&["wallet", "unlock"]).told()));
        assert!(serving.ask("POST", "/v1/messages", ASK).starts_with("HTTP/1.1 502"));
    }

    #[test]
    fn a_server_without_the_passphrase_starts_locked_and_one_that_has_it_follows_a_change() {
        let (home, config) = home_and_config();
        let empty = [("BYOK_PASSPHRASE_FILE", "")];
        let serving = home.serve(&["-c", &config], &empty);
        assert_eq!(serving.banner["serving"]["locked"], true);
        assert!(serving.ask("POST", "/v1/messages", ASK).starts_with("HTTP/1.1 423"));
        assert_eq!(home.run(&["wallet", "unlock"]).code, 0);
        assert!(serving.ask("POST", "/v1/messages", ASK).starts_with("HTTP/1.1 502"));

        let new = home.file("new");
        private_file(&new, "Another horse, same staple\n");
        let run = home.run(&["wallet", "passphrase", "--new-passphrase-file", new.to_str().unwrap()]);
        assert!(run.stdout.contains("The running byok has the new passphrase too"), "{}", run.told());
        assert!(serving.ask("POST", "/v1/messages", ASK).starts_with("HTTP/1.1 502"));
        let rekey = home.byok(&["wallet", "rekey"]).env("BYOK_PASSPHRASE_FILE", &new).output().unwrap();
        assert!(rekey.status.success());
        let login = home
            .byok(&["accounts", "rename", "anthropic", "default", "other"])
            .env("BYOK_PASSPHRASE_FILE", &new)
            .output()
            .unwrap();
        assert!(login.status.success());
        // Sealed with the newest key, and read by the one who was there before.
        assert!(serving.ask("POST", "/v1/messages", ASK).starts_with("HTTP/1.1 502"));
    }

    #[test]
    fn killed_in_the_middle_of_a_change_the_wallet_opens_the_old_way_or_the_new_way() {
        let home = filled();
        let (old, new) = (home.file("passphrase"), home.file("new"));
        private_file(&new, "Another horse, same staple");
        let mut way = (&old, &new);
        let opens = |with: &std::path::Path| {
            let run = home.byok(&["models", "anthropic"]).env("BYOK_PASSPHRASE_FILE", with).output().unwrap();
            run.status.success()
        };
        for step in 0..8 {
            let mut child = home
                .byok(&["wallet", "passphrase", "--new-passphrase-file", way.1.to_str().unwrap()])
                .env("BYOK_PASSPHRASE_FILE", way.0)
                .spawn()
                .unwrap();
            // Not to wait for anything: each round is to end at another place.
            std::thread::sleep(std::time::Duration::from_millis(25 * step));
            child.kill().unwrap();
            child.wait().unwrap();
            if opens(way.0) {
                continue;
            }
            assert!(opens(way.1), "neither opens after {step}");
            way = (way.1, way.0);
        }
    }

    #[test]
    fn a_wallet_elsewhere_needs_a_directory_that_only_its_owner_writes_in() {
        let home = Home::new();
        let directory = home.file("project");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let db = directory.join("x.db");
        let db = db.to_str().unwrap();
        let login = home.run_with(&["login", "openai", "--api-key-stdin", "--db", db], KEY);
        assert_eq!(login.code, 0, "{}", login.told());
        assert_eq!(fs::metadata(db).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
        let refused = home.run(&["status", "--db", db]);
        assert!(refused.code == 1 && refused.stderr.contains("chmod go-w"), "{}", refused.told());
        // byok's own directory is another matter.
        let home = filled();
        fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let refused = home.run(&["status"]);
        assert!(refused.code == 1 && refused.stderr.contains("chmod 700"), "{}", refused.told());
    }
}
