use super::*;
use base::{ManualClock, Timestamp};

#[tokio::test]
async fn the_queue_for_a_turn_is_bounded_and_moves_on() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(0)));
    let attempts = Arc::new(Attempts::new(&Exempt::default(), &clock));
    let ann = CountedAs::Name("ann");
    let first = attempts.turn(ann).await.unwrap();
    let waiting: Vec<_> = (1..MAX_IN_QUEUE)
        .map(|_| {
            let attempts = Arc::clone(&attempts);
            tokio::spawn(async move { attempts.turn(ann).await.map(drop) })
        })
        .collect();
    let queue = &attempts.turns[ann.hash().stripe(TURNS)].queue;
    while queue.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let full = attempts.turn(CountedAs::Name("ANN")).await;
    assert!(matches!(full, Err(SignInError::Busy)));
    for account in (0..200).map(AccountId) {
        assert!(attempts.turn(CountedAs::DeviceOf(account)).await.is_ok(), "known devices");
    }
    drop(first);
    for waited in waiting {
        waited.await.unwrap().unwrap();
    }
    assert!(attempts.turn(ann).await.is_ok());
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn attempts() -> Attempts {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(0)));
    Attempts::new(&Exempt::default(), &clock)
}

fn begin(attempts: &Attempts) -> Result<Attempt<'_>, SignInError> {
    let context = SignInContext { address: HOME, user_agent: None, device: None };
    attempts.begin_with_password(&context)
}

/// How many more attempts the address may begin, one after the other.
fn left(attempts: &Attempts) -> usize {
    let begun: Vec<_> = std::iter::from_fn(|| begin(attempts).ok()).collect();
    let left = begun.len();
    begun.into_iter().for_each(Attempt::failed);
    left
}

#[test]
fn an_attempt_costs_what_it_is_settled_as() {
    let attempts = attempts();
    let all = left(&attempts);
    for _ in 0..50 {
        let mut attempt = begin(&attempts).unwrap();
        attempt.charge(CountedAs::Name("ann")).unwrap();
        attempt.failed();
    }
    assert_eq!(left(&attempts), all, "what failed through no fault of theirs costs nothing");
    begin(&attempts).unwrap().refused().unwrap();
    assert_eq!(left(&attempts), all - 1);
    drop(begin(&attempts).unwrap());
    assert_eq!(left(&attempts), all - 2, "hanging up costs what being refused does");
}

#[test]
fn success_forgives_the_name_and_hanging_up_does_not() {
    let attempts = attempts();
    let charge = |attempt: &mut Attempt<'_>| attempt.charge(CountedAs::Name("ann")).is_ok();
    let under_the_name = || attempts.begin(AddressCharge::Free);
    for _ in 0..4 {
        assert!(charge(&mut under_the_name()));
    }
    let mut right = under_the_name();
    assert!(charge(&mut right));
    right.succeeded();
    for _ in 0..5 {
        assert!(charge(&mut under_the_name()));
    }
    assert!(!charge(&mut under_the_name()), "five were given up");
    attempts.forgive(" ANN");
    assert!(charge(&mut under_the_name()));
}

#[test]
fn keys_cost_when_they_are_refused_and_only_then() {
    let attempts = attempts();
    let begun: Vec<_> = (0..50).map(|_| attempts.begin_with_key(HOME).unwrap()).collect();
    let refused = begun.into_iter().map(Attempt::refused).filter(Result::is_ok).count();
    assert_eq!(refused, 20, "the others are told to wait");
    assert!(attempts.begin_with_key(HOME).is_err());
    assert!(begin(&attempts).is_err(), "all ways in are counted together");
}
