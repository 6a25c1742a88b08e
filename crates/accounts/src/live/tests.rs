//! The memory of sessions in use, without a database.

use super::*;
use base::Activity;

fn token(n: i64) -> SecretHash {
    SecretHash::of(&n.to_string())
}

fn principal(n: i64) -> Principal {
    Principal {
        account: AccountId(n),
        username: format!("user{n}").into(),
        display_name: format!("user{n}@example.org").into(),
        session: SessionRef(n),
        activity: Arc::new(Activity::new(Timestamp(n))),
    }
}

fn load(live: &mut LiveSessions, n: i64) -> Principal {
    let removals = live.removals();
    live.take_in(token(n), principal(n), removals).unwrap()
}

#[test]
fn two_loads_of_one_session_share_its_activity() {
    let mut live = LiveSessions::new(8);
    let (one, other) = (load(&mut live, 1), load(&mut live, 1));
    assert!(Arc::ptr_eq(&one.activity, &other.activity));
}

#[test]
fn a_session_removed_while_it_was_read_does_not_come_back() {
    let mut live = LiveSessions::new(8);
    let before = live.removals();
    live.remove([SessionRef(1)].into_iter());
    assert!(live.take_in(token(1), principal(1), before).is_none());
    assert!(live.get(&token(1)).is_none());
}

#[test]
fn another_name_is_in_every_session_of_the_account_and_in_no_other() {
    let mut live = LiveSessions::new(8);
    let (one, _) = (load(&mut live, 1), load(&mut live, 2));
    let before = live.removals();
    live.rename(one.account, "ann", "ann@example.org");
    let renamed = live.get(&token(1)).unwrap();
    assert_eq!((&*renamed.username, &*renamed.display_name), ("ann", "ann@example.org"));
    assert_eq!(&*live.get(&token(2)).unwrap().username, "user2");
    assert!(live.holds(&one), "it is the same session");
    assert!(live.take_in(token(3), principal(3), before).is_none(), "it may hold the old name");
}

#[test]
fn what_a_clock_ahead_has_noted_is_cut_and_told_to_the_database() {
    let mut live = LiveSessions::new(8);
    let day = 86_400_000;
    let used = load(&mut live, 1);
    used.activity.touch(Timestamp(day));
    live.written(&[(used.session, Timestamp(day))], Timestamp(day));
    live.cut(Timestamp(1_000));
    assert_eq!(live.last_used(used.session), Some(Timestamp(1_000)));
    assert_eq!(live.changed(Timestamp(0)), [(used.session, Timestamp(1_000))]);
    live.written(&[(used.session, Timestamp(1_000))], Timestamp(1_000));
    live.cut(Timestamp(1_001));
    assert!(live.changed(Timestamp(2_000)).is_empty(), "once is enough");
}

#[test]
fn the_longest_unused_make_room_and_the_held_stay() {
    let mut live = LiveSessions::new(8);
    let held = load(&mut live, 1);
    for n in 2..=8 {
        load(&mut live, n);
    }
    assert!(live.is_full());
    live.evict();
    assert!(!live.is_full());
    assert!(live.holds(&held), "held by a socket");
    assert!(live.get(&token(2)).is_none(), "longest unused");
    assert!(live.get(&token(3)).is_some());
}

#[test]
fn what_the_database_does_not_know_is_not_evicted() {
    let mut live = LiveSessions::new(1);
    load(&mut live, 1).activity.touch(Timestamp(50));
    live.evict();
    assert!(live.get(&token(1)).is_some());

    live.written(&[(SessionRef(1), Timestamp(50))], Timestamp(60));
    live.evict();
    assert!(live.get(&token(1)).is_none());
}

#[test]
fn a_cache_full_of_held_sessions_grows_without_looking_for_room_each_time() {
    let mut live = LiveSessions::new(80);
    let held: Vec<_> = (1..=80).map(|n| load(&mut live, n)).collect();
    live.evict();
    let mut admitted = 0;
    while !live.is_full() {
        admitted += 1;
        load(&mut live, 80 + admitted);
    }
    assert_eq!(admitted, 10);
    assert!(held.iter().all(|principal| live.holds(principal)));
}

#[test]
fn a_change_is_due_once_and_not_before_its_time() {
    let mut live = LiveSessions::new(8);
    let held = load(&mut live, 1);
    assert!(live.changed(Timestamp(100)).is_empty());
    held.activity.touch(Timestamp(50));
    assert_eq!(live.changed(Timestamp(100)), [(SessionRef(1), Timestamp(50))]);
    live.written(&[(SessionRef(1), Timestamp(50))], Timestamp(100));
    assert!(live.changed(Timestamp(1_000)).is_empty());
    held.activity.touch(Timestamp(120));
    assert!(live.changed(Timestamp(99)).is_empty());
    assert_eq!(live.changed(Timestamp(100)).len(), 1);
}
