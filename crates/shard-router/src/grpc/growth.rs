//! `GrowthService`, for operators: whoever reaches the port that it is served on may do all of this.

use ::topology::Topology;
use api::growth::v1::growth_service_server::GrowthService;
use api::growth::v1::{self as proto};
use api::status::to_status;
use model::{Bucket, FieldError, ShardId, UserId};
use moves::Step;
use tonic::{Request, Response, Status};

use crate::growth::{Control, Growth, Measure, NewShard, Plan, Replica, Status as ShardStatus, Wish};
use crate::store::moves::{Move, Work};

/// Moves that ended, at most, in one answer.
const ENDED: u32 = 1000;

/// The service over one catalog.
pub(crate) struct GrowthGrpc(pub(crate) Growth);

#[tonic::async_trait]
impl GrowthService for GrowthGrpc {
    async fn list_shards(
        &self,
        request: Request<proto::ListShardsRequest>,
    ) -> Result<Response<proto::ListShardsResponse>, Status> {
        let measure_load = request.into_inner().measure_load;
        let shards = self.0.shards(measure_load).await.into_iter().map(shard).collect();
        let topology = self.0.topology();
        let isolated = isolated(&topology);
        Ok(Response::new(proto::ListShardsResponse { topology_version: topology.version(), shards, isolated }))
    }

