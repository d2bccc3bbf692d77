//! Logging in, looking, logging out.

use std::fs;

use serde_json::Value;

use crate::support::{Home, private_file};

const KEY: &str = "sk-ant-api03-0123456789-abcdefgh-Wxyz";

/// Every file below a directory.
fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_key_goes_in_is_shown_and_goes_out() {
    let home = Home::new();
    let login = home.run_with(&["login", "claude", "--api-key-stdin"], &format!("  {KEY}\n"));
    insta::assert_snapshot!("login", home.settled(&login.told()));
    let again = home.run_with(&["login", "anthropic", "--api-key-stdin", "--account", "work"], KEY);
    assert_eq!(again.code, 0, "{}", again.stderr);
    insta::assert_snapshot!("status", home.settled(&home.run(&["status"]).told()));

    let status: Value = serde_json::from_str(&home.run(&["--json", "status"]).stdout).unwrap();
    let accounts: Vec<_> = status["accounts"].as_array().unwrap().iter().map(|one| &one["account"]).collect();
    assert_eq!(accounts, ["default", "work"]);
    assert_eq!(status["wallet"]["protection"]["name"], "passphrase");

    let models = home.run(&["models", "anthropic"]);
    assert!(models.code == 0 && models.stdout.contains("claude-"), "{}", models.told());

    insta::assert_snapshot!("logout_of_which", home.settled(&home.run(&["logout", "anthropic"]).told()));
    let logout = home.run(&["logout", "anthropic", "--account", "work"]);
    insta::assert_snapshot!("logout", home.settled(&logout.told()));
    assert_eq!(home.run(&["logout", "claude", "--all"]).code, 0);
    insta::assert_snapshot!("status_after", home.settled(&home.run(&["status"]).told()));
    assert_eq!(home.run(&["logout", "anthropic"]).code, 3);
}

#[test]
fn the_key_is_nowhere_in_clear() {
    let home = Home::new();
    let run = home.run_with(&["-vv", "login", "anthropic", "--api-key-stdin"], KEY);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let status = home.run(&["-vv", "--json", "status"]);
    for said in [run.stdout, run.stderr, status.stdout, status.stderr] {
        assert!(!said.contains(KEY), "{said}");
    }
    let files = files(&home.path());
    assert!(!files.is_empty());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!found, "the key is in {}", file.display());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.display());
        }
    }
}

#[test]
fn nothing_is_asked_where_nobody_can_answer() {
    let home = Home::new();
    let run = home.run(&["login", "anthropic"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--api-key-stdin"), "{}", run.stderr);
    assert!(files(&home.path()).is_empty(), "a login that did not happen leaves nothing");
}

#[test]
fn a_name_that_is_no_provider_makes_nothing() {
    let home = Home::new();
    let run = home.run_with(&["login", "antropic", "--api-key-stdin"], KEY);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("did you mean anthropic?"), "{}", run.stderr);
    assert!(files(&home.path()).is_empty());
}

#[test]
fn what_is_no_key_is_refused() {
    let home = Home::new();
    for input in ["", "  \n", "two words"] {
        let run = home.run_with(&["login", "openai", "--api-key-stdin"], input);
        assert_eq!(run.code, 1, "{input:?}");
    }
    assert_eq!(home.run(&["status"]).code, 3);
}

#[test]
fn the_name_that_is_typed_decides_between_a_key_and_a_login() {
    // Nothing is asked where nobody can answer, and what would have been asked tells the way.
    for name in ["anthropic", "openai", "zai", "dashscope"] {
        let run = Home::new().run(&["login", name]);
        assert!(run.code == 2 && run.stderr.contains("--api-key-stdin"), "{name}: {}", run.stderr);
    }
    for name in ["claude", "gemini", "google", "iflow", "qwen", "antigravity", "kiro"] {
        let run = Home::new().run(&["login", name]);
        assert!(run.code == 2 && run.stderr.contains("--yes"), "{name}: {}", run.stderr);
    }
    let run = Home::new().run(&["login", "codex", "--api-key"]);
    assert!(run.code == 2 && run.stderr.contains("has no API keys"), "{}", run.stderr);
}

#[test]
fn the_protection_that_is_required_is_the_one_that_is_there() {
    let home = Home::new();
    let login = |protection| {
        home.run_with(&["login", "openai", "--api-key-stdin", "--require", protection], KEY).code
    };
    assert_eq!(login("magic"), 2);
    assert_eq!(home.run(&["status"]).code, 3);
    assert_eq!(login("passphrase"), 0);
    assert_eq!(login("key-file"), 1, "the wallet is protected by a passphrase by now");
}

#[test]
fn a_key_in_the_config_is_an_account() {
    let home = Home::new();
    let config = home.file("byok.yaml");
    private_file(&config, &format!("providers: {{ mistral: {{ api_key: \"{KEY}\" }} }}\n"));
    let run = home.run(&["status", "-c", config.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.told());
    assert!(run.stdout.contains("mistral") && run.stdout.contains("…Wxyz"), "{}", run.stdout);
    assert!(files(&home.path()).is_empty(), "looking makes no wallet");
}

#[test]
fn a_home_that_cannot_be_used_is_one_clear_line() {
    let home = Home::new();
    fs::write(home.path(), "not a directory").unwrap();
    let run = home.run_with(&["login", "openai", "--api-key-stdin"], KEY);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains(&home.path().display().to_string()), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}
