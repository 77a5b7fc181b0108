//! Pictures for the page: those of profiles at `media://localhost/picture/ACCOUNT/ID`, those in
//! conversations at `media://localhost/file/ACCOUNT/ID`.
//!
//! The page never learns an address of the server, and loads nothing from elsewhere. A picture
//! comes from the account's folder or through the SDK, which keeps it there; what is in a
//! conversation was compared with the SHA-256 that is its id. It is bounded in size, and given out
//! only as one of three kinds of picture, recognised by its content, with `nosniff`: what a server
//! or a person passes off as a picture never becomes a page, a script or an SVG.

use std::path::{Path, PathBuf};

use cooee_sdk::{AttachmentId, Client, PictureId};
use tauri::http::{Method, Request, Response, StatusCode, header};

use crate::error::{Answer, AppError, ErrorCode};
use crate::files;
use crate::model::account::AccountId;
use crate::shell::Shell;

/// The scheme.
pub(crate) const SCHEME: &str = "media";

/// What the paths go behind. Windows and Android have no schemes of one's own.
#[cfg(not(any(windows, target_os = "android")))]
pub(crate) const ROOT: &str = "media://localhost";
/// What the paths go behind. Windows and Android have no schemes of one's own.
#[cfg(any(windows, target_os = "android"))]
pub(crate) const ROOT: &str = "http://media.localhost";

/// The largest picture of a profile that is given out, in bytes.
const MAX_PICTURE: u64 = 4 * 1024 * 1024;

/// The largest picture in a conversation that is fetched to be shown, in bytes. A larger one can be
/// saved as a file.
const MAX_SHOWN: u64 = 16 * 1024 * 1024;

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Png,
    Jpeg,
    WebP,
}

impl Kind {
    /// What the bytes begin like.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else {
            None
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// How the name of such a file ends.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }
}

/// What a path asks for.
#[derive(Debug, PartialEq)]
struct Asked {
    account: AccountId,
    what: What,
}

#[derive(Debug, PartialEq)]
enum What {
    /// A profile's picture.
    Picture(PictureId),
    /// A picture in a conversation.
    File(AttachmentId),
}

/// Answers the page.
pub(crate) async fn respond(shell: &Shell, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if request.method() != Method::GET {
        return refuse(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Some(asked) = asked(request.uri().path()) else {
        return refuse(StatusCode::NOT_FOUND);
    };
    let given = match &asked.what {
        What::Picture(id) => picture(shell, &asked.account, id).await,
        What::File(id) => file(shell, &asked.account, id).await,
    };
    match given {
        Ok(bytes) => give(bytes),
        Err(problem) => {
            tracing::debug!(%problem, "no picture");
            refuse(StatusCode::NOT_FOUND)
        }
    }
}

/// Where an account's pictures of profiles are kept.
pub(crate) fn folder(account: &Path) -> PathBuf {
    account.join("media")
}

fn asked(path: &str) -> Option<Asked> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let (kind, Some(account), Some(id), None) =
        (parts.next()?, parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let account = AccountId(account.to_owned());
    let what = match kind {
        "picture" => What::Picture(PictureId::parse(id).filter(|id| !id.is_none())?),
        "file" => What::File(AttachmentId::parse(id).ok()?),
        _ => return None,
    };
    account.is_sound().then_some(Asked { account, what })
}

/// A picture in a conversation, as the SDK keeps it: its path is made of the id, which is 64
/// hexadecimal digits.
async fn file(shell: &Shell, account: &AccountId, id: &AttachmentId) -> Answer<Vec<u8>> {
    let client = shell.client(account)?;
    let path = client.fetch_attachment_within(id, MAX_SHOWN).await?;
    let bytes = tokio::fs::read(path).await;
    bytes.map_err(|error| AppError::new(ErrorCode::NoAttachment, error))
}

async fn picture(shell: &Shell, account: &AccountId, id: &PictureId) -> Answer<Vec<u8>> {
    let client = shell.client(account)?;
    let folder = folder(&account.folder(&shell.data));
    let file = folder.join(id.as_str());
    if let Ok(metadata) = tokio::fs::metadata(&file).await
        && metadata.len() <= MAX_PICTURE
        && let Ok(bytes) = tokio::fs::read(&file).await
    {
        return Ok(bytes);
    }
    let bytes = fetch(&client, id).await?;
    // A picture that cannot be kept is fetched again the next time.
    let kept = bytes.clone();
    let _ = tauri::async_runtime::spawn_blocking(move || {
        files::make_private_folder(&folder)?;
        let partial = file.with_extension("partial");
        std::fs::write(&partial, kept)?;
        std::fs::rename(partial, file)
    })
    .await;
    Ok(bytes)
}

async fn fetch(client: &Client, id: &PictureId) -> Answer<Vec<u8>> {
    let bytes = client.picture(id).await?;
    if bytes.len() as u64 > MAX_PICTURE {
        return Err(ErrorCode::PictureTooLarge.into());
    }
    if Kind::of(&bytes).is_none() {
        return Err(ErrorCode::PictureInvalid.into());
    }
    Ok(bytes)
}

fn give(bytes: Vec<u8>) -> Response<Vec<u8>> {
    let Some(kind) = Kind::of(&bytes) else {
        return refuse(StatusCode::NOT_FOUND);
    };
    let response = Response::builder()
        .header(header::CONTENT_TYPE, kind.media_type())
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        )
        // The bytes behind an id never change.
        .header(
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        )
        .body(bytes);
    response.unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR))
}

fn refuse(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::{Kind, asked, give};
    use tauri::http::StatusCode;

    #[test]
    fn paths_lead_nowhere_but_to_pictures() {
        let (account, id) = ("0123456789abcdef", "ab".repeat(32));
        for kind in ["picture", "file"] {
            assert!(asked(&format!("/{kind}/{account}/{id}")).is_some());
            for path in [
                format!("/{kind}/{account}/"),
                format!("/{kind}/{account}/{id}/x"),
                format!("/{kind}/{account}/{id}.part"),
                format!("/{kind}/{account}/../../accounts.json"),
                format!("/{kind}/../{id}"),
                format!("/{kind}/{account}/%2e%2e%2f{id}"),
                format!("/{kind}/{account}/{}", "..".repeat(32)),
                format!("//{kind}/{account}/{id}"),
            ] {
                assert_eq!(asked(&path), None, "{path}");
            }
        }
        for path in [
            String::new(),
            "/".to_owned(),
            format!("/log/{account}/{id}"),
        ] {
            assert_eq!(asked(&path), None, "{path}");
        }
    }

    #[test]
    fn nothing_but_pictures_is_given_out() {
        for hostile in [
            &b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"[..],
            b"<!doctype html><script>alert(1)</script>",
            b"GIF89a",
            b"RIFF0000WAVE",
            b"",
        ] {
            assert_eq!(Kind::of(hostile), None);
            assert_eq!(give(hostile.to_vec()).status(), StatusCode::NOT_FOUND);
        }
        // A picture that is a page, too, is still a picture.
        let polyglot = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>".to_vec();
        let given = give(polyglot);
        assert_eq!(given.headers()["content-type"], "image/png");
        assert_eq!(given.headers()["x-content-type-options"], "nosniff");
    }
}
