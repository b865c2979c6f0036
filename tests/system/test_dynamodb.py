"""DynamoDB through boto3: what clients see of tables, items, expressions, batches, transactions, indexes, TTL, and errors in AWS's words."""

import base64
import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

WAIT_SECONDS = 20


@pytest.fixture(scope='module')
def ddb(strata):
    return strata.client('dynamodb', parameter_validation=False)


def refused(call, code, message=None):
    with pytest.raises(ClientError) as e:
        call()
    assert e.value.response['Error']['Code'] == code, e.value
    if message is not None:
        assert e.value.response['Error']['Message'] == message
    return e.value.response


def invalid(call, message):
    return refused(call, 'ValidationException', message)


def eventually(check):
    end = time.monotonic() + WAIT_SECONDS
    while not check():
        assert time.monotonic() < end, 'not within the time given'
        time.sleep(0.05)


def create(ddb, name, sort=None, types=None, **more):
    types = types or {}
    keys = [{'AttributeName': 'id', 'KeyType': 'HASH'}]
    if sort:
        keys.append({'AttributeName': sort, 'KeyType': 'RANGE'})
    names = ['id'] + ([sort] if sort else []) + more.pop('attributes', [])
    more.setdefault('BillingMode', 'PAY_PER_REQUEST')
    return ddb.create_table(TableName=name, KeySchema=keys,
                            AttributeDefinitions=[{'AttributeName': n, 'AttributeType': types.get(n, 'S')} for n in names],
                            **more)['TableDescription']


@pytest.fixture(scope='module')
def items(ddb):
    create(ddb, 'items')
    return 'items'


@pytest.fixture(scope='module')
def events(ddb):
    create(ddb, 'events', sort='seq', types={'seq': 'N'})
    for kind in ('a', 'b'):
        for at in range(10):
            ddb.put_item(TableName='events', Item={'id': {'S': kind}, 'seq': {'N': str(at)}, 'even': {'BOOL': at % 2 == 0},
                                                   'text': {'S': f'{kind}-{at}'}})
    return 'events'


# ---- tables ----

def test_table_life(ddb):
    made = create(ddb, 'life', sort='sk', types={'sk': 'N'}, Tags=[{'Key': 'a', 'Value': '1'}])
    assert made['TableStatus'] == 'CREATING'
    table = ddb.describe_table(TableName='life')['Table']
    assert table['TableStatus'] == 'ACTIVE'
    assert table['TableArn'] == 'arn:aws:dynamodb:us-east-1:000000000000:table/life'
    assert table['BillingModeSummary']['BillingMode'] == 'PAY_PER_REQUEST'
    assert table['KeySchema'] == [{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'sk', 'KeyType': 'RANGE'}]
    assert table['ItemCount'] == 0 and table['TableSizeBytes'] == 0
    assert table['DeletionProtectionEnabled'] is False
    assert table['ProvisionedThroughput'] == {'NumberOfDecreasesToday': 0, 'ReadCapacityUnits': 0, 'WriteCapacityUnits': 0}
    refused(lambda: create(ddb, 'life'), 'ResourceInUseException', 'Table already exists: life')
    ddb.put_item(TableName='life', Item={'id': {'S': 'x'}, 'sk': {'N': '1'}})
    assert ddb.describe_table(TableName=table['TableArn'])['Table']['ItemCount'] == 1
    assert ddb.delete_table(TableName='life')['TableDescription']['TableStatus'] == 'DELETING'
    refused(lambda: ddb.describe_table(TableName='life'), 'ResourceNotFoundException', 'Requested resource not found: Table: life not found')
    create(ddb, 'life', sort='sk', types={'sk': 'N'})
    assert ddb.scan(TableName='life')['Count'] == 0  # nothing of the table of that name before


def test_table_definitions_refused(ddb):
    hash_key = [{'AttributeName': 'id', 'KeyType': 'HASH'}]
    string = [{'AttributeName': 'id', 'AttributeType': 'S'}]

    def make(**more):
        request = dict(TableName='refused', KeySchema=hash_key, AttributeDefinitions=string, BillingMode='PAY_PER_REQUEST')
        request.update(more)
        return lambda: ddb.create_table(**request)
    bad = 'One or more parameter values were invalid: '
    invalid(make(TableName='ab'), 'TableName must be at least 3 characters long and at most 255 characters long')
    invalid(make(KeySchema=[{'AttributeName': 'id', 'KeyType': 'RANGE'}]), 'Invalid KeySchema: The first KeySchemaElement is not a HASH key type')
    invalid(make(KeySchema=hash_key * 2), 'Invalid KeySchema: The second KeySchemaElement is not a RANGE key type')
    invalid(make(KeySchema=hash_key + [{'AttributeName': 'id', 'KeyType': 'RANGE'}]),
            'Both the Hash Key and the Range Key element in the KeySchema have the same name')
    invalid(make(KeySchema=[{'AttributeName': 'pk', 'KeyType': 'HASH'}]), bad + 'Some index key attributes are not defined in AttributeDefinitions. '
            'Keys: [pk], AttributeDefinitions: [id]')
    invalid(make(AttributeDefinitions=string + [{'AttributeName': 'x', 'AttributeType': 'S'}]),
            bad + 'Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions')
    invalid(make(BillingMode='PROVISIONED'),
            bad + 'ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED')
    invalid(make(ProvisionedThroughput={'ReadCapacityUnits': 1, 'WriteCapacityUnits': 1}),
            bad + 'Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST')
    invalid(make(LocalSecondaryIndexes=[{'IndexName': 'lsi', 'KeySchema': hash_key, 'Projection': {'ProjectionType': 'ALL'}}]),
            bad + 'Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex')
    invalid(make(GlobalSecondaryIndexes=[{'IndexName': 'gsi', 'KeySchema': hash_key, 'Projection': {'ProjectionType': 'INCLUDE'}}]),
            bad + 'ProjectionType is INCLUDE, but NonKeyAttributes is not specified')
    invalid(make(StreamSpecification={'StreamEnabled': True}), bad + 'If stream is being enabled then UpdateViewType is required')


def test_list_tables_pages(ddb):
    for i in range(3):
        create(ddb, f'listed-{i}')
    first = ddb.list_tables(ExclusiveStartTableName='listed-', Limit=2)
    assert first['TableNames'] == ['listed-0', 'listed-1'] and first['LastEvaluatedTableName'] == 'listed-1'
    assert ddb.list_tables(ExclusiveStartTableName='listed-1', Limit=1)['TableNames'] == ['listed-2']
    assert 'listed-2' in [n for page in ddb.get_paginator('list_tables').paginate() for n in page['TableNames']]


def test_update_table(ddb):
    create(ddb, 'updated', BillingMode='PROVISIONED', ProvisionedThroughput={'ReadCapacityUnits': 1, 'WriteCapacityUnits': 2})
    assert 'BillingModeSummary' not in ddb.describe_table(TableName='updated')['Table']
    invalid(lambda: ddb.update_table(TableName='updated', ProvisionedThroughput={'ReadCapacityUnits': 1, 'WriteCapacityUnits': 2}),
            'The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits '
            'provisioned for the table: 1. Requested ReadCapacityUnits: 1. Current WriteCapacityUnits provisioned for the table: 2. Requested '
            'WriteCapacityUnits: 2. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.')
    assert ddb.update_table(TableName='updated', BillingMode='PAY_PER_REQUEST')['TableDescription']['TableStatus'] == 'UPDATING'
    ddb.update_table(TableName='updated', DeletionProtectionEnabled=True, TableClass='STANDARD_INFREQUENT_ACCESS')
    table = ddb.describe_table(TableName='updated')['Table']
    assert table['TableStatus'] == 'ACTIVE' and table['DeletionProtectionEnabled']
    assert table['BillingModeSummary']['BillingMode'] == 'PAY_PER_REQUEST'
    assert table['TableClassSummary']['TableClass'] == 'STANDARD_INFREQUENT_ACCESS'
    invalid(lambda: ddb.delete_table(TableName='updated'),
            'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.')
    ddb.update_table(TableName='updated', SSESpecification={'Enabled': True, 'SSEType': 'KMS'})
    eventually(lambda: ddb.describe_table(TableName='updated')['Table']['SSEDescription']['Status'] == 'ENABLED')
    ddb.update_table(TableName='updated', DeletionProtectionEnabled=False)
    ddb.delete_table(TableName='updated')


