//! Compresses the script of Scalar, which `/reference` loads: the program holds 1.4 MB in
//! place of 4.9 MB, and no request compresses it.

use std::{env, error::Error, fs::File, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let script = scalar_api_reference::get_asset("scalar.js").ok_or("Scalar has no script")?;
    let file = File::create(Path::new(&env::var("OUT_DIR")?).join("scalar.js.gz"))?;
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(&script)?;
    encoder.finish()?;
    Ok(())
}
