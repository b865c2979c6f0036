"""Terraform with streams and their mappings: what it applies it finds again unchanged."""

import functions
from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder, code = Folder(own_strata, 'terraform_streams', tmp_path), tmp_path / 'code.zip'
    code.write_bytes(functions.zipped('def handler(event, context): pass'))
    for view, bisect in (('NEW_IMAGE', 'false'), ('NEW_IMAGE', 'true')):
        folder.apply(view=view, bisect=bisect, code=code)
        (mapping,) = own_strata.client('lambda').list_event_source_mappings()['EventSourceMappings']
        assert mapping['BisectBatchOnFunctionError'] == (bisect == 'true')
        assert own_strata.client('dynamodb').describe_table(TableName='terraform-source')['Table']['StreamSpecification']['StreamViewType'] == view
    folder.destroy()
    assert own_strata.client('lambda').list_event_source_mappings()['EventSourceMappings'] == []
