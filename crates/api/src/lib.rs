//! The gRPC contract between the services: generated messages, clients and servers, and the mappings to `model`.
//!
//! Nothing generated leaves a service's `grpc` module: it is parsed into `model` types there and never seen below.

pub mod convert;
pub mod position;
pub mod status;

macro_rules! package {
    ($name:ident, $proto:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $name {
            #[expect(
                missing_docs,
                clippy::pedantic,
                clippy::allow_attributes,
                clippy::allow_attributes_without_reason,
                reason = "generated from proto/, documented there"
            )]
            pub mod v1 {
                tonic::include_proto!($proto);
            }
        }
    };
}

package!(user, "myriad.user.v1", "Users.");
package!(directory, "myriad.directory.v1", "The e-mail directory.");
package!(session, "myriad.session.v1", "Sign-in sessions.");
package!(image, "myriad.image.v1", "Images and their jobs.");
package!(feed, "myriad.feed.v1", "The recent feed.");
package!(topology, "myriad.topology.v1", "The topology.");
package!(operator, "myriad.operator.v1", "Operators' calls.");
package!(growth, "myriad.growth.v1", "Shards and moving buckets.");

/// All of `proto/` as an encoded `FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
