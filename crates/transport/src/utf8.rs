//! UTF-8 that comes in pieces, checked piece by piece.

/// The bytes are not UTF-8, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// What has to be remembered between two pieces: a character that has begun.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8 {
    begun: [u8; 4],
    length: usize,
}

impl Utf8 {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Invalid`] at the first piece that no text can begin with.
    pub(crate) fn take(&mut self, mut piece: &[u8]) -> Result<(), Invalid> {
        while self.length > 0 {
            let Some((&byte, rest)) = piece.split_first() else { return Ok(()) };
            // At most three bytes are without an end or an error, so this is in bounds.
            self.begun[self.length] = byte;
            self.length += 1;
            piece = rest;
            match std::str::from_utf8(&self.begun[..self.length]) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(Invalid),
            }
        }
        let Err(error) = std::str::from_utf8(piece) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(Invalid);
        }
        let begun = &piece[error.valid_up_to()..];
        self.begun[..begun.len()].copy_from_slice(begun);
        self.length = begun.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_pieces(bytes: &[u8], sizes: &[usize]) -> Result<(), Invalid> {
        let (mut utf8, mut rest, mut sizes) = (Utf8::default(), bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let size = sizes.next().map_or(1, |size| *size).clamp(1, rest.len());
            utf8.take(&rest[..size])?;
            rest = &rest[size..];
        }
        Ok(())
    }

    /// Whether some text begins with these bytes, in the words of the standard library.
    fn begins_a_text(bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            text in "\\PC{0,40}",
            noise in proptest::collection::vec(any::<u8>(), 0..3),
            after in "\\PC{0,4}",
            sizes in proptest::collection::vec(1_usize..6, 1..5),
        ) {
            let bytes = [text.as_bytes(), &noise, after.as_bytes()].concat();
            prop_assert_eq!(in_pieces(&bytes, &sizes).is_ok(), begins_a_text(&bytes));
        }
    }

    #[test]
    fn the_byte_that_spoils_a_text_is_the_one_that_is_refused() {
        let spoilt = "κ\u{1f79}σμε".bytes().chain([0xF4, 0x90, 0x80, 0x80]).collect::<Vec<_>>();
        let mut utf8 = Utf8::default();
        let refused = spoilt.iter().position(|byte| utf8.take(&[*byte]).is_err());
        assert_eq!(refused, Some(12), "U+110000 cannot begin with F4 90");
    }
}
