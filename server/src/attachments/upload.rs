//! `PUT` and `PATCH`: what arrives is kept, and compared with its SHA-256 when all is there.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use cooee_protocol::AttachmentId;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use super::{AttachmentError, LENGTH, OFFSET, asked, fault, files, progress};
use crate::app::App;
use crate::db::attachments::{self, Hash};
use crate::ids::ProfileId;

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(60);

/// What a request brings of an upload.
struct Upload {
    profile: ProfileId,
    id: AttachmentId,
    hash: Hash,
    /// Where it goes on; nothing for an upload that begins anew.
    offset: Option<u64>,
    /// How much there will be.
    total: u64,
}

/// `PUT /v1/attachments/{id}`: all of it.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, AttachmentError> {
    let (profile, id, hash) = asked(&app, request.headers(), &id).await?;
    let total = number(request.headers(), &header::CONTENT_LENGTH)?
        .ok_or(AttachmentError::Header("Content-Length is missing"))?;
    let upload = Upload {
        profile,
        id,
        hash,
        offset: None,
        total,
    };
    upload.take(&app, request.into_body()).await
}

/// `PATCH /v1/attachments/{id}`: some more of it.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, AttachmentError> {
    let (profile, id, hash) = asked(&app, request.headers(), &id).await?;
    let headers = request.headers();
    let offset =
        number(headers, &OFFSET)?.ok_or(AttachmentError::Header("Upload-Offset is missing"))?;
    let total =
        number(headers, &LENGTH)?.ok_or(AttachmentError::Header("Upload-Length is missing"))?;
    let brings = number(headers, &header::CONTENT_LENGTH)?.unwrap_or(0);
    if offset.saturating_add(brings) > total {
        return Err(AttachmentError::Header(
            "that is more than Upload-Length says",
        ));
    }
    let upload = Upload {
        profile,
        id,
        hash,
        offset: Some(offset),
        total,
    };
    upload.take(&app, request.into_body()).await
}

/// A header that is a number, if it is there.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, AttachmentError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or(AttachmentError::Header("a header is not a number"))
}

impl Upload {
    /// Takes what comes, in a task of its own: when the connection breaks the request is dropped
    /// in the middle of a write, and the next one must not find the file before that write has
    /// ended. So the turn is given back by whoever writes.
    async fn take(self, app: &Arc<App>, body: Body) -> Result<Response, AttachmentError> {
        let writing = {
            let app = Arc::clone(app);
            async move { self.take_all(&app, body).await }
        };
        app.tasks.spawn(writing).await.map_err(fault)?
    }

    async fn take_all(self, app: &App, body: Body) -> Result<Response, AttachmentError> {
        let most = app.config.attachment_limit;
        if self.total > most {
            return Err(AttachmentError::TooLarge(most));
        }
        let mut stream = Incoming {
            body: body.into_data_stream(),
            stopping: &app.stopping,
        };
        let (profile, hash) = (self.profile, self.hash);
        let turn = app.attachments.turn(profile, hash)?;
        let known = app.db.ask(move |db| {
            Ok((
                attachments::readable(db, profile, &hash)?,
                attachments::unfinished(db, profile, &hash)?,
            ))
        });
        let (readable, begun) = known.await.map_err(fault)?;
        if readable.is_some() {
            drop(turn);
            stream.drain().await?;
            return Ok(self.stored(StatusCode::OK));
        }
        let part = files::part_place(&app.config.data, profile, &hash);
        let place = part.clone();
        let length = tokio::task::spawn_blocking(move || files::length(&place));
        let length = match begun {
            // Nothing is noted: what may lie there is none of this upload.
            None => 0,
            Some(_) => length.await.map_err(fault)?.map_err(fault)?,
        };
        if let Some(offset) = self.offset
            && offset != length
        {
            return Err(AttachmentError::Elsewhere(length));
        }
        let total = i64::try_from(self.total).map_err(|_| AttachmentError::TooLarge(most))?;
        if length > 0 && self.offset.is_some() && begun != Some(total) {
            return Err(AttachmentError::Header(
                "Upload-Length is another than before",
            ));
        }
        let quota = i64::try_from(app.config.attachment_quota).unwrap_or(i64::MAX);
        let room = app
            .db
            .ask(move |db| attachments::begin(db, profile, &hash, total, quota))
            .await
            .map_err(fault)?;
        if !room {
            return Err(AttachmentError::Quota);
        }
        let anew = self.offset.is_none() || begun.is_none();
        let place = part.clone();
        let opened = tokio::task::spawn_blocking(move || files::open(&place, anew));
        let (file, length) = opened.await.map_err(fault)?.map_err(fault)?;
        let length = write(File::from_std(file), &mut stream, length, self.total).await?;
        if length < self.total {
            return Ok(progress(StatusCode::NO_CONTENT, length, false));
        }
        self.finish(app, part, total).await
    }

