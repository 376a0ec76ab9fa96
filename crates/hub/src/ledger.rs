//! Accounts by key, bounded in memory. Every step is of constant cost: a new account makes room by looking at two others,
//! and those that are as good as new are dropped.

use std::collections::HashMap;

/// What is kept about one key.
pub trait Account: Default {
    /// Whether a new one would be as good.
    fn is_idle(&self, now_ns: u64) -> bool;
}

/// Accounts by key.
#[derive(Debug)]
pub struct Ledger<A> {
    /// Where the account of a key is.
    index: HashMap<u64, u32>,
    /// At most `most` of them.
    accounts: Vec<(u64, A)>,
    /// Of the account that is looked at next.
    hand: usize,
    most: usize,
    /// Of all for whom there is no room.
    crowd: A,
}

/// Which account somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountId {
    /// One of their own.
    Own(u64),
    /// The one that all share for whom there is no room.
    Crowd,
}

/// Accounts that are looked at for every new one: more than one, or as many idle ones could come as go.
const LOOKS: usize = 2;

impl<A: Account> Ledger<A> {
    /// A ledger for at most this many keys. Those who come when all of them are busy share an account.
    pub fn new(most: usize) -> Self {
        Self { index: HashMap::new(), accounts: Vec::new(), hand: 0, most, crowd: A::default() }
    }

    /// The account of this key, opened if need be.
    pub fn open(&mut self, key: u64, now_ns: u64) -> (AccountId, &mut A) {
        let found = self.index.get(&key).copied();
        let place = match found {
            Some(place) => place as usize,
            None => {
                self.make_room(now_ns);
                if self.accounts.len() >= self.most {
                    return (AccountId::Crowd, &mut self.crowd);
                }
                self.index.insert(key, self.accounts.len() as u32);
                self.accounts.push((key, A::default()));
                self.accounts.len() - 1
            }
        };
        (AccountId::Own(key), &mut self.accounts[place].1)
    }

    /// An account that is there, if it has not become idle meanwhile.
    pub fn get(&mut self, id: AccountId) -> Option<&mut A> {
        match id {
            AccountId::Crowd => Some(&mut self.crowd),
            AccountId::Own(key) => {
                let place = *self.index.get(&key)?;
                self.accounts.get_mut(place as usize).map(|(_, account)| account)
            }
        }
    }

    /// Accounts that are kept.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn make_room(&mut self, now_ns: u64) {
        for _ in 0..LOOKS {
            if self.hand >= self.accounts.len() {
                self.hand = 0;
            }
            let Some((key, account)) = self.accounts.get(self.hand) else { return };
            if !account.is_idle(now_ns) {
                self.hand += 1;
                continue;
            }
            self.index.remove(key);
            self.accounts.swap_remove(self.hand);
            if let Some((moved, _)) = self.accounts.get(self.hand) {
                self.index.insert(*moved, self.hand as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default)]
    struct Count(u32);

    impl Account for Count {
        fn is_idle(&self, _: u64) -> bool {
            self.0 == 0
        }
    }

    proptest! {
        // SEC-10: what is counted is what a map without bounds would count, as long as there is room.
        #[test]
        fn counts_are_kept_while_keys_come_and_go(steps in proptest::collection::vec((0u64..40, any::<bool>()), 0..500)) {
            let (mut ledger, mut model) = (Ledger::<Count>::new(64), HashMap::<u64, u32>::new());
            for (key, up) in steps {
                let count = model.entry(key).or_default();
                if up {
                    *count += 1;
                    let (id, account) = ledger.open(key, 0);
                    account.0 += 1;
                    prop_assert_eq!((id, account.0), (AccountId::Own(key), *count));
                } else if *count > 0 {
                    *count -= 1;
                    let account = ledger.get(AccountId::Own(key)).unwrap();
                    account.0 -= 1;
                    prop_assert_eq!(account.0, *count);
                }
                let busy = model.values().filter(|count| **count > 0).count();
                prop_assert!(ledger.len() >= busy && ledger.len() <= 40);
            }
        }
    }

    // SEC-10, T14: memory is bounded by the busy keys, and by the cap.
    #[test]
    fn t14_keys_that_come_once_leave_no_memory_behind() {
        let mut ledger = Ledger::<Count>::new(1000);
        for key in 0..100_000 {
            ledger.open(key, 0);
        }
        assert!(ledger.len() <= LOOKS, "{}", ledger.len());
        for key in 0..100_000 {
            let (id, account) = ledger.open(key, 0);
            account.0 += 1;
            assert_eq!(id == AccountId::Crowd, key >= 1000, "{key}");
        }
        assert_eq!((ledger.len(), ledger.get(AccountId::Crowd).unwrap().0), (1000, 99_000));
        // Room is made again when the busy ones have left.
        for key in 0..1000 {
            ledger.get(AccountId::Own(key)).unwrap().0 -= 1;
        }
        assert_eq!(ledger.open(5000, 0).0, AccountId::Own(5000));
        assert_eq!(ledger.len(), 999);
    }
}
