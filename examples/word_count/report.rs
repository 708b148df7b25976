//! The result, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::words::WordCount;

/// The longest word the table shows in full; a file may contain a "word" of many megabytes.
const WIDEST: usize = 60;

/// The result of a count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Files that were read.
    pub(crate) files: u64,
    /// Bytes that were read.
    pub(crate) bytes: u64,
    /// Words that were seen, counting each time.
    pub(crate) words: u64,
    /// Different words.
    pub(crate) distinct: usize,
    /// Files and directories that could not be read.
    pub(crate) skipped: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// The most frequent words, the most frequent first.
    pub(crate) top: Vec<WordCount>,
}

impl Report {
    /// Writes one JSON object and the end of a line.
    pub(crate) fn write_json(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)?;
        out.flush()
    }

    /// Writes the table, then the totals.
    pub(crate) fn write_text(&self, mut out: impl Write) -> io::Result<()> {
        // The first count is the largest.
        let width = self.top.first().map_or(0, |top| grouped(top.count).len());
        for WordCount { word, count } in &self.top {
            let count = grouped(*count);
            match word.get(..WIDEST) {
                Some(head) if word.len() > WIDEST => writeln!(out, "{count:>width$}  {head}...")?,
                _ => writeln!(out, "{count:>width$}  {word}")?,
            }
        }
        if !self.top.is_empty() {
            writeln!(out)?;
        }
        let totals = [
            ("files", grouped(self.files)),
            ("bytes", grouped(self.bytes)),
            ("words", grouped(self.words)),
            ("distinct", grouped(self.distinct as u64)),
            ("skipped", grouped(self.skipped)),
            ("seconds", format!("{:.3}", self.seconds)),
            ("MB/s", format!("{:.1}", megabytes_per_second(self.bytes, self.seconds))),
        ];
        let width = totals.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
        for (name, value) in totals {
            writeln!(out, "{name:<8}  {value:>width$}")?;
        }
        out.flush()
    }
}

/// Millions of bytes in a second; 0 if no time has passed.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal place")]
pub(crate) fn megabytes_per_second(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 / 1e6 / seconds } else { 0.0 }
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            files: 3,
            bytes: 2_000_000,
            words: 1100,
            distinct: 2,
            skipped: 1,
            seconds: 0.5,
            top: vec![
                WordCount { word: "the".to_owned(), count: 1000 },
                WordCount { word: "x".repeat(61), count: 100 },
            ],
        }
    }

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        report.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
1,000  the
  100  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...

files             3
bytes     2,000,000
words         1,100
distinct          2
skipped           1
seconds       0.500
MB/s            4.0
";
        assert_eq!(text(&report()), expected);
    }

    #[test]
    fn without_words_only_the_totals() {
        let report = Report { top: Vec::new(), ..report() };
        assert!(text(&report).starts_with("files"));
    }

    #[test]
    fn json_is_one_line() {
        let mut report = report();
        report.top.truncate(1);
        let mut out = Vec::new();
        report.write_json(&mut out).unwrap();
        let expected = r#"{"files":3,"bytes":2000000,"words":1100,"distinct":2,"skipped":1,"seconds":0.5,"top":[{"word":"the","count":1000}]}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn no_time_is_no_speed() {
        assert!(megabytes_per_second(1, 0.0).abs() < f64::EPSILON);
    }
}
