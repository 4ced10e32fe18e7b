# SPDX-License-Identifier: Apache-2.0
"""The bench of load as an SVG: what is delivered of what is offered above, the collector's CPU time below. One line a
series; a ring is where the highest rate without loss was found."""

import html
import math

WIDTH, LEFT, RIGHT, TOP = 960, 80, 250, 56
HEIGHTS = {"delivered": 330, "cpu": 150}
GAP = 64
COLOURS = ("#0b6e99", "#d1495b", "#2e8b57", "#e09f3e", "#6a4c93", "#222222", "#8d5524", "#999999", "#b5179e", "#5f8a00")
INK, GRID = "#333333", "#dddddd"


def nice(most):
    """Step and end of an axis: four to eight steps of 1, 2 or 5."""
    if most <= 0:
        return 1, 1
    power = 10 ** math.floor(math.log10(most / 4))
    step = next(power * part for part in (1, 2, 5, 10) if most / (power * part) <= 8)
    return step, step * math.ceil(most / step)


def label(value):
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


class Panel:
    def __init__(self, top, height, end_x, end_y):
        self.top, self.height, self.end_x, self.end_y = top, height, end_x, end_y

    def x(self, value):
        return LEFT + value / self.end_x * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return self.top + self.height - value / self.end_y * self.height

    def place(self, x, y):
        return f"{self.x(x):.1f},{self.y(y):.1f}"

    def axes(self, step_x, step_y, unit=label):
        for number in range(round(self.end_x / step_x) + 1):
            x = self.x(number * step_x)
            yield f'<line x1="{x:.1f}" y1="{self.top}" x2="{x:.1f}" y2="{self.top + self.height}" stroke="{GRID}"/>'
            yield text(x, self.top + self.height + 18, label(number * step_x), "middle")
        for number in range(round(self.end_y / step_y) + 1):
            y = self.y(number * step_y)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
            yield text(LEFT - 8, y + 4, unit(number * step_y), "end")

    def curve(self, points, colour):
        way = " ".join(self.place(x, y) for x, y in points)
        yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
        for x, y in points:
            yield f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="2.5" fill="{colour}"/>'


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
            f'fill="{INK}">{html.escape(words)}</text>')


def name_of(series, several):
    parts = [series["name"]]
    if several["cores"]:
        parts.append(f"{series['cores']} cores")
    if several["exporters"]:
        parts.append(f"{series['exporters']:,} exporters")
    return ", ".join(parts)


def legend(all_series, several):
    for number, series in enumerate(all_series):
        y = TOP + 10 + 36 * number
        colour = COLOURS[number % len(COLOURS)]
        x = WIDTH - RIGHT + 18
        yield f'<line x1="{x}" y1="{y}" x2="{x + 20}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        yield text(x + 26, y + 4, name_of(series, several), weight="bold")
        more = "at least " if series["sender_limit"] else ""
        yield text(x + 26, y + 18, f"without loss: {more}{label(round(series['most'], -3))}/s", size=11)


def panels(all_series):
    most = max((point["offered"] for series in all_series for point in series["points"]), default=1)
    high = max((point["delivered"] for series in all_series for point in series["points"]), default=1)
    busy = max((point["cpu"] for series in all_series for point in series["points"]), default=1)
    (step_x, end_x), (step_y, end_y), (step_cpu, end_cpu) = nice(most), nice(high), nice(busy)
    upper = Panel(TOP, HEIGHTS["delivered"], end_x, end_y)
    lower = Panel(TOP + HEIGHTS["delivered"] + GAP, HEIGHTS["cpu"], end_x, end_cpu)
    yield from upper.axes(step_x, step_y)
    yield from lower.axes(step_x, step_cpu, lambda value: f"{value:.0%}")
    end = min(end_x, end_y)
    yield (f'<line x1="{upper.x(0):.1f}" y1="{upper.y(0):.1f}" x2="{upper.x(end):.1f}" y2="{upper.y(end):.1f}" '
           f'stroke="{INK}" stroke-dasharray="4 4" opacity="0.5"/>')
    for number, series in enumerate(all_series):
        colour = COLOURS[number % len(COLOURS)]
        yield from upper.curve([(point["offered"], point["delivered"]) for point in series["points"]], colour)
        yield from lower.curve([(point["offered"], point["cpu"]) for point in series["points"]], colour)
        if series["most"]:
            yield (f'<circle cx="{upper.x(series["most"]):.1f}" cy="{upper.y(series["most"]):.1f}" r="7" fill="none" '
                   f'stroke="{colour}" stroke-width="2"/>')
    yield text(LEFT, TOP - 10, "records delivered a second", size=12)
    yield text(LEFT, lower.top - 10, "CPU time of the collector a second: 100% is a processor", size=12)
    yield text((LEFT + WIDTH - RIGHT) / 2, lower.top + lower.height + 38, "records offered a second", "middle")


def picture(result):
    all_series = [series for series in result["series"] if series["points"]]
    several = {key: len({series[key] for series in all_series}) > 1 for key in ("cores", "exporters")}
    height = TOP + sum(HEIGHTS.values()) + GAP + 56
    one = all_series[0] if all_series else {"cores": 0, "exporters": 0}
    title = f"{result['format']} over veth"
    if not several["exporters"]:
        title += f", {one['exporters']:,} exporters"
    if not several["cores"]:
        title += f", collector on {one['cores']} core{'s' if one['cores'] > 1 else ''}"
    machine = result["machine"]
    body = [*panels(all_series), *legend(all_series, several), text(LEFT, 22, title, size=15, weight="bold"),
            text(WIDTH - 12, 22, f"{machine['processor']}, Linux {machine['kernel']}", "end", 11)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n")
