//! Rules of guessing and asking, stated with the parts of this crate: those of access
//! codes, upgrades, mailed codes and links, as the wire contract of each has them. A
//! capability that has such a rule says it like this.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, Timestamp};
use limits::{Backoff, Buckets, Escalation, Exempt, NEVER, Quota, Throttle, Window, network_of};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two tries of a session whose code was guessed at.
const SLOWED: [Duration; 6] = [
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
    Duration::from_secs(24),
    Duration::from_secs(48),
    Duration::from_secs(60),
];

fn clocks() -> (Arc<ManualClock>, Arc<dyn Clock>) {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    (clock.clone(), clock)
}

fn host(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

/// Five wrong tries from one address within 10 s, and none more until fewer lie in the
/// last 10 s. Twenty from anywhere replace the code, and from then on the session takes
/// one try in 3 s, which doubles to 60 s with every twenty more, until an hour has passed
/// without one. (The capability goes further, in `share::guessing`: a right try takes its
/// turn there, too.)
struct AccessCodes {
    wrong_tries: Window<IpAddr>,
    sessions: Backoff<u32>,
}

#[derive(Debug, PartialEq, Eq)]
enum Access {
    Guest,
    WrongCode,
    WrongCodeAndReplaced,
    TooMany(Duration),
}

impl AccessCodes {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        let of_session = Escalation { free: 20, step: 20, waits: &SLOWED, memory: HOUR };
        Self {
            wrong_tries: Window::new(5, 10 * SECOND, Arc::clone(clock)),
            sessions: Backoff::new(of_session, Arc::clone(clock)),
        }
    }

    /// What is refused with 429 counts no wrong try, and what is right counts none.
    fn attempt(&self, session: u32, from: IpAddr, is_right: bool) -> Access {
        let from = network_of(from);
        if let Some(wait) = self.wrong_tries.wait(from) {
            return Access::TooMany(wait);
        }
        let attempt = match self.sessions.begin(session) {
            Ok(attempt) => attempt,
            Err(wait) => return Access::TooMany(wait),
        };
        if is_right {
            attempt.withdraw();
            return Access::Guest;
        }
        if let Err(wait) = self.wrong_tries.consume(from) {
            attempt.withdraw();
            return Access::TooMany(wait);
        }
        match attempt.failed() {
            20 => Access::WrongCodeAndReplaced,
            _ => Access::WrongCode,
        }
    }
}

#[test]
fn five_wrong_access_codes_in_ten_seconds_are_all_that_an_address_has() {
    let (time, clock) = clocks();
    let codes = AccessCodes::new(&clock);
    for _ in 0..2 {
        for session in 1..=5 {
            assert_eq!(codes.attempt(session, host(1), true), Access::Guest, "costs no try");
            assert_eq!(codes.attempt(session, host(1), false), Access::WrongCode);
        }
        assert_eq!(codes.attempt(5, host(1), true), Access::TooMany(10 * SECOND));
        time.advance(10 * SECOND - Duration::from_millis(1));
        let wait = Access::TooMany(Duration::from_millis(1));
        assert_eq!(codes.attempt(1, host(1), true), wait, "nor a right one");
        assert_eq!(codes.attempt(1, host(2), true), Access::Guest, "others are not touched");
        time.advance(Duration::from_millis(1));
        // And now there are all five again.
    }
}

#[test]
fn wrong_access_codes_that_are_spread_out_come_back_one_by_one() {
    let (time, clock) = clocks();
    let codes = AccessCodes::new(&clock);
    for _ in 0..5 {
        assert_eq!(codes.attempt(1, host(1), false), Access::WrongCode);
        time.advance(2 * SECOND);
    }
    for _ in 0..5 {
        assert_eq!(codes.attempt(2, host(1), false), Access::WrongCode, "the first is 10 s old");
        assert_eq!(codes.attempt(2, host(1), false), Access::TooMany(2 * SECOND));
        time.advance(2 * SECOND);
    }
}

#[test]
fn twenty_wrong_access_codes_replace_the_code_and_slow_the_session_down() {
    let (time, clock) = clocks();
    let codes = AccessCodes::new(&clock);
    let wrong = |number: u8| codes.attempt(7, host(number), false);
    for number in 1..20 {
        assert_eq!(wrong(number), Access::WrongCode);
    }
    assert_eq!(wrong(20), Access::WrongCodeAndReplaced);
    let mut number = 20;
    for wait in [3, 6, 12, 24, 48, 60, 60] {
        for _ in 0..20 {
            number += 1;
            let refused = Access::TooMany(Duration::from_secs(wait));
            assert_eq!(codes.attempt(7, host(number), true), refused);
            assert_eq!(codes.attempt(8, host(number), true), Access::Guest, "another session");
            time.advance(Duration::from_secs(wait));
            assert_eq!(wrong(number), Access::WrongCode);
        }
    }
    time.advance(60 * SECOND + HOUR);
    for number in 1..20 {
        assert_eq!(wrong(number), Access::WrongCode, "forgotten after an hour");
    }
}

