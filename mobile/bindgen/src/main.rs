//! Writes the bindings out of the built library: `script/bindings` calls it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
