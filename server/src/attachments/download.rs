//! `GET` and `HEAD`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tower_http::services::ServeFile;

use super::{AttachmentError, asked, fault, files, progress};
use crate::app::App;
use crate::db::attachments::{readable, unfinished};

/// `GET /v1/attachments/{id}`: the bytes, or a part of them.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, AttachmentError> {
    let (profile, _, hash) = asked(&app, request.headers(), &id).await?;
    app.db
        .ask(move |db| readable(db, profile, &hash))
        .await
        .map_err(fault)?
        .ok_or(AttachmentError::Missing)?;
    let mut file = ServeFile::new(files::place(&app.config.data, &hash));
    let response = file.try_call(request).await.map_err(fault)?;
    let mut response = response.map(Body::new);
    const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=31536000, immutable"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// `HEAD /v1/attachments/{id}`: how much is there.
pub(crate) async fn head(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, AttachmentError> {
    let (profile, _, hash) = asked(&app, &headers, &id).await?;
    let found = app.db.ask(move |db| {
        Ok((
            readable(db, profile, &hash)?,
            unfinished(db, profile, &hash)?,
        ))
    });
    match found.await.map_err(fault)? {
        (Some(bytes), _) => {
            let bytes = u64::try_from(bytes).unwrap_or(0);
            Ok(progress(StatusCode::OK, bytes, true))
        }
        (None, Some(_)) => {
            let part = files::part_place(&app.config.data, profile, &hash);
            let length = tokio::task::spawn_blocking(move || files::length(&part));
            let length = length.await.map_err(fault)?.map_err(fault)?;
            Ok(progress(StatusCode::OK, length, false))
        }
        (None, None) => Err(AttachmentError::Missing),
    }
}
