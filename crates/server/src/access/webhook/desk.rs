//! Questions under way and answers that still hold, so that the same question is asked once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use headwater_access::Grant;
use tokio::sync::watch;

use super::Verdict;

/// What a question is told by: a hash of everything that the application is shown.
pub(super) type Digest = [u8; 32];

/// Where a question finds its verdict.
pub(super) enum Found {
    /// It was answered before.
    Kept(Arc<Grant>),
    /// Somebody has asked it a moment ago.
    UnderWay(watch::Receiver<Option<Verdict>>),
    /// Nobody has: here is where the verdict goes.
    New(watch::Sender<Option<Verdict>>),
    /// Too many others are under way.
    Full,
}

/// Questions and answers. Of the answers it holds at most twice [`Desk::ANSWERS`], in two halves: when the newer is full it
/// becomes the older, and what was the older is gone.
#[derive(Default)]
pub(super) struct Desk {
    under_way: HashMap<Digest, watch::Receiver<Option<Verdict>>>,
    newer: HashMap<Digest, (Arc<Grant>, Instant)>,
    older: HashMap<Digest, (Arc<Grant>, Instant)>,
}

impl Desk {
    /// Answers that are kept at least.
    const ANSWERS: usize = 20_000;
    /// Questions that are under way at most.
    const QUESTIONS: usize = 256;

    /// Looks for the verdict on a question.
    pub(super) fn find(&mut self, question: &Digest, now: Instant) -> Found {
        let kept = self.newer.get(question).or_else(|| self.older.get(question));
        if let Some((grant, _)) = kept.filter(|(grant, until)| now < *until && grant.holds(SystemTime::now())) {
            return Found::Kept(grant.clone());
        }
        if let Some(verdict) = self.under_way.get(question) {
            return Found::UnderWay(verdict.clone());
        }
        if self.under_way.len() >= Self::QUESTIONS {
            return Found::Full;
        }
        let (sender, receiver) = watch::channel(None);
        self.under_way.insert(*question, receiver);
        Found::New(sender)
    }

    /// A question is not under way any more.
    pub(super) fn done(&mut self, question: &Digest) {
        self.under_way.remove(question);
    }

    /// Keeps an answer until then.
    pub(super) fn keep(&mut self, question: Digest, grant: Arc<Grant>, until: Instant) {
        if self.newer.len() >= Self::ANSWERS {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(question, (grant, until));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use headwater_access::Rights;

    use super::*;

    fn digest(n: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[test]
    fn the_same_question_is_under_way_once() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        let Found::New(verdict) = desk.find(&digest(1), now) else { panic!("it is new") };
        let Found::UnderWay(mut waiting) = desk.find(&digest(1), now) else { panic!("it is under way") };
        verdict.send_replace(Some(Verdict::Stranger));
        desk.done(&digest(1));
        assert!(matches!(*waiting.borrow_and_update(), Some(Verdict::Stranger)));
        let asked: Vec<_> = (0..Desk::QUESTIONS).map(|n| desk.find(&digest(n), now)).collect();
        assert!(asked.iter().all(|found| matches!(found, Found::New(_))));
        assert!(matches!(desk.find(&digest(Desk::QUESTIONS), now), Found::Full));
        assert!(matches!(desk.find(&digest(0), now), Found::UnderWay(_)));
    }

    #[test]
    fn answers_are_kept_for_their_time_and_bounded() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        let grant = Arc::new(Grant {
            rights: Rights::all(),
            subject: None,
            id: None,
            issuer: None,
            issued_s: None,
            expires_s: u64::MAX,
        });
        let second = Duration::from_secs(1);
        desk.keep(digest(0), grant.clone(), now + second);
        assert!(matches!(desk.find(&digest(0), now), Found::Kept(_)));
        assert!(matches!(desk.find(&digest(0), now + second), Found::New(_)));
        for n in 1..=4 * Desk::ANSWERS {
            desk.keep(digest(n), grant.clone(), now + second);
            assert!(desk.newer.len() + desk.older.len() <= 2 * Desk::ANSWERS);
        }
        assert!(matches!(desk.find(&digest(4 * Desk::ANSWERS), now), Found::Kept(_)));
        assert!(matches!(desk.find(&digest(1), now), Found::New(_)));
    }
}
