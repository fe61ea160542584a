//! A server that hangs up, refuses, and is away, as a real one may.

use std::sync::{Arc, Mutex};

use api::client::Server;
use clap::{CommandFactory, Parser};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::args::Cli;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    watch: Watch,
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

fn event(id: u64) -> String {
    let data = json!({"id": id, "at": "2026-11-23T10:00:00Z", "kind": "port-active",
        "host_id": null, "message": format!("port web{id} is active")});
    format!("id: {id}\ndata: {data}\n\n")
}

/// Answers each request with the next of these, and hangs up. Gives the heads of the requests.
fn serve(answers: Vec<String>) -> (TempDir, Client, Arc<Mutex<Vec<String>>>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let log = asked.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = head(&mut stream).await;
            log.lock().unwrap().push(head);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let client = Client::new(Server::Unix(path), Some("token")).unwrap();
    (directory, client, asked)
}

async fn head(stream: &mut UnixStream) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        heard.extend(byte);
    }
    String::from_utf8(heard).unwrap()
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    let head = "content-type: application/json\r\nconnection: close";
    format!("HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn no_hosts() -> String {
    answer("200 OK", r#"{"items":[],"next_cursor":null}"#)
}

async fn watch(client: &Client, line: &str, format: Format) -> (String, Result<Exit, Failure>) {
    let words = std::iter::once("watch").chain(line.split_whitespace());
    let watch = Line::parse_from(words).watch;
    let mut out = Vec::new();
    let done = watch.print_to(&mut out, client, format).await;
    (String::from_utf8(out).unwrap(), done.map(|done| done.exit))
}

#[tokio::test]
async fn a_server_that_comes_back_is_asked_for_what_follows_and_nothing_is_printed_twice() {
    let busy = r#"{"status":503,"code":"busy","detail":"too many streams"}"#;
    let (_directory, client, asked) = serve(vec![
        no_hosts(),
        format!("{STREAM}id: 6\n:\n\n{}{}id: 9\n:\n\n", event(7), event(8)),
        answer("503 Service Unavailable", busy),
        // In the middle of an event.
        format!("{STREAM}{}{}", event(10), &event(11)[..20]),
        format!("{STREAM}{}", event(11)),
    ]);
    let (text, exit) = watch(&client, "--kind port-active --count 4", Format::Id).await;
    assert_eq!(exit, Ok(Exit::Done));
    assert_eq!(text, "7\n8\n10\n11\n");
    let asked = asked.lock().unwrap();
    let resumed: Vec<_> = asked[1..]
        .iter()
        .map(|head| head.split("last-event-id: ").nth(1))
        .map(|rest| rest.and_then(|rest| rest.split("\r\n").next()))
        .collect();
    assert_eq!(resumed, [None, Some("9"), Some("9"), Some("10")]);
    assert!(asked[4].starts_with("GET /v1/events?kind=port-active "));
}

#[tokio::test]
async fn each_format_has_one_line_an_event_and_a_gap_is_told() {
    for (format, lines) in [
        (
            Format::Table,
            "2026-11-23T10:00:00Z  port-active                   port web7 is active\n",
        ),
        (
            Format::Json,
            "{\"gap\":{\"after\":6}}\n{\"id\":7,\"at\":\"2026-11-23T10:00:00Z\",\
             \"kind\":\"port-active\",\"host_id\":null,\"tenant_id\":null,\"noun\":null,\
             \"object_id\":null,\"revision\":null,\"message\":\"port web7 is active\"}\n",
        ),
        (Format::Id, "7\n"),
    ] {
        let gap = "id: 6\nevent: gap\ndata: {\"asked_after\":1,\"after\":6}\n\n";
        let stream = format!("{STREAM}{gap}{}", event(7));
        let (_directory, client, _) = serve(vec![no_hosts(), stream]);
        let (text, exit) = watch(&client, "--after 1 --count 1", format).await;
        assert_eq!(exit, Ok(Exit::Done));
        assert_eq!(text, lines);
    }
}

#[tokio::test]
async fn what_will_not_pass_ends_it() {
    let problem = r#"{"status":401,"code":"unauthenticated","detail":"send a valid token"}"#;
    let (_directory, client, _) = serve(vec![
        no_hosts(),
        format!("{STREAM}{}", event(7)),
        answer("401 Unauthorized", problem),
    ]);
    let (text, ended) = watch(&client, "", Format::Id).await;
    assert_eq!(text, "7\n");
    assert_eq!(ended.unwrap_err().exit, Exit::NoToken);
    let (_, ended) = watch(&client, "", Format::Csv).await;
    assert_eq!(ended.unwrap_err().exit, Exit::Usage);
}

#[test]
fn its_help_is_as_in_the_golden_file() {
    let mut command = Cli::command();
    let help = command.find_subcommand_mut("watch").unwrap();
    let text = help.render_long_help().to_string();
    crate::commands::tests::assert_golden("help-watch.txt", &text);
}
