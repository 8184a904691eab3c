//! A sequence that moves on: its first items go, others come at its end, each at its own cost.
//!
//! Must not know: what the items are.

use std::ops::{Deref, DerefMut};

/// A `Vec` whose first items go without the others being moved: those that have gone make room
/// when they are as many as the rest, which is a move for each of them and no more.
#[derive(Debug)]
pub(super) struct Sliding<T> {
    items: Vec<T>,
    /// How many of them have gone.
    gone: usize,
}

impl<T> Sliding<T> {
    /// Puts `item` at the end.
    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// Puts `item` before the first, in the place of one that has gone if there is one.
    pub(super) fn push_front(&mut self, item: T) {
        match self.gone.checked_sub(1) {
            Some(at) => {
                self.items[at] = item;
                self.gone = at;
            }
            None => self.items.insert(0, item),
        }
    }

    /// Drops the first `count` items, or all that there are.
    pub(super) fn drop_first(&mut self, count: usize) {
        self.gone += count.min(self.len());
        if self.gone >= self.len() {
            self.items.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// Drops all but the first `count` items.
    pub(super) fn truncate(&mut self, count: usize) {
        self.items.truncate(self.gone.saturating_add(count));
    }
}

impl<T> Deref for Sliding<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[self.gone..]
    }
}

impl<T> DerefMut for Sliding<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[self.gone..]
    }
}

impl<T> Default for Sliding<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Sliding<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, gone: 0 }
    }
}

impl<T> Extend<T> for Sliding<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.items.extend(items);
    }
}

impl<T: Clone> Clone for Sliding<T> {
    fn clone(&self) -> Self {
        Self::from(self.to_vec())
    }
}

impl<T: PartialEq> PartialEq for Sliding<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Sliding<T> {}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Move {
        Push(u8),
        PushFront(u8),
        DropFirst(usize),
        Truncate(usize),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            4 => any::<u8>().prop_map(Move::Push),
            1 => any::<u8>().prop_map(Move::PushFront),
            2 => (0..6_usize).prop_map(Move::DropFirst),
            1 => (0..20_usize).prop_map(Move::Truncate),
        ];
        proptest::collection::vec(one, 0..60)
    }

    proptest! {
        #[test]
        fn it_is_what_a_deque_is(moves in moves()) {
            let (mut sliding, mut deque) = (Sliding::default(), VecDeque::new());
            for one in moves {
                match one {
                    Move::Push(item) => {
                        sliding.push(item);
                        deque.push_back(item);
                    }
                    Move::PushFront(item) => {
                        sliding.push_front(item);
                        deque.push_front(item);
                    }
                    Move::DropFirst(count) => {
                        sliding.drop_first(count);
                        deque.drain(..count.min(deque.len()));
                    }
                    Move::Truncate(count) => {
                        sliding.truncate(count);
                        deque.truncate(count);
                    }
                }
                prop_assert_eq!(&sliding[..], &*deque.make_contiguous());
            }
        }
    }
}
