//! The body of a NOTIFY of the `reg` event package (RFC 3680 §5), as far as it says where phones are.

use roxmltree::{Document, Node, ParsingOptions};

use crate::sip::address::{Aor, Target};

/// The most elements, attributes and texts that are read of one document.
const MAX_NODES: u32 = 4_096;

/// What one document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reginfo {
    /// Goes up by one with every document of a subscription.
    pub version: u64,
    /// True when it says everything, false when it says what has changed.
    pub full: bool,
    /// The registrations it speaks of.
    pub registrations: Vec<Registration>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Whose it is; `None` where that cannot be read.
    pub aor: Option<Aor>,
    /// Its id in all documents of a subscription.
    pub id: String,
    /// False when it has no contacts any more.
    pub active: bool,
    /// The contacts that are told of.
    pub contacts: Vec<(String, Told)>,
}

/// What is told of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A phone is there.
    There(Contact),
    /// None is, any more.
    Gone,
}

/// Where a phone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its address.
    pub uri: Target,
    /// The seconds until it ends, if that is said.
    pub expires: Option<u32>,
    /// The `Call-ID` of its REGISTER, or nothing.
    pub call_id: String,
}

impl Reginfo {
    /// Reads a document; the words say why it cannot be.
    pub fn read(text: &str) -> Result<Self, String> {
        let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
        let root = document.root_element();
        if root.tag_name().name() != "reginfo" {
            return Err(format!("<{}> is not <reginfo>", root.tag_name().name()));
        }
        let version = root.attribute("version").and_then(|version| version.trim().parse().ok());
        Ok(Self {
            version: version.ok_or("reginfo has no version")?,
            full: root.attribute("state") != Some("partial"),
            registrations: named(root, "registration").map(Registration::read).collect(),
        })
    }
}

impl Registration {
    fn read(node: Node<'_, '_>) -> Self {
        Self {
            aor: node.attribute("aor").and_then(Aor::read),
            id: node.attribute("id").unwrap_or_default().to_owned(),
            active: node.attribute("state") == Some("active"),
            contacts: named(node, "contact").filter_map(contact).collect(),
        }
    }
}

/// `None` where nobody could be reached by it.
fn contact(node: Node<'_, '_>) -> Option<(String, Told)> {
    let id = node.attribute("id").unwrap_or_default().to_owned();
    if node.attribute("state") != Some("active") {
        return Some((id, Told::Gone));
    }
    let uri = named(node, "uri").next()?.text()?;
    let contact = Contact {
        uri: Target::new(uri.trim())?,
        expires: node.attribute("expires").and_then(|seconds| seconds.trim().parse().ok()),
        call_id: node.attribute("callid").unwrap_or_default().to_owned(),
    };
    Some((id, Told::There(contact)))
}

fn named<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A document with one registration, as RFC 3680 §5.5 shows it.
    pub(in crate::sip::subscribe) fn document(version: u64, state: &str, contacts: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" \
             state=\"{state}\"><registration aor=\"sip:joe@example.com\" id=\"a7\" state=\"active\">{contacts}\
             </registration></reginfo>"
        )
    }

    pub(in crate::sip::subscribe) fn active(id: &str, uri: &str) -> String {
        format!(
            "<contact id=\"{id}\" state=\"active\" event=\"registered\" expires=\"36\" callid=\"c\" cseq=\"1\">\
             <uri>{uri}</uri></contact>"
        )
    }

    #[test]
    fn a_document_says_who_is_where() {
        let gone = "<contact id=\"77\" state=\"terminated\" event=\"expired\"><uri>sip:x@h</uri></contact>";
        let text = document(3, "partial", &(active("76", " sip:joe@10.0.0.1;x=&quot;y&quot; ") + gone));
        let read = Reginfo::read(&text).unwrap();
        let uri = Target::new("sip:joe@10.0.0.1;x=\"y\"").unwrap();
        let there = Contact { uri, expires: Some(36), call_id: "c".to_owned() };
        assert_eq!((read.version, read.full), (3, false));
        assert_eq!(read.registrations[0].aor, Some(Aor::new("joe", "example.com")));
        assert_eq!((&read.registrations[0].id[..], read.registrations[0].active), ("a7", true));
        let contacts = [("76".to_owned(), Told::There(there)), ("77".to_owned(), Told::Gone)];
        assert_eq!(read.registrations[0].contacts, contacts);
    }

    #[test]
    fn what_is_no_reginfo_is_refused_in_words() {
        let many = "<a/>".repeat(MAX_NODES as usize);
        for wrong in ["", "<presence/>", "<reginfo/>", "<reginfo version=\"x\"/>", "<reginfo version=\"1\">"]
        {
            assert!(!Reginfo::read(wrong).unwrap_err().is_empty(), "{wrong}");
        }
        assert!(Reginfo::read(&format!("<reginfo version=\"1\">{many}</reginfo>")).is_err());
        let entities = "<!DOCTYPE r [<!ENTITY a \"b\">]><reginfo version=\"1\"/>";
        assert!(Reginfo::read(entities).is_err(), "a document type is nothing that is needed here");
    }

    #[test]
    fn a_contact_that_nobody_could_call_is_left_out() {
        let text = document(0, "full", &(active("1", "tel:+431") + "<contact id=\"2\" state=\"active\"/>"));
        assert_eq!(Reginfo::read(&text).unwrap().registrations[0].contacts, []);
    }
}
