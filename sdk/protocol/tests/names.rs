//! Names as RFC 8265 has them, and the other checked texts.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use cooee_protocol::{GroupId, GroupName, NameError, PictureId, Username};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;

fn name(text: &str) -> Username {
    Username::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn the_same_name_in_other_letters() {
    let same = [
        ("alice", "ALICE"),
        ("alice", "aLiCe"),
        // Case beyond ASCII, and letters whose lower case depends on nothing but themselves.
        ("zoé", "ZOÉ"),
        ("ЖАННА", "жанна"),
        ("σοφία", "ΣΟΦΊΑ"),
        // Full width maps to plain (RFC 8265, section 3.3.1, rule 1).
        ("alice", "ａｌｉｃｅ"),
        ("alice7", "ＡＬＩＣＥ７"),
        // Composed and decomposed (rule 4: normal form C).
        ("zo\u{e9}", "zoe\u{301}"),
        ("\u{c5}ke", "a\u{30a}ke"),
    ];
    for (a, b) in same {
        assert_eq!(name(a), name(b), "{a} {b}");
        assert_eq!(name(a).key(), name(b).key());
        assert_eq!(HashSet::from([name(a), name(b)]).len(), 1);
        assert!(name(a) <= name(b) && name(a) >= name(b));
    }
}

#[test]
fn each_character_of_ascii_as_the_profile_has_it() {
    for byte in 0..=0x7f_u8 {
        let text = format!("A{}z", char::from(byte));
        let expected = UsernameCaseMapped::enforce(text.as_str());
        match (Username::parse(&text), expected) {
            (Ok(name), Ok(key)) => assert_eq!(name.key(), key),
            (parsed, expected) => assert!(parsed.is_err() && expected.is_err(), "{text:?}"),
        }
    }
}

#[test]
fn other_names() {
    for (a, b) in [
        ("alice", "alice1"),
        ("zoe", "zoé"),
        ("strasse", "straße"),
        ("a.b", "ab"),
    ] {
        assert_ne!(name(a), name(b));
    }
}

#[test]
fn a_name_is_shown_as_chosen() {
    for text in [
        "Alice",
        "ＡＬＩＣＥ",
        "zoe\u{301}",
        "Ωmega",
        "x_y-z.0",
        "漢字",
        "שלום",
    ] {
        assert_eq!(name(text).as_str(), text);
        assert_eq!(name(text).to_string(), text);
        assert_eq!(serde_json::to_value(name(text)).unwrap(), text);
    }
}

#[test]
fn a_name_has_1_to_32_characters() {
    assert_eq!(name(&"é".repeat(32)).as_str().chars().count(), 32);
    for text in [
        String::new(),
        "a".repeat(33),
        "é".repeat(33),
        "a".repeat(60_000),
    ] {
        assert!(matches!(
            Username::parse(&text),
            Err(NameError::Length { max: 32, .. })
        ));
    }
}

#[test]
fn what_a_name_may_not_hold() {
    let forbidden = [
        "a b",
        " alice",
        "alice ",
        "a\tb",
        "a\nb",
        "a\0b",
        "a\u{7f}b",
        "a\u{a0}b",
        "a\u{3000}b",
        // Invisible and directional characters, private use, unassigned, compatibility forms.
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{feff}b",
        "a\u{ad}b",
        "\u{e000}",
        "\u{378}",
        "ﬁsh",
        "Ⅷ",
        // Symbols and pictures are not letters or digits.
        "\u{1f600}",
        "a→b",
        "♥",
        "½",
        // Left-to-right and right-to-left mixed against the rule of RFC 5893.
        "א1a",
    ];
    for text in forbidden {
        assert!(Username::parse(text).is_err(), "{text:?}");
        let json = serde_json::Value::from(text);
        assert!(
            serde_json::from_value::<Username>(json).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn group_names_and_ids_are_bounded() {
    assert_eq!(
        GroupName::parse("  Sunday hikers ").unwrap().as_str(),
        "Sunday hikers"
    );
    assert!(GroupName::parse(&"é".repeat(64)).is_ok());
    assert!(GroupId::parse(&"é".repeat(64)).is_ok());
    for text in [
        String::new(),
        "é".repeat(65),
        "a\nb".to_owned(),
        "a\0".to_owned(),
    ] {
        assert!(GroupId::parse(&text).is_err(), "{text:?}");
        assert!(GroupName::parse(&text).is_err(), "{text:?}");
    }
    assert!(GroupName::parse(" \t ").is_err());
}

#[test]
fn picture_ids_are_hexadecimal_or_nothing() {
    assert!(PictureId::parse("").unwrap().is_none());
    assert_eq!(
        PictureId::parse(&"AB".repeat(32)),
        PictureId::parse(&"ab".repeat(32))
    );
    for text in [
        "ab",
        "g",
        &"ab".repeat(33),
        &"zz".repeat(32),
        "../../etc/passwd",
    ] {
        assert_eq!(PictureId::parse(text), None, "{text}");
    }
}
