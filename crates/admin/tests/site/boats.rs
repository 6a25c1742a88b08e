//! A model in memory: 120 boats, of which every tenth is aground.

use std::sync::Arc;

use admin::{
    Action, Answer, Column, Consequence, Count, Created, Description, Field, FieldError, FieldKind,
    Filter, FilterKind, Input, Model, ModelError, Needs, Outcome, Page, Query, Record, Revealed,
    Staff, Value,
};
use parking_lot::Mutex;

#[derive(Clone, Default)]
struct Boat {
    id: u32,
    name: String,
    home: String,
    afloat: bool,
    painted: u32,
}

#[derive(Clone)]
pub(crate) struct Boats {
    fleet: Arc<Mutex<Vec<Boat>>>,
    failure: Arc<Mutex<Option<String>>>,
    description: Arc<Description>,
}

impl Boats {
    pub(crate) fn new() -> Self {
        let boat = |id: u32| Boat {
            id,
            name: format!("boat {id}"),
            home: "north".into(),
            afloat: !id.is_multiple_of(10),
            painted: 0,
        };
        let homes = vec![("north", "North"), ("south", "South")];
        let description = Description {
            about: "What floats.",
            columns: vec![Column::new("name", "Name").sortable(), Column::new("afloat", "Afloat")],
            search: Some("the name"),
            filters: vec![Filter::new("afloat", "Afloat", FilterKind::Flag)],
            actions: vec![
                Action::new("paint", "Paint", "Gives it a coat.", Needs::Nothing),
                Action::new("key", "New key", "Cuts a key.", Needs::Nothing),
                Action::new("sink", "Sink", "Sends it down.", Needs::Care),
            ],
            fields: vec![
                Field::new("name", "Name", FieldKind::Text(40)).required(),
                Field::new("home", "Home", FieldKind::Choice(homes)).required(),
                Field::new("afloat", "Afloat", FieldKind::Flag).only_edit().help("Or aground."),
            ],
            create: true,
            edit: true,
            ..Description::new("boats", "boat", "boats")
        };
        Self {
            fleet: Arc::new(Mutex::new((1..=120).map(boat).collect())),
            failure: Arc::default(),
            description: Arc::new(description),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.fleet.lock().len()
    }

    pub(crate) fn painted(&self) -> Vec<u32> {
        self.fleet.lock().iter().filter(|boat| boat.painted > 0).map(|boat| boat.id).collect()
    }

    pub(crate) fn fail(&self, cause: &str) {
        *self.failure.lock() = Some(cause.to_owned());
    }

    fn record(boat: &Boat) -> Record {
        Record {
            id: boat.id.to_string(),
            name: boat.name.clone(),
            cells: vec![Value::text(&boat.name), Value::Flag(boat.afloat)],
            details: vec![("Coats".into(), Value::Number(boat.painted.into()))],
            fields: vec![
                ("name", boat.name.clone()),
                ("home", boat.home.clone()),
                ("afloat", if boat.afloat { "on".into() } else { String::new() }),
            ],
        }
    }

    fn rows(&self, query: &Query) -> Page {
        let mut found: Vec<Boat> = self.fleet.lock().clone();
        found.retain(|boat| {
            query.search.as_ref().is_none_or(|text| boat.name.contains(text))
                && query.flag("afloat").is_none_or(|flag| boat.afloat == flag)
        });
        if let Some(sort) = query.sort {
            found.sort_by(|a, b| a.name.cmp(&b.name));
            if sort.descending {
                found.reverse();
            }
        }
        let total = Count::of(found.len() as u64);
        let page = found.iter().skip(query.offset as usize).take(query.limit as usize);
        Page { rows: page.map(Self::record).collect(), total, note: String::new() }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Boat)) -> Result<(), ModelError> {
        let mut fleet = self.fleet.lock();
        let boat = fleet.iter_mut().find(|boat| boat.id.to_string() == id);
        change(boat.ok_or(ModelError::NotFound)?);
        Ok(())
    }

    fn check(&self, input: &Input, id: &str) -> Result<(), ModelError> {
        let taken = |boat: &Boat| boat.name == input.text("name") && boat.id.to_string() != id;
        if self.fleet.lock().iter().any(taken) {
            let error = FieldError::new("name", "There is a boat of this name.");
            return Err(ModelError::Invalid(vec![error]));
        }
        Ok(())
    }

    fn do_to(&self, action: &str, id: &str) -> Result<Outcome, ModelError> {
        match action {
            "paint" if id.parse::<u32>().is_ok_and(|id| id % 10 == 0) => {
                Err(ModelError::Refused("It is aground.".into()))
            }
            "paint" => self.change(id, |boat| boat.painted += 1).map(|()| Outcome::default()),
            "key" => {
                let key = Revealed { label: "key".into(), secret: format!("key-of-{id}") };
                Ok(Outcome { reveal: vec![key] })
            }
            _ => {
                self.fleet.lock().retain(|boat| boat.id.to_string() != id);
                Ok(Outcome::default())
            }
        }
    }
}

impl Model for Boats {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            match self.failure.lock().clone() {
                Some(cause) => Err(ModelError::Failed(cause)),
                None => Ok(self.rows(query)),
            }
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let fleet = self.fleet.lock();
            Ok(fleet.iter().find(|boat| boat.id.to_string() == id).map(Self::record))
        })
    }

    fn create<'a>(&'a self, _by: &'a Staff, input: &'a Input) -> Answer<'a, Created> {
        Box::pin(async move {
            self.check(input, "")?;
            let mut fleet = self.fleet.lock();
            let id = fleet.last().map_or(1, |last| last.id + 1);
            let (name, home) = (input.text("name").to_owned(), input.text("home").to_owned());
            fleet.push(Boat { id, name, home, afloat: true, painted: 0 });
            Ok((id.to_string(), Outcome::default()))
        })
    }

    fn update<'a>(&'a self, _by: &'a Staff, id: &'a str, input: &'a Input) -> Answer<'a, ()> {
        Box::pin(async move {
            self.check(input, id)?;
            self.change(id, |boat| {
                boat.name = input.text("name").to_owned();
                boat.home = input.text("home").to_owned();
                boat.afloat = input.flag("afloat");
            })
        })
    }

    fn consequences<'a>(
        &'a self,
        action: &'a str,
        ids: &'a [String],
    ) -> Answer<'a, Vec<Consequence>> {
        Box::pin(async move {
            let count = if action == "sink" { ids.len() as u64 * 3 } else { 0 };
            Ok(vec![Consequence { count, what: "sailors swim" }])
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move { self.do_to(action, id) })
    }
}
