//! A scripted upstream: each request that comes is recorded and answered by the test's own script.

use std::fmt::Write as _;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::http::{Message, read_body, read_head};

/// A scripted upstream on a free loopback port. It lives as long as the test's process.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Mutex<Receiver<Message>>,
}

/// The upstream's end of one connection.
pub struct Answer {
    stream: TcpStream,
}

impl Upstream {
    /// Starts one. `script` answers every request, each on a thread of its own.
    pub fn start(script: impl Fn(&Message, &mut Answer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("it has an address");
        let (sender, requests) = channel();
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, sender) = (Arc::clone(&script), sender.clone());
                thread::spawn(move || serve(stream, script.as_ref(), &sender));
            }
        });
        Self { address, requests: Mutex::new(requests) }
    }

    /// The next request, in the order they came.
    pub fn request(&self) -> Message {
        let requests = self.requests.lock().expect("no test panics while it holds this");
        requests.recv_timeout(Duration::from_secs(60)).expect("a request came")
    }

    /// Whether a request is waiting to be looked at.
    pub fn has_request(&self) -> bool {
        self.requests.lock().expect("no test panics while it holds this").try_recv().is_ok()
    }
}

fn serve(stream: TcpStream, script: &(impl Fn(&Message, &mut Answer) + ?Sized), sender: &Sender<Message>) {
    let Ok(writer) = stream.try_clone() else { return };
    let mut answer = Answer { stream: writer };
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = read_head(&mut reader) {
        // A request that announces no body has none.
        if ["content-length", "transfer-encoding"].iter().any(|name| request.header(name).is_some()) {
            read_body(&mut reader, &mut request);
        }
        if sender.send(request.clone()).is_err() {
            return;
        }
        script(&request, &mut answer);
    }
}

impl Answer {
    /// A whole JSON answer.
    pub fn json(&mut self, status: u16, body: &str) {
        self.whole(status, &[("content-type", "application/json")], body);
    }

    /// A whole answer.
    pub fn whole(&mut self, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        self.raw(head.as_bytes());
        self.raw(body.as_bytes());
    }

    /// The head of an event stream.
    pub fn stream(&mut self) {
        self.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    }

    /// One chunk of a stream. Says whether the other side still takes it.
    pub fn chunk(&mut self, text: &str) -> bool {
        self.raw(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
    }

    /// The proper end of a stream.
    pub fn end(&mut self) {
        self.raw(b"0\r\n\r\n");
    }

    /// Breaks the connection off.
    pub fn cut(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Waits until the other side has closed the connection.
    pub fn wait_for_close(&mut self) {
        use std::io::Read;
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(60)));
        let mut byte = [0];
        while matches!(self.stream.read(&mut byte), Ok(1..)) {}
    }

    fn raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }
}
