//! The window with most detail: the largest sum of luma differences between neighbouring pixels.

use picture::{Rect, Size};

use crate::Raster;
use crate::raster::luma;

/// Cells along the longer side of the map that is searched.
const CELLS: u32 = 256;

/// Finds the window of this size, which must fit. Of equal ones the one nearest to the middle.
pub fn window(raster: &Raster, size: Size) -> Rect {
    let cell = raster.size().longest().div_ceil(CELLS).max(1);
    let map = Map::new(raster, cell);
    let free = |whole: u32, part: u32| whole.saturating_sub(part);
    let (free_x, free_y) = (free(raster.size().width, size.width), free(raster.size().height, size.height));
    // every cell's edge, and the last place that still fits
    let places =
        |free: u32| (0..=free / cell).map(move |at| at * cell).chain((!free.is_multiple_of(cell)).then_some(free));
    let mut best = Rect { x: free_x / 2, y: free_y / 2, size };
    let mut most = map.detail(best);
    let mut nearest = 0;
    for y in places(free_y) {
        for x in places(free_x) {
            let candidate = Rect { x, y, size };
            let detail = map.detail(candidate);
            let distance = (2 * u64::from(x)).abs_diff(free_x.into()) + (2 * u64::from(y)).abs_diff(free_y.into());
            if detail > most || (detail == most && distance < nearest) {
                (best, most, nearest) = (candidate, detail, distance);
            }
        }
    }
    best
}

/// Sums of detail over all cells above and left of a corner.
struct Map {
    cell: u32,
    columns: usize,
    rows: usize,
    sums: Vec<u64>,
}

impl Map {
    fn new(raster: &Raster, cell: u32) -> Self {
        let (columns, rows) =
            (raster.size().width.div_ceil(cell) as usize, raster.size().height.div_ceil(cell) as usize);
        let mut sums = vec![0u64; (columns + 1) * (rows + 1)];
        let mut above: Vec<u8> = Vec::new();
        for (y, row) in raster.rows().enumerate() {
            let line: Vec<u8> = row.chunks_exact(raster.channels()).map(seen).collect();
            let start = (y / cell as usize + 1) * (columns + 1) + 1;
            for (x, &value) in line.iter().enumerate() {
                let left = line[x.saturating_sub(1)];
                let up = above.get(x).copied().unwrap_or(value);
                sums[start + x / cell as usize] += u64::from(value.abs_diff(left)) + u64::from(value.abs_diff(up));
            }
            above = line;
        }
        for row in 1..=rows {
            for column in 1..=columns {
                let at = row * (columns + 1) + column;
                sums[at] = sums[at] + sums[at - 1] + sums[at - columns - 1] - sums[at - columns - 2];
            }
        }
        Self { cell, columns, rows, sums }
    }

    /// Detail in the cells that a window covers, to the nearest cell.
    fn detail(&self, window: Rect) -> u64 {
        let nearest = |at: u32| ((at + self.cell / 2) / self.cell) as usize;
        let (left, top) = (nearest(window.x), nearest(window.y));
        let (right, bottom) = (nearest(window.x + window.size.width), nearest(window.y + window.size.height));
        let at =
            |column: usize, row: usize| self.sums[row.min(self.rows) * (self.columns + 1) + column.min(self.columns)];
        at(right, bottom) + at(left, top) - at(left, bottom) - at(right, top)
    }
}

/// Luma, as dark as the pixel is transparent.
fn seen(pixel: &[u8]) -> u8 {
    let luma = luma(pixel);
    pixel.get(3).map_or(luma, |&alpha| ((u16::from(luma) * u16::from(alpha)) / 255).to_le_bytes()[0])
}
