"""Terraform with trails: what it applies it finds again unchanged."""

import json

from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder, trail = Folder(own_strata, 'terraform_trail', tmp_path), own_strata.client('cloudtrail')
    for value, logs, custom in (('one', True, False), ('two', False, True)):
        folder.apply(value=value)
        out = {k: v['value'] for k, v in json.loads(folder.run('output', '-json').stdout).items()}
        assert out == {'home': 'us-east-1', 'arn': 'arn:aws:cloudtrail:us-east-1:000000000000:trail/terraform-trail'}
        assert trail.get_trail_status(Name='terraform-trail')['IsLogging'] is logs
        assert trail.get_trail(Name='terraform-trail')['Trail']['HasCustomEventSelectors'] is custom
    folder.destroy()
    assert trail.list_trails()['Trails'] == []
