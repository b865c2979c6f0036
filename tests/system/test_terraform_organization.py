"""Terraform with an organization: what it applies it finds again unchanged, and it binds."""

import json

import pytest
from botocore.exceptions import ClientError

from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder = Folder(own_strata, 'terraform_organization', tmp_path)
    folder.apply(denied='sqs:ListQueues')
    out = {k: v['value'] for k, v in json.loads(folder.run('output', '-json').stdout).items()}
    assert out['members'] == 2
    own_strata.client('iam', key=out['account']).list_users()
    with pytest.raises(ClientError, match='explicit deny in a service control policy'):
        own_strata.client('sqs', key=out['account']).list_queues()
    folder.destroy(denied='x:y')
    with pytest.raises(ClientError, match='not a member of an organization'):
        own_strata.client('organizations').describe_organization()
