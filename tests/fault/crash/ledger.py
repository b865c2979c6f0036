"""The ledger: what clients asked for and what they were answered, on a file outside of strata, and the books that are kept from it.

A line of the ledger is [book, what, entry] as JSON. It is written and flushed before the book knows of it, and a book learns nothing but from lines: so
the findings can be found again from the file alone (read_again), and a line that is not there does not count. Every book has the same first three
lines: `begin` when an operation is sent, `ok` or `no` when its answer came. What has neither when strata is killed is open, and may have happened or not.
"""

import collections
import itertools
import json
import threading


class Ledger:
    def __init__(self, path):
        self.path, self.lock, self.numbers = path, threading.Lock(), itertools.count(1)
        self.file, self.books, self.acknowledged = open(path, 'a'), {}, 0

    def write(self, book, what, entry):
        with self.lock:
            self.file.write(json.dumps([book, what, entry]) + '\n')
            self.file.flush()
            self.apply(book, what, entry)

    def apply(self, book, what, entry):
        self.acknowledged += what in ('ok', 'got')
        getattr(self.books[book], 'on_' + what)(**entry)

    def read_again(self):
        """Forgets everything but the file."""
        self.acknowledged = 0
        for book in self.books.values():
            book.clear()
        with open(self.path) as lines:
            for line in lines:
                self.apply(*json.loads(line))

    def findings(self):
        return [f'{name}: {text}' for name, book in self.books.items() for text in book.findings]


class Book:
    def __init__(self, ledger, name):
        self.ledger, self.name = ledger, name
        ledger.books[name] = self
        self.clear()

    def clear(self):
        self.findings = []
        self.open = {}  # operation -> what it is about

    def note(self, what, **entry):
        self.ledger.write(self.name, what, entry)

    def on_wrong(self, text):
        self.findings.append(text)

    def on_no(self, op, why):
        del self.open[op]


