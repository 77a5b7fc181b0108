//! One plot as SVG.

use std::fmt::Write as _;

/// The drawing's size, in its own units, and the room for the axes.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Lines have no more points than can be told apart.
const COLUMNS: usize = 600;

/// One line of a plot.
pub(super) struct Series<'a> {
    /// What it shows, in words; also its class: the style sheet gives it colour and dashes.
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    /// Seconds and values; where there is no value, the line is broken.
    pub(super) values: Vec<(f64, Option<f64>)>,
}

/// What a plot shows.
pub(super) struct Plot<'a> {
    /// Unique on the page.
    pub(super) id: String,
    /// Escaped already, as the names of series must be.
    pub(super) title: String,
    pub(super) unit: &'a str,
    /// What the axis reaches at least.
    pub(super) least_top: f64,
    /// Where the value decides something: a line across.
    pub(super) marks: &'a [(f64, &'a str)],
    pub(super) series: Vec<Series<'a>>,
    pub(super) seconds: f64,
}

impl Plot<'_> {
    pub(super) fn svg(&self) -> String {
        let top = self.top();
        let x = |at: f64| LEFT + (WIDTH - LEFT - RIGHT) * at / self.seconds.max(1.0);
        let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value / top).clamp(0.0, 1.0));
        let (id, title) = (&self.id, &self.title);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
            self.description()
        );
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let at = y(value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                number(value)
            );
        }
        for step in 0..=6 {
            let seconds = self.seconds * f64::from(step) / 6.0;
            let _ = writeln!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(seconds),
                HEIGHT - 8.0,
                clock(seconds)
            );
        }
        for (value, word) in self.marks {
            let at = y(*value);
            let _ = writeln!(
                svg,
                "<line class=\"mark\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{word}</text>",
                WIDTH - RIGHT,
                WIDTH - RIGHT,
                at - 3.0
            );
        }
        for series in &self.series {
            let mut path = String::new();
            let mut broken = true;
            for (at, value) in thinned(&series.values) {
                let Some(value) = value else {
                    broken = true;
                    continue;
                };
                let command = if std::mem::replace(&mut broken, false) {
                    'M'
                } else {
                    'L'
                };
                let _ = write!(path, "{command}{:.1} {:.1}", x(at), y(value));
            }
            let _ = writeln!(svg, "<path class=\"line {}\" d=\"{path}\"/>", series.class);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Which line is which, for who sees them.
    pub(super) fn legend(&self) -> String {
        let mut legend = String::from("<p class=\"legend\" aria-hidden=\"true\">");
        for series in &self.series {
            let _ = write!(
                legend,
                "<span class=\"key {}\">{}</span> ",
                series.class, series.name
            );
        }
        legend.push_str("</p>\n");
        legend
    }

    /// The same in words: least, mean and most of each line.
    fn description(&self) -> String {
        let told = self.series.iter().map(|series| {
            let values: Vec<f64> = series
                .values
                .iter()
                .filter_map(|(_, value)| *value)
                .collect();
            if values.is_empty() {
                return format!("{}: no values", series.name);
            }
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let (name, unit) = (series.name, self.unit);
            format!("{name}: {least:.1} to {most:.1} {unit}, {mean:.1} in the mean")
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// The upper end of the axis: round, and above everything.
    fn top(&self) -> f64 {
        let values = self.series.iter().flat_map(|series| &series.values);
        let most = values
            .filter_map(|(_, value)| *value)
            .fold(self.least_top, f64::max);
        let magnitude = 10.0_f64.powf(most.max(1e-3).log10().floor());
        let steps = [1.0, 2.0, 4.0, 5.0, 10.0];
        let round = steps.iter().map(|step| step * magnitude);
        round
            .into_iter()
            .find(|round| *round >= most)
            .unwrap_or(most)
    }
}

/// Of neighbours that fall into the same column the largest stays: peaks are what is looked for.
fn thinned(values: &[(f64, Option<f64>)]) -> Vec<(f64, Option<f64>)> {
    let each = values.len().div_ceil(COLUMNS).max(1);
    let columns = values.chunks(each).filter_map(|column| {
        let at = column.first()?.0;
        let values = column.iter().filter_map(|(_, value)| *value);
        Some((at, values.reduce(f64::max)))
    });
    columns.collect()
}

fn number(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// Minutes and seconds, with hours from the first one on.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Plot, Series, clock, thinned};

    #[test]
    fn a_plot_reaches_above_its_highest_value_and_breaks_where_there_is_none() {
        let values = vec![
            (0.0, Some(3.0)),
            (1.0, None),
            (2.0, Some(37.0)),
            (3.0, Some(1.0)),
        ];
        let plot = Plot {
            id: "p".into(),
            title: "Jitter".into(),
            unit: "ms",
            least_top: 10.0,
            marks: &[],
            series: vec![Series {
                name: "jitter",
                class: "one",
                values,
            }],
            seconds: 3.0,
        };
        assert_eq!(plot.top(), 40.0);
        let svg = plot.svg();
        assert_eq!(svg.matches('M').count(), 2, "{svg}");
        assert!(svg.contains("jitter: 1.0 to 37.0 ms, 13.7 in the mean"));
    }

    #[test]
    fn peaks_survive_thinning() {
        let mut values: Vec<_> = (0..10_000).map(|at| (f64::from(at), Some(1.0))).collect();
        values[7_777].1 = Some(99.0);
        let thin = thinned(&values);
        assert!(thin.len() <= COLUMNS);
        assert!(thin.iter().any(|(_, value)| *value == Some(99.0)));
        assert_eq!(
            (clock(59.6), clock(3_725.0)),
            ("1:00".into(), "1:02:05".into())
        );
    }
}
