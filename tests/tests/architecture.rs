//! The shape of the workspace is a promise: these tests refuse to let it drift.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may depend on whom. A new edge is a design decision: make it in ARCHITECTURE.md first.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("ovsdb", &[]),
    ("openflow", &[]),
    ("sflow", &[]),
    ("lab", &[]),
    ("api", &["model"]),
    ("compute", &["model", "ovsdb"]),
    ("flow-collector", &["api", "model", "sflow"]),
    ("controller", &["api", "flow-collector", "model"]),
    (
        "host-agent",
        &["api", "compute", "model", "openflow", "ovsdb"],
    ),
    ("netctl", &["api", "lab", "model"]),
];

/// Tests may use everything.
const UNBOUND: &[&str] = &["tests"];

const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(folder: &Path) -> toml::Table {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap()
}

fn members() -> Vec<String> {
    let manifest = manifest(&root());
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let names = members.iter().map(|name| name.as_str().unwrap().to_owned());
    names.collect()
}

/// Every file of the project below `folder` that git would keep, by extension.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        }
        if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), "rs", &mut found);
    assert!(found.len() > 50, "the search for files is broken");
    found
}

#[test]
fn no_crate_depends_on_another_that_the_design_does_not_allow() {
    let members = members();
    for name in &members {
        let manifest = manifest(&root().join(name));
        let empty = toml::Table::new();
        let dependencies = manifest["dependencies"].as_table().unwrap_or(&empty);
        let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
        let ours: BTreeSet<&str> = ours
            .into_iter()
            .filter(|d| members.iter().any(|m| m == d))
            .collect();
        if UNBOUND.contains(&name.as_str()) {
            continue;
        }
        let (_, allowed) = EDGES
            .iter()
            .find(|(from, _)| from == name)
            .unwrap_or_else(|| {
                panic!("the crate {name} is not in the list of edges");
            });
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let new: Vec<_> = ours.difference(&allowed).collect();
        assert!(new.is_empty(), "{name} must not depend on {new:?}");
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for path in rust_files() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_file_is_named_after_nothing() {
    for path in rust_files() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let nothing = [
            "util", "utils", "common", "helpers", "helper", "manager", "misc", "mod",
        ];
        assert!(
            !nothing.contains(&stem),
            "{} has not found its name",
            path.display()
        );
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for name in members() {
        let manifest = manifest(&root().join(&name));
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        assert_eq!(lints.and_then(toml::Value::as_bool), Some(true), "{name}");
    }
    let lints = &manifest(&root())["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(lints.as_str(), Some("forbid"));
}

#[test]
fn every_dependency_has_its_reason() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, rest) = text.split_once("[workspace.dependencies]\n").unwrap();
    let (list, _) = rest.split_once("\n[").unwrap();
    let mut reasoned = false;
    for line in list.lines() {
        match line.chars().next() {
            Some('#') => reasoned = true,
            None => reasoned = false,
            // One reason may cover the lines right below it.
            Some(_) => assert!(reasoned, "no reason above: {line}"),
        }
    }
}

#[test]
fn the_pipeline_document_lists_exactly_the_tables_of_the_code() {
    let text = fs::read_to_string(root().join("docs/pipeline.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let coded: Vec<&str> = host_agent::pipeline::TABLES
        .iter()
        .map(|t| t.name)
        .collect();
    assert_eq!(documented, coded);
}
