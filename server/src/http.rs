//! What the server answers over HTTP, and where WebSockets begin.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use cooee_protocol::{RESUMING, Token};

use crate::app::App;
use crate::connection::{self, MOST_READ};
use crate::db::{JobError, tokens};
use crate::ids::{ProfileId, TokenHash};
use crate::limits::address_key;
use crate::{attachments, pictures};

/// The subprotocol that a client may offer.
const SUBPROTOCOL: &str = "cooee.v1";

/// The read buffer of a WebSocket: small, since most connections are idle.
const READ_BUFFER: usize = 1024;

/// How many bytes of frames go to the socket together.
const WRITE_TOGETHER: usize = 16 * 1024;

/// The most that waits in a WebSocket itself to be written.
const WRITE_BUFFER: usize = 4 << 20;

/// How long the database may take to answer `/healthz`.
const HEALTHY_WITHIN: Duration = Duration::from_secs(5);

/// Every route of the server.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/ws", get(websocket))
        .route("/healthz", get(health))
        .route("/v1/pictures", put(pictures::upload))
        .route("/v1/pictures/{pp}", get(pictures::download))
        .route(
            "/v1/attachments/{id}",
            get(attachments::download)
                .head(attachments::head)
                .put(attachments::put)
                .patch(attachments::patch),
        )
        .layer(DefaultBodyLimit::max(pictures::MOST_BYTES))
        .with_state(app)
}

/// Whose token the request carries, if it is one.
pub(crate) async fn profile_of(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<ProfileId>, JobError> {
    match token_of(headers) {
        Some(token) => {
            let hash = TokenHash::of(&token);
            app.db.ask(move |db| tokens::resume(db, hash)).await
        }
        None => Ok(None),
    }
}

/// The token that a request carries, if it is one.
fn token_of(headers: &HeaderMap) -> Option<Token> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Token::parse(token.trim()).ok()
}

async fn websocket(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if app.stopping.is_cancelled() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let address = address_key(peer.ip());
    let task = app.tasks.token();
    let resumes = token_of(&headers);
    let resuming = resumes.is_some();
    let mut response = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_TOGETHER)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(MOST_READ)
        .max_frame_size(MOST_READ)
        .on_upgrade(move |socket| async move {
            connection::serve(socket, app, address, resumes).await;
            drop(task);
        });
    if resuming {
        let headers = response.headers_mut();
        headers.insert(RESUMING, HeaderValue::from_static("0"));
    }
    response
}

/// Answers 200 when the database does.
async fn health(State(app): State<Arc<App>>) -> Response {
    let asked = app.db.ask(|db| {
        let one: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(one)
    });
    match tokio::time::timeout(HEALTHY_WITHIN, asked).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n").into_response(),
        Ok(Err(_)) | Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the database fails\n").into_response()
        }
    }
}