def test_tags(ddb):
    arn = create(ddb, 'tagged', Tags=[{'Key': 'one', 'Value': '1'}])['TableArn']
    ddb.tag_resource(ResourceArn=arn, Tags=[{'Key': f'k{i:02}', 'Value': 'v'} for i in range(14)])
    tags, token = [], {}
    while True:
        page = ddb.list_tags_of_resource(ResourceArn=arn, **token)
        tags += page['Tags']
        if 'NextToken' not in page:
            break
        token = {'NextToken': page['NextToken']}
    assert len(tags) == 15 and {'Key': 'one', 'Value': '1'} in tags
    ddb.untag_resource(ResourceArn=arn, TagKeys=[f'k{i:02}' for i in range(14)])
    assert ddb.list_tags_of_resource(ResourceArn=arn)['Tags'] == [{'Key': 'one', 'Value': '1'}]
    refused(lambda: ddb.list_tags_of_resource(ResourceArn=arn + 'x'), 'ResourceNotFoundException',
            f'Requested resource not found: ResourcArn: {arn}x not found')


def test_continuous_backups(ddb):
    create(ddb, 'backed')

    def described():
        return ddb.describe_continuous_backups(TableName='backed')['ContinuousBackupsDescription']
    assert described()['ContinuousBackupsStatus'] == 'ENABLED'
    assert described()['PointInTimeRecoveryDescription'] == {'PointInTimeRecoveryStatus': 'DISABLED'}
    ddb.update_continuous_backups(TableName='backed', PointInTimeRecoverySpecification={'PointInTimeRecoveryEnabled': True})
    assert described()['PointInTimeRecoveryDescription']['PointInTimeRecoveryStatus'] == 'ENABLED'
    assert described()['PointInTimeRecoveryDescription']['RecoveryPeriodInDays'] == 35
    refused(lambda: ddb.describe_continuous_backups(TableName='nothere'), 'TableNotFoundException', 'Table not found: nothere')


def test_resource_policies(ddb):
    arn = create(ddb, 'policed')['TableArn']
    policy = json.dumps({'Version': '2012-10-17', 'Statement': []})
    refused(lambda: ddb.get_resource_policy(ResourceArn=arn), 'PolicyNotFoundException')
    revision = ddb.put_resource_policy(ResourceArn=arn, Policy=policy)['RevisionId']
    assert ddb.get_resource_policy(ResourceArn=arn)['Policy'] == policy
    refused(lambda: ddb.put_resource_policy(ResourceArn=arn, Policy=policy, ExpectedRevisionId='1'), 'PolicyNotFoundException')
    assert ddb.delete_resource_policy(ResourceArn=arn)['RevisionId'] == revision
    refused(lambda: ddb.get_resource_policy(ResourceArn=arn), 'PolicyNotFoundException')


def test_account(ddb):
    assert ddb.describe_limits()['TableMaxReadCapacityUnits'] == 40000
    assert ddb.describe_endpoints()['Endpoints'][0]['CachePeriodInMinutes'] == 1440


# ---- items ----

def test_every_type_comes_back(ddb, items):
    item = {'id': {'S': 'types'}, 's': {'S': 'h\u00e9llo \u2603 "quoted"\n'}, 'empty': {'S': ''}, 'n': {'N': '-12.5'}, 'b': {'B': b'\x00\xffbytes'},
            'ss': {'SS': ['a', 'b']}, 'ns': {'NS': ['1', '2.5']}, 'bs': {'BS': [b'x', b'y']}, 't': {'BOOL': True}, 'nil': {'NULL': True},
            'l': {'L': [{'S': 'x'}, {'N': '1'}, {'L': []}]}, 'm': {'M': {'k': {'M': {}}, 'dots.in.name': {'S': 'v'}}}}
    ddb.put_item(TableName=items, Item=item)
    assert ddb.get_item(TableName=items, Key={'id': {'S': 'types'}})['Item'] == item
    assert 'Item' not in ddb.get_item(TableName=items, Key={'id': {'S': 'none'}})


@pytest.mark.parametrize('given, kept', [
    ('1e2', '100'), ('0.10', '0.1'), ('-0', '0'), ('00012', '12'), ('1E-10', '0.0000000001'),
    ('12345678901234567890123456789012345678', '12345678901234567890123456789012345678'),
    ('9.9999999999999999999999999999999999999E125', '9' * 38 + '0' * 88), ('1E-130', '0.' + '0' * 129 + '1')])
def test_numbers_are_exact(ddb, items, given, kept):
    ddb.put_item(TableName=items, Item={'id': {'S': 'num'}, 'n': {'N': given}})
    assert ddb.get_item(TableName=items, Key={'id': {'S': 'num'}})['Item']['n']['N'] == kept


def test_numbers_refused(ddb, items):
    def put(n):
        return lambda: ddb.put_item(TableName=items, Item={'id': {'S': 'x'}, 'n': {'N': n}})
    invalid(put('abc'), 'The parameter cannot be converted to a numeric value: abc')
    invalid(put(''), 'The parameter cannot be converted to a numeric value')
    invalid(put('1e126'), 'Number overflow. Attempting to store a number with magnitude larger than supported range')
    invalid(put('1e-131'), 'Number underflow. Attempting to store a number with magnitude smaller than supported range')
    invalid(put('1' * 39), 'Attempting to store more than 38 significant digits in a Number')


def test_values_refused(ddb, items):
    def put(value):
        return lambda: ddb.put_item(TableName=items, Item={'id': {'S': 'x'}, 'v': value})
    invalid(put({}), 'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes')
    invalid(put({'S': 'a', 'N': '1'}), 'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes')
    invalid(put({'SS': []}), 'One or more parameter values were invalid: An string set  may not be empty')
    invalid(put({'SS': ['a', 'a']}), 'One or more parameter values were invalid: Input collection [a, a] contains duplicates.')
    invalid(put({'NS': ['1', '1.0']}), 'Input collection contains duplicates')
    invalid(put({'NULL': False}), 'One or more parameter values were invalid: Null attribute value types must have the value of true')
    deep = {'S': 'x'}
    for _ in range(33):
        deep = {'L': [deep]}
    invalid(put(deep), 'Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit')
    deep = deep['L'][0]
    put(deep)()


def test_wrong_json_types(strata):
    def post(item):
        request = AWSRequest('POST', strata.url + '/', data=json.dumps({'TableName': 'items', 'Item': item}), headers={
            'X-Amz-Target': 'DynamoDB_20120810.PutItem', 'Content-Type': 'application/x-amz-json-1.0'})
        SigV4Auth(Credentials('test', 'test'), 'dynamodb', 'us-east-1').add_auth(request)
        with pytest.raises(urllib.error.HTTPError) as e:
            urllib.request.urlopen(urllib.request.Request(request.url, data=request.data.encode(), headers=dict(request.headers)))
        answer = json.loads(e.value.read())
        assert e.value.code == 400 and answer['__type'].endswith('#SerializationException')
        return answer['message']
    assert post({'id': {'S': 5}}) == 'NUMBER_VALUE cannot be converted to String'
    assert post({'id': {'S': True}}) == 'TRUE_VALUE cannot be converted to String'
    assert post({'id': {'BOOL': 'yes'}}) == 'Unexpected token received from parser'
    assert post({'id': {'L': {}}}) == 'Start of structure or map found where not expected'
    assert post({'id': 'x'}) == 'Unexpected value type in payload'
    assert post({'id': {'B': 'abc'}}) == 'Base64 encoded length is expected a multiple of 4 bytes but found: 3'
    assert post(5) == 'Unexpected field type'


