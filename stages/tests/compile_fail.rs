//! What must not compile does not, and the compiler says why in words that help: each file of `compile_fail` is compiled, and
//! must give the errors that its `//~` comments name, on these lines and no others.
//!
//! Only the code and a part of the first line of an error are compared, so that other versions of the compiler will do.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// By file and line.
type Errors = BTreeMap<(String, usize), Vec<String>>;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The code and the words of each.
fn expected(files: &[PathBuf]) -> Errors {
    let mut errors = Errors::new();
    for file in files {
        for (number, line) in fs::read_to_string(file).unwrap().lines().enumerate() {
            if let Some((_, error)) = line.split_once("//~ ") {
                errors.entry((file.display().to_string(), number + 1)).or_default().push(error.to_owned());
            }
        }
    }
    errors
}

/// A package with one program for each file, checked by cargo.
fn check(files: &[PathBuf]) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    fs::create_dir_all(&package).unwrap();
    let mut manifest = format!(
        "[package]\nname = \"compile_fail\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\ngenstage = {{ path = {here:?}, default-features = false }}\n"
    );
    for file in files {
        let name = file.file_stem().unwrap();
        write!(manifest, "\n[[bin]]\nname = {name:?}\npath = {file:?}\n").unwrap();
    }
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(here.join("../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["check", "--offline", "--keep-going", "--message-format=short", "--color=never"])
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env_remove("RUSTFLAGS")
        .current_dir(&package)
        .output()
        .unwrap();
    assert!(!output.status.success(), "all of it compiles");
    String::from_utf8(output.stderr).unwrap()
}

/// Lines like `wrong.rs:8:11: error[E0271]: type mismatch`.
fn found(said: &str) -> Errors {
    let mut errors = Errors::new();
    for line in said.lines() {
        let Some((place, error)) = line.split_once(": error[") else { continue };
        let mut parts = place.rsplitn(3, ':');
        let (_, number, file) = (parts.next(), parts.next(), parts.next());
        let key = (file.unwrap().to_owned(), number.unwrap().parse().unwrap());
        errors.entry(key).or_default().push(error.replace("]:", ""));
    }
    errors
}

#[test]
fn what_must_not_compile_does_not_and_says_why() {
    let files = files();
    let (said, expected) = (check(&files), expected(&files));
    let found = found(&said);
    let mut wrong = Vec::new();
    for (place, error) in expected.iter().flat_map(|(place, errors)| errors.iter().map(move |error| (place, error))) {
        let (code, words) = error.split_once(' ').unwrap();
        let shown = found.get(place).map_or(&[][..], Vec::as_slice);
        if !shown.iter().any(|shown| shown.starts_with(code) && shown.contains(words)) {
            wrong.push(format!("{place:?} gives {shown:?}, expected {error}"));
        }
    }
    let more = found.iter().filter(|(place, _)| !expected.contains_key(place));
    wrong.extend(more.map(|(place, shown)| format!("{place:?} gives {shown:?}, unexpected")));
    assert!(wrong.is_empty(), "{}\n\n{said}", wrong.join("\n"));
    assert!(expected.len() >= files.len());
}
