//! The person's browser: whether there is one on this machine's screen, and opening an address in it.
//!
//! Each system has one command for that; a crate would bring a whole desktop's worth of lookups for it. The
//! address is all that the command is given, and it holds nothing that lets anyone in.

use std::io;
use std::process::{Command, Stdio};
use std::thread;

/// The variable that names a browser, on Unix; editors that reach into other machines set it too.
const BROWSER: &str = "BROWSER";

/// Whether an address can be opened on a screen that the person sees.
pub(super) fn is_there(environment: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| environment(name).is_some_and(|value| !value.trim().is_empty());
    if set(BROWSER) {
        return true;
    }
    if ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].into_iter().any(set) {
        return false;
    }
    if cfg!(any(windows, target_os = "macos")) {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(set)
}

/// Opens an address. An error: there is no command for that. Whether the browser then shows it cannot be
/// known, so the address is always shown as well.
pub(super) fn open(address: &str, environment: impl Fn(&str) -> Option<String>) -> io::Result<()> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for mut command in commands(address, environment) {
        // What byok was given in its environment is not the browser's business.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BYOK")) {
            command.env_remove(name);
        }
        // Ctrl-C ends byok and not the browser that it opened.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                thread::spawn(move || child.wait());
                return Ok(());
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn commands(address: &str, environment: impl Fn(&str) -> Option<String>) -> Vec<Command> {
    let named = environment(BROWSER).unwrap_or_default();
    let named = named.split(':').filter_map(|line| of_line(line, address));
    let mut commands: Vec<Command> = if cfg!(unix) { named.collect() } else { Vec::new() };
    if cfg!(target_os = "macos") {
        commands.push(with("open", &[address]));
    } else if cfg!(windows) {
        commands.push(with("rundll32", &["url.dll,FileProtocolHandler", address]));
    } else {
        commands.extend([with("xdg-open", &[address]), with("wslview", &[address])]);
    }
    commands
}

/// A command as `BROWSER` has it: words, with `%s` for the address, which otherwise comes last.
fn of_line(line: &str, address: &str) -> Option<Command> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next()?);
    let mut given = false;
    for word in words {
        given |= word.contains("%s");
        command.arg(word.replace("%s", address));
    }
    if !given {
        command.arg(address);
    }
    Some(command)
}

fn with(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        |name| pairs.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_browser_is_where_the_person_sees_it() {
        let there = |pairs| is_there(environment(pairs));
        assert!(there(&[("BROWSER", "firefox")]));
        assert!(there(&[("SSH_CONNECTION", "1 2 3 4"), ("BROWSER", "/remote/helper.sh")]));
        assert!(!there(&[("SSH_CONNECTION", "1 2 3 4"), ("DISPLAY", "localhost:10.0")]));
        assert!(!there(&[("SSH_TTY", "/dev/pts/1")]));
        if cfg!(target_os = "linux") {
            assert!(there(&[("DISPLAY", ":0")]) && there(&[("WAYLAND_DISPLAY", "wayland-0")]));
            assert!(!there(&[]) && !there(&[("DISPLAY", "")]));
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_address_is_one_word_whatever_it_holds() {
        let words = |line| {
            let command = of_line(line, "https://a/?x=1&y=$(2)").unwrap();
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(words("firefox"), ["https://a/?x=1&y=$(2)"]);
        assert_eq!(words("  w3m -N "), ["-N", "https://a/?x=1&y=$(2)"]);
        assert_eq!(words("sh --url=%s -q"), ["--url=https://a/?x=1&y=$(2)", "-q"]);
        assert!(of_line("  ", "https://a").is_none());
    }
}
