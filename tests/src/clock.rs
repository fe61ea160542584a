//! The clock of one program, set while all others go on: by Debian's `faketime`, whose library stands between
//! the program and the clock of the calendar.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// A clock of the calendar that a test sets. The clocks that are never set go on as they do.
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, kept in this folder under a name.
    #[must_use]
    pub fn right(folder: &Path, name: &str) -> Self {
        assert!(Path::new(LIBRARY).exists(), "{LIBRARY}: run `make tools`");
        let clock = Self {
            file: folder.join(name),
        };
        clock.set(0);
        clock
    }

    /// Sets it to so many seconds after the right time, or before it.
    pub fn set(&self, seconds: i64) {
        // Read at each look at the clock: there is never half a line.
        let anew = self.file.with_extension("new");
        let written = fs::write(&anew, format!("{seconds:+}\n"));
        let set = written.and_then(|()| fs::rename(&anew, &self.file));
        set.unwrap_or_else(|e| panic!("{}: {e}", self.file.display()));
    }

    /// What a program that goes by this clock finds in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let variables = [
            ("LD_PRELOAD", LIBRARY.into()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}
