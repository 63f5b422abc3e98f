//! A fingerprint of the statements of a call, for the log: texts, whole numbers, how many rows. Ids that a process makes for itself are left out.

use std::fmt;

use store::Value;

pub struct Print {
    hash: u64,
    statements: u32,
}

impl Default for Print {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, statements: 0 }
    }
}

impl Print {
    pub fn statement(&mut self, sql: &str, params: &[Value], rows: u64) {
        self.statements += 1;
        // Its beginning and its length name it.
        self.bytes(sql.as_bytes().get(..48).unwrap_or(sql.as_bytes()));
        self.bytes(&sql.len().to_le_bytes());
        for param in params {
            if let Value::Int(Some(int)) = param {
                self.bytes(&int.to_le_bytes());
            }
        }
        self.bytes(&rows.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}/{}", self.hash, self.statements)
    }
}
