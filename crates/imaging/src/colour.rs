//! Profiles to sRGB. A profile that cannot be used is ignored, as browsers do; the pixels count.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};
use picture::Size;

use crate::Raster;

/// Pixels converted at a time.
const BATCH: usize = 4_096;

/// Converts pixels described by an ICC profile to sRGB, in place. `is_grey` where the file holds grey values.
pub fn to_srgb(raster: &mut Raster, profile: &[u8], is_grey: bool) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return;
    };
    match (profile.color_space, is_grey) {
        (DataColorSpace::Gray, true) => grey_to_srgb(raster, &profile),
        (DataColorSpace::Rgb, false) => colour_to_srgb(raster, &profile),
        _ => {}
    }
}

fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<Arc<Transform8BitExecutor>> {
    profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default()).ok()
}

fn colour_to_srgb(raster: &mut Raster, profile: &ColorProfile) {
    let layout = if raster.has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let Some(transform) = transform(profile, layout, layout) else {
        return;
    };
    if is_identity(profile) {
        return;
    }
    let bytes = BATCH * raster.channels();
    let mut batch = vec![0; bytes];
    for chunk in raster.pixels_mut().chunks_mut(bytes) {
        let batch = &mut batch[..chunk.len()];
        if transform.transform(chunk, batch).is_ok() {
            chunk.copy_from_slice(batch);
        }
    }
}

/// Most profiles are sRGB under some name. Those are left alone, so that nothing is rounded for nothing.
fn is_identity(profile: &ColorProfile) -> bool {
    // 6 x 6 x 6 colours
    let level = |digit: u8| digit % 6 * 51;
    let lattice: Vec<u8> =
        (0..216).flat_map(|colour: u8| [level(colour / 36), level(colour / 6), level(colour)]).collect();
    let mut converted = vec![0; lattice.len()];
    transform(profile, Layout::Rgb, Layout::Rgb).is_some_and(|same| same.transform(&lattice, &mut converted).is_ok())
        && lattice.iter().zip(&converted).all(|(before, after)| before.abs_diff(*after) <= 1)
}

fn grey_to_srgb(raster: &mut Raster, profile: &ColorProfile) {
    let greys: Vec<u8> = (0..=255).collect();
    let mut table = vec![0; 256 * 3];
    let done =
        transform(profile, Layout::Gray, Layout::Rgb).is_some_and(|grey| grey.transform(&greys, &mut table).is_ok());
    if done {
        let channels = raster.channels();
        for pixel in raster.pixels_mut().chunks_exact_mut(channels) {
            let at = usize::from(pixel[0]) * 3;
            pixel[..3].copy_from_slice(&table[at..at + 3]);
        }
    }
}

/// CMYK samples to sRGB: by their profile, else by the plain formula (1 − ink)(1 − black). Adobe stores inverted.
pub fn from_cmyk(size: Size, mut samples: Vec<u8>, inverted: bool, profile: Option<&[u8]>) -> Raster {
    if inverted {
        for sample in &mut samples {
            *sample = 255 - *sample;
        }
    }
    let mut raster = Raster::new(size, false);
    let by_profile = profile
        .and_then(|profile| ColorProfile::new_from_slice(profile).ok())
        .filter(|profile| profile.color_space == DataColorSpace::Cmyk)
        .and_then(|profile| transform(&profile, Layout::Rgba, Layout::Rgb));
    for (inks, pixels) in samples.chunks(BATCH * 4).zip(raster.pixels_mut().chunks_mut(BATCH * 3)) {
        if by_profile.as_ref().is_some_and(|profile| profile.transform(inks, pixels).is_ok()) {
            continue;
        }
        for (&[cyan, magenta, yellow, black], pixel) in
            inks.as_chunks::<4>().0.iter().zip(pixels.as_chunks_mut::<3>().0)
        {
            let light = u16::from(255 - black);
            *pixel = [cyan, magenta, yellow]
                .map(|ink| u8::try_from((u16::from(255 - ink) * light + 127) / 255).unwrap_or(u8::MAX));
        }
    }
    raster
}
