//! Lists the files of the page and of the docs, so that a new file needs no code.

use std::{env, fmt::Write as _, fs, io, path::Path};

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts by environment variables")]
fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let mut code = String::new();
    for (name, folder) in [("PAGE", "web"), ("DOCS", "docs")] {
        println!("cargo:rerun-if-changed={folder}");
        let mut files: Vec<_> =
            fs::read_dir(Path::new(&root).join(folder))?.filter_map(Result::ok).map(|entry| entry.path()).collect();
        files.sort();
        let _ = writeln!(code, "/// Name, content type, bytes.\nstatic {name}: &[(&str, &str, &[u8])] = &[");
        for path in files {
            let kind = match path.extension().and_then(|extension| extension.to_str()) {
                Some("html") => "text/html; charset=utf-8",
                Some("js") => "text/javascript; charset=utf-8",
                Some("css") => "text/css; charset=utf-8",
                Some("svg") => "image/svg+xml",
                Some("png") => "image/png",
                Some("jpg") => "image/jpeg",
                Some("webp") => "image/webp",
                Some("ico") => "image/x-icon",
                Some("woff2") => "font/woff2",
                Some("webmanifest") => "application/manifest+json",
                _ => continue,
            };
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            println!("cargo:rerun-if-changed={}", path.display());
            let _ = writeln!(code, "    ({file:?}, {kind:?}, include_bytes!({:?})),", path.display().to_string());
        }
        code.push_str("];\n");
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("files.rs"), code)
}
