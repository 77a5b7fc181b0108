//! Pictures over HTTP.

use cooee_protocol::{PictureId, Token};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;

use crate::address::ServerAddress;
use crate::error::ActionError;

/// The largest picture that a server gives: what it accepts, and room to grow.
const MAX_PICTURE: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Uploaded {
    pp: PictureId,
}

#[derive(Deserialize)]
struct Refused {
    detail: String,
}

pub(crate) async fn upload(
    http: &Client,
    server: &ServerAddress,
    token: &Token,
    bytes: Vec<u8>,
) -> Result<PictureId, ActionError> {
    let request = http.put(server.pictures()).bearer_auth(token.expose());
    let response = request.body(bytes).send().await.map_err(failed)?;
    let response = accepted(response).await?;
    let uploaded: Uploaded = response.json().await.map_err(failed)?;
    Ok(uploaded.pp)
}

pub(crate) async fn download(
    http: &Client,
    server: &ServerAddress,
    token: &Token,
    id: &PictureId,
) -> Result<Vec<u8>, ActionError> {
    let url = format!("{}/{}", server.pictures(), id.as_str());
    let request = http.get(url).bearer_auth(token.expose());
    let mut response = accepted(request.send().await.map_err(failed)?).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_PICTURE {
            return Err(ActionError::Transfer("the picture is too large".to_owned()));
        }
    }
    Ok(bytes)
}

async fn accepted(response: Response) -> Result<Response, ActionError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let words = match (response.json::<Refused>().await, status) {
        (Ok(refused), _) => refused.detail,
        (Err(_), StatusCode::NOT_FOUND) => "there is no such picture".to_owned(),
        (Err(_), status) => format!("the server answered {status}"),
    };
    Err(ActionError::Transfer(words))
}

fn failed(error: reqwest::Error) -> ActionError {
    ActionError::Transfer(error.without_url().to_string())
}
