//! Follows the framing of HTTP/1 messages on a connection's bytes and refuses what two readers could read differently.
//!
//! hyper 1.12 takes a missing Host, `chunked, chunked`, and silently drops one of two lengths or of a length beside chunks; a proxy
//! in front may decide otherwise, and the difference smuggles requests. Only the raw head shows all of it, so the raw head is read
//! here, beside hyper and with the same idea of lines, and bodies are skipped by their framing to find the next head.

/// Longest line that is remembered across reads; longer heads are refused by hyper (431) anyway.
const LINE_MAX: usize = 20 * 1024;

/// Where and why the bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head that ends with the byte at this offset of the bytes given.
    Head(usize),
    /// The chunk of a body that breaks with the byte at this offset.
    Body(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Between messages; line ends are skipped.
    Idle,
    Line,
    Length(u64),
    Chunk(Chunk),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    Size { size: u64, digits: u8 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    Trailer { length: u32 },
}

#[derive(Debug, Default)]
struct Head {
    lines: u32,
    newer_than_1_0: bool,
    hosts: u32,
    bad_host: bool,
    lengths: u32,
    length: Option<u64>,
    codings: u32,
    chunked: bool,
}

/// The state between two reads.
#[derive(Debug)]
pub struct Framing {
    at: At,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    head: Head,
}

impl Default for Framing {
    fn default() -> Self {
        Self::new()
    }
}

impl Framing {
    /// Waits for the first head.
    pub fn new() -> Self {
        Self { at: At::Idle, line: Vec::new(), head: Head::default() }
    }

    /// Whether a head has begun and not ended.
    pub fn in_head(&self) -> bool {
        self.at == At::Line
    }

    /// Whether the last message was read to its end and no other has begun.
    pub fn is_idle(&self) -> bool {
        self.at == At::Idle
    }

    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut next = 0;
        while next < bytes.len() {
            match self.at {
                At::Idle => {
                    if matches!(bytes[next], b'\r' | b'\n') {
                        next += 1;
                    } else {
                        self.head = Head::default();
                        self.at = At::Line;
                    }
                }
                At::Line => next = self.line(bytes, next)?,
                At::Length(left) => {
                    let taken = left.min((bytes.len() - next) as u64);
                    next += usize::try_from(taken).unwrap_or(usize::MAX);
                    self.at = if left == taken { At::Idle } else { At::Length(left - taken) };
                }
                At::Chunk(chunk) => next = self.chunk(chunk, bytes, next).ok_or(Refusal::Body(next))?,
                At::Over => return Err(Refusal::Body(next)),
            }
        }
        Ok(())
    }

    fn line(&mut self, bytes: &[u8], from: usize) -> Result<usize, Refusal> {
        let Some(length) = bytes[from..].iter().position(|byte| *byte == b'\n') else {
            let room = LINE_MAX.saturating_sub(self.line.len()).min(bytes.len() - from);
            self.line.extend_from_slice(&bytes[from..from + room]);
            return Ok(bytes.len());
        };
        let end = from + length;
        let blank = if self.line.is_empty() {
            self.head.take_line(&bytes[from..end])
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(&bytes[from..end]);
            self.head.take_line(&line)
        };
        if blank {
            self.at = self.head.body().ok_or(Refusal::Head(end)).inspect_err(|_| self.at = At::Over)?;
        }
        Ok(end + 1)
    }

    /// One byte, or a run of data, of a chunked body.
    fn chunk(&mut self, chunk: Chunk, bytes: &[u8], at: usize) -> Option<usize> {
        let byte = bytes[at];
        let mut next = at + 1;
        let state = match chunk {
            Chunk::Size { size, digits } => match (char::from(byte).to_digit(16), byte) {
                (Some(digit), _) if digits < 15 => {
                    Chunk::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
                }
                (None, b'\r') if digits > 0 => Chunk::SizeLf { size },
                (None, b';' | b' ' | b'\t') if digits > 0 => Chunk::Extension { size },
                _ => return None,
            },
            Chunk::Extension { size } => match byte {
                b'\r' => Chunk::SizeLf { size },
                b'\n' => return None,
                _ => Chunk::Extension { size },
            },
            Chunk::SizeLf { size } => match (byte, size) {
                (b'\n', 0) => Chunk::Trailer { length: 0 },
                (b'\n', left) => Chunk::Data { left },
                _ => return None,
            },
            Chunk::Data { left } => {
                let taken = left.min((bytes.len() - at) as u64);
                next = at + usize::try_from(taken).ok()?;
                if taken == left { Chunk::DataCr } else { Chunk::Data { left: left - taken } }
            }
            Chunk::DataCr if byte == b'\r' => Chunk::DataLf,
            Chunk::DataLf if byte == b'\n' => Chunk::Size { size: 0, digits: 0 },
            Chunk::DataCr | Chunk::DataLf => return None,
            Chunk::Trailer { length } => match byte {
                b'\n' if length == 0 => {
                    self.at = At::Idle;
                    return Some(next);
                }
                b'\n' => Chunk::Trailer { length: 0 },
                b'\r' => Chunk::Trailer { length },
                _ => Chunk::Trailer { length: length.saturating_add(1) },
            },
        };
        self.at = At::Chunk(state);
        Some(next)
    }
}

