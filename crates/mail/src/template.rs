//! What a capability declares of each mail that it sends.

use std::time::Duration;

/// One kind of mail: its name, its built-in texts, and what they can say. Made by
/// [`templates!`](crate::templates!).
#[derive(Debug)]
pub struct Template {
    /// What its files are called, without their endings; shown to the operator, and counted
    /// separately by the limit on one mailbox.
    pub name: &'static str,
    /// One line.
    pub subject: &'static str,
    /// The plain text.
    pub text: &'static str,
    /// The same as HTML, set in the layout.
    pub html: &'static str,
    /// The values that it says, besides `site` and `url`, which all have.
    pub values: &'static [&'static str],
    /// How long its link works; later the mail is not worth delivering, and `valid` says so
    /// in words.
    pub link_life: Option<Duration>,
}

impl Template {
    /// The names of its files, with the built-in text of each.
    pub(crate) fn files(&self) -> [(String, &'static str); 3] {
        let file = |part: Part| format!("{}.{}", self.name, part.ending());
        [
            (file(Part::Subject), self.subject),
            (file(Part::Text), self.text),
            (file(Part::Html), self.html),
        ]
    }
}

/// One of the three texts of a mail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "txt",
            Self::Html => "html",
        }
    }
}

/// Declares the mails of a crate, and `ALL` of them in this order:
///
/// ```ignore
/// mail::templates! {
///     /// Its link sets a new password.
///     PASSWORD_RESET = "password_reset", [name, link, valid], Some(RESET_LIFE);
/// }
/// ```
///
/// The name, the values that its texts say, and how long its link works. The texts are
/// `mails/<name>.subject.txt`, `.txt` and `.html` in the folder of the crate. Of the values,
/// a [`Draft`](crate::Draft) fills in `name` and `link` by methods of their own, `valid`
/// comes from the life of the link, and any other is set by its name.
#[macro_export]
macro_rules! templates {
    ($(
        $(#[$about:meta])*
        $TEMPLATE:ident = $name:literal, [$($value:ident),* $(,)?], $link_life:expr;
    )+) => {
        $(
            $(#[$about])*
            pub static $TEMPLATE: $crate::Template = $crate::Template {
                name: $name,
                subject: $crate::templates!(@file $name, ".subject.txt"),
                text: $crate::templates!(@file $name, ".txt"),
                html: $crate::templates!(@file $name, ".html"),
                values: &[$(::std::stringify!($value)),*],
                link_life: $link_life,
            };
        )+

        /// All mails declared here.
        pub const ALL: &[&$crate::Template] = &[$(&$TEMPLATE),+];
    };
    (@file $name:literal, $ending:literal) => {
        ::std::include_str!(::std::concat!(
            ::std::env!("CARGO_MANIFEST_DIR"),
            "/mails/",
            $name,
            $ending
        ))
    };
}
