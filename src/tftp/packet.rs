//! Datagrams: what they say, and how they are written.

/// What a phone sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// It wants to read a file.
    Read(Request),
    /// It wants to write one.
    Write,
    /// It has every block up to this one.
    Ack(u16),
    /// It goes no further. Nobody answers this.
    Error,
    /// Something that a server is not sent.
    Other,
}

/// A request to read a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The file's name, maybe with folders.
    pub name: String,
    /// How it is to be sent.
    pub mode: Mode,
    /// What else is wished (RFC 2347), names in lower case.
    pub options: Vec<(String, String)>,
}

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As it is.
    Octet,
    /// As a text.
    Netascii,
    /// In a way that nobody uses any more.
    Other,
}

/// Why a server refuses (RFC 1350 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// See the message.
    Undefined = 0,
    /// There is no such file.
    NotFound = 1,
    /// Nobody may do this.
    Forbidden = 2,
    /// This is not TFTP as it is spoken here.
    Illegal = 4,
}

/// The most options that are read of a request.
const MOST_OPTIONS: usize = 16;

impl Packet {
    /// Reads a datagram; `None` when it is none of this protocol.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let (operation, rest) = datagram.split_first_chunk::<2>()?;
        Some(match u16::from_be_bytes(*operation) {
            1 => Self::Read(Request::read(rest)?),
            2 => Self::Write,
            4 => Self::Ack(u16::from_be_bytes(*rest.first_chunk()?)),
            5 => Self::Error,
            3 | 6 => Self::Other,
            _ => return None,
        })
    }
}

impl Request {
    /// Texts that end with NUL: name, mode, then options with their values. What comes after the last whole pair counts
    /// for nothing.
    fn read(text: &[u8]) -> Option<Self> {
        let whole = &text[..text.iter().rposition(|byte| *byte == 0)?];
        let texts = whole.split(|byte| *byte == 0).take(2 + 2 * MOST_OPTIONS);
        let mut texts = texts.map(|text| std::str::from_utf8(text).ok());
        let name = texts.next()??.to_owned();
        let mode = Mode::named(texts.next()??);
        let mut options = Vec::new();
        while let (Some(Some(option)), Some(Some(value))) = (texts.next(), texts.next()) {
            options.push((option.to_ascii_lowercase(), value.to_owned()));
        }
        Some(Self { name, mode, options })
    }

    /// What is wished by an option of this name, in lower case.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str())
    }
}

impl Mode {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "octet" => Self::Octet,
            "netascii" => Self::Netascii,
            _ => Self::Other,
        }
    }
}

/// A block of a file.
pub fn data(block: u64, bytes: &[u8]) -> Vec<u8> {
    let [.., high, low] = block.to_be_bytes();
    [&[0, 3, high, low], bytes].concat()
}

/// Why a request is refused, in words for a person.
pub fn error(code: Code, message: &str) -> Vec<u8> {
    [&[0, 5, 0, code as u8], message.as_bytes(), &[0]].concat()
}

/// Which of the options that were wished are granted, and how.
pub(super) fn option_ack(options: &[(&str, u64)]) -> Vec<u8> {
    let texts = options.iter().flat_map(|(name, value)| format!("{name}\0{value}\0").into_bytes());
    [0, 6].into_iter().chain(texts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_options_in_any_case() {
        let Some(Packet::Read(request)) =
            Packet::read(b"\0\x01a/b.cfg\0OCTET\0BlkSize\x001428\0tsize\x000\0")
        else {
            panic!("it is a request");
        };
        assert_eq!((request.name.as_str(), request.mode), ("a/b.cfg", Mode::Octet));
        assert_eq!((request.option("blksize"), request.option("tsize")), (Some("1428"), Some("0")));
        assert_eq!(request.option("windowsize"), None);
    }

    #[test]
    fn what_is_cut_short_or_strange_harms_nobody() {
        let request = |text: &[u8]| Packet::read(&[b"\0\x01", text].concat());
        assert_eq!(
            [request(b""), request(b"a"), request(b"a\0"), request(b"\xff\0octet\0")],
            [const { None }; 4]
        );
        let half = request(b"a\0octet\0blksize\x00512\0tsize\0").unwrap();
        assert!(matches!(half, Packet::Read(Request { options, .. }) if options.len() == 1));
        let many = [b"a\0mail\0".as_slice(), &b"x\0y\0".repeat(1000)].concat();
        let many = request(&many).unwrap();
        assert!(
            matches!(many, Packet::Read(Request { mode: Mode::Other, options, .. }) if options.len() == 16)
        );
        assert_eq!(Packet::read(b"\0\x04\x01\x02"), Some(Packet::Ack(258)));
        assert_eq!(
            [Packet::read(b"\0\x04\x01"), Packet::read(b"\0"), Packet::read(b"\0\x09")],
            [const { None }; 3]
        );
        assert_eq!(Packet::read(b"\0\x05\0\0go away\0"), Some(Packet::Error));
    }

    #[test]
    fn answers_are_written_as_the_rfcs_have_them() {
        assert_eq!(data(65_537, b"x"), b"\0\x03\0\x01x");
        assert_eq!(error(Code::NotFound, "no"), b"\0\x05\0\x01no\0");
        assert_eq!(option_ack(&[("blksize", 512)]), b"\0\x06blksize\x00512\0");
    }
}
