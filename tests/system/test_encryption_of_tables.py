"""Encrypted tables: items and index entries are sealed under the table's key, which KMS opens for whoever may, and for nobody while its key is disabled."""

import json
import time
import uuid

import pytest

from functions import wait_for
from refusals import fails
from sealed import ACCOUNT, allow, lies_in_clear

INDEX = {'IndexName': 'by-owner', 'KeySchema': [{'AttributeName': 'owner', 'KeyType': 'HASH'}], 'Projection': {'ProjectionType': 'ALL'}}


@pytest.fixture
def kms(strata):
    return strata.client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key()['KeyMetadata']


def encrypted(key_id=None):
    return {'Enabled': True, 'SSEType': 'KMS', **({'KMSMasterKeyId': key_id} if key_id else {})}


def table(strata, sse=None, **more):
    ddb = strata.client('dynamodb')
    name = f't-{uuid.uuid4().hex}'
    made = ddb.create_table(TableName=name, KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}], BillingMode='PAY_PER_REQUEST',
                            AttributeDefinitions=[{'AttributeName': x, 'AttributeType': 'S'} for x in ('id', 'owner')], GlobalSecondaryIndexes=[INDEX],
                            **({'SSESpecification': sse} if sse else {}), **more)
    assert made['TableDescription'].get('SSEDescription', {}).get('Status') == ('ENABLED' if sse else None)
    return ddb, name


def put(ddb, name, key='1', **attributes):
    return ddb.put_item(TableName=name, Item={'id': {'S': key}, 'owner': {'S': 'ann'}, **{k: {'S': v} for k, v in attributes.items()}})


def get(ddb, name, key='1'):
    return {k: v['S'] for k, v in ddb.get_item(TableName=name, Key={'id': {'S': key}}).get('Item', {}).items()}


def described(ddb, name):
    return ddb.describe_table(TableName=name)['Table']


def sealed(ddb, name):
    assert wait_for(lambda: described(ddb, name)['SSEDescription']['Status'] == 'ENABLED')


def every_way_to_items(ddb, name):
    where = {'TableName': name, 'Key': {'id': {'S': '1'}}}
    query = {'KeyConditionExpression': 'id = :i', 'ExpressionAttributeValues': {':i': {'S': '1'}}}
    by_owner = {'IndexName': 'by-owner', 'KeyConditionExpression': '#o = :o', 'ExpressionAttributeNames': {'#o': 'owner'},
                'ExpressionAttributeValues': {':o': {'S': 'ann'}}}
    return [
        (ddb.get_item, where), (ddb.delete_item, where), (ddb.put_item, {'TableName': name, 'Item': {'id': {'S': 'x'}}}),
        (ddb.update_item, {**where, 'UpdateExpression': 'SET a = :a', 'ExpressionAttributeValues': {':a': {'S': 'x'}}}),
        (ddb.query, {'TableName': name, **query}), (ddb.query, {'TableName': name, **by_owner}), (ddb.scan, {'TableName': name}),
        (ddb.batch_get_item, {'RequestItems': {name: {'Keys': [where['Key']]}}}),
        (ddb.batch_write_item, {'RequestItems': {name: [{'DeleteRequest': {'Key': where['Key']}}]}}),
        (ddb.transact_get_items, {'TransactItems': [{'Get': where}]}), (ddb.transact_write_items, {'TransactItems': [{'Delete': where}]}),
    ]


def test_items_are_not_on_the_disk(own_strata):
    secret = 'an-attribute-' + uuid.uuid4().hex
    key = own_strata.client('kms').create_key()['KeyMetadata']
    for sse in (encrypted(), encrypted(key['KeyId'])):
        ddb, name = table(own_strata, sse)
        put(ddb, name, note=secret)
        assert get(ddb, name)['note'] == secret
        for call, arguments in every_way_to_items(ddb, name)[4:7]:
            assert call(**arguments)['Items'][0]['note']['S'] == secret
        ddb.update_item(TableName=name, Key={'id': {'S': '1'}}, UpdateExpression='SET again = note')
        assert get(ddb, name)['again'] == secret
        assert not lies_in_clear(own_strata, secret.encode())
        assert described(ddb, name)['ItemCount'] == 1
    ddb, name = table(own_strata)
    put(ddb, name, note=secret)
    assert lies_in_clear(own_strata, secret.encode())  # README: a table that names no key is not encrypted


