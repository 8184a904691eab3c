//! What an import did, and what it could not carry over.
//!
//! Must not know: any secret.

/// A line for each thing that was found.
pub(super) struct Report {
    is_dry: bool,
    made: usize,
    left: usize,
}

impl Report {
    pub(super) fn new(is_dry: bool) -> Self {
        Self {
            is_dry,
            made: 0,
            left: 0,
        }
    }

    pub(super) fn made(&mut self, what: &str) {
        self.made += 1;
        let said = if self.is_dry { "would be made" } else { "made" };
        println!("{said}: {what}");
    }

    pub(super) fn known(&self, what: &str) {
        println!("there already: {what}");
    }

    pub(super) fn left(&mut self, what: &str) {
        self.left += 1;
        println!("not carried over: {what}");
    }

    pub(super) fn note(&self, what: &str) {
        println!("note: {what}");
    }

    pub(super) fn end(&self) {
        let said = if self.is_dry { "would be made" } else { "made" };
        println!("{} {said}, {} not carried over", self.made, self.left);
    }
}