def test_keys_refused(ddb, items, events):
    mismatch = 'The provided key element does not match the schema'
    invalid(lambda: ddb.get_item(TableName=items, Key={'id': {'N': '1'}}), mismatch)
    invalid(lambda: ddb.get_item(TableName=items, Key={'pk': {'S': '1'}}), mismatch)
    invalid(lambda: ddb.get_item(TableName=items, Key={'id': {'S': '1'}, 'x': {'S': '1'}}), mismatch)
    invalid(lambda: ddb.get_item(TableName=events, Key={'id': {'S': '1'}}), mismatch)
    invalid(lambda: ddb.put_item(TableName=items, Item={'x': {'S': '1'}}), 'One or more parameter values were invalid: Missing the key id in the item')
    invalid(lambda: ddb.put_item(TableName=items, Item={'id': {'N': '1'}}),
            'One or more parameter values were invalid: Type mismatch for key id expected: S actual: N')
    empty = 'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id'
    invalid(lambda: ddb.put_item(TableName=items, Item={'id': {'S': ''}}), empty)
    invalid(lambda: ddb.get_item(TableName=items, Key={'id': {'S': ''}}), empty)
    invalid(lambda: ddb.put_item(TableName=items, Item={'id': {'S': 'x' * 2049}}),
            'One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes')
    ddb.put_item(TableName=items, Item={'id': {'S': '\0' * 2048}})
    assert 'Item' in ddb.get_item(TableName=items, Key={'id': {'S': '\0' * 2048}})
    refused(lambda: ddb.get_item(TableName='nothere', Key={'id': {'S': '1'}}), 'ResourceNotFoundException', 'Requested resource not found')


def test_item_size_limit(ddb, items):
    ddb.put_item(TableName=items, Item={'id': {'S': 'big'}, 'v': {'S': 'x' * (400 * 1024 - 6)}})
    invalid(lambda: ddb.put_item(TableName=items, Item={'id': {'S': 'big'}, 'v': {'S': 'x' * (400 * 1024 - 5)}}),
            'Item size has exceeded the maximum allowed size')
    invalid(lambda: ddb.update_item(TableName=items, Key={'id': {'S': 'big'}}, UpdateExpression='SET w = :w',
                                    ExpressionAttributeValues={':w': {'S': 'x'}}),
            'Item size to update has exceeded the maximum allowed size')


def test_put_and_delete_return_values(ddb, items):
    key = {'id': {'S': 'rv'}}
    assert 'Attributes' not in ddb.put_item(TableName=items, Item={**key, 'v': {'N': '1'}}, ReturnValues='ALL_OLD')
    assert ddb.put_item(TableName=items, Item={**key, 'v': {'N': '2'}}, ReturnValues='ALL_OLD')['Attributes']['v'] == {'N': '1'}
    invalid(lambda: ddb.put_item(TableName=items, Item=key, ReturnValues='ALL_NEW'), 'ReturnValues can only be ALL_OLD or NONE')
    assert ddb.delete_item(TableName=items, Key=key, ReturnValues='ALL_OLD')['Attributes']['v'] == {'N': '2'}
    assert 'Attributes' not in ddb.delete_item(TableName=items, Key=key, ReturnValues='ALL_OLD')


def test_conditional_writes(ddb, items):
    key = {'id': {'S': 'cond'}}
    ddb.put_item(TableName=items, Item={**key, 'v': {'N': '1'}}, ConditionExpression='attribute_not_exists(id)')
    failed = refused(lambda: ddb.put_item(TableName=items, Item=key, ConditionExpression='attribute_not_exists(id)',
                                          ReturnValuesOnConditionCheckFailure='ALL_OLD'),
                     'ConditionalCheckFailedException', 'The conditional request failed')
    assert failed['Item'] == {**key, 'v': {'N': '1'}}
    refused(lambda: ddb.delete_item(TableName=items, Key=key, ConditionExpression='v > :v', ExpressionAttributeValues={':v': {'N': '1'}}),
            'ConditionalCheckFailedException')
    ddb.delete_item(TableName=items, Key=key, ConditionExpression='#v = :v', ExpressionAttributeNames={'#v': 'v'},
                    ExpressionAttributeValues={':v': {'N': '1.0'}})
    refused(lambda: ddb.update_item(TableName=items, Key=key, UpdateExpression='SET a1 = :a', ConditionExpression='attribute_exists(id)',
                                    ExpressionAttributeValues={':a': {'S': 'x'}}), 'ConditionalCheckFailedException')


