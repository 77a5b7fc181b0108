//! Passwords and tokens do not show.
#![allow(clippy::unwrap_used)]

use cooee_protocol::{ClientFrame, NewPassword, Password, ServerFrame, Token};

const SECRET: &str = "0193485720193485";

#[test]
fn debug_output_hides_passwords_and_tokens() {
    let frames = [
        format!(r#"{{"type":601,"seq":1,"args":{{"pseudo":"alice","password":"{SECRET}"}}}}"#),
        format!(r#"{{"type":602,"seq":1,"args":{{"password":"{SECRET}"}}}}"#),
        format!(r#"{{"type":608,"seq":1,"args":{{"pseudo":"alice","password":"{SECRET}"}}}}"#),
        format!(r#"{{"type":650,"seq":1,"args":{{"token":"{SECRET}"}}}}"#),
    ];
    for text in frames {
        let frame = ClientFrame::parse(&text).unwrap();
        assert!(frame.to_text().unwrap().contains(SECRET));
        assert!(
            !format!("{frame:?} {frame:#?}").contains(SECRET),
            "{frame:?}"
        );
    }
    let text = format!(
        r#"{{"type":202,"re":1,"args":{{"pp":"","pseudo":"a","status":"online","token":"{SECRET}"}}}}"#
    );
    let frame = ServerFrame::parse(&text).unwrap();
    assert!(frame.to_text().unwrap().contains(SECRET));
    assert!(!format!("{frame:?}").contains(SECRET));
}

#[test]
fn the_content_of_data_does_not_show() {
    let text = r#"{"type":504,"args":{"pseudo":"bob","data":"c2VjcmV0c2VjcmV0","id_group":"g"}}"#;
    let frame = ClientFrame::parse(text).unwrap();
    assert!(!format!("{frame:?}").contains("c2VjcmV0"));
}

#[test]
fn a_refusal_does_not_repeat_a_secret() {
    let number = SECRET.trim_start_matches('0');
    let arguments = [
        (601, format!(r#"{{"pseudo":"alice","password":{number}}}"#)),
        (
            601,
            format!(r#"{{"pseudo":"alice","password":["{SECRET}"]}}"#),
        ),
        (601, format!(r#"{{"pseudo":"a b","password":"{SECRET}"}}"#)),
        (601, format!(r#"{{"password":"{SECRET}"}}"#)),
        (602, format!(r#"{{"password":{number}}}"#)),
        (
            608,
            format!(r#"{{"pseudo":"alice","password":{number}.5}}"#),
        ),
        (
            608,
            format!(r#"{{"pseudo":"alice","password":"{}"}}"#, SECRET.repeat(20)),
        ),
        (650, format!(r#"{{"token":{number}}}"#)),
        (650, format!(r#"{{"token":"{SECRET} "}}"#)),
    ];
    for (code, args) in arguments {
        let text = format!(r#"{{"type":{code},"seq":1,"args":{args}}}"#);
        let error = ClientFrame::parse(&text).unwrap_err();
        let shown = format!("{error} {error:?} {}", error.detail);
        assert!(!shown.contains(number), "{shown}");
    }
}

#[test]
fn secrets_have_their_lengths() {
    for (length, new, tried) in [
        (0, false, true),
        (7, false, true),
        (8, true, true),
        (256, true, true),
        (257, false, false),
    ] {
        let text = "é".repeat(length);
        assert_eq!(NewPassword::parse(&text).is_ok(), new, "{length}");
        assert_eq!(Password::parse(&text).is_ok(), tried, "{length}");
    }
    for text in ["", "a b", "é", "a\n", &"a".repeat(257)] {
        assert!(Token::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(Token::parse("a").unwrap().expose(), "a");
}
