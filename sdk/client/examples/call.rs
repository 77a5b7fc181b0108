//! A call in 20 lines: signs in, calls a contact with the default microphone and loudspeaker, and
//! waits until somebody hangs up.
//!
//! ```sh
//! export COOEE_SERVER=ws://127.0.0.1:4400 COOEE_PASSWORD='correct horse battery'
//! cargo run -p cooee-sdk --example call -- alice bob
//! cargo run -p cooee-sdk --example call -- alice bob question.wav heard.wav
//! ```
//!
//! `script/run` starts a server to try it with.

use std::env::{args, var};

use cooee_sdk::{CallOptions, Client, Credentials, Input, Output, Password};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = args().skip(1).collect();
    let word = |index| words.get(index).map_or("", String::as_str);
    let client = Client::builder()
        .server(var("COOEE_SERVER")?)
        .data_folder(std::env::temp_dir().join("cooee-example-call"))
        .credentials(Credentials::Session)
        .build()
        .await?;
    let password = Password::parse(&var("COOEE_PASSWORD")?)?;
    client.login(word(0).parse()?, password).await?;
    let options = CallOptions {
        input: Input::from(word(2)),
        output: Output::from(word(3)),
        ..CallOptions::default()
    };
    let call = client.call(word(1).parse()?, options).await?;
    if call.connected().await {
        println!("connected to {}", word(1));
    }
    let (reason, _) = call.ended().await;
    println!("the call ended: {reason}");
    client.close().await;
    Ok(())
}
