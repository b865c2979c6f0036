"""The short form of `make crash`: a few kills and power cuts under load."""

import random

import pytest

from broken import BREAKS, ROOT, broken
from crash import Run


@pytest.mark.parametrize('power, kills', [(False, 20), (True, 5)], ids=['kills', 'power cuts'])
def test_nothing_acknowledged_is_lost(tmp_path, power, kills):
    seed = random.SystemRandom().randrange(1 << 32)
    run = Run(tmp_path, seed, power)
    findings = run.play(kills)
    print(run.summary())
    assert not findings, f'seed {seed}, {run.summary()}'
    assert run.machine.kills >= kills
    assert all(run.machine.at_stake.values()), 'a cut under load has something to drop'


def test_the_lines_that_are_broken_to_test_the_test_are_there():
    for name, (file, *_) in BREAKS.items():
        text = (ROOT / 'src' / file).read_text()
        assert broken(name, text) != text
