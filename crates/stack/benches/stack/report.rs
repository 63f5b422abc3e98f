//! How the figures are printed.

use std::time::Duration;

use testkit::bench::{Run, ratio};

use crate::{
    operation::Measured,
    shape::{GROUPS, Shape, Usage},
};

/// The head of the table of operations.
pub fn head() {
    println!(
        "\nThe same operations on the stack, through HAProxy, and on `myriad serve`; client and servers share the machine."
    );
    println!("Processor time in us a request, of children too; of uploads until the picture is done.\n");
    let names = GROUPS.map(|(name, _)| format!(" {name:>15}")).concat();
    println!("operation  conn.  shape        /s    p50 us    p99 us    total us{names}");
}

/// A row of it.
pub fn row(operation: &str, connections: usize, shape: &Shape, measured: &Measured) {
    let Measured { run, usage } = measured;
    let total = per_operation(usage.values().sum(), run);
    let parts = GROUPS.map(|(name, _)| usage.get(name).map(|time| format!(" {:>15.0}", per_operation(*time, run))));
    println!(
        "{operation:<9} {connections:>6}  {:<6} {:>8.0} {:>9} {:>9} {total:>11.0}{}{}",
        shape.name,
        run.per_second(),
        run.p50_us(),
        run.p99_us(),
        parts.into_iter().flatten().collect::<String>(),
        run.refused()
    );
}

/// Processor time of one operation, in microseconds.
pub fn per_operation(time: Duration, run: &Run) -> f64 {
    time.as_secs_f64() * 1e6 / ratio(run.operations(), 1.0)
}

/// What was taken by all of a group, whatever others took.
pub fn of(usage: &Usage, group: &str) -> Duration {
    usage.get(group).copied().unwrap_or_default()
}
