//! What is remembered of answers: the thoughts that led to tool calls, for clients that do not send them
//! back (see [`byok_translate::recall`]).
//!
//! In memory only, and bounded in entries, bytes and time. Every entry belongs to one app, one provider and
//! one model: no client reads what another's conversation left, and no vendor gets another's token. What was
//! used lately stays longest. Nothing here ever fails a call: what is not known is left out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use byok_translate::recall::{CallKey, Learned, Recall, Thoughts};
use byok_types::{AppId, ProviderId};
use sha2::{Digest, Sha256};

/// How long something is remembered after it was used the last time.
const LIFE: Duration = Duration::from_secs(3600);
/// How many names are known at most. Every call has up to two.
const MAX_ENTRIES: usize = 4096;
/// How many bytes they may take together.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// What an entry takes beside its thoughts.
const OVERHEAD: usize = 160;

/// The memory of all apps. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Entries>>);

/// The part of the memory that one app has for one model.
#[derive(Clone)]
pub(crate) struct Scope {
    memory: Memory,
    owner: [u8; 32],
}

type Key = [u8; 32];

#[derive(Default)]
struct Entries {
    known: HashMap<Key, Entry>,
    /// By use, the oldest first. Has exactly one item for each entry.
    order: BTreeMap<u64, Key>,
    next: u64,
    bytes: usize,
}

struct Entry {
    thoughts: Arc<Thoughts>,
    used: Instant,
    place: u64,
    size: usize,
}

impl Memory {
    /// The part that belongs to this app, for what this model of this provider thought.
    pub(crate) fn scope(&self, app: &AppId, provider: &ProviderId, model: &str) -> Scope {
        let mut hash = Sha256::new();
        for name in [app.as_str(), provider.as_str(), model] {
            hash.update(name.len().to_be_bytes());
            hash.update(name);
        }
        Scope { memory: self.clone(), owner: hash.finalize().into() }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing in there is left half done by a panic that matters: the worst is a forgotten entry.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scope {
    /// Remembers what an answer gave.
    pub(crate) fn learn(&self, learned: Vec<Learned>) {
        if !learned.is_empty() {
            self.learn_at(learned, Instant::now());
        }
    }

    fn learn_at(&self, learned: Vec<Learned>, now: Instant) {
        let mut entries = self.memory.entries();
        for Learned { key, by_id, thoughts } in learned {
            if let Some(key) = by_id.map(|key| self.key(&key)) {
                // An id that stands for two things stands for neither.
                let other = entries.known.get(&key).is_some_and(|entry| entry.thoughts != thoughts);
                let meant = if other { Arc::default() } else { Arc::clone(&thoughts) };
                entries.put(key, meant, now);
            }
            entries.put(self.key(&key), thoughts, now);
        }
    }

    fn recall_at(&self, key: &CallKey, now: Instant) -> Option<Arc<Thoughts>> {
        self.memory.entries().find(&self.key(key), now).filter(|thoughts| !thoughts.is_empty())
    }

    fn key(&self, call: &CallKey) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.owner);
        hash.update(call.0);
        hash.finalize().into()
    }
}

impl Recall for Scope {
    fn recall(&self, key: &CallKey) -> Option<Arc<Thoughts>> {
        self.recall_at(key, Instant::now())
    }
}

impl Entries {
    fn put(&mut self, key: Key, thoughts: Arc<Thoughts>, now: Instant) {
        self.forget(&key);
        let size = thoughts.size() + OVERHEAD;
        let place = self.place();
        self.bytes += size;
        self.order.insert(place, key);
        self.known.insert(key, Entry { thoughts, used: now, place, size });
        self.expire(now);
        while self.known.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = *oldest;
            self.forget(&oldest);
        }
    }

    fn find(&mut self, key: &Key, now: Instant) -> Option<Arc<Thoughts>> {
        self.expire(now);
        let place = self.place();
        let entry = self.known.get_mut(key)?;
        self.order.remove(&entry.place);
        self.order.insert(place, *key);
        entry.place = place;
        entry.used = now;
        Some(Arc::clone(&entry.thoughts))
    }

    fn expire(&mut self, now: Instant) {
        while let Some((_, oldest)) = self.order.first_key_value() {
            let oldest = *oldest;
            match self.known.get(&oldest) {
                Some(entry) if now.saturating_duration_since(entry.used) < LIFE => break,
                _ => self.forget(&oldest),
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some(entry) = self.known.remove(key) {
            self.order.remove(&entry.place);
            self.bytes -= entry.size;
        }
    }

    fn place(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        f.debug_struct("Memory")
            .field("entries", &entries.known.len())
            .field("bytes", &entries.bytes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("memory", &self.memory).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
