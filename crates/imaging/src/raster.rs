//! Pixels in memory, and the steps that only move or mix them.

use picture::{Axis, Orientation, Quarter, Rect, Size};

/// 8 bit RGB or RGBA (not premultiplied), rows from the top, no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    size: Size,
    alpha: bool,
    pixels: Vec<u8>,
}

impl Raster {
    /// All zero.
    pub fn new(size: Size, alpha: bool) -> Self {
        Self { size, alpha, pixels: vec![0; row_bytes(size.width, alpha) * size.height as usize] }
    }

    /// From pixels; `None` if their number does not fit.
    pub fn from_pixels(size: Size, alpha: bool, pixels: Vec<u8>) -> Option<Self> {
        (pixels.len() == row_bytes(size.width, alpha) * size.height as usize).then_some(Self { size, alpha, pixels })
    }

    /// Width and height.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Whether there is a fourth channel.
    pub const fn has_alpha(&self) -> bool {
        self.alpha
    }

    /// 3 or 4.
    pub const fn channels(&self) -> usize {
        if self.alpha { 4 } else { 3 }
    }

    /// Bytes of a row.
    pub fn stride(&self) -> usize {
        row_bytes(self.size.width, self.alpha)
    }

    /// All samples.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All samples, to change.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Rows from the top.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.stride().max(1))
    }

    /// One row.
    pub fn row(&self, y: usize) -> &[u8] {
        let start = y * self.stride();
        &self.pixels[start..start + self.stride()]
    }

    /// A part, which must lie inside.
    #[must_use]
    pub fn crop(&self, rect: Rect) -> Self {
        let start = row_bytes(rect.x, self.alpha);
        let end = start + row_bytes(rect.size.width, self.alpha);
        let rows = self.rows().skip(rect.y as usize).take(rect.size.height as usize);
        Self { size: rect.size, alpha: self.alpha, pixels: rows.flat_map(|row| &row[start..end]).copied().collect() }
    }

    /// Turned clockwise.
    #[must_use]
    pub fn rotate(self, quarter: Quarter) -> Self {
        match quarter {
            Quarter::Twice => self.flip(Axis::Horizontal).flip(Axis::Vertical),
            _ => self.turned(quarter == Quarter::Once),
        }
    }

    /// A quarter turn, from which this picture itself stays as it is.
    #[must_use]
    pub fn turned(&self, clockwise: bool) -> Self {
        if self.alpha { self.turn::<4>(clockwise) } else { self.turn::<3>(clockwise) }
    }

    /// A quarter turn, in tiles: a column at a time would miss the cache at every pixel.
    fn turn<const C: usize>(&self, clockwise: bool) -> Self {
        const TILE: usize = 32;
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut turned = Self::new(Size { width: self.size.height, height: self.size.width }, self.alpha);
        let (from, _) = self.pixels.as_chunks::<C>();
        let (to, _) = turned.pixels.as_chunks_mut::<C>();
        for top in (0..height).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                for y in top..(top + TILE).min(height) {
                    for x in left..(left + TILE).min(width) {
                        let at = if clockwise { x * height + (height - 1 - y) } else { (width - 1 - x) * height + y };
                        to[at] = from[y * width + x];
                    }
                }
            }
        }
        turned
    }

    /// Mirrored in place.
    #[must_use]
    pub fn flip(mut self, axis: Axis) -> Self {
        let stride = self.stride();
        match axis {
            Axis::Horizontal if self.alpha => {
                self.pixels.chunks_exact_mut(stride).for_each(|row| row.as_chunks_mut::<4>().0.reverse());
            }
            Axis::Horizontal => {
                self.pixels.chunks_exact_mut(stride).for_each(|row| row.as_chunks_mut::<3>().0.reverse());
            }
            Axis::Vertical => {
                let half = self.size.height as usize / 2 * stride;
                let (upper, lower) = self.pixels.split_at_mut(half);
                for (above, below) in upper.chunks_exact_mut(stride).zip(lower.rchunks_exact_mut(stride)) {
                    above.swap_with_slice(below);
                }
            }
        }
        self
    }

    /// Upright, by EXIF's table of eight.
    #[must_use]
    pub fn upright(self, orientation: Orientation) -> Self {
        match orientation.get() {
            2 => self.flip(Axis::Horizontal),
            3 => self.rotate(Quarter::Twice),
            4 => self.flip(Axis::Vertical),
            5 => self.rotate(Quarter::Once).flip(Axis::Horizontal),
            6 => self.rotate(Quarter::Once),
            7 => self.rotate(Quarter::Thrice).flip(Axis::Horizontal),
            8 => self.rotate(Quarter::Thrice),
            _ => self,
        }
    }

    /// BT.709 luma of the stored values in all three colours.
    pub fn grayscale(&mut self) {
        for pixel in self.pixels.chunks_exact_mut(if self.alpha { 4 } else { 3 }) {
            let luma = luma(pixel);
            pixel[..3].fill(luma);
        }
    }

    /// Laid on white, without alpha.
    #[must_use]
    pub fn on_white(&self) -> Self {
        if !self.alpha {
            return self.clone();
        }
        let mix = |value: u8, alpha: u8| {
            let sum = u16::from(value) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        let opaque = |&[red, green, blue, alpha]: &[u8; 4]| [red, green, blue].map(|value| mix(value, alpha));
        let pixels = self.pixels.as_chunks::<4>().0.iter().flat_map(opaque).collect();
        Self { size: self.size, alpha: false, pixels }
    }
}

fn row_bytes(width: u32, alpha: bool) -> usize {
    width as usize * if alpha { 4 } else { 3 }
}

/// 0.2126 R + 0.7152 G + 0.0722 B in 16 bit fixed point, rounded; the weights add up to 65,536.
pub fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
    ((13_933 * red + 46_871 * green + 4_732 * blue + 32_768) >> 16).to_le_bytes()[0]
}
