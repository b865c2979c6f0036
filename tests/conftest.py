"""A strata for each test that asks for one."""

import pytest

from running import Strata


@pytest.fixture(scope='session')
def strata(tmp_path_factory):
    """One for all tests of a session: use names of your own. What they leave behind is checked at the end, while it is served and afterwards."""
    running = Strata(tmp_path_factory.mktemp('strata') / 'data').start()
    yield running
    running.check()
    assert running.stop() == 0
    running.check()


@pytest.fixture(scope='module')
def strata_of_module(tmp_path_factory):
    """One for the tests of a file, which move its clock or count what is there. Such a file says: def strata(strata_of_module)."""
    running = Strata(tmp_path_factory.mktemp('strata') / 'data').start()
    yield running
    running.check()
    assert running.stop() == 0


@pytest.fixture
def own_strata(tmp_path):
    """One for this test alone, to be stopped, killed and started again."""
    running = Strata(tmp_path / 'data').start()
    yield running
    if running.process.poll() is None:
        running.stop()
