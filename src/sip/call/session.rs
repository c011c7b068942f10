//! The session that we describe (RFC 4566) and how we answer one (RFC 3264): codecs every phone has, and nobody sends
//! anything.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// What we offer, as the `version`th description of a dialog; the first is 1.
pub fn session(local: SocketAddr, version: u32) -> String {
    let mut text = head(local, version);
    text.push_str("m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n");
    text.push_str("a=rtpmap:101 telephone-event/8000\r\na=inactive\r\n");
    text
}

/// What an offer is answered: each of its streams in its place, all refused (port 0) but the first audio that we
/// could understand (RFC 3264 §6). What is no offer gets ours.
pub fn answer(offer: &[u8], local: SocketAddr, version: u32) -> String {
    let offer = String::from_utf8_lossy(offer);
    let streams = streams(&offer);
    if streams.is_empty() {
        return session(local, version);
    }
    let taken = streams.iter().position(Stream::can_be_taken);
    let mut text = head(local, version);
    for (at, stream) in streams.iter().enumerate() {
        text.push_str(&if taken == Some(at) { stream.taken() } else { stream.refused() });
    }
    text
}

fn head(local: SocketAddr, version: u32) -> String {
    let ip = local.ip().to_canonical();
    let family = if ip.is_ipv4() { 4 } else { 6 };
    let mut text = String::from("v=0\r\n");
    let _infallible =
        write!(text, "o=- 1 {version} IN IP{family} {ip}\r\ns=-\r\nc=IN IP{family} {ip}\r\nt=0 0\r\n");
    text
}

/// An `m` line of an offer and what belongs to it.
#[derive(Debug)]
struct Stream<'o> {
    media: &'o str,
    port: &'o str,
    protocol: &'o str,
    formats: Vec<&'o str>,
    /// The values of its `a=rtpmap`.
    maps: Vec<&'o str>,
}

impl<'o> Stream<'o> {
    fn read(line: &'o str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (media, port, protocol) = (words.next()?, words.next()?, words.next()?);
        Some(Self { media, port, protocol, formats: words.collect(), maps: Vec::new() })
    }

    fn can_be_taken(&self) -> bool {
        let plain = matches!(self.protocol, "RTP/AVP" | "RTP/AVPF");
        let known = self.formats.iter().any(|format| matches!(*format, "0" | "8"));
        self.media == "audio" && self.port != "0" && plain && known
    }

    fn taken(&self) -> String {
        let events = self.maps.iter().copied().filter_map(events);
        let events: Vec<&str> = events.filter(|format| self.formats.contains(format)).collect();
        let known = |format: &&&str| matches!(**format, "0" | "8") || events.contains(*format);
        let formats: Vec<&str> = self.formats.iter().filter(known).copied().collect();
        let mut text = format!("m=audio 9 {} {}\r\n", self.protocol, formats.join(" "));
        for format in &events {
            let _infallible = write!(text, "a=rtpmap:{format} telephone-event/8000\r\n");
        }
        text + "a=inactive\r\n"
    }

    fn refused(&self) -> String {
        let formats = if self.formats.is_empty() { "0".to_owned() } else { self.formats.join(" ") };
        format!("m={} 0 {} {formats}\r\n", self.media, self.protocol)
    }
}

fn streams(offer: &str) -> Vec<Stream<'_>> {
    let mut streams: Vec<Stream<'_>> = Vec::new();
    for line in offer.split(['\r', '\n']) {
        if let Some(stream) = line.strip_prefix("m=").and_then(Stream::read) {
            streams.push(stream);
        } else if let (Some(map), Some(stream)) = (line.strip_prefix("a=rtpmap:"), streams.last_mut()) {
            stream.maps.push(map);
        }
    }
    streams
}

/// The format that a map gives to key presses (RFC 4733).
fn events(map: &str) -> Option<&str> {
    let (format, encoding) = map.split_once(' ')?;
    encoding.trim().eq_ignore_ascii_case("telephone-event/8000").then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> SocketAddr {
        "192.0.2.1:5060".parse().unwrap()
    }

    /// The `m` lines of the answer to an offer, and the `a` lines.
    fn answered(offer: &str) -> Vec<String> {
        let answer = answer(offer.as_bytes(), local(), 2);
        let described = answer.lines().filter(|line| line.starts_with(['m', 'a']));
        described.map(str::to_owned).collect()
    }

    #[test]
    fn a_session_without_media_names_its_address_in_both_families() {
        let text = session(local(), 1);
        assert!(text.contains("c=IN IP4 192.0.2.1\r\n") && text.ends_with("a=inactive\r\n"), "{text}");
        assert!(session("[2001:db8::1]:5060".parse().unwrap(), 1).contains("c=IN IP6 2001:db8::1\r\n"));
    }

    #[test]
    fn every_stream_is_answered_in_its_place_and_only_the_first_audio_is_taken() {
        let offer = "v=0\r\nm=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 5000 RTP/AVP 9 8 0 96\r\n\
             a=rtpmap:96 telephone-event/8000\r\nm=audio 5002 RTP/AVP 0\r\nm=message 9 TCP/MSRP *\r\n";
        let expected = [
            "m=video 0 RTP/AVP 96",
            "m=audio 9 RTP/AVP 8 0 96",
            "a=rtpmap:96 telephone-event/8000",
            "a=inactive",
            "m=audio 0 RTP/AVP 0",
            "m=message 0 TCP/MSRP *",
        ];
        assert_eq!(answered(offer), expected);
    }

    #[test]
    fn a_stream_that_is_over_encrypted_or_of_unknown_codecs_is_refused() {
        for line in ["audio 0 RTP/AVP 0", "audio 5000 RTP/SAVP 0", "audio 5000 RTP/AVP 18"] {
            let refused = line.replacen("5000", "0", 1);
            assert_eq!(answered(&format!("v=0\nm={line}\n")), [format!("m={refused}")]);
        }
    }

    #[test]
    fn what_is_no_offer_gets_ours_and_each_description_its_number() {
        for nothing in ["", "v=0\r\n", "m=\r\n", "nonsense"] {
            assert_eq!(answer(nothing.as_bytes(), local(), 3), session(local(), 3));
        }
        assert!(session(local(), 3).contains("\r\no=- 1 3 IN IP4 192.0.2.1\r\n"));
    }
}
