//! A painted screen as an SVG picture, for the README.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Size of a cell in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
/// Colours of text and ground where the screen leaves them to the terminal.
const TEXT: &str = "#d4d4d4";
const GROUND: &str = "#16181d";
/// The sixteen colours, by their numbers.
const SIXTEEN: [&str; 16] = [
    "#16181d", "#d16969", "#87af87", "#d7af5f", "#5f87d7", "#af87d7", "#5fafd7", "#d4d4d4",
    "#808080", "#ff8787", "#afd7af", "#ffd787", "#87afff", "#d7afff", "#87d7ff", "#ffffff",
];

/// Draws a buffer. Every text is placed cell by cell, so that the picture is right with any monospaced font.
pub fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 16.0, rows * CELL.1 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{GROUND}\"/>\n"
    );
    for y in buffer.area.top()..buffer.area.bottom() {
        for x in buffer.area.left()..buffer.area.right() {
            if let Some(cell) = buffer.cell((x, y)) {
                draw(&mut out, cell, f64::from(x) * CELL.0 + 8.0, f64::from(y) * CELL.1 + 8.0);
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, cell: &Cell, x: f64, y: f64) {
    let (mut text, mut ground) = (hex(cell.fg, TEXT), hex(cell.bg, GROUND));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut text, &mut ground);
    }
    // Writing to a String cannot fail.
    if ground != GROUND {
        let wide = CELL.0 * cell.symbol().width().max(1) as f64 + 0.2;
        let tall = CELL.1;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\" fill=\"{ground}\"/>"
        );
    }
    if cell.symbol().trim().is_empty() {
        return;
    }
    let mut style = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::DIM, " opacity=\"0.6\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
    ] {
        if cell.modifier.contains(modifier) {
            style.push_str(attribute);
        }
    }
    let symbol = escaped(cell.symbol());
    let base = y + 13.5;
    let _ =
        writeln!(out, "<text x=\"{x:.1}\" y=\"{base:.1}\" fill=\"{text}\"{style}>{symbol}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex(colour: Color, default: &str) -> String {
    let index = match colour {
        Color::Reset => return default.to_owned(),
        Color::Rgb(red, green, blue) => return format!("#{red:02x}{green:02x}{blue:02x}"),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    match index {
        0..=15 => SIXTEEN[index as usize].to_owned(),
        // The cube of xterm: six steps for each colour.
        16..=231 => {
            let step = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let cube = index - 16;
            let (red, green, blue) = (step(cube / 36), step(cube / 6 % 6), step(cube % 6));
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{hex, svg};
    use ratatui::buffer::Buffer;
    use ratatui::style::Color;

    #[test]
    fn colours_are_those_of_xterm() {
        assert_eq!(hex(Color::Indexed(231), ""), "#ffffff");
        assert_eq!(hex(Color::Indexed(75), ""), "#5fafff");
        assert_eq!(hex(Color::Indexed(244), ""), "#808080");
        assert_eq!(hex(Color::Indexed(255), ""), "#eeeeee");
    }

    #[test]
    fn text_cannot_become_markup() {
        let picture = svg(&Buffer::with_lines(["<&>"]));
        assert!(picture.contains("&lt;") && picture.contains("&amp;") && picture.contains("&gt;"));
    }
}
