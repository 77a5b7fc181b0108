//! Embeds the page, and what Tauri's configuration says.

use std::path::Path;

fn main() {
    // The page is built apart. Checking and testing the shell must work without it, so where it is
    // missing a sentence stands in its place.
    let page = Path::new("../ui/dist");
    if !page.join("index.html").exists() {
        let written = std::fs::create_dir_all(page).and_then(|()| {
            let text = "<!doctype html><title>Cooee</title><p>The page was not built: npm --prefix ui run build</p>";
            std::fs::write(page.join("index.html"), text)
        });
        if let Err(error) = written {
            println!("cargo::warning=the page's place cannot be made: {error}");
        }
    }
    println!("cargo::rerun-if-changed=../ui/dist");
    tauri_build::build();
}
