//! The bindings in the tree are those of the interface as it is now.
#![allow(clippy::unwrap_used)]

// The library is built because this names it.
use cooee_ffi as _;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Each generated file, where it is in the tree.
const KOTLIN: [(&str, &str); 1] = [(
    "org/cooee/sdk/cooee.kt",
    "android/cooee/src/main/kotlin/org/cooee/sdk/cooee.kt",
)];
const SWIFT: [(&str, &str); 2] = [
    ("Cooee.swift", "apple/Sources/Cooee/Cooee.swift"),
    ("CooeeFFI.h", "apple/include/CooeeFFI.h"),
];

#[test]
fn the_kotlin_in_the_tree_is_fresh() {
    is_fresh("kotlin", &KOTLIN);
}

#[test]
fn the_swift_in_the_tree_is_fresh() {
    is_fresh("swift", &SWIFT);
}

/// Writes the bindings anew and compares, or, when `COOEE_WRITE_BINDINGS` is set, keeps them.
fn is_fresh(language: &str, files: &[(&str, &str)]) {
    let fresh = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_uniffi-bindgen"))
        .args([
            "generate",
            "--no-format",
            "--metadata-no-deps",
            "--crate",
            "cooee_ffi",
        ])
        .args(["--language", language, "--out-dir"])
        .arg(fresh.path())
        .arg(library())
        .status();
    assert!(status.unwrap().success(), "the bindings cannot be written");
    let mobile = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let write = std::env::var_os("COOEE_WRITE_BINDINGS").is_some();
    for (written, place) in files {
        let is = tidy(&std::fs::read_to_string(fresh.path().join(written)).unwrap());
        let place = mobile.join(place);
        if write {
            std::fs::write(&place, is).unwrap();
            continue;
        }
        let was = std::fs::read_to_string(&place).unwrap_or_default();
        assert!(
            was == is,
            "{} is stale: run script/bindings",
            place.display()
        );
    }
}

/// Without the spaces that the generator leaves at the ends of lines.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_end())
}

/// The library that was built beside this test.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let name = format!(
        "{}cooee_ffi{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let folders = program.ancestors().skip(1).take(2);
    let found = folders
        .map(|folder| folder.join(&name))
        .filter(|path| path.exists());
    // The newest: one of an earlier build may lie beside it.
    let newest = found.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("the library of cooee-ffi")
}
