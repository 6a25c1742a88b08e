//! The built-in templates, by file name.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [
            ("layout.html", include_str!("../../templates/layout.html")),
            $(
                (
                    concat!($name, ".subject.txt"),
                    include_str!(concat!("../../templates/", $name, ".subject.txt")),
                ),
                (concat!($name, ".txt"), include_str!(concat!("../../templates/", $name, ".txt"))),
                (
                    concat!($name, ".html"),
                    include_str!(concat!("../../templates/", $name, ".html")),
                ),
            )*
        ]
    };
}

/// Name and text of each; the layout, then three for each mail.
pub(super) const BUILT_IN: [(&str, &str); 19] = files![
    "password_reset",
    "confirm_address",
    "already_registered",
    "password_changed",
    "address_changed",
    "test",
];
