//! Accounts: who there is, and what can be done about it.

use admin::{
    Action, Answer, Column, Consequence, Count, Created, Description, Field, FieldKind, Filter,
    FilterKind, Input, Model, ModelError, Needs, Outcome, Page, Query, Record, Revealed, Staff,
    Tone, Value,
};
use base::AccountId;

use crate::{
    AccountEdit, AccountQuery, AccountSort, Accounts, ChangeError, Invalid, NewAccount, Profile,
    RegisterError, Username,
};

/// The model's slug.
pub(super) const SLUG: &str = "accounts";

/// The most characters of a first or last name.
const MAX_NAME: usize = 150;

pub(super) struct People {
    accounts: Accounts,
    description: Description,
}

impl People {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self { accounts, description: description() }
    }

    async fn add(&self, input: &Input) -> Result<Created, ModelError> {
        if let Some(email) = input.filled("email") {
            let account = self
                .accounts
                .create_account(NewAccount {
                    username: input.text("username").to_owned(),
                    email: email.to_owned(),
                    password: None,
                    first_name: input.text("first_name").to_owned(),
                    last_name: input.text("last_name").to_owned(),
                    is_staff: input.flag("is_staff"),
                })
                .await?;
            return Ok((account.to_string(), Outcome::default()));
        }
        // Without an address there is no way to set a password: they get a key.
        let username: Username = input.text("username").parse().map_err(|problem| {
            ModelError::from(ChangeError::Invalid(vec![Invalid::Username(problem)]))
        })?;
        let key = self.accounts.register(&username).await.map_err(|error| match error {
            RegisterError::Taken => ChangeError::UsernameTaken.into(),
            RegisterError::TooMany(wait) => ModelError::from(ChangeError::TooMany(wait)),
            RegisterError::Storage(error) => error.into(),
        })?;
        let summary = self.accounts.find(&username).await?;
        let account = summary.ok_or(ModelError::NotFound)?.account;
        let edit = AccountEdit {
            first_name: Some(input.text("first_name").to_owned()),
            last_name: Some(input.text("last_name").to_owned()),
            is_staff: Some(input.flag("is_staff")),
            ..AccountEdit::default()
        };
        self.accounts.edit_account(account, edit).await?;
        let key = Revealed { label: "access key".to_owned(), secret: key.expose().to_owned() };
        Ok((account.to_string(), Outcome { reveal: vec![key] }))
    }

    async fn change(&self, by: &Staff, id: &str, input: &Input) -> Result<(), ModelError> {
        let account = account(id)?;
        let (is_staff, is_active) = (input.flag("is_staff"), input.flag("is_active"));
        if account == by.account && !(is_staff && is_active) {
            return Err(own());
        }
        let edit = AccountEdit {
            username: Some(input.text("username").to_owned()),
            email: Some(input.text("email").to_owned()),
            first_name: Some(input.text("first_name").to_owned()),
            last_name: Some(input.text("last_name").to_owned()),
            shows_username: Some(input.flag("shows_username")),
            is_staff: Some(is_staff),
            is_active: Some(is_active),
        };
        self.accounts.edit_account(account, edit).await?;
        Ok(())
    }

    async fn run(&self, by: &Staff, action: &str, id: &str) -> Result<Outcome, ModelError> {
        let account = account(id)?;
        let own_risk = matches!(action, "deactivate" | "demote" | "delete");
        if account == by.account && own_risk {
            return Err(own());
        }
        let one = [account];
        let changed = match action {
            "reset" => return self.reset(account).await,
            "end-sessions" => {
                self.accounts.end_all_sessions(account).await?;
                1
            }
            "deactivate" => self.accounts.set_active(&one, false).await?,
            "activate" => self.accounts.set_active(&one, true).await?,
            "promote" => {
                let profile = self.accounts.profile(account).await?;
                // The person who registered may not own the address.
                if profile.is_some_and(|who| who.email.is_some() && !who.email_confirmed) {
                    let reason = "Nobody has confirmed its address: it may be anybody's.";
                    return Err(ModelError::Refused(reason.to_owned()));
                }
                self.accounts.set_staff(&one, true).await?
            }
            "demote" => self.accounts.set_staff(&one, false).await?,
            "delete" => self.accounts.delete_accounts(&one).await?,
            _ => 0,
        };
        if changed == 0 { Err(ModelError::NotFound) } else { Ok(Outcome::default()) }
    }

    async fn reset(&self, account: AccountId) -> Result<Outcome, ModelError> {
        if self.accounts.send_reset_link(account).await? {
            return Ok(Outcome::default());
        }
        let reason = "It has no confirmed address to send a link to, or is not active.";
        Err(ModelError::Refused(reason.to_owned()))
    }
}

impl Model for People {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let page = self.accounts.accounts_page(&account_query(query)).await?;
            let rows = page.rows.iter().map(shown).collect();
            Ok(Page { rows, total: Count::of(page.total), note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Ok(account) = account(id) else { return Ok(None) };
            Ok(self.accounts.profile(account).await?.as_ref().map(detailed))
        })
    }

    fn create<'a>(&'a self, _by: &'a Staff, input: &'a Input) -> Answer<'a, Created> {
        Box::pin(self.add(input))
    }

    fn update<'a>(&'a self, by: &'a Staff, id: &'a str, input: &'a Input) -> Answer<'a, ()> {
        Box::pin(self.change(by, id, input))
    }

    fn consequences<'a>(
        &'a self,
        action: &'a str,
        ids: &'a [String],
    ) -> Answer<'a, Vec<Consequence>> {
        Box::pin(async move {
            if !matches!(action, "end-sessions" | "deactivate" | "delete") {
                return Ok(Vec::new());
            }
            let mut count = 0;
            for id in ids {
                let Ok(account) = account(id) else { continue };
                count += self.accounts.sessions(account).await?.len() as u64;
            }
            Ok(vec![Consequence { count, what: "sessions and tokens end" }])
        })
    }

    fn act<'a>(&'a self, by: &'a Staff, action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(self.run(by, action, id))
    }
}