    async fn add_shard(
        &self,
        request: Request<proto::AddShardRequest>,
    ) -> Result<Response<proto::AddShardResponse>, Status> {
        let proto::AddShardRequest { location, name, weight, dry_run, dedicated } = request.into_inner();
        let weight = if dedicated { 0 } else { weight.max(1) };
        let added = self.0.add(NewShard { location, name, weight }, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::AddShardResponse { shard: Some(shard(added)) }))
    }

    async fn rebalance(
        &self,
        request: Request<proto::RebalanceRequest>,
    ) -> Result<Response<proto::RebalanceResponse>, Status> {
        let request = request.into_inner();
        let by = match request.by() {
            proto::Measure::Unspecified | proto::Measure::Buckets => None,
            proto::Measure::Rows => Some(Measure::Rows),
            proto::Measure::Bytes => Some(Measure::Bytes),
            proto::Measure::Load => Some(Measure::Load),
        };
        let planned = self.0.wish(&Wish::Rebalance { by }, request.dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::RebalanceResponse { plan: Some(plan(planned)) }))
    }

    async fn drain_shard(
        &self,
        request: Request<proto::DrainShardRequest>,
    ) -> Result<Response<proto::DrainShardResponse>, Status> {
        let proto::DrainShardRequest { name, dry_run } = request.into_inner();
        let planned = self.0.wish(&Wish::Drain(name), dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::DrainShardResponse { plan: Some(plan(planned)) }))
    }

    async fn remove_shard(
        &self,
        request: Request<proto::RemoveShardRequest>,
    ) -> Result<Response<proto::RemoveShardResponse>, Status> {
        let proto::RemoveShardRequest { name, dry_run } = request.into_inner();
        let removed = self.0.remove(&name, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::RemoveShardResponse { shard: Some(shard(removed)) }))
    }

    async fn add_replica(
        &self,
        request: Request<proto::AddReplicaRequest>,
    ) -> Result<Response<proto::AddReplicaResponse>, Status> {
        let proto::AddReplicaRequest { shard: name, location, dry_run } = request.into_inner();
        let added = self.0.add_replica(&name, &location, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::AddReplicaResponse { shard: Some(shard(added)) }))
    }

    async fn remove_replica(
        &self,
        request: Request<proto::RemoveReplicaRequest>,
    ) -> Result<Response<proto::RemoveReplicaResponse>, Status> {
        let proto::RemoveReplicaRequest { shard: name, location, dry_run } = request.into_inner();
        let removed = self.0.remove_replica(&name, &location, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::RemoveReplicaResponse { shard: Some(shard(removed)) }))
    }

    async fn move_bucket(
        &self,
        request: Request<proto::MoveBucketRequest>,
    ) -> Result<Response<proto::MoveBucketResponse>, Status> {
        let proto::MoveBucketRequest { bucket, to, dry_run } = request.into_inner();
        let planned = self.0.wish(&Wish::Bucket(bucket, to), dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::MoveBucketResponse { plan: Some(plan(planned)) }))
    }

    async fn isolate_user(
        &self,
        request: Request<proto::IsolateUserRequest>,
    ) -> Result<Response<proto::IsolateUserResponse>, Status> {
        let proto::IsolateUserRequest { user_id, to, dry_run } = request.into_inner();
        let planned = self.0.isolate(user_id, &to, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::IsolateUserResponse { plan: Some(plan(planned)) }))
    }

    async fn return_user(
        &self,
        request: Request<proto::ReturnUserRequest>,
    ) -> Result<Response<proto::ReturnUserResponse>, Status> {
        let proto::ReturnUserRequest { user_id, dry_run } = request.into_inner();
        let planned = self.0.give_back(user_id, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::ReturnUserResponse { plan: Some(plan(planned)) }))
    }

    async fn partition_user(
        &self,
        request: Request<proto::PartitionUserRequest>,
    ) -> Result<Response<proto::PartitionUserResponse>, Status> {
        let proto::PartitionUserRequest { user_id, into, over, rebuild, dry_run } = request.into_inner();
        let planned = if rebuild {
            self.0.rebuild(user_id, dry_run).await
        } else {
            self.0.partition(user_id, into, &over, dry_run).await
        };
        Ok(Response::new(proto::PartitionUserResponse { plan: Some(plan(planned.map_err(refused)?)) }))
    }

    async fn unpartition_user(
        &self,
        request: Request<proto::UnpartitionUserRequest>,
    ) -> Result<Response<proto::UnpartitionUserResponse>, Status> {
        let proto::UnpartitionUserRequest { user_id, dry_run } = request.into_inner();
        let planned = self.0.unpartition(user_id, dry_run).await.map_err(refused)?;
        Ok(Response::new(proto::UnpartitionUserResponse { plan: Some(plan(planned)) }))
    }

    async fn list_moves(
        &self,
        request: Request<proto::ListMovesRequest>,
    ) -> Result<Response<proto::ListMovesResponse>, Status> {
        let proto::ListMovesRequest { operation, ended } = request.into_inner();
        let rows = self.0.moves(&operation, ended.min(ENDED)).await.map_err(refused)?;
        let topology = self.0.topology();
        let progress = progress(&rows);
        let moves = rows.into_iter().map(|row| moving(&topology, row)).collect();
        Ok(Response::new(proto::ListMovesResponse { moves, progress: Some(progress) }))
    }

    async fn control_moves(
        &self,
        request: Request<proto::ControlMovesRequest>,
    ) -> Result<Response<proto::ControlMovesResponse>, Status> {
        let request = request.into_inner();
        let control = match request.control() {
            proto::Control::Pause => Control::Pause,
            proto::Control::Resume => Control::Resume,
            proto::Control::Cancel => Control::Cancel,
            proto::Control::Revert => Control::Revert,
            proto::Control::Settle => Control::Settle,
            proto::Control::Unspecified => {
                let field = FieldError::at("/control", "must be pause, resume, cancel, revert or settle".to_owned());
                return Err(to_status(model::Error::invalid(vec![field])));
            }
        };
        let moves = self.0.control(control, request.id, &request.operation).await.map_err(refused)?;
        Ok(Response::new(proto::ControlMovesResponse { moves }))
    }

    async fn seed_users(
        &self,
        request: Request<proto::SeedUsersRequest>,
    ) -> Result<Response<proto::SeedUsersResponse>, Status> {
        let (first_id, users) = self.0.seed(request.into_inner().users).await.map_err(refused)?;
        Ok(Response::new(proto::SeedUsersResponse { first_id, users }))
    }

    async fn verify(&self, request: Request<proto::VerifyRequest>) -> Result<Response<proto::VerifyResponse>, Status> {
        let findings = self.0.verify(request.into_inner().deep).await.map_err(refused)?;
        Ok(Response::new(proto::VerifyResponse {
            faults: findings.faults.into_iter().collect(),
            buckets: u32::try_from(findings.buckets).unwrap_or(u32::MAX),
            rows: findings.rows,
            copies: findings.copies,
        }))
    }
}

