//! How long a session lives.

/// The two bounds, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) idle_ms: i64,
    pub(crate) absolute_ms: i64,
}

impl Lifetime {
    /// The nearer of the bounds, for a session made and last used at these times.
    pub(crate) fn expires_at_ms(self, created_at_ms: i64, last_seen_at_ms: i64) -> i64 {
        (created_at_ms + self.absolute_ms).min(last_seen_at_ms + self.idle_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_bound_counts() {
        let lifetime = Lifetime { idle_ms: 14, absolute_ms: 30 };
        assert_eq!(lifetime.expires_at_ms(0, 0), 14);
        assert_eq!(lifetime.expires_at_ms(0, 10), 24);
        assert_eq!(lifetime.expires_at_ms(0, 29), 30);
    }
}
