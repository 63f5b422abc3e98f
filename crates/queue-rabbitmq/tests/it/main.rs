//! The engine on a real RabbitMQ: the suite of every engine, and what only a broker can do – be killed, frozen, full, or hold what is not ours.
//! // R51 R52
#![expect(clippy::unwrap_used, reason = "tests")]

mod broker;
mod contract;
mod faults;
mod letters;
mod victim;
mod workers;
