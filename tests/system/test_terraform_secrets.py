"""Terraform with keys and secrets: what it applies it finds again unchanged."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from running import ROOT

sys.path.append(str(ROOT / 'stack' / 'bin'))
import _stack

pytestmark = pytest.mark.skipif(not shutil.which('terraform'), reason='there is no terraform on PATH')


def terraform(strata, folder, *arguments, codes=(0,)):
    own = {k: v for k, v in _stack.terraform_environment('dev', '10_core').items() if k == 'TF_CLI_CONFIG_FILE'}  # where the provider comes from
    environment = {k: v for k, v in strata.environment().items() if k != 'TF_CLI_CONFIG_FILE'}
    done = subprocess.run(['terraform', f'-chdir={folder}', *arguments], capture_output=True, text=True, timeout=600, env={**environment, **own})
    assert done.returncode in codes, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder = tmp_path / 'terraform'
    shutil.copytree(pathlib.Path(__file__).with_name('terraform_secrets'), folder)
    terraform(own_strata, folder, 'init', '-input=false', '-no-color')
    for value in ('one', 'two'):
        terraform(own_strata, folder, 'apply', '-auto-approve', '-input=false', '-no-color', f'-var=value={value}')
        terraform(own_strata, folder, 'plan', '-detailed-exitcode', '-input=false', '-no-color', f'-var=value={value}')  # 2: it differs
        out = {k: v['value'] for k, v in json.loads(terraform(own_strata, folder, 'output', '-json').stdout).items()}
        assert json.loads(out['value']) == {'api_key': value}
    assert out['names'] == ['/practice/dev/terraform', '/practice/dev/terraform-plain']
    assert (out['password_length'], out['s3_manager'], out['alias_is_own']) == (20, 'AWS', True)
    terraform(own_strata, folder, 'destroy', '-auto-approve', '-input=false', '-no-color')
    sm = own_strata.client('secretsmanager')
    assert [s['Name'] for s in sm.list_secrets(IncludePlannedDeletion=True)['SecretList']] == ['/practice/dev/terraform-plain']