/// Upgrades of one address to one session are delayed until fewer than ten lie in the last
/// ten seconds.
#[test]
fn the_eleventh_upgrade_in_ten_seconds_waits_until_the_first_is_ten_seconds_old() {
    let (time, clock) = clocks();
    let upgrades = Window::new(10, 10 * SECOND, clock);
    let upgrade = |session: u32, number| upgrades.consume((network_of(host(number)), session));
    for _ in 0..10 {
        assert_eq!(upgrade(1, 1), Ok(()));
        time.advance(SECOND / 10);
    }
    let delay = upgrade(1, 1).unwrap_err();
    assert_eq!(delay, 9 * SECOND);
    assert_eq!(upgrade(2, 1), Ok(()), "to another session");
    assert_eq!(upgrade(1, 2), Ok(()), "from another address");
    time.advance(delay);
    assert_eq!(upgrade(1, 1), Ok(()));
    assert_eq!(upgrade(1, 1), Err(SECOND / 10));
}

/// Five tries at a mailed code, of which one is kept for the network that asked for it.
struct MailedCodes {
    all: Backoff<u32>,
    strangers: Backoff<u32>,
}

impl MailedCodes {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        let tries = |free| Escalation { free, step: 1, waits: &[NEVER], memory: DAY };
        Self {
            all: Backoff::new(tries(5), Arc::clone(clock)),
            strangers: Backoff::new(tries(4), Arc::clone(clock)),
        }
    }

    /// Whether a wrong try was compared with the code at all.
    fn wrong_try(&self, code: u32, is_stranger: bool) -> bool {
        let stranger = is_stranger.then(|| self.strangers.begin(code));
        let Ok(stranger) = stranger.transpose() else { return false };
        match self.all.begin(code) {
            Ok(attempt) => {
                attempt.failed();
                true
            }
            Err(_) => {
                if let Some(stranger) = stranger {
                    stranger.withdraw();
                }
                false
            }
        }
    }

    fn replace(&self, code: u32) {
        self.all.forgive(code);
        self.strangers.forgive(code);
    }
}

#[test]
fn a_mailed_code_has_five_tries_and_strangers_cannot_use_up_the_last() {
    let (time, clock) = clocks();
    let codes = MailedCodes::new(&clock);
    let strangers = (0..10).filter(|_| codes.wrong_try(1, true)).count();
    assert_eq!(strangers, 4);
    assert!(codes.wrong_try(1, false), "kept for the network that asked for it");
    assert!(!codes.wrong_try(1, false));
    time.advance(365 * DAY);
    assert!(!codes.wrong_try(1, false) && !codes.wrong_try(1, true), "for ever");
    codes.replace(1);
    assert_eq!((0..10).filter(|_| codes.wrong_try(1, false)).count(), 5, "a new one has its own");
}

#[test]
fn one_wrong_guess_burns_a_link() {
    let (time, clock) = clocks();
    let once = Escalation { free: 1, step: 1, waits: &[NEVER], memory: Duration::ZERO };
    let links = Backoff::new(once, clock);
    links.begin("a").unwrap().failed();
    time.advance(365 * DAY);
    assert!(links.begin("a").is_err());
    links.begin("b").unwrap().succeeded();
    assert!(links.begin("b").is_ok(), "a right one does not");
}

/// Ten starts a user and thirty an address in ten minutes.
struct Starts {
    users: Buckets<u32>,
    addresses: Throttle,
}

impl Starts {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        let per_ten_minutes = |burst| Quota { burst, refill: 10 * MINUTE / burst };
        let exempt = Exempt::default();
        Self {
            users: Buckets::new(per_ten_minutes(10), Arc::clone(clock)),
            addresses: Throttle::new(per_ten_minutes(30), exempt, Arc::clone(clock)),
        }
    }

    /// Both or neither is charged.
    fn begin(&self, user: u32, from: IpAddr) -> Result<(), Duration> {
        let of_address = self.addresses.consume(from)?;
        match self.users.consume(user) {
            Ok(_) => Ok(()),
            Err(wait) => {
                of_address.refund();
                Err(wait)
            }
        }
    }
}

#[test]
fn ten_starts_a_user_and_thirty_an_address_in_ten_minutes() {
    let (time, clock) = clocks();
    let starts = Starts::new(&clock);
    let count = |user, from| (0..40).filter(|_| starts.begin(user, from).is_ok()).count();
    assert_eq!(count(1, host(1)), 10);
    assert_eq!(count(1, host(2)), 0, "the user's, from wherever");
    assert_eq!((2..9).map(|user| count(user, host(1))).sum::<usize>(), 20, "the address's");
    assert_eq!(count(2, host(2)), 0);
    assert_eq!(count(9, host(2)), 10);
    time.advance(10 * MINUTE);
    assert_eq!(count(1, host(1)), 10);
}

/// At most three mails an hour for an address, 60 s apart.
#[test]
fn mails_keep_their_distance_and_are_few() {
    let (time, clock) = clocks();
    let hourly = Buckets::new(Quota { burst: 3, refill: HOUR }, Arc::clone(&clock));
    let apart = Buckets::new(Quota { burst: 1, refill: MINUTE }, clock);
    let ask = || {
        let apart = apart.consume("ann")?;
        match hourly.consume("ann") {
            Ok(_) => Ok(()),
            Err(wait) => {
                apart.refund();
                Err(wait)
            }
        }
    };
    assert_eq!(ask(), Ok(()));
    assert_eq!(ask(), Err(MINUTE));
    for _ in 0..2 {
        time.advance(MINUTE);
        assert_eq!(ask(), Ok(()));
    }
    time.advance(MINUTE);
    assert_eq!(ask(), Err(57 * MINUTE));
    time.advance(57 * MINUTE);
    assert_eq!(ask(), Ok(()));
}
