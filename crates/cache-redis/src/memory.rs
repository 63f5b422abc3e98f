//! How full Redis is, told as metrics: it evicts at its limit without a word, and then the databases carry what it no longer holds.

use std::time::Duration;

use redis::Value;
use tokio::time::{MissedTickBehavior, interval};

use crate::requests::Requests;
use crate::{Redis, metrics};

const EVERY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes in use, and the limit; 0 is none.
#[derive(Debug, PartialEq, Eq)]
struct Memory {
    used: u64,
    limit: u64,
}

/// Looks for as long as it is polled. A Redis that does not answer is told of elsewhere.
pub(crate) async fn watch(redis: &Redis) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Ok(answer) = redis.ask(&Requests::memory(), PATIENCE).await
            && let Some(memory) = read(&answer)
        {
            metrics::memory(memory.used, memory.limit);
        }
    }
}

fn read(answer: &Value) -> Option<Memory> {
    let text = match answer {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
        Value::VerbatimString { text, .. } => text.as_str(),
        _ => return None,
    };
    let number = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    Some(Memory { used: number("used_memory:")?, limit: number("maxmemory:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_read_and_anything_else_is_none() {
        let answer = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:67108864\r\n";
        let read_as = |text: &str| read(&Value::BulkString(text.as_bytes().to_vec()));
        assert_eq!(read_as(answer), Some(Memory { used: 1_048_576, limit: 67_108_864 }));
        assert_eq!(read_as("# Memory\r\nused_memory:x\r\n"), None);
        assert_eq!(read(&Value::Okay), None);
    }
}
