//! `cooee://` links: a server, or a person on it.
//!
//! ```text
//! cooee://add?server=wss%3A%2F%2Fcooee.example.org&name=alice
//! cooee://add?server=cooee.example.org
//! ```
//!
//! Whoever can make the user click on something chooses what a link says. So it is parsed
//! strictly, holds nothing but an address and a name, and nothing follows from it before the user
//! has seen both and agreed.

use cooee_sdk::{ServerAddress, Username};
use qrcodegen::{QrCode, QrCodeEcc};
use url::Url;

use crate::error::{Answer, AppError, ErrorCode};
use crate::model::people::{Invitation, OwnInvitation};

/// The scheme that the system passes to this app.
pub(crate) const SCHEME: &str = "cooee";

/// The longest link that is looked at, in bytes.
const MAX_LINK: usize = 1024;

/// Understands a link, or refuses it as a whole.
pub(crate) fn parse(text: &str) -> Answer<Invitation> {
    let refused = |why: &str| AppError::new(ErrorCode::LinkInvalid, why);
    if text.len() > MAX_LINK {
        return Err(refused("longer than any link of ours"));
    }
    let url = Url::parse(text.trim()).map_err(|_| refused("not a link"))?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none()
        && url.fragment().is_none()
        && matches!(url.path(), "" | "/");
    if url.scheme() != SCHEME || url.host_str() != Some("add") || !plain {
        return Err(refused("not a link of this app"));
    }
    let (mut server, mut name) = (None, None);
    for (key, value) in url.query_pairs() {
        let slot = match key.as_ref() {
            "server" => &mut server,
            "name" => &mut name,
            _ => return Err(refused("a part that this version does not know")),
        };
        if slot.replace(value.into_owned()).is_some() {
            return Err(refused("a part that comes twice"));
        }
    }
    let server = server.ok_or_else(|| refused("no server"))?;
    // Whether plain text is allowed is the user's choice later on, not the link's.
    let server = ServerAddress::parse(&server, true)
        .map_err(|error| AppError::new(ErrorCode::LinkInvalid, error))?;
    let name = match name {
        None => None,
        Some(name) => {
            let name = Username::parse(&name)
                .map_err(|error| AppError::new(ErrorCode::LinkInvalid, error))?;
            Some(name.to_string())
        }
    };
    Ok(Invitation {
        server: server.to_string(),
        server_name: server_name(&server.to_string()),
        plaintext: is_plaintext(&server),
        name,
    })
}

/// The link that adds `name` on `server`, with its QR code.
pub(crate) fn invite(server: &str, name: &str) -> Answer<OwnInvitation> {
    let internal = |error: &dyn std::fmt::Display| AppError::new(ErrorCode::Internal, error);
    let mut url = Url::parse(&format!("{SCHEME}://add")).map_err(|error| internal(&error))?;
    url.query_pairs_mut()
        .append_pair("server", server)
        .append_pair("name", name);
    let link = url.to_string();
    let code = QrCode::encode_text(&link, QrCodeEcc::Medium).map_err(|error| internal(&error))?;
    let row = |y| {
        let module = |x| if code.get_module(x, y) { '1' } else { '0' };
        (0..code.size()).map(module).collect()
    };
    let qr = (0..code.size()).map(row).collect();
    Ok(OwnInvitation { link, qr })
}

/// A server's address for eyes: without the scheme that is the rule.
pub(crate) fn server_name(server: &str) -> String {
    let bare = server.strip_prefix("wss://");
    bare.or_else(|| server.strip_prefix("ws://"))
        .unwrap_or(server)
        .to_owned()
}

/// Whether what is said to this server could be read on the way.
pub(crate) fn is_plaintext(server: &ServerAddress) -> bool {
    server.to_string().starts_with("ws://") && !server.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::{invite, parse};
    use crate::error::ErrorCode;

    #[test]
    fn what_was_made_is_understood() {
        for (server, name) in [
            ("wss://cooee.example.org", "alice"),
            ("wss://example.org:8443/cooee", "Zoë"),
            ("ws://127.0.0.1:4400", "bob&carol=x"),
            ("wss://[2001:db8::1]", "名前"),
        ] {
            let made = invite(server, name).unwrap();
            let read = parse(&made.link).unwrap();
            assert_eq!(
                (read.server.as_str(), read.name.as_deref()),
                (server, Some(name))
            );
            assert!(!read.plaintext);
            assert!(made.qr.iter().all(|row| row.len() == made.qr.len()));
        }
    }

    #[test]
    fn a_server_alone_is_enough_and_plain_text_is_told() {
        let read = parse("cooee://add?server=ws://192.0.2.7:4400").unwrap();
        assert_eq!((read.plaintext, read.name), (true, None));
        assert_eq!(
            parse("cooee://add/?server=example.org").unwrap().server,
            "wss://example.org"
        );
    }

    #[test]
    fn anything_else_is_refused_as_a_whole() {
        let long = format!("cooee://add?server=example.org&name={}", "a".repeat(2000));
        for text in [
            "",
            "cooee:",
            "cooee://",
            "https://example.org/add?server=example.org",
            "cooee://add",
            "cooee://add?name=alice",
            "cooee://call?server=example.org&name=alice",
            "cooee://add?server=example.org&server=example.net",
            "cooee://add?server=example.org&name=a&name=b",
            "cooee://add?server=example.org&password=x",
            "cooee://add?server=alice:secret@example.org",
            "cooee://add?server=javascript:alert(1)",
            "cooee://add?server=file:///etc/passwd",
            "cooee://add?server=example.org&name=%00",
            "cooee://add?server=example.org&name=a%20b",
            "cooee://add?server=example.org&name=",
            "cooee://add/../call?server=example.org",
            "cooee://add?server=example.org#x",
            "cooee://user@add?server=example.org",
            "cooee://add:1?server=example.org",
            long.as_str(),
        ] {
            assert_eq!(
                parse(text).unwrap_err().code,
                ErrorCode::LinkInvalid,
                "{text}"
            );
        }
    }
}
