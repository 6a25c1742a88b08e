//! Whose job is next: a queue that is fair to networks, and within a network to
//! accounts.
//!
//! Networks take turns, and so do the accounts of one network: what one of them has
//! waiting delays the others by at most one job each (fair queueing: Nagle, RFC 970).
//! When the queue is full, a job of those with fewer waiting takes the place of the newest
//! job of the network, and in it of the account, with most; so the last to be refused
//! are those who ask for little (dropping from the longest queue: McKenney, Stochastic
//! Fairness Queueing).
//!
//! Invariant: at most `capacity` jobs wait, and no empty queue is kept. All steps look
//! at every queue there is, which is at most that many.

use std::collections::VecDeque;

/// Jobs `J` that wait, for accounts `A` in networks `N`.
#[derive(Debug)]
pub(crate) struct FairQueue<N, A, J> {
    capacity: usize,
    waiting: usize,
    /// The next to be served is the first.
    networks: VecDeque<Network<N, A, J>>,
}

#[derive(Debug)]
struct Network<N, A, J> {
    key: N,
    waiting: usize,
    /// The next to be served is the first.
    accounts: VecDeque<Account<A, J>>,
}

#[derive(Debug)]
struct Account<A, J> {
    key: A,
    /// The oldest first.
    jobs: VecDeque<J>,
}

impl<N: PartialEq, A: PartialEq, J> FairQueue<N, A, J> {
    /// Nothing waits; at most `capacity` jobs may.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: 0, networks: VecDeque::new() }
    }

    /// How many jobs wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Lets `job` wait. Gives back the job that lost its place for it, if one did.
    ///
    /// # Errors
    /// `job` itself, if the queue is full and no other has more waiting.
    pub(crate) fn push(&mut self, network: N, account: A, job: J) -> Result<Option<J>, J> {
        let displaced = if self.waiting < self.capacity {
            None
        } else {
            match self.longest(&network, &account) {
                Some((of_network, of_account)) => self.remove_newest(of_network, of_account),
                None => return Err(job),
            }
        };
        self.waiting += 1;
        let network = match self.networks.iter().position(|known| known.key == network) {
            Some(at) => &mut self.networks[at],
            None => {
                self.networks.push_back(Network::new(network));
                self.networks.back_mut().expect("it was just put there")
            }
        };
        network.push(account, job);
        Ok(displaced)
    }

    /// The job whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<J> {
        let mut network = self.networks.pop_front()?;
        let mut account = network.accounts.pop_front()?;
        let job = account.jobs.pop_front();
        if !account.jobs.is_empty() {
            network.accounts.push_back(account);
        }
        network.waiting -= 1;
        if network.waiting > 0 {
            self.networks.push_back(network);
        }
        self.waiting -= 1;
        job
    }

    /// Where a place can be taken for a new job: the account with most jobs waiting, in
    /// the network with most, if that is more than its own would be.
    fn longest(&self, network: &N, account: &A) -> Option<(usize, usize)> {
        let (at, longest) =
            self.networks.iter().enumerate().max_by_key(|(_, network)| network.waiting)?;
        let own = self.networks.iter().find(|known| known.key == *network);
        let of_account = longest
            .accounts
            .iter()
            .enumerate()
            .max_by_key(|(_, account)| account.jobs.len())
            .map(|(at, account)| (at, account.jobs.len()))?;
        let more = if longest.key == *network {
            let own = longest.accounts.iter().find(|known| known.key == *account);
            of_account.1 > own.map_or(0, |own| own.jobs.len()) + 1
        } else {
            longest.waiting > own.map_or(0, |own| own.waiting) + 1
        };
        more.then_some((at, of_account.0))
    }

    fn remove_newest(&mut self, of_network: usize, of_account: usize) -> Option<J> {
        let network = self.networks.get_mut(of_network)?;
        let account = network.accounts.get_mut(of_account)?;
        let job = account.jobs.pop_back();
        if account.jobs.is_empty() {
            network.accounts.remove(of_account);
        }
        network.waiting -= 1;
        if network.waiting == 0 {
            self.networks.remove(of_network);
        }
        self.waiting -= 1;
        job
    }
}

