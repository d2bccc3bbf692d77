//! AWS's binary event stream (`application/vnd.amazon.eventstream`): messages with their lengths in front and
//! check sums behind (provider facts, 5.3).
//!
//! ```text
//! u32 total | u32 headers | u32 CRC-32 of those eight bytes | headers | payload | u32 CRC-32 of all before
//! ```
//!
//! A stream that fails a check is over: what follows cannot be trusted.

use crate::sse::{Frame, MAX_FRAME};

/// Lengths and their check sum.
const PRELUDE: usize = 12;
/// A message without headers and payload.
const SHORTEST: usize = PRELUDE + 4;

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A check sum does not fit.
    #[error("the upstream's event stream is damaged: a check sum does not fit")]
    Checksum,
    /// It ended inside of a message.
    #[error("the upstream's event stream broke off in the middle of a message")]
    Cut,
    /// Headers or lengths make no sense.
    #[error("the upstream's event stream is damaged: a message is not built as it should be")]
    Malformed,
    /// A message is longer than 16 MiB.
    #[error("the upstream sent an event larger than {} MB", MAX_FRAME / (1024 * 1024))]
    TooLarge,
}

/// Splits bytes into messages, incrementally.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a message whose end has not come yet.
    held: Vec<u8>,
}

impl Decoder {
    /// Reads more bytes and hands every complete message to `sink`: its type as the event (`exception:…` and
    /// `error:…` for those that are failures), its payload as the data.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), Broken> {
        if !self.held.is_empty() {
            loop {
                let wanted = match length(&self.held)? {
                    Some(total) => total,
                    None => PRELUDE,
                };
                let taken = (wanted - self.held.len()).min(bytes.len());
                self.held.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                if self.held.len() < wanted {
                    return Ok(());
                }
                if wanted > PRELUDE {
                    break;
                }
            }
            message(&self.held, sink)?;
            self.held.clear();
        }
        while let Some(total) = length(bytes)? {
            if bytes.len() < total {
                break;
            }
            message(&bytes[..total], sink)?;
            bytes = &bytes[total..];
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// The stream has ended.
    pub fn finish(&mut self) -> Result<(), Broken> {
        if self.held.is_empty() { Ok(()) } else { Err(Broken::Cut) }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

/// How long the message at the beginning of `bytes` is; `None` while its prelude is not complete.
fn length(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    let (Some(total), Some(headers), Some(sum)) = (u32_at(bytes, 0), u32_at(bytes, 4), u32_at(bytes, 8))
    else {
        return Ok(None);
    };
    if crc32fast::hash(&bytes[..8]) != sum {
        return Err(Broken::Checksum);
    }
    let (total, headers) = (total as usize, headers as usize);
    if total > MAX_FRAME {
        return Err(Broken::TooLarge);
    }
    if total < SHORTEST || headers > total - SHORTEST {
        return Err(Broken::Malformed);
    }
    Ok(Some(total))
}

/// Reads one whole message.
fn message(bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), Broken> {
    let end = bytes.len() - 4;
    if u32_at(bytes, end) != Some(crc32fast::hash(&bytes[..end])) {
        return Err(Broken::Checksum);
    }
    let headers = u32_at(bytes, 4).ok_or(Broken::Malformed)? as usize;
    let named = Named::read(&bytes[PRELUDE..PRELUDE + headers]).ok_or(Broken::Malformed)?;
    let data = &bytes[PRELUDE + headers..end];
    let failure = |kind: &str, name: Option<&str>| format!("{kind}:{}", name.unwrap_or_default());
    match named.message {
        Some("exception") => sink(Frame { event: Some(&failure("exception", named.exception)), data }),
        Some("error") => sink(Frame { event: Some(&failure("error", named.error)), data }),
        _ => sink(Frame { event: named.event, data }),
    }
    Ok(())
}

/// The headers that mean something here.
#[derive(Default)]
struct Named<'a> {
    message: Option<&'a str>,
    event: Option<&'a str>,
    exception: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn read(mut headers: &'a [u8]) -> Option<Self> {
        let mut named = Self::default();
        while let Some((&length, rest)) = headers.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(length))?;
            let (&kind, rest) = rest.split_first()?;
            let skip = match kind {
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                5 | 8 => 8,
                6 | 7 => 2 + u16_at(rest, 0)?,
                9 => 16,
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(skip)?;
            if kind == 7 {
                let text = str::from_utf8(&value[2..]).ok();
                match name {
                    b":message-type" => named.message = text,
                    b":event-type" => named.event = text,
                    b":exception-type" => named.exception = text,
                    b":error-code" => named.error = text,
                    _ => {}
                }
            }
            headers = rest;
        }
        Some(named)
    }
}

#[cfg(test)]
pub(crate) mod tests;
