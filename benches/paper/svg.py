"""Small plots as SVG text: lines over a linear or logarithmic axis, and stacked bars. No dependency."""

import html
import math

COLOURS = ("#0b6e4f", "#c1443c", "#2d5f9a", "#c98a1b", "#7a4b94", "#3a9aa8", "#6b6b6b", "#a0522d", "#94a03a", "#d4699a")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 250, 40, 50
FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="12">'
    '<rect width="{w}" height="{h}" fill="#fff"/><text x="{l}" y="22" font-size="15">{title}</text>'
)


def text(x, y, label, anchor="start", **more):
    more = "".join(f' {k.replace("_", "-")}="{v}"' for k, v in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(str(label))}</text>'


class Axis:
    def __init__(self, values, start, end, log):
        low, high = min(values), max(values)
        self.log, self.start, self.end = log, start, end
        if log:
            low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
            high += high == low
            self.ticks = [10.0**i for i in range(low, high + 1)]
        else:
            step = 10 ** math.floor(math.log10((high - low) or 1))
            step = next(s for s in (step / 5, step / 2, step, step * 2) if (high - low) / s <= 8)
            low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
            self.ticks = [low + i * step for i in range(round((high - low) / step) + 1)]
        self.low, self.high = low, high

    def at(self, value):
        value = math.log10(value) if self.log else value
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def lines(title, series, x_label, y_label, x_log=False, y_log=False):
    """`series`: name and points; a plot of them as text."""
    points = [p for _, ps in series for p in ps]
    x = Axis([p[0] for p in points], LEFT, WIDTH - RIGHT, x_log)
    y = Axis([p[1] for p in points], HEIGHT - BOTTOM, TOP, y_log)
    out = [FRAME.format(w=WIDTH, h=HEIGHT, l=LEFT, title=html.escape(title))]
    for tick in x.ticks:
        at = x.at(tick)
        out.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(text(at, HEIGHT - BOTTOM + 16, f"{tick:,.7g}", "middle"))
    for tick in y.ticks:
        at = y.at(tick)
        out.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, at + 4, f"{tick:,.7g}", "end"))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label, "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(text(16, middle, y_label, "middle", transform=f"rotate(-90 16 {middle:.1f})"))
    for i, (name, ps) in enumerate(series):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in ps)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{colour}"/>' for a, b in ps]
        out.append(f'<rect x="{WIDTH - RIGHT + 12}" y="{TOP + 18 * i}" width="10" height="10" fill="{colour}"/>')
        out.append(text(WIDTH - RIGHT + 28, TOP + 18 * i + 9, name, font_size=11))
    return "\n".join([*out, "</svg>", ""])


def bars(title, rows, unit):
    """`rows`: name and parts (name, value), drawn as one stacked bar each."""
    names = list(dict.fromkeys(part for _, parts in rows for part, _ in parts))
    most = max(sum(v for _, v in parts) for _, parts in rows)
    height = TOP + 30 * len(rows) + 40
    out = [FRAME.format(w=WIDTH, h=height, l=16, title=html.escape(title))]
    for i, (name, parts) in enumerate(rows):
        at, top = 260.0, TOP + 30 * i
        out.append(text(252, top + 14, name, "end"))
        for part, value in parts:
            width = value / most * 380
            colour = COLOURS[names.index(part) % len(COLOURS)]
            out.append(f'<rect x="{at:.1f}" y="{top}" width="{width:.1f}" height="20" fill="{colour}"/>')
            at += width
        out.append(text(at + 6, top + 14, f"{sum(v for _, v in parts):.3g} {unit}"))
    at = 16.0
    for i, name in enumerate(names):
        out.append(f'<rect x="{at:.1f}" y="{height - 26}" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>')
        out.append(text(at + 14, height - 17, name))
        at += 30 + 7 * len(name)
    return "\n".join([*out, "</svg>", ""])
