//! How a call went, as one page that needs nothing else: plots as inline SVG, the same figures as
//! tables, no scripts, nothing loaded from anywhere.

mod page;
mod plot;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use cooee_sdk::{CallStats, Username};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::report::Report;
use crate::words;

/// Seconds that are kept one by one; of a longer call every second one goes, again and again.
const MOST: usize = 3_600;

/// Things that happened that are kept.
const HAPPENINGS: usize = 500;

/// One participant's voice within one stretch of time, usually a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Point {
    /// Seconds since the beginning.
    pub(crate) at: f64,
    /// Milliseconds.
    pub(crate) jitter: f64,
    pub(crate) buffer: f64,
    pub(crate) buffer_target: f64,
    pub(crate) round_trip: Option<f64>,
    /// Per cent of the packets, and of the frames, of this stretch.
    pub(crate) lost: f64,
    pub(crate) concealed: f64,
    /// The E-model's R, 0 to 100.
    pub(crate) quality: Option<f64>,
}

/// A participant's counts as of the last look, and the points so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    received: u64,
    lost: u64,
    concealed: u64,
    recovered: u64,
    points: Vec<Point>,
}

impl Course {
    fn note(&mut self, at: f64, stats: &CallStats) {
        let received = stats.received.saturating_sub(self.received);
        // What comes late after all is taken off the losses again.
        let lost = stats.lost.saturating_sub(self.lost);
        let concealed = stats.concealed.saturating_sub(self.concealed);
        let recovered = stats.recovered.saturating_sub(self.recovered);
        self.received = stats.received;
        self.lost = stats.lost;
        self.concealed = stats.concealed;
        self.recovered = stats.recovered;
        let share = |part: u64, rest: u64| match part + rest {
            0 => 0.0,
            whole => 100.0 * part as f64 / whole as f64,
        };
        self.points.push(Point {
            at,
            jitter: millis(stats.jitter),
            buffer: millis(stats.buffer),
            buffer_target: millis(stats.buffer_target),
            round_trip: stats.round_trip_time.map(millis),
            lost: share(lost, received),
            concealed: share(concealed, received + recovered),
            quality: stats.quality.map(|estimate| f64::from(estimate.r)),
        });
    }
}

/// Keeps what the page at the end needs.
#[derive(Debug)]
pub(crate) struct Chronicle {
    path: PathBuf,
    began: OffsetDateTime,
    begin: Instant,
    courses: BTreeMap<Username, Course>,
    /// What happened, and when, in seconds.
    happenings: Vec<(f64, String)>,
    /// Every so many looks are kept.
    step: u64,
    looks: u64,
    totals: CallStats,
}

impl Chronicle {
    /// Begins now, and is written into this file at the end.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            began: OffsetDateTime::now_utc(),
            begin: Instant::now(),
            courses: BTreeMap::new(),
            happenings: Vec::new(),
            step: 1,
            looks: 0,
            totals: CallStats::default(),
        }
    }

    /// Takes the counts of a second.
    pub(crate) fn note(&mut self, stats: &CallStats) {
        self.totals = stats.clone();
        self.looks += 1;
        if !self.looks.is_multiple_of(self.step) {
            return;
        }
        let at = self.seconds();
        for (who, stats) in &stats.peers {
            self.courses.entry(who.clone()).or_default().note(at, stats);
        }
        if self
            .courses
            .values()
            .any(|course| course.points.len() > MOST)
        {
            self.step *= 2;
            for course in self.courses.values_mut() {
                let mut kept = false;
                course.points.retain(|_| {
                    kept = !kept;
                    kept
                });
            }
        }
    }

    /// Takes something that happened.
    pub(crate) fn happened(&mut self, report: &Report) {
        if matches!(report, Report::Stats(_) | Report::Levels(_))
            || self.happenings.len() >= HAPPENINGS
        {
            return;
        }
        let at = self.seconds();
        let told = words::lines(report).into_iter().map(|line| (at, line));
        self.happenings.extend(told);
    }

    /// Writes the page.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub(crate) fn write(&self, ended: &str) -> std::io::Result<()> {
        let page = page::page(self, ended);
        // Whole or not at all, also when something goes wrong half-way.
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = self.path.with_file_name(name);
        let mut file = std::fs::File::create(&part)?;
        file.write_all(page.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &self.path)
    }

    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_sdk::{CallStats, Estimate, Reason, Verdict};

    use super::{Chronicle, MOST, page};
    use crate::failure::Failure;
    use crate::report::Report;

    fn second(number: u64) -> Result<CallStats, Box<dyn std::error::Error>> {
        let bob = CallStats {
            received: 45 * number,
            lost: 5 * number,
            concealed: 2 * number,
            jitter: Duration::from_millis(3 + number % 7),
            buffer: Duration::from_millis(40),
            buffer_target: Duration::from_millis(30),
            quality: Some(Estimate {
                r: 64.0,
                mos: 3.3,
                verdict: Verdict::Fair,
                reason: Reason::Loss,
            }),
            ..CallStats::default()
        };
        let mut all = bob.clone();
        all.peers.insert("b<script>b".parse()?, bob);
        Ok(all)
    }

    #[test]
    fn the_page_holds_everything_and_loads_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("report.html");
        let mut chronicle = Chronicle::new(path.clone());
        for number in 1..=90 {
            chronicle.note(&second(number)?);
        }
        chronicle.happened(&Report::SignedOut);
        chronicle.happened(&Report::Error(Failure::invalid("not on stdout")));
        chronicle.write("hung up & <gone>")?;
        let page = std::fs::read_to_string(&path)?;
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert!(!page.contains("<script"), "a name is no markup");
        assert!(page.contains("b&lt;script&gt;b") && page.contains("hung up &amp; &lt;gone&gt;"));
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), 4, "four plots");
        assert_eq!(page.matches("role=\"img\"").count(), 4);
        assert!(page.contains("<caption>") && page.contains("scope=\"col\""));
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(page.contains("10.0"), "5 of 50 packets are lost");
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert_eq!(
            page.matches("<table").count(),
            page.matches("</table>").count()
        );
        assert!(
            std::fs::read_dir(folder.path())?.count() == 1,
            "nothing is left behind"
        );
        Ok(())
    }

    #[test]
    fn a_call_without_anything_still_has_a_page() {
        let chronicle = Chronicle::new("none.html".into());
        let page = page::page(&chronicle, "nobody answered");
        assert!(page.contains("nobody answered") && !page.contains("<svg"));
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn a_long_call_is_thinned_out() -> Result<(), Box<dyn std::error::Error>> {
        let mut chronicle = Chronicle::new("none.html".into());
        for number in 1..=3 * MOST as u64 {
            chronicle.note(&second(number)?);
        }
        let course = chronicle.courses.values().next().ok_or("nobody")?;
        assert!(course.points.len() <= MOST && course.points.len() > MOST / 3);
        assert!(course.points.iter().all(|point| point.lost == 10.0));
        Ok(())
    }
}
