//! Tells the linker what an addon for Node.js needs.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