fn description() -> Description {
    Description {
        about: "Everybody who can sign in.",
        columns: vec![
            Column::new("username", "Username").sortable(),
            Column::new("email", "Email").sortable(),
            Column::new("name", "Name"),
            Column::new("state", "State"),
            Column::new("created", "Registered").sortable(),
            Column::new("last_login", "Last sign-in").sortable(),
        ],
        search: Some("username, email address and names"),
        filters: vec![
            Filter::new("active", "Active", FilterKind::Flag),
            Filter::new("staff", "Staff", FilterKind::Flag),
        ],
        actions: actions(),
        fields: fields(),
        create: true,
        edit: true,
        ..Description::new(SLUG, "account", "accounts")
    }
}

fn actions() -> Vec<Action> {
    let ask = |slug, label, about| Action::new(slug, label, about, Needs::Confirmation);
    let delete = "Deletes the account with its credentials. What it said in rooms stays, under \
                  its name.";
    vec![
        ask("reset", "Send reset link", "Mails a link to choose a new password, good for an hour."),
        ask("end-sessions", "End sessions", "Signs it out everywhere and revokes its tokens."),
        ask("deactivate", "Deactivate", "It can no longer sign in, and is signed out everywhere."),
        ask("activate", "Activate", "It can sign in again."),
        ask("promote", "Make staff", "It may use this site, like you."),
        ask("demote", "Make no staff", "It may no longer use this site."),
        Action::new("delete", "Delete", delete, Needs::Care),
    ]
}

fn fields() -> Vec<Field> {
    let text = |name, label, max| Field::new(name, label, FieldKind::Text(max));
    let flag = |name, label| Field::new(name, label, FieldKind::Flag);
    vec![
        text("username", "Username", 32)
            .help("Letters A to Z and digits. When adding, it may be left to the address."),
        Field::new("email", "Email", FieldKind::Email).help(
            "Taken as confirmed. Whoever is added without one gets an access key, shown to you \
             once.",
        ),
        text("first_name", "First name", MAX_NAME),
        text("last_name", "Last name", MAX_NAME),
        flag("shows_username", "Shows the username instead of the address").only_edit(),
        flag("is_active", "Active").only_edit().help("Who is not cannot sign in."),
        flag("is_staff", "Staff").help("May use this site."),
    ]
}

fn account_query(query: &Query) -> AccountQuery {
    let (sort, descending) = match query.sort {
        None => (AccountSort::Created, true),
        Some(sort) => {
            let by = match sort.column {
                "username" => AccountSort::Username,
                "email" => AccountSort::Email,
                "last_login" => AccountSort::LastLogin,
                _ => AccountSort::Created,
            };
            (by, sort.descending)
        }
    };
    AccountQuery {
        search: query.search.clone(),
        staff: query.flag("staff"),
        active: query.flag("active"),
        sort,
        descending,
        offset: query.offset,
        limit: query.limit,
    }
}

fn account(id: &str) -> Result<AccountId, ModelError> {
    id.parse().map(AccountId).map_err(|_| ModelError::NotFound)
}

fn own() -> ModelError {
    ModelError::Refused("This is your own account: ask another admin.".to_owned())
}

fn shown(profile: &Profile) -> Record {
    let name = format!("{} {}", profile.first_name, profile.last_name);
    let state = match (profile.is_active, profile.is_staff) {
        (false, _) => Value::Badge("inactive", Tone::Bad),
        (true, true) => Value::Badge("staff", Tone::Notable),
        (true, false) => Value::Badge("active", Tone::Good),
    };
    Record {
        id: profile.account.to_string(),
        name: profile.username.clone(),
        cells: vec![
            Value::text(&profile.username),
            Value::text(profile.email.as_deref().unwrap_or_default()),
            Value::text(name.trim()),
            state,
            Value::Time(profile.created_at),
            Value::time(profile.last_login_at),
        ],
        ..Record::default()
    }
}

fn detailed(profile: &Profile) -> Record {
    let mut record = shown(profile);
    let set = |flag: bool| if flag { "on".to_owned() } else { String::new() };
    record.details = vec![
        ("Account".into(), Value::Number(profile.account.0)),
        ("Registered".into(), Value::Time(profile.created_at)),
        ("Last sign-in".into(), Value::time(profile.last_login_at)),
        ("Address confirmed".into(), Value::Flag(profile.email_confirmed)),
        ("Has a password".into(), Value::Flag(profile.has_password)),
        ("Password changed".into(), Value::time(profile.password_changed_at)),
        ("Has an access key".into(), Value::Flag(profile.has_key)),
    ];
    record.fields = vec![
        ("username", profile.username.clone()),
        ("email", profile.email.clone().unwrap_or_default()),
        ("first_name", profile.first_name.clone()),
        ("last_name", profile.last_name.clone()),
        ("shows_username", set(profile.shows_username)),
        ("is_active", set(profile.is_active)),
        ("is_staff", set(profile.is_staff)),
    ];
    record
}
