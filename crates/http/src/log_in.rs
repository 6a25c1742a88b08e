//! The address of a log-in page that leads back.
//!
//! Absent: which addresses may be led to. The page that is given one judges it.

use form_urlencoded::byte_serialize;

/// `page?next=<next>`, where `next` is a path with its query, as in a request.
#[must_use]
pub fn log_in_address(page: &str, next: &str) -> String {
    let next: String = byte_serialize(next.as_bytes()).collect();
    // A slash needs no escape in a query (RFC 3986, section 3.4), and reads better.
    format!("{page}?next={}", next.replace("%2F", "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_one_value_of_the_query() {
        assert_eq!(log_in_address("/login/", "/"), "/login/?next=/");
        let nested = log_in_address("/login/", "/rooms/a%20b?x=1&y");
        assert_eq!(nested, "/login/?next=/rooms/a%2520b%3Fx%3D1%26y");
    }
}
