//! Sessions and tokens: where people are signed in, and ending it.

use admin::{
    Action, Answer, Column, Count, Description, Filter, FilterKind, Model, ModelError, Needs,
    Outcome, Page, Query, Record, Staff, Value,
};
use base::SessionRef;

use super::people;
use crate::{Accounts, SessionInfo, SessionKind, SessionQuery, SessionSort};

pub(super) struct Sessions {
    accounts: Accounts,
    description: Description,
}

impl Sessions {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self { accounts, description: description() }
    }
}

impl Model for Sessions {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let page = self.accounts.sessions_page(&session_query(query)).await?;
            let rows = page.rows.iter().map(shown).collect();
            Ok(Page { rows, total: Count::of(page.total), note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Ok(session) = id.parse().map(SessionRef) else { return Ok(None) };
            Ok(self.accounts.session_info(session).await?.as_ref().map(detailed))
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let session = id.parse().map(SessionRef).map_err(|_| ModelError::NotFound)?;
            match self.accounts.end_sessions(&[session]).await? {
                0 => Err(ModelError::NotFound),
                _ => Ok(Outcome::default()),
            }
        })
    }
}

fn description() -> Description {
    let kinds = vec![("browser", "Browser sessions"), ("token", "API tokens")];
    let end = "Signs that device out, or revokes that token, and closes what it has open.";
    Description {
        about: "Where people are signed in: browsers, and the tokens of their programs.",
        columns: vec![
            Column::new("username", "Whose").sortable(),
            Column::new("kind", "Kind"),
            Column::new("device", "Device"),
            Column::new("address", "Address"),
            Column::new("created", "Opened").sortable(),
            Column::new("last_used", "Last used").sortable(),
        ],
        search: Some("username, email address and network address"),
        filters: vec![Filter::new("kind", "Kind", FilterKind::Choice(kinds))],
        actions: vec![Action::new("end", "End", end, Needs::Confirmation)],
        ..Description::new("sessions", "session or token", "sessions and tokens")
    }
}

fn session_query(query: &Query) -> SessionQuery {
    let (sort, descending) = match query.sort {
        None => (SessionSort::LastUsed, true),
        Some(sort) => {
            let by = match sort.column {
                "username" => SessionSort::Username,
                "created" => SessionSort::Created,
                _ => SessionSort::LastUsed,
            };
            (by, sort.descending)
        }
    };
    let kind = query.choice("kind").map(|kind| match kind {
        "token" => SessionKind::Token,
        _ => SessionKind::Browser,
    });
    SessionQuery {
        search: query.search.clone(),
        kind,
        account: None,
        sort,
        descending,
        offset: query.offset,
        limit: query.limit,
    }
}

fn shown(info: &SessionInfo) -> Record {
    let kind = match info.kind {
        SessionKind::Browser => "browser",
        SessionKind::Token => "token",
    };
    let device = info.name.as_deref().or(info.user_agent.as_deref()).unwrap_or_default();
    Record {
        id: info.session.to_string(),
        name: format!("{kind} of {}", info.username),
        cells: vec![
            Value::text(&info.username),
            Value::text(kind),
            Value::text(device),
            Value::text(&info.address),
            Value::Time(info.created_at),
            Value::Time(info.last_used_at),
        ],
        ..Record::default()
    }
}

fn detailed(info: &SessionInfo) -> Record {
    let mut record = shown(info);
    let owner = Value::Link(info.username.clone(), people::SLUG, info.account.to_string());
    record.details = vec![
        ("Whose".into(), owner),
        ("Kind".into(), record.cells[1].clone()),
        ("Name".into(), Value::text(info.name.as_deref().unwrap_or_default())),
        ("Device".into(), Value::text(info.user_agent.as_deref().unwrap_or_default())),
        ("Address".into(), Value::text(&info.address)),
        ("Opened".into(), Value::Time(info.created_at)),
        ("Last used".into(), Value::Time(info.last_used_at)),
    ];
    record
}
