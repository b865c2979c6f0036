"""Real terraform against a strata, for the tests that apply something of their own: a folder of *.tf beside the test."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from running import ROOT

sys.path.append(str(ROOT / 'stack' / 'bin'))
import _stack

needs_terraform = pytest.mark.skipif(not shutil.which('terraform'), reason='there is no terraform on PATH')


class Folder:
    """A copy of tests/system/NAME, ready to be applied."""

    def __init__(self, strata, name, place):
        self.strata, self.path = strata, place / 'terraform'
        shutil.copytree(pathlib.Path(__file__).with_name(name), self.path)
        self.run('init', '-input=false', '-no-color')

    def run(self, *arguments):
        own = {k: v for k, v in _stack.terraform_environment('dev', '10_core').items() if k == 'TF_CLI_CONFIG_FILE'}  # where the provider comes from
        environment = {k: v for k, v in self.strata.environment().items() if k != 'TF_CLI_CONFIG_FILE'}
        done = subprocess.run(['terraform', f'-chdir={self.path}', *arguments], capture_output=True, text=True, timeout=600, env={**environment, **own})
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    @staticmethod
    def words(variables):
        return ['-input=false', '-no-color', *(f'-var={k}={v}' for k, v in variables.items())]

    def apply(self, **variables):
        """Applied, and planned again: nothing may differ."""
        words = self.words(variables)
        self.run('apply', '-auto-approve', *words)
        self.run('plan', '-detailed-exitcode', *words)  # 2: it differs

    def destroy(self, **variables):
        self.run('destroy', '-auto-approve', *self.words(variables))
