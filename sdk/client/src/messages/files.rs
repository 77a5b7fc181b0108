//! What is attached to messages: kept by its SHA-256 on this device, uploaded from there and
//! downloaded to there, in pieces that go on where a break has left them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooee_core::conversations::UploadError;
use cooee_protocol::{
    AttachmentId, Attachments, Content, ContentType, MAX_ATTACHMENTS, MAX_TEXT_CHARS, NotSent,
    Token,
};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};

use super::thumbnail;
use super::types::{FileInfo, Files, MessageError, MessageEvent, NewMessage};
use crate::Client;
use crate::event::Event;
use crate::shared::Shared;

/// The folder of attachments in the data folder.
const FOLDER: &str = "files";
/// Bytes that are sent in one request, and held in memory.
const PIECE: usize = 1024 * 1024;
/// Bytes of a download after which it is told how far it has come.
const STEP: u64 = 256 * 1024;
/// The largest file that is taken from a server.
const MAX_DOWNLOAD: u64 = 1024 * 1024 * 1024;
/// Requests that one upload may take without getting further.
const MAX_STALLS: u32 = 5;

impl Client {
    /// Where a file of a message is on this device, if it was sent from here or fetched.
    pub fn attachment(&self, id: &AttachmentId) -> Option<PathBuf> {
        let path = path(&self.shared, id);
        path.is_file().then_some(path)
    }

    /// Fetches a file of a message, unless it is here already, and says where it is. What a break
    /// has left is gone on with. [`MessageEvent::Transfer`] tells how far it has come.
    ///
    /// # Errors
    ///
    /// [`MessageError::Offline`], [`MessageError::Transfer`], [`MessageError::File`].
    pub async fn fetch_attachment(&self, id: &AttachmentId) -> Result<PathBuf, MessageError> {
        self.fetch_attachment_within(id, MAX_DOWNLOAD).await
    }

    /// The same for a file of at most `most` bytes: for what is fetched because it is in sight and
    /// not because somebody asked for it. A larger one is refused before it is fetched where the
    /// server says how large it is, and broken off where it does not.
    ///
    /// # Errors
    ///
    /// As [`fetch_attachment`](Self::fetch_attachment); [`MessageError::Transfer`] for a larger one.
    pub async fn fetch_attachment_within(
        &self,
        id: &AttachmentId,
        most: u64,
    ) -> Result<PathBuf, MessageError> {
        // One after the other: two of the same file would write over each other.
        let _turn = self.shared.transfers.lock().await;
        if let Some(path) = self.attachment(id) {
            let size = fs::metadata(&path).map_err(|error| file_error(&path, error))?;
            return if size.len() > most {
                Err(too_large())
            } else {
                Ok(path)
            };
        }
        let token = self.shared.token().ok_or(MessageError::Offline)?;
        download(
            &self.shared,
            &self.http(),
            &token,
            id,
            most.min(MAX_DOWNLOAD),
        )
        .await
    }

    /// The content of a new message, with its files put where they are uploaded from.
    pub(super) async fn content(
        &self,
        new: &NewMessage,
    ) -> Result<(Content, Attachments), MessageError> {
        if new.files.is_empty() {
            return Ok((Content::text(new.text.clone()), Attachments::default()));
        }
        if new.text.chars().nth(MAX_TEXT_CHARS).is_some() || new.files.len() > MAX_ATTACHMENTS {
            return Err(MessageError::Invalid(NotSent::TooLong));
        }
        let (shared, paths) = (Arc::clone(&self.shared), new.files.clone());
        let files = tokio::task::spawn_blocking(move || take_in(&shared, &paths));
        let files = files.await.map_err(|_| MessageError::Closed)??;
        let ids = files
            .iter()
            .flat_map(|file| std::iter::once(&file.id).chain(&file.thumbnail));
        // The same file twice is the same attachment.
        let mut distinct: Vec<AttachmentId> = Vec::new();
        for id in ids {
            if !distinct.contains(id) {
                distinct.push(id.clone());
            }
        }
        let attachments =
            Attachments::new(distinct).map_err(|_| MessageError::Invalid(NotSent::TooLong))?;
        let text = new.text.clone();
        let body = serde_json::to_string(&Files { text, files })
            .map_err(|error| MessageError::NotKept(error.to_string()))?;
        let content_type = ContentType::parse(ContentType::FILES)
            .map_err(|error| MessageError::NotKept(error.to_string()))?;
        Ok((Content { content_type, body }, attachments))
    }
}

