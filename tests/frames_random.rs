//! Random keys, facts and sizes: nothing panics, nothing is painted outside its place.

use crate::support::driver::Driver;
use crate::support::world;
use crossterm::event::{
    Event as Input, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use gitdeck::engine::{Event, Outcome};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Deed {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    Size(u16, u16),
    EndAll(bool),
    Files,
    Draft,
    Beat,
}

fn key() -> impl Strategy<Value = KeyEvent> {
    let known = "jkgGsecPxdDt /:?fwyz12345qhlny\u{7f}a".chars().collect::<Vec<_>>();
    let codes = prop_oneof![
        6 => prop::sample::select(known).prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down,
            KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageUp,
            KeyCode::PageDown, KeyCode::Backspace, KeyCode::Delete, KeyCode::F(1), KeyCode::Null,
        ]),
    ];
    let modifiers = prop::sample::select(vec![
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::CONTROL,
        KeyModifiers::ALT,
        KeyModifiers::SHIFT,
    ]);
    (codes, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

fn deed() -> impl Strategy<Value = Deed> {
    let kinds = vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
        MouseEventKind::Moved,
    ];
    let mouse =
        (prop::sample::select(kinds), 0u16..320, 0u16..120).prop_map(|(kind, column, row)| {
            Deed::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
        });
    prop_oneof![
        20 => key().prop_map(Deed::Key),
        1 => "\\PC{0,20}|[\\x00-\\x1f\u{200b}-\u{202e}\u{300}]{0,20}".prop_map(Deed::Paste),
        2 => mouse,
        2 => (1u16..=300, 1u16..=100).prop_map(|(width, height)| Deed::Size(width, height)),
        1 => any::<bool>().prop_map(Deed::EndAll),
        1 => Just(Deed::Files),
        1 => Just(Deed::Draft),
        1 => Just(Deed::Beat),
    ]
}

fn perform(driver: &mut Driver, deed: Deed) {
    match deed {
        Deed::Key(key) => driver.input(Input::Key(key)),
        Deed::Paste(text) => driver.input(Input::Paste(text)),
        Deed::Mouse(mouse) => driver.input(Input::Mouse(mouse)),
        Deed::Size(width, height) => {
            driver.resize((width, height));
        }
        Deed::EndAll(well) => {
            for (job, _) in driver.sent.clone() {
                let outcome =
                    if well { Outcome::Done("done".into()) } else { world::failure("no", "why") };
                driver.fact(Event::JobEnded { job, outcome, at: world::now() });
            }
            driver.sent.clear();
        }
        Deed::Files => {
            driver.fact(world::files("cart", &["a.yaml", "b.yaml"]));
            driver.fact(world::files("checkout", &["a.yaml"]));
        }
        Deed::Draft => {
            driver.fact(world::drafted("cart", &["a fault"]));
            driver.fact(world::drafted("checkout", &[]));
        }
        Deed::Beat => {
            driver.look(|look| look.beat += 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(deeds in prop::collection::vec(deed(), 1..120), width in 1u16..=300, height in 1u16..=100) {
        let mut driver = Driver::new(world::fleet(), (width, height));
        for deed in deeds {
            perform(&mut driver, deed);
        }
        let _ = driver.buffer();
    }

    #[test]
    fn every_size_is_painted(width in 1u16..=300, height in 1u16..=100, keys in prop::sample::select(vec![
        "", "?", ":", "w", "D", "z", "1D", "2 s", "/cart<enter>dz", "x", "4f", "5z",
    ])) {
        let mut driver = Driver::new(world::fleet(), (120, 36));
        driver.keys(keys).resize((width, height));
        prop_assert_eq!(driver.buffer().area.width, width);
    }
}
