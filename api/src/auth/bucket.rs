//! Buckets of tries that fill up again with time. Their keys come from strangers: however many there are,
//! no more than a bound are remembered, and those that rested longest are forgotten first.

use std::{collections::HashMap, sync::Mutex, time::Duration};

pub struct Buckets {
    /// How long a bucket takes to fill up, and one try of it, in milliseconds.
    whole: u64,
    one: u64,
    most: usize,
    kept: Mutex<Kept>,
}

/// When each bucket is full again, in milliseconds. What has not been asked for since half of the bound came
/// is old, and goes with the next half.
#[derive(Default)]
struct Kept {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
}

impl Kept {
    fn full_at(&mut self, key: u64, half: usize) -> &mut u64 {
        if self.young.len() >= half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_default())
    }
}

impl Buckets {
    /// So many tries at once, then one each time.
    pub fn new(at_once: u32, each: Duration, most: usize) -> Self {
        let one = u64::try_from(each.as_millis()).unwrap_or(u64::MAX);
        let whole = one.saturating_mul(at_once.into());
        Self { whole, one, most, kept: Mutex::default() }
    }

    /// Takes a try, at a time in milliseconds; or says how many of them to wait.
    pub fn take(&self, key: u64, now: u64) -> Result<(), u64> {
        let mut kept = self.kept.lock().map_err(|_| self.one)?;
        let full_at = kept.full_at(key, self.most / 2);
        let next = (*full_at).max(now).saturating_add(self.one);
        match next.saturating_sub(now).checked_sub(self.whole) {
            None | Some(0) => *full_at = next,
            Some(wait) => return Err(wait),
        }
        Ok(())
    }

    pub fn give_back(&self, key: u64) {
        if let Ok(mut kept) = self.kept.lock() {
            let full_at = kept.full_at(key, self.most / 2);
            *full_at = full_at.saturating_sub(self.one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(most: usize) -> Buckets {
        Buckets::new(3, Duration::from_secs(10), most)
    }

    #[test]
    fn a_bucket_empties_and_fills_up_with_time() {
        let (buckets, now) = (buckets(100), 1_000_000);
        for _ in 0..3 {
            assert_eq!(buckets.take(1, now), Ok(()));
        }
        assert_eq!(buckets.take(1, now), Err(10_000));
        assert_eq!(buckets.take(1, now + 9_999), Err(1));
        assert_eq!(buckets.take(2, now), Ok(()), "others have their own");
        assert_eq!(buckets.take(1, now + 10_000), Ok(()));
        assert_eq!(buckets.take(1, now + 10_000), Err(10_000));
        // No more than a whole one, however long it rests.
        let late = now + 1_000_000;
        let taken = (0..10).filter(|_| buckets.take(1, late).is_ok()).count();
        assert_eq!(taken, 3);
        buckets.give_back(1);
        assert_eq!(buckets.take(1, late), Ok(()));
        assert_eq!(buckets.take(1, late), Err(10_000));
    }

    #[test]
    fn strangers_do_not_grow_it_and_who_is_there_is_remembered() {
        let (buckets, now) = (buckets(1_000), 1_000_000);
        while buckets.take(0, now).is_ok() {}
        for key in 1..100_000 {
            assert_eq!(buckets.take(key, now), Ok(()));
            if key % 400 == 0 {
                assert!(buckets.take(0, now).is_err());
            }
        }
        let kept = buckets.kept.lock().unwrap();
        assert!(kept.young.len() + kept.old.len() <= 1_000);
    }
}
