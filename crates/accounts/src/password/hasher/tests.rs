use super::argon::{DUMMY, is_current};
use super::*;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base::OsRandom;
use parking_lot::Mutex;
use std::sync::mpsc;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn hasher() -> Hasher {
    Hasher::new(Arc::new(OsRandom), Exempt::default())
}

async fn verify_from(
    hasher: &Hasher,
    address: IpAddr,
    password: &str,
    stored: Option<&str>,
) -> Result<Verdict, HashError> {
    hasher.permit(Some(address))?.verify(None, password, stored).await
}

/// Keeps every thread at work until the sender is dropped.
fn occupy(hasher: &Hasher) -> mpsc::Sender<()> {
    let (opener, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let (begun, begins) = mpsc::channel();
    for number in 0..hasher.threads.count {
        let (gate, begun) = (Arc::clone(&gate), begun.clone());
        let job: Job = Box::new(move || {
            begun.send(()).unwrap();
            // Comes back once the opener is gone.
            let _ = gate.lock().recv();
        });
        let account = SecretHash::of(&number.to_string());
        hasher.threads.push(None, Some(account), job).unwrap();
    }
    for _ in 0..hasher.threads.count {
        begins.recv().unwrap();
    }
    opener
}

/// Begins hashes that wait for a thread; returns once they all do.
async fn wait_in_queue(
    hasher: &Hasher,
    address: IpAddr,
    account: Option<SecretHash>,
    count: usize,
) -> Vec<tokio::task::JoinHandle<Result<Verdict, HashError>>> {
    let waiting = || hasher.threads.shared.waiting.lock().queue.len();
    let until = waiting() + count;
    let begin = || {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.permit(Some(address))?.verify(account, "", None).await })
    };
    let begun = (0..count).map(|_| begin()).collect();
    while waiting() < until {
        tokio::task::yield_now().await;
    }
    begun
}

fn host(number: u8) -> IpAddr {
    [10, number, 0, 1].into()
}

#[tokio::test]
async fn a_password_is_recognised_and_another_is_not() {
    let hasher = hasher();
    let permit = hasher.permit(Some(HOME)).unwrap();
    let stored = permit.hash(None, "tide-lamp-9").await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let verify = async |password| permit.verify(None, password, Some(&stored)).await;
    assert_eq!(verify("tide-lamp-9").await, Ok(Verdict::Right));
    assert_eq!(verify("tide-lamp-8").await, Ok(Verdict::Wrong));
    assert_ne!(permit.hash(None, "tide-lamp-9").await.unwrap(), stored, "salted");
}

