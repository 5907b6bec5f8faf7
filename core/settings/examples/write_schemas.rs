//! Writes the JSON schemas: `cargo run -p juzhen-settings --example write_schemas -- config/schema`.
#![allow(clippy::print_stdout, reason = "its output is for the person who runs it")]

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "config/schema".to_owned());
    for path in juzhen_settings::schema(Path::new(&folder))? {
        println!("{}", path.display());
    }
    Ok(())
}
