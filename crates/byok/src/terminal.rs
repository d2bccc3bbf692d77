//! Where commands print: standard output for results, standard error for everything else.
//!
//! The only place that prints. Everything passes the [`Redactor`]; colours are taken out where nobody
//! would see them. With `--json`, a result is one JSON document and the text for people is left out.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::redact::Redactor;

/// A heading, a name that matters.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is less important.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What works.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What needs a look.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
/// What failed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What can be copied: commands, addresses.
pub(crate) const CODE: Style = AnsiColor::Cyan.on_default();

/// `text` in that style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// What commands print to.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    redactor: Redactor,
    json: bool,
    plain: bool,
}

impl Terminal {
    /// `plain` is `--no-color`; `NO_COLOR`, `CLICOLOR` and a missing terminal count as well.
    pub(crate) fn new(redactor: Redactor, json: bool, plain: bool) -> Self {
        Self { redactor, json, plain }
    }

    /// Whether results are JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Takes secrets out of all that is printed.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// A result: the text for people, or the value with `--json`.
    pub(crate) fn result(&self, text: &str, value: &Value) {
        if self.json {
            let value = serde_json::to_string_pretty(value).unwrap_or_default();
            self.print(&format!("{value}\n"));
        } else {
            self.print(text);
        }
    }

    /// The same for what comes before a command has ended: one line of JSON, so that it can be read at once.
    pub(crate) fn news(&self, text: &str, value: &Value) {
        if self.json { self.print(&format!("{value}\n")) } else { self.print(text) }
    }

    /// The same for what is said beside a result: text on standard error, or one line of JSON on standard output.
    pub(crate) fn news_aside(&self, text: &str, value: &Value) {
        if self.json { self.print(&format!("{value}\n")) } else { self.aside(text) }
    }

    /// Text for people, as it stands.
    pub(crate) fn print(&self, text: &str) {
        let out = io::stdout();
        let choice = self.choice(&out);
        self.write(&mut AutoStream::new(out, choice), text);
    }

    /// Text beside the result: a question, a hint, a warning. Also shown with `--json`.
    pub(crate) fn aside(&self, text: &str) {
        let out = io::stderr();
        let choice = self.choice(&out);
        self.write(&mut AutoStream::new(out, choice), text);
    }

    /// Whether colours may be used on that stream.
    pub(crate) fn colours(&self, stream: &impl anstream::stream::RawStream) -> bool {
        self.choice(stream) != ColorChoice::Never
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        if self.plain || self.json { ColorChoice::Never } else { AutoStream::choice(stream) }
    }

    /// A reader that has gone (`byok status | head -1`) is no failure.
    fn write(&self, out: &mut impl Write, text: &str) {
        let _ = out.write_all(self.redactor.clean(text).as_bytes());
        let _ = out.flush();
    }
}

/// Lines with columns of equal width.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<(Style, String)>>,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = (Style, &'a str)>) {
        self.rows.push(cells.into_iter().map(|(style, text)| (style, text.to_owned())).collect());
    }

    /// The lines, each after `indent`. Empty columns take no room, and no line ends in blanks.
    pub(crate) fn lines(&self, indent: &str) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(_, text)| text.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines = String::new();
        for row in &self.rows {
            let mut line = indent.to_owned();
            let mut owed = 0;
            for ((style, text), width) in row.iter().zip(&widths) {
                if !text.is_empty() {
                    line.push_str(&" ".repeat(owed));
                    line.push_str(&paint(*style, text));
                    owed = 0;
                }
                if *width > 0 {
                    owed += width - text.chars().count() + 2;
                }
            }
            lines.push_str(&line);
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_the_text_does() {
        let mut table = Table::default();
        let none = Style::new();
        table.row([(none, "a"), (none, ""), (none, "long one"), (none, "x")]);
        table.row([(none, "übrig"), (none, ""), (none, "b")]);
        let lines = anstream::adapter::strip_str(&table.lines("  ")).to_string();
        assert_eq!(lines, "  a      long one  x\n  übrig  b\n");
    }
}
