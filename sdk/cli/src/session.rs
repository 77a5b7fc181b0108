//! From the command line to a client, connected or not.

use std::path::PathBuf;

use cooee_sdk::{
    AddressPrivacy, Client, Credentials, Me, NewPassword, Password, SignInError, Username,
};

use crate::args::{CredentialChoice, Global, PrivacyChoice};
use crate::console::Console;
use crate::failure::Failure;

/// Builds the client that the global options describe.
pub(crate) async fn client(global: &Global) -> Result<Client, Failure> {
    build(global, false).await
}

/// Builds a client that runs beside other commands over the same data folder.
pub(crate) async fn beside(global: &Global) -> Result<Client, Failure> {
    build(global, true).await
}

/// With a session of its own, a command runs beside others over the same data folder.
async fn build(global: &Global, own_session: bool) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .own_session(own_session)
        .data_folder(data_folder(global)?)
        .credentials(credentials(global))
        .allow_plaintext(global.allow_plaintext);
    if let Some(server) = &global.server {
        builder = builder.server(server);
    }
    if let Some(ca) = &global.ca {
        builder = builder.ca_file(ca);
    }
    let client = builder.build().await?;
    client.set_address_privacy(match global.privacy {
        PrivacyChoice::Direct => AddressPrivacy::Direct,
        PrivacyChoice::RelayUntilVerified => AddressPrivacy::RelayUntilVerified,
        PrivacyChoice::AlwaysRelay => AddressPrivacy::AlwaysRelay,
    });
    Ok(client)
}

/// Where the session is kept.
pub(crate) fn credentials(global: &Global) -> Credentials {
    match global.credentials {
        CredentialChoice::Keyring => Credentials::Keyring,
        CredentialChoice::File => Credentials::File,
    }
}

/// The folder for the cache and the last sign-in.
pub(crate) fn data_folder(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(data) = &global.data {
        return Ok(data.clone());
    }
    match directories::ProjectDirs::from("", "", "cooee") {
        Some(folders) => Ok(folders.data_dir().to_owned()),
        None => Err(Failure::new(
            "data_folder",
            "this account has no home folder: name one with --data DIR",
        )),
    }
}

/// A client that is signed in; fails without a network.
pub(crate) async fn online(global: &Global) -> Result<(Client, Me), Failure> {
    let client = build(global, true).await?;
    let me = client.resume().await?;
    Ok((client, me))
}

/// A client that continues the kept session itself, to end it or to change the password: a new
/// password ends every other session.
pub(crate) async fn kept(global: &Global) -> Result<(Client, Me), Failure> {
    let client = client(global).await?;
    let me = client.resume().await?;
    Ok((client, me))
}

/// A client that shows what is known: in step with the server if it can be reached, else as the
/// cache has it. Says which on stderr, and in the second value.
pub(crate) async fn online_or_not(
    global: &Global,
    console: &Console,
) -> Result<(Client, bool), Failure> {
    let client = build(global, true).await?;
    match client.resume().await {
        Ok(_) => Ok((client, true)),
        Err(
            error @ (SignInError::Unreachable(_)
            | SignInError::Certificate(_)
            | SignInError::Credentials(_)),
        ) => {
            let why = Failure::from(error).message;
            console.note(&format!(
                "not connected: showing what was known at the last connection ({why})"
            ));
            Ok((client, false))
        }
        Err(error) => Err(error.into()),
    }
}

/// A name from the command line.
pub(crate) fn name(text: &str) -> Result<Username, Failure> {
    Username::parse(text).map_err(|error| Failure::invalid(format!("`{text}`: {error}")))
}

/// The password of an existing profile.
pub(crate) fn password(of: &Username) -> Result<Password, Failure> {
    let text = match from_environment("COOEE_PASSWORD")? {
        Some(text) => text,
        None => ask(&format!("password of {of}: "))?,
    };
    Password::parse(&text).map_err(Failure::invalid)
}

/// A password to set, typed twice when it is typed.
pub(crate) fn new_password(variable: &str) -> Result<NewPassword, Failure> {
    if let Some(text) = from_environment(variable)? {
        return NewPassword::parse(&text).map_err(Failure::invalid);
    }
    let password = NewPassword::parse(&ask("new password (8 characters or more): ")?)
        .map_err(Failure::invalid)?;
    if ask("the same again: ")? != password.expose() {
        return Err(Failure::invalid("the two passwords differ"));
    }
    Ok(password)
}

fn from_environment(variable: &str) -> Result<Option<String>, Failure> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::invalid(format!("{variable} is not UTF-8")))
        }
    }
}

/// Asks on the terminal, without echo.
fn ask(prompt: &str) -> Result<String, Failure> {
    rpassword::prompt_password(prompt).map_err(|error| {
        Failure::new(
            "no_terminal",
            format!("no password: set COOEE_PASSWORD, or run this in a terminal ({error})"),
        )
    })
}
