"""Draws the kept logs: python -m training.curves. One SVG each; losses as shares of those of the first epoch."""

from __future__ import annotations

import csv
from pathlib import Path

LOGS = Path(__file__).with_name("logs")
WIDTH, HEIGHT, LEFT, RIGHT, GAP = 640, 300, 40, 150, 24  # pixels
COLOURS = ("#1b6b5f", "#c0562f", "#3b5ba5", "#8a6d1d", "#7a3b83", "#555555", "#b03060")


def draw(log: Path) -> str:
    with log.open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.endswith("loss")]
    curves = {name: [float(row[name]) / float(rows[0][name]) for row in rows] for name in names}
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - 2 * GAP
    lines = [
        f'<text x="{LEFT}" y="14">{log.stem}: loss by epoch, 1 is that of the first ({len(rows)} epochs)</text>',
        *(f'<text x="8" y="{GAP + down * (1 - part) + 4:.0f}">{part}</text>' for part in (0, 0.5, 1)),
        f'<path d="M{LEFT} {GAP}v{down}h{across}" fill="none" stroke="#999"/>',
    ]
    ends = sorted(curves, key=lambda name: curves[name][-1])
    for place, (name, colour) in enumerate(zip(ends, COLOURS, strict=False)):
        points = [
            f"{LEFT + across * number / max(len(rows) - 1, 1):.1f},{GAP + down * (1 - value):.1f}"
            for number, value in enumerate(curves[name])
        ]
        lines.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}"/>')
        label = f"{name.removesuffix('_loss')} {curves[name][-1]:.2f}"
        lines.append(f'<text x="{WIDTH - RIGHT + 8}" y="{GAP + down - 16 * place}" fill="{colour}">{label}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="12">', *lines, "</svg>\n"])


if __name__ == "__main__":
    for log in sorted(LOGS.glob("*.csv")):
        log.with_suffix(".svg").write_text(draw(log))
