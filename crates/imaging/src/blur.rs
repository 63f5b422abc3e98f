//! Gaussian blur and sharpening, on premultiplied values, edges repeated.
//!
//! Up to [`EXACT_SIGMA`] the sampled Gaussian itself, out to 3.5 sigma, in one pass over the picture: a few source rows
//! are kept as floats, summed downwards, then across; nothing is rounded in between. Above it a recursive filter whose
//! cost does not grow with sigma.

mod recursive;

use crate::Raster;

/// The largest sigma that is computed by plain summing, in pixels.
const EXACT_SIGMA: f64 = 10.0;

/// Columns worked on at a time, so that the rows kept stay in the cache whatever the picture's width.
const TILE: usize = 512;

/// Blurs by a Gaussian of this standard deviation, in pixels.
pub fn blur(raster: Raster, sigma: f64) -> Raster {
    if sigma > EXACT_SIGMA { recursive::blur(raster, sigma) } else { exact(&raster, sigma, |_, blurred| blurred) }
}

/// in + amount · (in − blur(in, sigma)); sigma up to 10.
pub fn sharpen(raster: &Raster, sigma: f64, amount: f64) -> Raster {
    #[expect(clippy::cast_possible_truncation, reason = "a small factor")]
    let amount = amount as f32;
    exact(raster, sigma, |input, blurred| input + amount * (input - blurred))
}

/// Bytes of scratch memory that a blur takes besides its input and output.
pub fn scratch_bytes(raster: &Raster, sigma: f64) -> u64 {
    if sigma > EXACT_SIGMA { recursive::scratch_bytes(raster) } else { 1 << 22 }
}

fn exact(raster: &Raster, sigma: f64, combine: impl Fn(f32, f32) -> f32) -> Raster {
    if raster.has_alpha() { exact_in::<4>(raster, sigma, combine) } else { exact_in::<3>(raster, sigma, combine) }
}

fn exact_in<const C: usize>(raster: &Raster, sigma: f64, combine: impl Fn(f32, f32) -> f32) -> Raster {
    let kernel = kernel(sigma);
    let (width, height) = (raster.size().width as usize, raster.size().height as usize);
    let mut output = Raster::new(raster.size(), raster.has_alpha());
    let stride = output.stride();
    for left in (0..width).step_by(TILE) {
        let mut tile = Tile::<C>::new(raster, &kernel, left, (left + TILE).min(width));
        for y in 0..height {
            let (input, blurred) = tile.row(y);
            let start = y * stride + left * C;
            let row = &mut output.pixels_mut()[start..start + blurred.len()];
            for ((out, input), blurred) in
                row.as_chunks_mut::<C>().0.iter_mut().zip(input.as_chunks::<C>().0).zip(blurred.as_chunks::<C>().0)
            {
                let mut pixel = [0.0; C];
                for channel in 0..C {
                    pixel[channel] = combine(input[channel], blurred[channel]);
                }
                *out = unpremultiply(pixel);
            }
        }
    }
    output
}

/// A Gaussian's weights from the centre outwards; the centre and twice the others add up to 1.
fn kernel(sigma: f64) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sigma is at most 10")]
    let radius = (3.5 * sigma).ceil() as u32;
    let weights: Vec<f64> = (0..=radius).map(|at| (-0.5 * (f64::from(at) / sigma).powi(2)).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    #[expect(clippy::cast_possible_truncation, reason = "weights between 0 and 1")]
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Some columns of a picture, with as many more on both sides as the kernel reaches.
struct Tile<'a, const C: usize> {
    raster: &'a Raster,
    kernel: &'a [f32],
    /// Source column of each column, the outer ones repeated.
    columns: Vec<usize>,
    /// The rows last read, row y at y % length.
    ring: Vec<Vec<f32>>,
    /// Rows read so far.
    read: usize,
    sums: Vec<f32>,
    blurred: Vec<f32>,
}

impl<'a, const C: usize> Tile<'a, C> {
    fn new(raster: &'a Raster, kernel: &'a [f32], left: usize, right: usize) -> Self {
        let radius = kernel.len() - 1;
        let last = raster.size().width as usize - 1;
        let columns: Vec<usize> = (left..right + 2 * radius).map(|x| x.saturating_sub(radius).min(last)).collect();
        let rows = (2 * radius + 1).min(raster.size().height as usize);
        let samples = columns.len() * C;
        Self {
            raster,
            kernel,
            columns,
            ring: vec![vec![0.0; samples]; rows],
            read: 0,
            sums: vec![0.0; samples],
            blurred: vec![0.0; (right - left) * C],
        }
    }

    /// Row y of the tile, premultiplied: as it is, and blurred.
    fn row(&mut self, y: usize) -> (&[f32], &[f32]) {
        let radius = self.kernel.len() - 1;
        let last = self.raster.size().height as usize - 1;
        while self.read <= (y + radius).min(last) {
            let slot = self.read % self.ring.len();
            read_row::<C>(self.raster.row(self.read), &self.columns, &mut self.ring[slot]);
            self.read += 1;
        }
        let row = |y: usize| &self.ring[y % self.ring.len()];
        weigh(&mut self.sums, self.kernel[0], row(y));
        for (at, &weight) in self.kernel.iter().enumerate().skip(1) {
            add(&mut self.sums, weight, row(y.saturating_sub(at)), row((y + at).min(last)));
        }
        let length = self.blurred.len();
        let shifted = |by: usize| &self.sums[by * C..by * C + length];
        weigh(&mut self.blurred, self.kernel[0], shifted(radius));
        for (at, &weight) in self.kernel.iter().enumerate().skip(1) {
            add(&mut self.blurred, weight, shifted(radius - at), shifted(radius + at));
        }
        let inner = radius * C..radius * C + length;
        (&self.ring[y % self.ring.len()][inner], &self.blurred)
    }
}

fn weigh(sums: &mut [f32], weight: f32, row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum = weight * value;
    }
}

fn add(sums: &mut [f32], weight: f32, before: &[f32], after: &[f32]) {
    for ((sum, before), after) in sums.iter_mut().zip(before).zip(after) {
        *sum += weight * (before + after);
    }
}

fn read_row<const C: usize>(source: &[u8], columns: &[usize], row: &mut [f32]) {
    let (source, _) = source.as_chunks::<C>();
    for (pixel, &x) in row.as_chunks_mut::<C>().0.iter_mut().zip(columns) {
        *pixel = premultiply(source[x]);
    }
}

/// As floats, colours times alpha / 255 where there is alpha.
fn premultiply<const C: usize>(pixel: [u8; C]) -> [f32; C] {
    let mut floats = pixel.map(f32::from);
    if C == 4 && pixel[3] != 255 {
        let share = floats[3] / 255.0;
        floats[..3].iter_mut().for_each(|colour| *colour *= share);
    }
    floats
}

/// Back to bytes, rounded and clamped.
fn unpremultiply<const C: usize>(pixel: [f32; C]) -> [u8; C] {
    if C == 4 {
        let alpha = to_byte(pixel[3]);
        if alpha == 0 {
            return [0; C];
        }
        let share = 255.0 / pixel[3].clamp(1.0, 255.0);
        let mut bytes = pixel.map(|value| to_byte(value * share));
        bytes[3] = alpha;
        return bytes;
    }
    pixel.map(to_byte)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte before")]
fn to_byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}
