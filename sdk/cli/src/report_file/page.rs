//! The page around the plots.

use std::fmt::Write as _;

use time::format_description::well_known::Rfc3339;

use super::plot::{Plot, Series, clock};
use super::{Chronicle, Course, Point};
use crate::counts;

/// Rows of a table: more are put together.
const ROWS: usize = 60;

const STYLE: &str = "\
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1e; --soft: #5a5a62; --rule: #d8d8de; \
--one: #0a5fb4; --two: #b3440c; }
@media (prefers-color-scheme: dark) { :root { --paper: #17171a; --ink: #ececf0; --soft: #a6a6b0; \
--rule: #3a3a42; --one: #6cb4ff; --two: #ffa269; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; \
max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--rule); } .mark { stroke: var(--soft); stroke-dasharray: 2 4; }
.tick { fill: var(--soft); font-size: 11px; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.one { stroke: var(--one); } .two { stroke: var(--two); stroke-dasharray: 6 3; }
.legend { color: var(--soft); margin: .2rem 0; } .key { border-left: 1rem solid var(--one); padding: 0 .5rem; }
.key.two { border-left: 1rem dashed var(--two); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
th, td { text-align: right; padding: .15rem .4rem; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; }
details { margin: .5rem 0 1.5rem; } summary { cursor: pointer; }
";

/// Where the E-model's verdicts begin.
const VERDICTS: [(f64, &str); 2] = [(80.0, "good from here"), (60.0, "fair from here")];

/// The whole page.
pub(super) fn page(chronicle: &Chronicle, ended: &str) -> String {
    let began = chronicle
        .began
        .replace_nanosecond(0)
        .unwrap_or(chronicle.began);
    let began = began.format(&Rfc3339).unwrap_or_default();
    let seconds = chronicle
        .courses
        .values()
        .filter_map(|course| course.points.last())
        .fold(0.0, |last, point| f64::max(last, point.at));
    let names: Vec<String> = chronicle
        .courses
        .keys()
        .map(|name| escaped(name.as_str()))
        .collect();
    let whom = match names.is_empty() {
        true => "nobody".to_owned(),
        false => names.join(", "),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Call with {whom}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Call with {whom}</h1>\n\
         <p>From {began}, {} long; it ended: {}.</p>\n<p>{}.</p>\n",
        clock(seconds),
        escaped(ended),
        escaped(&counts::sentence(&chronicle.totals)),
    );
    for (number, (name, course)) in chronicle.courses.iter().enumerate() {
        participant(&mut page, number, &escaped(name.as_str()), course, seconds);
    }
    if !chronicle.happenings.is_empty() {
        page.push_str(
            "<h2>What happened</h2>\n<table>\n<caption>Events of the call</caption>\n\
             <thead><tr><th scope=\"col\">at</th><th scope=\"col\">what</th></tr></thead>\n<tbody>\n",
        );
        for (at, what) in &chronicle.happenings {
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td>{}</td></tr>",
                clock(*at),
                escaped(what)
            );
        }
        page.push_str("</tbody>\n</table>\n");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn participant(page: &mut String, number: usize, name: &str, course: &Course, seconds: f64) {
    let line = |name, class, value: fn(&Point) -> Option<f64>| Series {
        name,
        class,
        values: course
            .points
            .iter()
            .map(|point| (point.at, value(point)))
            .collect(),
    };
    let plots = [
        Plot {
            id: format!("p{number}-quality"),
            title: format!("Estimated quality of {name}, by the E-model"),
            unit: "of 100",
            least_top: 100.0,
            marks: &VERDICTS,
            series: vec![line("quality (R)", "one", |point| point.quality)],
            seconds,
        },
        Plot {
            id: format!("p{number}-loss"),
            title: format!("Loss and concealment of {name}"),
            unit: "%",
            least_top: 2.0,
            marks: &[],
            series: vec![
                line("packets lost", "one", |point| Some(point.lost)),
                line("frames concealed", "two", |point| Some(point.concealed)),
            ],
            seconds,
        },
        Plot {
            id: format!("p{number}-jitter"),
            title: format!("Jitter and round trip of {name}"),
            unit: "ms",
            least_top: 10.0,
            marks: &[],
            series: vec![
                line("jitter", "one", |point| Some(point.jitter)),
                line("round trip", "two", |point| point.round_trip),
            ],
            seconds,
        },
        Plot {
            id: format!("p{number}-buffer"),
            title: format!("Jitter buffer of {name}"),
            unit: "ms",
            least_top: 40.0,
            marks: &[],
            series: vec![
                line("delay", "one", |point| Some(point.buffer)),
                line("aimed for", "two", |point| Some(point.buffer_target)),
            ],
            seconds,
        },
    ];
    let _ = writeln!(page, "<h2>{name}</h2>");
    for plot in &plots {
        let _ = writeln!(page, "<h3>{}, {}</h3>", plot.title, plot.unit);
        page.push_str(&plot.legend());
        page.push_str(&plot.svg());
    }
    table(page, name, &course.points);
}

/// The figures of the plots, for who reads rather than looks.
fn table(page: &mut String, name: &str, points: &[Point]) {
    let each = points.len().div_ceil(ROWS).max(1);
    let _ = write!(
        page,
        "<details>\n<summary>The figures as a table</summary>\n<table>\n\
         <caption>{name}: the mean of {each} looks in each row</caption>\n<thead><tr>"
    );
    for head in [
        "at",
        "quality, R",
        "lost, %",
        "concealed, %",
        "jitter, ms",
        "round trip, ms",
        "buffer, ms",
        "aimed for, ms",
    ] {
        let _ = write!(page, "<th scope=\"col\">{head}</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in points.chunks(each) {
        let Some(first) = row.first() else { continue };
        let mean = |value: fn(&Point) -> Option<f64>| {
            let values: Vec<f64> = row.iter().filter_map(value).collect();
            match values.len() {
                0 => "-".to_owned(),
                count => format!("{:.1}", values.iter().sum::<f64>() / count as f64),
            }
        };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td></tr>",
            clock(first.at),
            mean(|point| point.quality),
            mean(|point| Some(point.lost)),
            mean(|point| Some(point.concealed)),
            mean(|point| Some(point.jitter)),
            mean(|point| point.round_trip),
            mean(|point| Some(point.buffer)),
            mean(|point| Some(point.buffer_target)),
        );
    }
    page.push_str("</tbody>\n</table>\n</details>\n");
}

/// Text that is no markup, whatever is in it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char if char.is_control() => escaped.push('\u{fffd}'),
            char => escaped.push(char),
        }
    }
    escaped
}
