//! Where the server is.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// A server's address, checked once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// `http` or `https` URL of the root, with a trailing slash.
    root: Url,
}

/// Why a text is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not a URL of a kind that leads to a server.
    #[error(
        "`{0}` is not a server: write for example cooee.example.org, wss://cooee.example.org or \
         ws://127.0.0.1:4400"
    )]
    Malformed(String),
    /// Plain text beyond this machine.
    #[error(
        "`{0}` is not encrypted: passwords and names would be readable on the way. Use wss://, or \
         allow plain text explicitly"
    )]
    Plaintext(String),
}

impl ServerAddress {
    /// Parses `host`, `host:port` or a `wss`, `https`, `ws` or `http` URL; without a scheme it is
    /// `wss`.
    ///
    /// # Errors
    ///
    /// [`AddressError::Malformed`], and [`AddressError::Plaintext`] for `ws` and `http` to another
    /// machine unless `allow_plaintext`.
    pub fn parse(text: &str, allow_plaintext: bool) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.to_owned());
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("wss://{text}")
        };
        let parsed = Url::parse(&with_scheme).map_err(|_| malformed())?;
        let scheme = match parsed.scheme() {
            "ws" | "http" => "http",
            "wss" | "https" => "https",
            _ => return Err(malformed()),
        };
        let path = parsed.path().trim_end_matches('/');
        let root_path = path.strip_suffix("v1/ws").unwrap_or(path);
        let host = parsed.host_str().ok_or_else(malformed)?;
        if !parsed.username().is_empty() || parsed.password().is_some() || host.is_empty() {
            return Err(malformed());
        }
        let port = parsed
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let root_path = root_path.trim_matches('/');
        let slash = if root_path.is_empty() { "" } else { "/" };
        // Built anew, since the URL library does not let a special scheme change its kind.
        let root = format!("{scheme}://{host}{port}/{root_path}{slash}");
        let root = Url::parse(&root).map_err(|_| malformed())?;
        let address = Self { root };
        if scheme == "http" && !allow_plaintext && !address.is_loopback() {
            return Err(AddressError::Plaintext(text.to_owned()));
        }
        Ok(address)
    }

    /// The host, without brackets around an IPv6 address.
    pub fn host(&self) -> String {
        match self.root.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        }
    }

    /// Whether the server runs on this machine.
    pub fn is_loopback(&self) -> bool {
        match self.root.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        }
    }

    /// Puts this server's host before `:port`; a place with a host of its own stays as it is.
    pub(crate) fn complete(&self, place: &str) -> String {
        let host = self.host();
        match place.strip_prefix(':') {
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => place.to_owned(),
        }
    }

    /// The WebSocket's URL.
    pub(crate) fn websocket(&self) -> String {
        let root = self.root.as_str();
        let (scheme, rest) = match root.strip_prefix("https://") {
            Some(rest) => ("wss", rest),
            None => ("ws", root.trim_start_matches("http://")),
        };
        format!("{scheme}://{rest}v1/ws")
    }

    /// The URL of the pictures.
    pub(crate) fn pictures(&self) -> String {
        format!("{}v1/pictures", self.root)
    }

    /// Where attachments are.
    pub(crate) fn attachments(&self) -> String {
        format!("{}v1/attachments", self.root)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let websocket = self.websocket();
        let root = websocket.strip_suffix("v1/ws").unwrap_or(&websocket);
        f.write_str(root.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, ServerAddress};

    #[test]
    fn people_may_write_the_address_as_they_know_it() -> Result<(), AddressError> {
        for (text, websocket) in [
            ("cooee.example.org", "wss://cooee.example.org/v1/ws"),
            (
                "cooee.example.org:8443",
                "wss://cooee.example.org:8443/v1/ws",
            ),
            (
                "https://example.org/cooee/",
                "wss://example.org/cooee/v1/ws",
            ),
            (
                "wss://example.org/cooee/v1/ws",
                "wss://example.org/cooee/v1/ws",
            ),
            ("ws://127.0.0.1:4400/v1/ws", "ws://127.0.0.1:4400/v1/ws"),
            ("http://[::1]:4400", "ws://[::1]:4400/v1/ws"),
            ("ws://localhost:4400", "ws://localhost:4400/v1/ws"),
        ] {
            assert_eq!(ServerAddress::parse(text, false)?.websocket(), websocket);
        }
        Ok(())
    }

    #[test]
    fn plain_text_stays_on_this_machine_unless_allowed() {
        let plain = ServerAddress::parse("ws://192.0.2.7:4400", false);
        assert!(matches!(plain, Err(AddressError::Plaintext(_))));
        assert!(ServerAddress::parse("ws://192.0.2.7:4400", true).is_ok());
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "ftp://example.org",
            "wss://",
            "wss://alice:secret@example.org",
            "a b",
        ] {
            let parsed = ServerAddress::parse(text, true);
            assert!(matches!(parsed, Err(AddressError::Malformed(_))), "{text}");
        }
    }
}
