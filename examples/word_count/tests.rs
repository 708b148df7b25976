//! The whole program on small trees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::*;
use crate::scratch::Scratch;

fn args(path: &Path, workers: usize) -> Args {
    Args { path: path.to_owned(), top: usize::MAX, workers: Some(workers), json: true }
}

/// Runs the program; its exit status, and the object it printed.
fn counted(args: Args) -> (u8, Value) {
    let mut out = Vec::new();
    let status = run(Ok(Request::Count(args)), &mut out);
    (status, serde_json::from_slice(&out).unwrap())
}

/// As plain as can be.
fn expected(texts: &[&[u8]]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for text in texts {
        for word in text.split(|&byte| !byte.is_ascii_alphanumeric() && byte != b'_').filter(|word| !word.is_empty()) {
            *counts.entry(String::from_utf8(word.to_ascii_lowercase()).unwrap()).or_insert(0) += 1;
        }
    }
    counts
}

fn top(result: &Value) -> BTreeMap<String, u64> {
    let top = result["top"].as_array().unwrap().iter();
    top.map(|entry| (entry["word"].as_str().unwrap().to_owned(), entry["count"].as_u64().unwrap())).collect()
}

/// Several chunks, with no words at their borders, with words across them, and one long word over several.
fn big() -> Vec<u8> {
    let chunk = usize::try_from(CHUNK).unwrap();
    let mut text: Vec<u8> = (0_u32..120_000).flat_map(|n| format!("w{} ", n % 1009).into_bytes()).collect();
    text.extend_from_slice(&vec![b'L'; 2 * chunk + 5]);
    text.extend_from_slice(&b" tail".repeat(chunk / 3));
    text
}

#[test]
fn a_tree_of_everything() {
    let dir = Scratch::new();
    let big = big();
    let texts: [&[u8]; 6] =
        [b"", b"no separator at the end", b"\xff\xfeWord\x80word", &big, b"deep", b"a file named target"];
    for (text, name) in texts.iter().zip(["empty", "open", "bytes", "a/big", "a/b/c/deep", "a/target"]) {
        dir.write(name, text);
    }
    dir.write("target/lost", b"lost");
    dir.write("a/.git/lost", b"lost");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
        assert!(Command::new("mkfifo").arg(dir.path().join("fifo")).status().unwrap().success());
    }
    for workers in [1, 2, 5] {
        let (status, result) = counted(args(dir.path(), workers));
        let words = expected(&texts);
        assert_eq!(status, 0);
        assert_eq!(top(&result), words);
        assert_eq!(result["words"], words.values().sum::<u64>());
        assert_eq!(result["distinct"], words.len());
        assert_eq!(result["files"], texts.len());
        assert_eq!(result["bytes"], texts.iter().map(|text| text.len()).sum::<usize>());
        assert_eq!(result["skipped"], 0);
    }
}

#[test]
fn an_empty_tree() {
    let dir = Scratch::new();
    let (status, result) = counted(args(dir.path(), 3));
    assert_eq!((status, &result["files"], &result["words"]), (0, &0.into(), &0.into()));
}

#[test]
fn many_small_files() {
    let dir = Scratch::new();
    for n in 0..500 {
        dir.write(&format!("{}/{n}", n % 7), format!("all n{n}").as_bytes());
    }
    for _ in 0..10 {
        let (_, result) = counted(args(dir.path(), 3));
        assert_eq!((&result["files"], &result["words"], &result["distinct"]), (&500.into(), &1000.into(), &501.into()));
    }
}

/// Files that can be listed, and not read: in `/proc` there is one even for the superuser.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_read_is_skipped() {
    let unreadable = Path::new("/proc/self/mem");
    let progress = Arc::new(Progress::new());
    let paths = [unreadable.to_owned(), PathBuf::from("/proc/self/status")];
    let counts = total(Chunks::new(paths.into_iter().map(Ok), CHUNK, Arc::clone(&progress)), 2).unwrap();
    assert_eq!((progress.files(), progress.skipped()), (1, 1));
    assert!(counts.words() > 0, "a file that says it is empty, and is not");
}

/// More text than fits into one chunk behind a length of 0.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_unknown_length_is_read_to_its_end() {
    let dir = Scratch::new();
    let path = dir.write("a", b"");
    let text = big();
    let progress = Arc::new(Progress::new());
    let mut chunks = Chunks::new([Ok(path.clone())].into_iter(), CHUNK, Arc::clone(&progress));
    let chunk = chunks.next().unwrap();
    // Found empty, and longer by the time it is read.
    std::fs::write(&path, &text).unwrap();
    let counts = total([chunk].into_iter(), 2).unwrap();
    let words = expected(&[&text]);
    assert_eq!((counts.words(), counts.distinct()), (words.values().sum(), words.len()));
    assert_eq!((progress.files(), progress.bytes()), (1, text.len() as u64));
}

#[test]
fn a_missing_path_is_status_2() {
    let dir = Scratch::new();
    let mut out = Vec::new();
    let missing = dir.path().join("missing");
    assert_eq!(run(Ok(Request::Count(args(&missing, 2))), &mut out), 2);
    assert!(out.is_empty());
    assert_eq!(run(Err(ArgsError::NoPath), &mut out), 2);
}

#[test]
fn a_panic_in_a_stage_is_an_error() {
    let dir = Scratch::new();
    let path = dir.write("a", &big());
    for good in [0, 1, 5] {
        let files = std::iter::once(Ok(path.clone()));
        let chunks = Chunks::new(files, 1000, Arc::new(Progress::new()));
        let chunks = chunks.enumerate().map(move |(n, chunk)| {
            assert!(n < good, "a fault in the source");
            chunk
        });
        let error = total(chunks, 2).unwrap_err();
        assert!(error.to_string().contains("a fault in the source"), "{error}");
    }
    if cfg!(debug_assertions) {
        // A chunk shorter than nothing: its reader panics over the overflow, which only debug builds check.
        let files = std::iter::once(Ok(path));
        let chunks = Chunks::new(files, CHUNK, Arc::new(Progress::new()));
        let chunks = chunks.map(|chunk| Chunk { start: 9, end: Some(3), ..chunk });
        assert!(total(chunks, 2).unwrap_err().to_string().contains("overflow"));
    }
}

#[test]
fn an_output_that_fails_is_status_1_but_a_reader_who_left_is_not() {
    struct Full(ErrorKind);
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(run(Ok(Request::Help), Full(ErrorKind::StorageFull)), 1);
    assert_eq!(run(Ok(Request::Help), Full(ErrorKind::BrokenPipe)), 0);
}
