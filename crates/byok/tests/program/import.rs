//! `byok import`, with the files of other programs in a home that the test made.

use std::fs;

use crate::support::{Home, Run};

/// A home in which other programs have logins.
fn person() -> Home {
    let home = Home::new();
    let files = [
        (
            ".claude/.credentials.json",
            r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-secret","refreshToken":"sk-ant-ort01-secret","expiresAt":4000000000000,"subscriptionType":"max"}}"#,
        ),
        (".gemini/oauth_creds.json", "{\"access_token\": \"ya29-secret"),
        (
            ".kimi/credentials/kimi-code.json",
            r#"{"access_token":"kimi-secret-1","refresh_token":"kimi-secret-2","expires_at":4000000000}"#,
        ),
    ];
    for (path, text) in files {
        let path = home.file("person").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

fn run(home: &Home, arguments: &[&str]) -> Run {
    let mut command = home.byok(arguments);
    for name in ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", home.file("person")).output().unwrap().into()
}

fn told(home: &Home, run: &Run) -> String {
    home.settled(&run.told())
}

#[test]
fn what_is_found_is_shown_and_read_in_place() {
    let home = person();
    insta::assert_snapshot!("import", told(&home, &run(&home, &["import"])));
    // A second time nothing is added.
    insta::assert_snapshot!("import_again", told(&home, &run(&home, &["import"])));
    let status = run(&home, &["--json", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let kinds: Vec<_> = status["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["provider"].as_str().unwrap(), entry["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("anthropic", "login of another program"), ("kimi", "login of another program")]);
}

#[test]
fn a_login_that_is_taken_is_a_copy() {
    let home = person();
    insta::assert_snapshot!("import_take", told(&home, &run(&home, &["import", "claude", "--take"])));
}

#[test]
fn nothing_found_names_the_places_and_a_wrong_name_those_that_are_known() {
    let home = Home::new();
    let mut nothing = run(&home, &["import", "claude"]);
    assert_eq!(nothing.code, 3);
    nothing.stderr = nothing.stderr.replace('\\', "/");
    insta::assert_snapshot!("import_nothing", told(&home, &nothing));
    let wrong = run(&home, &["import", "clod"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("claude") && wrong.stderr.contains("kimi"), "{}", wrong.stderr);
    assert!(!home.path().exists(), "looking makes no wallet");
}

#[test]
fn nothing_secret_is_printed() {
    let home = person();
    for arguments in [&["import"][..], &["--json", "import"], &["-vv", "import", "--take"]] {
        let run = run(&home, arguments);
        assert!(!run.told().contains("secret"), "{}", run.told());
    }
}
