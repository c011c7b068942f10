//! Values never break out of the format they are written into: one escape function per format.

use std::io::{self, Write};

use super::meter;
use crate::catalog::Format;

/// What a byte of a value costs when it is written: no more than some 8 MiB of values go into one file.
const CHARACTER: u64 = 50;

/// The escape function of a format.
pub(super) fn of(format: Format) -> tera::EscapeFn {
    match format {
        Format::KeyValue => key_value,
        Format::Colon | Format::Quoted | Format::Set => quoted,
        Format::Xml => xml,
        Format::Json => json,
        Format::Csv => csv,
        Format::Vcard => vcard,
        Format::Properties => properties,
        Format::Lines => words,
    }
}

/// Whether a file of this format can have a text as it is.
pub(super) fn can_hold(format: Format, text: &str) -> bool {
    let is_lost = |c: char| match format {
        Format::Json => false,
        Format::Xml => {
            matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
        }
        Format::Colon | Format::Quoted | Format::Set => c == '"' || breaks(c),
        Format::Lines => breaks(c) || matches!(c, '"' | '\'' | '\\' | '`'),
        Format::KeyValue | Format::Csv | Format::Vcard | Format::Properties => breaks(c),
    };
    let is_trimmed = matches!(format, Format::KeyValue | Format::Lines) && text.trim() != text;
    !is_trimmed && !text.contains(is_lost)
}

/// A value runs to the end of its line and nothing in it is special, so a line break is all that could end it:
/// every control character and every Unicode line break becomes a blank.
fn key_value(text: &str, out: &mut dyn Write) -> io::Result<()> {
    substitute(text, out, |c| breaks(c).then_some(" "))
}

/// What some phone may take for the end of a line.
pub(super) fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A value stands between double quotes, and no phone knows a way to write such a quote in it: it becomes a single one.
fn quoted(text: &str, out: &mut dyn Write) -> io::Result<()> {
    substitute(text, out, |c| match c {
        '"' => Some("'"),
        _ if breaks(c) => Some(" "),
        _ => None,
    })
}

/// A value may stand alone or between double quotes; what begins or ends such a text, or would say that the next
/// character means something else, becomes a blank, and so does what ends a line.
fn words(text: &str, out: &mut dyn Write) -> io::Result<()> {
    substitute(text, out, |c| (breaks(c) || matches!(c, '"' | '\'' | '\\' | '`')).then_some(" "))
}

/// Right between the quotes of a field (RFC 4180 §2); what would end the record becomes a blank, since few phones read on
/// in the next line.
fn csv(text: &str, out: &mut dyn Write) -> io::Result<()> {
    substitute(text, out, |c| match c {
        '"' => Some("\"\""),
        _ if breaks(c) => Some(" "),
        _ => None,
    })
}

/// Right behind the colon of a line (RFC 6350 §3.4); what would end it becomes a blank.
fn vcard(text: &str, out: &mut dyn Write) -> io::Result<()> {
    substitute(text, out, |c| match c {
        '\\' => Some("\\\\"),
        ',' => Some("\\,"),
        ';' => Some("\\;"),
        _ if breaks(c) => Some(" "),
        _ => None,
    })
}

/// Right behind the `=` of a line, as `java.util.Properties.load` says: a backslash stands twice, what is not ASCII as its UTF-16
/// units, and a blank that would be passed over as one as well. What ends a line becomes a blank.
fn properties(text: &str, out: &mut dyn Write) -> io::Result<()> {
    meter::charge(CHARACTER * text.len() as u64).map_err(io::Error::other)?;
    for (at, c) in text.char_indices() {
        match if breaks(c) { ' ' } else { c } {
            '\\' => out.write_all(br"\\")?,
            ' ' if at == 0 => out.write_all(br"\u0020")?,
            c if c.is_ascii() => write!(out, "{c}")?,
            c => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))?,
        }
    }
    Ok(())
}

/// Right between the quotes of a JSON text (RFC 8259 §7).
fn json(text: &str, out: &mut dyn Write) -> io::Result<()> {
    meter::charge(CHARACTER * text.len() as u64).map_err(io::Error::other)?;
    let quoted = serde_json::to_string(text).map_err(io::Error::other)?;
    out.write_all(quoted.get(1..quoted.len() - 1).unwrap_or_default().as_bytes())
}

/// Right in elements and in double- or single-quoted attributes alike (XML 1.0 §2.2, §2.4, §3.3.3). Characters
/// that XML cannot hold are left out.
fn xml(text: &str, out: &mut dyn Write) -> io::Result<()> {
    substitute(text, out, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        '\t' => Some("&#x9;"),
        '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => Some(""),
        _ => None,
    })
}

