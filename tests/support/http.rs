//! A small HTTP/1.1 client and the message reading that the scripted upstream shares with it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest that a test waits for bytes: long enough for a loaded machine, short enough to fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message: a request's or an answer's.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The request line or the status line.
    pub first_line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub complete: bool,
}

impl Message {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// The path of a request, with its query.
    pub fn path(&self) -> &str {
        self.first_line.split(' ').nth(1).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A connection on which one answer can be read piece by piece.
pub struct Exchange {
    reader: BufReader<TcpStream>,
    /// The answer's head.
    pub head: Message,
}

/// Sends a request and reads the answer's head.
pub fn open(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Exchange {
    let mut stream = TcpStream::connect(to).expect("byok listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.set_nodelay(true).expect("a socket can be told");
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let _ = write!(request, "host: {to}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    // A server may refuse on the head alone, and close before the body has been taken.
    let _ = stream.write_all(body);
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader).expect("byok answers");
    Exchange { reader, head }
}

impl Exchange {
    /// The next piece of a chunked body; `None` at its proper end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        read_chunk(&mut self.reader).expect("the stream goes on")
    }

    /// Reads chunks until `wanted` has come.
    pub fn until(&mut self, wanted: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(wanted) {
            let chunk = self.chunk().unwrap_or_else(|| panic!("the stream ended without {wanted}: {seen}"));
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        seen
    }

    /// Reads the rest of the answer.
    pub fn rest(mut self) -> Message {
        let mut message = self.head;
        read_body(&mut self.reader, &mut message);
        message
    }
}

/// Sends a request and reads the whole answer.
pub fn send(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
    open(to, method, path, headers, body).rest()
}

/// Posts JSON and reads the whole answer.
pub fn post(to: SocketAddr, path: &str, body: &serde_json::Value) -> Message {
    send(to, "POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Reads a head; `None` when the other side has closed.
pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<Message> {
    let mut message = Message::default();
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    line.trim_end().clone_into(&mut message.first_line);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Some(message) };
        message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads the body that the head announces.
pub(crate) fn read_body(reader: &mut impl BufRead, message: &mut Message) {
    if message.header("transfer-encoding") == Some("chunked") {
        loop {
            match read_chunk(reader) {
                Ok(Some(chunk)) => message.body.extend(chunk),
                Ok(None) => break message.complete = true,
                Err(()) => break,
            }
        }
    } else if let Some(length) = message.header("content-length").and_then(|text| text.parse::<usize>().ok())
    {
        let mut body = vec![0; length];
        message.complete = reader.read_exact(&mut body).is_ok();
        message.body = body;
    } else {
        message.complete = reader.read_to_end(&mut message.body).is_ok();
    }
}

/// One chunk; `Ok(None)` for the last one, an error where the stream is cut.
fn read_chunk(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, ()> {
    let mut line = String::new();
    reader.read_line(&mut line).map_err(|_| ())?;
    let size = usize::from_str_radix(line.trim(), 16).map_err(|_| ())?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk).map_err(|_| ())?;
    chunk.truncate(size);
    Ok((size > 0).then_some(chunk))
}
