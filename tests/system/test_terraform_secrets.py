"""Terraform with keys and secrets: what it applies it finds again unchanged."""

import json

from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder = Folder(own_strata, 'terraform_secrets', tmp_path)
    for value in ('one', 'two'):
        folder.apply(value=value)
        out = {k: v['value'] for k, v in json.loads(folder.run('output', '-json').stdout).items()}
        assert json.loads(out['value']) == {'api_key': value}
        replica = own_strata.client('secretsmanager', 'eu-central-1').get_secret_value(SecretId='/practice/dev/terraform-replicated')
        assert replica['SecretString'] == value
    assert out['names'] == ['/practice/dev/terraform', '/practice/dev/terraform-plain', '/practice/dev/terraform-replicated']
    assert (out['password_length'], out['s3_manager'], out['alias_is_own']) == (20, 'AWS', True)
    folder.destroy()
    sm = own_strata.client('secretsmanager')
    assert own_strata.client('secretsmanager', 'eu-west-1').list_secrets(IncludePlannedDeletion=True)['SecretList'] == []
    assert [s['Name'] for s in sm.list_secrets(IncludePlannedDeletion=True)['SecretList']] == ['/practice/dev/terraform-plain']