def test_expression_parameters_refused(ddb, items):
    key = {'id': {'S': 'x'}}

    def put(**more):
        return lambda: ddb.put_item(TableName=items, Item=key, **more)
    invalid(put(ExpressionAttributeNames={'#a': 'b'}), 'ExpressionAttributeNames can only be specified when using expressions')
    invalid(put(ExpressionAttributeValues={':a': {'S': 'b'}}),
            'ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null')
    invalid(put(ConditionExpression='', ), 'Invalid ConditionExpression: The expression can not be empty;')
    invalid(put(ConditionExpression='id = :x', ExpressionAttributeValues={}), 'ExpressionAttributeValues must not be empty')
    invalid(put(ConditionExpression='id = :x', ExpressionAttributeValues={'x': {'S': 'a'}}),
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "x"')
    invalid(put(ConditionExpression='id = :x', ExpressionAttributeValues={':x': {}}),
            'ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes '
            'for key :x')
    invalid(put(ConditionExpression='id = :x', ExpressionAttributeValues={':x': {'S': 'a'}, ':y': {'S': 'b'}}),
            'Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}')
    invalid(put(ConditionExpression='id = :x', ExpressionAttributeValues={':x': {'S': 'a'}}, ExpressionAttributeNames={'#n': 'n'}),
            'Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}')
    invalid(put(ConditionExpression='#a = :x', ExpressionAttributeValues={':x': {'S': 'a'}}),
            'Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #a')
    invalid(put(ConditionExpression='name = :x', ExpressionAttributeValues={':x': {'S': 'a'}}),
            'Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: name')
    invalid(put(ConditionExpression='a-b'), 'Invalid ConditionExpression: Syntax error; token: "-", near: "a-b"')
    invalid(put(ConditionExpression='id = :x', ExpressionAttributeValues={':x': {'S': 'a'}}, Expected={'v': {'Exists': False}}),
            'Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} '
            'Expression parameters: {ConditionExpression}')


def test_update_item(ddb, items):
    key = {'id': {'S': 'up'}}

    def update(expression, values=None, **more):
        request = dict(TableName=items, Key=key, UpdateExpression=expression, **more)
        if values:
            request['ExpressionAttributeValues'] = values
        return ddb.update_item(**request)
    made = update('SET n = :n, l = :l', {':n': {'N': '1'}, ':l': {'L': [{'S': 'a'}]}}, ReturnValues='ALL_NEW')['Attributes']
    assert made == {**key, 'n': {'N': '1'}, 'l': {'L': [{'S': 'a'}]}}
    assert update('SET n = n + :d', {':d': {'N': '0.1'}}, ReturnValues='UPDATED_NEW')['Attributes'] == {'n': {'N': '1.1'}}
    assert update('ADD n :d', {':d': {'N': '1'}}, ReturnValues='UPDATED_OLD')['Attributes'] == {'n': {'N': '1.1'}}
    assert update('SET l = list_append(l, :m)', {':m': {'L': [{'S': 'b'}]}}, ReturnValues='UPDATED_NEW')['Attributes'] == {
        'l': {'L': [{'S': 'a'}, {'S': 'b'}]}}
    update('REMOVE l[0] ADD s :s', {':s': {'SS': ['x', 'y']}})
    assert update('DELETE s :s', {':s': {'SS': ['x']}}, ReturnValues='ALL_NEW')['Attributes'] == {
        **key, 'n': {'N': '2.1'}, 'l': {'L': [{'S': 'b'}]}, 's': {'SS': ['y']}}
    assert update('SET m = if_not_exists(m, :m)', {':m': {'M': {'k': {'N': '0'}}}}, ReturnValues='ALL_OLD')['Attributes']['n'] == {'N': '2.1'}
    assert update('SET m.k = m.k + :one, m.j = :one', {':one': {'N': '1'}}, ReturnValues='UPDATED_NEW')['Attributes'] == {
        'm': {'M': {'k': {'N': '1'}, 'j': {'N': '1'}}}}
    invalid(lambda: update('SET id = :x', {':x': {'S': 'y'}}),
            'One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key')
    invalid(lambda: update('SET a1 = zz'), 'The provided expression refers to an attribute that does not exist in the item')
    invalid(lambda: update('SET zz.a1 = :x', {':x': {'S': 'y'}}), 'The document path provided in the update expression is invalid for update')
    invalid(lambda: update('SET n = n + :x', {':x': {'S': 'y'}}),
            'Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S')
    invalid(lambda: update('ADD l :x', {':x': {'N': '1'}}), 'An operand in the update expression has an incorrect data type')
    invalid(lambda: update('SET a1 = :x, a1 = :x', {':x': {'N': '1'}}),
            'Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; '
            'path one: [a1], path two: [a1]')
    invalid(lambda: update('INVALID SYNTAX HERE'), 'Invalid UpdateExpression: Syntax error; token: "INVALID", near: "INVALID SYNTAX"')
    ddb.update_item(TableName=items, Key={'id': {'S': 'bare'}})  # an update of nothing makes the item
    assert ddb.get_item(TableName=items, Key={'id': {'S': 'bare'}})['Item'] == {'id': {'S': 'bare'}}


def test_legacy_parameters(ddb, items):
    key = {'id': {'S': 'legacy'}}
    ddb.put_item(TableName=items, Item={**key, 'n': {'N': '1'}, 's': {'SS': ['a']}}, Expected={'id': {'Exists': False}})
    refused(lambda: ddb.put_item(TableName=items, Item=key, Expected={'n': {'Value': {'N': '2'}}}), 'ConditionalCheckFailedException')
    changed = ddb.update_item(TableName=items, Key=key, ReturnValues='ALL_NEW', Expected={'n': {'ComparisonOperator': 'LT', 'AttributeValueList': [
        {'N': '5'}]}}, AttributeUpdates={'n': {'Action': 'ADD', 'Value': {'N': '2'}}, 's': {'Action': 'DELETE', 'Value': {'SS': ['a']}},
                                         'p': {'Value': {'S': 'put'}}})['Attributes']
    assert changed == {**key, 'n': {'N': '3'}, 'p': {'S': 'put'}}
    assert ddb.get_item(TableName=items, Key=key, AttributesToGet=['p', 'zz'])['Item'] == {'p': {'S': 'put'}}
    invalid(lambda: ddb.put_item(TableName=items, Item=key, Expected={'n': {'ComparisonOperator': 'EQ'}}),
            'One or more parameter values were invalid: Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: n')
    invalid(lambda: ddb.put_item(TableName=items, Item=key, Expected={'n': {}}),
            'One or more parameter values were invalid: Value must be provided when Exists is null for Attribute: n')


def test_projection(ddb, items):
    key = {'id': {'S': 'proj'}}
    ddb.put_item(TableName=items, Item={**key, 'a1': {'M': {'b': {'S': 'x'}, 'c': {'S': 'y'}}}, 'l': {'L': [{'S': '0'}, {'S': '1'}]}})
    got = ddb.get_item(TableName=items, Key=key, ProjectionExpression='a1.b, #l[1]', ExpressionAttributeNames={'#l': 'l'})['Item']
    assert got == {'a1': {'M': {'b': {'S': 'x'}}}, 'l': {'L': [{'S': '1'}]}}
    assert ddb.get_item(TableName=items, Key=key, ProjectionExpression='zz')['Item'] == {}


def test_consumed_capacity(ddb, items):
    key = {'id': {'S': 'cap'}}

    def units(response):
        return response['ConsumedCapacity']['CapacityUnits']
    assert units(ddb.put_item(TableName=items, Item={**key, 'v': {'S': 'x' * 1024}}, ReturnConsumedCapacity='TOTAL')) == 2
    assert units(ddb.get_item(TableName=items, Key=key, ReturnConsumedCapacity='TOTAL')) == 0.5
    assert units(ddb.get_item(TableName=items, Key=key, ConsistentRead=True, ReturnConsumedCapacity='TOTAL')) == 1
    assert units(ddb.delete_item(TableName=items, Key=key, ReturnConsumedCapacity='TOTAL')) == 2
    got = ddb.get_item(TableName=items, Key=key, ReturnConsumedCapacity='INDEXES')['ConsumedCapacity']
    assert got == {'TableName': 'items', 'CapacityUnits': 0.5, 'Table': {'CapacityUnits': 0.5}}
    assert 'ConsumedCapacity' not in ddb.get_item(TableName=items, Key=key)


# ---- Query and Scan ----

def query(ddb, condition, values, **more):
    return ddb.query(TableName='events', KeyConditionExpression=condition, ExpressionAttributeValues=values, **more)


def ats(response):
    return [int(i['seq']['N']) for i in response['Items']]


@pytest.mark.parametrize('condition, values, expected', [
    ('seq = :x', {':x': 3}, [3]), ('seq < :x', {':x': 3}, [0, 1, 2]), ('seq <= :x', {':x': 2}, [0, 1, 2]), ('seq > :x', {':x': 7}, [8, 9]),
    ('seq >= :x', {':x': 8}, [8, 9]), ('seq BETWEEN :x AND :y', {':x': 3, ':y': 5}, [3, 4, 5]), (':x < seq', {':x': 8}, [9])])
def test_query_ranges(ddb, events, condition, values, expected):
    values = {k: {'N': str(v)} for k, v in values.items()}
    found = query(ddb, f'id = :id AND {condition}', {':id': {'S': 'a'}, **values})
    assert ats(found) == expected and found['Count'] == len(expected)
    assert ats(query(ddb, f'{condition} AND id = :id', {':id': {'S': 'a'}, **values}, ScanIndexForward=False)) == expected[::-1]


def test_query_pages_and_filters(ddb, events):
    one = {':id': {'S': 'a'}}
    assert ats(query(ddb, 'id = :id', one)) == list(range(10))
    for forward in (True, False):
        seen, start = [], {}
        while True:
            page = query(ddb, 'id = :id', one, Limit=3, ScanIndexForward=forward, **start)
            seen += ats(page)
            if 'LastEvaluatedKey' not in page:
                break
            assert set(page['LastEvaluatedKey']) == {'id', 'seq'}
            start = {'ExclusiveStartKey': page['LastEvaluatedKey']}
        assert seen == (list(range(10)) if forward else list(range(9, -1, -1)))
    found = query(ddb, 'id = :id', {**one, ':t': {'BOOL': True}}, FilterExpression='even = :t')
    assert ats(found) == [0, 2, 4, 6, 8] and found['ScannedCount'] == 10
    counted = query(ddb, 'id = :id', one, Select='COUNT')
    assert counted['Count'] == 10 and 'Items' not in counted
    assert query(ddb, 'id = :id', one, ProjectionExpression='even', Limit=1)['Items'] == [{'even': {'BOOL': True}}]
    legacy = ddb.query(TableName='events', KeyConditions={'id': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'b'}]},
                                                          'seq': {'ComparisonOperator': 'GT', 'AttributeValueList': [{'N': '7'}]}},
                       QueryFilter={'even': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'BOOL': True}]}})
    assert ats(legacy) == [8]


