//! What a user agent is, in a few words that its owner knows it by.

/// How a device is called, and the icon that stands for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) label: String,
    pub(super) icon: &'static str,
}

/// Signs of browsers; the order matters, as most claim to be several.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Signs of systems, and whether one carries them in a pocket.
const SYSTEMS: [(&str, &str, bool); 7] = [
    ("Android", "Android", true),
    ("iPhone", "iPhone", true),
    ("iPad", "iPad", true),
    ("Windows", "Windows", false),
    ("Mac OS X", "macOS", false),
    ("CrOS", "ChromeOS", false),
    ("Linux", "Linux", false),
];

/// The most characters of an unknown program's name.
const MAX_NAME: usize = 40;

impl Device {
    pub(super) fn of(user_agent: Option<&str>) -> Self {
        let text = user_agent.unwrap_or_default();
        let browser = BROWSERS.iter().find(|(sign, _)| text.contains(sign));
        let Some((_, browser)) = browser else { return Self::program(text) };
        match SYSTEMS.iter().find(|(sign, _, _)| text.contains(sign)) {
            Some((_, system, mobile)) => Self {
                label: format!("{browser} on {system}"),
                icon: if *mobile { "phone" } else { "computer" },
            },
            None => Self { label: (*browser).to_owned(), icon: "computer" },
        }
    }

    /// `curl/8.5.0` is "curl".
    fn program(text: &str) -> Self {
        let name = text.split(['/', ' ', '(', ';']).next().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        let label = if name.is_empty() { "Unknown program".to_owned() } else { name };
        Self { label, icon: "terminal" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_called_by_what_their_owners_know() {
        for (user_agent, label, icon) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
                "Chrome on Linux",
                "computer",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
                "phone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 Chrome/140.0 Safari/537 Edg/140.0",
                "Edge on Windows",
                "computer",
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
                "Firefox on Android",
                "phone",
            ),
            ("curl/8.5.0", "curl", "terminal"),
            ("", "Unknown program", "terminal"),
        ] {
            let expected = Device { label: label.to_owned(), icon };
            assert_eq!(Device::of(Some(user_agent)), expected);
        }
        assert_eq!(Device::of(None).label, "Unknown program");
    }
}
