//! Running short commands to their end, with a limit and with errors that name the command.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Error;

/// Generous: a busy machine is no failure, a hanging command is.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs `command` to its end and gives what it printed.
pub(crate) async fn run(command: Command) -> Result<String, Error> {
    run_with_input(command, "").await
}

/// The same, with `input` on its standard input.
pub(crate) async fn run_with_input(mut command: Command, input: &str) -> Result<String, Error> {
    let line = command_line(&command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = timeout(LIMIT, output_of(command, input))
        .await
        .map_err(|_elapsed| Error::Slow {
            command: line.clone(),
            limit_seconds: LIMIT.as_secs(),
        })??;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Error::Command {
        command: line,
        status: output.status.to_string(),
        output: format!("{stderr}{stdout}").trim().to_owned(),
    })
}

/// The whole of a small text file.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<String, Error> {
    std::fs::read_to_string(&path).map_err(Error::file("read", path.as_ref()))
}

async fn output_of(mut command: Command, input: &str) -> Result<Output, Error> {
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let failed = |source| Error::Run { program, source };
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(source) => return Err(failed(source)),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ends without reading has its own exit status to tell why.
        let _unread = stdin.write_all(input.as_bytes()).await;
    }
    child.wait_with_output().await.map_err(failed)
}

fn command_line(command: &Command) -> String {
    let command = command.as_std();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
