//! Rectangles, cut up without arithmetic at the place of use.

use ratatui::layout::Rect;

/// One row of an area, from 0; empty when the area has no such row.
pub fn row(area: Rect, index: usize) -> Rect {
    if index >= area.height as usize {
        return Rect::new(area.x, area.y, 0, 0);
    }
    Rect::new(area.x, area.y + index as u16, area.width, 1)
}

/// The upper `height` rows and the rest.
pub fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// The left `width` columns and the rest.
pub fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}

/// A rectangle of at most that size in the middle of an area.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

/// The area without its left and right column.
pub fn padded(area: Rect) -> Rect {
    if area.width < 2 {
        return Rect { width: 0, ..area };
    }
    Rect { x: area.x + 1, width: area.width - 2, ..area }
}

#[cfg(test)]
mod tests {
    use super::{centred, padded, row, split_left, split_top};
    use ratatui::layout::Rect;

    #[test]
    fn cuts_stay_inside() {
        let area = Rect::new(2, 3, 4, 2);
        assert_eq!(row(area, 1), Rect::new(2, 4, 4, 1));
        assert!(row(area, 2).is_empty());
        assert_eq!(split_top(area, 9), (area, Rect::new(2, 5, 4, 0)));
        assert_eq!(split_left(area, 1).1, Rect::new(3, 3, 3, 2));
        assert_eq!(centred(area, 100, 100), area);
        assert!(padded(Rect::new(0, 0, 1, 1)).is_empty());
    }
}
