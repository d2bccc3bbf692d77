use std::fs;

use tempfile::TempDir;

use super::*;

fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    fs::write(&path, content).unwrap();
    set_mode(&path, 0o600);
    (directory, path)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[test]
fn a_file_is_read_with_its_text() {
    let (_directory, path) = file("port: 1234\n");
    let loaded = load(&path).unwrap();
    assert_eq!(loaded.config.port, 1234);
    assert_eq!(loaded.text.expose(), "port: 1234\n");
    assert_eq!(loaded.warnings, []);
}

#[test]
fn an_empty_file_is_the_default_config() {
    let (_directory, path) = file("# nothing yet\n");
    assert_eq!(load(&path).unwrap().config.port, 8018);
}

#[test]
fn errors_name_the_file() {
    let (directory, path) = file("port: x\n");
    let shown = |error: Error| {
        let text = error.to_string();
        text.replace(&directory.path().display().to_string(), "DIR")
    };
    let mut transcript = vec![shown(load(&path).unwrap_err())];
    fs::write(&path, b"host: ::1\nport: \xff\n").unwrap();
    transcript.push(shown(load(&path).unwrap_err()));
    fs::write(&path, "#".repeat(MAX_FILE_BYTES + 1)).unwrap();
    transcript.push(shown(load(&path).unwrap_err()));
    fs::remove_file(&path).unwrap();
    transcript.push(shown(load(&path).unwrap_err()));
    fs::create_dir(&path).unwrap();
    transcript.push(shown(load(&path).unwrap_err()));
    transcript.push(shown(load(&path.join("x").join("y")).unwrap_err()));
    insta::assert_snapshot!(transcript.join("\n"), @r"
    the config file DIR/config.yaml has a problem at line 1, column 7: port: must be a whole number from 0 to 65535
    the config file DIR/config.yaml is not text in UTF-8 (line 2); save it in that encoding
    the config file DIR/config.yaml is larger than 1024 KiB
    there is no config file DIR/config.yaml
    the config DIR/config.yaml is not a regular file
    there is no config file DIR/config.yaml/x/y
    ");
}

#[cfg(unix)]
#[test]
fn others_must_not_read_keys() {
    let with_key = "providers: { p: { api_key: x } }\n";
    for (content, mode, is_warned_of) in [
        (with_key, 0o600, false),
        (with_key, 0o640, true),
        (with_key, 0o604, true),
        (with_key, 0o644, true),
        ("port: 8018\n", 0o644, false),
        ("providers: { p: { api_key: '${PATH}' } }\n", 0o644, false),
        ("providers: { p: { headers: { a: b } } }\n", 0o644, true),
        ("providers: { p: { proxy: 'http://a:b@c' } }\n", 0o644, true),
        ("providers: { p: { proxy: 'http://c' } }\n", 0o644, false),
        ("providers: { p: { oauth: { client_secret: x } } }\n", 0o644, true),
        ("keys: [{ name: ci, key: byk_0123456789abcdef }]\n", 0o644, true),
    ] {
        let (_directory, path) = file(content);
        set_mode(&path, mode);
        let warnings = load(&path).unwrap().warnings;
        let file = path.clone();
        let expected = is_warned_of.then_some(Warning::ReadableByOthers { file, mode });
        assert_eq!(warnings, Vec::from_iter(expected), "{content} {mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn others_must_not_write_the_file() {
    let (_directory, path) = file("port: 8018\n");
    set_mode(&path, 0o646);
    let warnings = load(&path).unwrap().warnings;
    assert_eq!(warnings, [Warning::WritableByOthers { file: path.clone(), mode: 0o646 }]);
    let text = warnings[0].to_string();
    assert!(text.ends_with(&format!("chmod 600 {}", path.display())), "{text}");
}

#[test]
fn link_local_addresses_are_warned_of() {
    let (_directory, path) =
        file("providers: { p: { base_url: 'http://169.254.169.254' }, q: { base_url: 'http://10.0.0.1' } }");
    let field = "providers.p.base_url".to_owned();
    assert_eq!(load(&path).unwrap().warnings, [Warning::LinkLocal { field }]);
}

#[test]
fn debug_shows_no_text() {
    let (_directory, path) = file("providers: { p: { api_key: hidden } }\n");
    assert!(!format!("{:?}", load(&path).unwrap()).contains("hidden"));
}

#[test]
fn home_is_where_the_environment_says() {
    let of = |variables: &'static [(&str, &str)]| {
        move |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    };
    let moved = of(&[("BYOK_HOME", "/srv/byok"), ("HOME", "/home/me")]);
    assert_eq!(home(&moved), Some(PathBuf::from("/srv/byok")));
    let usual = of(&[("BYOK_HOME", ""), ("HOME", "/home/me"), ("USERPROFILE", "/home/me")]);
    assert_eq!(home(&usual), Some(PathBuf::from("/home/me/.byok")));
    assert_eq!(default_config_path(&usual), Some(PathBuf::from("/home/me/.byok/config.yaml")));
    assert_eq!(home(&of(&[])), None);
}
