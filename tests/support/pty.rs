//! byok at a terminal: a pseudo-terminal that a test reads and types at, as a person would.
//!
//! Everything waits for what is to come and nothing for time to pass; a program that never says what is
//! awaited fails the test with all that it did say. What is matched and returned is text as a person sees
//! it, without colours and cursor movements; a line that was drawn over is in it as often as it was drawn.

use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::Pty;
use rustix::termios::{LocalModes, tcgetattr};

/// The longest that a test waits for a text: long enough for a loaded machine, short enough to fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// What leads the session at the terminal. Where that is the program itself, the kernel throws away what it
/// said last when it ends; so a shell leads, stays, and says how the program ended, in a sequence that
/// nothing shows.
const LEADER: &str = r#"trap : INT; "$@"; printf '\033]99;%s\007' $?; read -r _"#;
const END: (&[u8], u8) = (b"\x1b]99;", 0x07);

/// Ctrl-C, as the terminal gets it.
pub const CTRL_C: u8 = 0x03;

/// A program at a terminal. It is killed with this value.
pub struct Session {
    leader: Child,
    pty: Arc<Pty>,
    screen: Arc<Screen>,
    /// How much of the text has been awaited already.
    read: usize,
}

/// How a session ended.
pub struct Ended {
    /// The exit code, as a shell has it: 128 and more for a death by a signal.
    pub code: Option<i32>,
    /// All that was said.
    pub text: String,
    /// The same with colours and cursor movements.
    pub raw: String,
    /// Whether the terminal shows what is typed, as it did at the start.
    pub echoes: bool,
    /// Whether the terminal hands over whole lines, as it did at the start.
    pub lines: bool,
}

/// What came so far.
#[derive(Default)]
struct Screen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    raw: Vec<u8>,
    /// How the program ended.
    code: Option<i32>,
    /// Nothing more can come.
    ended: bool,
}

impl Session {
    /// Starts a program at a terminal of 100 columns and 40 lines. Its standard input, output and error are
    /// the terminal, which it is the foreground program of.
    #[expect(clippy::needless_pass_by_value, reason = "a command is made for one session, in place")]
    pub fn start(command: Command) -> Self {
        let mut leader = Command::new("sh");
        leader.args(["-c", LEADER, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leader.env(name, value),
                None => leader.env_remove(name),
            };
        }
        leader.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal is free");
        pty.resize(Size::new(40, 100)).expect("its size can be set");
        let leader = pty_process::blocking::Command::from(leader).spawn(pts).expect("the program runs");
        let pty = Arc::new(pty);
        let screen = Arc::new(Screen::default());
        let (from, to) = (Arc::clone(&pty), Arc::clone(&screen));
        thread::spawn(move || watch(&from, &to));
        Self { leader, pty, screen, read: 0 }
    }