impl Head {
    /// Notes what a line says about framing; true for the blank line that ends the head.
    fn take_line(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.lines += 1;
        if self.lines == 1 {
            self.newer_than_1_0 = !line.ends_with(b" HTTP/1.0");
            return false;
        }
        if line.is_empty() {
            return true;
        }
        // Most lines say nothing about framing, and their first letter tells.
        if !matches!(line[0] | 0x20, b'h' | b'c' | b't') {
            return false;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            self.bad_host |=
                value.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'/' | b'@' | b'?' | b'#'));
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            self.length = number(value);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings += 1;
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
        }
        false
    }

    /// What follows the head, or nothing where that is doubtful.
    fn body(&self) -> Option<At> {
        if self.hosts > 1 || self.bad_host || (self.newer_than_1_0 && self.hosts == 0) {
            return None;
        }
        match (self.lengths, self.codings) {
            (0, 0) => Some(At::Idle),
            (1, 0) => self.length.map(|length| if length == 0 { At::Idle } else { At::Length(length) }),
            (0, 1) if self.chunked && self.newer_than_1_0 => Some(At::Chunk(Chunk::Size { size: 0, digits: 0 })),
            _ => None,
        }
    }
}

/// Digits only: no sign, no list, no space.
fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the bytes in pieces of every size: where reads are cut must not matter.
    fn every_way(bytes: &str, check: impl Fn(Result<(), bool>, &Framing)) {
        for size in 1..=bytes.len() {
            let mut framing = Framing::new();
            let result = bytes.as_bytes().chunks(size).try_for_each(|piece| framing.feed(piece));
            check(result.map_err(|refusal| matches!(refusal, Refusal::Head(_))), &framing);
        }
    }

    #[test]
    fn plain_messages_pass_however_the_reads_are_cut() {
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        let chunked =
            "POST / HTTP/1.1\r\nhost: a:80\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n";
        let old = "GET / HTTP/1.0\r\n\r\n";
        every_way(&format!("\r\n{post}{chunked}{old}{post}\r\n"), |result, framing| {
            assert_eq!(result, Ok(()));
            assert!(framing.is_idle());
        });
    }

    #[test]
    fn doubtful_heads_are_refused_however_the_reads_are_cut() {
        let good = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        for head in [
            "",
            "Host: a\r\nHost: a\r\n",
            "Host: a, b\r\n",
            "Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n",
            "Host: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
            "Host: a\r\nContent-Length: 3, 3\r\n",
            "Host: a\r\nContent-Length: +3\r\n",
            "Host: a\r\nContent-Length: 99999999999999999999\r\n",
            "Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Host: a\r\nTransfer-Encoding: chunked, chunked\r\n",
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
            "Host: a\r\nTransfer-Encoding: identity\r\n",
        ] {
            every_way(&format!("{good}POST / HTTP/1.1\r\n{head}\r\n"), |result, _| {
                assert_eq!(result, Err(true), "{head}");
            });
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in ["x\r\n", "\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "1ffffffffffffffff\r\n", "3\r\nabc\n0\r\n\r\n"] {
            every_way(&format!("{head}{body}"), |result, _| {
                assert_eq!(result, Err(false), "{body:?}");
            });
        }
    }
}
