//! Generates the wire types from the .proto files, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = "tracewright/edge/v1/edge.proto";
    println!("cargo:rerun-if-changed={file}");
    let set = protox::compile([file], ["."])?;
    tonic_prost_build::configure()
        .build_transport(true)
        .bytes(".tracewright.edge.v1.Batch.events")
        .compile_fds(set)?;
    Ok(())
}
