//! Reads a file as its phone would.

use crate::catalog::Format;

/// Says in which line a file of this format is wrong, from 1, and why.
pub fn read_back(format: Format, text: &str) -> Result<(), (usize, String)> {
    match format {
        Format::Xml => xml(text),
        Format::KeyValue => lines(text, is_setting, "`key = value`"),
        Format::Colon => lines(text, |line| is_quoted(line, ':'), "`name: \"value\"`"),
        Format::Quoted => lines(text, is_ini, "`NAME=\"value\"`"),
        Format::Set => lines(text, is_set, "`SET NAME \"value\"`"),
        Format::Csv => lines(text, is_record, "values in quotes with commas between them"),
        Format::Vcard => lines(text, is_of_card, "`NAME:value`"),
        Format::Properties => lines(text, is_property, "`name=value` in ASCII, ended by no backslash"),
        Format::Json => {
            let read = serde_json::from_str(text).map(|_: serde_json::Value| ());
            read.map_err(|error| (error.line(), format!("{error}: write it as RFC 8259 wants it")))
        }
        Format::Lines => {
            lines(text, is_words, "words, in quotes that end on the same line where they have blanks")
        }
    }
}

/// The most attributes of an element. Each is compared with each other one when they are read.
const ATTRIBUTES: usize = 2000;

/// The most declarations of namespaces in a file. Each element in another looks at all of those around it.
const NAMESPACES: usize = 100;

fn xml(text: &str) -> Result<(), (usize, String)> {
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    if let Some(at) = crowded(text) {
        return Err((
            line(at),
            format!("an element has more than {ATTRIBUTES} attributes: write several elements"),
        ));
    }
    if let Some((at, _)) = text.match_indices("xmlns").nth(NAMESPACES) {
        return Err((
            line(at),
            format!("more than {NAMESPACES} namespaces are declared: declare one in the first element"),
        ));
    }
    let read = roxmltree::Document::parse(text).map(drop);
    read.map_err(|error| (error.pos().row as usize, format!("{error}: write well-formed XML")))
}

/// Where an element begins that has too many attributes.
fn crowded(text: &str) -> Option<usize> {
    let (mut begin, mut quote, mut count) = (None, None, 0);
    let mut after = 0;
    for (at, byte) in text.bytes().enumerate() {
        if at < after {
            continue;
        }
        if begin.is_none() && byte == b'<' {
            after = passed_over(text.as_bytes(), at);
            if after > at {
                continue;
            }
        }
        match (begin, quote, byte) {
            (_, Some(open), _) if byte == open => quote = None,
            (_, Some(_), _) => {}
            (None, _, b'<') => (begin, count) = (Some(at), 0),
            (Some(_), _, b'>') => begin = None,
            (Some(_), _, b'"' | b'\'') => quote = Some(byte),
            (Some(_), _, b'=') => count += 1,
            _ => {}
        }
        if count > ATTRIBUTES {
            return begin;
        }
    }
    None
}

/// Behind a comment, an instruction or a text as it is that begins here; here where none does.
fn passed_over(text: &[u8], at: usize) -> usize {
    let pairs: [(&[u8], &[u8]); 3] = [(b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")];
    let Some((open, close)) = pairs.into_iter().find(|(open, _)| text[at..].starts_with(open)) else {
        return at;
    };
    let inside = &text[at + open.len()..];
    let end = inside.windows(close.len()).position(|window| window == close);
    end.map_or(text.len(), |end| at + open.len() + end + close.len())
}

fn lines(text: &str, is_right: impl Fn(&str) -> bool, form: &str) -> Result<(), (usize, String)> {
    let is_wrong = |line: &str| !(line.is_empty() || line.starts_with('#') || is_right(line));
    match text.lines().map(str::trim).position(is_wrong) {
        Some(at) => Err((
            at + 1,
            format!("line {} is neither empty, a comment, nor {form}: write it as one of these", at + 1),
        )),
        None => Ok(()),
    }
}

fn is_setting(line: &str) -> bool {
    let include = ["include:", "exclude:", "["].iter().any(|word| line.starts_with(word));
    include || line.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty())
}

fn is_quoted(line: &str, sign: char) -> bool {
    line.split_once(sign).is_some_and(|(name, value)| {
        !name.trim().is_empty() && !name.contains('"') && is_in_quotes(value.trim())
    })
}

/// A value in quotes or a number, or the head of a section.
fn is_ini(line: &str) -> bool {
    let is_number = |value: &str| !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit());
    let is_head = line.starts_with('[') && line.ends_with(']');
    is_head || is_quoted(line, '=') || line.split_once('=').is_some_and(|(_, value)| is_number(value))
}

