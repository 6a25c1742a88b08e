//! Rebuilds when a file is added to or removed from the embedded pages; changes
//! inside known files are noticed by the compiler itself.

fn main() {
    println!("cargo::rerun-if-changed=../../web");
}
