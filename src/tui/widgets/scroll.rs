//! Which part of something long is on the screen.

/// The first visible row, such that `selected` of `count` rows is among the `page` visible ones and no row is wasted.
pub fn follow(offset: usize, selected: usize, count: usize, page: usize) -> usize {
    if page == 0 {
        return 0;
    }
    let offset = offset.min(count.saturating_sub(page));
    if selected < offset {
        selected
    } else if selected >= offset + page {
        selected + 1 - page
    } else {
        offset
    }
}

/// The position of the thumb in a bar of `height` rows; nothing where everything is visible.
pub fn thumb(offset: usize, count: usize, page: usize, height: usize) -> Option<(usize, usize)> {
    if count <= page || height == 0 {
        return None;
    }
    let length = (height * page / count).max(1);
    let room = height - length;
    let start = if count == page { 0 } else { room * offset.min(count - page) / (count - page) };
    Some((start, length))
}

#[cfg(test)]
mod tests {
    use super::{follow, thumb};

    #[test]
    fn the_selection_is_visible() {
        assert_eq!(follow(0, 9, 10, 4), 6);
        assert_eq!(follow(8, 2, 10, 4), 2);
        assert_eq!(follow(9, 9, 10, 20), 0);
        assert_eq!(follow(3, 0, 0, 0), 0);
    }

    #[test]
    fn the_thumb_reaches_both_ends() {
        assert_eq!(thumb(0, 100, 10, 10), Some((0, 1)));
        assert_eq!(thumb(90, 100, 10, 10), Some((9, 1)));
        assert_eq!(thumb(0, 5, 10, 10), None);
    }
}
