//! The log position: a number that rises with every commit, over restarts too, without a write of its own for each.
//!
//! A block of numbers is reserved in the transaction of the first commit that needs it; a restart begins the next block. What a
//! crash leaves unused is a gap.

use store::{Result, Value};

use crate::session::Session;

const BLOCK: u64 = 1 << 20;

/// Numbers handed out and reserved.
#[derive(Debug, Default)]
pub struct Position {
    last: u64,
    reserved: u64,
}

impl Position {
    /// The number of the commit about to be made, inside its transaction; 0 while the database has no `meta` yet.
    pub fn next(&mut self, session: &mut Session) -> Result<u64> {
        if self.last >= self.reserved {
            let Some(before) = reserved(session)? else { return Ok(0) };
            let from = before.max(self.last);
            session.execute(
                "INSERT INTO meta (key, value) VALUES ('log_reserved', $1) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                &[Value::from((from + BLOCK).to_string())],
            )?;
            (self.last, self.reserved) = (from, from + BLOCK);
        }
        self.last += 1;
        Ok(self.last)
    }

    /// A number no commit so far is above, for a transaction that changed nothing.
    pub fn present(&mut self, session: &mut Session) -> Result<u64> {
        if self.last == 0 {
            self.last = reserved(session)?.unwrap_or(0);
            self.reserved = self.last;
        }
        Ok(self.last)
    }

    /// The commit was not made, and with it perhaps a reservation.
    pub fn take_back(&mut self) {
        self.reserved = self.last;
    }
}

/// The end of the last block reserved; none while there is no `meta`.
fn reserved(session: &mut Session) -> Result<Option<u64>> {
    let meta = session.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'", &[])?;
    if meta.is_empty() {
        return Ok(None);
    }
    let rows = session.query("SELECT value FROM meta WHERE key = 'log_reserved'", &[])?;
    let text = rows.first().map_or(Ok(String::new()), |row| row.text(0))?;
    Ok(Some(text.parse().unwrap_or(0)))
}