/// Puts files into the folder; with thumbnails of those that are pictures. Blocks.
fn take_in(shared: &Shared, paths: &[PathBuf]) -> Result<Vec<FileInfo>, MessageError> {
    paths
        .iter()
        .map(|source| {
            let failed = |error| file_error(source, error);
            let mut file = File::open(source).map_err(failed)?;
            if !file.metadata().map_err(failed)?.is_file() {
                return Err(failed(io::Error::other("not a file")));
            }
            let (id, size) = keep(shared, &mut file)?;
            let name = source.file_name().map_or_else(
                || "file".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            );
            let mut info = FileInfo {
                media_type: media_type(&name).to_owned(),
                id,
                name,
                size,
                width: None,
                height: None,
                thumbnail: None,
            };
            if let Some(picture) = thumbnail::of(&path(shared, &info.id)) {
                info.media_type = picture.media_type.to_owned();
                info.width = Some(picture.width);
                info.height = Some(picture.height);
                if let Some(bytes) = picture.smaller {
                    info.thumbnail = Some(keep(shared, &mut bytes.as_slice())?.0);
                }
            }
            Ok(info)
        })
        .collect()
}

/// Writes bytes into the folder under their SHA-256, whole or not at all.
fn keep(shared: &Shared, from: &mut impl io::Read) -> Result<(AttachmentId, u64), MessageError> {
    let folder = folder(shared)?;
    let partial = folder.join(format!("{}.new", uuid::Uuid::now_v7()));
    let kept = keep_as(&partial, from).and_then(|(id, size)| {
        fs::rename(&partial, folder.join(id.as_str()))?;
        Ok((id, size))
    });
    kept.map_err(|error| {
        let _ = fs::remove_file(&partial);
        file_error(&partial, error)
    })
}

fn keep_as(partial: &Path, from: &mut impl io::Read) -> io::Result<(AttachmentId, u64)> {
    let mut file = private().create_new(true).open(partial)?;
    let mut hash = Sha256::new();
    let mut size = 0_u64;
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece)?;
        let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hash.update(bytes);
        file.write_all(bytes)?;
        size = size.saturating_add(bytes.len() as u64);
    }
    // What waits to be sent must be there after a loss of power as well.
    file.sync_all()?;
    Ok((id_of(hash)?, size))
}

fn id_of(hash: Sha256) -> io::Result<AttachmentId> {
    let digits: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    AttachmentId::parse(&digits).map_err(io::Error::other)
}

/// Brings what is attached to a draft to the server.
pub(crate) async fn upload(
    shared: Arc<Shared>,
    http: reqwest::Client,
    ids: Vec<AttachmentId>,
) -> Result<(), UploadError> {
    for id in &ids {
        let token = shared.token().ok_or(UploadError::Later)?;
        upload_one(&shared, &http, &token, id).await?;
    }
    Ok(())
}

async fn upload_one(
    shared: &Shared,
    http: &reqwest::Client,
    token: &Token,
    id: &AttachmentId,
) -> Result<(), UploadError> {
    let never = |why: &str| UploadError::Never(why.to_owned());
    let path = path(shared, id);
    let size = fs::metadata(&path)
        .map_err(|_| never("no_attachment"))?
        .len();
    let url = format!("{}/{id}", shared.server.attachments());
    let mut stalls = 0;
    let mut offset = match asked(http, token, &url).await? {
        Some(Asked::Complete) => return Ok(()),
        Some(Asked::Offset(offset)) => offset,
        None => 0,
    };
    loop {
        progress(shared, id, true, offset, size);
        let (from, at) = (path.clone(), offset);
        let piece = tokio::task::spawn_blocking(move || read_piece(&from, at)).await;
        let piece = piece
            .map_err(|_| UploadError::Later)?
            .map_err(|_| never("no_attachment"))?;
        let count = piece.len() as u64;
        let request = http
            .request(Method::PATCH, &url)
            .bearer_auth(token.expose())
            .header("Upload-Offset", offset)
            .header("Upload-Length", size)
            .body(piece);
        let response = request.send().await.map_err(|_| UploadError::Later)?;
        match response.status() {
            StatusCode::OK | StatusCode::CREATED => {
                progress(shared, id, true, size, size);
                return Ok(());
            }
            StatusCode::NO_CONTENT => {
                offset = offset.saturating_add(count);
                stalls = 0;
            }
            StatusCode::CONFLICT => {
                stalls += 1;
                if stalls > MAX_STALLS {
                    return Err(UploadError::Later);
                }
                match asked(http, token, &url).await? {
                    Some(Asked::Complete) => return Ok(()),
                    Some(Asked::Offset(there)) => offset = there.min(size),
                    None => offset = 0,
                }
            }
            StatusCode::PAYLOAD_TOO_LARGE => return Err(never("too_large")),
            StatusCode::INSUFFICIENT_STORAGE => return Err(never("no_space")),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND => {
                return Err(never("no_attachment"));
            }
            _ => return Err(UploadError::Later),
        }
    }
}

enum Asked {
    Complete,
    Offset(u64),
}

