"""DynamoDB Streams through boto3: what a stream holds of each change, how it is read, and how it ends."""

import json

import pytest

from refusals import refused
from sealed import lies_in_clear

DAY = 24 * 3600


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture(scope='module')
def ddb(strata):
    return strata.client('dynamodb')


@pytest.fixture(scope='module')
def streams(strata):
    return strata.client('dynamodbstreams')


def create(ddb, name, view='NEW_AND_OLD_IMAGES', **more):
    specification = {'StreamEnabled': True, 'StreamViewType': view} if view else {'StreamEnabled': False}
    return ddb.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                            AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}], StreamSpecification=specification,
                            **more)['TableDescription']


def shard(streams, arn):
    (only,) = streams.describe_stream(StreamArn=arn)['StreamDescription']['Shards']
    return only


def iterator(streams, arn, kind='TRIM_HORIZON', **more):
    return streams.get_shard_iterator(StreamArn=arn, ShardId=shard(streams, arn)['ShardId'], ShardIteratorType=kind, **more)['ShardIterator']


def records(streams, arn, kind='TRIM_HORIZON', **more):
    return streams.get_records(ShardIterator=iterator(streams, arn, kind, **more))['Records']


def put(ddb, table, key, **attributes):
    ddb.put_item(TableName=table, Item={'id': {'S': key}} | {k: {'S': v} for k, v in attributes.items()})


def test_each_change_is_a_record_in_order(ddb, streams):
    arn = create(ddb, 'changes')['LatestStreamArn']
    put(ddb, 'changes', 'a', v='1')
    put(ddb, 'changes', 'a', v='1')  # nothing changes: no record
    ddb.update_item(TableName='changes', Key={'id': {'S': 'a'}}, UpdateExpression='SET v = :v', ExpressionAttributeValues={':v': {'S': '2'}})
    ddb.update_item(TableName='changes', Key={'id': {'S': 'a'}}, UpdateExpression='SET v = :v', ExpressionAttributeValues={':v': {'S': '2'}})
    ddb.batch_write_item(RequestItems={'changes': [{'PutRequest': {'Item': {'id': {'S': 'b'}}}}]})
    ddb.transact_write_items(TransactItems=[{'Delete': {'TableName': 'changes', 'Key': {'id': {'S': 'a'}}}},
                                            {'Put': {'TableName': 'changes', 'Item': {'id': {'S': 'c'}}}}])
    ddb.delete_item(TableName='changes', Key={'id': {'S': 'none'}})
    refused('ConditionalCheckFailedException', ddb.put_item, TableName='changes', Item={'id': {'S': 'b'}, 'x': {'S': 'no'}},
            ConditionExpression='attribute_not_exists(id)')
    found = records(streams, arn)
    assert [(r['eventName'], r['dynamodb']['Keys']['id']['S']) for r in found] == [
        ('INSERT', 'a'), ('MODIFY', 'a'), ('INSERT', 'b'), ('REMOVE', 'a'), ('INSERT', 'c')]
    modify = found[1]
    assert modify.keys() == {'eventID', 'eventName', 'eventVersion', 'eventSource', 'awsRegion', 'dynamodb'}
    assert (modify['eventVersion'], modify['eventSource'], modify['awsRegion']) == ('1.1', 'aws:dynamodb', 'us-east-1')
    assert modify['dynamodb']['NewImage'] == {'id': {'S': 'a'}, 'v': {'S': '2'}}
    assert modify['dynamodb']['OldImage'] == {'id': {'S': 'a'}, 'v': {'S': '1'}}
    assert modify['dynamodb']['StreamViewType'] == 'NEW_AND_OLD_IMAGES' and modify['dynamodb']['SizeBytes'] == 3 + 5 + 5
    assert modify['dynamodb']['ApproximateCreationDateTime'].microsecond == 0
    assert 'OldImage' not in found[0]['dynamodb'] and 'NewImage' not in found[3]['dynamodb']
    numbers = [int(r['dynamodb']['SequenceNumber']) for r in found]
    assert numbers == sorted(set(numbers)) and len({r['eventID'] for r in found}) == 5


@pytest.mark.parametrize('view, images', [('KEYS_ONLY', set()), ('NEW_IMAGE', {'NewImage'}), ('OLD_IMAGE', {'OldImage'})])
def test_a_view_holds_what_it_names(ddb, streams, view, images):
    arn = create(ddb, view, view)['LatestStreamArn']
    put(ddb, view, 'a', v='1')
    put(ddb, view, 'a', v='2')
    record = records(streams, arn)[1]['dynamodb']
    assert record.keys() & {'NewImage', 'OldImage'} == images
    assert record['Keys'] == {'id': {'S': 'a'}}


