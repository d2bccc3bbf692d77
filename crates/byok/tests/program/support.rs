//! A home of its own for each test, runs of the program, and a server that ends with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home directory. The wallet in it is protected by a passphrase, so that no test touches the keyring of
/// whoever runs it.
pub(crate) struct Home {
    directory: TempDir,
}

/// What a run of the program came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap() };
        private_file(&home.directory.path().join("passphrase"), "correct horse battery staple");
        home
    }

    /// byok's own directory, which the program makes when it needs it.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("byok")
    }

    /// A place for other files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, with nothing of the outer environment that would change what it does.
    pub(crate) fn byok(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_byok"));
        command.args(arguments);
        for name in ["RUST_LOG", "BYOKY_DEV_KEYS", "CLICOLOR_FORCE", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"]
        {
            command.env_remove(name);
        }
        command
            .env("BYOK_HOME", self.path())
            .env("BYOK_PASSPHRASE_FILE", self.directory.path().join("passphrase"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.byok(arguments).output().unwrap().into()
    }

    /// Runs the program with a text as its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self.byok(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not want it has gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// The text with what differs between machines and versions taken out.
    pub(crate) fn settled(&self, text: &str) -> String {
        let text = text.replace(&self.directory.path().display().to_string(), "[HOME]");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]").replace('\\', "/");
        // Whether the person who tests has a byok running, and how many providers there are by now.
        let running = regex::Regex::new("(?m)^byok    .*$").unwrap();
        let text = running.replace(&text, "byok    [RUNNING OR NOT]");
        regex::Regex::new("[0-9]+ more providers").unwrap().replace(&text, "[N] more providers").into_owned()
    }

    /// Starts `byok --json serve -p 0` with more arguments.
    pub(crate) fn serve(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Serving {
        let mut all = vec!["--json", "serve", "-p", "0"];
        all.extend(arguments);
        let mut child = self.byok(&all).envs(environment.iter().copied()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut banner = String::new();
        if stdout.read_line(&mut banner).unwrap() == 0 {
            let mut said = String::new();
            BufReader::new(stderr).read_to_string(&mut said).unwrap();
            panic!("byok ended early: {said}");
        }
        let banner: Value = serde_json::from_str(&banner).unwrap();
        let address = banner["serving"]["address"].as_str().unwrap().to_owned();
        Serving { child, address, banner, _stdout: stdout, stderr }
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// All that was said, as one snapshot.
    pub(crate) fn told(&self) -> String {
        format!("exit {}\n-- stdout\n{}-- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// A running `byok serve`.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) banner: Value,
    /// Kept open, as a terminal is.
    _stdout: BufReader<ChildStdout>,
    pub(crate) stderr: BufReader<ChildStderr>,
}

impl Serving {
    /// Sends a request and returns the connection, from which the answer can be read.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The whole answer to a request, head included.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = Vec::new();
        self.send(method, path, body).read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Reads the log up to a line that holds this text.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "the log ended before `{text}`");
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn private_file(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}
