//! A Gaussian of any width at a fixed cost per pixel.
//!
//! R. Deriche, "Recursively implementing the Gaussian and its derivatives", INRIA report 1893, 1993: for n ≥ 0 the
//! Gaussian is close to Re(A₁ p₁ⁿ) + Re(A₂ p₂ⁿ) with complex constants. Each term is a filter of the first order, run
//! forwards and backwards; in this form it stays exact in single precision for large sigma. The constant edge continues
//! outside by starting each filter in the state that the constant would have led to.

use super::{premultiply, unpremultiply};
use crate::Raster;

/// (amplitude re, im), (decay, frequency), of the report's fourth-order fit.
const TERMS: [((f64, f64), (f64, f64)); 2] = [((1.680, -3.735), (1.783, 0.6318)), ((-0.6803, 0.2598), (1.723, 1.997))];

/// Lines filtered side by side.
const LINES: usize = 16;

#[derive(Clone, Copy)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    /// 1 / (1 − self).
    fn series(self) -> Self {
        let (re, im) = (1.0 - self.re, -self.im);
        let norm = re * re + im * im;
        Self { re: re / norm, im: -im / norm }
    }
}

/// One term in single precision: pole, amplitude, and the state after a long row of ones.
#[derive(Clone, Copy)]
struct Term {
    pole: (f32, f32),
    amplitude: (f32, f32),
    settled: (f32, f32),
}

#[expect(clippy::cast_possible_truncation, reason = "to single precision on purpose")]
fn terms(sigma: f64) -> [Term; 2] {
    let exact = TERMS.map(|((re, im), (decay, frequency))| {
        let (size, angle) = ((-decay / sigma).exp(), frequency / sigma);
        let pole = Complex { re: size * angle.cos(), im: size * angle.sin() };
        (Complex { re, im }, pole)
    });
    // the sum over all n of both halves, the centre counted once
    let sum: f64 = exact
        .iter()
        .map(|(amplitude, pole)| {
            let settled = pole.series();
            amplitude.times(settled).re + amplitude.times(pole.times(settled)).re
        })
        .sum();
    let single = |value: Complex| (value.re as f32, value.im as f32);
    exact.map(|(amplitude, pole)| Term {
        pole: single(pole),
        amplitude: single(Complex { re: amplitude.re / sum, im: amplitude.im / sum }),
        settled: single(pole.series()),
    })
}

pub(super) fn scratch_bytes(raster: &Raster) -> u64 {
    u64::from(raster.size().longest()) * (LINES * raster.channels() * 2 * size_of::<f32>()) as u64
}

pub(super) fn blur(raster: Raster, sigma: f64) -> Raster {
    if raster.has_alpha() { blur_in::<4>(raster, sigma) } else { blur_in::<3>(raster, sigma) }
}

/// Down, then across. What is kept between the two is rounded to bytes and still premultiplied; the second pass averages
/// that error away.
fn blur_in<const C: usize>(mut raster: Raster, sigma: f64) -> Raster {
    let terms = terms(sigma);
    let (width, height) = (raster.size().width as usize, raster.size().height as usize);
    let (pixels, _) = raster.pixels_mut().as_chunks_mut::<C>();

    let mut lines = Lines::<C>::new(height);
    for left in (0..width).step_by(LINES) {
        let count = LINES.min(width - left);
        for (y, step) in lines.input.chunks_exact_mut(LINES).enumerate() {
            for (sample, pixel) in step.iter_mut().zip(&pixels[y * width + left..][..count]) {
                *sample = premultiply(*pixel);
            }
        }
        lines.filter(&terms);
        for (y, step) in lines.output.chunks_exact(LINES).enumerate() {
            for (pixel, sample) in pixels[y * width + left..][..count].iter_mut().zip(step) {
                *pixel = sample.map(super::to_byte);
            }
        }
    }

    let mut lines = Lines::<C>::new(width);
    for top in (0..height).step_by(LINES) {
        let count = LINES.min(height - top);
        for line in 0..count {
            let row = &pixels[(top + line) * width..][..width];
            for (step, pixel) in lines.input.chunks_exact_mut(LINES).zip(row) {
                step[line] = pixel.map(f32::from);
            }
        }
        lines.filter(&terms);
        for line in 0..count {
            let row = &mut pixels[(top + line) * width..][..width];
            for (pixel, step) in row.iter_mut().zip(lines.output.chunks_exact(LINES)) {
                *pixel = unpremultiply(step[line]);
            }
        }
    }
    raster
}

/// Some lines side by side: sample n of line l is at n · LINES + l.
struct Lines<const C: usize> {
    input: Vec<[f32; C]>,
    output: Vec<[f32; C]>,
}

impl<const C: usize> Lines<C> {
    fn new(length: usize) -> Self {
        Self { input: vec![[0.0; C]; length * LINES], output: vec![[0.0; C]; length * LINES] }
    }

    fn filter(&mut self, terms: &[Term; 2]) {
        let (Some(first), Some(last)) = (self.input.first_chunk::<LINES>(), self.input.last_chunk::<LINES>()) else {
            return;
        };
        let mut states = terms.map(|term| State::<C>::settled(term, first));
        for (input, output) in self.input.chunks_exact(LINES).zip(self.output.chunks_exact_mut(LINES)) {
            for (step, state) in states.iter_mut().enumerate() {
                state.advance(input);
                state.emit(output, step == 0);
            }
        }
        // backwards the centre is left out: the state is a step behind
        let mut states = terms.map(|term| State::<C>::settled(term, last));
        for (input, output) in self.input.chunks_exact(LINES).rev().zip(self.output.chunks_exact_mut(LINES).rev()) {
            for state in &mut states {
                state.decay();
                state.emit(output, false);
                state.take(input);
            }
        }
    }
}

/// One term's state for all lines.
struct State<const C: usize> {
    term: Term,
    re: [[f32; C]; LINES],
    im: [[f32; C]; LINES],
}

impl<const C: usize> State<C> {
    fn settled(term: Term, edge: &[[f32; C]; LINES]) -> Self {
        let scaled = |by: f32| edge.map(|pixel| pixel.map(|value| value * by));
        Self { term, re: scaled(term.settled.0), im: scaled(term.settled.1) }
    }

    /// s ← p s + x
    fn advance(&mut self, input: &[[f32; C]]) {
        self.decay();
        self.take(input);
    }

    /// s ← p s
    fn decay(&mut self) {
        let (pole_re, pole_im) = self.term.pole;
        for (re, im) in self.re.as_flattened_mut().iter_mut().zip(self.im.as_flattened_mut()) {
            (*re, *im) = (pole_re * *re - pole_im * *im, pole_re * *im + pole_im * *re);
        }
    }

    /// s ← s + x
    fn take(&mut self, input: &[[f32; C]]) {
        for (re, value) in self.re.as_flattened_mut().iter_mut().zip(input.as_flattened()) {
            *re += value;
        }
    }

    /// y ← y + Re(A s), or y ← Re(A s) for the first term.
    fn emit(&self, output: &mut [[f32; C]], first: bool) {
        let (re_by, im_by) = self.term.amplitude;
        let keep = if first { 0.0 } else { 1.0 };
        for ((out, re), im) in
            output.as_flattened_mut().iter_mut().zip(self.re.as_flattened()).zip(self.im.as_flattened())
        {
            *out = keep * *out + (re_by * re - im_by * im);
        }
    }
}
