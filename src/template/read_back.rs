//! Reads a file as its phone would.

use crate::catalog::Format;

/// Says what is wrong with a file of this format.
pub fn read_back(format: Format, text: &str) -> Result<(), String> {
    match format {
        Format::Xml => roxmltree::Document::parse(text).map(drop).map_err(|error| error.to_string()),
        Format::KeyValue => lines(text, is_setting, "`key = value`"),
        Format::Colon => lines(text, |line| is_quoted(line, ':'), "`name: \"value\"`"),
        Format::Quoted => lines(text, |line| is_quoted(line, '='), "`NAME=\"value\"`"),
        Format::Set => lines(text, is_set, "`SET NAME \"value\"`"),
        Format::Json => {
            serde_json::from_str(text).map(|_: serde_json::Value| ()).map_err(|error| error.to_string())
        }
        Format::Lines => {
            lines(text, is_words, "words, in quotes that end on the same line where they have blanks")
        }
    }
}

fn lines(text: &str, is_right: impl Fn(&str) -> bool, form: &str) -> Result<(), String> {
    let is_wrong = |line: &str| !(line.is_empty() || line.starts_with('#') || is_right(line));
    match text.lines().map(str::trim).position(is_wrong) {
        Some(at) => Err(format!("line {} is neither empty, a comment, nor {form}", at + 1)),
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

fn is_set(line: &str) -> bool {
    let setting = line.strip_prefix("SET ").and_then(|rest| rest.trim_start().split_once(' '));
    setting.is_some_and(|(name, value)| !name.contains('"') && is_in_quotes(value.trim()))
}

fn is_words(line: &str) -> bool {
    line.matches('"').count().is_multiple_of(2)
}

fn is_in_quotes(value: &str) -> bool {
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inside.is_some_and(|inside| !inside.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_knows_its_lines() {
        for (format, right, wrong) in [
            (Format::KeyValue, "# c\n\na = b\ninclude:config \"x\"\n", "a = b\nloose"),
            (Format::Colon, "# c\nsip proxy ip: \"a#b\"\n", "# c\nsip proxy ip: a\n"),
            (Format::Colon, "a: \"\"", "\na: \"b\" c: \"d\""),
            (Format::Quoted, "# c\r\nNTP_ADDR=\"a\"\r\n", "# c\r\nNTP_ADDR=\"a\r\n"),
            (Format::Set, "## c\nSET SIPDOMAIN \"a b\"\n", "## c\nSIPDOMAIN \"a b\"\n"),
            (Format::Lines, "cli config\nset \"a b\" c\n", "cli\nset \"a b\n"),
            (Format::Set, "SET LOG_CATEGORY \"\"", "\nSET LOG_CATEGORY a\" \"b"),
        ] {
            assert_eq!(read_back(format, right), Ok(()), "{right}");
            let problem = read_back(format, wrong).unwrap_err();
            assert!(problem.starts_with("line 2 is neither"), "{wrong}: {problem}");
        }
    }
}
