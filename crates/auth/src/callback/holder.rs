//! Who has a port: the process, as far as this user may see it. Only Linux tells without a tool.

use std::fmt;

/// A process that has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The process that listens on a port of this machine; `None` where that cannot be known, as for those of
/// other users.
#[cfg(target_os = "linux")]
pub(super) fn of(port: u16) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    let sockets: Vec<String> =
        tables.flat_map(|table| inodes(&table, port)).map(|inode| format!("socket:[{inode}]")).collect();
    if sockets.is_empty() {
        return None;
    }
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let mut links = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
        if links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str())) {
            let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
            let name = name.trim().chars().filter(|letter| !letter.is_control()).collect();
            return Some(Holder { pid, name });
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(_port: u16) -> Option<Holder> {
    None
}

/// The sockets that listen on a port, in a table of the kernel's (proc(5)): the second column is address and
/// port in hexadecimal, the fourth the state (`0A` listens), the tenth the inode.
#[cfg(target_os = "linux")]
fn inodes(table: &str, port: u16) -> Vec<String> {
    let port = format!("{port:04X}");
    let of_line = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, its_port) = columns.get(1)?.rsplit_once(':')?;
        let listens = columns.get(3) == Some(&"0A") && its_port == port;
        columns.get(9).filter(|_| listens).map(|inode| (*inode).to_owned())
    };
    table.lines().filter_map(of_line).collect()
}
