"""What the loads have in common: the machine that they work on, and how an operation is done and entered."""

import random
import shutil
import threading
import time
import urllib3.exceptions

from botocore.exceptions import BotoCoreError, ClientError

from disk import FATES
from ledger import Book


class Refused(Exception):
    """strata answered with an error."""

    def __init__(self, error):
        super().__init__(f'{error["Code"]} {error.get("Message", "")}')
        self.code = error['Code']


class Gone(Exception):
    """strata was killed before it answered."""


class Machine:
    """A strata that is killed now and then, on a disk of which the power is cut (or not: disk is None), and the time on its clock."""

    def __init__(self, strata, disk, ledger):
        self.strata, self.disk, self.ledger, self.book = strata, disk, ledger, Book(ledger, 'machine')
        self.down, self.kills, self.at_stake = True, 0, {}
        self.advanced = 0
        self.start_seconds = 0.05  # how long the last one took
        self.clients, self.lock = {}, threading.Lock()

    def client(self, service):
        """One for all threads."""
        with self.lock:
            if service not in self.clients:
                self.clients[service] = self.strata.client(service, max_pool_connections=50, s3={'addressing_style': 'path'})
            return self.clients[service]

    def now(self):
        """Seconds; moves with strata's clock."""
        return time.monotonic() + self.advanced

    def advance(self, seconds):
        self.strata.advance_clock(seconds)
        self.advanced += seconds

    def ask(self, call, **parameters):
        try:
            return call(**parameters)
        except ClientError as e:
            raise Refused(e.response['Error']) from e
        except (BotoCoreError, OSError, urllib3.exceptions.HTTPError) as e:
            if not self.down:
                self.book.note('wrong', text=f'{call.__name__} was not answered though nobody killed strata: {e!r}')
            raise Gone from e

    def start(self):
        began = time.monotonic()
        self.strata.start()
        self.start_seconds = time.monotonic() - began
        self.down = False

    def launch(self, seconds):
        """Starts and is killed so soon that it may not have got ready."""
        self.strata.launch()
        time.sleep(seconds)

    def kill(self):
        self.down = True
        self.kills += 1
        self.strata.kill()

    def wipe(self):
        """Ends it and takes all that it has."""
        self.kill()
        if self.disk:
            self.disk.wipe()
        else:
            shutil.rmtree(self.strata.data)

    def lose(self, rng, fate=None):
        """After a kill: the power was cut with it."""
        if self.disk:
            for what, number in self.disk.cut(rng, fate or rng.choice(FATES)).items():
                self.at_stake[what] = self.at_stake.get(what, 0) + number
            self.disk.mount()


class Load:
    """One service under load. workers() are functions that do one operation of their own on each call, with a random.Random; after a restart check()
    compares all that there is with the books; finish() does at the end what takes long."""

    def __init__(self, machine):
        self.machine = machine

    def book(self, kind, name):
        return kind(self.machine.ledger, name)

    def attempt(self, book, begin, call, ok=None, **parameters):
        """An operation that must be accepted. ok makes of the answer what its line says."""
        op = next(self.machine.ledger.numbers)
        book.note('begin', op=op, **begin)
        try:
            answer = self.machine.ask(call, **parameters)
        except Refused as e:
            book.note('no', op=op, why=e.code)
            book.note('wrong', text=f'{call.__name__} {str(parameters)[:300]} was refused: {e}')
            return None
        book.note('ok', op=op, **(ok(answer) if ok else {}))
        return answer

    def change(self, book, to, call, ok=None, apart=False, **parameters):
        """attempt for States: what brings these things into these states."""
        return self.attempt(book, {'to': to, 'apart': apart}, call, lambda answer: {'to': ok(answer) if ok else to}, **parameters)

    def refused(self, book, code, call, **parameters):
        """An operation that must be refused. That it left nothing behind, the next check shows."""
        try:
            self.machine.ask(call, **parameters)
        except Refused as e:
            if e.code != code:
                book.note('wrong', text=f'{call.__name__} was refused: {e}, expected {code}')
        else:
            book.note('wrong', text=f'{call.__name__} {str(parameters)[:300]} was accepted, expected {code}')

    def finish(self):
        pass


def body(tag, size):
    """Bytes that nothing else has."""
    return random.Random(tag).randbytes(size)
