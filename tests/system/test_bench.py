"""The bench measures: short rounds, so its figures say nothing. What they say on a quiet machine is in docs/performance.md."""

import json
import shutil
import subprocess
import sys

import pytest

from running import PROGRAM, ROOT


@pytest.mark.skipif(not shutil.which('nginx'), reason='nginx is the yardstick')
def test_bench_measures_works_of_one_and_of_two_steps(tmp_path):
    done = subprocess.run([sys.executable, ROOT / 'bench/run', '--build', PROGRAM.parent, '--out', tmp_path, '--only', 'GetItem,ReceiveDelete1M', '--rounds', '1',
                           '--seconds', '0.2', '--items', '100', '--messages', '30000'],  # more than the fastest machine takes in a round
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    get, take = json.loads((tmp_path / 'bench.json').read_text())['rows']
    assert 'Bar: median of the rounds' in (tmp_path / 'bench.svg').read_text()
    assert get['ratio'] > 0 and get['bytes'] > 1000, get
    received, deleted = (step['requests'] for step in take['rounds'][0]['steps'])
    assert 0 < deleted <= received <= deleted + take['connections'], take
