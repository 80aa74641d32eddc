//! The same client over `std::io`, for programs without a runtime.
//!
//! It drives the async client on the calling thread. Keyrings that wait for a network do so there.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};
use pollster::block_on;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    DecryptError, Decrypted, EncryptError, EncryptionContext, Part, client,
    message::{Decryptor, Encryptor, Header, VerifiedHeader},
};

/// A [`keyfold::Client`](crate::Client) that blocks. Make one with [`Client::new`] or `From`.
#[derive(Debug, Clone)]
pub struct Client(crate::Client);

impl From<crate::Client> for Client {
    fn from(client: crate::Client) -> Self {
        Self(client)
    }
}

impl Client {
    /// A client over `keyring` with the default settings of [`keyfold::Client`](crate::Client::new).
    pub fn new(keyring: impl crate::keyring::Keyring + 'static) -> Self {
        Self(crate::Client::new(keyring))
    }

    /// Encrypts `plaintext`, bound to `context`.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt(&self, plaintext: &[u8], context: &EncryptionContext) -> Result<Vec<u8>, EncryptError> {
        block_on(self.0.encrypt(plaintext, context))
    }

    /// Decrypts `message`, demanding the pairs of `context`. Returns plaintext only if all of it verified.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypt(&self, message: &[u8], context: &EncryptionContext) -> Result<Decrypted, DecryptError> {
        block_on(self.0.decrypt(message, context))
    }

    /// [`keyfold::Client::encrypt_stream`](crate::Client::encrypt_stream) over `std::io`.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt_stream(
        &self,
        reader: impl Read,
        writer: impl Write,
        context: &EncryptionContext,
    ) -> Result<Header, EncryptError> {
        block_on(self.0.encrypt_stream(Std(reader), Std(writer), context))
    }

    /// [`keyfold::Client::decrypt_stream`](crate::Client::decrypt_stream) over `std::io`; what it says about
    /// plaintext before the end holds here too.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypt_stream(
        &self,
        reader: impl Read,
        writer: impl Write,
        context: &EncryptionContext,
    ) -> Result<VerifiedHeader, DecryptError> {
        block_on(self.0.decrypt_stream(Std(reader), Std(writer), context))
    }

    /// A writer that encrypts what is written to it into `writer`.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypting_writer<W: Write>(
        &self,
        writer: W,
        context: &EncryptionContext,
    ) -> Result<EncryptingWriter<W>, EncryptError> {
        let mut out = Vec::new();
        let encryptor = block_on(self.0.encryptor(context, &mut out))?;
        Ok(EncryptingWriter { encryptor, writer, out, failed: false })
    }

    /// A reader that decrypts what it reads from `reader`. Reads the header now.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypting_reader<R: Read>(
        &self,
        mut reader: R,
        context: &EncryptionContext,
    ) -> Result<DecryptingReader<R>, DecryptError> {
        let mut input = vec![0; client::STREAM_BUFFER_LEN];
        let mut header = self.0.header_reader();
        loop {
            let len = read(&mut reader, &mut input)?;
            if len == 0 {
                return Err(DecryptError::Truncated(Part::Header));
            }
            let mut rest = &input[..len];
            if let Some(header) = header.push(&mut rest)? {
                let mut decryptor = block_on(self.0.decryptor(header, context))?;
                let mut out = Zeroizing::default();
                decryptor.update(rest, &mut out)?;
                return Ok(DecryptingReader { decryptor, reader, input, out, read: 0 });
            }
        }
    }
}

/// Encrypts what is written to it. The message is whole only after [`finish`](Self::finish).
///
/// After an error of the inner writer the message is lost, and every further call fails: to write again would put
/// plaintext into it twice.
#[derive(Debug)]
pub struct EncryptingWriter<W> {
    encryptor: Encryptor,
    writer: W,
    out: Vec<u8>,
    /// What the inner writer took is not known.
    failed: bool,
}

impl<W: Write> EncryptingWriter<W> {
    /// Writes the end of the message and gives the inner writer back, flushed.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn finish(mut self) -> Result<(W, Header), EncryptError> {
        if self.failed {
            return Err(EncryptError::FailedBefore);
        }
        let header = self.encryptor.finish(&mut self.out)?;
        self.writer.write_all(&self.out)?;
        self.writer.flush()?;
        Ok((self.writer, header))
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.out).inspect_err(|_| self.failed = true)?;
        self.out.clear();
        Ok(())
    }
}

impl<W: Write> Write for EncryptingWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other(EncryptError::FailedBefore));
        }
        self.encryptor.update(plaintext, &mut self.out).map_err(io::Error::other)?;
        self.write_out()?;
        Ok(plaintext.len())
    }

    /// Flushes what has been sealed; a frame that is not whole stays back.
    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other(EncryptError::FailedBefore));
        }
        self.write_out()?;
        self.writer.flush()
    }
}

/// Decrypts what it reads. Frames come out as they authenticate, so what has been read is not known to be the whole
/// message until `read` returns 0; a message that is truncated, or has bytes after its end, ends in an error.
/// [`finish`](Self::finish) gives the proof as a value.
#[derive(Debug)]
pub struct DecryptingReader<R> {
    decryptor: Decryptor,
    reader: R,
    input: Vec<u8>,
    out: Zeroizing<Vec<u8>>,
    /// How much of `out` has been read.
    read: usize,
}

impl<R: Read> DecryptingReader<R> {
    /// The header, which has verified; the body may yet fail.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.decryptor.header()
    }

    /// Proves that the message is whole and every byte of it verified. Plaintext that has not been read is lost.
    ///
    /// # Errors
    /// [`DecryptError`]; [`DecryptError::FailedBefore`] after an earlier error.
    pub fn finish(mut self) -> Result<VerifiedHeader, DecryptError> {
        while self.fill()? {}
        self.decryptor.finish()
    }

    /// Replaces `out` by the plaintext of more input; whether there was any.
    fn fill(&mut self) -> Result<bool, DecryptError> {
        self.out.zeroize();
        self.read = 0;
        let len = read(&mut self.reader, &mut self.input)?;
        if len == 0 {
            self.decryptor.check_end()?;
            return Ok(false);
        }
        let updated = self.decryptor.update(&self.input[..len], &mut self.out);
        // What authenticated before the error is dropped too: a caller who misses the error must not read on.
        updated.inspect_err(|_| self.out.zeroize())?;
        Ok(true)
    }
}

impl<R: Read> Read for DecryptingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.out.len() {
            if !self.fill().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let len = buffer.len().min(self.out.len() - self.read);
        buffer[..len].copy_from_slice(&self.out[self.read..self.read + len]);
        self.read += len;
        Ok(len)
    }
}

fn read(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A blocking reader or writer that is always ready.
struct Std<T>(T);

impl<T> Unpin for Std<T> {}

impl<T: Read> AsyncRead for Std<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(read(&mut self.0, buffer))
    }
}

impl<T: Write> AsyncWrite for Std<T> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write_all(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
