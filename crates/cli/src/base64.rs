//! Base64 on the way in and out, as streams. Standard alphabet, padded.
//!
//! Read, white space anywhere is skipped; written, it is one line.

use std::io::{self, BufReader, BufWriter, Read, Write};

use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::read::DecoderReader;
use base64::write::EncoderWriter;

use crate::failure::NotBase64;

/// Reads the bytes that `reader` has as base64.
pub(crate) struct Decoder<R: Read>(DecoderReader<'static, GeneralPurpose, Visible<R>>);

/// Writes what it gets as base64.
pub(crate) struct Encoder<W: Write>(EncoderWriter<'static, GeneralPurpose, BufWriter<W>>);

impl<R: Read> Decoder<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self(DecoderReader::new(Visible(BufReader::with_capacity(BUFFER_LEN, reader)), &STANDARD))
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => io::Error::new(io::ErrorKind::InvalidData, NotBase64),
            _ => error,
        })
    }
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(EncoderWriter::new(BufWriter::with_capacity(BUFFER_LEN, writer), &STANDARD))
    }

    /// Writes the padding and ends the line.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let mut writer = self.0.finish()?;
        writer.write_all(b"\n")?;
        writer.flush()
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What is read, without white space.
struct Visible<R>(BufReader<R>);

impl<R: Read> Read for Visible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            let mut kept = 0;
            for index in 0..read {
                if !buffer[index].is_ascii_whitespace() {
                    buffer[kept] = buffer[index];
                    kept += 1;
                }
            }
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

const BUFFER_LEN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Decoder::new(text.as_bytes()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_is_written_is_read_wherever_lines_are_broken() {
        for len in [0, 1, 2, 3, 1000, 200_000] {
            let bytes: Vec<u8> = (0..len).map(|n: u32| n.to_be_bytes()[3]).collect();
            let mut text = Vec::new();
            let mut encoder = Encoder::new(&mut text);
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.matches('\n').count(), 1);
            assert_eq!(decode(&text).unwrap(), bytes);
            let broken: String = text.chars().flat_map(|c| [c, '\r', '\n', ' ']).collect();
            assert_eq!(decode(&broken).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_not_base64_says_so() {
        for text in ["AAA", "A===", "AA*A", "AAAA====", "é"] {
            let error = decode(text).unwrap_err();
            assert!(error.get_ref().is_some_and(|inner| inner.is::<NotBase64>()), "{text}: {error}");
        }
    }
}