def test_query_refused(ddb, events):
    one, x = {':id': {'S': 'a'}}, {':x': {'N': '1'}}
    prefix = 'Invalid KeyConditionExpression: '
    invalid(lambda: ddb.query(TableName='events'), 'Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.')
    invalid(lambda: query(ddb, 'seq = :x', x), 'Query condition missed key schema element: id')
    invalid(lambda: query(ddb, 'id > :id', one), 'Query key condition not supported')
    invalid(lambda: query(ddb, 'id = :id AND even = :x', {**one, **x}), 'Query condition missed key schema element: seq')
    invalid(lambda: query(ddb, 'id = :id AND seq <> :x', {**one, **x}), prefix + 'Invalid operator used in KeyConditionExpression: <>')
    invalid(lambda: query(ddb, 'id = :id OR seq = :x', {**one, **x}), prefix + 'Invalid operator used in KeyConditionExpression: OR')
    invalid(lambda: query(ddb, 'id = :id AND contains(seq, :x)', {**one, **x}), prefix + 'Invalid operator used in KeyConditionExpression: contains')
    invalid(lambda: query(ddb, 'id = :id AND id = :x', {**one, **x}), prefix + 'KeyConditionExpressions must only contain one condition per key')
    invalid(lambda: query(ddb, 'id = :x', x), 'One or more parameter values were invalid: Condition parameter type does not match schema type')
    invalid(lambda: query(ddb, 'id = :id', {**one, **x}, FilterExpression='seq = :x'),
            'Filter Expression can only contain non-primary key attributes: Primary key attribute: seq')
    invalid(lambda: query(ddb, 'id = :id', one, IndexName='missing'), 'The table does not have the specified index: missing')
    invalid(lambda: query(ddb, 'id = :id', one, ExclusiveStartKey={'id': {'S': 'a'}}), 'The provided starting key is invalid')
    invalid(lambda: query(ddb, 'id = :id', one, ExclusiveStartKey={'id': {'S': 'b'}, 'seq': {'N': '1'}}),
            'The provided starting key is outside query boundaries based on provided conditions')
    invalid(lambda: query(ddb, 'id = :id', one, Select='SPECIFIC_ATTRIBUTES'),
            'Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES')


def test_scan_segments_and_pages(ddb):
    create(ddb, 'scanned')
    for i in range(100):
        ddb.put_item(TableName='scanned', Item={'id': {'S': f'k{i}'}, 'n': {'N': str(i)}})
    everything = {f'k{i}' for i in range(100)}

    def scan(**more):
        found, start = [], {}
        while True:
            page = ddb.scan(TableName='scanned', **start, **more)
            found += [i['id']['S'] for i in page['Items']]
            if 'LastEvaluatedKey' not in page:
                return found
            start = {'ExclusiveStartKey': page['LastEvaluatedKey']}
    assert len(scan()) == 100 and set(scan(Limit=7)) == everything
    parts = [scan(Segment=s, TotalSegments=4, Limit=9) for s in range(4)]
    assert sorted(k for p in parts for k in p) == sorted(everything) and all(parts)
    assert len(scan(FilterExpression='n < :x', ExpressionAttributeValues={':x': {'N': '10'}})) == 10
    assert len(scan(ScanFilter={'n': {'ComparisonOperator': 'BETWEEN', 'AttributeValueList': [{'N': '5'}, {'N': '9'}]}})) == 5
    invalid(lambda: scan(Segment=1), 'The TotalSegments parameter is required but was not present in the request when Segment parameter is present')
    invalid(lambda: scan(TotalSegments=2), 'The Segment parameter is required but was not present in the request when parameter TotalSegments is '
            'present')
    invalid(lambda: scan(Segment=4, TotalSegments=4), 'The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 4 is '
            'not less than TotalSegments: 4')


def test_pages_end_at_one_megabyte(ddb):
    create(ddb, 'heavy', sort='sk', types={'sk': 'N'})
    for i in range(6):
        ddb.put_item(TableName='heavy', Item={'id': {'S': 'h'}, 'sk': {'N': str(i)}, 'v': {'S': 'x' * 300000}})
    page = ddb.query(TableName='heavy', KeyConditionExpression='id = :h', ExpressionAttributeValues={':h': {'S': 'h'}})
    assert page['Count'] == 3 and page['LastEvaluatedKey']['sk'] == {'N': '2'}


def test_sort_keys_of_every_type(ddb):
    create(ddb, 'strings', sort='sk')
    create(ddb, 'bytes', sort='sk', types={'sk': 'B'})
    create(ddb, 'numbers', sort='sk', types={'sk': 'N'})
    strings = ['', 'a', 'a\0', 'a\0b', 'a\x01', 'aa', 'ab', 'b', '\u00e9', '\U0001f600'][1:]
    for s in strings[::-1]:
        ddb.put_item(TableName='strings', Item={'id': {'S': 'x'}, 'sk': {'S': s}})
        ddb.put_item(TableName='bytes', Item={'id': {'S': 'x'}, 'sk': {'B': s.encode()}})
    numbers = ['-1E+100', '-20', '-3', '-0.5', '0', '1E-50', '0.5', '2', '10', '100', '1E+100']
    for n in numbers[::-1]:
        ddb.put_item(TableName='numbers', Item={'id': {'S': 'x'}, 'sk': {'N': n}})

    def keys(table, kind, condition='id = :x', **values):
        found = ddb.query(TableName=table, KeyConditionExpression=condition, ExpressionAttributeValues={':x': {'S': 'x'}, **{
            ':' + k: {kind: v} for k, v in values.items()}})
        return [i['sk'][kind] for i in found['Items']]
    assert keys('strings', 'S') == strings
    assert keys('bytes', 'B') == [s.encode() for s in strings]
    assert [Decimal(n) for n in keys('numbers', 'N')] == [Decimal(n) for n in numbers]
    assert keys('strings', 'S', 'id = :x AND begins_with(sk, :p)', p='a') == ['a', 'a\0', 'a\0b', 'a\x01', 'aa', 'ab']
    assert keys('strings', 'S', 'id = :x AND begins_with(sk, :p)', p='a\0') == ['a\0', 'a\0b']
    assert keys('strings', 'S', 'id = :x AND sk > :p', p='a') == ['a\0', 'a\0b', 'a\x01', 'aa', 'ab', 'b', '\u00e9', '\U0001f600']


# ---- batches ----

def test_batches(ddb, items):
    keys = [{'id': {'S': f'batch{i}'}} for i in range(25)]
    answer = ddb.batch_write_item(RequestItems={items: [{'PutRequest': {'Item': {**k, 'v': {'N': '1'}}}} for k in keys]},
                                  ReturnConsumedCapacity='TOTAL')
    assert answer['UnprocessedItems'] == {} and answer['ConsumedCapacity'] == [{'TableName': items, 'CapacityUnits': 25.0}]
    got = ddb.batch_get_item(RequestItems={items: {'Keys': keys + [{'id': {'S': 'absent'}}], 'ProjectionExpression': 'id'}})
    assert len(got['Responses'][items]) == 25 and got['UnprocessedKeys'] == {}
    ddb.batch_write_item(RequestItems={items: [{'DeleteRequest': {'Key': k}} for k in keys]})
    assert ddb.batch_get_item(RequestItems={items: {'Keys': keys}})['Responses'][items] == []
    invalid(lambda: ddb.batch_get_item(RequestItems={items: {'Keys': [keys[0], keys[0]]}}), 'Provided list of item keys contains duplicates')
    invalid(lambda: ddb.batch_write_item(RequestItems={items: [{'DeleteRequest': {'Key': keys[0]}}, {'PutRequest': {'Item': keys[0]}}]}),
            'Provided list of item keys contains duplicates')
    invalid(lambda: ddb.batch_write_item(RequestItems={items: [{'PutRequest': {'Item': {'other': {'S': 'x'}}}}]}),
            'The provided key element does not match the schema')
    refused(lambda: ddb.batch_get_item(RequestItems={'nothere': {'Keys': [keys[0]]}}), 'ResourceNotFoundException', 'Requested resource not found')


def test_batch_get_stops_at_sixteen_megabytes(ddb, items):
    keys = [{'id': {'S': f'fat{i}'}} for i in range(45)]
    for k in keys:
        ddb.put_item(TableName=items, Item={**k, 'v': {'S': 'x' * 390000}})
    got = ddb.batch_get_item(RequestItems={items: {'Keys': keys}})
    rest = got['UnprocessedKeys'][items]['Keys']
    assert len(got['Responses'][items]) + len(rest) == 45 and 0 < len(rest) < 10
    for k in keys:
        ddb.delete_item(TableName=items, Key=k)


