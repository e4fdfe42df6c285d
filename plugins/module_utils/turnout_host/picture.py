"""The picture of a receipt: latency against time, with what happened when. SVG, and nothing else.

A pure function of the receipt: the host draws it at the end, a controller draws it again.
"""

from __future__ import annotations

from html import escape

from . import receipt as receipts
from .receipt import Receipt
from .scales import LatencyAxis, TimeAxis

WIDTH, HEIGHT = 960, 400
LEFT, RIGHT, TOP, BOTTOM = 58.0, 944.0, 160.0, 360.0
LABEL_ROWS, LABEL_HEIGHT, LETTER = 4, 15, 7.4
# What a phase's line in the journal says about the traffic; `start` is the end of starting.
NAMES = {
    "start": "healthy",
    "share": "canary",
    "moved": "switch",
    "switch": "verified",
    "commit": "commit",
    "back": "went back",
    "settled": "old slot stopped",
}
STYLE = """
svg { --paper: #ffffff; --ink: #1b1f24; --faint: #626c78; --line: #dde1e6; --band: #eef1f4;
      --old: #7d8794; --new: #0a66c2; --failed: #d1242f;
      font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #15181d; --ink: #e8eaed; --faint: #9aa4b0; --line: #2e343c; --band: #1f242b;
        --old: #8f9aa8; --new: #58a6ff; --failed: #ff6b68; }
}
.paper { fill: var(--paper); } .band { fill: var(--band); }
text { fill: var(--ink); } .faint { fill: var(--faint); }
.title { font-size: 15px; font-weight: 600; }
.label { paint-order: stroke; stroke: var(--paper); stroke-width: 4; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--line); } .mark { stroke: var(--faint); stroke-dasharray: 3 3; }
.mark.moved { stroke: var(--ink); stroke-dasharray: none; stroke-width: 1.5; }
.part { stroke: var(--faint); stroke-width: 1; }
.old, .new { fill: none; stroke-linecap: round; stroke-width: 4; }
.old { stroke: var(--old); } .new { stroke: var(--new); }
.failed { fill: none; stroke: var(--failed); stroke-width: 2; stroke-linecap: round; }
""".strip()


def draw(receipt: Receipt, app: str) -> str:
    """Return the picture of a receipt as an SVG document."""
    marks = shown_marks(receipt)
    moments = [second for second, _, _ in receipt["samples"]] + [mark[0] for mark in marks]
    times = TimeAxis.over(min(moments, default=0.0), max(moments, default=1.0), LEFT, RIGHT)
    latencies = LatencyAxis.over([ms for _, ms, _ in receipt["samples"]], TOP, BOTTOM)
    parts = [
        *_head(receipt, app),
        *_old_answers(receipt, times),
        *_grid(times, latencies),
        *_marks(marks, times),
        *_samples(receipt, times, latencies),
        *_legend(receipt),
    ]
    return "\n".join([*parts, "</svg>\n"])


def shown_marks(receipt: Receipt) -> list[tuple[float, str, str]]:
    """Return second, kind and name of each mark that the picture shows, in order of time."""
    found = [
        (mark["seconds"], mark["mark"], NAMES[mark["mark"]])
        for mark in receipt["marks"]
        if mark["mark"] in NAMES
    ]
    found += [
        (mark["seconds"] - mark["took"], "begin", "start")
        for mark in receipt["marks"]
        if mark["mark"] == "start" and "took" in mark
    ]
    return sorted(found)


def _head(receipt: Receipt, app: str) -> list[str]:
    title = escape(f"{app}: {receipt['action']} of {receipt['release']}")
    said = escape(receipts.words(receipt))
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title said">',
        f'<title id="title">{title}</title>',
        f'<desc id="said">Latency of the probe\'s requests against time. {said}.</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<text class="title" x="16" y="27">{title}</text>',
        f'<text x="16" y="48">{said}</text>',
    ]


def _legend(receipt: Receipt) -> list[str]:
    entries = [
        ("old", "M0 0h0", f"before: {receipt['previous_release'] or 'nothing'}"),
        ("new", "M0 0h0", f"after: {receipt['release']}"),
        ("failed", "M-4 -4l8 8m-8 0l8 -8", "failed" if receipt["failed"] else ""),
    ]
    lines, x = [], 22.0
    for kind, shape, name in entries:
        if name:
            lines.append(f'<path class="{kind}" transform="translate({x:.0f} 68)" d="{shape}"/>')
            lines.append(f'<text class="faint" x="{x + 10:.0f}" y="72">{escape(name)}</text>')
            x += 24 + LETTER * len(name)
    return lines


def _grid(times: TimeAxis, latencies: LatencyAxis) -> list[str]:
    lines = []
    for y, name in latencies.ticks():
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        lines.append(f'<text class="faint end" x="{LEFT - 8}" y="{y + 4:.1f}">{name}</text>')
    for x, name in times.ticks():
        lines.append(f'<path class="grid" d="M{x:.1f} {BOTTOM}v5"/>')
        lines.append(f'<text class="faint middle" x="{x:.1f}" y="{BOTTOM + 20}">{name}</text>')
    # Where the scale changes, two strokes break the axis.
    lines += [
        f'<path class="part" d="M{x - 4:.1f} {BOTTOM + 6}l4 -12m2 12l4 -12"/>'
        for _, x in times.breaks[1:-1]
    ]
    return lines


def _old_answers(receipt: Receipt, times: TimeAxis) -> list[str]:
    """Shade the time after the switch in which the release before it still answered."""
    if not receipt["last_old_answer_ms"]:
        return []
    left, right = times.x(0), times.x(receipt["last_old_answer_ms"] / 1000)
    size = f'width="{max(1.0, right - left):.1f}" height="{BOTTOM - TOP}"'
    return [f'<rect class="band" x="{left:.1f}" y="{TOP}" {size}/>']


def _marks(marks: list[tuple[float, str, str]], times: TimeAxis) -> list[str]:
    lines, labels, taken = list[str](), list[str](), [0.0] * LABEL_ROWS
    for second, kind, name in marks:
        x, width = times.x(second), LETTER * len(name)
        start = x + 4 if x + width < WIDTH - 8 else x - width - 4
        row = next((row for row in range(LABEL_ROWS) if taken[row] <= start), LABEL_ROWS - 1)
        taken[row] = start + width + 4
        y = TOP - 8 - LABEL_HEIGHT * (LABEL_ROWS - 1 - row)
        lines.append(f'<path class="mark {kind}" d="M{x:.1f} {y - 9:.1f}V{BOTTOM}"/>')
        labels.append(f'<text class="label" x="{start:.1f}" y="{y:.1f}">{name}</text>')
    return [*lines, *labels]


def _samples(receipt: Receipt, times: TimeAxis, latencies: LatencyAxis) -> list[str]:
    """One path for each kind: a dot is a stroke without length, a failure a cross."""
    shapes = {"old": "h0", "new": "h0", "failed": "m-4 -4l8 8m-8 0l8 -8"}
    lines = []
    for kind, shape in shapes.items():
        points = [
            f"M{times.x(second):.1f} {latencies.y(ms):.1f}{shape}"
            for second, ms, whose in receipt["samples"]
            if whose == kind
        ]
        if points:
            lines.append(f'<path class="{kind}" d="{"".join(points)}"/>')
    if not receipt["samples"]:
        middle = f'x="{(LEFT + RIGHT) / 2}" y="{(TOP + BOTTOM) / 2}"'
        lines.append(f'<text class="faint middle" {middle}>no request seen</text>')
    return lines