/// How much of an upload has arrived; `None` for nothing.
async fn asked(
    http: &reqwest::Client,
    token: &Token,
    url: &str,
) -> Result<Option<Asked>, UploadError> {
    let request = http.head(url).bearer_auth(token.expose());
    let response = request.send().await.map_err(|_| UploadError::Later)?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => {
            let header = |name: &str| response.headers().get(name)?.to_str().ok();
            // An attachment that is complete may say nothing of an upload.
            match header("Upload-Complete") {
                Some("?0") => {
                    let offset = header("Upload-Offset").and_then(|text| text.parse().ok());
                    Ok(offset.map(Asked::Offset))
                }
                Some(_) | None => Ok(Some(Asked::Complete)),
            }
        }
        _ => Err(UploadError::Later),
    }
}

fn read_piece(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::new();
    file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

async fn download(
    shared: &Shared,
    http: &reqwest::Client,
    token: &Token,
    id: &AttachmentId,
    most: u64,
) -> Result<PathBuf, MessageError> {
    let partial = folder(shared)?.join(format!("{id}.part"));
    let failed = |error| file_error(&partial, error);
    let mut file = private()
        .create(true)
        .truncate(false)
        .open(&partial)
        .map_err(failed)?;
    let mut done = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let url = format!("{}/{id}", shared.server.attachments());
    let mut request = http.get(url).bearer_auth(token.expose());
    if done > 0 {
        request = request.header("Range", format!("bytes={done}-"));
    }
    let response = request.send().await.map_err(not_transferred)?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {}
        StatusCode::OK => {
            file.set_len(0).map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            done = 0;
        }
        // All of it is there, or more than there is.
        StatusCode::RANGE_NOT_SATISFIABLE => return finish(shared, id, &partial).await,
        status => return Err(refused(response, status).await),
    }
    let total = done.saturating_add(response.content_length().unwrap_or(0));
    if total > most {
        return Err(too_large());
    }
    let mut response = response;
    let mut told = done;
    while let Some(piece) = response.chunk().await.map_err(not_transferred)? {
        done = done.saturating_add(piece.len() as u64);
        if done > most {
            return Err(too_large());
        }
        file = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file))
            .await
            .map_err(|_| MessageError::Closed)?
            .map_err(failed)?;
        // Pieces of the network's are small: told each, they would crowd out other events.
        if done == total || done.saturating_sub(told) >= STEP {
            told = done;
            progress(shared, id, false, done, total);
        }
    }
    drop(file);
    finish(shared, id, &partial).await
}

/// Compares the bytes with the id; what is something else is thrown away.
async fn finish(
    shared: &Shared,
    id: &AttachmentId,
    partial: &Path,
) -> Result<PathBuf, MessageError> {
    let from = partial.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        io::copy(&mut File::open(from)?, &mut HashWriter(&mut hash))?;
        id_of(hash)
    });
    let hashed = hashed.await.map_err(|_| MessageError::Closed)?;
    if hashed.map_err(|error| file_error(partial, error))? != *id {
        let _ = fs::remove_file(partial);
        let words = "the server gave other bytes than those that were asked for";
        return Err(MessageError::Transfer(words.to_owned()));
    }
    let whole = path(shared, id);
    fs::rename(partial, &whole).map_err(|error| file_error(&whole, error))?;
    Ok(whole)
}

fn too_large() -> MessageError {
    MessageError::Transfer("the file is too large".to_owned())
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn refused(response: Response, status: StatusCode) -> MessageError {
    drop(response);
    MessageError::Transfer(match status {
        StatusCode::NOT_FOUND => "there is no such file, or not for you".to_owned(),
        status => format!("the server answered {status}"),
    })
}

fn not_transferred(error: reqwest::Error) -> MessageError {
    MessageError::Transfer(error.without_url().to_string())
}

fn progress(shared: &Shared, id: &AttachmentId, upload: bool, done: u64, total: u64) {
    shared.emit(Event::Messages(MessageEvent::Transfer {
        id: id.clone(),
        upload,
        done,
        total,
    }));
}

fn path(shared: &Shared, id: &AttachmentId) -> PathBuf {
    shared.data.join(FOLDER).join(id.as_str())
}

pub(super) fn folder(shared: &Shared) -> Result<PathBuf, MessageError> {
    let folder = shared.data.join(FOLDER);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
        .create(&folder)
        .map_err(|error| file_error(&folder, error))?;
    Ok(folder)
}

/// Files that only their owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

pub(super) fn file_error(path: &Path, source: io::Error) -> MessageError {
    MessageError::File {
        path: path.to_owned(),
        source,
    }
}

/// What a file most likely is, by its name.
fn media_type(name: &str) -> &'static str {
    let extension = Path::new(name).extension().and_then(|end| end.to_str());
    match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
        "txt" | "md" | "log" => "text/plain",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "wav" => "audio/wav",
        "ogg" | "opus" => "audio/ogg",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}
