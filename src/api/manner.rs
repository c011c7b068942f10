//! In which form the caller wants the answer: on one line or indented, wrapped in a function, or as a table.

use actix_web::HttpRequest;
use actix_web::http::{Method, header};

use super::intake::Intake;

/// The longest name of a function that an answer is wrapped in.
const LONGEST_NAME: usize = 128;

/// The form of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// Indented JSON: `X-Pretty-Print: true` or `?pretty_print=true`.
    pub(super) pretty: bool,
    /// The function of `?jsonp=f`, for GET only.
    pub(super) function: Option<String>,
    /// Comma-separated values: `Accept: text/csv` or `?accept=csv`.
    pub(super) csv: bool,
}

impl Manner {
    /// What a request asks for.
    pub(super) fn of(request: &HttpRequest, intake: &Intake) -> Self {
        let header =
            |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_true = |text: &str| text.eq_ignore_ascii_case("true");
        let function = intake.parameter("jsonp").filter(|name| is_name(name));
        let csv = match intake.parameter("accept") {
            Some(kind) => matches!(kind, "csv" | "text/csv"),
            None => prefers_csv(header(header::ACCEPT.as_str())),
        };
        Self {
            pretty: is_true(header("x-pretty-print"))
                || intake.parameter("pretty_print").is_some_and(is_true),
            function: function.filter(|_| *request.method() == Method::GET).map(str::to_owned),
            csv,
        }
    }
}

/// A table is given to those who name it and do not name JSON before it.
fn prefers_csv(accept: &str) -> bool {
    let mut kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.find(|kind| matches!(*kind, "text/csv" | "application/json")) == Some("text/csv")
}

/// A name of JavaScript, with dots; nothing else is written in front of an answer.
fn is_name(text: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$');
    let is_part =
        |part: &str| part.starts_with(is_start) && part.chars().all(|c| is_start(c) || c.is_ascii_digit());
    text.len() <= LONGEST_NAME && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn manner(request: TestRequest, query: &[(&str, &str)]) -> Manner {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Manner::of(&request.to_http_request(), &Intake { query, ..Intake::default() })
    }

    #[test]
    fn an_answer_is_a_table_for_those_who_ask_for_one_first() {
        let accepting = |accept| manner(TestRequest::get().insert_header(("accept", accept)), &[]).csv;
        assert!(accepting("text/csv") && accepting("text/csv;q=0.9, */*"));
        assert!(!accepting("application/json, text/csv") && !accepting("*/*") && !accepting(""));
        assert!(manner(TestRequest::get(), &[("accept", "csv")]).csv);
    }

    #[test]
    fn an_answer_is_wrapped_only_in_what_is_a_name() {
        let function = |name| manner(TestRequest::get(), &[("jsonp", name)]).function;
        assert_eq!(function("jQuery_1.$cb"), Some("jQuery_1.$cb".to_owned()));
        for name in ["", "a b", "alert(1)", "1a", "a..b", "a\u{2028}", &"a".repeat(129)] {
            assert_eq!(function(name), None, "{name}");
        }
        assert_eq!(manner(TestRequest::post(), &[("jsonp", "f")]).function, None);
    }

    #[test]
    fn an_answer_is_indented_by_header_or_parameter() {
        assert!(manner(TestRequest::get().insert_header(("x-pretty-print", "true")), &[]).pretty);
        assert!(manner(TestRequest::get(), &[("pretty_print", "TRUE")]).pretty);
        assert!(!manner(TestRequest::get(), &[("pretty_print", "false")]).pretty);
    }
}
