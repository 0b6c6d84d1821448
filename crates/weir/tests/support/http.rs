//! A plain HTTP/1.1 client that keeps its connection, and a tiny server to stand behind a group.
//!
//! Invariant: an answer is complete by its `Content-Length`, or it is an error.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Http {
    stream: TcpStream,
}

// === impl Http ===

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// As `connect`.
    pub fn connect(address: &str, port: u16) -> Result<Self> {
        let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self { stream })
    }

    /// GET on this connection: status and body.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not whole.
    pub fn get(&mut self, path: &str) -> Result<(u16, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: weir.example.com\r\n\r\n");
        write_all(&mut self.stream, request.as_bytes())?;
        let (status, body) = read_response(&mut self.stream, false)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// Writes everything.
pub fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes)
}

/// Reads one response with a `Content-Length`: status and body.
pub fn read_response(stream: &mut TcpStream, head_only: bool) -> Result<(u16, Vec<u8>)> {
    let mut data = Vec::with_capacity(4_096);
    let mut part = [0u8; 16 * 1024];
    loop {
        if let Some(end) = find(&data, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&data[..end]).into_owned();
            let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
            let status = status.ok_or_else(|| malformed(&head))?;
            let length = if head_only { 0 } else { length(&head)? };
            while data.len() < end + 4 + length {
                let read = stream.read(&mut part)?;
                if read == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                data.extend_from_slice(&part[..read]);
            }
            assert_eq!(data.len(), end + 4 + length, "bytes after the response");
            return Ok((status, data.split_off(end + 4)));
        }
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        data.extend_from_slice(&part[..read]);
    }
}

fn length(head: &str) -> Result<usize> {
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    field.ok_or_else(|| malformed(head))
}

fn malformed(head: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not the expected head: {head}"))
}

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    data.windows(what.len()).position(|window| window == what)
}

/// A server that answers every request with `name`; it lives as long as the test process.
pub fn target(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream, name));
        }
    });
    address
}

/// Answers until the other side closes or breaks.
fn answer(stream: TcpStream, name: &str) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        loop {
            line.clear();
            match lines.read_line(&mut line).ok()? {
                0 => return None,
                1 | 2 => break,
                _ => {}
            }
        }
        let len = name.len();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{name}");
        stream.write_all(text.as_bytes()).ok()?;
    }
}