/// A name holds none of the signs that would end it; a last backslash would take the next line along.
fn is_property(line: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && !name.contains([' ', ':', '\\', '!']);
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    let is_set = line.split_once('=').is_some_and(|(name, _)| is_name(name));
    line.is_ascii() && is_set && backslashes.is_multiple_of(2)
}

fn is_set(line: &str) -> bool {
    let setting = line.strip_prefix("SET ").and_then(|rest| rest.trim_start().split_once(' '));
    setting.is_some_and(|(name, value)| !name.contains('"') && is_in_quotes(value.trim()))
}

fn is_words(line: &str) -> bool {
    line.matches('"').count().is_multiple_of(2)
}

/// Fields between quotes, in which a quote stands twice (RFC 4180 §2).
fn is_record(line: &str) -> bool {
    let bare = line.replace("\"\"", "");
    let even = bare.matches('"').count().is_multiple_of(2);
    even && bare.split('"').step_by(2).all(|between| !between.contains(' ') || between.trim().is_empty())
}

fn is_of_card(line: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-;=.,".contains(c);
    line.split_once(':').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name))
}

fn is_in_quotes(value: &str) -> bool {
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inside.is_some_and(|inside| !inside.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_no_more_attributes_than_can_be_compared() {
        let element = |count: usize| {
            let attributes = (0..count).map(|n| format!(" a{n}=\"b='>'\"")).collect::<Vec<_>>().concat();
            format!("<a>\n<b{attributes}/>c = d</a>")
        };
        assert_eq!(read_back(Format::Xml, &element(ATTRIBUTES)), Ok(()));
        assert_eq!(read_back(Format::Xml, &element(ATTRIBUTES + 1)).unwrap_err().0, 2);
        let declared = "<a xmlns=\"x\">".repeat(NAMESPACES + 1) + &"</a>".repeat(NAMESPACES + 1);
        assert!(read_back(Format::Xml, &declared).unwrap_err().1.contains("namespaces"));
    }

    #[test]
    fn what_is_no_element_hides_none_with_too_many_attributes() {
        let many = " a=\"\"".repeat(ATTRIBUTES + 1);
        for before in ["", "<!-- ' -->", "<?x ' ?>", "<!-- <a b='> -->"] {
            assert!(crowded(&format!("{before}<a{many}/>")).is_some(), "{before}");
        }
        assert_eq!(crowded("<a><![CDATA[ <b '\" ]]></a><!-- open"), None);
    }

    #[test]
    fn each_format_knows_its_lines() {
        for (format, right, wrong) in [
            (Format::KeyValue, "# c\n\na = b\ninclude:config \"x\"\n", "a = b\nloose"),
            (Format::Colon, "# c\nsip proxy ip: \"a#b\"\n", "# c\nsip proxy ip: a\n"),
            (Format::Colon, "a: \"\"", "\na: \"b\" c: \"d\""),
            (Format::Quoted, "# c\r\nNTP_ADDR=\"a\"\r\n", "# c\r\nNTP_ADDR=\"a\r\n"),
            (Format::Quoted, "[DATA]\r\nSuccess=1\r\na:b=\"c d\"\r\n", "[DATA]\r\nSuccess=yes\r\n"),
            (Format::Properties, "# c\na.b=c = \\\\\n", "a=b\nc=d\\\n"),
            (Format::Set, "## c\nSET SIPDOMAIN \"a b\"\n", "## c\nSIPDOMAIN \"a b\"\n"),
            (Format::Lines, "cli config\nset \"a b\" c\n", "cli\nset \"a b\n"),
            (Format::Vcard, "BEGIN:VCARD\nTEL;TYPE=work:1\nEND:VCARD\n", "BEGIN:VCARD\nloose\n"),
            (Format::Csv, "name,number\n\"a \"\"b\"\", c\",\"1\"\n", "\"a\"\n\"b,\"1\""),
            (Format::Set, "SET LOG_CATEGORY \"\"", "\nSET LOG_CATEGORY a\" \"b"),
        ] {
            assert_eq!(read_back(format, right), Ok(()), "{right}");
            let (line, problem) = read_back(format, wrong).unwrap_err();
            assert_eq!(line, 2);
            assert!(problem.starts_with("line 2 is neither"), "{wrong}: {problem}");
        }
    }
}
