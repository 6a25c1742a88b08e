//! Octet sequences, valid and not, by the section that has them.

/// A section, whether its sequences are valid, and these.
type Section = (&'static str, bool, Vec<Vec<u8>>);

fn of<const N: usize>(sequences: [&[u8]; N]) -> Vec<Vec<u8>> {
    sequences.map(<[u8]>::to_vec).to_vec()
}

pub(super) fn all() -> Vec<Section> {
    [valid(), boundaries(), broken(), overlong(), surrogates()].concat()
}

/// 6.5 to 6.7, 6.9, 6.22 and 6.23.
fn valid() -> Vec<Section> {
    let cosmos = "κ\u{1f79}σμε";
    let ends = |at: usize| cosmos.is_char_boundary(at);
    let beginning = |at: usize| cosmos.as_bytes()[..at].to_vec();
    let some = ["hello$world", "hello¢world", "hello€world", "hello\u{24B62}world", cosmos];
    // The last two characters of each plane, which stand for nothing.
    let planes = (0..=16).flat_map(|plane| [plane << 16 | 0xFFFE, plane << 16 | 0xFFFF]);
    let utf8 = |character: u32| char::from_u32(character).map(|one| one.to_string().into_bytes());
    vec![
        ("6.5, valid", true, some.map(|text| text.as_bytes().to_vec()).to_vec()),
        ("6.6, whole beginnings", true, (1..=11).filter(|at| ends(*at)).map(beginning).collect()),
        ("6.6, others", false, (1..=11).filter(|at| !ends(*at)).map(beginning).collect()),
        ("6.22, not characters", true, planes.filter_map(utf8).collect()),
        ("6.23, specials", true, (0xFFF9..=0xFFFF).filter_map(utf8).collect()),
    ]
}

/// 6.7 to 6.11: the first and last of each length, and around the gaps.
fn boundaries() -> Vec<Section> {
    let first: [&[u8]; 4] = [b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"];
    let first_beyond: [&[u8]; 2] = [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"];
    let last: [&[u8]; 4] = [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"];
    let last_beyond: [&[u8]; 3] =
        [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"];
    let other: [&[u8]; 4] =
        [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"];
    vec![
        ("6.7, the first of a length", true, of(first)),
        ("6.8, of 5 and 6", false, of(first_beyond)),
        ("6.9, the last of a length", true, of(last)),
        ("6.10, beyond U+10FFFF", false, of(last_beyond)),
        ("6.11, around the gaps", true, of(other)),
        ("6.11, over U+10FFFF", false, of([b"\xf4\x90\x80\x80"])),
    ]
}

/// 6.12 to 6.16: octets in the wrong place, or in none.
fn broken() -> Vec<Section> {
    let run = |length: usize| [0x80, 0xBF].into_iter().cycle().take(length).collect();
    let mut continuations: Vec<Vec<u8>> = vec![vec![0x80], vec![0xBF]];
    continuations.extend((2..=6).map(run));
    continuations.push((0x80..0xBF).collect());
    let starts = [0xC0..0xDF_u8, 0xE0..0xEF, 0xF0..0xF7, 0xF8..0xFB, 0xFC..0xFD];
    let lonely = starts.map(|starts| starts.flat_map(|start| [start, b' ']).collect()).to_vec();
    let cut_short = of([
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ]);
    let joined = cut_short.concat();
    vec![
        ("6.12, continuations of nothing", false, continuations),
        ("6.13, starts of nothing", false, lonely),
        ("6.14, the last octet is missing", false, cut_short),
        ("6.15, all of them joined", false, vec![joined]),
        ("6.16, impossible octets", false, of([b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"])),
    ]
}

/// 6.17 to 6.19: characters that are written longer than needed.
fn overlong() -> Vec<Section> {
    // Lengths 2 to 6, ending in this octet.
    let zeros = |last: u8| {
        let starts = [0xC0, 0xE0, 0xF0, 0xF8, 0xFC].into_iter();
        starts
            .zip(0..)
            .map(move |(start, more)| [&[start][..], &vec![0x80; more], &[last]].concat())
    };
    let longest = of([
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf8\x87\xbf\xbf\xbf",
        b"\xfc\x83\xbf\xbf\xbf\xbf",
    ]);
    vec![
        ("6.17, a slash", false, zeros(0xAF).collect()),
        ("6.18, the longest", false, longest),
        ("6.19, NUL", false, zeros(0x80).collect()),
    ]
}

/// 6.20 and 6.21: UTF-16's surrogates, single and paired.
fn surrogates() -> Vec<Section> {
    let single: [&[u8]; 7] = [
        b"\xed\xa0\x80",
        b"\xed\xad\xbf",
        b"\xed\xae\x80",
        b"\xed\xaf\xbf",
        b"\xed\xb0\x80",
        b"\xed\xbe\x80",
        b"\xed\xbf\xbf",
    ];
    let high = [single[0], single[1], single[2], single[3]];
    let low = [single[4], single[6]];
    let paired = high.iter().flat_map(|high| low.map(|low| [*high, low].concat())).collect();
    vec![("6.20, single surrogates", false, of(single)), ("6.21, paired", false, paired)]
}
