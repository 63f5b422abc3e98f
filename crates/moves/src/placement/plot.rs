//! The picture of the simulation in `docs/images/placement.svg`: users of each of 256 shards, the fullest first, for each strategy.

use std::fmt::Write as _;
use std::path::Path;

use super::Strategy;
use super::fixtures::{after, costs, equal};
use super::plan;
use super::simulation::users_on_four_shards;

const SHARDS: u32 = 256;
const WIDTH: u32 = 640;
const PANEL: u32 = 150;
const LEFT: u32 = 64;
/// Pixels for the mean.
const MEAN: u64 = 60;

fn drawn() -> String {
    let loads = users_on_four_shards();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        PANEL * 3
    );
    for (panel, strategy) in (0u32..).zip(Strategy::ALL) {
        let placed = after(&loads, &plan(strategy, &loads, &equal(SHARDS)).unwrap());
        let mut users = costs(&placed, &equal(SHARDS));
        users.sort_unstable_by(|a, b| b.cmp(a));
        let mean = users.iter().sum::<u64>() / u64::from(SHARDS);
        let base = panel * PANEL + PANEL - 16;
        // Both ends of the curve are written: what is drawn can be read.
        let (most, least) = (users[0] * 1000 / mean, users[users.len() - 1] * 1000 / mean);
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{}\">{}: 10⁹ users on 256 shards, the fullest has {}.{:03} of the mean, the emptiest {}.{:03}</text>",
            panel * PANEL + 18,
            strategy.as_str(),
            most / 1000,
            most % 1000,
            least / 1000,
            least % 1000
        );
        for (shard, users) in (0u32..).zip(users) {
            let height = users * MEAN / mean;
            let _ = writeln!(
                svg,
                "<rect x=\"{}\" y=\"{}\" width=\"2\" height=\"{height}\" fill=\"#3b6ea5\"/>",
                LEFT + shard * 2,
                u64::from(base) - height
            );
        }
        let line = u64::from(base) - MEAN;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {line}h{}\" stroke=\"#c0392b\"/><text x=\"8\" y=\"{}\" fill=\"#c0392b\">mean</text>",
            SHARDS * 2,
            line + 4
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// `MYRIAD_WRITE=1 cargo test -p moves` draws it anew.
#[test]
fn the_picture_in_the_documentation_is_what_was_simulated() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/placement.svg");
    let drawn = drawn();
    #[expect(clippy::disallowed_methods, reason = "a switch for people")]
    let write = std::env::var("MYRIAD_WRITE").is_ok();
    if write {
        std::fs::write(&file, &drawn).unwrap();
    }
    assert!(std::fs::read_to_string(&file).unwrap() == drawn, "docs/images/placement.svg is not what is simulated");
}
