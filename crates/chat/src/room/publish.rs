//! Telling the room of messages. They come in here alone, in the order of their ids.

use std::sync::Arc;

use hub::{Op, Publication};

use super::{MAX_REMOVED, Room, to_all};
use crate::Message;
use crate::dialect;
use crate::intake::{Outcome, Posting};

impl Room {
    /// Tells the room, and those who posted, what became of a batch of postings.
    pub(crate) fn publish(&self, postings: &[Posting], outcomes: &[Outcome]) {
        // Encoded before the lock is taken: only who holds the room's turn publishes
        // messages, so their order is settled already.
        let mut ops = Vec::with_capacity(postings.len() * 2);
        let mut stored = Vec::with_capacity(postings.len());
        for (posting, outcome) in postings.iter().zip(outcomes) {
            let (client_id, dialect) = (posting.client_id.as_deref(), posting.dialect);
            let to = posting.in_flight.connection();
            let frame = match outcome {
                Outcome::Stored(message) => {
                    ops.push(message_op(message, &posting.display_name, to));
                    stored.push(message.clone());
                    dialect.ack(client_id, message.id, message.at)
                }
                Outcome::Known(posted) => dialect.ack(client_id, posted.id, posted.at),
                Outcome::Refused(refusal) => dialect.nack(client_id, *refusal),
            };
            ops.push(Op::Reply { to, frame });
        }
        let mut state = self.state.lock();
        stored.into_iter().for_each(|message| state.recent.push(message));
        self.topic.submit(&ops);
        drop(state);
        postings.iter().for_each(|posting| posting.in_flight.answered());
    }

    /// Tells the room of messages that were found stored, as far as it does not have them: it
    /// may have been opened after they were stored. It ends at the first that does not follow
    /// the one before.
    pub(crate) fn publish_found(&self, found: &[Arc<Message>]) {
        let mut state = self.state.lock();
        for message in found {
            let head = state.recent.head();
            if message.id > head + 1 {
                return;
            }
            if message.id > head {
                // Display names are not stored; the author is called by their username here.
                self.topic.submit(&[message_op(message, &message.author_name, 0)]);
                state.recent.push(message.clone());
            }
        }
    }

    /// Message `id` was removed from the database: takes its text from memory and from the
    /// clients that have a word for it.
    pub(crate) fn removed(&self, id: i64) {
        let mut state = self.state.lock();
        state.recent.remove(id);
        state.welcomes.forget();
        state.removals += 1;
        if state.removed.len() == MAX_REMOVED {
            state.removed.pop_front();
        }
        state.removed.push_back(id);
        self.topic.submit(&[to_all(dialect::removed(id))]);
    }
}

/// The publication of a message that was `posted_by` a connection; zero is none.
fn message_op(message: &Message, display_name: &str, posted_by: u64) -> Op {
    Op::Publish(Publication {
        frames: dialect::message(message, display_name),
        except: dialect::except(message.author, posted_by),
        volatile: false,
    })
}

#[cfg(test)]
mod tests;
