//! A bot that confirms everybody who asks to be its contact, answers every call and plays back
//! what it hears, one second later.
//!
//! ```sh
//! export COOEE_SERVER=ws://127.0.0.1:4400 COOEE_PASSWORD='correct horse battery'
//! cooee --data echo-data --credentials file register echo       # once
//! cargo run -p cooee-sdk --example echo_bot -- echo
//! ```
//!
//! Then, as anybody else: `cooee contact add echo`, `cooee call echo`. Ctrl-C ends the bot.

use std::env::{args, var};
use std::error::Error;
use std::time::Duration;

use cooee_sdk::{
    CallEvent, CallOptions, Client, Credentials, Event, EventOrGap, Input, Output, Password,
    Status, loopback,
};

/// What is heard comes back this much later: long enough not to talk over oneself.
const DELAY: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = args().nth(1).unwrap_or_else(|| "echo".to_owned());
    let client = Client::builder()
        .server(var("COOEE_SERVER")?)
        .data_folder(std::env::temp_dir().join("cooee-example-echo"))
        .credentials(Credentials::Session)
        .build()
        .await?;
    // From before the sign-in on, so that a call which already rings is not missed.
    let mut events = client.events();
    let password = Password::parse(&var("COOEE_PASSWORD")?)?;
    client.login(name.parse()?, password).await?;
    println!("{name} echoes");
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = tokio::signal::ctrl_c() => break,
        };
        match event {
            Some(EventOrGap::Event(event)) => {
                if let Event::Call(CallEvent::Ended { reason, .. }) = *event {
                    println!("the call ended: {reason}");
                }
            }
            // Whatever was missed, the snapshots below have it.
            Some(EventOrGap::Missed(_)) => {}
            None => break,
        }
        confirm_everybody(&client).await;
        answer(&client).await;
    }
    client.close().await;
    Ok(())
}

async fn confirm_everybody(client: &Client) {
    for contact in client.contacts() {
        if contact.status == Status::Requested {
            match client.add_contact(contact.pseudo.clone()).await {
                Ok(_) => println!("{} is a contact now", contact.pseudo),
                Err(error) => eprintln!("{} could not be confirmed: {error}", contact.pseudo),
            }
        }
    }
}

async fn answer(client: &Client) {
    let Some(incoming) = client.incoming() else {
        return;
    };
    let from = incoming.from().clone();
    let (sink, source) = loopback(DELAY);
    let options = CallOptions {
        input: Input::Custom(Box::new(source)),
        output: Output::Custom(Box::new(sink)),
        ..CallOptions::default()
    };
    match incoming.accept(options).await {
        Ok(_) => println!("{from} calls"),
        Err(error) => eprintln!("the call from {from} was not answered: {error}"),
    }
}
