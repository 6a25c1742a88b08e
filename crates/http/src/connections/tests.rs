use super::*;

const MAX_WAIT: Duration = Duration::from_secs(10);

fn slots(limit: usize) -> ConnectionSlots {
    ConnectionSlots::new(limit, MAX_WAIT, Exempt(vec!["10.0.0.0/8".parse().unwrap()]))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Whether `slot` is asked to leave within a second of the paused clock.
async fn is_asked(slot: &ConnectionSlot) -> bool {
    timeout(Duration::from_secs(1), slot.asked_to_close()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_one_idle_for_longest_makes_room() {
    let slots = slots(2);
    let home = ip("2001:db8::1");
    let first = slots.take(home).await.unwrap();
    tokio::time::advance(MIN_IDLE).await;
    let second = slots.take(ip("2001:db8::2")).await.unwrap();
    tokio::time::advance(MIN_IDLE).await;
    drop(first.begin());
    tokio::time::advance(MIN_IDLE).await;
    let waiter = tokio::spawn({
        let slots = slots.clone();
        async move { slots.take(home).await }
    });
    assert!(is_asked(&second).await && !is_asked(&first).await);
    assert!(first.is_contended() && !waiter.is_finished(), "until the other is gone");
    assert!(slots.take(ip("192.0.2.1")).await.is_some(), "others are not touched");
    drop(second);
    assert!(waiter.await.unwrap().is_some());
    assert!(!first.is_contended());
    drop(first);
    assert_eq!(slots.networks(), 0, "nothing is kept");
}

#[tokio::test(start_paused = true)]
async fn one_whose_slot_went_to_an_earlier_one_gets_another() {
    let slots = slots(2);
    let home = ip("192.0.2.1");
    let (one, other) = (slots.take(home).await.unwrap(), slots.take(home).await.unwrap());
    let waiter = || {
        let slots = slots.clone();
        tokio::spawn(async move { slots.take(home).await })
    };
    tokio::time::advance(MIN_IDLE - RETRY_INTERVAL / 2).await;
    // No connection is idle for long enough to be asked by this one yet.
    let earlier = waiter();
    while one.0.member.shared.waiting.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(RETRY_INTERVAL / 2).await;
    let later = waiter();
    one.asked_to_close().await;
    drop(one);
    let _first = earlier.await.unwrap().expect("the slot that the later one asked for");
    assert!(is_asked(&other).await);
    drop(other);
    assert!(later.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn busy_ones_stay_and_those_that_wait_give_up() {
    let slots = slots(2);
    let home = ip("192.0.2.1");
    let (one, other) = (slots.take(home).await.unwrap(), slots.take(home).await.unwrap());
    let busy = (one.begin(), other.begin());
    let waiting = (0..2).map(|_| {
        let slots = slots.clone();
        tokio::spawn(async move { slots.take(home).await.is_some() })
    });
    let waiting: Vec<_> = waiting.collect();
    while one.0.member.shared.waiting.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    assert!(slots.take(home).await.is_none(), "as many wait as there are slots");
    assert!(!is_asked(&one).await && !is_asked(&other).await);
    for waiter in waiting {
        assert!(!waiter.await.unwrap());
    }
    assert!(!one.is_contended());
    drop((busy, one, other));
    assert_eq!(slots.networks(), 0);
}

#[tokio::test(start_paused = true)]
async fn uncounted_networks_have_no_limit_but_make_room_for_all() {
    let slots = slots(1);
    let proxy = ip("10.0.0.1");
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(slots.take(proxy).await.unwrap());
    }
    let busy = all[0].begin();
    for slot in &all[1..=BATCH + 1] {
        drop(slot.begin());
    }
    tokio::time::advance(MIN_IDLE).await;
    slots.make_room();
    slots.make_room();
    assert!(!is_asked(&all[0]).await, "it is busy");
    let mut asked = 0;
    for slot in &all {
        asked += usize::from(is_asked(slot).await);
    }
    assert_eq!(asked, BATCH, "once");
    drop(busy);
}

#[tokio::test(start_paused = true)]
async fn those_on_their_way_in_make_room_only_for_networks_with_many() {
    let slots = slots(100);
    let (office, home) = (ip("192.0.2.1"), ip("198.51.100.1"));
    let few = slots.take(home).await.unwrap();
    let mut many = Vec::new();
    for _ in 0..=FEW {
        many.push(slots.take(office).await.unwrap());
    }
    tokio::time::advance(MIN_IDLE).await;
    slots.make_room();
    assert!(!is_asked(&few).await);
    for slot in &many {
        assert!(is_asked(slot).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_gives_up_waiting_is_not_waited_for() {
    let slots = slots(1);
    let home = ip("192.0.2.1");
    let only = slots.take(home).await.unwrap();
    let busy = only.begin();
    let gone = timeout(Duration::from_secs(1), slots.take(home)).await;
    assert!(gone.is_err() && !only.is_contended());
    drop((busy, only));
    assert_eq!(slots.networks(), 0);
    assert!(slots.take(home).await.is_some());
}

#[tokio::test]
async fn connections_close_in_any_order_and_the_others_stay() {
    let slots = slots(8);
    let home = ip("192.0.2.1");
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(slots.take(home).await.unwrap());
    }
    for index in [3, 6, 0, 4, 2, 0] {
        drop(open.remove(index));
        let networks = slots.0.networks.lock();
        let known = &networks[&home].open;
        assert_eq!(known.len(), open.len());
        let is_known =
            |slot: &ConnectionSlot| known.iter().any(|it| Arc::ptr_eq(it, &slot.0.state));
        assert!(open.iter().all(is_known));
        let at = |(index, it): (usize, &Arc<State>)| it.index() == index;
        assert!(known.iter().enumerate().all(at));
    }
}
