//! The mode for texts (RFC 1350 §1, RFC 764): lines end with CR LF, and a CR that ends none is followed by NUL.

/// A text as it is sent in this mode.
pub fn netascii(text: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(text.len() + text.len() / 16);
    let mut rest = text.iter().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' if rest.next_if(|next| **next == b'\n').is_some() => sent.extend(b"\r\n"),
            b'\r' => sent.extend(b"\r\0"),
            b'\n' => sent.extend(b"\r\n"),
            byte => sent.push(*byte),
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_the_mode_wants_however_they_were_saved() {
        assert_eq!(netascii(b"a\nb\r\nc\rd\n\n"), b"a\r\nb\r\nc\r\0d\r\n\r\n");
        assert_eq!(netascii(b"\r"), b"\r\0");
        assert!(netascii(b"").is_empty());
    }
}
