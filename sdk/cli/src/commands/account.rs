//! Registering, signing in and out, and the own profile.

use cooee_sdk::{ActionError, AmendProfile, Client, Me, PictureId, SignInError};

use crate::args::{Global, ProfileChanges};
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::report::Report;
use crate::session;

/// What a picture may have at most on the server, so that more is not even read.
const MAX_PICTURE: u64 = 1 << 20;

pub(crate) async fn register(global: &Global, console: &Console, pseudo: &str) -> Outcome {
    let name = session::name(pseudo)?;
    let client = session::client(global).await?;
    let password = session::new_password("COOEE_PASSWORD")?;
    let me = client.register(name, password).await?;
    tell(console, &client, me, true);
    client.close().await;
    Ok(())
}

pub(crate) async fn login(global: &Global, console: &Console, pseudo: &str) -> Outcome {
    let name = session::name(pseudo)?;
    let client = session::client(global).await?;
    let password = session::password(&name)?;
    let me = client.login(name, password).await?;
    tell(console, &client, me, true);
    client.close().await;
    Ok(())
}

pub(crate) async fn logout(global: &Global, console: &Console) -> Outcome {
    let client = session::client(global).await?;
    match client.resume().await {
        // A session that the server has ended is only forgotten here, and that is a logout too.
        Ok(_)
        | Err(
            SignInError::Unreachable(_) | SignInError::Certificate(_) | SignInError::Refused(_),
        ) => {}
        Err(error) => return Err(error.into()),
    }
    match client.logout().await {
        Ok(()) => {}
        Err(ActionError::Offline | ActionError::Interrupted) => console.note(
            "not connected: the session is forgotten here; the server keeps it until it expires",
        ),
        Err(error) => return Err(error.into()),
    }
    console.tell(&Report::SignedOut);
    client.close().await;
    Ok(())
}

pub(crate) async fn whoami(global: &Global, console: &Console) -> Outcome {
    let (client, online) = session::online_or_not(global, console).await?;
    show(console, &client, online)?;
    client.close().await;
    Ok(())
}

pub(crate) async fn profile(global: &Global, console: &Console, wish: ProfileChanges) -> Outcome {
    if wish.is_empty() {
        return whoami(global, console).await;
    }
    let pseudo = wish.pseudo.as_deref().map(session::name).transpose()?;
    let picture = wish.picture.as_deref().map(read_picture).transpose()?;
    let password = wish
        .new_password
        .then(|| session::new_password("COOEE_NEW_PASSWORD"))
        .transpose()?;
    let (client, _) = session::kept(global).await?;
    let pp = match picture {
        Some(bytes) => Some(upload(&client, bytes).await?),
        None => None,
    };
    let changes = AmendProfile {
        pseudo,
        password,
        pp,
    };
    client.amend_profile(changes).await?;
    show(console, &client, true)?;
    client.close().await;
    Ok(())
}

async fn upload(client: &Client, bytes: Vec<u8>) -> Result<PictureId, Failure> {
    Ok(client.upload_picture(bytes).await?)
}

fn read_picture(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::new("file", format!("{}: {why}", path.display()));
    let length = std::fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if length > MAX_PICTURE {
        return Err(failed("a picture has at most 1 MiB".to_owned()));
    }
    std::fs::read(path).map_err(|error| failed(error.to_string()))
}

fn show(console: &Console, client: &Client, online: bool) -> Outcome {
    let me = client
        .profile()
        .ok_or_else(|| Failure::from(SignInError::NoSession))?;
    tell(console, client, me, online);
    Ok(())
}

fn tell(console: &Console, client: &Client, me: Me, online: bool) {
    console.tell(&Report::Profile {
        me,
        server: client.server(),
        online,
    });
}
