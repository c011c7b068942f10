//! What we send, read as strictly as RFC 3261 §25 writes it. Not by the daemon's own reader, which is lenient.

/// A message we sent.
pub struct Sent {
    /// The first line.
    pub start: String,
    /// Name and value of each header field.
    pub fields: Vec<(String, String)>,
}

impl Sent {
    /// Reads it, or panics with what is wrong.
    pub fn read(bytes: &[u8]) -> Self {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let (head, body) = text.split_once("\r\n\r\n").expect("an end of the header");
        let mut lines = head.split("\r\n");
        let start = lines.next().expect("a first line").to_owned();
        let sent = Self { start, fields: lines.map(field).collect() };
        assert!(is_start(&sent.start), "{text:?}");
        assert_eq!(sent.all("Content-Length"), [body.len().to_string()], "{text:?}");
        sent
    }

    /// The values of the fields of this name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The code, if it is a response.
    pub fn code(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ").map(|rest| rest[..3].parse().expect("a code"))
    }

    /// Checks that a request has what every request must have, and once.
    pub fn check_request(&self) {
        let method = self.start.split(' ').next().unwrap_or_default();
        for name in ["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards"] {
            assert_eq!(self.all(name).len(), 1, "{name}: {:?}", self.fields);
        }
        let (number, of) = self.all("CSeq")[0].split_once(' ').expect("a number and a method");
        assert!(of == method && number.parse::<u32>().is_ok_and(|number| number < 1 << 31));
        assert!(self.all("Via")[0].contains(";branch=z9hG4bK") && self.all("From")[0].contains(";tag="));
    }
}

fn is_start(line: &str) -> bool {
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    let sound = line.chars().all(|c| !c.is_ascii_control());
    match words[..] {
        ["SIP/2.0", code, _] => sound && code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()),
        [method, uri, "SIP/2.0"] => {
            sound && is_token(method) && uri.contains(':') && !uri.contains(['<', '>'])
        }
        _ => false,
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
    assert!(is_token(name) && has_no_bare_control(value), "{line:?}");
    (name.to_owned(), value.to_owned())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// A control character stands after a backslash only, and a line end nowhere.
fn has_no_bare_control(value: &str) -> bool {
    let mut escaped = false;
    value.chars().all(|c| {
        let fits = !c.is_ascii_control() || escaped && c != '\r' && c != '\n';
        escaped = c == '\\' && !escaped;
        fits
    })
}
