//! The line that shows that byok waits, for what, and for how much longer. Only at a terminal: elsewhere
//! nothing moves.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::terminal::{FAINT, Terminal, paint};

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const PACE: Duration = Duration::from_millis(120);
/// The narrowest terminal that the line is made for.
const WIDTH: usize = 70;

/// A line that is drawn again and again, and taken away when this is dropped.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    terminal: &'a Terminal,
    clock: Interval,
    /// `None`: nobody knows how long it takes.
    until: Option<Instant>,
    what: &'static str,
    frame: usize,
    /// How wide the line is that stands there now.
    drawn: usize,
    live: bool,
}

impl<'a> Progress<'a> {
    /// Waits for `what`, until then where there is an end.
    pub(super) fn new(terminal: &'a Terminal, what: &'static str, until: Option<Instant>) -> Self {
        let dumb = byok_config::process_environment("TERM").is_none_or(|term| term == "dumb");
        let live = !terminal.json() && stderr().is_terminal() && (!dumb || cfg!(windows));
        let mut clock = interval(PACE);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { terminal, clock, until, what, frame: 0, drawn: 0, live }
    }

    /// Draws the line from time to time. It never returns; a call that is given up loses nothing.
    pub(super) async fn run(&mut self) {
        if !self.live {
            std::future::pending::<()>().await;
        }
        loop {
            self.clock.tick().await;
            self.draw();
        }
    }

    /// Takes the line away, so that something can be printed.
    pub(super) fn clear(&mut self) {
        if self.drawn > 0 {
            self.terminal.aside(&format!("\r{}\r", " ".repeat(self.drawn)));
            self.drawn = 0;
        }
    }

    fn draw(&mut self) {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()).as_secs());
        let left = left.map(|left| format!("{}:{:02} left · ", left / 60, left % 60));
        let text = format!("{}{}", left.unwrap_or_default(), self.what);
        let text: String = text.chars().take(WIDTH).collect();
        let wide = text.chars().count() + 2;
        let rest = " ".repeat(self.drawn.saturating_sub(wide));
        self.terminal.aside(&format!("\r{} {}{rest}", FRAMES[self.frame], paint(FAINT, &text)));
        self.drawn = wide.max(self.drawn);
        self.frame = (self.frame + 1) % FRAMES.len();
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
