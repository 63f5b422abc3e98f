//! Every instrument, built once. The cache and the hasher count for themselves.

use metrics::{Counter, counter};
use model::Code;

use crate::error::{Error, Result};
use crate::sessions::SignedIn;

#[derive(Clone)]
pub(crate) struct Metrics {
    signed_in: Counter,
    replayed: Counter,
    refused: Counter,
    limited: Counter,
    busy: Counter,
    failed: Counter,
    pub(crate) touched: Counter,
    pub(crate) swept: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let sign_ins = |outcome: &'static str| counter!("myriad_session_sign_ins_total", "outcome" => outcome);
        Self {
            signed_in: sign_ins("signed_in"),
            replayed: sign_ins("replayed"),
            refused: sign_ins("refused"),
            limited: sign_ins("limited"),
            busy: sign_ins("busy"),
            failed: sign_ins("failed"),
            touched: counter!("myriad_session_touches_total"),
            swept: counter!("myriad_session_swept_total"),
        }
    }

    pub(crate) fn sign_in(&self, outcome: &Result<SignedIn>) {
        let counter = match outcome {
            Ok(signed_in) if signed_in.replayed => &self.replayed,
            Ok(_) => &self.signed_in,
            Err(Error::BadCredentials | Error::KeyReused | Error::InProgress) => &self.refused,
            Err(Error::TooManyWrong(_)) => &self.limited,
            Err(Error::Password(password::Error::Busy { .. }) | Error::Store(store::Error::Busy)) => &self.busy,
            Err(Error::Public(error)) if error.code == Code::Busy => &self.busy,
            Err(_) => &self.failed,
        };
        counter.increment(1);
    }
}
