//! What the databases do to those who ask: they take their time, fall silent, are away, lose answers. After the storm they only take their time.

use std::time::Duration;

use tokio::time::Instant;

use super::dice::Dice;

/// The longest that a server is away or stopped.
const LONGEST: u64 = 2_500;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    Done,
    /// A queue was full: not done.
    Refused,
    /// The server is away: not done.
    Away,
    /// The connection broke before the commit, and nobody can tell.
    Lost,
    /// The connection broke after the commit: done, and nobody can tell.
    Unheard,
}

/// A server in a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spell {
    Away,
    /// As after SIGSTOP: all that was sent is done when it goes on.
    Stopped,
    Slow,
}

/// One server's weather.
#[derive(Debug)]
pub struct Weather {
    /// None of it before and after.
    storm: (Instant, Instant),
    spells: Vec<(Instant, Instant, Spell)>,
}

impl Weather {
    /// It only takes its time.
    pub fn calm() -> Self {
        let now = Instant::now();
        Self { storm: (now, now), spells: Vec::new() }
    }

    pub fn stormy(dice: &mut Dice, from: Instant, to: Instant) -> Self {
        let mut spells = Vec::new();
        let mut at = from + dice.ms(500, 6_000);
        while at < to {
            let spell = *dice.one_of(&[Spell::Away, Spell::Stopped, Spell::Slow]);
            let end = (at + dice.ms(50, LONGEST)).min(to);
            spells.push((at, end, spell));
            at = end + dice.ms(1_000, 12_000);
        }
        Self { storm: (from, to), spells }
    }

    /// When a call that is sent now arrives, and what becomes of it.
    pub fn meet(&self, dice: &mut Dice, writes: bool) -> (Instant, Fate) {
        let mut arrival = Instant::now() + dice.us(1_000, 2_500);
        let mut fate = Fate::Done;
        let drawn = dice.below(1000);
        if arrival >= self.storm.0 && arrival < self.storm.1 {
            fate = match (drawn, writes) {
                (0..8, _) => Fate::Refused,
                (8..16, _) => Fate::Away,
                (16..28, true) => Fate::Lost,
                (28..48, true) => Fate::Unheard,
                _ => Fate::Done,
            };
        }
        match self.spells.iter().find(|(from, to, _)| (*from..*to).contains(&arrival)) {
            Some((_, _, Spell::Away)) => fate = Fate::Away,
            Some((_, end, Spell::Stopped)) => arrival = *end + Duration::from_millis(1),
            Some((_, _, Spell::Slow)) => arrival += dice.us(10_000, 150_000),
            None => {}
        }
        (arrival, fate)
    }
}
