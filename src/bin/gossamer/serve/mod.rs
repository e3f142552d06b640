//! `gossamer serve`: the index over HTTP for this machine's programs and browsers, or for others with a token.
//!
//! Bound to loopback unless told otherwise. Limits everywhere: connections ([`listener`]), the size of a body, the
//! time of a request, how many wait ([`crate::engine`]). Questions and documents are never logged.

mod api;
mod guard;
mod listener;
mod page;
mod reply;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::{Router, middleware};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use api::outcome;

use crate::engine::{Engine, Limits};
use crate::error::{Failure, at};
use crate::{DeviceOption, Place, output};

/// What is still running when the server is told to stop gets so long.
const GRACE: Duration = Duration::from_secs(30);

/// How many writes may wait: each may carry many documents.
const WRITES: usize = 8;

/// Shortest token: 16 characters of hexadecimal are 64 bits.
const TOKEN: usize = 16;

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: Place,
    /// Address to listen on; anything but loopback needs an access token
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 7700)]
    port: u16,
    /// File with the access token, 16 characters or more; or set GOSSAMER_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A name, besides localhost, under which browsers may ask this server
    #[arg(long = "host-name", value_name = "NAME")]
    hosts: Vec<String>,
    /// Folder with the whole page, as `make web` leaves it in www/: served below /page/
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// Neither add nor remove documents
    #[arg(long)]
    read_only: bool,
    /// Searches that may wait; more, or those that would wait half of --timeout, are refused with 503
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    /// Connections that may be open
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Seconds that a request may take
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    /// Megabytes that a request may carry
    #[arg(long, default_value_t = 16, value_name = "MB", value_parser = clap::value_parser!(u16).range(1..=1024))]
    body: u16,
    #[command(flatten)]
    device: DeviceOption,
}

pub fn run(options: Options) -> Result<ExitCode, Failure> {
    let token = token(options.token_file.as_deref())?;
    if token.is_none() && !options.address.is_loopback() {
        return Err(Failure::Usage(format!(
            "{} can be reached from elsewhere: set GOSSAMER_TOKEN or --token-file",
            options.address
        )));
    }
    if let Some(page) = &options.page
        && !page.join("index.html").is_file()
    {
        return Err(Failure::NoSuchPath(page.join("index.html")));
    }
    let limits = Limits {
        searches: options.queue.into(),
        writes: WRITES,
        // The pace is a mean: the other half is for those behind searches that take longer.
        patience: Duration::from_secs(options.timeout.into()) / 2,
    };
    let (engine, thread) = Engine::start(options.place.clone(), options.device.choice(), limits)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Requests only wait here; the cores are the encoder's.
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(serve(options, token, engine))?;
    drop(runtime);
    // What was accepted is answered or committed before the process ends.
    thread.join().map_err(|_| Failure::EngineDied)?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(options: Options, token: Option<String>, engine: Engine) -> Result<(), Failure> {
    let address = SocketAddr::from((options.address, options.port));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Failure::Listen { address, source })?;
    let address = listener.local_addr()?;
    let time = Duration::from_secs(options.timeout.into());
    let guard = Arc::new(guard::Guard {
        hosts: options.hosts,
        token: token.as_deref().map(guard::hash),
        time,
    });
    let backend = engine.backend().info.name;
    let api = api::Api {
        engine,
        writable: !options.read_only,
        page: options.page.is_some(),
    };
    let mut router = Router::new()
        .merge(api::router(api, usize::from(options.body) << 20))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&guard),
            guard::access,
        ))
        .merge(page::device());
    if let Some(folder) = options.page {
        router = router.merge(page::folder(folder));
    }
    let router = router
        .fallback(|| async { reply::Problem::not_found("there is nothing at this address") })
        .layer(middleware::from_fn_with_state(guard, guard::origin));

    if options.place.json {
        output::json(&json!({
            "url": format!("http://{address}/"), "token": token.is_some(), "writable": !options.read_only,
        }))?;
    } else {
        output::note(format_args!(
            "serving http://{address}/ on {backend}; Ctrl-C ends it"
        ));
    }
    let silence = time + Duration::from_secs(30);
    let listener = listener::Limited::new(listener, options.connections.into(), silence);
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        signal().await;
        let _ = stopping.send(());
    });
    let late = async {
        // Not told to stop: never late.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server => served?,
        () = late => output::note(format_args!("some requests took too long to end")),
    }
    Ok(())
}

/// The token from a file or the environment, never from the command line, which every user can read.
fn token(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let token = match file {
        Some(file) => fs::read_to_string(file).map_err(at(file))?,
        None => match std::env::var("GOSSAMER_TOKEN") {
            Ok(token) => token,
            Err(_) => return Ok(None),
        },
    };
    let token = token.trim();
    if token.len() < TOKEN {
        let message = format!("the access token is shorter than {TOKEN} characters");
        return Err(Failure::Usage(message));
    }
    Ok(Some(token.to_owned()))
}

#[cfg(unix)]
mod stop {
    use tokio::signal::unix::{SignalKind, signal};

    /// Returns when the system wants the process to end.
    pub async fn terminated() {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}
#[cfg(not(unix))]
mod stop {
    pub async fn terminated() {
        std::future::pending().await
    }
}

/// Returns when a person or the system wants the process to end.
async fn signal() {
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => (),
        () = stop::terminated() => (),
    }
}
