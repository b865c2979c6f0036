"""The crowds of this room in small: counts and memory, no speed. `make load` runs all of it in its full sizes."""

import json
import subprocess
import sys

from running import PROGRAM, ROOT

CROWDS = ['idle', 'slow_senders', 'slow_readers', 'open_and_drop', 'deserted']


def test_crowds_and_slow_and_unfaithful_clients(tmp_path):
    done = subprocess.run([sys.executable, ROOT / 'tests/load/run', '--small', '--only', ','.join(CROWDS), '--build', PROGRAM.parent, '--json', tmp_path / 'rows'],
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row['section']: row for row in json.loads((tmp_path / 'rows').read_text())}
    assert list(rows) == CROWDS
    for row in rows.values():
        assert row['after_mb'] < row['before_mb'] + 40, f'it stays: {row}'
        assert row['peak_mb'] < (700 if row['section'] == 'slow_readers' else 100), f'it takes more than it may: {row}'
