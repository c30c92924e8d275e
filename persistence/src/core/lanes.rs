//! What several threads ask for at the same moment is done together: whoever finds others at work waits, and
//! what has come together meanwhile is done in one go by one of those who wait. Nobody waits for others to come.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{SendError, Sender, channel},
    },
};

use uuid::Uuid;

use crate::{Error, Result};

/// Things that are done in one go.
const MOST: usize = 32;

/// Postgres takes a list that it does not know for one of ten. One that is known to be shorter it would have planned
/// anew each time: so none is shorter.
pub(crate) fn padded(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.resize(ids.len().max(10), Uuid::nil());
    ids
}

/// A lane for each key: what is asked for under one is done together, one go at a time, for two at once would be
/// smaller ones. A key is here while somebody is at work, with those who wait.
#[derive(Debug)]
pub(crate) struct Lanes<K, I, O>(Mutex<HashMap<K, Vec<Asked<I, O>>>>);

#[derive(Debug)]
struct Asked<I, O> {
    item: I,
    told: Sender<Word<I, O>>,
}

/// What somebody who waits is told.
#[derive(Debug)]
enum Word<I, O> {
    Done(O),
    /// To do it, and what the others have asked for.
    Lead(I, VecDeque<Asked<I, O>>),
}

impl<K, I, O> Default for Lanes<K, I, O> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, I, O> Lanes<K, I, O> {
    /// Has something done: by `carry_out`, perhaps with what others have asked for, or by one of them. It answers
    /// in the order of the things. None if whoever was to do it broke down.
    pub fn go(&self, key: &K, item: I, carry_out: impl FnOnce(Vec<I>) -> Vec<O>) -> Option<O> {
        let (told, tells) = channel();
        let (item, others) = match self.join(key, Asked { item, told }) {
            Some(asked) => (asked.item, VecDeque::new()),
            None => match tells.recv().ok()? {
                Word::Done(outcome) => return Some(outcome),
                Word::Lead(item, others) => (item, others),
            },
        };
        let _end = End { lanes: self, key };
        let (others, tellers): (Vec<_>, Vec<_>) =
            others.into_iter().map(|asked| (asked.item, asked.told)).unzip();
        let items = std::iter::once(item).chain(others).collect();
        let mut outcomes = carry_out(items).into_iter();
        let own = outcomes.next();
        for (told, outcome) in tellers.into_iter().zip(outcomes) {
            // Whoever waits waits to the end.
            let _ = told.send(Word::Done(outcome));
        }
        own
    }

    /// How many things wait, in all lanes.
    pub fn waiting(&self) -> usize {
        self.lanes().values().map(Vec::len).sum()
    }

    /// Waits in the lane, or gets back what it asks for, to do it at once.
    fn join(&self, key: &K, asked: Asked<I, O>) -> Option<Asked<I, O>> {
        let mut lanes = self.lanes();
        let Some(waiting) = lanes.get_mut(key) else {
            lanes.insert(key.clone(), Vec::new());
            return Some(asked);
        };
        waiting.push(asked);
        None
    }

    /// A go has ended: the next one begins, if anybody waits.
    fn end(&self, key: &K) {
        let mut lanes = self.lanes();
        while let Some(waiting) = lanes.get_mut(key).filter(|waiting| !waiting.is_empty()) {
            let many = waiting.len().min(MOST);
            let mut next: VecDeque<_> = waiting.drain(..many).collect();
            while let Some(Asked { item, told }) = next.pop_front() {
                match told.send(Word::Lead(item, next)) {
                    Ok(()) => return,
                    // Whoever was to do it has gone away: the one after him.
                    Err(SendError(Word::Lead(_, others))) => next = others,
                    Err(SendError(Word::Done(_))) => break,
                }
            }
        }
        lanes.remove(key);
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<K, Vec<Asked<I, O>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was read together, or what it failed by for all; none where each is to read for itself.
pub(crate) type Read<T> = Result<T, Option<Error>>;

impl<K: Clone + Eq + Hash, I, T> Lanes<K, I, Read<T>> {
    /// The same of what is only read. None where it is to be read alone.
    pub fn read(
        &self,
        key: &K,
        item: I,
        read: impl FnOnce(&[I]) -> Result<Vec<T>>,
    ) -> Result<Option<T>> {
        let carry_out = |items: Vec<I>| match read(&items) {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error) => items.iter().map(|_| Err(error.of_all())).collect(),
        };
        match self.go(key, item, carry_out) {
            Some(Ok(found)) => Ok(Some(found)),
            Some(Err(Some(error))) => Err(error),
            Some(Err(None)) | None => Ok(None),
        }
    }
}

/// The end of a go, whatever became of it.
struct End<'l, K: Clone + Eq + Hash, I, O> {
    lanes: &'l Lanes<K, I, O>,
    key: &'l K,
}

