//! The codecs that a document lists.

use super::layers::Layers;

/// Names of codecs, best first and each once.
pub(super) fn of(layers: &Layers<'_>) -> Vec<String> {
    let listed = layers.at("media.audio.codecs").and_then(|value| value.as_array());
    let mut names: Vec<String> = Vec::new();
    for name in listed.into_iter().flatten().filter_map(|value| value.as_str()).map(codec) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { vec!["pcmu".to_owned()] } else { names }
}

/// Kazoo writes codecs with clock rates and in several spellings.
fn codec(name: &str) -> String {
    match name {
        "G7221@16000h" | "G722_16" => "g7221_16".to_owned(),
        "G7221@32000h" | "G722_32" => "g7221_32".to_owned(),
        _ => name.split(['@', '_']).next().unwrap_or_default().to_ascii_lowercase(),
    }
}
