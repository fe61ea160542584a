//! `key=value` on the command line: turned into flags before clap reads it.
//!
//! ```text
//!   netctl vlan-create tenant=acme name=web vlan=101
//!   netctl vlan-create --tenant=acme --vlan=101 -- web
//! ```
//!
//! Only what the command knows is a key. A positional argument may be given by its name too, as
//! `name=web` or `--name web`.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use crate::exit::Exit;
use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// Rewrites a whole command line, the program's name included.
pub(crate) fn rewrite(args: Vec<OsString>, cli: &Command) -> Result<Vec<OsString>, Failure> {
    let mut args = args.into_iter();
    let mut rewriting = Rewriting {
        cli,
        command: None,
        flags: args.next().into_iter().collect(),
        positionals: Vec::new(),
    };
    while let Some(arg) = args.next() {
        if arg == "--" {
            rewriting.positionals.extend(args);
            break;
        }
        match arg.to_str() {
            Some(text) => rewriting.take(text, &mut args)?,
            None => rewriting.flags.push(arg),
        }
    }
    Ok(rewriting.finish())
}

struct Rewriting<'a> {
    cli: &'a Command,
    command: Option<&'a Command>,
    flags: Vec<OsString>,
    /// Values for positional arguments, which go to the end, where nothing is taken for a flag.
    positionals: Vec<OsString>,
}

impl<'a> Rewriting<'a> {
    fn take(
        &mut self,
        arg: &str,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Failure> {
        if let Some(flag) = arg.strip_prefix("--") {
            self.take_flag(flag, rest);
            return Ok(());
        }
        if let Some(short) = arg.strip_prefix('-') {
            self.flags.push(arg.into());
            let known = self
                .arguments()
                .find(|known| known.get_short() == short.chars().next());
            if short.chars().count() == 1 && known.is_some_and(takes_value) {
                self.flags.extend(rest.next());
            }
            return Ok(());
        }
        let Some(command) = self.command else {
            self.command = self.cli.find_subcommand(arg);
            self.flags.push(arg.into());
            return Ok(());
        };
        match arg.split_once('=') {
            Some((key, value)) => self.take_pair(command, key, value),
            None => {
                self.flags.push(arg.into());
                Ok(())
            }
        }
    }

    /// `--flag value`, `--flag=value` or `--flag`. What is unknown is left to clap.
    fn take_flag(&mut self, flag: &str, rest: &mut impl Iterator<Item = OsString>) {
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (flag, None),
        };
        let known = self.find(name).cloned();
        if known.as_ref().is_some_and(Arg::is_positional) {
            self.positionals.extend(value.or_else(|| rest.next()));
            return;
        }
        self.flags.push(format!("--{flag}").into());
        if value.is_none() && known.as_ref().is_some_and(takes_value) {
            self.flags.extend(rest.next());
        }
    }

    fn take_pair(&mut self, command: &Command, key: &str, value: &str) -> Result<(), Failure> {
        let Some(known) = self.find(key).cloned() else {
            return Err(self.unknown(command, key));
        };
        if known.is_positional() {
            self.positionals.push(value.into());
        } else if takes_value(&known) {
            self.flags
                .push(format!("--{}={value}", name_of(&known)).into());
        } else {
            match value {
                "true" | "yes" | "1" => self.flags.push(format!("--{}", name_of(&known)).into()),
                "false" | "no" | "0" => {}
                _ => {
                    let says = format!("{key}={value}: {key} is either true or false");
                    return Err(Failure::new(Exit::Usage, says));
                }
            }
        }
        Ok(())
    }

    fn find(&self, key: &str) -> Option<&'a Arg> {
        let key = key.replace('_', "-");
        let called = |arg: &Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            name_of(arg) == key || aliases.contains(&key.as_str())
        };
        self.arguments().find(|arg| called(arg))
    }

    fn arguments(&self) -> impl Iterator<Item = &'a Arg> + use<'a> {
        let own = self.command.into_iter().flat_map(Command::get_arguments);
        own.chain(self.cli.get_arguments())
    }

    fn unknown(&self, command: &Command, key: &str) -> Failure {
        let mut allowed: Vec<String> = command.get_arguments().map(name_of).collect();
        allowed.retain(|name| name != "help");
        let says = format!("{} knows no key {key}", command.get_name());
        let near = allowed.iter().min_by_key(|name| distance(name, key));
        let near = near.filter(|name| distance(name, key) <= 1 + key.len() / 3);
        let failure =
            Failure::new(Exit::Usage, says).because(format!("allowed are: {}", allowed.join(", ")));
        match near {
            Some(name) => failure.next(format!("did you mean {name}=...?")),
            None => failure.next(format!("see `netctl {} --help`", command.get_name())),
        }
    }

    fn finish(mut self) -> Vec<OsString> {
        if !self.positionals.is_empty() {
            self.flags.push("--".into());
            self.flags.append(&mut self.positionals);
        }
        self.flags
    }
}

/// What an argument is called: its long flag, or for a positional one its id.
fn name_of(arg: &Arg) -> String {
    let name = arg.get_long().unwrap_or(arg.get_id().as_str());
    name.replace('_', "-")
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// How many letters must be added, removed or replaced to turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut previous: Vec<usize> = (0..=b.chars().count()).collect();
    for (row, from) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in b.chars().enumerate() {
            let replaced = previous[column] + usize::from(from != to);
            let least = replaced
                .min(previous[column + 1] + 1)
                .min(current[column] + 1);
            current.push(least);
        }
        previous = current;
    }
    previous.last().copied().unwrap_or_default()
}
