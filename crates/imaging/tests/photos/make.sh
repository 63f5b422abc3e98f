#!/usr/bin/env bash
# Makes the test photographs from two free ones. Needs ImageMagick, webp, exiftool, libvips-tools, python3-pip.
# The results are committed; tests need none of this.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pip download --quiet --no-deps --dest "$work" scikit-image==0.26.0
unzip -qo "$work"/scikit_image-*.whl 'skimage/data/*' -d "$work"
coffee="$work/skimage/data/coffee.png"
raccoon=../../../myriad/assets/demo.jpg

# The raccoon, small, as it is; lying on its side with the orientation that puts it upright; progressive; grey.
convert "$raccoon" -resize 512x384 -quality 88 -strip raccoon.jpg
convert raccoon.jpg -rotate 270 -quality 88 "$work/side.jpg"
cp "$work/side.jpg" orientation-6.jpg
exiftool -q -overwrite_original -n -Orientation=6 -ImageDescription=private -GPSLatitude=1 -GPSLatitudeRef=N orientation-6.jpg
convert raccoon.jpg -interlace JPEG -quality 80 -strip progressive.jpg
convert raccoon.jpg -resize 256x192 -colorspace Gray -quality 80 -strip grey.jpg
# CMYK, stored inverted with Adobe's marker as Photoshop does, without a profile.
convert "$coffee" -resize 240x160 -colorspace CMYK -quality 90 -strip cmyk.jpg
# A profile that is not sRGB: the pixels are Display P3's, so that they look as the raccoon does.
convert raccoon.jpg -resize 256x192 "$work/small.png"
vips icc_transform "$work/small.png" "$work/p3.tif" p3 --embedded --input-profile srgb
vips jpegsave "$work/p3.tif" display-p3.jpg --Q 85
# PNG: colour, 16 bit, a palette, partly transparent. WebP: lossy, lossless, with alpha and orientation. GIF: two frames.
convert "$coffee" -resize 300x200 -strip PNG24:coffee.png
convert "$coffee" -resize 120x80 -depth 16 -strip PNG48:sixteen.png
convert "$coffee" -resize 200x133 -strip -colors 64 PNG8:palette.png
convert "$coffee" -resize 150x100 -strip \( -size 150x100 radial-gradient:white-black \) \
  -alpha off -compose CopyOpacity -composite PNG32:alpha.png
cwebp -quiet -q 80 coffee.png -o lossy.webp
cwebp -quiet -lossless palette.png -o lossless.webp
cwebp -quiet -q 80 alpha.png -o alpha.webp
cp alpha.webp orientation-8.webp
exiftool -q -overwrite_original -n -Orientation=8 orientation-8.webp
convert "$coffee" -resize 180x120 -strip \( raccoon.jpg -resize 180x120! \) -colors 64 -loop 0 moving.gif
ls -l
du -cb -- *.jpg *.png *.webp *.gif | tail -1