fn refused(error: crate::Error) -> Status {
    to_status(error.for_operators())
}

fn shard(status: ShardStatus) -> proto::ShardStatus {
    let ShardStatus { info, buckets, rows, bytes, load, replicas, error } = status;
    proto::ShardStatus {
        id: info.id,
        name: info.name,
        engine: info.engine.as_str().to_owned(),
        location: info.location,
        state: info.state.as_str().to_owned(),
        weight: info.weight,
        buckets: u32::try_from(buckets).unwrap_or(u32::MAX),
        rows,
        bytes,
        error,
        replicas: replicas.into_iter().map(replica).collect(),
        load,
    }
}

fn replica(replica: Replica) -> proto::Replica {
    let Replica { location, behind } = replica;
    match behind {
        Ok(lag_bytes) => proto::Replica { location, lag_bytes, error: String::new() },
        Err(error) => proto::Replica { location, lag_bytes: 0, error },
    }
}

fn isolated(topology: &Topology) -> Vec<proto::IsolatedUser> {
    let mut users: Vec<_> = topology
        .pins()
        .filter_map(|(user_id, bucket)| {
            let part = |bucket: Bucket| {
                let shard = topology.name_of(topology.place_of(bucket)?.shard);
                Some(proto::Partition { bucket: bucket.0, shard })
            };
            let proto::Partition { bucket, shard } = part(bucket)?;
            let partitions = UserId::new(user_id).and_then(|user| topology.partitions_of(user));
            Some(proto::IsolatedUser {
                user_id,
                bucket,
                shard,
                partitions: partitions.iter().flat_map(|all| all.iter().filter_map(part)).collect(),
                partitions_shown: partitions.is_some_and(|all| all.shown),
            })
        })
        .collect();
    users.sort_by_key(|user| user.user_id);
    users
}

fn plan(plan: Plan) -> proto::Plan {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let transfer = |(source, target, buckets)| proto::Transfer { source, target, buckets: count(buckets) };
    proto::Plan {
        operation: plan.operation,
        transfers: plan.transfers.into_iter().map(transfer).collect(),
        buckets: count(plan.buckets),
        rows: plan.rows,
        bytes: plan.bytes,
        expected_ms: plan.expected_ms,
    }
}

fn moving(topology: &Topology, row: Move) -> proto::Move {
    proto::Move {
        id: row.id,
        operation: row.operation,
        source: topology.name_of(ShardId(row.source)),
        target: topology.name_of(ShardId(row.target)),
        buckets: row.buckets.iter().map(|(bucket, _)| bucket.0).collect(),
        step: row.step.as_str().to_owned(),
        paused: row.paused,
        rows_total: row.rows_total,
        rows_copied: row.rows_copied,
        pause_us: row.pause_us,
        error: row.error,
        started_at_ms: row.started_at_ms,
        changed_at_ms: row.changed_at_ms,
        user_id: row.work.user().map_or(0, model::UserId::get),
    }
}

fn progress(rows: &[Move]) -> proto::Progress {
    let count = |wanted: &dyn Fn(Step) -> bool| {
        u32::try_from(rows.iter().filter(|row| wanted(row.step)).count()).unwrap_or(u32::MAX)
    };
    // Partitions are read from only when they are filled.
    let unfilled = |row: &&Move| matches!(row.work, Work::Partition { .. }) && row.step != Step::Done;
    let committed = rows.iter().filter(|row| row.step.is_committed() && !unfilled(row)).count();
    proto::Progress {
        moves: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        committed: u32::try_from(committed).unwrap_or(u32::MAX),
        ended: count(&Step::is_end),
        undone: count(&|step| matches!(step, Step::Back | Step::Undone)),
        rows_total: rows.iter().map(|row| row.rows_total).sum(),
        rows_copied: rows.iter().map(|row| row.rows_copied).sum(),
    }
}
