//! The gRPC services: they parse, call, convert. No rules here.

mod growth;
mod topology;

pub(crate) use growth::GrowthGrpc;
pub(crate) use topology::TopologyGrpc;
