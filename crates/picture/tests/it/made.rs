//! Headers built byte by byte.

/// A PNG up to its first data chunk.
pub fn png(width: u32, height: u32, before_data: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut ihdr = Vec::new();
    ihdr.extend(width.to_be_bytes());
    ihdr.extend(height.to_be_bytes());
    ihdr.extend([8, 2, 0, 0, 0]);
    png_chunk(&mut file, *b"IHDR", &ihdr);
    for (kind, data) in before_data {
        png_chunk(&mut file, **kind, data);
    }
    png_chunk(&mut file, *b"IDAT", &[]);
    file
}

fn png_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    let body = [&kind, data].concat();
    let step = |crc: u32, _| {
        if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
    };
    let crc = !body.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step));
    file.extend(body);
    file.extend(crc.to_be_bytes());
}

/// A JPEG up to its frame header.
pub fn jpeg(width: u16, height: u16, components: u8, segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    for (kind, data) in segments {
        file.extend([0xff, *kind]);
        file.extend(u16::try_from(data.len() + 2).unwrap().to_be_bytes());
        file.extend(*data);
    }
    file.extend([0xff, 0xc2]);
    file.extend((8 + 3 * u16::from(components)).to_be_bytes());
    file.push(8);
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.push(components);
    file
}

/// A TIFF structure with an orientation, after some other tag.
pub fn tiff(orientation: u16, big: bool) -> Vec<u8> {
    let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut block = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    block.extend(long(8));
    block.extend(short(2));
    for (tag, value) in [(0x0100, 7), (0x0112, orientation)] {
        block.extend(short(tag));
        block.extend(short(3));
        block.extend(long(1));
        block.extend(short(value));
        block.extend(short(0));
    }
    block
}

/// An EXIF segment's content.
pub fn exif(orientation: u16, big: bool) -> Vec<u8> {
    [b"Exif\0\0".to_vec(), tiff(orientation, big)].concat()
}

/// A RIFF of WebP chunks.
pub fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, data) in chunks {
        body.extend(*kind);
        body.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend(*data);
        body.extend(vec![0; data.len() & 1]);
    }
    [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
}

/// The content of a VP8X chunk.
pub fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut data = vec![flags, 0, 0, 0];
    data.extend(&(width - 1).to_le_bytes()[..3]);
    data.extend(&(height - 1).to_le_bytes()[..3]);
    data
}

/// A GIF's first ten bytes.
pub fn gif(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes()].concat()
}
