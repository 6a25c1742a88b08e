//! The mail queue, on the admin site.

use ::mail::{MailQuery, MailSort, MailState, Mailer, QueuedMail};
use admin::{
    Action, Answer, Column, Count, Description, Filter, FilterKind, Model, ModelError, Needs,
    Outcome, Page, Query, Record, Staff, Tone, Value,
};

pub(super) struct Mails {
    mailer: Mailer,
    description: Description,
}

impl Mails {
    pub(super) fn new(mailer: Mailer) -> Self {
        Self { mailer, description: description() }
    }

    async fn run(&self, action: &str, id: &str) -> Result<Outcome, ModelError> {
        let id = id.parse().map_err(|_| ModelError::NotFound)?;
        let done = match action {
            "retry" => self.mailer.retry(&[id]).await?,
            _ => self.mailer.discard(&[id]).await?,
        };
        match done {
            0 if action == "retry" => Err(ModelError::Refused("It has left already.".to_owned())),
            0 => Err(ModelError::NotFound),
            _ => Ok(Outcome::default()),
        }
    }
}

impl Model for Mails {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let page = self.mailer.page(&wanted(query)).await?;
            let rows = page.rows.iter().map(shown).collect();
            Ok(Page { rows, total: Count::of(page.total), note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Ok(id) = id.parse() else { return Ok(None) };
            Ok(self.mailer.get(id).await?.as_ref().map(detailed))
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(self.run(action, id))
    }
}

fn description() -> Description {
    let states = vec![("queued", "Waiting"), ("sent", "Sent"), ("failed", "Failed")];
    let drop = "Forgets it, whether it has left or not.";
    Description {
        about: "What this server has mailed, and what waits to be.",
        columns: vec![
            Column::new("created", "Asked for").sortable(),
            Column::new("to", "To").sortable(),
            Column::new("subject", "Subject"),
            Column::new("state", "State").sortable(),
            Column::new("attempts", "Attempts").sortable(),
            Column::new("next", "Next attempt").sortable(),
            Column::new("error", "Last error"),
        ],
        search: Some("address, subject and kind"),
        filters: vec![Filter::new("state", "State", FilterKind::Choice(states))],
        actions: vec![
            Action::new("retry", "Try again now", "Is tried at once.", Needs::Nothing),
            Action::new("drop", "Drop", drop, Needs::Care),
        ],
        ..Description::new("mails", "mail", "mails")
    }
}

fn wanted(query: &Query) -> MailQuery {
    let sort = query.sort.map(|sort| match sort.column {
        "to" => MailSort::Recipient,
        "state" => MailSort::State,
        "attempts" => MailSort::Attempts,
        "next" => MailSort::NextAttempt,
        _ => MailSort::Created,
    });
    let state = query.choice("state");
    MailQuery {
        search: query.search.clone(),
        state: MailState::ALL.into_iter().find(|it| Some(it.as_str()) == state),
        sort: sort.unwrap_or(MailSort::Created),
        descending: query.sort.is_none_or(|sort| sort.descending),
        offset: query.offset,
        limit: query.limit,
    }
}

fn shown(mail: &QueuedMail) -> Record {
    let state = match mail.state {
        MailState::Queued => Value::Badge("waiting", Tone::Notable),
        MailState::Sent => Value::Badge("sent", Tone::Good),
        MailState::Failed => Value::Badge("failed", Tone::Bad),
    };
    Record {
        id: mail.id.to_string(),
        name: format!("{} to {}", mail.kind, mail::masked(&mail.to)),
        cells: vec![
            Value::Time(mail.created_at),
            Value::text(&mail.to),
            Value::text(&mail.subject),
            state,
            Value::Number(mail.attempts.into()),
            Value::time(mail.next_attempt_at),
            Value::text(mail.last_error.as_deref().unwrap_or_default()),
        ],
        ..Record::default()
    }
}

fn detailed(mail: &QueuedMail) -> Record {
    let mut record = shown(mail);
    let labels = ["Asked for", "To", "Subject", "State", "Attempts", "Next attempt", "Last error"];
    record.details = vec![
        ("Kind".into(), Value::text(&mail.kind)),
        ("Left or given up".into(), Value::time(mail.finished_at)),
    ];
    let cells = record.cells.iter().cloned();
    record.details.extend(labels.into_iter().map(Into::into).zip(cells));
    record
}
