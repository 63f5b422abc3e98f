//! An operator who grows the cluster: buckets moved, a shard drained and filled, users alone and back, moves held, undone, taken back.

use std::time::Duration;

use api::growth::v1::growth_service_client::GrowthServiceClient;
use api::growth::v1::{
    Control, ControlMovesRequest, DrainShardRequest, IsolateUserRequest, ListMovesRequest, Measure, Move,
    MoveBucketRequest, RebalanceRequest, ReturnUserRequest,
};
use runtime::grpc::Client;
use tokio::time::{sleep, timeout};
use tonic::Status;
use topology::ShardState;

use super::dice::Dice;
use super::people;
use super::world::World;

/// How long it waits for an answer: a router may have been stopped.
const PATIENCE: Duration = Duration::from_secs(4);
/// Shards by name; the last one is small, and the one that comes and goes.
pub const SHARDS: [&str; 3] = ["local-0", "local-1", "small"];

type Growth = GrowthServiceClient<Client>;

/// Commands at chance's times, until it is told to stop.
pub async fn operate(world: World) {
    let mut dice = Dice::new(world.seed, "operator");
    while world.is_stormy() {
        sleep(dice.ms(200, 1_600)).await;
        let Some(growth) = world.operators(dice.next()) else { continue };
        let drawn = dice.below(100);
        let command = command(&world, &mut dice, growth, drawn);
        let heard = match timeout(PATIENCE, command).await {
            Ok(Ok(done)) => done,
            Ok(Err(status)) => format!("{:?}: {}", status.code(), status.message()),
            Err(_) => "no answer".to_owned(),
        };
        world.journal.note("operator", heard);
    }
}

async fn command(world: &World, dice: &mut Dice, mut growth: Growth, drawn: u64) -> Result<String, Status> {
    match drawn {
        0..35 => {
            let id = one_user(dice);
            let bucket = u32::try_from(id % u64::from(model::BUCKETS)).unwrap();
            let to = (*dice.one_of(&SHARDS)).to_owned();
            let said = format!("move bucket {bucket} to {to}");
            growth.move_bucket(MoveBucketRequest { bucket, to, dry_run: false }).await?;
            Ok(said)
        }
        35..50 => {
            let (user_id, to) = (one_user(dice), (*dice.one_of(&["", "local-0", "local-1", "small"])).to_owned());
            let said = format!("isolate user {user_id} to {to:?}");
            growth.isolate_user(IsolateUserRequest { user_id, to, dry_run: false }).await?;
            Ok(said)
        }
        50..62 => {
            let pinned: Vec<u64> =
                world.topology().map_or(Vec::new(), |map| map.pins().map(|(user, _)| user).collect());
            let mut pinned = pinned;
            pinned.sort_unstable();
            if pinned.is_empty() {
                return Ok("nobody is alone".to_owned());
            }
            let user_id = *dice.one_of(&pinned);
            growth.return_user(ReturnUserRequest { user_id, dry_run: false }).await?;
            Ok(format!("return user {user_id}"))
        }
        62..68 => {
            growth.drain_shard(DrainShardRequest { name: SHARDS[2].to_owned(), dry_run: false }).await?;
            Ok("drain small".to_owned())
        }
        68..76 => {
            // One that was drained is to take buckets again.
            world.activate().await;
            let by = if dice.happens(300) { Measure::Rows } else { Measure::Buckets };
            growth.rebalance(RebalanceRequest { dry_run: false, by: by.into() }).await?;
            Ok("rebalance".to_owned())
        }
        _ => control(dice, growth).await,
    }
}

async fn control(dice: &mut Dice, mut growth: Growth) -> Result<String, Status> {
    let list = ListMovesRequest { operation: String::new(), ended: 0 };
    let open = growth.list_moves(list).await?.into_inner().moves;
    let control = *dice.one_of(&[
        Control::Pause,
        Control::Resume,
        Control::Resume,
        Control::Cancel,
        Control::Cancel,
        Control::Revert,
        Control::Revert,
        Control::Revert,
        Control::Settle,
    ]);
    // What fits is told more often than what does not.
    let fits = |row: &&Move| match control {
        Control::Revert | Control::Settle => row.step == "grace",
        Control::Resume => row.paused,
        _ => row.step != "grace",
    };
    let fitting: Vec<&Move> = open.iter().filter(fits).collect();
    let chosen = if fitting.is_empty() { open.iter().collect() } else { fitting };
    if chosen.is_empty() {
        return Ok("no move is under way".to_owned());
    }
    let row = *dice.one_of(&chosen);
    growth.control_moves(ControlMovesRequest { control: control.into(), id: row.id, operation: String::new() }).await?;
    Ok(format!("{control:?} move {} at {}", row.id, row.step))
}

fn one_user(dice: &mut Dice) -> u64 {
    let ids: Vec<u64> = people::ids().collect();
    *dice.one_of(&ids)
}

/// Whether the shard that comes and goes is on its way out.
pub fn is_draining(map: &topology::Topology) -> bool {
    map.live_shards().any(|shard| shard.name == SHARDS[2] && shard.state == ShardState::Draining)
}
