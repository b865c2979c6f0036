"""Every format that there was is read: a sample of each is restored, checked, served, and what stands in it is found."""
import json
import pathlib

import pytest

import content
from running import Strata

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = sorted(HERE.glob('*.strata'), key=lambda p: int(p.stem))


def test_there_is_a_sample_of_todays_format(tmp_path):
    strata = Strata(tmp_path / 'data').start()
    assert strata.stop() == 0
    made = strata.run_program('backup', '--data', strata.data, '--in-clear', tmp_path / 'b')
    assert made.returncode == 0, made.stderr
    format = json.loads((tmp_path / 'b').read_bytes().split(b'\n')[1])['format']
    assert [int(p.stem) for p in SAMPLES] == list(range(1, format + 1)), 'tests/formats/make.py makes it'


@pytest.mark.parametrize('sample', SAMPLES, ids=lambda p: p.stem)
def test_a_sample_is_read(sample, tmp_path):
    strata = Strata(tmp_path / 'data')
    done = strata.run_program('restore', '--data', strata.data, sample)
    assert done.returncode == 0, done.stderr
    strata.check()
    strata.start()
    content.expect(strata, int(sample.stem))
    strata.check()
    assert strata.stop() == 0
    strata.check()
