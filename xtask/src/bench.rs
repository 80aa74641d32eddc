//! Turns what criterion measured into ratios: each message beside the primitives that it can't do without.

use std::fs;
use std::path::Path;

const GROUPS: &[&str] = &["1KiB", "100KiB", "10MiB", "1GiB"];

/// What is measured, and the primitives whose times add up to its floor.
const ROWS: &[(&str, &[&str])] = &[
    ("encrypt/0478", &["aes-256-gcm"]),
    ("decrypt/0478", &["aes-256-gcm"]),
    ("encrypt/0578", &["aes-256-gcm", "sha-384"]),
    ("decrypt/0578", &["aes-256-gcm", "sha-384"]),
];

/// Prints the medians of the last run as ratios.
pub(crate) fn report(root: &Path) -> Result<(), String> {
    let folder = root.join("target/criterion");
    println!("\nmedian time as a multiple of the primitives' medians in the same run\n");
    let heads: String = GROUPS.iter().map(|group| format!("{group:>10}")).collect();
    println!("{:14}{:>26}{heads}", "", "beside");
    for (row, floor) in ROWS {
        let mut cells = String::new();
        for group in GROUPS {
            let time = median(&folder, group, row)?;
            let mut primitives = 0.0;
            for primitive in *floor {
                primitives += median(&folder, group, primitive)?;
            }
            cells.push_str(&format!("{:>10.2}", time / primitives));
        }
        println!("{row:14}{:>26}{cells}", floor.join(" + "));
    }
    Ok(())
}

/// Criterion's median in nanoseconds. Its file is JSON on one line; this is the one number we need of it.
fn median(folder: &Path, group: &str, row: &str) -> Result<f64, String> {
    let path = folder.join(group).join(row).join("new/estimates.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let after = |text: &str, key: &str| text.split_once(key).map(|(_, rest)| rest.to_owned());
    after(&text, "\"median\":")
        .and_then(|rest| after(&rest, "\"point_estimate\":"))
        .and_then(|rest| rest.split([',', '}']).next()?.trim().parse().ok())
        .ok_or_else(|| format!("{}: no median in it", path.display()))
}
