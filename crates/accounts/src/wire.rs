//! The JSON of this crate's routes, as `docs/PROTOCOL.md` has it.

use serde::{Deserialize, Deserializer, Serialize, de};

/// Body of `POST /api/register`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    #[serde(deserialize_with = "non_empty")]
    pub(crate) username: String,
}

/// Body of `POST /api/login`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIn {
    #[serde(deserialize_with = "non_empty")]
    pub(crate) key: String,
}

/// Answer to `POST /api/register`.
#[derive(Serialize)]
pub(crate) struct Registered<'a> {
    pub(crate) key: &'a str,
}

/// Answer where the status says it all.
#[derive(Serialize)]
pub(crate) struct Done {}

/// Answer to `GET /api/online`.
#[derive(Serialize)]
pub(crate) struct Online {
    pub(crate) online_clients: Vec<String>,
}

/// Answer to `GET /api/user/@me`.
#[derive(Serialize)]
pub(crate) struct Me<'a> {
    pub(crate) username: &'a str,
}

/// Answer to `GET /api/user/{username}`.
#[derive(Serialize)]
pub(crate) struct User<'a> {
    pub(crate) username: &'a str,
    pub(crate) online: bool,
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(de::Error::custom("empty")) } else { Ok(text) }
}