def test_iterators(ddb, streams):
    arn = create(ddb, 'iterators')['LatestStreamArn']
    start = shard(streams, arn)['SequenceNumberRange']['StartingSequenceNumber']
    assert records(streams, arn, 'AT_SEQUENCE_NUMBER', SequenceNumber=start) == []
    for n in range(5):
        put(ddb, 'iterators', str(n))
    keys = lambda found: [r['dynamodb']['Keys']['id']['S'] for r in found]
    third = records(streams, arn)[2]['dynamodb']['SequenceNumber']
    assert keys(records(streams, arn, 'AT_SEQUENCE_NUMBER', SequenceNumber=third)) == ['2', '3', '4']
    assert keys(records(streams, arn, 'AFTER_SEQUENCE_NUMBER', SequenceNumber=third)) == ['3', '4']
    assert keys(records(streams, arn, 'AT_TIMESTAMP', Timestamp=0)) == ['0', '1', '2', '3', '4']
    assert records(streams, arn, 'AT_TIMESTAMP', Timestamp=4e9) == []
    latest = iterator(streams, arn, 'LATEST')
    put(ddb, 'iterators', '5')
    assert keys(streams.get_records(ShardIterator=latest)['Records']) == ['5']
    page = streams.get_records(ShardIterator=iterator(streams, arn), Limit=4)
    rest = streams.get_records(ShardIterator=page['NextShardIterator'])
    assert keys(page['Records']) + keys(rest['Records']) == ['0', '1', '2', '3', '4', '5']
    refused('ValidationException', lambda: iterator(streams, arn, 'AT_SEQUENCE_NUMBER'))
    refused('ValidationException', lambda: iterator(streams, arn, 'LATEST', SequenceNumber=third))
    assert refused('ValidationException', lambda: streams.get_records(ShardIterator=latest[:-4] + 'AAA=')) == 'Invalid ShardIterator'
    refused('ValidationException', lambda: streams.get_records(ShardIterator=latest, Limit=1001))
    refused('ResourceNotFoundException', lambda: streams.get_shard_iterator(StreamArn=arn, ShardId='shardId-' + '0' * 30, ShardIteratorType='LATEST'))
    assert refused('ValidationException', lambda: streams.describe_stream(StreamArn='x' * 40)) == 'Invalid StreamArn'


def test_a_page_ends_at_a_megabyte(ddb, streams):
    arn = create(ddb, 'large', 'NEW_IMAGE')['LatestStreamArn']
    for n in range(4):
        put(ddb, 'large', str(n), v='x' * 300_000)
    page = streams.get_records(ShardIterator=iterator(streams, arn))
    assert len(page['Records']) == 3
    assert len(streams.get_records(ShardIterator=page['NextShardIterator'])['Records']) == 1


def test_switching_streams(ddb, streams):
    def switch(**specification):
        return ddb.update_table(TableName='switched', StreamSpecification=specification)['TableDescription']

    made = create(ddb, 'switched', None)
    assert 'LatestStreamArn' not in made and 'StreamSpecification' not in made
    assert refused('ValidationException', lambda: switch(StreamEnabled=False)) == 'Table has no stream to disable: TableName: switched'
    assert refused('ValidationException', lambda: switch(StreamEnabled=True)) == (
        'One or more parameter values were invalid: If stream is being enabled then UpdateViewType is required')
    on = switch(StreamEnabled=True, StreamViewType='KEYS_ONLY')
    assert on['StreamSpecification'] == {'StreamEnabled': True, 'StreamViewType': 'KEYS_ONLY'}
    assert on['LatestStreamArn'] == on['TableArn'] + '/stream/' + on['LatestStreamLabel']
    assert refused('ValidationException', lambda: switch(StreamEnabled=True, StreamViewType='NEW_IMAGE')) == (
        'Table already has an enabled stream: TableName: switched')
    put(ddb, 'switched', 'a')
    off = switch(StreamEnabled=False)
    assert 'StreamSpecification' not in off and off['LatestStreamArn'] == on['LatestStreamArn']
    put(ddb, 'switched', 'b')
    described = streams.describe_stream(StreamArn=on['LatestStreamArn'])['StreamDescription']
    assert described['StreamStatus'] == 'DISABLED' and described['StreamViewType'] == 'KEYS_ONLY' and described['TableName'] == 'switched'
    assert described['KeySchema'] == [{'AttributeName': 'id', 'KeyType': 'HASH'}]
    assert 'EndingSequenceNumber' in described['Shards'][0]['SequenceNumberRange']
    page = streams.get_records(ShardIterator=iterator(streams, on['LatestStreamArn']))
    assert len(page['Records']) == 1 and 'NextShardIterator' not in page
    again = switch(StreamEnabled=True, StreamViewType='KEYS_ONLY')
    assert again['LatestStreamArn'] != on['LatestStreamArn']
    listed = streams.list_streams(TableName='switched', Limit=1)
    assert [s['StreamArn'] for s in listed['Streams']] == [on['LatestStreamArn']] == [listed['LastEvaluatedStreamArn']]
    rest = streams.list_streams(TableName='switched', ExclusiveStartStreamArn=listed['LastEvaluatedStreamArn'])
    assert [s['StreamArn'] for s in rest['Streams']] == [again['LatestStreamArn']] and 'LastEvaluatedStreamArn' not in rest
    assert ddb.delete_table(TableName='switched')['TableDescription']['LatestStreamArn'] == again['LatestStreamArn']
    assert len(streams.list_streams(TableName='switched')['Streams']) == 2