#[tokio::test]
async fn no_account_has_no_password_and_that_takes_a_real_verification() {
    assert!(PasswordHash::new(DUMMY).is_ok_and(|hash| is_current(&hash)));
    assert_eq!(verify_from(&hasher(), HOME, "", None).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn a_hash_with_other_parameters_is_recognised_and_old() {
    let params = Params::new(1_024, 1, 1, None).unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let stored = weak.hash_password_with_salt(b"tide-lamp-9", &[7; 16]).unwrap().to_string();
    let hasher = hasher();
    let verify = async |password, stored| verify_from(&hasher, HOME, password, Some(stored)).await;
    assert_eq!(verify("tide-lamp-9", &stored).await, Ok(Verdict::RightButOld));
    assert_eq!(verify("other", &stored).await, Ok(Verdict::Wrong));
    assert_eq!(verify("other", "$argon2id$nonsense").await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn without_memory_no_password_is_wrong() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // A TiB: less than is asked for below, whatever the machine would promise.
    let maximum = getrlimit(Resource::As).maximum;
    setrlimit(Resource::As, Rlimit { current: Some(1 << 40), maximum }).unwrap();
    let stored = DUMMY.replace("m=19456", "m=4294967295");
    let hasher = hasher();
    let verdict = verify_from(&hasher, HOME, "tide-lamp-9", Some(&stored)).await;
    assert_eq!(verdict, Err(HashError::Busy));
    assert_eq!(verify_from(&hasher, HOME, "", None).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn a_job_that_panics_takes_no_thread_along() {
    let hasher = hasher();
    let permit = hasher.permit(Some(HOME)).unwrap();
    for _ in 0..3 * hasher.threads.count {
        let broken = permit.run(None, || -> Result<(), HashError> { panic!("on purpose") });
        assert_eq!(broken.await, Err(HashError::Busy));
    }
    assert_eq!(permit.verify(None, "", None).await, Ok(Verdict::Wrong));
    drop(permit);
    assert!(hasher.is_idle());
}

#[tokio::test]
async fn networks_sites_and_accounts_have_bounds_of_their_own() {
    let hasher = hasher();
    let network = |number: u32| format!("2001:db8:1:{number:x}::1").parse::<IpAddr>().unwrap();
    let permits: Vec<_> = (0..MAX_OF_NETWORK).map(|_| hasher.permit(Some(network(1)))).collect();
    assert!(permits.iter().all(Result::is_ok));
    assert!(hasher.permit(Some(network(1))).is_err());
    let more: Vec<_> =
        (0..MAX_OF_SITE - MAX_OF_NETWORK).map(|n| hasher.permit(Some(network(n + 2)))).collect();
    assert!(more.iter().all(Result::is_ok));
    assert!(hasher.permit(Some(network(0xffff))).is_err(), "another network of the site");
    assert!(hasher.permit(Some("2001:db8:2::1".parse().unwrap())).is_ok(), "another site");
    drop((permits, more));

    let opener = occupy(&hasher);
    let ann = Some(SecretHash::of("ann"));
    let waiting = wait_in_queue(&hasher, host(1), ann, MAX_OF_ACCOUNT as usize).await;
    let permit = hasher.permit(Some(host(2))).unwrap();
    assert_eq!(permit.verify(ann, "", None).await, Err(HashError::TooMany));
    drop((opener, permit));
    for one in waiting {
        assert_eq!(one.await.unwrap(), Ok(Verdict::Wrong));
    }
    assert!(hasher.is_idle(), "nothing is kept of what is over");
}

#[tokio::test]
async fn exempt_networks_have_no_bound_but_that_of_all() {
    let exempt = Exempt(vec!["192.0.2.0/24".parse().unwrap()]);
    let hasher = Hasher::new(Arc::new(OsRandom), exempt);
    let permits: Vec<_> = (0..200).map(|_| hasher.permit(Some(HOME))).collect();
    assert!(permits.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_full_queue_refuses_the_network_with_most_and_lets_in_the_one_with_least() {
    let hasher = hasher();
    let opener = occupy(&hasher);
    let mut waiting = Vec::new();
    for number in 0..3 {
        waiting.extend(wait_in_queue(&hasher, host(number), None, 21).await);
    }
    waiting.extend(wait_in_queue(&hasher, host(0), None, threads::MAX_WAITING - 63).await);
    // The queue is full; of host 0 most waits.
    assert_eq!(verify_from(&hasher, host(0), "", None).await, Err(HashError::Busy));
    let stranger = tokio::spawn({
        let hasher = hasher.clone();
        async move { verify_from(&hasher, host(9), "", None).await }
    });
    let displaced = async {
        while !waiting.iter().any(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    };
    displaced.await;
    drop(opener);
    assert_eq!(stranger.await.unwrap(), Ok(Verdict::Wrong));
    let mut busy = 0;
    for one in waiting {
        busy += usize::from(one.await.unwrap() == Err(HashError::Busy));
    }
    assert_eq!(busy, 1);
    assert!(hasher.is_idle());
}

#[tokio::test]
async fn a_caller_that_hangs_up_keeps_its_permit_until_its_job_is_gone() {
    let hasher = hasher();
    let opener = occupy(&hasher);
    let waiting = wait_in_queue(&hasher, HOME, None, MAX_OF_NETWORK as usize).await;
    for one in waiting {
        one.abort();
        assert!(one.await.unwrap_err().is_cancelled());
    }
    assert_eq!(hasher.permit(Some(HOME)).map(drop), Err(HashError::TooMany));
    drop(opener);
    while !hasher.is_idle() {
        tokio::task::yield_now().await;
    }
    assert!(hasher.permit(Some(HOME)).is_ok());
}