impl<K: Clone + Eq + Hash, I, O> Drop for End<'_, K, I, O> {
    fn drop(&mut self) {
        self.lanes.end(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
        thread,
    };

    use super::*;

    /// Answers each number by its double, and notes what was done in one go.
    struct Doubles {
        lanes: Lanes<&'static str, u32, u32>,
        goes: Mutex<Vec<Vec<u32>>>,
    }

    impl Doubles {
        fn go(&self, key: &'static str, number: u32, before: impl FnOnce()) -> Option<u32> {
            self.lanes.go(&key, number, |numbers| {
                before();
                let doubled = numbers.iter().map(|number| number * 2).collect();
                self.goes.lock().unwrap().push(numbers);
                doubled
            })
        }

        /// Waits until so many wait.
        fn until_waiting(&self, many: usize) {
            while self.lanes.waiting() != many {
                thread::yield_now();
            }
        }
    }

    fn doubles() -> Arc<Doubles> {
        Arc::new(Doubles { lanes: Lanes::default(), goes: Mutex::default() })
    }

    /// Three come to a lane while the first of it is at work, which ends as it does.
    fn three_after(
        doubles: &Arc<Doubles>,
        end: fn(),
    ) -> (thread::Result<Option<u32>>, Vec<Option<u32>>) {
        let first = thread::spawn({
            let doubles = doubles.clone();
            move || {
                let at_work = || {
                    doubles.until_waiting(3);
                    end();
                };
                catch_unwind(AssertUnwindSafe(|| doubles.go("a", 100, at_work)))
            }
        });
        while doubles.lanes.lanes().is_empty() {
            thread::yield_now();
        }
        let come = |number| {
            let doubles = doubles.clone();
            thread::spawn(move || doubles.go("a", number, || {}))
        };
        let others: Vec<_> = (1..=3).map(come).collect();
        // Another lane is nobody's concern.
        assert_eq!(doubles.go("b", 50, || {}), Some(100));
        let others = others.into_iter().map(|one| one.join().unwrap()).collect();
        (first.join().unwrap(), others)
    }

    #[test]
    fn who_comes_meanwhile_is_served_together_and_each_is_told_his_own() {
        let doubles = doubles();
        let (first, others) = three_after(&doubles, || {});
        assert_eq!((first.unwrap(), others), (Some(200), vec![Some(2), Some(4), Some(6)]));
        let mut goes = doubles.goes.lock().unwrap().clone();
        goes.iter_mut().for_each(|go| go.sort_unstable());
        goes.sort();
        assert_eq!(goes, [vec![1, 2, 3], vec![50], vec![100]]);
        assert!(doubles.lanes.lanes().is_empty());
    }

    #[test]
    fn who_breaks_down_stops_nobody() {
        let doubles = doubles();
        let (first, others) = three_after(&doubles, || panic!("broken"));
        assert!(first.is_err());
        assert_eq!(others, [Some(2), Some(4), Some(6)]);
        assert!(doubles.lanes.lanes().is_empty());
    }

    #[test]
    fn those_whom_one_leads_know_when_he_breaks_down() {
        let lanes: Arc<Lanes<(), u32, u32>> = Arc::default();
        let (told, tells) = channel();
        lanes.lanes().insert((), Vec::new());
        assert!(lanes.join(&(), Asked { item: 1, told: channel().0 }).is_none());
        assert!(lanes.join(&(), Asked { item: 2, told }).is_none());
        // The first has gone away, so the second is to do it.
        lanes.end(&());
        assert!(matches!(tells.recv(), Ok(Word::Lead(2, others)) if others.is_empty()));
    }
}
