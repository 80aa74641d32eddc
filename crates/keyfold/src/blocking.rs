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
        Ok(EncryptingWriter { encryptor, writer, out })
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
#[derive(Debug)]
pub struct EncryptingWriter<W> {
    encryptor: Encryptor,
    writer: W,
    out: Vec<u8>,
}

impl<W: Write> EncryptingWriter<W> {
    /// Writes the end of the message and gives the inner writer back, flushed.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn finish(mut self) -> Result<(W, Header), EncryptError> {
        let header = self.encryptor.finish(&mut self.out)?;
        self.writer.write_all(&self.out)?;
        self.writer.flush()?;
        Ok((self.writer, header))
    }
}

impl<W: Write> Write for EncryptingWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        self.encryptor.update(plaintext, &mut self.out).map_err(io::Error::other)?;
        self.writer.write_all(&self.out)?;
        self.out.clear();
        Ok(plaintext.len())
    }

    /// Flushes what has been sealed; a frame that is not whole stays back.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.out)?;
        self.out.clear();
        self.writer.flush()
    }
}

/// Decrypts what it reads. Frames come out as they authenticate: **the end of the stream is not yet proof**,
/// [`finish`](Self::finish) is.
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

    /// Proves that the message is whole and every byte of it verified. Call it when `read` has returned 0.
    ///
    /// # Errors
    /// [`DecryptError::Truncated`] if the message has not ended, or an earlier error.
    pub fn finish(self) -> Result<VerifiedHeader, DecryptError> {
        self.decryptor.finish()
    }
}

impl<R: Read> Read for DecryptingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.out.len() {
            self.out.zeroize();
            self.read = 0;
            let len = read(&mut self.reader, &mut self.input)?;
            if len == 0 {
                return Ok(0);
            }
            self.decryptor.update(&self.input[..len], &mut self.out).map_err(io::Error::other)?;
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
