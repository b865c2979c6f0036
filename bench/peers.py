"""Other emulators that PyPI serves, for `bench/run --peers`: installed by hash into BUILD/peers, run on the server's core.

They get fewer items and messages, or filling them would take longer than everything else."""

import subprocess
import sys

from machines import HERE, Failed, Machine, free_port, wait_for_port

ITEMS, MESSAGES, QUEUES = 1000, 5000, 4
SECONDS = 1  # of a round, at least


class Peer(Machine):
    def __init__(self, name, command, directory, under):
        self.name, self.command, self.dir, self.under, self.port = name, command, directory, under, free_port()

    def __enter__(self):
        self.dir.mkdir()
        with open(f'{self.dir}.log', 'w') as log:
            command = [str(part).format(port=self.port) for part in self.command]
            self.process = subprocess.Popen([*self.under, 'env', f'GATEWAY_PORT={self.port}', *command], cwd=self.dir, stdout=log, stderr=log)
        try:
            wait_for_port(self.port, self.process, f'{self.name} does not start: see {self.dir}.log')
        except Failed:
            self.stop()
            raise
        return self


def install(build):
    venv, wanted = build / 'peers', HERE / 'peers.txt'
    stamp = venv / '.requirements'
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        subprocess.run([sys.executable, '-m', 'venv', '--clear', venv], check=True)
        subprocess.run([venv / 'bin/pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes', '-r', wanted], check=True)
        stamp.write_text(wanted.read_text())
    return venv / 'bin'


def all_of(build, directory, under):
    programs = install(build.resolve())
    return [Peer('moto', [programs / 'moto_server', '-p{port}'], directory / 'moto', under),
            Peer('ministack', [programs / 'ministack'], directory / 'ministack', under)]
