//! What a person types, while other things go on.
//!
//! A thread of its own reads the terminal, since a read cannot be given up: a login that ends in the browser
//! leaves it waiting, and it ends with the process. What is hidden is read key by key, so that no limit of the
//! terminal's cuts off a long line, and the terminal is as it was before as soon as [`Keyboard`] is dropped.

use std::io::{IsTerminal, Read, stdin};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use byok_types::Secret;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The longest line. What is longer is cut, and no key or address is.
const LONGEST: usize = 64 * 1024;

/// Whether the terminal shows what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Hidden,
    Shown,
}

/// The terminal that standard input is.
#[derive(Debug)]
pub(crate) struct Keyboard {
    asks: Sender<Echo>,
    lines: UnboundedReceiver<Option<Secret>>,
    quiet: Option<quiet::Quiet>,
}

impl Keyboard {
    /// `None` where standard input is no terminal: there is nobody to ask.
    pub(crate) fn new() -> Option<Self> {
        if !stdin().is_terminal() {
            return None;
        }
        let (asks, asked) = channel();
        let (sender, lines) = unbounded_channel();
        thread::spawn(move || {
            let mut reader = Reader::default();
            while let Ok(echo) = asked.recv() {
                let line = reader.line(echo);
                let ended = line.is_none();
                if sender.send(line).is_err() || ended {
                    return;
                }
            }
        });
        Some(Self { asks, lines, quiet: None })
    }

    /// Has the next line read. It comes from [`Keyboard::line`].
    pub(crate) fn ask(&mut self, echo: Echo) {
        self.quiet = match (echo, self.quiet.take()) {
            (Echo::Shown, _) => None,
            (Echo::Hidden, Some(quiet)) => Some(quiet),
            (Echo::Hidden, None) => quiet::Quiet::new(),
        };
        let _ = self.asks.send(echo);
    }

    /// The line that was asked for, without its end; `None` when the person has closed the terminal's input.
    /// A call that is given up loses nothing.
    pub(crate) async fn line(&mut self) -> Option<Secret> {
        self.lines.recv().await.flatten()
    }

    /// Shows again what is typed.
    pub(crate) fn rest(&mut self) {
        self.quiet = None;
    }
}

/// Reads lines, whether the terminal hands over lines or keys.
#[derive(Default)]
struct Reader {
    /// What was read after the end of a line.
    rest: Vec<u8>,
}

impl Reader {
    fn line(&mut self, echo: Echo) -> Option<Secret> {
        if cfg!(not(unix)) && echo == Echo::Hidden {
            return rpassword::read_password().ok().map(Secret::new);
        }
        let mut line = Vec::new();
        let mut read = std::mem::take(&mut self.rest);
        loop {
            for (at, byte) in read.iter().enumerate() {
                match byte {
                    b'\n' | b'\r' => {
                        self.rest = read[at + 1..].to_vec();
                        return Some(Secret::new(String::from_utf8_lossy(&line)));
                    }
                    // Backspace, Ctrl-U, and Ctrl-D, where the terminal leaves them to its program.
                    0x08 | 0x7f => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
                    0x15 => line.clear(),
                    0x04 if line.is_empty() => return None,
                    0x04 => {}
                    byte if line.len() < LONGEST => line.push(*byte),
                    _ => {}
                }
            }
            let mut buffer = [0; 4096];
            match stdin().lock().read(&mut buffer) {
                Ok(count @ 1..) => read = buffer[..count].to_vec(),
                _ => return None,
            }
        }
    }
}

#[cfg(unix)]
mod quiet {
    use std::io::stdin;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// The terminal shows nothing of what is typed, and hands over each key; as before when this is dropped.
    pub(super) struct Quiet(Termios);

    impl Quiet {
        pub(super) fn new() -> Option<Self> {
            let before = tcgetattr(stdin()).ok()?;
            let mut modes = before.clone();
            modes.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
            // What was typed ahead stays.
            tcsetattr(stdin(), OptionalActions::Now, &modes).ok()?;
            Some(Self(before))
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
        }
    }

    impl std::fmt::Debug for Quiet {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Quiet")
        }
    }
}

#[cfg(not(unix))]
mod quiet {
    /// The reader hides each line by itself.
    #[derive(Debug)]
    pub(super) struct Quiet;

    impl Quiet {
        #[expect(clippy::unnecessary_wraps, reason = "only Unix can fail here")]
        pub(super) fn new() -> Option<Self> {
            Some(Self)
        }
    }
}
