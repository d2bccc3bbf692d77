//! `byok config`: is the file sound, and where is it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::commands::{Error, config_path};
use crate::terminal::{GOOD, Terminal, WARNING, paint};

/// `byok config check`
pub(crate) fn check(file: Option<PathBuf>, terminal: &Terminal) -> Result<(), Error> {
    let file = config_path(file)?;
    let loaded = byok_config::load(&file)?;
    terminal.redactor().learn(loaded.config.secrets().cloned());
    let providers: Vec<&str> = loaded.config.providers.keys().map(byok_types::ProviderId::as_str).collect();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let mut text = format!("{} {}\n", paint(GOOD, "sound:"), file.display());
    for warning in &warnings {
        text.push_str(&format!("{} {warning}\n", paint(WARNING, "warning:")));
    }
    let value = json!({"file": file, "sound": true, "providers": providers, "warnings": warnings});
    terminal.result(&text, &value);
    Ok(())
}

/// `byok config path`
pub(crate) fn path(terminal: &Terminal) -> Result<(), Error> {
    let file = config_path(None)?;
    let exists = file.is_file();
    if !exists && !terminal.json() {
        terminal.aside(&format!("{}\n", missing(&file)));
    }
    terminal.result(&format!("{}\n", file.display()), &json!({"file": file, "exists": exists}));
    Ok(())
}

fn missing(file: &Path) -> String {
    format!("There is no such file yet; without {} everything has its default.", file.display())
}
