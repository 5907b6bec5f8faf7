//! Tables for a terminal, where a Chinese character is two columns wide.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::output::printable;

/// Lines of cells under a heading. The last column may be as long as it likes.
pub(crate) struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { heading: heading.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    fn widths(&self) -> Vec<usize> {
        let width_of = |column: usize| {
            let cells = std::iter::once(&self.heading).chain(&self.rows).filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        (0..self.heading.len()).map(width_of).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in std::iter::once(&self.heading).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_chinese_text() {
        let mut table = Table::new(["account", "name", "state"]);
        table.row(["W000".into(), "东湖示范区".into(), "active".into()]);
        table.row(["X015".into(), "a\u{1b}b".into(), String::new()]);
        let expected = "account  name        state\n\
                        W000     东湖示范区  active\n\
                        X015     a\u{fffd}b\n";
        assert_eq!(table.to_string(), expected);
    }
}