# ---- transactions ----

def test_transactions(ddb, items):
    a, b, c = ({'id': {'S': f'tx-{x}'}} for x in 'abc')
    ddb.transact_write_items(TransactItems=[
        {'Put': {'TableName': items, 'Item': {**a, 'n': {'N': '1'}}, 'ConditionExpression': 'attribute_not_exists(id)'}},
        {'Update': {'TableName': items, 'Key': b, 'UpdateExpression': 'ADD n :n', 'ExpressionAttributeValues': {':n': {'N': '5'}}}}])
    got = ddb.transact_get_items(TransactItems=[{'Get': {'TableName': items, 'Key': k}} for k in (a, b, c)])['Responses']
    assert got == [{'Item': {**a, 'n': {'N': '1'}}}, {'Item': {**b, 'n': {'N': '5'}}}, {}]
    failed = refused(lambda: ddb.transact_write_items(TransactItems=[
        {'Put': {'TableName': items, 'Item': c}},
        {'Update': {'TableName': items, 'Key': b, 'UpdateExpression': 'SET n = :n', 'ConditionExpression': 'n = :m',
                    'ExpressionAttributeValues': {':n': {'N': '9'}, ':m': {'N': '8'}}, 'ReturnValuesOnConditionCheckFailure': 'ALL_OLD'}}]),
        'TransactionCanceledException',
        'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]')
    assert failed['CancellationReasons'] == [{'Code': 'None'}, {'Code': 'ConditionalCheckFailed', 'Message': 'The conditional request failed',
                                                                'Item': {**b, 'n': {'N': '5'}}}]
    assert 'Item' not in ddb.get_item(TableName=items, Key=c)  # nothing of it happened
    invalid(lambda: ddb.transact_write_items(TransactItems=[{'Put': {'TableName': items, 'Item': a}}, {'Delete': {'TableName': items, 'Key': a}}]),
            'Transaction request cannot include multiple operations on one item')
    invalid(lambda: ddb.transact_write_items(TransactItems=[{}]), 'TransactItems can only contain one of Check, Put, Update or Delete')
    ddb.transact_write_items(TransactItems=[
        {'ConditionCheck': {'TableName': items, 'Key': a, 'ConditionExpression': 'attribute_exists(id)'}}, {'Delete': {'TableName': items, 'Key': b}}])
    assert 'Item' not in ddb.get_item(TableName=items, Key=b)


def test_transaction_tokens(ddb, items):
    key = {'id': {'S': 'token'}}

    def add(n):
        return ddb.transact_write_items(ClientRequestToken='token-1', TransactItems=[{'Update': {
            'TableName': items, 'Key': key, 'UpdateExpression': 'ADD n :n', 'ExpressionAttributeValues': {':n': {'N': str(n)}}}}])
    add(1)
    add(1)
    assert ddb.get_item(TableName=items, Key=key)['Item']['n'] == {'N': '1'}
    refused(lambda: add(2), 'IdempotentParameterMismatchException')


# ---- secondary indexes ----

GSI = {'IndexName': 'by-owner', 'KeySchema': [{'AttributeName': 'owner', 'KeyType': 'HASH'}, {'AttributeName': 'seq', 'KeyType': 'RANGE'}],
       'Projection': {'ProjectionType': 'ALL'}}


def owned(ddb, table, owner, index='by-owner', **more):
    return ddb.query(TableName=table, IndexName=index, KeyConditionExpression='#o = :o', ExpressionAttributeNames={'#o': 'owner'},
                     ExpressionAttributeValues={':o': {'S': owner}}, **more)


