use super::*;

fn client(host: &str, secure: bool) -> Client {
    let peer = "127.0.0.1:1".parse().unwrap();
    Client { address: [127, 0, 0, 1].into(), peer, secure, host: Some(host.to_owned()) }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let parsed = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), value.parse().unwrap())
    };
    pairs.iter().map(parsed).collect()
}

fn allows(origin: &str, host: &str, secure: bool) -> bool {
    OriginPolicy::default().allows(&headers(&[("origin", origin)]), &client(host, secure))
}

#[test]
fn scripts_pass_without_an_origin() {
    let policy = OriginPolicy::default();
    assert!(policy.allows(&HeaderMap::new(), &client("localhost:7777", false)));
}

#[test]
fn the_own_origin_passes() {
    assert!(allows("http://localhost:7777", "localhost:7777", false));
    assert!(allows("http://Chat.example.org", "chat.example.org", false));
    assert!(allows("https://chat.example.org", "chat.example.org:443", true));
    assert!(allows("http://chat.example.org:80", "chat.example.org", false));
    assert!(allows("http://[::1]:7777", "[::1]:7777", false));
}

#[test]
fn another_origin_does_not() {
    assert!(!allows("http://evil.example", "localhost:7777", false));
    assert!(!allows("http://localhost:7778", "localhost:7777", false));
    assert!(!allows("http://localhost", "localhost:7777", false));
    assert!(!allows("http://localhost:7777.evil.example", "localhost:7777", false));
    assert!(!allows("http://chat.example.org.evil.example", "chat.example.org", false));
    assert!(!allows("null", "localhost:7777", false));
    assert!(!allows("", "localhost:7777", false));
    assert!(!allows("http://user@localhost:7777", "localhost:7777", false));
    assert!(!allows("file://localhost:7777", "localhost:7777", false));
}

#[test]
fn the_scheme_may_rise_but_not_fall() {
    assert!(allows("https://chat.example.org", "chat.example.org", false));
    assert!(!allows("http://chat.example.org", "chat.example.org", true));
    assert!(!allows("https://chat.example.org", "chat.example.org:80", false));
}

#[test]
fn two_origins_are_none() {
    let twice =
        headers(&[("origin", "http://localhost:7777"), ("origin", "http://localhost:7777")]);
    let policy = OriginPolicy::default();
    assert!(!policy.allows(&twice, &client("localhost:7777", false)));
}

#[test]
fn configured_origins_pass() {
    let policy = OriginPolicy {
        own: Some("https://chat.example.org/".parse().unwrap()),
        allowed: vec!["https://intranet.example:8443".parse().unwrap()],
    };
    let inner = client("127.0.0.1:7777", false);
    assert!(policy.allows(&headers(&[("origin", "https://chat.example.org")]), &inner));
    assert!(policy.allows(&headers(&[("origin", "https://intranet.example:8443")]), &inner));
    assert!(!policy.allows(&headers(&[("origin", "https://intranet.example")]), &inner));
}

#[test]
fn the_browsers_word_on_the_site_goes_first() {
    let policy =
        OriginPolicy { own: None, allowed: vec!["https://friend.example".parse().unwrap()] };
    let here = client("localhost:7777", false);
    let judge = |site: &str, origin: &str| {
        let sent = headers(&[("sec-fetch-site", site), ("origin", origin)]);
        policy.allows_unsafe(&sent, &here)
    };
    assert!(judge("same-origin", "http://localhost:7777"));
    assert!(judge("none", "http://localhost:7777"));
    assert!(!judge("same-site", "http://localhost:7777"));
    assert!(!judge("cross-site", "https://evil.example"));
    assert!(judge("cross-site", "https://friend.example"));
    let bare = headers(&[("sec-fetch-site", "cross-site")]);
    assert!(!policy.allows_unsafe(&bare, &here));
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    for origin in ["https://chat.example.org", "http://[::1]:7777", "https://a:80"] {
        assert_eq!(origin.parse::<Origin>().unwrap().to_string(), origin);
    }
    let spelled = "HTTPS://Chat.example.org:443/".parse::<Origin>().unwrap();
    assert_eq!(spelled.to_string(), "https://chat.example.org");
}

#[test]
fn a_socket_on_the_own_host_may_say_so() {
    assert!(allows("ws://localhost:7777", "localhost:7777", false));
    assert!(allows("wss://chat.example.org", "chat.example.org", true));
    assert!(!allows("ws://chat.example.org", "chat.example.org", true));
    assert!(!allows("ws://evil.example", "localhost:7777", false));
}

#[test]
fn what_is_no_web_origin_may_be_named_and_gets_no_cookie() {
    let named = ["null", "file://", "capacitor://localhost", "ionic://localhost"];
    let allowed = named.map(|name| name.parse().unwrap()).to_vec();
    let policy = OriginPolicy { own: None, allowed };
    let here = client("localhost:7777", false);
    for name in named {
        let sent = headers(&[("origin", name)]);
        assert!(!policy.allows(&sent, &here), "{name}");
        assert!(policy.allows_without_cookies(&sent, &here), "{name}");
        assert!(!policy.allows_unsafe(&sent, &here), "{name}");
        assert!(!OriginPolicy::default().allows_without_cookies(&sent, &here), "{name}");
    }
    let other = headers(&[("origin", "ionic://evil")]);
    assert!(!policy.allows_without_cookies(&other, &here));
    for bad in ["nil", "file://a/b", "ftp://a", "data:", "capacitor:localhost"] {
        assert_eq!(bad.parse::<NamedOrigin>(), Err(InvalidOrigin), "{bad}");
    }
}

#[test]
fn only_origins_parse_as_origins() {
    for bad in
        ["chat.example.org", "https://", "https://a/b", "ws://a", "https://a:x", "https://a:"]
    {
        assert_eq!(bad.parse::<Origin>(), Err(InvalidOrigin), "{bad}");
    }
}
