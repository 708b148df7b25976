//! The regular files below a path, found lazily.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Something that could not be read, and why.
///
/// The reason is kept as text, so that this can be cloned and sent between stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// The file or directory.
    pub(crate) path: PathBuf,
    /// Why it could not be read.
    pub(crate) reason: String,
}

impl Skipped {
    /// Reading `path` failed with `error`.
    pub(crate) fn new(path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), reason: error.to_string() }
    }
}

/// One line, whatever the name contains: a file may be called `a\nerror: b`.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.path.to_string_lossy().chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for Skipped {}

/// The regular files below a path, as far as they have been asked for.
///
/// Links are not followed, except `PATH` itself; directories named `.git` or `target` are left
/// out, except `PATH` itself. A directory that cannot be read is an item too, an `Err`.
#[derive(Debug)]
pub(crate) enum Files {
    /// `PATH` is a file, not yet returned.
    One(Option<PathBuf>),
    /// `PATH` is a directory.
    Below(Box<walkdir::IntoIter>),
}

impl Files {
    /// The files below `path`; an error if it is neither a directory nor a regular file.
    pub(crate) fn below(path: &Path) -> Result<Self, Skipped> {
        let kind = path.metadata().map_err(|error| Skipped::new(path, &error))?.file_type();
        if kind.is_file() {
            Ok(Self::One(Some(path.to_owned())))
        } else if kind.is_dir() {
            Ok(Self::Below(Box::new(WalkDir::new(path).into_iter())))
        } else {
            Err(Skipped { path: path.to_owned(), reason: "neither a directory nor a regular file".to_owned() })
        }
    }
}

impl Iterator for Files {
    type Item = Result<PathBuf, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        let walk = match self {
            Self::One(path) => return path.take().map(Ok),
            Self::Below(walk) => walk,
        };
        loop {
            match walk.next()? {
                Ok(entry) if left_out(&entry) => walk.skip_current_dir(),
                Ok(entry) if entry.file_type().is_file() => return Some(Ok(entry.into_path())),
                Ok(_) => {}
                Err(error) => return Some(Err(skipped(&error))),
            }
        }
    }
}

fn left_out(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_type().is_dir() && [".git", "target"].iter().any(|name| entry.file_name() == *name)
}

fn skipped(error: &walkdir::Error) -> Skipped {
    let path = error.path().unwrap_or(Path::new(""));
    match error.io_error() {
        Some(error) => Skipped::new(path, error),
        // A loop of links; it cannot happen as long as links are not followed.
        None => Skipped { path: path.to_owned(), reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scratch::Scratch;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = Files::below(path)
            .unwrap()
            .map(|file| file.unwrap().strip_prefix(path).unwrap().to_owned())
            .map(|file| file.to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn leaves_out_directories_by_name_but_not_files() {
        let dir = Scratch::new();
        for file in ["a", "b/target/lost", "b/.git/lost", "b/c/target", "d/.git", "targets/e"] {
            dir.write(file, b"");
        }
        assert_eq!(names(dir.path()), ["a", "b/c/target", "d/.git", "targets/e"]);
    }

    #[test]
    fn an_explicit_target_is_walked() {
        let dir = Scratch::new();
        dir.write("target/a", b"");
        dir.write("target/target/lost", b"");
        assert_eq!(names(&dir.path().join("target")), ["a"]);
    }

    #[test]
    fn a_file_is_its_own_only_file() {
        let dir = Scratch::new();
        let file = dir.write("a", b"");
        let files: Vec<_> = Files::below(&file).unwrap().collect();
        assert_eq!(files, [Ok(file)]);
    }

    #[test]
    fn an_empty_directory_has_none() {
        assert!(names(Scratch::new().path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_and_cannot_loop() {
        use std::os::unix::fs::symlink;
        let dir = Scratch::new();
        let file = dir.write("real/a", b"");
        symlink(dir.path(), dir.path().join("real/loop")).unwrap();
        symlink(&file, dir.path().join("link")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        assert_eq!(names(dir.path()), ["real/a"]);
        // The path that was asked for is what the user meant, link or not.
        assert_eq!(names(&dir.path().join("real/loop")), ["real/a"]);
        let link = dir.path().join("link");
        assert_eq!(Files::below(&link).unwrap().collect::<Vec<_>>(), [Ok(link.clone())]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_refused() {
        let error = Files::below(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "/dev/null: neither a directory nor a regular file");
    }

    #[test]
    fn a_missing_path_is_an_error() {
        let dir = Scratch::new();
        let missing = dir.path().join("missing");
        assert_eq!(Files::below(&missing).unwrap_err().path, missing);
    }

    #[test]
    fn a_directory_that_vanished_is_named() {
        let dir = Scratch::new();
        let gone = dir.path().join("gone");
        fs::create_dir(&gone).unwrap();
        let mut files = Files::below(&gone).unwrap();
        fs::remove_dir(&gone).unwrap();
        assert_eq!(files.next().unwrap().unwrap_err().path, gone);
        assert_eq!(files.next(), None);
    }

    #[test]
    fn a_name_cannot_break_the_line() {
        let error = io::Error::from(io::ErrorKind::NotFound);
        let skipped = Skipped::new(Path::new("a\n\u{1b}[2Jé"), &error);
        assert!(skipped.to_string().starts_with("a\\n\\u{1b}[2Jé: "));
    }
}