def test_global_index(ddb):
    keys_only = {**GSI, 'IndexName': 'keys', 'Projection': {'ProjectionType': 'KEYS_ONLY'}}
    include = {**GSI, 'IndexName': 'include', 'Projection': {'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['v']}}
    create(ddb, 'global', attributes=['owner', 'seq'], types={'seq': 'N'}, GlobalSecondaryIndexes=[GSI, keys_only, include])
    for i in range(4):
        ddb.put_item(TableName='global', Item={'id': {'S': f'i{i}'}, 'owner': {'S': 'ann'}, 'seq': {'N': str(9 - i)}, 'v': {'N': str(i)}})
    ddb.put_item(TableName='global', Item={'id': {'S': 'none'}, 'owner': {'S': 'ann'}})  # lacks the sort key: not in the index
    assert [i['id']['S'] for i in owned(ddb, 'global', 'ann')['Items']] == ['i3', 'i2', 'i1', 'i0']
    assert owned(ddb, 'global', 'ann', 'keys', Limit=1)['Items'] == [{'id': {'S': 'i3'}, 'owner': {'S': 'ann'}, 'seq': {'N': '6'}}]
    assert owned(ddb, 'global', 'ann', 'include', Limit=1)['Items'][0]['v'] == {'N': '3'}
    page = owned(ddb, 'global', 'ann', Limit=2)
    assert set(page['LastEvaluatedKey']) == {'id', 'owner', 'seq'}
    assert [i['id']['S'] for i in owned(ddb, 'global', 'ann', ExclusiveStartKey=page['LastEvaluatedKey'])['Items']] == ['i1', 'i0']
    ddb.update_item(TableName='global', Key={'id': {'S': 'i3'}}, UpdateExpression='SET #o = :b', ExpressionAttributeNames={'#o': 'owner'},
                    ExpressionAttributeValues={':b': {'S': 'bob'}})
    assert owned(ddb, 'global', 'ann')['Count'] == 3 and owned(ddb, 'global', 'bob')['Count'] == 1
    ddb.delete_item(TableName='global', Key={'id': {'S': 'i3'}})
    assert owned(ddb, 'global', 'bob')['Count'] == 0
    assert ddb.scan(TableName='global', IndexName='by-owner')['Count'] == 3
    described = {i['IndexName']: i for i in ddb.describe_table(TableName='global')['Table']['GlobalSecondaryIndexes']}
    assert described['by-owner']['ItemCount'] == 3 and described['by-owner']['IndexStatus'] == 'ACTIVE'
    invalid(lambda: owned(ddb, 'global', 'ann', ConsistentRead=True), 'Consistent reads are not supported on global secondary indexes')
    invalid(lambda: owned(ddb, 'global', 'ann', 'keys', Select='ALL_ATTRIBUTES'),
            'One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its '
            'projection type is not ALL')
    invalid(lambda: ddb.put_item(TableName='global', Item={'id': {'S': 'x'}, 'owner': {'N': '1'}}),
            'One or more parameter values were invalid: Type mismatch for Index Key owner Expected: S Actual: N IndexName: by-owner')
    spent = ddb.put_item(TableName='global', Item={'id': {'S': 'c'}, 'owner': {'S': 'cat'}, 'seq': {'N': '1'}}, ReturnConsumedCapacity='INDEXES')
    assert spent['ConsumedCapacity']['CapacityUnits'] == 4
    assert spent['ConsumedCapacity']['GlobalSecondaryIndexes']['by-owner'] == {'CapacityUnits': 1.0}


def test_index_is_added_and_removed_later(ddb):
    create(ddb, 'later')
    for i in range(1200):
        if i % 25 == 0:
            ddb.batch_write_item(RequestItems={'later': [{'PutRequest': {'Item': {'id': {'S': f'{k}'}, 'owner': {'S': f'o{k % 3}'}, 'seq': {
                'N': str(k)}}}} for k in range(i, i + 25)]})
    ddb.update_table(TableName='later', AttributeDefinitions=[{'AttributeName': n, 'AttributeType': t} for n, t in
                                                              (('id', 'S'), ('owner', 'S'), ('seq', 'N'))],
                     GlobalSecondaryIndexUpdates=[{'Create': GSI}])

    def index():
        return ddb.describe_table(TableName='later')['Table'].get('GlobalSecondaryIndexes', [{}])[0]
    eventually(lambda: index()['IndexStatus'] == 'ACTIVE')
    assert index()['ItemCount'] == 1200
    assert owned(ddb, 'later', 'o1', Select='COUNT')['Count'] == 400
    ddb.update_table(TableName='later', GlobalSecondaryIndexUpdates=[{'Delete': {'IndexName': 'by-owner'}}])
    table = ddb.describe_table(TableName='later')['Table']
    assert 'GlobalSecondaryIndexes' not in table and table['AttributeDefinitions'] == [{'AttributeName': 'id', 'AttributeType': 'S'}]


def test_local_index(ddb):
    lsi = {'IndexName': 'by-rank', 'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'rank', 'KeyType': 'RANGE'}],
           'Projection': {'ProjectionType': 'KEYS_ONLY'}}
    create(ddb, 'local', sort='sk', attributes=['rank'], types={'rank': 'N'}, LocalSecondaryIndexes=[lsi])
    for i, rank in enumerate([5, 3, 9]):
        ddb.put_item(TableName='local', Item={'id': {'S': 'x'}, 'sk': {'S': str(i)}, 'rank': {'N': str(rank)}, 'v': {'S': f'v{i}'}})

    def ranked(**more):
        return ddb.query(TableName='local', IndexName='by-rank', KeyConditionExpression='id = :x', ExpressionAttributeValues={':x': {'S': 'x'}},
                         **more)['Items']
    assert [i['rank']['N'] for i in ranked(ConsistentRead=True)] == ['3', '5', '9'] and 'v' not in ranked()[0]
    assert [i['v']['S'] for i in ranked(Select='ALL_ATTRIBUTES')] == ['v1', 'v0', 'v2']
    assert ranked(ProjectionExpression='v')[0] == {'v': {'S': 'v1'}}
    metrics = ddb.put_item(TableName='local', Item={'id': {'S': 'x'}, 'sk': {'S': 'm'}}, ReturnItemCollectionMetrics='SIZE')
    assert metrics['ItemCollectionMetrics']['ItemCollectionKey'] == {'id': {'S': 'x'}}


# ---- TTL ----

def test_ttl_follows_the_clock(own_strata):
    ddb = own_strata.client('dynamodb')
    create(ddb, 'expiring', attributes=['owner', 'seq'], types={'seq': 'N'}, GlobalSecondaryIndexes=[GSI])
    now = int(time.time())

    def put(key, at):
        ddb.put_item(TableName='expiring', Item={'id': {'S': key}, 'until': {'N': str(at)}, 'owner': {'S': 'ann'}, 'seq': {'N': '1'}})

    def left():
        return {i['id']['S'] for i in ddb.scan(TableName='expiring')['Items']}
    put('before', now + 1000)  # written before TTL was switched on
    ddb.update_time_to_live(TableName='expiring', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})
    assert ddb.describe_time_to_live(TableName='expiring')['TimeToLiveDescription'] == {'TimeToLiveStatus': 'ENABLED', 'AttributeName': 'until'}
    invalid(lambda: ddb.update_time_to_live(TableName='expiring', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'}),
            'TimeToLive is already enabled')
    put('soon', now + 1000)
    put('late', now + 5000)
    put('moved', now + 1000)
    put('moved', now + 5000)
    ddb.put_item(TableName='expiring', Item={'id': {'S': 'never'}, 'until': {'S': str(now + 10)}})
    assert left() == {'before', 'soon', 'late', 'moved', 'never'}
    own_strata.advance_clock(2000)
    eventually(lambda: left() == {'late', 'moved', 'never'})
    assert owned(ddb, 'expiring', 'ann')['Count'] == 2
    own_strata.kill()
    own_strata.start()
    ddb = own_strata.client('dynamodb')
    own_strata.advance_clock(4000)
    eventually(lambda: left() == {'never'})
    assert ddb.describe_table(TableName='expiring')['Table']['ItemCount'] == 1
    ddb.update_time_to_live(TableName='expiring', TimeToLiveSpecification={'Enabled': False, 'AttributeName': 'until'})
    assert ddb.describe_time_to_live(TableName='expiring')['TimeToLiveDescription'] == {'TimeToLiveStatus': 'DISABLED'}


def test_what_was_put_unseen_is_counted(own_strata):
    """A PutItem that needs nothing of the item before it does not look whether there was one."""
    many = 12000
    ddb = own_strata.client('dynamodb')

    def told():
        table = ddb.describe_table(TableName='counted')['Table']
        return table['ItemCount'], table['TableSizeBytes']

    def fill(numbers):
        for i in range(0, len(numbers), 25):
            ddb.batch_write_item(RequestItems={'counted': [{'PutRequest': {'Item': {'id': {'S': f'{n:06}'}}}} for n in numbers[i:i + 25]]})
    create(ddb, 'counted')
    for _ in range(3):
        ddb.put_item(TableName='counted', Item={'id': {'S': '000000'}})  # 2 + 6 bytes, however often
    fill(range(100))
    assert told() == (100, 800)
    ddb.delete_item(TableName='counted', Key={'id': {'S': '000000'}})
    answer = ddb.put_item(TableName='counted', Item={'id': {'S': '000001'}, 'more': {'S': 'x' * 2000}}, ReturnConsumedCapacity='TOTAL')
    assert answer['ConsumedCapacity']['CapacityUnits'] == 2
    answer = ddb.put_item(TableName='counted', Item={'id': {'S': '000001'}}, ReturnConsumedCapacity='TOTAL')
    assert answer['ConsumedCapacity']['CapacityUnits'] == 2  # by the larger of the two
    assert told() == (99, 99 * 8)
    own_strata.advance_clock(6 * 3600)  # counted, in one go: from now on the counters are exact
    assert told() == (99, 99 * 8)
    ddb.delete_item(TableName='counted', Key={'id': {'S': '000001'}})
    assert told() == (98, 98 * 8)
    own_strata.check()

    with ThreadPoolExecutor(4) as pool:  # too large for DescribeTable to count
        list(pool.map(fill, [range(k * many // 8, (k + 1) * many // 8) for k in range(8)]))
    assert told() == (10000, 80000)
    own_strata.advance_clock(6 * 3600)
    assert told() == (many, many * 8)
    ddb.delete_item(TableName='counted', Key={'id': {'S': '000002'}})
    ddb.put_item(TableName='counted', Item={'id': {'S': 'another'}})
    assert told() == (many - 1, (many - 1) * 8)
    own_strata.kill()
    own_strata.start()
    ddb = own_strata.client('dynamodb')
    own_strata.advance_clock(6 * 3600)
    assert told() == (many, many * 8 + 1)
    own_strata.check()
    ddb.delete_table(TableName='counted')
    create(ddb, 'counted')
    assert told() == (0, 0)
    own_strata.check()


def test_items_survive_a_crash(own_strata):
    ddb = own_strata.client('dynamodb')
    create(ddb, 'kept')
    for i in range(20):
        ddb.put_item(TableName='kept', Item={'id': {'S': str(i)}})
    own_strata.kill()
    own_strata.start()
    ddb = own_strata.client('dynamodb')
    assert ddb.scan(TableName='kept')['Count'] == 20
    assert ddb.describe_table(TableName='kept')['Table']['ItemCount'] == 20


def test_resource_interface(strata):
    resource = boto3.resource('dynamodb', region_name='us-east-1', endpoint_url=strata.url, aws_access_key_id='test', aws_secret_access_key='test')
    table = resource.create_table(TableName='resource', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                  AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}], BillingMode='PAY_PER_REQUEST')
    table.wait_until_exists()
    table.put_item(Item={'id': 'x', 'price': Decimal('19.990'), 'tags': {'a', 'b'}, 'raw': base64.b64decode('AAEC')})
    item = table.get_item(Key={'id': 'x'})['Item']
    assert item['price'] == Decimal('19.99') and item['tags'] == {'a', 'b'} and bytes(item['raw']) == b'\0\1\2'
    with table.batch_writer() as batch:
        for i in range(60):
            batch.put_item(Item={'id': f'b{i}'})
    assert table.scan(Select='COUNT')['Count'] == 61
    table.delete()
    table.wait_until_not_exists()


def test_nothing_is_left(own_strata):
    ddb = own_strata.client('dynamodb')
    create(ddb, 'gone', attributes=['owner', 'seq'], types={'seq': 'N'}, GlobalSecondaryIndexes=[GSI], Tags=[{'Key': 'a', 'Value': 'b'}])
    ddb.update_time_to_live(TableName='gone', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})
    ddb.update_continuous_backups(TableName='gone', PointInTimeRecoverySpecification={'PointInTimeRecoveryEnabled': True})
    arn = ddb.describe_table(TableName='gone')['Table']['TableArn']
    ddb.put_resource_policy(ResourceArn=arn, Policy='{"Version": "2012-10-17", "Statement": []}')
    for first in range(0, 1100, 25):
        ddb.batch_write_item(RequestItems={'gone': [{'PutRequest': {'Item': {
            'id': {'S': str(i)}, 'owner': {'S': 'ann'}, 'seq': {'N': str(i)}, 'until': {'N': str(int(time.time()) + 5000)}}}}
            for i in range(first, first + 25)]})
    ddb.transact_write_items(ClientRequestToken='t', TransactItems=[{'Delete': {'TableName': 'gone', 'Key': {'id': {'S': '1'}}}}])
    ddb.delete_table(TableName='gone')
    own_strata.advance_clock(3600)  # past the life of the token

    def left():
        status = json.loads(urllib.request.urlopen(f'{own_strata.url}/_strata/status').read())
        return [r for r in status['records'] if r['service'] == 'dynamodb']
    eventually(lambda: left() == [])


# ---- access ----

@pytest.fixture(scope='module')
def as_user(strata):
    """A client of a user with this policy (and nothing else)."""
    iam = strata.client('iam')
    made = []

    def client(*statements):
        name = f'ddb-user-{len(made)}'
        made.append(name)
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': list(statements)}))
        key = iam.create_access_key(UserName=name)['AccessKey']
        return strata.client('dynamodb', key=key['AccessKeyId'], secret=key['SecretAccessKey'])
    return client


def allow(actions, resource, **more):
    return {'Effect': 'Allow', 'Action': actions, 'Resource': resource, **more}


TABLES = 'arn:aws:dynamodb:us-east-1:000000000000:table/'


def test_access_by_table_and_index(ddb, as_user):
    create(ddb, 'secured', attributes=['owner', 'seq'], types={'seq': 'N'}, GlobalSecondaryIndexes=[GSI])
    nobody, reader = as_user(), as_user(allow(['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:BatchGetItem'], TABLES + 'secured'))
    key = {'id': {'S': 'x'}}
    ddb.put_item(TableName='secured', Item=key)
    refused(lambda: nobody.get_item(TableName='secured', Key=key), 'AccessDeniedException')
    assert reader.get_item(TableName='secured', Key=key)['Item'] == key
    assert reader.batch_get_item(RequestItems={'secured': {'Keys': [key]}})['Responses']['secured'] == [key]
    refused(lambda: reader.put_item(TableName='secured', Item=key), 'AccessDeniedException')
    refused(lambda: owned(reader, 'secured', 'ann'), 'AccessDeniedException')  # the index is a resource of its own
    refused(lambda: reader.batch_get_item(RequestItems={'secured': {'Keys': [key]}, 'items': {'Keys': [key]}}), 'AccessDeniedException')
    indexed = as_user(allow('dynamodb:Query', TABLES + 'secured/index/*'))
    assert owned(indexed, 'secured', 'ann')['Count'] == 0


def test_access_in_transactions(ddb, as_user, items):
    writer = as_user(allow(['dynamodb:PutItem', 'dynamodb:ConditionCheckItem'], TABLES + items))
    put = {'Put': {'TableName': items, 'Item': {'id': {'S': 'by-writer'}}}}
    check = {'ConditionCheck': {'TableName': items, 'Key': {'id': {'S': 'zz'}}, 'ConditionExpression': 'attribute_not_exists(id)'}}
    writer.transact_write_items(TransactItems=[put, check])
    refused(lambda: writer.transact_write_items(TransactItems=[put, {'Delete': {'TableName': items, 'Key': {'id': {'S': 'q'}}}}]),
            'AccessDeniedException')
    refused(lambda: writer.transact_get_items(TransactItems=[{'Get': {'TableName': items, 'Key': {'id': {'S': 'q'}}}}]), 'AccessDeniedException')
    refused(lambda: writer.batch_write_item(RequestItems={items: [{'PutRequest': {'Item': {'id': {'S': 'q'}}}}]}), 'AccessDeniedException')


def test_access_by_leading_key(ddb, as_user, events):
    own = as_user(allow('dynamodb:*', TABLES + events, Condition={'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['a']}}))

    def ask(kind):
        return own.query(TableName=events, KeyConditionExpression='id = :i', ExpressionAttributeValues={':i': {'S': kind}})['Count']
    assert ask('a') == 10
    refused(lambda: ask('b'), 'AccessDeniedException')
    own.put_item(TableName=events, Item={'id': {'S': 'a'}, 'seq': {'N': '100'}})
    own.delete_item(TableName=events, Key={'id': {'S': 'a'}, 'seq': {'N': '100'}})
    refused(lambda: own.put_item(TableName=events, Item={'id': {'S': 'b'}, 'seq': {'N': '100'}}), 'AccessDeniedException')
    both = [{'PutRequest': {'Item': {'id': {'S': k}, 'seq': {'N': '100'}}}} for k in 'ab']
    refused(lambda: own.batch_write_item(RequestItems={events: both}), 'AccessDeniedException')


def test_access_by_attribute(ddb, as_user, items):
    ddb.put_item(TableName=items, Item={'id': {'S': 'attrs'}, 'open': {'S': '1'}, 'shut': {'S': '2'}})
    user = as_user(allow('dynamodb:*', TABLES + items, Condition={
        'ForAllValues:StringEquals': {'dynamodb:Attributes': ['id', 'open']},
        'StringEqualsIfExists': {'dynamodb:Select': 'SPECIFIC_ATTRIBUTES', 'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW']}}))
    key = {'id': {'S': 'attrs'}}

    def get(names):
        return user.get_item(TableName=items, Key=key, ProjectionExpression=', '.join(f'#{n}' for n in names),
                             ExpressionAttributeNames={f'#{n}': n for n in names})['Item']

    def put(name):
        return user.update_item(TableName=items, Key=key, UpdateExpression='SET #n = :v', ExpressionAttributeNames={'#n': name},
                                ExpressionAttributeValues={':v': {'S': 'x'}})
    assert get(['open']) == {'open': {'S': '1'}}
    refused(lambda: get(['open', 'shut']), 'AccessDeniedException')
    refused(lambda: user.get_item(TableName=items, Key=key), 'AccessDeniedException')
    put('open')
    refused(lambda: put('shut'), 'AccessDeniedException')
    refused(lambda: user.scan(TableName=items, ProjectionExpression='id', FilterExpression='shut = :v',
                              ExpressionAttributeValues={':v': {'S': '2'}}), 'AccessDeniedException')
    refused(lambda: user.delete_item(TableName=items, Key=key, ReturnValues='ALL_OLD'), 'AccessDeniedException')


def test_access_by_resource_policy(ddb, as_user):
    arn = create(ddb, 'shared')['TableArn']
    user = as_user()
    refused(lambda: user.scan(TableName='shared'), 'AccessDeniedException')
    ddb.put_resource_policy(ResourceArn=arn, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        allow('dynamodb:Scan', arn, Principal='*')]}))
    assert user.scan(TableName='shared')['Count'] == 0
    refused(lambda: user.get_item(TableName='shared', Key={'id': {'S': 'x'}}), 'AccessDeniedException')
    ddb.delete_resource_policy(ResourceArn=arn)
    refused(lambda: user.scan(TableName='shared'), 'AccessDeniedException')