impl<N, A: PartialEq, J> Network<N, A, J> {
    fn new(key: N) -> Self {
        Self { key, waiting: 0, accounts: VecDeque::new() }
    }

    fn push(&mut self, account: A, job: J) {
        self.waiting += 1;
        match self.accounts.iter_mut().find(|known| known.key == account) {
            Some(known) => known.jobs.push_back(job),
            None => self.accounts.push_back(Account { key: account, jobs: [job].into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Jobs = FairQueue<u8, u8, (u8, u8, usize)>;

    fn fill(queue: &mut Jobs, network: u8, account: u8, count: usize) {
        for number in 0..count {
            assert_eq!(queue.push(network, account, (network, account, number)), Ok(None));
        }
    }

    fn drain(queue: &mut Jobs) -> Vec<(u8, u8, usize)> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn a_backlog_delays_another_network_by_one_job() {
        let mut queue = FairQueue::new(100);
        fill(&mut queue, 1, 1, 20);
        fill(&mut queue, 2, 1, 2);
        let order: Vec<u8> = drain(&mut queue).iter().map(|job| job.0).collect();
        assert_eq!(order[..5], [1, 2, 1, 2, 1]);
        assert_eq!(order.len(), 22);
    }

    #[test]
    fn accounts_of_one_network_take_turns_and_each_keeps_its_order() {
        let mut queue = FairQueue::new(100);
        fill(&mut queue, 1, 1, 3);
        fill(&mut queue, 1, 2, 2);
        let jobs = [(1, 1, 0), (1, 2, 0), (1, 1, 1), (1, 2, 1), (1, 1, 2)];
        assert_eq!(drain(&mut queue), jobs);
    }

    #[test]
    fn little_takes_the_place_of_much() {
        let mut queue = FairQueue::new(8);
        fill(&mut queue, 1, 1, 5);
        fill(&mut queue, 1, 2, 3);
        assert_eq!(queue.push(2, 1, (2, 1, 0)), Ok(Some((1, 1, 4))), "another network");
        assert_eq!(queue.push(1, 3, (1, 3, 0)), Ok(Some((1, 1, 3))), "the same network");
        assert_eq!(queue.push(1, 1, (1, 1, 9)), Err((1, 1, 9)), "no other has more");
        assert_eq!(drain(&mut queue).len(), 8);
    }

    proptest! {
        /// Whatever comes: the bound holds, nothing is lost or served twice, the count
        /// is right, and a network with one job waits for at most one of each other.
        #[test]
        fn fair_and_bounded(steps in proptest::collection::vec((0_u8..4, 0_u8..3, any::<bool>()), 1..300)) {
            let mut queue: Jobs = FairQueue::new(12);
            let (mut given, mut out) = (Vec::new(), Vec::new());
            for (number, (network, account, pops)) in steps.into_iter().enumerate() {
                let job = (network, account, number);
                given.push(job);
                match queue.push(network, account, job) {
                    Ok(displaced) => out.extend(displaced),
                    Err(refused) => out.push(refused),
                }
                if pops {
                    out.extend(queue.pop());
                }
                let kept: usize = queue.networks.iter().map(|network| network.waiting).sum();
                prop_assert!(kept == queue.waiting && kept <= 12);
                prop_assert!(queue.networks.iter().all(|network| network.waiting > 0));
            }
            let alone: Vec<u8> =
                queue.networks.iter().filter(|one| one.waiting == 1).map(|one| one.key).collect();
            let rest = drain(&mut queue);
            for network in alone {
                prop_assert!(rest.iter().position(|job| job.0 == network) < Some(4));
            }
            out.extend(rest);
            out.sort_unstable();
            given.sort_unstable();
            prop_assert_eq!(out, given);
        }
    }
}
