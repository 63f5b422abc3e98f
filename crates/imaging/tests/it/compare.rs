//! How far two pictures are apart.

use imaging::Raster;

/// Differences over all samples, in levels of 255.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    pub mean: f64,
    pub most: u8,
    /// Peak signal to noise ratio in dB.
    pub psnr: f64,
}

/// Compares two pictures of one size. With alpha: as laid on white and on its own, so that what nobody can see is no
/// difference.
pub fn difference(one: &Raster, other: &Raster) -> Difference {
    assert_eq!((one.size(), one.has_alpha()), (other.size(), other.has_alpha()));
    let samples = |raster: &Raster| {
        let alpha = raster.pixels().iter().skip(3).step_by(4).copied().filter(|_| raster.has_alpha());
        [raster.on_white().pixels().to_vec(), alpha.collect()].concat()
    };
    let (one, other) = (samples(one), samples(other));
    let apart = || one.iter().zip(&other).map(|(one, other)| one.abs_diff(*other));
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let count = one.len() as f64;
    let squares: f64 = apart().map(|apart| f64::from(apart).powi(2)).sum();
    Difference {
        mean: apart().map(f64::from).sum::<f64>() / count,
        most: apart().max().unwrap(),
        psnr: 10.0 * (255.0f64.powi(2) / (squares / count).max(1e-9)).log10(),
    }
}

/// Structural similarity of the luma (Wang, Bovik, Sheikh, Simoncelli 2004) over windows of 8 × 8, averaged; 1 is equal.
pub fn ssim(one: &Raster, other: &Raster) -> f64 {
    const WINDOW: usize = 8;
    assert_eq!(one.size(), other.size());
    let luma = |raster: &Raster| -> Vec<f64> {
        let weigh =
            |pixel: &[u8]| 0.2126 * f64::from(pixel[0]) + 0.7152 * f64::from(pixel[1]) + 0.0722 * f64::from(pixel[2]);
        raster.pixels().chunks_exact(raster.channels()).map(weigh).collect()
    };
    let (one_luma, other_luma) = (luma(one), luma(other));
    let (width, height) = (one.size().width as usize, one.size().height as usize);
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let mut scores = Vec::new();
    for top in (0..=height - WINDOW).step_by(4) {
        for left in (0..=width - WINDOW).step_by(4) {
            let places = (top..top + WINDOW).flat_map(|y| (left..left + WINDOW).map(move |x| y * width + x));
            let pairs: Vec<(f64, f64)> = places.map(|at| (one_luma[at], other_luma[at])).collect();
            let mean = |value: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(value).sum::<f64>() / 64.0;
            let (mean_one, mean_other) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
            let var_one = mean(&|pair| (pair.0 - mean_one).powi(2));
            let var_other = mean(&|pair| (pair.1 - mean_other).powi(2));
            let covariance = mean(&|pair| (pair.0 - mean_one) * (pair.1 - mean_other));
            scores.push(
                (2.0 * mean_one * mean_other + c1) * (2.0 * covariance + c2)
                    / ((mean_one.powi(2) + mean_other.powi(2) + c1) * (var_one + var_other + c2)),
            );
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let count = scores.len() as f64;
    scores.iter().sum::<f64>() / count
}
