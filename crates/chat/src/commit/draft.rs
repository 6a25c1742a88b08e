//! What a batch comes to: which of its postings are to be stored, and what each is answered
//! once it is known from which number on they are.

use std::collections::HashMap;
use std::sync::Arc;

use base::{AccountId, Timestamp};

use crate::Message;
use crate::dialect::Refusal;
use crate::intake::{Batch, Outcome, Posted, Posting};

/// Which messages were posted before, by room, author and client id.
pub(super) type KnownPostings<'a> = HashMap<(i64, AccountId, &'a str), Posted>;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Draft {
    /// What is to be stored, in order. Ids and times are set when they are known.
    pub(super) messages: Vec<Message>,
    answers: Vec<Answer>,
}

/// A batch whose messages have ids and times.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    pub(super) messages: Vec<Arc<Message>>,
    /// What is answered if they are stored.
    pub(super) outcomes: Vec<Outcome>,
}

#[derive(Debug)]
enum Answer {
    /// It is the next message of the draft.
    Message,
    /// It is the message of the draft with this place, posted a second time.
    Repeated(usize),
    Known(Posted),
    Refused(Refusal),
}

impl Draft {
    pub(super) fn new(batch: &Batch, known: &KnownPostings<'_>) -> Self {
        let mut posted: HashMap<(AccountId, &str), usize> = HashMap::new();
        let mut draft = Self { messages: Vec::new(), answers: Vec::new() };
        draft.answers.reserve(batch.postings.len());
        for posting in &batch.postings {
            draft.answers.push(match &posting.text {
                Err(refusal) => Answer::Refused(*refusal),
                Ok(text) => {
                    let key = posting.client_id.as_deref().map(|id| (posting.author, id));
                    let before = key.and_then(|(author, id)| known.get(&(batch.room, author, id)));
                    let repeats = key.and_then(|key| posted.get(&key));
                    match (before, repeats) {
                        (Some(before), _) => Answer::Known(*before),
                        (None, Some(place)) => Answer::Repeated(*place),
                        (None, None) => {
                            key.map(|key| posted.insert(key, draft.messages.len()));
                            draft.messages.push(message(posting, text.clone().into_inner()));
                            Answer::Message
                        }
                    }
                }
            });
        }
        draft
    }

    /// The first message has this id and time; the others follow.
    pub(super) fn numbered(self, first: Posted) -> Numbered {
        let mut numbered = Numbered {
            messages: Vec::with_capacity(self.messages.len()),
            outcomes: Vec::with_capacity(self.answers.len()),
        };
        for (id, message) in (first.id..).zip(self.messages) {
            numbered.messages.push(Arc::new(Message { id, at: first.at, ..message }));
        }
        let mut stored = numbered.messages.iter();
        for answer in self.answers {
            numbered.outcomes.extend(match answer {
                Answer::Message => stored.next().cloned().map(Outcome::Stored),
                Answer::Repeated(place) => numbered.messages.get(place).map(known),
                Answer::Known(posted) => Some(Outcome::Known(posted)),
                Answer::Refused(refusal) => Some(Outcome::Refused(refusal)),
            });
        }
        numbered
    }
}

impl Numbered {
    /// What is answered if the messages are stored and the room hears them in another way.
    pub(super) fn acknowledged(self) -> Vec<Outcome> {
        let outcome = |outcome| match outcome {
            Outcome::Stored(message) => known(&message),
            other => other,
        };
        self.outcomes.into_iter().map(outcome).collect()
    }
}

fn known(message: &Arc<Message>) -> Outcome {
    Outcome::Known(Posted { id: message.id, at: message.at })
}

fn message(posting: &Posting, text: Box<str>) -> Message {
    Message {
        id: 0,
        at: Timestamp(0),
        author: posting.author,
        author_name: posting.author_name.clone(),
        text,
        client_id: posting.client_id.clone(),
    }
}