def same(a, b):
    """Equal; null on either side of a list's element stands for what only strata's answer tells (a version's id)."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(x is None or y is None or same(x, y) for x, y in zip(a, b))
    return a == b


class States(Book):
    """Things with a state each, null when they do not exist; every operation brings some of them into new states, all of them or none."""

    def clear(self):
        super().clear()
        self.state = {}

    def on_begin(self, op, to, apart=False):
        """apart: each thing changes for itself."""
        self.open[op] = to, apart

    def on_ok(self, op, to):
        """to: as begun, with what the answer told besides."""
        del self.open[op]
        self.set(to)

    def set(self, states):
        """Workers may be reading the old ones."""
        self.state = {key: state for key, state in {**self.state, **states}.items() if state is not None}

    def on_found(self, now):
        """All that exists, after a restart."""
        moved = set()
        for to, apart in self.open.values():
            for group in [[key] for key in to] if apart else [list(to)]:
                moved.update(group)
                before = all(same(now.get(key), self.state.get(key)) for key in group)
                after = all(same(now.get(key), to[key]) for key in group)
                if not before and not after:
                    self.on_wrong(f'between before and after: {[(key, self.state.get(key), to[key], now.get(key)) for key in group]} (before, after, found)')
        for key in (now.keys() | self.state.keys()) - moved:
            if not same(now.get(key), self.state.get(key)):
                self.on_wrong(f'{key} is {now.get(key)}, acknowledged was {self.state.get(key)}')
        self.state = now
        self.open = {}


class Count(Book):
    """A number to which many add one at a time."""

    def clear(self):
        super().clear()
        self.number = 0

    def on_begin(self, op):
        self.open[op] = 1

    def on_ok(self, op):
        del self.open[op]
        self.number += 1

    def on_found(self, number):
        if not self.number <= number <= self.number + len(self.open):
            self.on_wrong(f'counted {number}, {self.number} were acknowledged and {len(self.open)} open')
        self.number = number
        self.open = {}


class Messages(Book):
    """A standard queue. Whether an operation that was open at a kill happened shows one by one, when the message comes; at once shows how many did."""

    def clear(self):
        super().clear()
        self.sent = {}         # id -> acknowledged?
        self.gone = {}         # id -> its deletion is acknowledged?
        self.hidden = {}       # id -> until when no receive may give it
        self.doubtful, self.doubtful_there = set(), 0
        self.drained = set()

    def about(self):
        """How many messages there are, for workers: the books change under their hands."""
        return len(self.sent) - len(self.gone)

    def certain(self):
        return sum(acknowledged and id not in self.gone and id not in self.doubtful for id, acknowledged in self.sent.items())

    def on_begin(self, op, send=(), delete=()):
        self.open[op] = send, delete
        self.sent.update((id, False) for id in send)
        self.gone.update((id, False) for id in delete)

    def on_ok(self, op, failed=()):
        send, delete = self.open.pop(op)
        for ids, book in ((send, self.sent), (delete, self.gone)):
            book.update((id, True) for id in ids if id not in failed)
            for id in set(ids) & set(failed):
                del book[id]

    def on_no(self, op, why):
        send, delete = self.open[op]
        self.open[op] = list(send), list(delete)
        self.on_ok(op, [*send, *delete])

    def on_release(self, ids):
        """Their visibility timeout is about to be ended."""
        for id in ids:
            self.hidden.pop(id, None)

    def on_got(self, ids, at, until, last=False):
        """A receive gave these; last: of those that empty the queue at the end."""
        for id in ids:
            if id not in self.sent:
                self.on_wrong(f'received {id}, which was refused or never sent')
            if self.gone.pop(id, False):
                self.on_wrong(f'deleted message {id} was received')
            if self.hidden.get(id, 0) > at:
                self.on_wrong(f'message {id} was received {self.hidden[id] - at:.1f} s before its visibility timeout ended')
            if id in self.doubtful:
                self.doubtful.remove(id)
                self.doubtful_there -= 1
            self.sent[id] = True
            self.hidden[id] = until
            if last:
                self.drained.add(id)

    def on_found(self, number):
        """How many there are, after a restart."""
        fresh = {id for send, delete in self.open.values() for id in (*send, *delete)
                 if not self.sent.get(id, True) or self.gone.get(id) is False} - self.doubtful
        there = number - self.certain()
        if not self.doubtful_there <= there <= self.doubtful_there + len(fresh):
            self.on_wrong(f'{number} messages, expected {number - there + self.doubtful_there} and of {len(fresh)} that were open some')
        self.doubtful |= fresh
        self.doubtful_there = there
        self.open = {}

    def on_end(self):
        for id, acknowledged in self.sent.items():
            if acknowledged and id not in self.gone and id not in self.doubtful and id not in self.drained:
                self.on_wrong(f'message {id} is lost')
        if self.doubtful_there:
            self.on_wrong(f'{self.doubtful_there} messages were counted and not received')


class Lines(Book):
    """A FIFO queue: in each group the numbers 1, 2, 3, ... are sent, each until it is acknowledged, and come exactly once, in order."""

    def clear(self):
        super().clear()
        self.groups = collections.defaultdict(lambda: {'sent': 0, 'sending': 0, 'deleted': 0, 'deleting': 0, 'got': 0, 'until': 0})

    def on_begin(self, op, group, doing, number):
        """doing: `sending` this number, or `deleting` all up to it."""
        self.open[op] = group, doing
        self.groups[group][doing] = number

    def on_ok(self, op):
        group, doing = self.open.pop(op)
        g = self.groups[group]
        done = {'sending': 'sent', 'deleting': 'deleted'}[doing]
        g[done] = max(g[done], g[doing])

    def on_got(self, groups, at, until):
        for group, numbers in groups.items():
            self.got(group, self.groups[group], numbers, at, until)

    def got(self, group, g, numbers, at, until):
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            self.on_wrong(f'group {group}: {numbers} came in one receive')
        if not g['deleted'] < numbers[0] <= g['deleting'] + 1:
            self.on_wrong(f'group {group}: {numbers[0]} came after {g["deleted"]} to {g["deleting"]} were deleted')
        if numbers[-1] > g['sending']:
            self.on_wrong(f'group {group}: {numbers[-1]} came, {g["sending"]} was the last that was sent')
        if at < g['until'] and g['deleting'] < g['got']:
            self.on_wrong(f'group {group}: {numbers[0]} came {g["until"] - at:.1f} s before the visibility timeout of {g["got"]} ended')
        g['deleted'] = g['deleting'] = numbers[0] - 1
        g['got'], g['until'] = numbers[-1], until
        g['sent'] = max(g['sent'], numbers[-1])

    def on_found(self, number):
        low = sum(g['sent'] - g['deleting'] for g in self.groups.values())
        high = sum(g['sending'] - g['deleted'] for g in self.groups.values())
        if not low <= number <= high:
            self.on_wrong(f'{number} messages, expected {low} to {high}')
        self.open = {}

    def on_end(self):
        """The queue is empty."""
        for group, g in self.groups.items():
            if g['deleting'] < g['sent']:
                self.on_wrong(f'group {group}: {g["deleting"] + 1} to {g["sent"]} are lost')


class Deliveries(Book):
    """What is accepted now and must come later, at least once, in a message of a queue."""

    def clear(self):
        super().clear()
        self.accepted = {}  # id -> acknowledged?
        self.came = set()
        self.gone = set()   # messages whose deletion was acknowledged

    def on_begin(self, op, ids):
        self.open[op] = ids
        self.accepted.update((id, False) for id in ids)

    def on_ok(self, op, failed=()):
        for id in self.open.pop(op):
            self.accepted[id] = True
            if id in failed:
                del self.accepted[id]

    def on_no(self, op, why):
        self.on_ok(op, self.open[op])

    def on_got(self, messages):
        for message, id in messages:
            if id not in self.accepted:
                self.on_wrong(f'{id} came, which was refused or never sent')
            if message in self.gone:
                self.on_wrong(f'deleted message {message} was received')
            self.came.add(id)

    def on_deleted(self, messages):
        self.gone.update(messages)

    def missing(self):
        return [id for id, acknowledged in self.accepted.items() if acknowledged and id not in self.came]

    def on_end(self):
        for id in self.missing():
            self.on_wrong(f'{id} was accepted and never came')
