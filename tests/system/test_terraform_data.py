"""Terraform with buckets and tables: what it applies it finds again unchanged."""

import json

from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder, s3, tables = Folder(own_strata, 'terraform_data', tmp_path), own_strata.client('s3'), own_strata.client('dynamodb')
    for second in (False, True):
        folder.apply(second=str(second).lower())
        out = {k: v['value'] for k, v in json.loads(folder.run('output', '-json').stdout).items()}
        assert (out['body'], json.loads(out['item'])) == ('two' if second else 'one', {'m': {'M': {'x': {'L': [{'BOOL': second}]}}}})
        assert s3.get_bucket_request_payment(Bucket='terraform-data')['Payer'] == ('BucketOwner' if second else 'Requester')
        assert tables.describe_table(TableName='terraform-data')['Table']['DeletionProtectionEnabled'] is not second
    folder.destroy()
    assert s3.list_buckets()['Buckets'] == tables.list_tables()['TableNames'] == []
