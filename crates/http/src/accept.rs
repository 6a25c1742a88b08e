//! What a client says that it can read (RFC 9110, section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether `Accept` names `media_type` with a weight above 0. Wildcards name nothing: what
/// sends them will take whatever comes.
#[must_use]
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut named = lines.flat_map(|line| line.split(',')).filter_map(named);
    named.any(|named| named.eq_ignore_ascii_case(media_type))
}

/// The media type of one entry of `Accept`, unless its weight is 0.
fn named(entry: &str) -> Option<&str> {
    let mut parts = entry.split(';').map(str::trim);
    let media_type = parts.next()?;
    let refused = parts.any(|parameter| {
        let weight = parameter.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("q"));
        weight.is_some_and(|(_, value)| value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0))
    });
    (!refused).then_some(media_type)
}
