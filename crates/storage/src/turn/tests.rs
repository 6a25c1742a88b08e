use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;
use tokio::task::yield_now;

use super::*;

/// Starts a writer that notes `name` when its turn comes, and waits until it stands in line.
async fn writer(
    turns: &Turns,
    log: &Arc<Mutex<Vec<String>>>,
    class: Class,
    name: &str,
) -> JoinHandle<()> {
    let (turns, log, name) = (turns.clone(), log.clone(), name.to_owned());
    let task = tokio::spawn(async move {
        let turn = turns.take(class).await.unwrap();
        log.lock().unwrap().push(name);
        yield_now().await;
        drop(turn);
    });
    // On a runtime of one thread it runs until it waits.
    yield_now().await;
    task
}

#[tokio::test]
async fn an_urgent_writer_waits_for_one_ordinary_writer_at_most_and_neither_class_starves() {
    let turns = Turns::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let first = turns.take(Class::Ordinary).await.unwrap();
    let mut tasks = Vec::new();
    for n in 0..4 {
        tasks.push(writer(&turns, &log, Class::Ordinary, &format!("o{n}")).await);
    }
    for n in 0..4 {
        tasks.push(writer(&turns, &log, Class::Urgent, &format!("u{n}")).await);
    }
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    // Urgent ones came last and go first; each class in its own order.
    let order = log.lock().unwrap().clone();
    assert_eq!(order, ["u0", "u1", "u2", "u3", "o0", "o1", "o2", "o3"]);

    // As long as an urgent writer always comes again, an ordinary one goes after each.
    log.lock().unwrap().clear();
    let mut turn = turns.take(Class::Urgent).await.unwrap();
    let mut ordinary = Vec::new();
    for n in 0..5 {
        ordinary.push(writer(&turns, &log, Class::Ordinary, &format!("o{n}")).await);
    }
    for _ in 0..5 {
        let again = turns.take(Class::Urgent);
        let mut again = std::pin::pin!(again);
        // It stands in line before the turn that it has is passed on.
        assert!(futures_ready(again.as_mut()).await.is_none());
        drop(turn);
        turn = again.await.unwrap();
        log.lock().unwrap().push("u".to_owned());
    }
    drop(turn);
    for task in ordinary {
        task.await.unwrap();
    }
    let order = log.lock().unwrap().join(" ");
    assert!(order.starts_with("o0 u o1 u o2 u o3 u o4 u"), "{order}");
}

/// Polls once.
async fn futures_ready<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// A small generator (xorshift) with a seed: a failure can be repeated.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_turn_is_lost_or_held_twice_whenever_waiters_go_away() {
    for seed in 1..=20_u64 {
        let turns = Turns::new();
        let writing = Arc::new(AtomicUsize::new(0));
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut tasks = Vec::new();
        for _ in 0..200 {
            let (turns, writing) = (turns.clone(), writing.clone());
            let random = next(&mut state);
            let class = if random & 1 == 0 { Class::Urgent } else { Class::Ordinary };
            tasks.push(tokio::spawn(async move {
                let turn = turns.take(class).await.unwrap();
                assert_eq!(writing.fetch_add(1, Ordering::SeqCst), 0, "two write at once");
                for _ in 0..random >> 4 & 3 {
                    yield_now().await;
                }
                writing.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
            }));
            if next(&mut state).is_multiple_of(3) {
                yield_now().await;
            }
        }
        // A third goes away: before it waits, while it waits, while it is being handed
        // the turn. Not while it writes, or the counter would be wrong.
        let mut cancelled = Vec::new();
        for _ in 0..60 {
            let turns = turns.clone();
            let class = if next(&mut state) & 1 == 0 { Class::Urgent } else { Class::Ordinary };
            let waiter = tokio::spawn(async move { drop(turns.take(class).await) });
            for _ in 0..next(&mut state) & 7 {
                yield_now().await;
            }
            waiter.abort();
            cancelled.push(waiter);
        }
        for task in tasks {
            task.await.unwrap();
        }
        for waiter in cancelled {
            let _ = waiter.await;
        }
        for class in [Class::Urgent, Class::Ordinary] {
            drop(turns.take(class).await.expect("the turn is free"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_come_is_an_error_after_the_time_limit() {
    let turns = Turns::new();
    let held = turns.take(Class::Ordinary).await.unwrap();
    for class in [Class::Urgent, Class::Ordinary] {
        assert!(matches!(turns.take(class).await, Err(StorageError::Busy)));
    }
    drop(held);
    drop(turns.take(Class::Ordinary).await.unwrap());
}