def test_who_may_read(strata, ddb):
    iam = strata.client('iam')
    create(ddb, 'granted', 'KEYS_ONLY')
    arn = ddb.describe_table(TableName='granted')['Table']['LatestStreamArn']
    iam.create_user(UserName='reader')
    key = iam.create_access_key(UserName='reader')['AccessKey']
    mine = strata.client('dynamodbstreams', key=key['AccessKeyId'], secret=key['SecretAccessKey'])
    refused('AccessDeniedException', lambda: records(mine, arn))
    iam.put_user_policy(UserName='reader', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Resource': arn, 'Action': ['dynamodb:DescribeStream', 'dynamodb:GetShardIterator', 'dynamodb:GetRecords']}]}))
    assert records(mine, arn) == []
    refused('AccessDeniedException', lambda: mine.list_streams())


def test_a_sealed_table_has_a_sealed_stream(strata, ddb, streams):
    arn = create(ddb, 'secret', SSESpecification={'Enabled': True, 'SSEType': 'KMS'})['LatestStreamArn']
    put(ddb, 'secret', 'a', v='never-in-clear-7261')
    ddb.delete_table(TableName='secret')
    assert [r['eventName'] for r in records(streams, arn)] == ['INSERT']
    assert records(streams, arn)[0]['dynamodb']['NewImage']['v'] == {'S': 'never-in-clear-7261'}
    assert not lies_in_clear(strata, b'never-in-clear-7261')


def test_time(strata, ddb, streams):
    arn = create(ddb, 'aging')['LatestStreamArn']
    ddb.update_time_to_live(TableName='aging', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})
    ddb.put_item(TableName='aging', Item={'id': {'S': 'a'}, 'until': {'N': str(strata.now_ms() // 1000 + 60)}})
    put(ddb, 'aging', 'b')
    first = records(streams, arn)[0]['dynamodb']['SequenceNumber']
    at = iterator(streams, arn)
    strata.advance_clock(16 * 60)
    refused('ExpiredIteratorException', lambda: streams.get_records(ShardIterator=at))
    expired = records(streams, arn)[2]
    assert expired['eventName'] == 'REMOVE' and expired['userIdentity'] == {'PrincipalId': 'dynamodb.amazonaws.com', 'Type': 'Service'}
    strata.advance_clock(DAY - 15 * 60)
    refused('TrimmedDataAccessException', lambda: iterator(streams, arn, 'AT_SEQUENCE_NUMBER', SequenceNumber=first))
    assert [r['eventID'] for r in records(streams, arn)] == [expired['eventID']]
    strata.advance_clock(3600)
    assert records(streams, arn) == []
    put(ddb, 'aging', 'c')
    assert [r['dynamodb']['Keys']['id']['S'] for r in records(streams, arn)] == ['c']
    ddb.delete_table(TableName='aging')
    assert len(records(streams, arn)) == 1
    strata.advance_clock(DAY + 60)
    assert refused('ResourceNotFoundException', lambda: records(streams, arn)) == f'Requested resource not found: Stream: {arn} not found'
    assert arn not in [s['StreamArn'] for s in streams.list_streams()['Streams']]
