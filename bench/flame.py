"""Stacks of a profile: folds what `perf script` prints, sums functions, draws a flame graph as one SVG file."""

import collections
import colorsys
import html
import re

WIDTH, ROW, PAD, LETTER = 1400, 17, 10, 6.6


def fold(lines):
    """{(outermost function, ..., innermost): samples}, from the lines of `perf script -F comm,ip,sym,dso`."""
    stacks, stack = collections.Counter(), None
    for line in lines:
        if not line.strip():
            if stack is not None:
                stacks[tuple(reversed(stack))] += 1
            stack = None
        elif not line[0].isspace() or stack is None:  # the command's name begins a sample
            stack = []
        else:
            m = re.match(r'\s*[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$', line)
            name, place = (m[1], m[2].rsplit('/', 1)[-1]) if m else (line.strip(), '')
            stack.append(f'[{place.strip("[]")}]' if name == '[unknown]' else name + '_[k]' * place.startswith('[k'))
    if stack:
        stacks[tuple(reversed(stack))] += 1
    return stacks


def sums(stacks):
    """(samples in the function itself, samples in it or in what it calls), each {function: samples}."""
    own, under = collections.Counter(), collections.Counter()
    for stack, n in stacks.items():
        own[stack[-1]] += n
        for function in set(stack):
            under[function] += n
    return own, under


# Parts of strata by a function on the stack; the first that fits counts.
PARTS = [('digests', r'(sha256|md5).*compress|^digests_update$'), ('signature, else', r'auth_authenticate$|sigv4'), ('authorization', r'authorize$|op_allow'), ('sync', r'fdatasync$|fsync$'),
         ('store, in the background', r'BGThread'), ('store, writing', r'^txn_commit$'), ('store, reading', r'^txn_(get|scan|each|next)|^rocks_|^rocksdb_'),
         ('the operation itself', r'^run_once$'), ('sending', r'send(msg|to|file)?$'), ('receiving', r'recv(from|msg)?$'), ('epoll', r'epoll_'),
         ('waking other threads', r'futex|eventfd|MHD_resume'), ('decoding, validating, encoding', r'^(run_stages|task_start|request_step)$'),
         ('writer thread, else', r'^writer_main$'), ('libmicrohttpd itself', r'^.libmicrohttpd')]


def parts(stacks):
    """{part: samples}, most first."""
    found = collections.Counter()
    for stack, n in stacks.items():
        found[next((part for part, pattern in PARTS if any(re.search(pattern, function) for function in stack)), 'all else')] += n
    return found


def colour(name):
    """The kernel grey, libraries of C++ blue, the rest warm; the same function always the same."""
    spread = sum(map(ord, name)) % 40
    hue, light, saturation = (210, 66 + spread // 3, 8) if name.endswith('_[k]') else (205 + spread // 2, 72, 55) if '::' in name else (20 + spread, 66, 85)
    return '#' + ''.join(f'{round(255 * part):02x}' for part in colorsys.hls_to_rgb(hue / 360, light / 100, saturation / 100))


def tree(stacks):
    root = {'n': 0, 'under': {}}
    for stack, n in stacks.items():
        at = root
        at['n'] += n
        for function in stack:
            at = at['under'].setdefault(function, {'n': 0, 'under': {}})
            at['n'] += n
    return root


def flame_graph(stacks, title):
    """The SVG's text. The outermost functions are at the bottom; a box's title tells its share."""
    root, boxes, deepest = tree(stacks), [], 0
    scale = (WIDTH - 2 * PAD) / max(root['n'], 1)

    def place(node, x, depth):
        nonlocal deepest
        deepest = max(deepest, depth)
        for name in sorted(node['under']):
            child = node['under'][name]
            width = child['n'] * scale
            if width >= 0.4:
                boxes.append((x, depth, width, name, child['n']))
                place(child, x, depth + 1)
            x += width

    place(root, PAD, 0)
    height = (deepest + 1) * ROW + 50
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="monospace" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="{PAD}" y="20" font-size="15">{html.escape(title)}</text>']
    for x, depth, width, name, n in boxes:
        y, shown = height - PAD - (depth + 1) * ROW, name[:int((width - 4) / LETTER)] if width > 4 * LETTER else ''
        out.append(f'<g><title>{html.escape(name)}: {n / root["n"]:.1%}</title><rect x="{x:.1f}" y="{y}" width="{max(width - 0.4, 0.3):.1f}" height="{ROW - 1}" '
                   f'fill="{colour(name)}"/><text x="{x + 2:.1f}" y="{y + 12}">{html.escape(shown)}</text></g>')
    return '\n'.join([*out, '</svg>', ''])