fn substitute(
    text: &str,
    out: &mut dyn Write,
    with: impl Fn(char) -> Option<&'static str>,
) -> io::Result<()> {
    meter::charge(CHARACTER * text.len() as u64).map_err(io::Error::other)?;
    let mut written = 0;
    for (at, c) in text.char_indices() {
        if let Some(replacement) = with(c) {
            out.write_all(&text.as_bytes()[written..at])?;
            out.write_all(replacement.as_bytes())?;
            written = at + c.len_utf8();
        }
    }
    out.write_all(&text.as_bytes()[written..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(format: Format, text: &str) -> String {
        let mut out = Vec::new();
        of(format)(text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn a_value_never_leaves_its_line(text in ".*|[\\x00-\\x20\u{85}\u{2028}\u{2029}a=]*") {
            let line = escaped(Format::KeyValue, &text);
            let broken = line.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}');
            prop_assert!(!broken);
            prop_assert_eq!(line.chars().count(), text.chars().count());
        }

        #[test]
        fn a_quoted_value_never_leaves_its_quotes(text in ".*|[\\x00-\\x20\u{85}\u{2028}\u{2029}a\"]*") {
            for format in [Format::Colon, Format::Quoted, Format::Set] {
                let value = escaped(format, &text);
                prop_assert!(!value.contains('"') && !value.contains(breaks));
                prop_assert_eq!(value.chars().count(), text.chars().count());
            }
        }

        #[test]
        fn a_field_never_leaves_its_quotes(text in ".*|[\\x00-\\x20\u{85}\u{2028}a\",]*") {
            let field = escaped(Format::Csv, &text);
            prop_assert!(!field.contains(breaks) && !field.replace("\"\"", "").contains('"'));
            prop_assert_eq!(field.replace("\"\"", "\"").chars().count(), text.chars().count());
        }

        #[test]
        fn a_line_of_a_card_is_never_left(text in ".*|[\\x00-\\x20\u{85}\u{2028}a\\\\,;:]*") {
            let value = escaped(Format::Vcard, &text);
            let bare = value.replace("\\\\", "").replace("\\,", "").replace("\\;", "");
            prop_assert!(!value.contains(breaks) && !bare.contains(['\\', ',', ';']));
        }

        #[test]
        fn java_reads_a_property_back(text in "[\\x00-\u{d7ff}]*|[\\x00-\\x20\u{85}\u{2028}a\\\\=:#!ü]*") {
            let line = format!("a={}\nb=1\n", escaped(Format::Properties, &text));
            prop_assert!(line.is_ascii());
            let read = java_properties::read(line.as_bytes()).unwrap();
            prop_assert_eq!(&read["a"], &text.replace(breaks, " "));
            prop_assert_eq!(read.len(), 2);
        }

        #[test]
        fn a_word_never_leaves_its_line_or_its_quotes(text in ".*|[\\x00-\\x20\u{85}\u{2028}a\"'`\\\\]*") {
            let value = escaped(Format::Lines, &text);
            prop_assert!(!value.contains(['"', '\'', '\\', '`']) && !value.contains(breaks));
        }

        #[test]
        fn a_json_reader_reads_the_value_back(text in ".*|[\\x00-\\x20\u{85}\u{2028}a\"\\\\]*") {
            let document = format!("{{\"a\":\"{}\"}}", escaped(Format::Json, &text));
            let document: serde_json::Value = serde_json::from_str(&document).unwrap();
            prop_assert_eq!(document["a"].as_str().unwrap(), text);
        }

        #[test]
        fn an_xml_reader_reads_the_value_back(text in "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\u{fffe}\u{ffff}]*") {
            let document = format!("<a b=\"{0}\">{0}</a>", escaped(Format::Xml, &text));
            let document = roxmltree::Document::parse(&document).unwrap();
            prop_assert_eq!(document.root_element().attribute("b").unwrap_or_default(), &text);
            prop_assert_eq!(document.root_element().text().unwrap_or_default(), &text);
        }

        #[test]
        fn any_text_at_all_leaves_the_document_well_formed(text in "\\PC*|[\\x00-\\x7f]*") {
            let document = format!("<a b=\"{0}\">{0}</a>", escaped(Format::Xml, &text));
            prop_assert!(roxmltree::Document::parse(&document).is_ok());
        }
    }

    #[test]
    fn a_property_has_what_lies_beyond_sixteen_bits_as_a_pair() {
        assert_eq!(escaped(Format::Properties, " \u{1f600}\\"), r"\u0020\ud83d\ude00\\");
    }
}
