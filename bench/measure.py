"""Rounds of nginx and of a server in turn, and the table of what they came to."""

import statistics

from machines import Failed

QUIET = 0.05  # of the time others may have a core that is measured; with more, goals are not judged
LOAD_LIMIT = 0.95  # of its core
COLUMNS = '{:40} {:>24} {:>6} {:11} {:>9} {:>9} {:>8} {:>8} {:>7} {:>6}  {}'
HEADS = COLUMNS.format('what', 'figure (least-most)', 'goal', '', 'a second', "nginx's", 'p50 ms', 'p99 ms', 'cpu us', 'by cpu', '')


def spread(values, form, unit=''):
    return f'{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}}){unit}'


def middle(rounds, name):
    return statistics.median(r[name] for r in rounds)


def one_round(stage, server, plan, seconds, seed):
    """What load.c says, and of the processors: microseconds of the server's a request, how busy the load was, and the share of the time that others took."""
    cpu, waited = server.cpu_us(), server.waited_us()
    result = stage.load.run({**plan, 'seconds': seconds, 'seed': seed})
    cpu, waited = server.cpu_us() - cpu, server.waited_us() - waited
    if not result['requests']:
        raise Failed(f'no answer in {seconds} s')
    return {**result, 'server_us': cpu / result['requests'], 'load_busy': result['cpu_us'] / result['us'],
            'taken': max(waited, result['waited_us']) / result['us'] if stage.apart else 0}


def measure(stage, server, plan, rounds, seconds):
    """The facts of a row: rounds of nginx, which sends as many bytes as the work's larger body has, and of the server in turn."""
    refill, seconds = plan.get('refill', lambda result: None), seconds * plan.get('longer', 1)
    warm = stage.load.run({**plan, 'seconds': seconds})
    refill(warm)
    size = max(step['bytes'] for step in warm['steps'])
    yard_plan = {**stage.nginx.plan(size), 'connections': plan['connections']}
    yard, own = [], []
    for n in range(rounds):
        server.settle(10)  # what it does behind a round (compaction) is its own to pay, not nginx's
        yard.append(one_round(stage, stage.nginx, yard_plan, seconds, 1))
        own.append(one_round(stage, server, plan, seconds, n + 2))
        refill(own[-1])
    ratios = [o['rate'] / y['rate'] for o, y in zip(own, yard)]
    return {'ratio': statistics.median(ratios), 'ratios': ratios, 'by_cpu': middle(yard, 'server_us') / middle(own, 'server_us'), 'bytes': size,
            'connections': plan['connections'], 'rounds': own, 'nginx': yard}


def quiet(m):
    return middle(m['nginx'], 'taken') < QUIET


def remarks(m):
    if not quiet(m):
        yield f'others had a core for {middle(m["nginx"], "taken"):.0%} of the time'
    if middle(m['rounds'], 'load_busy') > LOAD_LIMIT:
        yield 'the load is at its limit'
    if len(m['rounds'][0]['steps']) > 1:
        yield 'p50 of the steps: ' + ', '.join(f'{statistics.median(r["steps"][i]["p50_us"] for r in m["rounds"]) / 1000:.2f} ms' for i in range(len(m['rounds'][0]['steps'])))


class Table:
    """Rows, printed as they come."""

    def __init__(self):
        self.rows = []
        print(HEADS, flush=True)

    def row(self, what, figure, goal='', reached=None, note='', columns=('',) * 6, **facts):
        self.rows.append({'what': what, 'figure': figure, 'goal': goal, 'reached': reached, 'note': note, 'columns': columns, **facts})
        print(COLUMNS.format(what, figure, goal, '' if reached is None else 'reached' if reached else 'NOT REACHED', *columns, note).rstrip(), flush=True)

    def ratio(self, what, m, goal=None, **facts):
        last = lambda name: statistics.median(r['steps'][-1][name] for r in m['rounds']) / 1000
        columns = (f'{middle(m["rounds"], "rate"):,.0f}', f'{middle(m["nginx"], "rate"):,.0f}', f'{last("p50_us"):.2f}', f'{last("p99_us"):.2f}',
                   f'{middle(m["rounds"], "server_us"):.1f}', f'{m["by_cpu"]:.2f}')
        self.row(what, spread(m['ratios'], '.3f'), f'{goal:.2f}' if goal else '', m['ratio'] >= goal if goal and quiet(m) else None, '; '.join(remarks(m)), columns, **facts, **m)

    def missing(self, what, why, goal='', **facts):
        self.row(what, 'not measured', goal, note=str(why), **facts)

    def quiet(self):
        """Whether little else ran beside most rows."""
        measured = [quiet(row) for row in self.rows if row.get('nginx')]
        return bool(measured) and sum(measured) >= 0.9 * len(measured)
