//! The commands about the database as a whole, and what they say.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use server::Settings;

use crate::progress::Shown;

pub(crate) fn export(settings: &Settings, folder: &Path) -> anyhow::Result<()> {
    let manifest = wait_for(server::export(settings, folder, &mut Shown::new()))??;
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    say(&format!(
        "Exported {rows} rows to {}. Digest: {}\nKeep secrets.toml of the data folder with it.",
        folder.display(),
        manifest.digest
    ))
}

pub(crate) fn import(settings: &Settings, folder: &Path, moving: bool) -> anyhow::Result<()> {
    let imported = wait_for(server::import(settings, folder, moving, &mut Shown::new()))??;
    let (manifest, tables) = imported;
    let rows: u64 = tables.iter().filter(|table| !table.left_out).map(|table| table.rows).sum();
    let left_out = tables.iter().filter(|table| table.left_out);
    let left_out: Vec<_> = left_out.map(|table| (table.name, table.rows)).collect();
    say(&format!(
        "Imported {rows} rows from {}. Digest: {}{}",
        folder.display(),
        manifest.digest,
        about(&left_out)
    ))
}

pub(crate) fn backup(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let bytes = wait_for(server::backup(settings, file))??;
    say(&format!(
        "Backed the database up to {} ({bytes} bytes).\nKeep secrets.toml of the data folder \
         with it.",
        file.display()
    ))
}

pub(crate) fn restore(settings: &Settings, file: &Path, moving: bool) -> anyhow::Result<()> {
    let restored = wait_for(server::restore(settings, file, moving))??;
    let aside = restored.aside.map_or_else(String::new, |aside| {
        format!("\nThe database that was there is {} now.", aside.display())
    });
    say(&format!(
        "Restored {} from {}.{aside}{}",
        restored.path.display(),
        file.display(),
        about(&restored.left_out)
    ))
}

/// What was left out, and why; nothing if nothing was.
fn about(left_out: &[(&str, u64)]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let tables: Vec<_> = left_out.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    format!(
        "\nLeft out, because they may have ended since: {}. People sign in again, API tokens \
         are made anew; --moving keeps them.",
        tables.join(", ")
    )
}

fn wait_for<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.context("cannot start the runtime")?.block_on(work))
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}
