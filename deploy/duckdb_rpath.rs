//! Writes into programs made here where the DuckDB library lies: the build script of each
//! crate that makes some.

fn main() {
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    // Beside the program or in `lib` beside its folder, where it is installed; then where
    // setup put it, also after the clone has moved.
    let npm = "deploy/runtime/node_modules/@duckdb/node-bindings-linux-x64";
    for place in [
        "$ORIGIN".to_owned(),
        "$ORIGIN/../lib".to_owned(),
        format!("$ORIGIN/../../{npm}"),
        format!("$ORIGIN/../../../{npm}"),
    ] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{place}");
    }
    if let Some(place) = std::env::var_os("DUCKDB_LIB_DIR") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", place.display());
    }
}
