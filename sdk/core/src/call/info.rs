//! What 506 and 507 say beside address and port: the ICE description and the public
//! key of a participant, under the fields `ice` and `key`.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooee_protocol::CallInfo;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::path::PathDescription;

pub(super) const ICE_FIELD: &str = "ice";
pub(super) const KEY_FIELD: &str = "key";

/// Why a participant's info does not lead to a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// No usable `ice` field.
    #[error("the participant's addresses cannot be read: {0}")]
    Ice(String),
    /// No usable `key` field.
    #[error("the participant told no key, and voice never flows unsealed")]
    Key,
}

/// A participant's path description and public key.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// Candidates and credentials (RFC 8445).
    pub path: PathDescription,
    /// X25519 public key (RFC 7748).
    pub key: [u8; 32],
}

impl PeerInfo {
    /// Reads what a participant said.
    ///
    /// # Errors
    ///
    /// When the description or the key is missing or malformed.
    pub fn parse(info: &CallInfo) -> Result<Self, InfoError> {
        let ice = info
            .extra
            .get(ICE_FIELD)
            .ok_or_else(|| InfoError::Ice("there is no `ice` field".to_owned()))?;
        let path =
            PathDescription::deserialize(ice).map_err(|error| InfoError::Ice(error.to_string()))?;
        let key = info
            .extra
            .get(KEY_FIELD)
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or(InfoError::Key)?;
        Ok(Self { path, key })
    }

    /// Says it: `address` goes into these fields, or nothing when it is not to be told.
    ///
    /// # Errors
    ///
    /// Never for a description of this crate; the error is serde_json's own.
    pub fn to_call_info(&self, address: Option<SocketAddr>) -> Result<CallInfo, serde_json::Error> {
        let mut extra = Map::new();
        extra.insert(ICE_FIELD.to_owned(), serde_json::to_value(&self.path)?);
        extra.insert(KEY_FIELD.to_owned(), STANDARD.encode(self.key).into());
        let mut info = CallInfo::untold();
        if let Some(address) = address {
            info.address = address.ip();
            info.port = address.port();
        }
        info.extra = extra;
        Ok(info)
    }
}
