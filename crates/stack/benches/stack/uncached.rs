//! A GET that no cache answers, beside pgbench's SELECT on the same server.
//!
//! Rounds: Redis forgets everything, then every user is read once. What a user-service keeps near it for a millisecond is older by then.
//! Nobody is signed in, so that PostgreSQL reads no sessions. The loads of the cache are counted to see that it was so.

use std::time::{Duration, Instant};

use anyhow::Result;
use stack::{Role, Stack};
use testkit::{
    Person,
    bench::{Request, Run, counter, get, ratio, run},
};

use crate::{
    operation::Measured,
    pgbench,
    report::{of, per_operation},
    shape::{Shape, between, operators},
};

const RUN: Duration = Duration::from_secs(4);
/// What a GET may take, in pgbench's transactions.
const BAR: f64 = 4.0;

/// Both, with one client and with sixteen.
pub async fn measure(stack: &mut Stack, shape: &Shape) -> Result<()> {
    println!(
        "\nA GET that no cache answers beside `pgbench -S -M prepared`, both over TCP to the stack's PostgreSQL; processor time in us\n"
    );
    pgbench::prepare(stack).await?;
    for clients in [1, 16] {
        let select = pgbench::measure(stack, shape, clients).await?;
        let (server, client) = (select.server.as_secs_f64() * 1e6, select.client.as_secs_f64() * 1e6);
        println!(
            "pgbench, {clients} clients: {:.0}/s; {:.0} a transaction = {server:.0} of PostgreSQL + {client:.0} of pgbench",
            select.per_second,
            server + client
        );
        let loads = loads(stack).await?;
        let Measured { run, usage } = gets(stack, shape, clients).await?;
        let loads = (self::loads(stack).await? - loads) / ratio(run.operations(), 1.0);
        let part = |group| per_operation(of(&usage, group), &run);
        let (service, server_of_get) = (part("user-service"), part("PostgreSQL"));
        println!(
            "GET, {clients} connections: {:.0}/s, p50 {} us, p99 {} us, {loads:.2} loads a GET; {:.0} = {service:.0} of user-service + \
             {server_of_get:.0} of PostgreSQL: {:.1} pgbench transactions (bar: {BAR:.0}){}",
            run.per_second(),
            run.p50_us(),
            run.p99_us(),
            service + server_of_get,
            (service + server_of_get) / (server + client),
            run.refused()
        );
    }
    Ok(())
}

async fn gets(stack: &mut Stack, shape: &Shape, connections: usize) -> Result<Measured> {
    let redis = stack.member("redis")?.redis()?;
    let all: Vec<&Person> = shape.people.iter().chain(&shape.others).collect();
    let before = shape.usage()?;
    let started = Instant::now();
    let mut sum = Run::default();
    while started.elapsed() < RUN {
        redis.flush().await?;
        let round = all.chunks(all.len() / connections).map(each_once).collect();
        sum.add(run(&shape.address, 200, RUN, round).await?);
    }
    Ok(Measured { run: sum, usage: between(&before, &shape.usage()?) })
}

fn each_once(people: &[&Person]) -> Request {
    let requests: Vec<_> = people.iter().map(|john| get(&john.path())).collect();
    Box::new(move |number| requests.get(number).cloned())
}

/// How often the user-services have asked PostgreSQL for a user that the cache did not have.
async fn loads(stack: &Stack) -> Result<f64> {
    let mut sum = 0.0;
    for operators in operators(stack, Role::UserService)? {
        sum += counter(&operators, "myriad_cache_loads_total{class=\"user\"").await;
    }
    Ok(sum)
}