def test_a_table_under_a_disabled_key(strata, kms, key):
    ddb, name = table(strata, encrypted(key['KeyId']))
    put(ddb, name, note='kept')
    kms.disable_key(KeyId=key['KeyId'])
    for call, arguments in every_way_to_items(ddb, name):
        fails('ValidationException', call, 'KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: '
              f'{key["Arn"]} is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException; Request ID: ', **arguments)
    shown = described(ddb, name)
    assert shown['TableStatus'] == 'INACCESSIBLE_ENCRYPTION_CREDENTIALS' and shown['SSEDescription']['InaccessibleEncryptionDateTime']
    assert shown['SSEDescription']['Status'] == 'ENABLED' and shown['SSEDescription']['KMSMasterKeyArn'] == key['Arn']
    ttl = {'Enabled': True, 'AttributeName': 'ttl'}
    fails('ValidationException', ddb.update_time_to_live, 'KMS key disabled error', TableName=name, TimeToLiveSpecification=ttl)
    for sse in ({'Enabled': False}, encrypted(), encrypted(kms.create_key()['KeyMetadata']['Arn'])):
        fails('ValidationException', ddb.update_table, f'{key["Arn"]} is disabled.', TableName=name, SSESpecification=sse)
    ddb.update_table(TableName=name, DeletionProtectionEnabled=False)
    kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)
    fails('ValidationException', ddb.scan, 'KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: '
          f'{key["Arn"]} is pending deletion.', TableName=name)
    kms.cancel_key_deletion(KeyId=key['KeyId'])
    fails('ValidationException', ddb.scan, 'KMS key disabled error', TableName=name)
    kms.enable_key(KeyId=key['KeyId'])
    assert get(ddb, name)['note'] == 'kept'
    shown = described(ddb, name)
    assert shown['TableStatus'] == 'ACTIVE' and 'InaccessibleEncryptionDateTime' not in shown['SSEDescription']
    kms.disable_key(KeyId=key['KeyId'])
    ddb.delete_table(TableName=name)


def test_whoever_reads_needs_the_key(strata, kms, key):
    _, name = table(strata, encrypted(key['Arn']))
    client, iam, user = strata.user('dynamodb')
    allow(iam, user, ('dynamodb:*', {}))
    for call, arguments in every_way_to_items(client, name):
        fails('AccessDeniedException', call, 'KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: ',
              'Error Code: AccessDeniedException', **arguments)
    via = {'Condition': {'StringEquals': {'kms:ViaService': 'dynamodb.us-east-1.amazonaws.com', 'kms:EncryptionContext:aws:dynamodb:tableName': name,
                                          'kms:EncryptionContext:aws:dynamodb:subscriberId': ACCOUNT}}}
    allow(iam, user, ('dynamodb:*', {}), ('kms:Decrypt', via))
    put(client, name, note='x')
    assert get(client, name)['note'] == 'x'
    allow(iam, user, ('dynamodb:*', {}))
    fails('AccessDeniedException', client.scan, 'KMS key access denied error', TableName=name)


