// Album art, drawn: six shapes in three colours each.

import { html } from "./html.js";

let drawn = 0;

// An SVG picture of `{ shape, colours: [ground, middle, light] }`.
export function drawArt(art) {
  drawn += 1;
  const [ground, middle, light] = art.colours;
  const id = `art-${drawn}`;
  return html`<svg class="art" viewBox="0 0 100 100" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
    <defs><linearGradient id="${id}" x1="0" y1="0" x2="0.35" y2="1">
      <stop offset="0" stop-color="${ground}"/><stop offset="1" stop-color="${middle}"/>
    </linearGradient></defs>
    <rect width="100" height="100" fill="url(#${id})"/>${SHAPES[art.shape](ground, middle, light)}</svg>`;
}

const SHAPES = {
  sun(ground, middle, light) {
    const bands = [52, 60, 67, 73, 78, 82];
    return html`<circle cx="50" cy="56" r="29" fill="${light}"/>
      ${bands.map((y, i) => html`<rect y="${y}" width="100" height="${1.2 + i * 0.9}" fill="${middle}"/>`)}
      <rect y="84" width="100" height="16" fill="${ground}" opacity="0.55"/>`;
  },
  waves(ground, middle, light) {
    const rows = [34, 47, 60, 73, 86];
    return html`<circle cx="73" cy="24" r="9" fill="${light}"/>
      ${rows.map((y, i) => {
        const lift = 7 + i * 1.5;
        const path = `M-10 ${y} Q 12 ${y - lift} 35 ${y} T 80 ${y} T 125 ${y} V 110 H -10 Z`;
        return html`<path d="${path}" fill="${i % 2 ? middle : light}" opacity="${0.2 + i * 0.15}"/>`;
      })}
      <rect y="92" width="100" height="8" fill="${ground}" opacity="0.5"/>`;
  },
  rings(ground, middle, light) {
    const radii = [44, 35, 26, 17];
    return html`${radii.map(
      (r, i) => html`<circle cx="${42 + i * 3}" cy="${58 - i * 3}" r="${r}" fill="none" stroke="${light}"
        stroke-width="${0.7 + i * 0.5}" opacity="${0.3 + i * 0.18}"/>`,
    )}
      <circle cx="56" cy="44" r="9" fill="${light}"/><circle cx="84" cy="70" r="3.4" fill="${light}"/>
      <circle cx="20" cy="28" r="1.6" fill="${middle}"/><circle cx="87" cy="16" r="1.2" fill="${light}"/>`;
  },
  peaks(ground, middle, light) {
    return html`<circle cx="66" cy="32" r="13" fill="${light}"/>
      <path d="M-5 78 L24 42 L42 62 L60 38 L105 84 V105 H-5Z" fill="${ground}" opacity="0.55"/>
      <path d="M-5 92 L18 66 L38 84 L64 58 L105 94 V105 H-5Z" fill="${ground}"/>
      <path d="M64 58 L72 65 L66 68 L61 66 L57 65Z" fill="${light}" opacity="0.75"/>`;
  },
  petals(ground, middle, light) {
    const turns = [0, 45, 90, 135, 180, 225, 270, 315];
    return html`${turns.map(
      (turn, i) => html`<ellipse cx="50" cy="29" rx="10.5" ry="22" fill="${i % 2 ? middle : light}"
        opacity="${i % 2 ? 0.95 : 0.7}" transform="rotate(${turn} 50 50)"/>`,
    )}
      <circle cx="50" cy="50" r="8.5" fill="${ground}"/>`;
  },
  tiles(ground, middle, light) {
    const quarters = [
      [0, 0, "M0 0 H33 A33 33 0 0 1 0 33Z", light],
      [33, 0, "M33 33 V0 A33 33 0 0 0 0 33Z", middle],
      [67, 0, "M0 33 V0 A33 33 0 0 1 33 33Z", ground],
      [0, 33, "M33 0 V33 A33 33 0 0 1 0 0Z", ground],
      [33, 33, "M16.5 3 A13.5 13.5 0 1 1 16.4 3Z", light],
      [67, 33, "M0 0 H33 A33 33 0 0 1 0 33Z", middle],
      [0, 67, "M0 33 V0 A33 33 0 0 1 33 33Z", middle],
      [33, 67, "M33 33 V0 A33 33 0 0 0 0 33Z", ground],
      [67, 67, "M33 0 V33 A33 33 0 0 1 0 0Z", light],
    ];
    return html`${quarters.map(
      ([x, y, path, colour]) => html`<path d="${path}" fill="${colour}" transform="translate(${x} ${y})"/>`,
    )}`;
  },
};
