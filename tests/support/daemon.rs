//! The real `byok` as a child process, with a home of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// A home directory for byok, removed with this value.
pub struct Home {
    directory: TempDir,
}

/// A running `byok serve`, killed with this value.
pub struct Daemon {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The binary, built once per test run with the profile of the tests.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let profile: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--bin", "byok", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .args(profile)
            .status()
            .expect("cargo runs");
        assert!(built.success(), "byok does not build");
        // Tests run in <target>/<profile>/deps; the binary is one level up.
        let test = std::env::current_exe().expect("a test knows its own path");
        let directory = test.ancestors().nth(2).expect("it lies in a target directory");
        directory.join(format!("byok{}", std::env::consts::EXE_SUFFIX))
    })
}

impl Home {
    /// A home with this config.
    pub fn new(config: &str) -> Self {
        let mut builder = tempfile::Builder::new();
        // A home that others can read is refused.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = builder.tempdir().expect("a temporary directory can be made");
        let home = Self { directory };
        // A passphrase keeps the tests away from the keyring of whoever runs them.
        home.write("passphrase", "correct horse battery staple");
        home.write_config(config);
        home
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces the config, as an editor does: a new file, moved over the old one.
    pub fn write_config(&self, config: &str) {
        self.write("config.new", config);
        std::fs::rename(self.path().join("config.new"), self.path().join("config.yaml"))
            .expect("the config can be moved");
    }

    /// A file that only its owner can read.
    fn write(&self, name: &str, text: &str) {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(self.path().join(name)).expect("the file can be written");
        file.write_all(text.as_bytes()).expect("the file can be written");
    }

    /// A command of byok in this home, without a terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env("BYOK_HOME", self.path())
            .env("BYOK_PASSPHRASE_FILE", self.path().join("passphrase"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("byok runs")
    }

    /// Runs a command that reads `input`.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("byok runs");
        child.stdin.take().expect("it was piped").write_all(input.as_bytes()).expect("byok reads");
        child.wait_with_output().expect("byok ends")
    }

    /// Starts the proxy on a free port.
    pub fn serve(&self, arguments: &[&str]) -> Daemon {
        let mut command = self.command(&["--json", "serve", "-p", "0"]);
        let log = std::fs::File::create(self.path().join("log")).expect("a log can be written");
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(log).spawn().expect("byok runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).expect("byok says where it listens");
        let log = || std::fs::read_to_string(self.path().join("log")).unwrap_or_default();
        let said: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}{}", log()));
        let address = said["serving"]["address"].as_str().and_then(|text| text.parse().ok());
        Daemon { child, address: address.unwrap_or_else(|| panic!("no address in {said}")) }
    }
}

impl Daemon {
    /// Asks it to stop, as a service manager does.
    #[cfg(unix)]
    pub fn terminate(&self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(asked.success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
