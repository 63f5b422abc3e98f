//! A 12-megapixel JPEG to 512 px: CPU per picture and memory above idle; beside it a warm `sharp` doing the same.
//!
//! `cargo bench -p imaging --bench twelve_megapixels [-- --sharp DIR]`, DIR holding `node_modules/sharp`. Prints figures, asserts nothing.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use imaging::Limits;
use picture::Request;

const ROUNDS: usize = 5;
const PICTURES: u32 = 20;

const SHARP: &str = r"
const sharp = require('sharp');
sharp.concurrency(1);
const [file, count] = [process.argv[1], Number(process.argv[2])];
const source = require('fs').readFileSync(file);
const one = () => sharp(source).rotate().resize(512).jpeg({ quality: 82 }).toBuffer();
(async () => {
  for (let i = 0; i < 5; i++) await one();
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) await one();
  const used = process.cpuUsage(start);
  console.log((used.user + used.system) / 1000 / count);
})();
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--sharp").skip(1);
    let source = twelve_megapixels()?;
    let request = Request::parse(Some(&serde_json::json!([{"op": "resize", "width": 512}])), None)?;
    let limits = Limits::default();

    reset_peak();
    let idle_kb = status_kb("VmRSS")?;
    imaging::transform(&source, &request, &limits)?;
    let peak_kb = status_kb("VmHWM")?;

    let sharp = arguments.next();
    let file = std::env::temp_dir().join(format!("twelve-megapixels-{}.jpg", std::process::id()));
    std::fs::write(&file, &source)?;
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let before = cpu_ms()?;
        for _ in 0..PICTURES {
            imaging::transform(&source, &request, &limits)?;
        }
        ours = ours.min((cpu_ms()? - before) / f64::from(PICTURES));
        if let Some(directory) = &sharp {
            theirs = theirs.min(sharp_ms(directory, &file)?);
        }
    }
    std::fs::remove_file(&file)?;

    println!("imaging.source_kb {}", source.len() / 1024);
    println!("imaging.cpu_ms_per_picture {ours:.2}");
    println!("imaging.memory_above_idle_mib {:.1}", f64::from(peak_kb.saturating_sub(idle_kb)) / 1024.0);
    if sharp.is_some() {
        println!("sharp.cpu_ms_per_picture {theirs:.2}");
        println!("imaging.cpu_over_sharp {:.2}", ours / theirs);
    }
    Ok(())
}

/// The demo's photograph 4 × 4 times side by side: 4096 × 3072 pixels with a photograph's detail.
fn twelve_megapixels() -> Result<Vec<u8>, Box<dyn Error>> {
    let photo = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../myriad/assets/demo.jpg"))?;
    let photo = imaging::decode(&photo, &Limits::default())?;
    let pixels: Vec<u8> = (0..4).flat_map(|_| photo.rows().flat_map(|row| row.repeat(4))).collect();
    let (width, height) = (photo.size().width as usize * 4, photo.size().height as usize * 4);
    let mut compressor = turbojpeg::Compressor::new()?;
    compressor.set_quality(90)?;
    compressor.set_subsamp(turbojpeg::Subsamp::Sub2x2)?;
    let format = turbojpeg::PixelFormat::RGB;
    Ok(compressor.compress_to_vec(turbojpeg::Image { pixels: &pixels[..], width, pitch: width * 3, height, format })?)
}

fn sharp_ms(directory: &str, file: &Path) -> Result<f64, Box<dyn Error>> {
    let output =
        Command::new("node").current_dir(directory).args(["-e", SHARP]).arg(file).arg(PICTURES.to_string()).output()?;
    let answer = String::from_utf8(output.stdout)?;
    answer.trim().parse().map_err(|_| format!("sharp: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// CPU time of this thread in milliseconds.
fn cpu_ms() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("no schedstat")?.parse()?;
    Ok(nanoseconds / 1e6)
}

/// Lets the kernel count the peak anew; where it may not, the peak is that of the preparation too.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status_kb(name: &str) -> Result<u32, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
}
