//! Credentials that say by themselves until when they are good, and nonces that do.
//!
//! The scheme of coturn's `use-auth-secret`: the user name is `<expiry>:<id>`, the expiry in
//! seconds since 1970, and the password the base64 of HMAC-SHA1(secret, user name). Whoever knows
//! the secret can check a password without having stored it.

use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use subtle::ConstantTimeEq as _;

/// How long a nonce is good, in seconds.
pub(super) const NONCE_LIFE: u64 = 600;

/// Longer user names are nobody's.
const MOST_USERNAME: usize = 128;

/// The key that passwords are made with.
#[derive(Debug)]
pub(crate) struct Secret(hmac::Key);

impl Secret {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret))
    }

    /// The password of a user name.
    pub(super) fn password(&self, username: &str) -> String {
        STANDARD.encode(hmac::sign(&self.0, username.as_bytes()))
    }
}

/// The user name of `id`, good until `expiry`.
pub(super) fn username(expiry: u64, id: &str) -> String {
    format!("{expiry}:{id}")
}

/// The expiry and the id of a user name.
pub(super) fn parse_username(username: &str) -> Option<(u64, &str)> {
    if username.len() > MOST_USERNAME {
        return None;
    }
    let (expiry, id) = username.split_once(':')?;
    let digits = !expiry.is_empty() && expiry.bytes().all(|byte| byte.is_ascii_digit());
    let expiry = digits.then(|| expiry.parse().ok()).flatten()?;
    Some((expiry, id))
}

/// Makes and checks nonces without remembering them: a nonce is its time and a MAC over the time
/// and the address that it was given to.
#[derive(Debug)]
pub(super) struct Nonces(hmac::Key);

impl Nonces {
    pub(super) fn new() -> Self {
        let key: [u8; 32] = rand::random();
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// A nonce for a client, 16 characters.
    pub(super) fn make(&self, client: SocketAddr, unix: u64) -> String {
        let time = u32::try_from(unix % (1 << 32)).unwrap_or(0).to_be_bytes();
        let mut nonce = time.to_vec();
        nonce.extend(self.mac(client, time));
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether this is a nonce that the client was given, and not too long ago.
    pub(super) fn check(&self, nonce: &[u8], client: SocketAddr, unix: u64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else {
            return false;
        };
        let Some((time, mac)) = bytes.split_first_chunk::<4>() else {
            return false;
        };
        let genuine: bool = self.mac(client, *time).ct_eq(mac).into();
        let age = (unix % (1 << 32)).checked_sub(u64::from(u32::from_be_bytes(*time)));
        genuine && age.is_some_and(|age| age <= NONCE_LIFE)
    }

    fn mac(&self, client: SocketAddr, time: [u8; 4]) -> [u8; 8] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&time);
        match client.ip() {
            IpAddr::V4(address) => context.update(&address.octets()),
            IpAddr::V6(address) => context.update(&address.octets()),
        }
        context.update(&client.port().to_be_bytes());
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_password_is_coturns() {
        // turnadmin's scheme, as `openssl dgst -sha1 -hmac north -binary | base64` computes it.
        let secret = Secret::new(b"north");
        assert_eq!(
            secret.password("1700000000:alice"),
            "Cd/49soE35ICqcJF/bCTn8Z4OyE="
        );
    }

    #[test]
    fn user_names_are_parsed() {
        assert_eq!(parse_username("17:a:b"), Some((17, "a:b")));
        for wrong in [
            "",
            "17",
            ":a",
            "-1:a",
            "+1:a",
            "x:a",
            "99999999999999999999:a",
        ] {
            assert_eq!(parse_username(wrong), None, "{wrong}");
        }
        assert_eq!(parse_username(&format!("1:{}", "a".repeat(200))), None);
        assert_eq!(username(17, "a"), "17:a");
    }

    #[test]
    fn a_nonce_is_good_for_its_client_and_time_only() {
        let nonces = Nonces::new();
        let client = SocketAddr::from(([203, 0, 113, 7], 4000));
        let nonce = nonces.make(client, 1000);
        assert_eq!(nonce.len(), 16);
        let check = |client, unix| nonces.check(nonce.as_bytes(), client, unix);
        assert!(check(client, 1000) && check(client, 1000 + NONCE_LIFE));
        assert!(!check(client, 1001 + NONCE_LIFE));
        // A clock that was set back.
        assert!(!check(client, 999));
        assert!(!check(SocketAddr::from(([203, 0, 113, 7], 4001)), 1000));
        assert!(!check(SocketAddr::from(([203, 0, 113, 8], 4000)), 1000));
        assert!(!Nonces::new().check(nonce.as_bytes(), client, 1000));
        for wrong in [&b""[..], b"AAAA", b"AAAAAAAAAAAAAAAA", b"\xff\xff"] {
            assert!(!nonces.check(wrong, client, 1000));
        }
    }
}