def test_whoever_names_a_key_needs_to_grant_it(strata, kms, key):
    client, iam, user = strata.user('dynamodb')
    arguments = {'TableName': f't-{uuid.uuid4().hex}', 'BillingMode': 'PAY_PER_REQUEST', 'SSESpecification': encrypted(key['KeyId']),
                 'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}], 'AttributeDefinitions': [{'AttributeName': 'id', 'AttributeType': 'S'}]}
    allow(iam, user, ('dynamodb:*', {}))
    fails('AccessDeniedException', client.create_table, 'KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: User: ',
          'kms:DescribeKey', **arguments)
    allow(iam, user, ('dynamodb:*', {}), ('kms:DescribeKey', {}))
    fails('AccessDeniedException', client.create_table, 'KMS key access denied error', 'kms:CreateGrant', **arguments)
    fails('ResourceNotFoundException', client.describe_table, TableName=arguments['TableName'])
    grants = {'Condition': {'Bool': {'kms:GrantIsForAWSResource': 'true'}}}
    allow(iam, user, ('dynamodb:*', {}), ('kms:DescribeKey', {}), ('kms:CreateGrant', grants))
    client.create_table(**arguments)
    grant, = kms.list_grants(KeyId=key['KeyId'])['Grants']
    assert grant['GranteeServicePrincipal'] == 'dynamodb.amazonaws.com' and 'Decrypt' in grant['Operations']
    assert grant['Constraints']['EncryptionContextSubset'] == {'aws:dynamodb:tableName': arguments['TableName'], 'aws:dynamodb:subscriberId': ACCOUNT}
    client.delete_table(TableName=arguments['TableName'])
    assert kms.list_grants(KeyId=key['KeyId'])['Grants'] == []


def test_keys_that_cannot_be_used(strata, kms, key):
    ddb, name = table(strata)
    rsa = kms.create_key(KeySpec='RSA_2048', KeyUsage='ENCRYPT_DECRYPT')['KeyMetadata']['Arn']
    kms.disable_key(KeyId=key['KeyId'])
    doomed = kms.create_key()['KeyMetadata']['Arn']
    kms.schedule_key_deletion(KeyId=doomed)
    nowhere = str(uuid.uuid4())
    for code, key_id, words in [
        ('ValidationException', key['KeyId'], f'KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: {key["Arn"]} is disabled.'),
        ('ValidationException', doomed, f'KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: {doomed} is pending deletion.'),
        ('ValidationException', nowhere, 'KMS validation error: com.amazonaws.services.kms.model.NotFoundException: Key '
         f"'arn:aws:kms:us-east-1:{ACCOUNT}:key/{nowhere}' does not exist"),
        ('ValidationException', 'alias/none', 'NotFoundException: Alias arn:aws:kms:us-east-1:' + ACCOUNT + ':alias/none is not found.'),
        ('InternalServerError', rsa, 'KMS internal error: com.amazonaws.services.kms.model.AWSKMSException: EncryptionContext is supported only when '
         'creating a grant for a symmetric encryption KMS key. (Service: AWSKMS; Status Code: 400; Error Code: ValidationException; Request ID: '),
    ]:
        fails(code, ddb.update_table, words, TableName=name, SSESpecification=encrypted(key_id))
    assert 'SSEDescription' not in described(ddb, name)
    for sse, words in [({'Enabled': False, 'SSEType': 'KMS'}, 'SSEType can not be specified if Enabled is false'),
                       ({'Enabled': False, 'KMSMasterKeyId': 'x'}, 'KMSMasterKeyId can not be specified if Enabled is false'),
                       ({'Enabled': True, 'SSEType': 'AES256'}, 'SSEType AES256 is not supported'),
                       ({'Enabled': True, 'KMSMasterKeyId': 'x'}, 'SSEType KMS is required if KMSMasterKeyId is specified'),
                       ({'Enabled': False}, 'Table is already encrypted by default')]:
        fails('ValidationException', ddb.update_table, f'One or more parameter values were invalid: {words}', TableName=name, SSESpecification=sse)


def test_a_table_that_is_encrypted_later(own_strata):
    kms = own_strata.client('kms')
    keys = [kms.create_key()['KeyMetadata'] for _ in range(2)]
    secret = 'it-was-in-clear-' + uuid.uuid4().hex
    ddb, name = table(own_strata)
    for first in range(0, 600, 25):
        ddb.batch_write_item(RequestItems={name: [{'PutRequest': {'Item': {
            'id': {'S': str(i)}, 'owner': {'S': f'o{i}'}, 'note': {'S': secret}}}} for i in range(first, first + 25)]})
    answer = ddb.update_table(TableName=name, SSESpecification=encrypted(keys[0]['KeyId']))['TableDescription']
    assert answer['TableStatus'] == 'ACTIVE'
    assert answer['SSEDescription'] == {'Status': 'UPDATING', 'SSEType': 'KMS', 'KMSMasterKeyArn': keys[0]['Arn']}
    assert get(ddb, name, '7')['note'] == secret  # sealed or not yet
    sealed(ddb, name)
    assert described(ddb, name)['ItemCount'] == 600
    fails('ValidationException', ddb.update_table, 'Table is already encrypted with given KMSMasterKeyId', TableName=name,
          SSESpecification=encrypted(keys[0]['Arn']))

    def every_note():
        pages = ddb.get_paginator('scan').paginate(TableName=name, IndexName='by-owner')
        return [i['note']['S'] for page in pages for i in page['Items']]
    assert every_note() == [secret] * 600
    kms.disable_key(KeyId=keys[0]['KeyId'])
    fails('ValidationException', ddb.scan, 'KMS key disabled error', TableName=name)
    fails('ValidationException', ddb.scan, 'KMS key disabled error', TableName=name, IndexName='by-owner')
    kms.enable_key(KeyId=keys[0]['KeyId'])

    answer = ddb.update_table(TableName=name, SSESpecification=encrypted(keys[1]['KeyId']))['TableDescription']
    assert answer['SSEDescription']['KMSMasterKeyArn'] == keys[0]['Arn']  # AWS names the old one while it changes
    assert described(ddb, name)['SSEDescription'] == {'Status': 'ENABLED', 'SSEType': 'KMS', 'KMSMasterKeyArn': keys[1]['Arn']}
    assert kms.list_grants(KeyId=keys[0]['KeyId'])['Grants'] == [] and len(kms.list_grants(KeyId=keys[1]['KeyId'])['Grants']) == 1
    kms.disable_key(KeyId=keys[0]['KeyId'])
    assert every_note() == [secret] * 600
    ddb.update_table(TableName=name, SSESpecification={'Enabled': False})
    assert 'SSEDescription' not in described(ddb, name) and kms.list_grants(KeyId=keys[1]['KeyId'])['Grants'] == []
    kms.disable_key(KeyId=keys[1]['KeyId'])
    assert every_note() == [secret] * 600
    put(ddb, name, 'new', note='still-sealed-' + secret)
    assert get(ddb, name, 'new')['note'].endswith(secret)
    assert not lies_in_clear(own_strata, b'still-sealed-')
    ddb.update_table(TableName=name, SSESpecification=encrypted())
    assert every_note().count(secret) == 600
    own_strata.kill()
    own_strata.start()
    ddb = own_strata.client('dynamodb')
    assert get(ddb, name, '7')['note'] == secret


def ids(ddb, name):
    return [i['id']['S'] for i in ddb.scan(TableName=name)['Items']]


def test_jobs_wait_for_the_key(own_strata):
    kms = own_strata.client('kms')
    key = kms.create_key()['KeyMetadata']['KeyId']
    ddb, name = table(own_strata, encrypted(key))
    ddb.update_time_to_live(TableName=name, TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})
    ddb.put_item(TableName=name, Item={'id': {'S': 'old'}, 'owner': {'S': 'ann'}, 'until': {'N': str(int(time.time()) + 1000)}})
    kms.disable_key(KeyId=key)
    own_strata.advance_clock(2000)
    kms.enable_key(KeyId=key)
    assert ids(ddb, name) == ['old']  # nobody could open it when it expired
    own_strata.advance_clock(900)
    assert wait_for(lambda: ids(ddb, name) == [])
    assert ddb.scan(TableName=name, IndexName='by-owner')['Count'] == 0
    put(ddb, name)
    kms.disable_key(KeyId=key)
    ddb.update_table(TableName=name, AttributeDefinitions=[{'AttributeName': 'owner', 'AttributeType': 'S'}], GlobalSecondaryIndexUpdates=[
        {'Create': {**INDEX, 'IndexName': 'later'}}])
    own_strata.advance_clock(10)
    kms.enable_key(KeyId=key)
    assert [x['IndexStatus'] for x in described(ddb, name)['GlobalSecondaryIndexes']] == ['ACTIVE', 'CREATING']
    own_strata.advance_clock(900)
    assert wait_for(lambda: [x['IndexStatus'] for x in described(ddb, name)['GlobalSecondaryIndexes']] == ['ACTIVE', 'ACTIVE'])
    assert ddb.scan(TableName=name, IndexName='later')['Count'] == 1


def test_a_policy_of_the_key(strata, kms):
    policy = {'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:*', 'Resource': '*'},
        {'Effect': 'Deny', 'Principal': '*', 'Action': 'kms:Decrypt', 'Resource': '*', 'Condition': {
            'StringEquals': {'kms:EncryptionContext:aws:dynamodb:tableName': 'forbidden'}}}]}
    key = kms.create_key(Policy=json.dumps(policy))['KeyMetadata']['KeyId']
    ddb, name = table(strata, encrypted(key))
    put(ddb, name, note='x')
    assert get(ddb, name)['note'] == 'x'
    policy['Statement'][1]['Condition']['StringEquals']['kms:EncryptionContext:aws:dynamodb:tableName'] = name
    kms.put_key_policy(KeyId=key, PolicyName='default', Policy=json.dumps(policy))
    fails('AccessDeniedException', ddb.scan, 'KMS key access denied error', TableName=name)
    del policy['Statement'][1]
    kms.put_key_policy(KeyId=key, PolicyName='default', Policy=json.dumps(policy))
    assert get(ddb, name)['note'] == 'x'
