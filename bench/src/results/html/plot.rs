//! One plot as inline SVG.

use std::fmt::Write as _;

use super::axis::Axis;
use super::escape;

/// The drawing's size. Small, so that its text can be read at the width of a phone.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 300.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 202.0;

/// Labels at the right end are at least so far apart.
const LABEL_HEIGHT: f64 = 13.0;

/// One line, or one band.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// Written at its right end.
    pub(super) label: String,
    /// Which of the colours, from 0.
    pub(super) colour: usize,
    /// In order of x. No y: there was nothing to measure.
    pub(super) points: Vec<(f64, Option<f64>)>,
    pub(super) look: Look,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    Line,
    /// A thin one, for what others are held against.
    Reference,
    /// Stacked on the bands before.
    Band,
}

/// A part of the time.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) kind: SpanKind,
}

#[derive(Clone, Debug)]
pub(super) enum SpanKind {
    Phase {
        name: String,
        measured: bool,
    },
    /// The generator was at its limit.
    Limited,
}

/// A plot with its heading.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// For the page's own links, and tests.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) caption: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    pub(super) spans: Vec<Span>,
}

impl Plot {
    /// A figure of the page.
    pub(super) fn write(&self, to: &mut String) -> std::fmt::Result {
        let Self { id, title, caption, series, .. } = self;
        let caption = escape(caption);
        write!(
            to,
            "<figure id=\"{id}\"><figcaption><h2>{title}</h2><p>{caption}</p></figcaption>"
        )?;
        if series.iter().all(|series| series.points.iter().all(|(_, y)| y.is_none())) {
            return writeln!(to, "<p class=\"none\">Nothing to show.</p></figure>");
        }
        write!(to, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")?;
        self.write_spans(to)?;
        self.write_axes(to)?;
        let ends = self.write_series(to)?;
        self.write_labels(&ends, to)?;
        writeln!(to, "</svg></figure>")
    }

    fn write_spans(&self, to: &mut String) -> std::fmt::Result {
        for Span { from_s, to_s, kind } in &self.spans {
            let (from, until) = (self.x_of(*from_s), self.x_of(*to_s));
            let width = until - from;
            match kind {
                SpanKind::Phase { name, measured } => {
                    if !measured {
                        let height = BOTTOM - TOP;
                        write!(
                            to,
                            "<rect class=\"unmeasured\" x=\"{from:.1}\" y=\"{TOP}\" \
                             width=\"{width:.1}\" height=\"{height}\"/>"
                        )?;
                    }
                    if from > LEFT {
                        write!(
                            to,
                            "<line class=\"phase\" x1=\"{from:.1}\" x2=\"{from:.1}\" y1=\"{TOP}\" \
                             y2=\"{BOTTOM}\"/>"
                        )?;
                    }
                    // About 7 to a character, and some room.
                    if name.chars().count() as f64 * 7.0 + 6.0 < width {
                        let (x, name) = (from + 2.0, escape(name));
                        write!(to, "<text class=\"phase\" x=\"{x:.1}\" y=\"29\">{name}</text>")?;
                    }
                }
                SpanKind::Limited => {
                    let y = BOTTOM - 4.0;
                    write!(
                        to,
                        "<rect class=\"limited\" x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" \
                         height=\"4\"><title>the generator was at its limit</title></rect>"
                    )?;
                }
            }
        }
        Ok(())
    }

    fn write_axes(&self, to: &mut String) -> std::fmt::Result {
        for (value, label) in &self.y.ticks {
            let y = self.y_of(*value);
            let (x, text_y) = (LEFT - 6.0, y + 4.0);
            write!(
                to,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{x}\" y=\"{text_y:.1}\" text-anchor=\"end\">{label}</text>"
            )?;
        }
        let (tick_y, title_y) = (BOTTOM + 15.0, BOTTOM + 32.0);
        for (value, label) in &self.x.ticks {
            let x = self.x_of(*value);
            let bottom = BOTTOM + 3.0;
            write!(
                to,
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{tick_y}\" text-anchor=\"middle\">{label}</text>"
            )?;
        }
        write!(
            to,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\
             <text class=\"title\" x=\"{RIGHT}\" y=\"{title_y}\" text-anchor=\"end\">{}</text>\
             <text class=\"title\" x=\"0\" y=\"12\">{}</text>",
            self.x.title, self.y.title
        )
    }

    /// Draws them all, and returns where each ends: its number and a height.
    fn write_series(&self, to: &mut String) -> Result<Vec<(usize, f64)>, std::fmt::Error> {
        let mut ends = Vec::new();
        let mut below: Vec<f64> = Vec::new();
        for (number, series) in self.series.iter().enumerate() {
            let end = match series.look {
                Look::Line | Look::Reference => self.write_line(series, to)?,
                Look::Band => self.write_band(series, &mut below, to)?,
            };
            ends.extend(end.map(|y| (number, y)));
        }
        Ok(ends)
    }

    fn write_line(&self, series: &Series, to: &mut String) -> Result<Option<f64>, std::fmt::Error> {
        let class = if series.look == Look::Line { "line" } else { "reference" };
        let mut path = String::new();
        let mut end = None;
        for part in series.points.split(|(_, y)| y.is_none()) {
            let places: Vec<(f64, f64)> =
                part.iter().filter_map(|(x, y)| Some((self.x_of(*x), self.y_of((*y)?)))).collect();
            for (at, (x, y)) in places.iter().enumerate() {
                write!(path, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" })?;
            }
            if let [(x, y)] = places.as_slice() {
                // A lone point: a round line end makes it a dot.
                write!(path, "L{x:.1} {y:.1}")?;
            }
            end = places.last().map(|(_, y)| *y).or(end);
        }
        write!(to, "<path class=\"{class} c{}\" d=\"{path}\"/>", series.colour)?;
        Ok(end)
    }

    fn write_band(
        &self,
        series: &Series,
        below: &mut Vec<f64>,
        to: &mut String,
    ) -> Result<Option<f64>, std::fmt::Error> {
        below.resize(series.points.len(), 0.0);
        let mut lower = String::new();
        let mut upper = String::new();
        let mut end = None;
        for (at, ((x, y), base)) in series.points.iter().zip(below.iter_mut()).enumerate() {
            let (x, from) = (self.x_of(*x), self.y_of(*base));
            *base += y.unwrap_or_default();
            let until = self.y_of(*base);
            write!(upper, "{}{x:.1} {until:.1}", if at == 0 { "M" } else { "L" })?;
            lower.insert_str(0, &format!("L{x:.1} {from:.1}"));
            end = (from - until > 0.5).then_some(f64::midpoint(from, until));
        }
        write!(to, "<path class=\"band c{}\" d=\"{upper}{lower}Z\"/>", series.colour)?;
        Ok(end)
    }

    /// Names beside the ends of the lines, moved apart where they would touch.
    fn write_labels(&self, ends: &[(usize, f64)], to: &mut String) -> std::fmt::Result {
        let mut places = ends.to_vec();
        places.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        for at in 1..places.len() {
            places[at].1 = places[at].1.max(places[at - 1].1 + LABEL_HEIGHT);
        }
        // What was pushed over the edge goes back up.
        let mut lowest = BOTTOM - 4.0;
        for (_, y) in places.iter_mut().rev() {
            *y = y.min(lowest);
            lowest = *y - LABEL_HEIGHT;
        }
        for (number, y) in places {
            let Series { label, colour, look, .. } = &self.series[number];
            let class = if *look == Look::Reference { "soft label" } else { "label" };
            let (x, y, label) = (RIGHT + 5.0, y + 4.0, escape(label));
            write!(to, "<text class=\"{class} c{colour}\" x=\"{x}\" y=\"{y:.1}\">{label}</text>")?;
        }
        Ok(())
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.at(value) * (RIGHT - LEFT)
    }

    fn y_of(&self, value: f64) -> f64 {
        BOTTOM - self.y.at(value) * (BOTTOM - TOP)
    }
}