    /// The program's process, as Linux tells; `None` elsewhere, and when it has ended.
    pub fn pid(&self) -> Option<u32> {
        let leader = self.leader.id().to_string();
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let mut pids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        // The parent stands second after the name, which is in brackets (proc(5)).
        pids.find(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(leader.as_str())
        })
    }

    /// Waits until `wanted` is said, after what was awaited before, and returns all that came up to its end.
    pub fn expect(&mut self, wanted: &str) -> String {
        self.expect_any(&[wanted]).1
    }

    /// Waits until one of several texts is said; which one, and all that came up to its end.
    pub fn expect_any(&mut self, wanted: &[&str]) -> (usize, String) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.screen.state.lock().expect("no test panics while it holds this");
        loop {
            let text = plain(&state.raw);
            let new = text.get(self.read..).unwrap_or_default();
            let found = wanted.iter().enumerate().filter_map(|(which, wanted)| {
                let at = new.find(wanted)?;
                Some((at, which, at + wanted.len()))
            });
            if let Some((_, which, end)) = found.min() {
                let came = new[..end].to_owned();
                self.read += end;
                return (which, came);
            }
            assert!(!state.ended, "the program ended without saying {wanted:?}; it said:\n{text}");
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program did not say {wanted:?}; it said:\n{text}");
            (state, _) = self.screen.changed.wait_timeout(state, left).expect("nobody panicked");
        }
    }

    /// Waits for `before` and then for `after`, and returns what stands between the two.
    pub fn between(&mut self, before: &str, after: &str) -> String {
        self.expect(before);
        let came = self.expect(after);
        came[..came.len() - after.len()].to_owned()
    }

    /// Types a line and presses Enter.
    pub fn type_line(&mut self, line: &str) {
        self.send(line.as_bytes());
        self.send(b"\r");
    }

    /// Presses a key.
    pub fn press(&mut self, key: u8) {
        self.send(&[key]);
    }

    fn send(&self, bytes: &[u8]) {
        (&*self.pty).write_all(bytes).expect("the terminal takes what is typed");
    }

    /// Whether the terminal shows what is typed now.
    pub fn echoes(&self) -> bool {
        tcgetattr(&*self.pty).expect("a terminal has modes").local_modes.contains(LocalModes::ECHO)
    }

    /// All that was said so far.
    pub fn text(&self) -> String {
        plain(&self.screen.state.lock().expect("no test panics while it holds this").raw)
    }

    /// Waits for the program's end.
    pub fn end(self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.screen.state.lock().expect("no test panics while it holds this");
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program does not end; it said:\n{}", plain(&state.raw));
            (state, _) = self.screen.changed.wait_timeout(state, left).expect("nobody panicked");
        }
        let raw = String::from_utf8_lossy(&state.raw).into_owned();
        let code = state.code;
        drop(state);
        let modes = tcgetattr(&*self.pty).expect("a terminal has modes").local_modes;
        Ended {
            code,
            text: plain(raw.as_bytes()),
            raw,
            echoes: modes.contains(LocalModes::ECHO),
            lines: modes.contains(LocalModes::ICANON),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The program is not the leader's to end: what it waits for goes with the terminal.
        let _ = self.pid().map(|pid| Command::new("kill").args(["-9", &pid.to_string()]).status());
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}

/// Collects what the program says until it ends.
fn watch(pty: &Pty, screen: &Screen) {
    let mut buffer = [0; 4096];
    loop {
        // The end of the last program at a terminal is an error on Linux and an end of file elsewhere.
        let count = (&*pty).read(&mut buffer).unwrap_or_default();
        let Ok(mut state) = screen.state.lock() else { return };
        state.raw.extend_from_slice(&buffer[..count]);
        state.code = exit_code(&state.raw);
        state.ended = count == 0 || state.code.is_some();
        screen.changed.notify_all();
        if state.ended {
            return;
        }
    }
}

/// What the leader says at the end.
fn exit_code(raw: &[u8]) -> Option<i32> {
    let at = raw.windows(END.0.len()).rposition(|window| window == END.0)?;
    let rest = &raw[at + END.0.len()..];
    let end = rest.iter().position(|byte| *byte == END.1)?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// The text without escape sequences and with plain line ends. A sequence or a letter that has come in part
/// only is left out until the rest of it is there, so that what was returned never changes.
fn plain(raw: &[u8]) -> String {
    let whole = match std::str::from_utf8(raw) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => raw.len(),
    };
    let text = String::from_utf8_lossy(&raw[..whole]);
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => match letters.next() {
                Some('[') => {
                    letters.by_ref().find(|end| ('@'..='~').contains(end));
                }
                // A title or a link, up to BEL or ESC \.
                Some(']') => {
                    while let Some(end) = letters.next() {
                        if end == '\u{7}' || (end == '\u{1b}' && letters.next() == Some('\\')) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_can_be_read_and_typed_at() {
        let mut command = Command::new("sh");
        command.args(["-c", "printf 'n\\033[1mam\\033[0me? '; read name; echo \"hello $name\"; exit 7"]);
        let mut session = Session::start(command);
        session.expect("name? ");
        assert!(session.echoes());
        session.type_line("world");
        let ended = session.end();
        assert_eq!((ended.code, ended.echoes, ended.lines), (Some(7), true, true));
        assert!(ended.text.contains("hello world\n"), "{}", ended.text);
        assert!(ended.raw.contains("\u{1b}[1m"));
    }

    #[test]
    fn ctrl_c_reaches_the_program() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap 'exit 130' INT; echo ready; read never"]);
        let mut session = Session::start(command);
        session.expect("ready");
        session.press(CTRL_C);
        assert_eq!(session.end().code, Some(130));
    }
}
