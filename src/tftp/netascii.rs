//! The mode for texts (RFC 1350 §1, RFC 764): a line ends with CR LF, and a CR that is no line's end is followed by NUL.

/// A text, whose lines end with LF, as it is sent in this mode. Whoever undoes it has the same bytes.
pub fn netascii(text: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(text.len() + text.len() / 16);
    for byte in text {
        match byte {
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
    fn lines_end_as_the_mode_wants_and_every_byte_can_be_told() {
        assert_eq!(netascii(b"a\nb\r\nc\rd\n\n"), b"a\r\nb\r\0\r\nc\r\0d\r\n\r\n");
        assert_eq!(netascii(b"\r"), b"\r\0");
        assert!(netascii(b"").is_empty());
    }
}
