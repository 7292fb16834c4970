//! By which keys new rows bound matches.

/// What bounds matches by time, by new row, in the order in which they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowLimits<'l> {
    /// The key by which matches are bounded. The row of which it is above its bound is in no match.
    pub keys: Option<&'l [i64]>,
    /// The latest key that a match may reach which begins there.
    pub bounds: Option<&'l [i64]>,
}

impl RowLimits<'_> {
    /// A row's key, and the latest key that a match may reach which begins there.
    pub(super) fn limit(&self, row: usize) -> Option<(i64, i64)> {
        self.keys.and_then(|keys| keys.get(row)).copied().zip(self.bounds.and_then(|bounds| bounds.get(row)).copied())
    }

    /// A row's key; None where it has none, or is in no match.
    pub(super) fn key(&self, row: usize) -> Option<i64> {
        let key = self.keys.and_then(|keys| keys.get(row)).copied()?;
        self.limit(row).is_none_or(|(key, bound)| key <= bound).then_some(key)
    }
}
