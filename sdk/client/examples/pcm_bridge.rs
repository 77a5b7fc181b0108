//! A bridge between a call and other programs: raw samples come in over stdin and go out over
//! stdout, 16 bits little-endian, 48 kHz, one channel.
//!
//! ```sh
//! export COOEE_SERVER=ws://127.0.0.1:4400 COOEE_PASSWORD='correct horse battery'
//! arecord -t raw -f S16_LE -r 48000 -c 1 |
//!     cargo run -q -p cooee-sdk --example pcm_bridge -- alice bob |
//!     aplay -t raw -f S16_LE -r 48000 -c 1
//! ```
//!
//! Without a second name it waits for a call and answers it. When stdin ends, silence follows;
//! when the call ends, so does the program. Everything it says itself is on stderr.

use std::env::{args, var};
use std::error::Error;

use cooee_sdk::{
    Call, CallOptions, Client, Credentials, Input, Output, Password, PcmSink, PcmSource,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = args().skip(1);
    let own = words.next().ok_or("whose call: pcm_bridge OWN [OTHER]")?;
    let client = Client::builder()
        .server(var("COOEE_SERVER")?)
        .data_folder(std::env::temp_dir().join("cooee-example-pcm"))
        .credentials(Credentials::Session)
        .build()
        .await?;
    let password = Password::parse(&var("COOEE_PASSWORD")?)?;
    let mut events = client.events();
    client.login(own.parse()?, password).await?;
    let options = CallOptions {
        input: Input::Custom(Box::new(PcmSource::new(std::io::stdin())?)),
        output: Output::Custom(Box::new(PcmSink::new(std::io::stdout())?)),
        ..CallOptions::default()
    };
    let call: Call = match words.next() {
        Some(other) => client.call(other.parse()?, options).await?,
        None => {
            let incoming = loop {
                if let Some(incoming) = client.incoming() {
                    break incoming;
                }
                events.recv().await.ok_or("the client is gone")?;
            };
            eprintln!("{} calls", incoming.from());
            incoming.accept(options).await?
        }
    };
    if call.connected().await {
        eprintln!("connected");
    }
    tokio::select! {
        (reason, _) = call.ended() => eprintln!("the call ended: {reason}"),
        _ = tokio::signal::ctrl_c() => {
            call.hang_up().await?;
            call.ended().await;
        }
    }
    client.close().await;
    // The thread that reads stdin may be waiting for it; nothing more is wanted of it.
    std::process::exit(0);
}