    /// All is there: compares it, and brings it to its place.
    async fn finish(
        &self,
        app: &App,
        part: std::path::PathBuf,
        total: i64,
    ) -> Result<Response, AttachmentError> {
        let (profile, hash) = (self.profile, self.hash);
        let place = part.clone();
        let right = tokio::task::spawn_blocking(move || files::verify(&place, &hash));
        if !right.await.map_err(fault)?.map_err(fault)? {
            app.db
                .ask(move |db| attachments::forget(db, profile, &hash))
                .await
                .map_err(fault)?;
            let removed = tokio::task::spawn_blocking(move || files::remove(&part));
            removed.await.map_err(fault)?.map_err(fault)?;
            return Err(AttachmentError::Different);
        }
        let _files = app.attachments.files.lock().await;
        let place = files::place(&app.config.data, &hash);
        let placed = tokio::task::spawn_blocking(move || files::finish(&part, &place));
        placed.await.map_err(fault)?.map_err(fault)?;
        app.db
            .ask(move |db| attachments::finish(db, profile, &hash, total))
            .await
            .map_err(fault)?;
        Ok(self.stored(StatusCode::CREATED))
    }

    /// The answer when all is there.
    fn stored(&self, status: StatusCode) -> Response {
        let mut response = progress(status, self.total, true);
        let body = Json(json!({ "id": self.id.as_str() })).into_response();
        let headers = body.headers().clone();
        *response.body_mut() = body.into_body();
        response.headers_mut().extend(headers);
        response
    }
}

/// What comes of a request's body.
struct Incoming<'a> {
    body: BodyDataStream,
    stopping: &'a CancellationToken,
}

impl Incoming<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, AttachmentError> {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, self.body.next()) => next,
            () = self.stopping.cancelled() => return Err(AttachmentError::Body),
        };
        match next {
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(_))) => Err(AttachmentError::Body),
            Ok(None) => Ok(None),
            Err(_) => Err(AttachmentError::Silent),
        }
    }

    /// Reads what nobody needs: a client that is answered while it still sends may never see the
    /// answer.
    async fn drain(&mut self) -> Result<(), AttachmentError> {
        while let Some(piece) = self.next().await? {
            drop(piece);
        }
        Ok(())
    }
}

/// Writes what arrives behind what is there; says how much is there now. What came before a break
/// is kept.
async fn write(
    mut file: File,
    stream: &mut Incoming<'_>,
    mut length: u64,
    total: u64,
) -> Result<u64, AttachmentError> {
    let ended = loop {
        match stream.next().await {
            Ok(Some(piece)) => {
                let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                if bytes > total.saturating_sub(length) {
                    break Err(AttachmentError::Header("that is more than was announced"));
                }
                file.write_all(&piece).await.map_err(fault)?;
                length += bytes;
            }
            Ok(None) => break Ok(length),
            Err(error) => break Err(error),
        }
    };
    file.flush().await.map_err(fault)?;
    ended
}
