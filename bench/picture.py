"""The run as one SVG and as Markdown: bars of the ratios with their goals, lines of what grows."""

import html
import math

WIDTH, LEFT, RIGHT, BAR, GAP = 960, 190, 210, 14, 8
INK, FAINT, STRATA, SHORT, PEERS = '#222', '#ccc', '#2a7f62', '#c0562f', ['#8a8fa8', '#b9bccb', '#6f7386']
SERIES = ['#2a7f62', '#c0562f', '#3d6fb4', '#8b5fa8', '#b08900']
START, END = '<!-- figures of the last run: begin -->', '<!-- end -->'


def text(x, y, words, anchor='start', size=12, fill=INK):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{html.escape(words)}</text>'


def line(x1, y1, x2, y2, stroke=FAINT, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"/>'


def rect(x, y, width, height, fill):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" fill="{fill}"/>'


def bars(rows, y):
    """The works, each with the same work of each peer below it. Returns SVG and where it ends."""
    out, peers = [], sorted({r['peer'] for r in rows if r.get('peer')})
    works = [r for r in rows if r.get('ratio') and not r.get('peer') and not r.get('grows')]
    scale = (WIDTH - LEFT - RIGHT) / max([1.0, *(max(r['ratios']) for r in works)])
    at = lambda ratio: LEFT + ratio * scale
    top = y
    for r in works:
        goal = float(r['goal']) if r['goal'] else None
        out += [text(LEFT - 8, y + BAR - 3, r['work'], 'end'), rect(LEFT, y, r['ratio'] * scale, BAR, STRATA if r['reached'] is not False else SHORT),
                line(at(min(r['ratios'])), y + BAR / 2, at(max(r['ratios'])), y + BAR / 2, INK, 1.5)]
        if goal:
            out.append(line(at(goal), y - 3, at(goal), y + BAR + 3, INK, 2))
        out.append(text(WIDTH - RIGHT + 12, y + BAR - 3, f'{r["ratio"]:.2f} · {r["columns"][0]}/s · p50 {r["columns"][2]} ms'))
        y += BAR
        for number, peer in enumerate(peers):
            theirs = next((p for p in rows if p.get('peer') == peer and p['work'] == r['work'] and p.get('ratio')), None)
            if theirs:
                out.append(rect(LEFT, y + 1, theirs['ratio'] * scale, 4, PEERS[number % len(PEERS)]))
            y += 5
        y += GAP
    for tick in range(0, 11, 2):
        if at(tick / 10) <= WIDTH - RIGHT + 1:
            out = [line(at(tick / 10), top - 6, at(tick / 10), y), text(at(tick / 10), y + 14, f'{tick / 10:.1f}', 'middle', 11), *out]
    y += 32
    for number, peer in enumerate(peers):
        out += [rect(LEFT + 150 * number, y - 8, 24, 6, PEERS[number % len(PEERS)]), text(LEFT + 150 * number + 30, y, peer)]
    return out, y + (20 if peers else 0)


def chart(rows, grows, title, x, y, width, height):
    """Ratio over what grows, a line a work."""
    points = {}
    for r in rows:
        if r.get('grows') == grows and r.get('ratio'):
            points.setdefault(r['work'], []).append((r['x'], r['ratio']))
    if not points:
        return []
    ticks = sorted({a for p in points.values() for a, _ in p})
    low, high = math.log(ticks[0]), math.log(ticks[-1])
    top = max(b for p in points.values() for _, b in p) * 1.15
    px = lambda a: x + (width * (math.log(a) - low) / (high - low) if high > low else width / 2)
    py = lambda b: y + height - height * b / top
    out = [text(x, y - 12, title, size=13), line(x, y + height, x + width, y + height, INK), line(x, y, x, y + height, INK)]
    out += [text(px(a), y + height + 16, f'{a:,}', 'middle', 11) for a in ticks]
    step = 0.2 if top > 0.5 else 0.1
    out += [part for n in range(1, int(top / step) + 1) for part in (line(x, py(n * step), x + width, py(n * step)), text(x - 6, py(n * step) + 4, f'{n * step:.1f}', 'end', 11))]
    for number, (work, line_points) in enumerate(points.items()):
        colour = SERIES[number % len(SERIES)]
        path = ' '.join(f'{px(a):.1f},{py(b):.1f}' for a, b in line_points)
        out += [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', text(x + 10 + 130 * (number % 3), y + height + 36 + 16 * (number // 3), work, fill=colour)]
    return out


def draw(result):
    parts, y = bars(result['rows'], 70)
    charts = [c for c in (('connections', 'by connections'), ('items', 'by items in the table')) if any(r.get('grows') == c[0] and r.get('ratio') for r in result['rows'])]
    for number, (grows, title) in enumerate(charts):
        parts += chart(result['rows'], grows, f'Ratio {title}', 60 + number * 470, y + 40, 380, 180)
    height = y + (300 if charts else 10)
    head = [text(20, 28, 'strata: requests a second as a ratio to nginx’s static answer of the same size, one core each', size=16),
            text(20, 48, f'{result["cpu"]}, {result["date"]}, {result["commit"]}. Bar: median of the rounds; thin line: least to most; upright mark: the goal.', size=11, fill='#666')]
    return '\n'.join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" font-family="sans-serif">',
                      f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>', *head, *parts, '</svg>', ''])


def markdown(result):
    heads = ['', 'figure (least-most)', 'goal', '', 'a second', "nginx's", 'p50 ms', 'p99 ms', 'cpu us', 'by cpu', '']
    rows = [[r['what'], r['figure'], r['goal'], {None: '', True: 'reached', False: '**not reached**'}[r['reached']], *r['columns'], r['note'].replace('|', '/')] for r in result['rows']]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in [heads, ['---'] * len(heads), *rows])


def publish(result, docs):
    """Puts the picture and the table into docs/performance.md."""
    if not result['quiet']:
        raise SystemExit('bench: the machine was busy while this ran: nothing is published')
    page = docs / 'performance.md'
    before, _, rest = page.read_text().partition(START)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise SystemExit(f'bench: {page} has no place for the figures')
    facts = f'{result["date"]}, commit {result["commit"]}, {result["cores"]} cores of {result["cpu"]}, Linux {result["kernel"]}; {result["seconds"] / 60:.0f} minutes.'
    page.write_text(f'{before}{START}\n{facts}\n\n![Ratios to nginx](performance.svg)\n\n{markdown(result)}\n{END}{after}')
    (docs / 'performance.svg').write_text(draw(result))
