#!/usr/bin/env bash
# Makes the reference pictures with libvips (and ImageMagick where libvips computes something else). Needs libvips-tools
# and imagemagick. The results are committed; the tests only compare with them.
set -euo pipefail
cd "$(dirname "$0")/photos"
out=../golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# Any picture to a small PNG without metadata; floats are rounded.
save() { vips copy "$1" "$work/save.v"; vips linear "$work/save.v" "$work/round.v" 1 0.5; vips cast "$work/round.v" "$work/byte.v" uchar; vips copy "$work/byte.v" "$out/$2.png[strip,compression=9]"; }
keep() { vips copy "$1" "$out/$2.png[strip,compression=9]"; }
blur() { vips gaussblur "$1" "$work/g.v" "$3" --min-ampl 0.001 --precision float; save "$work/g.v" "$2"; }
# in + amount * (in - blur)
sharpen() {
  vips gaussblur "$1" "$work/g.v" "$3" --min-ampl 0.001 --precision float
  vips subtract "$1" "$work/g.v" "$work/d.v"; vips linear "$work/d.v" "$work/a.v" "$4" 0
  vips add "$1" "$work/a.v" "$work/s.v"
}

vips crop coffee.png "$work/part.v" 90 60 120 90
vips crop raccoon.jpg "$work/face.v" 220 110 128 96
keep "$work/face.v" crop

vips resize coffee.png "$work/r.v" 0.4 --gap 0; keep "$work/r.v" resize
vips resize coffee.png "$work/r.v" 0.3 --vscale 0.5 --gap 0; keep "$work/r.v" fill
vips resize coffee.png "$work/r.v" 0.5 --gap 0; vips crop "$work/r.v" "$work/c.v" 25 0 100 100; keep "$work/c.v" cover
vips resize raccoon.jpg "$work/r.v" 0.1953125 --gap 0; keep "$work/r.v" scaled-decode
vips crop coffee.png "$work/small.png" 120 80 60 45
convert "$work/small.png" -filter Lanczos -define filter:blur=1 -resize 200% -strip "PNG24:$out/enlarge.png"

blur "$work/part.v" blur-0.8 0.8
blur "$work/part.v" blur-4 4
blur "$work/part.v" blur-12 12
blur coffee.png blur-40-large 40; vips crop "$out/blur-40-large.png" "$work/c.v" 90 60 120 90; keep "$work/c.v" blur-40
rm "$out/blur-40-large.png"
sharpen "$work/part.v" x 1 1; save "$work/s.v" sharpen-1
sharpen "$work/part.v" x 3 2.5; save "$work/s.v" sharpen-3

printf '3 3\n0.2126 0.7152 0.0722\n0.2126 0.7152 0.0722\n0.2126 0.7152 0.0722\n' > "$work/luma.mat"
vips recomb "$work/part.v" "$work/l.v" "$work/luma.mat"; save "$work/l.v" grayscale
vips rot "$work/part.v" "$work/t.v" d90; keep "$work/t.v" rotate
vips flip "$work/part.v" "$work/t.v" horizontal; keep "$work/t.v" flip

vips premultiply alpha.png "$work/p.v"
vips resize "$work/p.v" "$work/r.v" 0.4 --gap 0; vips unpremultiply "$work/r.v" "$work/u.v"; save "$work/u.v" alpha-resize
vips gaussblur "$work/p.v" "$work/g.v" 3 --min-ampl 0.001 --precision float
vips unpremultiply "$work/g.v" "$work/u.v"; vips crop "$work/u.v" "$work/c.v" 15 10 120 80; save "$work/c.v" alpha-blur
vips flatten alpha.png "$work/f.v" --background 255; save "$work/f.v" white

vips icc_transform display-p3.jpg "$work/i.v" srgb --embedded --intent relative; vips crop "$work/i.v" "$work/c.v" 64 48 128 96; keep "$work/c.v" profile
keep moving.gif first-frame
keep palette.png palette
vips msb sixteen.png "$work/m.v"; keep "$work/m.v" sixteen
vips crop lossy.webp "$work/c.v" 90 60 120 90; keep "$work/c.v" webp
vips crop progressive.jpg "$work/c.v" 220 110 128 96; keep "$work/c.v" progressive
vips autorot orientation-6.jpg "$work/o.v"; vips crop "$work/o.v" "$work/c.v" 220 110 128 96; keep "$work/c.v" upright
# CMYK without a profile: the plain formula, which is how the photograph was made
convert coffee.png -filter Lanczos -resize 240x160 -crop 96x72+72+48 +repage -strip "PNG24:$out/cmyk.png"

# a chain: crop, resize, sharpen, blur, grayscale
vips crop raccoon.jpg "$work/c.v" 160 80 256 192
vips resize "$work/c.v" "$work/r.v" 0.5 --gap 0
sharpen "$work/r.v" x 1 1.5; vips linear "$work/s.v" "$work/1.v" 1 0.5; vips cast "$work/1.v" "$work/2.v" uchar
vips gaussblur "$work/2.v" "$work/3.v" 1.5 --min-ampl 0.001 --precision float; save "$work/3.v" chain
du -cb "$out"/*.png | tail -1
