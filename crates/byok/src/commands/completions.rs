//! `byok completions`: made from the definitions of the command line.

use clap_complete::Shell;

use crate::cli;
use crate::terminal::Terminal;

/// `byok completions SHELL`
pub(crate) fn run(shell: Shell, terminal: &Terminal) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "byok", &mut script);
    terminal.print(&String::from_utf8_lossy(&script));
}
