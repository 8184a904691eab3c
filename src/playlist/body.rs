//! A text that moves on: its first bytes go, others come at its end.
//!
//! Must not know: what the text is.

/// Text whose first bytes go.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub(super) text: String,
    /// How many of its bytes have gone.
    gone: usize,
    pub(super) lines: usize,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) bytes: usize,
    pub(super) lines: usize,
}

/// Whether two texts in pieces are the same.
pub(super) fn is_same(one: &[&str], other: &[&str]) -> bool {
    let length = |texts: &[&str]| texts.iter().map(|text| text.len()).sum::<usize>();
    let mut both = (one.iter(), other.iter());
    let (mut left, mut right) = ("".as_bytes(), "".as_bytes());
    if length(one) != length(other) {
        return false;
    }
    loop {
        if left.is_empty() {
            match both.0.next() {
                Some(next) => left = next.as_bytes(),
                None => return true,
            }
        } else if right.is_empty() {
            match both.1.next() {
                Some(next) => right = next.as_bytes(),
                None => return true,
            }
        } else {
            let common = left.len().min(right.len());
            if left[..common] != right[..common] {
                return false;
            }
            (left, right) = (&left[common..], &right[common..]);
        }
    }
}

impl Body {
    /// What is left of it.
    pub(super) fn as_str(&self) -> &str {
        &self.text[self.gone..]
    }

    /// Its first bytes.
    pub(super) fn first(&self, size: Size) -> &str {
        &self.as_str()[..size.bytes]
    }

    /// What is left without its first bytes.
    pub(super) fn rest(&self, size: Size) -> &str {
        &self.as_str()[size.bytes..]
    }

    /// Drops its first bytes; those that have gone make room when they are as many as the rest.
    pub(super) fn drop_first(&mut self, size: Size) {
        self.gone += size.bytes;
        self.lines -= size.lines;
        if self.gone >= self.text.len() - self.gone {
            self.text.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// Puts `other` at its end.
    pub(super) fn push(&mut self, other: &Self) {
        self.text.push_str(other.as_str());
        self.lines += other.lines;
    }
}

impl Size {
    /// Of a text.
    pub(super) fn of(text: &str) -> Self {
        Self {
            bytes: text.len(),
            lines: text.bytes().filter(|byte| *byte == b'\n').count(),
        }
    }
}
