//! Pictures of profiles: `PUT /v1/pictures` and `GET /v1/pictures/{pp}`.
//!
//! A picture is a file named by the SHA-256 of its bytes. It is written beside its place, synced
//! and renamed, and only then noted in the database.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Path as UrlPath, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cooee_protocol::PictureId;
use imagesize::ImageType;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::db::pictures;
use crate::http::profile_of;
use crate::ids::ProfileId;

/// The largest picture, in bytes.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// The largest width and height, in pixels.
const MOST_PIXELS: usize = 2048;

/// How long a picture may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// Pictures that arrive at once; more wait.
pub(crate) const BODIES_AT_ONCE: usize = 32;

/// Why a picture was neither stored nor given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("a session token is needed: Authorization: Bearer …")]
    Unauthorized,
    #[error("a picture has at most 1048576 bytes")]
    TooLarge,
    #[error("a picture has at most 2048 x 2048 pixels")]
    TooManyPixels,
    #[error("a picture is PNG, JPEG or WebP")]
    NotAPicture,
    #[error("the body did not arrive")]
    Body,
    #[error("you have uploaded as much as you may")]
    Quota,
    #[error("there is no such picture")]
    Missing,
    #[error("the server could not store that")]
    Fault,
}

impl IntoResponse for PictureError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::TooLarge | Self::TooManyPixels => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body => StatusCode::BAD_REQUEST,
            Self::Quota => StatusCode::INSUFFICIENT_STORAGE,
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "detail": self.to_string() }))).into_response()
    }
}

/// What a picture is by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Webp,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// Whose token the request carries.
async fn authorize(app: &App, headers: &HeaderMap) -> Result<ProfileId, PictureError> {
    profile_of(app, headers)
        .await
        .map_err(|_| PictureError::Fault)?
        .ok_or(PictureError::Unauthorized)
}

/// `PUT /v1/pictures`: 201 for a new picture, 200 for one that the server has.
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, PictureError> {
    // Who it is first: nobody else's bytes are taken into memory.
    let profile = authorize(&app, request.headers()).await?;
    let _turn = app
        .upload_bodies
        .acquire()
        .await
        .map_err(|_| PictureError::Fault)?;
    let body = tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, &app))
        .await
        .map_err(|_| PictureError::Body)?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => PictureError::TooLarge,
        _ => PictureError::Body,
    })?;
    let format = inspect(&body)?;
    let picture = identify(&body)?;
    let bytes = i64::try_from(body.len()).map_err(|_| PictureError::TooLarge)?;
    let id = picture.clone();
    let quota = i64::try_from(app.config.picture_quota).unwrap_or(i64::MAX);
    let one_at_a_time = app.uploads.lock().await;
    let before = app
        .db
        .ask(move |db| pictures::uploaded(db, profile, &id))
        .await
        .map_err(|_| PictureError::Fault)?;
    if before.saturating_add(bytes) > quota {
        return Err(PictureError::Quota);
    }
    let place = place(&app.config.data, &picture);
    tokio::task::spawn_blocking(move || store(&place, &body))
        .await
        .map_err(|_| PictureError::Fault)?
        .map_err(|error| {
            tracing::error!(%error, "a picture could not be stored");
            PictureError::Fault
        })?;
    let id = picture.clone();
    let new = app
        .db
        .ask(move |db| pictures::add(db, profile, &id, format.media_type(), bytes))
        .await
        .map_err(|_| PictureError::Fault)?;
    drop(one_at_a_time);
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(json!({ "pp": picture.as_str() }))).into_response())
}

/// `GET /v1/pictures/{pp}`.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    UrlPath(id): UrlPath<String>,
    headers: HeaderMap,
) -> Result<Response, PictureError> {
    authorize(&app, &headers).await?;
    let picture = PictureId::parse(&id)
        .filter(|picture| !picture.is_none())
        .ok_or(PictureError::Missing)?;
    let place = place(&app.config.data, &picture);
    let media_type = app
        .db
        .ask(move |db| pictures::media_type(db, &picture))
        .await
        .map_err(|_| PictureError::Fault)?
        .ok_or(PictureError::Missing)?;
    let bytes = tokio::task::spawn_blocking(move || fs::read(place))
        .await
        .map_err(|_| PictureError::Fault)?
        .map_err(|error| {
            tracing::error!(%error, "a picture could not be read");
            PictureError::Fault
        })?;
    const IMMUTABLE: &str = "private, max-age=31536000, immutable";
    let headers: [(HeaderName, String); 4] = [
        (header::CONTENT_TYPE, media_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, IMMUTABLE.to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'".to_owned(),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// Recognises a picture by its content and checks its size.
fn inspect(bytes: &[u8]) -> Result<Format, PictureError> {
    if bytes.len() > MOST_BYTES {
        return Err(PictureError::TooLarge);
    }
    // The parser has met hostile headers before, but a panic in it must stay a refusal.
    let inspected = std::panic::catch_unwind(|| {
        Some((
            imagesize::image_type(bytes).ok()?,
            imagesize::blob_size(bytes).ok()?,
        ))
    });
    let Ok(Some((kind, size))) = inspected else {
        return Err(PictureError::NotAPicture);
    };
    let format = match kind {
        ImageType::Png => Format::Png,
        ImageType::Jpeg => Format::Jpeg,
        ImageType::Webp => Format::Webp,
        _ => return Err(PictureError::NotAPicture),
    };
    if size.width == 0 || size.height == 0 {
        return Err(PictureError::NotAPicture);
    }
    if size.width > MOST_PIXELS || size.height > MOST_PIXELS {
        return Err(PictureError::TooManyPixels);
    }
    Ok(format)
}

fn identify(bytes: &[u8]) -> Result<PictureId, PictureError> {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").map_err(|_| PictureError::Fault)?;
    }
    PictureId::parse(&hex).ok_or(PictureError::Fault)
}

/// Removes a picture's file.
pub(crate) async fn remove(data: &Path, picture: &PictureId) {
    let place = place(data, picture);
    let removed = tokio::task::spawn_blocking(move || fs::remove_file(place)).await;
    if let Ok(Err(error)) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a picture could not be removed");
    }
}

fn place(data: &Path, picture: &PictureId) -> PathBuf {
    data.join("pictures").join(picture.as_str())
}

/// Writes the file so that it is there whole or not at all, also after a crash.
fn store(place: &Path, bytes: &[u8]) -> io::Result<()> {
    if place.exists() {
        return Ok(());
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    if !folder.exists() {
        fs::create_dir_all(folder)?;
        if let Some(above) = folder.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    let unfinished = place.with_extension("part");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, place)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn content_decides() {
        assert!(matches!(inspect(&png(16, 16)), Ok(Format::Png)));
        assert!(matches!(
            inspect(&png(2049, 1)),
            Err(PictureError::TooManyPixels)
        ));
        assert!(matches!(
            inspect(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            Err(PictureError::NotAPicture)
        ));
        assert!(matches!(
            inspect(b"GIF89a\x01\0\x01\0\x80\0\0"),
            Err(PictureError::NotAPicture)
        ));
        assert!(matches!(inspect(b""), Err(PictureError::NotAPicture)));
        assert!(matches!(
            inspect(&vec![0; MOST_BYTES + 1]),
            Err(PictureError::TooLarge)
        ));
    }

    proptest::proptest! {
        #[test]
        fn inspection_never_panics(tail in proptest::collection::vec(0u8..=255, 0..64)) {
            for head in [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8", b""] {
                let mut bytes = head.to_vec();
                bytes.extend(&tail);
                let _any = inspect(&bytes);
            }
        }
    }
}
