// What can be made of a picture: named chains of operations, made for the picture's own size.
const inside = (side) => ({ op: "resize", width: side, height: side, fit: "inside" });

/** The choices, in the order in which they are offered. */
export const RECIPES = [
  { name: "portrait", title: "Portrait", text: "Square crop where most detail is, 512 px", on: true,
    chain: ({ width, height }) => [{ op: "crop", width: Math.min(width, height), height: Math.min(width, height), gravity: "attention" }, inside(512)] },
  { name: "thumb", title: "Thumbnail", text: "Fits 320 px", chain: () => [inside(320)] },
  { name: "sharp", title: "Sharpen", text: "Fits 1280 px, crisper edges", on: true,
    chain: () => [inside(1280), { op: "sharpen", sigma: 1.2, amount: 1.5 }] },
  { name: "soft", title: "Blur", text: "Fits 1280 px, a soft backdrop", on: true, chain: () => [inside(1280), { op: "blur", sigma: 12 }] },
  { name: "mono", title: "Black and white", text: "Fits 1280 px", chain: () => [inside(1280), { op: "grayscale" }] },
  { name: "turned", title: "Quarter turn", text: "Clockwise, fits 1280 px", chain: () => [{ op: "rotate", degrees: 90 }, inside(1280)] },
  { name: "light", title: "Light for the web", text: "Fits 1600 px, WebP at quality 75",
    chain: () => [inside(1600), { op: "format", format: "webp", quality: 75 }] },
  { name: "custom", title: "Your own", text: "A chain you write yourself" },
];
const TITLES = { default: "Plain copy", ...Object.fromEntries(RECIPES.map(({ name, title }) => [name, title])) };
export const titleOf = (variant) => TITLES[variant] ?? variant;
