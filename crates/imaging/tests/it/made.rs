//! Hostile and odd files, built byte by byte.

/// A PNG of any chunks, checksums right.
pub fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let body = [&kind[..], data].concat();
        file.extend(&body);
        let step = |crc: u32, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        };
        file.extend((!body.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))).to_be_bytes());
    }
    file
}

/// IHDR of an 8 bit picture of a colour type.
pub fn ihdr(width: u32, height: u32, colour: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, colour, 0, 0, 0]].concat()
}

/// zlib data of stored blocks.
pub fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = data.chunks(65_535).collect();
    for (index, block) in blocks.iter().enumerate() {
        out.push(u8::from(index + 1 == blocks.len()));
        let length = u16::try_from(block.len()).unwrap();
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(*block);
    }
    let sums = data.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend((sums.1 << 16 | sums.0).to_be_bytes());
    out
}

/// zlib data that inflates to 258 times its size: one literal, then the longest matches, all zero.
pub fn zlib_bomb(kilobytes: usize) -> Vec<u8> {
    // fixed Huffman: literal 0 = 00110000, length 258 = 11000101, distance 1 = 00000
    let mut bits = vec![true, true, false];
    bits.extend([false, false, true, true, false, false, false, false]);
    for _ in 0..kilobytes * 4 {
        bits.extend([true, true, false, false, false, true, false, true, false, false, false, false, false]);
    }
    bits.extend([false; 7]);
    let bytes = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, &bit| all << 1 | u8::from(bit)));
    [vec![0x78, 0x01], bytes.collect()].concat()
}

/// A GIF of one frame of clear codes and one colour, which may lie anywhere on its canvas.
pub fn gif(canvas: (u16, u16), at: (u16, u16), frame: (u16, u16)) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend(canvas.0.to_le_bytes());
    file.extend(canvas.1.to_le_bytes());
    file.extend([0x80, 0, 0, 200, 10, 10, 10, 10, 200]);
    file.push(0x2c);
    for value in [at.0, at.1, frame.0, frame.1] {
        file.extend(value.to_le_bytes());
    }
    file.extend([0, 2]);
    // codes of 3 bits: clear (4), two pixels of colour 1, again, end (5)
    let count = usize::from(frame.0) * usize::from(frame.1);
    let mut codes = Vec::new();
    for start in (0..count).step_by(2) {
        codes.push(4u8);
        codes.extend(vec![1; 2.min(count - start)]);
    }
    codes.push(5);
    let bits: Vec<bool> = codes.iter().flat_map(|code| (0..3).map(move |bit| code >> bit & 1 == 1)).collect();
    let data: Vec<u8> =
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, &bit| all << 1 | u8::from(bit))).collect();
    for block in data.chunks(255) {
        file.push(u8::try_from(block.len()).unwrap());
        file.extend(block);
    }
    file.extend([0, 0x3b]);
    file
}
