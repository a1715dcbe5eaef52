"""python3 tools/make_icons.py: draws web/icons/ anew. Needs nothing but Python.

The mark is five bars of an equaliser, in the colours of a sunset.
"""

import math
import struct
import zlib
from pathlib import Path

ICONS = Path(__file__).resolve().parent.parent / "web" / "icons"
GROUND_TOP, GROUND_BOTTOM = (38, 30, 58), (15, 13, 22)
SUN_TOP, SUN_BOTTOM = (255, 201, 107), (255, 98, 84)
#: centre, half height of each bar, as parts of the width
BARS = ((0.275, 0.10), (0.3875, 0.20), (0.5, 0.285), (0.6125, 0.20), (0.725, 0.10))
HALF_BAR = 0.037
SAMPLES = 3


def mix(a, b, part):
    return tuple(x + (y - x) * part for x, y in zip(a, b))


def in_round_square(x, y, radius):
    dx = max(abs(x - 0.5) - (0.5 - radius), 0)
    dy = max(abs(y - 0.5) - (0.5 - radius), 0)
    return math.hypot(dx, dy) <= radius


def in_bars(x, y):
    for centre, half in BARS:
        over = max(abs(y - 0.5) - (half - HALF_BAR), 0)
        if math.hypot(x - centre, over) <= HALF_BAR:
            return True
    return False


def colour(x, y, radius):
    """RGBA at a point of the unit square."""
    if radius and not in_round_square(x, y, radius):
        return (0, 0, 0, 0)
    if in_bars(x, y):
        return (*mix(SUN_TOP, SUN_BOTTOM, min(1, max(0, (y - 0.2) / 0.6))), 255)
    return (*mix(GROUND_TOP, GROUND_BOTTOM, y), 255)


def pixel(column, row, size, scale, radius):
    total = [0.0, 0.0, 0.0, 0.0]
    for i in range(SAMPLES * SAMPLES):
        x = (column + (i % SAMPLES + 0.5) / SAMPLES) / size
        y = (row + (i // SAMPLES + 0.5) / SAMPLES) / size
        red, green, blue, alpha = colour(0.5 + (x - 0.5) / scale, 0.5 + (y - 0.5) / scale, radius)
        for n, value in enumerate((red * alpha, green * alpha, blue * alpha, alpha)):
            total[n] += value
    alpha = total[3]
    if not alpha:
        return (0, 0, 0, 0)
    return (*(round(value / alpha) for value in total[:3]), round(alpha / SAMPLES**2))


def png(size, *, scale=1.0, radius=0.0):
    """The icon as PNG bytes. `scale` below 1 leaves room around the mark, for masks."""
    rows = b"".join(
        b"\0" + bytes(part for column in range(size) for part in pixel(column, row, size, scale, radius))
        for row in range(size)
    )

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def svg():
    bars = "".join(
        f'<rect x="{(c - HALF_BAR) * 100:.2f}" y="{(0.5 - h) * 100:.2f}" width="{HALF_BAR * 200:.2f}"'
        f' height="{h * 200:.2f}" rx="{HALF_BAR * 100:.2f}"/>'
        for c, h in BARS
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><defs>'
        '<linearGradient id="g" x2="0" y2="1"><stop stop-color="#261e3a"/><stop offset="1" stop-color="#0f0d16"/>'
        '</linearGradient><linearGradient id="s" gradientUnits="userSpaceOnUse" x1="0" x2="0" y1="20" y2="80">'
        '<stop stop-color="#ffc96b"/><stop offset="1" stop-color="#ff6254"/></linearGradient></defs>'
        f'<rect width="100" height="100" rx="22" fill="url(#g)"/><g fill="url(#s)">{bars}</g></svg>\n'
    )


def main():
    ICONS.mkdir(exist_ok=True)
    (ICONS / "icon.svg").write_text(svg(), encoding="utf-8")
    (ICONS / "icon-192.png").write_bytes(png(192, radius=0.22))
    (ICONS / "icon-512.png").write_bytes(png(512, radius=0.22))
    (ICONS / "icon-180.png").write_bytes(png(180))
    (ICONS / "icon-maskable-512.png").write_bytes(png(512, scale=0.8))


if __name__ == "__main__":
    main()
