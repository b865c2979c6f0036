#!/usr/bin/env python3
"""The crash ledger: clients work on strata, it is killed at a random moment and started again, and nothing that it had acknowledged may be missing.

    tests/fault/crash/crash.py [--kills N] [--cuts N] [--seed N] [--first] [--keep DIR]

First N kills (SIGKILL; what was written stays), then on a new disk N power cuts (what was not synced is dropped, see disk.py). Prints a line each with
what was acknowledged and lost, and a line a finding. The seed decides what is asked and when it is killed; how far the clients get is up to the machine.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

if __name__ == '__main__':
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from disk import Disk
from ledger import Ledger
from load import Gone, Machine
from load_events import Events, Invocations
from load_identities import Identities, Secrets
from load_items import Items
from load_objects import Objects
from load_queues import Fifo, Standard
from running import PROGRAM, Strata

LOADS = (Items, Standard, Fifo, Objects, Secrets, Identities, Events, Invocations)
LIBRARY = PROGRAM.parent / 'tests/fault/crash/libpowercut.so'
FIRST_STARTS = 5
START_KILLED = 0.2            # how often a restart is killed as well
LOAD_SECONDS = (0.2, 1.4)     # between a start and the kill
FINDINGS_SHOWN = 50           # the ledger has all
ADVANCE_SECONDS = 5           # of the clock after a start: see load_queues.py


def loads_here():
    """All, but functions where their runtime cannot be had."""
    runtime = subprocess.run([PROGRAM, 'runtime', 'install', 'python3.13'], capture_output=True, text=True)
    if runtime.returncode:
        print(f'without functions: {runtime.stderr[-300:]}', file=sys.stderr)
    return [kind for kind in LOADS if kind is not Invocations or not runtime.returncode]


class Run:
    def __init__(self, directory, seed, power=False):
        self.rng = random.Random(f'{seed} {power}')
        self.seed = seed
        self.ledger = Ledger(directory / 'ledger')
        disk = Disk(directory, LIBRARY) if power else None
        strata = Strata(disk.live / 'data' if disk else directory / 'data')
        strata.log_path = directory / 'log'
        strata.more_environment = disk.environment if disk else {}
        self.machine = Machine(strata, disk, self.ledger)
        self.loads = [kind(self.machine) for kind in loads_here()]

    def play(self, kills, stop_at_first=False):
        """Returns the findings."""
        self.told(self.rounds, kills, stop_at_first)
        self.machine.strata.kill()
        return self.ledger.findings()

    def told(self, step, *arguments):
        """What cannot even be done is a finding."""
        try:
            step(*arguments)
        except Gone:
            pass
        except Exception as e:
            self.machine.book.note('wrong', text=f'{step.__qualname__}: {type(e).__name__} {e}')

    def rounds(self, kills, stop_at_first):
        for _ in range(FIRST_STARTS):
            self.first_start()
            self.machine.wipe()
        self.start()
        for load in self.loads:
            self.told(load.setup)
        for number in range(kills):
            self.work(number)
            self.machine.lose(self.rng, None if number else 'lost')  # what only the first start makes must be there from then on
            while self.rng.random() < START_KILLED:
                self.kill_a_start()
            self.start()
            for load in self.loads:
                self.told(load.check)
            if stop_at_first and self.ledger.findings():
                break
        self.ledger.read_again()
        for load in self.loads:
            self.told(load.check)
            self.told(load.finish)
        self.machine.strata.stop()

    def first_start(self):
        """Cut short at any moment, it leaves what the next one can go on from; what that one acknowledges is there."""
        self.kill_a_start()
        self.machine.start()
        sqs = self.machine.client('sqs')
        url = sqs.create_queue(QueueName='first')['QueueUrl']
        self.machine.kill()
        self.machine.lose(self.rng, 'lost')
        self.machine.start()
        if sqs.list_queues().get('QueueUrls') != [url]:
            self.machine.book.note('wrong', text='what was acknowledged after a first start is lost')

    def start(self):
        self.machine.start()
        self.machine.advance(ADVANCE_SECONDS)

    def kill_a_start(self):
        self.machine.launch(self.rng.random() * self.machine.start_seconds)
        self.machine.kill()
        self.machine.lose(self.rng)

    def work(self, number):
        """The clients work until strata is killed under their hands."""
        workers = [worker for load in self.loads for worker in load.workers()]
        threads = [threading.Thread(target=self.told, args=(forever, worker, random.Random(f'{self.seed} {number} {i}'))) for i, worker in enumerate(workers)]
        for thread in threads:
            thread.start()
        time.sleep(self.rng.uniform(*LOAD_SECONDS))
        self.machine.kill()
        for thread in threads:
            thread.join()

    def summary(self):
        cut = ''.join(f', {number:,} {what} not synced at a cut' for what, number in sorted(self.machine.at_stake.items()))
        return f'{self.ledger.acknowledged:,} operations acknowledged, {self.machine.kills} {"power cuts" if self.machine.disk else "kills"}{cut}, lost: {len(self.ledger.findings())}'


def forever(worker, rng):
    while True:
        worker(rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--cuts', type=int, default=5)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--keep', type=pathlib.Path, help='keep ledger, log and data below this directory')
    parser.add_argument('--first', action='store_true', help='stop after the kill that lost something')
    options = parser.parse_args()
    lost = 0
    for name, kills, power in (('kill', options.kills, False), ('power cut', options.cuts, True)):
        if not kills:
            continue
        with tempfile.TemporaryDirectory(prefix='strata-crash-') as temporary:
            directory = (options.keep or pathlib.Path(temporary)) / name.replace(' ', '-')
            directory.mkdir(parents=True)
            run = Run(directory, options.seed, power)
            findings = run.play(kills, options.first)
            print(f'{name}: seed {options.seed}, {run.summary()}', *findings[:FINDINGS_SHOWN], sep='\n  ', flush=True)
            lost += len(findings)
    return 1 if lost else 0


if __name__ == '__main__':
    sys.exit(main())
