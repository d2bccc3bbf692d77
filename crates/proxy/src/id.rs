//! Names for requests: unique, and not to be guessed from one another. They are no secrets.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes names: a counter, scrambled under keys that are random for each process.
#[derive(Debug, Default)]
pub(crate) struct Names {
    high: RandomState,
    low: RandomState,
    next: AtomicU64,
}

impl Names {
    /// A new name of 32 hexadecimal digits.
    pub(crate) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{:016x}", self.high.hash_one(number), self.low.hash_one(number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_differ() {
        let (names, others) = (Names::default(), Names::default());
        let all: HashSet<String> = (0..1000).flat_map(|_| [names.next(), others.next()]).collect();
        assert_eq!(all.len(), 2000);
        assert!(all.iter().all(|name| name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
