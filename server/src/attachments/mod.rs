//! Attachments: `/v1/attachments/{id}`, resumable uploads and downloads in parts.
//!
//! ```text
//!  PUT, PATCH --> parts/PROFILE-ID --(all there, SHA-256 right)--> ID --> GET
//!                      |                                            |
//!                      +-- 24 hours without a byte                  +-- 24 hours without an entry
//!                          or not those bytes: removed                  that has it: removed
//! ```
//!
//! Each profile uploads into a file of its own: whoever only knows a hash gets nothing by it.

mod download;
mod files;
mod upload;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cooee_protocol::AttachmentId;
use serde_json::json;

use crate::app::App;
use crate::db::attachments::Hash;
use crate::db::entries::hash;
use crate::http::profile_of;
use crate::ids::ProfileId;
pub(crate) use download::{download, head};
pub(crate) use files::{part_names, part_place, place, remove};
pub(crate) use upload::{patch, put};

/// How much of it there is.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// Whether that is all.
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");

/// How much it will be.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// Uploads of one profile that go on at once.
const MOST_AT_ONCE: usize = 16;

/// What goes on now.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    busy: Mutex<HashSet<(ProfileId, Hash)>>,
    /// Held while files come to their place or go.
    pub(crate) files: tokio::sync::Mutex<()>,
}

/// The right to write one upload's file; given back when dropped.
#[derive(Debug)]
struct Turn<'a> {
    busy: &'a Mutex<HashSet<(ProfileId, Hash)>>,
    upload: (ProfileId, Hash),
}

impl Attachments {
    fn turn(&self, profile: ProfileId, hash: Hash) -> Result<Turn<'_>, AttachmentError> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let upload = (profile, hash);
        if busy.contains(&upload) {
            return Err(AttachmentError::Busy);
        }
        if busy.iter().filter(|(other, _)| *other == profile).count() >= MOST_AT_ONCE {
            return Err(AttachmentError::TooMany);
        }
        busy.insert(upload);
        Ok(Turn {
            busy: &self.busy,
            upload,
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.upload);
    }
}

/// Why an attachment was neither stored nor given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachmentError {
    #[error("a session token is needed: Authorization: Bearer …")]
    Unauthorized,
    #[error("{0}")]
    Header(&'static str),
    #[error("the body did not arrive whole; what came is kept")]
    Body,
    #[error("nothing has come for 60 seconds; what came is kept")]
    Silent,
    #[error("the upload is at another place")]
    Elsewhere(u64),
    #[error("another request is uploading that")]
    Busy,
    #[error("too many uploads at once")]
    TooMany,
    #[error("an attachment has at most {0} bytes")]
    TooLarge(u64),
    #[error("those bytes have another SHA-256")]
    Different,
    #[error("you have uploaded as much as you may")]
    Quota,
    #[error("there is no such attachment")]
    Missing,
    #[error("the server could not do that")]
    Fault,
}

impl IntoResponse for AttachmentError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Header(_) | Self::Body => StatusCode::BAD_REQUEST,
            Self::Silent => StatusCode::REQUEST_TIMEOUT,
            Self::Elsewhere(_) | Self::Busy => StatusCode::CONFLICT,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Different => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Quota => StatusCode::INSUFFICIENT_STORAGE,
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut headers = HeaderMap::new();
        if let Self::Elsewhere(offset) = self {
            headers.insert(OFFSET, HeaderValue::from(offset));
        }
        let detail = Json(json!({ "detail": self.to_string() }));
        (status, headers, detail).into_response()
    }
}

/// Logs what the server itself got wrong.
fn fault(error: impl std::fmt::Display) -> AttachmentError {
    tracing::error!(%error, "an attachment could not be handled");
    AttachmentError::Fault
}

/// Who asks, and for what.
async fn asked(
    app: &App,
    headers: &HeaderMap,
    id: &str,
) -> Result<(ProfileId, AttachmentId, Hash), AttachmentError> {
    let profile = profile_of(app, headers)
        .await
        .map_err(fault)?
        .ok_or(AttachmentError::Unauthorized)?;
    let id = AttachmentId::parse(id).map_err(|_| AttachmentError::Missing)?;
    let hash = hash(&id).map_err(fault)?;
    Ok((profile, id, hash))
}

/// How far an upload is.
fn progress(status: StatusCode, offset: u64, complete: bool) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(OFFSET, HeaderValue::from(offset));
    let complete = if complete { "?1" } else { "?0" };
    headers.insert(COMPLETE, HeaderValue::from_static(complete));
    (status, headers).into_response()
}
