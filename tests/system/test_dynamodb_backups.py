"""On-demand backups through boto3: what they hold, what is restored from them, and who is refused."""

import json

import pytest

from functions import wait_for
from refusals import refused
from sealed import lies_in_clear


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture(scope='module')
def ddb(strata):
    return strata.client('dynamodb')


def create(ddb, name, **more):
    ddb.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                     AttributeDefinitions=[{'AttributeName': a, 'AttributeType': 'S'} for a in ('owner', 'id')],
                     GlobalSecondaryIndexes=[{'IndexName': 'by-owner', 'KeySchema': [{'AttributeName': 'owner', 'KeyType': 'HASH'}],
                                              'Projection': {'ProjectionType': 'ALL'}}], **more)


def fill(ddb, name, n, **attributes):
    for first in range(0, n, 25):
        ddb.batch_write_item(RequestItems={name: [{'PutRequest': {'Item': {'id': {'S': str(i)}, 'owner': {'S': 'o' + str(i % 2)}} | attributes}}
                                                  for i in range(first, min(first + 25, n))]})


def back_up(ddb, table, name='kept'):
    arn = ddb.create_backup(TableName=table, BackupName=name)['BackupDetails']['BackupArn']
    assert wait_for(lambda: ddb.describe_backup(BackupArn=arn)['BackupDescription']['BackupDetails']['BackupStatus'] == 'AVAILABLE')
    return arn


def restore(ddb, arn, name, **more):
    made = ddb.restore_table_from_backup(TargetTableName=name, BackupArn=arn, **more)['TableDescription']
    assert made['TableStatus'] == 'CREATING' and made['RestoreSummary']['RestoreInProgress'] and made['RestoreSummary']['SourceBackupArn'] == arn
    assert wait_for(lambda: ddb.describe_table(TableName=name)['Table']['TableStatus'] == 'ACTIVE')
    return ddb.describe_table(TableName=name)['Table']


def test_a_backup_outlives_its_table(ddb):
    create(ddb, 'first', StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'KEYS_ONLY'})
    fill(ddb, 'first', 1201)
    arn = back_up(ddb, 'first')
    ddb.delete_item(TableName='first', Key={'id': {'S': '7'}})
    ddb.delete_table(TableName='first')
    described = ddb.describe_backup(BackupArn=arn)['BackupDescription']
    assert described['BackupDetails']['BackupName'] == 'kept' and described['BackupDetails']['BackupType'] == 'USER'
    source, features = described['SourceTableDetails'], described['SourceTableFeatureDetails']
    assert (source['TableName'], source['ItemCount'], source['BillingMode']) == ('first', 1201, 'PAY_PER_REQUEST')
    assert source['TableSizeBytes'] == described['BackupDetails']['BackupSizeBytes'] > 1201 * 10
    assert features['StreamDescription'] == {'StreamEnabled': True, 'StreamViewType': 'KEYS_ONLY'}
    assert [x['IndexName'] for x in features['GlobalSecondaryIndexes']] == ['by-owner'] and features['TimeToLiveDescription']['TimeToLiveStatus'] == 'DISABLED'
    table = restore(ddb, arn, 'second')
    assert table['ItemCount'] == 1201 and 'StreamSpecification' not in table and not table['RestoreSummary']['RestoreInProgress']
    assert ddb.get_item(TableName='second', Key={'id': {'S': '7'}})['Item']['owner'] == {'S': 'o1'}
    found = ddb.query(TableName='second', IndexName='by-owner', Select='COUNT', KeyConditionExpression='#o = :o', ExpressionAttributeNames={'#o': 'owner'},
                      ExpressionAttributeValues={':o': {'S': 'o0'}})
    assert found['Count'] == 601
    assert 'GlobalSecondaryIndexes' not in restore(ddb, arn, 'third', GlobalSecondaryIndexOverride=[])
    assert [x['IndexName'] for x in restore(ddb, arn, 'fourth')['GlobalSecondaryIndexes']] == ['by-owner']  # the backup is as it was
    assert refused('TableAlreadyExistsException', ddb.restore_table_from_backup, TargetTableName='third', BackupArn=arn) == 'Table already exists: third'
    for foreign in (arn.replace(':dynamodb:', ':s3:'), arn.replace('arn:aws:', 'arn:aws-cn:')):
        assert refused('BackupNotFoundException', ddb.delete_backup, BackupArn=foreign) == 'Backup not found: ' + foreign
    assert ddb.delete_backup(BackupArn=arn)['BackupDescription']['BackupDetails']['BackupStatus'] == 'DELETED'
    assert refused('BackupNotFoundException', ddb.describe_backup, BackupArn=arn) == 'Backup not found: ' + arn


def test_backups_are_listed(strata, ddb):
    create(ddb, 'listed')
    arns = []
    for name in ('one', 'two', 'three'):
        arns.append(back_up(ddb, 'listed', name))
        strata.advance_clock(60)
    page = ddb.list_backups(TableName='listed', Limit=2)
    assert [b['BackupName'] for b in page['BackupSummaries']] == ['one', 'two'] and page['LastEvaluatedBackupArn'] == arns[1]
    assert [b['BackupArn'] for b in ddb.list_backups(TableName='listed', ExclusiveStartBackupArn=arns[1])['BackupSummaries']] == arns[2:]
    since = page['BackupSummaries'][1]['BackupCreationDateTime']
    assert [b['BackupName'] for b in ddb.list_backups(TableName='listed', TimeRangeLowerBound=since)['BackupSummaries']] == ['two', 'three']
    assert ddb.list_backups(TableName='listed', BackupType='SYSTEM')['BackupSummaries'] == []
    assert refused('TableNotFoundException', ddb.create_backup, TableName='nowhere', BackupName='xxx') == 'Table not found: nowhere'


def test_what_is_sealed_stays_so(strata, ddb):
    key = strata.client('kms').create_key()['KeyMetadata']['KeyId']
    create(ddb, 'sealed', SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': key})
    fill(ddb, 'sealed', 3, secret={'S': 'backed-up-secret-5521'})
    arn = back_up(ddb, 'sealed')
    ddb.delete_table(TableName='sealed')
    user, iam, name = strata.user('dynamodb')
    allow = lambda *actions: iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': actions, 'Resource': '*'}]}))
    allow('dynamodb:*')
    assert 'kms:' in refused('AccessDeniedException', user.restore_table_from_backup, TargetTableName='copied', BackupArn=arn,
                                    SSESpecificationOverride={'Enabled': False})
    table = restore(ddb, arn, 'sealed')
    assert table['SSEDescription']['SSEType'] == 'KMS'
    assert ddb.get_item(TableName='sealed', Key={'id': {'S': '1'}})['Item']['secret'] == {'S': 'backed-up-secret-5521'}
    assert not lies_in_clear(strata, b'backed-up-secret-5521')
