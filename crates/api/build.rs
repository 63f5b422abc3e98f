//! Compiles `proto/` without a protoc: protox parses, tonic generates, and the descriptor set feeds gRPC reflection.

use std::{env, error::Error, fs, path::PathBuf};

const PROTOS: [&str; 8] = ["user", "directory", "session", "image", "feed", "topology", "operator", "growth"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let files: Vec<_> = PROTOS.iter().map(|name| root.join(format!("myriad/{name}/v1/{name}.proto"))).collect();
    let descriptors = protox::compile(&files, [&root])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost_bytes(&descriptors))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}

fn prost_bytes(descriptors: &impl protox::prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}
