"""Event source mappings of DynamoDB streams: what a function gets, in which order, and what becomes of what it cannot take."""

import json
import uuid

import pytest

import functions
from functions import SAY, queue, wait_for, with_calls
from refusals import refused

READS = ('dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams')

# Tells the keys of each batch; fails, or reports the first of them, where a key begins with "bad".
TELLS = with_calls(SAY, '''
    def handler(event, context):
        keys = [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]
        say(json.dumps(keys))
        bad = [r['dynamodb']['SequenceNumber'] for r in event['Records'] if r['dynamodb']['Keys']['id']['S'].startswith('bad')]
        if bad and os.environ.get('REPORT'):
            return {'batchItemFailures': [{'itemIdentifier': bad[0]}]}
        assert not bad
''')


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module)
    return strata_of_module


@pytest.fixture(scope='module')
def client(strata):
    return strata.client('lambda')


@pytest.fixture(scope='module')
def ddb(strata):
    return strata.client('dynamodb')


@pytest.fixture(scope='module')
def sqs(strata):
    return strata.client('sqs')


@pytest.fixture
def table(ddb):
    """A name and a stream's ARN."""
    name = 't-' + uuid.uuid4().hex[:12]
    made = ddb.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                            AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                            StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'})
    return name, made['TableDescription']['LatestStreamArn']


def put(ddb, table, *keys, **attributes):
    ddb.transact_write_items(TransactItems=[
        {'Put': {'TableName': table[0], 'Item': {'id': {'S': k}} | {a: {'S': v} for a, v in attributes.items()}}} for k in keys])


def teller(strata, sqs, table, source=TELLS, **variables):
    """A function, the queue that it tells, and its role."""
    url, _ = queue(sqs)
    role = functions.role(strata, *((a, table[1]) for a in READS), ('sqs:SendMessage', '*'))
    return functions.create(strata, source, role, Environment={'Variables': {'QUEUE': url, **variables}}, Timeout=10), url


def map_stream(client, name, table, **mapping):
    return client.create_event_source_mapping(FunctionName=name, EventSourceArn=table[1], **{'StartingPosition': 'TRIM_HORIZON', **mapping})


def told(sqs, url, n):
    """The first n that the function told, in their order."""
    got = []

    def enough():
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=['SentTimestamp']).get('Messages', []):
            got.append((int(m['Attributes']['SentTimestamp']), json.loads(m['Body'])))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
        return len(got) >= n

    assert wait_for(enough), got
    return [body for _, body in sorted(got, key=lambda g: g[0])]


def test_a_stream_feeds_a_function(strata, client, ddb, sqs, table):
    name, url = teller(strata, sqs, table, with_calls(SAY, '''
        def handler(event, context):
            say(json.dumps(event['Records']))
    '''))
    put(ddb, table, 'a', v='1')
    made = map_stream(client, name, table)
    assert made['State'] == 'Creating' and made['LastProcessingResult'] == 'No records processed'
    got = client.get_event_source_mapping(UUID=made['UUID'])
    for k, v in {'BatchSize': 100, 'MaximumBatchingWindowInSeconds': 0, 'ParallelizationFactor': 1, 'StartingPosition': 'TRIM_HORIZON', 'State': 'Enabled',
                 'StateTransitionReason': 'User action', 'MaximumRetryAttempts': -1, 'MaximumRecordAgeInSeconds': -1, 'TumblingWindowInSeconds': 0,
                 'BisectBatchOnFunctionError': False, 'DestinationConfig': {'OnFailure': {}}, 'FunctionResponseTypes': []}.items():
        assert got[k] == v, k
    ((record,),) = told(sqs, url, 1)
    assert record.pop('eventID') and record['dynamodb'].pop('ApproximateCreationDateTime') and record['dynamodb'].pop('SequenceNumber')
    assert record == {'eventName': 'INSERT', 'eventVersion': '1.1', 'eventSource': 'aws:dynamodb', 'awsRegion': 'us-east-1', 'eventSourceARN': table[1],
                      'dynamodb': {'Keys': {'id': {'S': 'a'}}, 'NewImage': {'id': {'S': 'a'}, 'v': {'S': '1'}}, 'SizeBytes': 8,
                                   'StreamViewType': 'NEW_AND_OLD_IMAGES'}}
    assert wait_for(lambda: client.get_event_source_mapping(UUID=made['UUID'])['LastProcessingResult'] == 'OK')
    message = refused('ResourceConflictException', map_stream, client, name, table)
    assert message.endswith('Please update or delete the existing mapping with UUID ' + made['UUID'])
    client.delete_event_source_mapping(UUID=made['UUID'])


def test_what_may_not_be_asked(strata, client, sqs, table):
    name, _ = teller(strata, sqs, table)
    message = refused('InvalidParameterValueException', client.create_event_source_mapping, FunctionName=name, EventSourceArn=table[1])
    assert message == "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
    assert refused('InvalidParameterValueException', map_stream, client, name, (None, table[1] + '9')) == f'Cannot access stream {table[1]}9. ' + (
        'Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.')
    may_see_all = functions.create(strata, TELLS, functions.role(strata, ('dynamodb:*', '*')))
    assert refused('InvalidParameterValueException', map_stream, client, may_see_all, (None, table[1] + '9')) == f'Stream not found: {table[1]}9'
    assert 'TumblingWindowInSeconds' in refused('NotImplemented', map_stream, client, name, table, TumblingWindowInSeconds=5)
    assert refused('InvalidParameterValueException', map_stream, client, name, table, FilterCriteria={'Filters': [{'Pattern': '{"a": 1}'}]}) == (
        'Invalid filter pattern definition.')


def test_latest_filters_and_a_restart(own_strata):
    functions.need_runtime(own_strata)
    client, ddb, sqs = (own_strata.client(s) for s in ('lambda', 'dynamodb', 'sqs'))
    made = ddb.create_table(TableName='kept', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                            AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                            StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_IMAGE'})['TableDescription']
    table = 'kept', made['LatestStreamArn']
    name, url = teller(own_strata, sqs, table)
    put(ddb, table, 'before')
    pattern = {'eventName': ['INSERT'], 'dynamodb': {'Keys': {'id': {'S': [{'prefix': 'in-'}]}}}}
    mapping = map_stream(client, name, table, StartingPosition='LATEST', FilterCriteria={'Filters': [{'Pattern': json.dumps(pattern)}]})
    assert mapping['FilterCriteria'] == {'Filters': [{'Pattern': json.dumps(pattern)}]}
    put(ddb, table, 'out-1', 'in-1', 'out-2')
    assert told(sqs, url, 1) == [['in-1']]
    client.update_event_source_mapping(UUID=mapping['UUID'], Enabled=False)
    put(ddb, table, 'in-2')
    own_strata.stop()
    own_strata.start()
    client, sqs = own_strata.client('lambda'), own_strata.client('sqs')
    assert client.get_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Disabled'
    own_strata.advance_clock(3600)  # an iterator would have expired
    client.update_event_source_mapping(UUID=mapping['UUID'], Enabled=True)
    url = sqs.get_queue_url(QueueName=url.rsplit('/', 1)[1])['QueueUrl']
    assert told(sqs, url, 1) == [['in-2']]
    own_strata.check()


def test_a_failing_batch_is_halved_and_given_up(strata, client, ddb, sqs, table):
    name, url = teller(strata, sqs, table)
    dead, dead_arn = queue(sqs)
    put(ddb, table, 'a', 'b', 'bad', 'd')
    mapping = map_stream(client, name, table, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, DestinationConfig={'OnFailure': {'Destination': dead_arn}})
    assert mapping['DestinationConfig'] == {'OnFailure': {'Destination': dead_arn}}
    assert told(sqs, url, 6) == [['a', 'b', 'bad', 'd'], ['a', 'b'], ['bad', 'd'], ['bad'], ['bad'], ['d']]
    (message,) = wait_for(lambda: sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get('Messages'))
    body = json.loads(message['Body'])
    assert body['requestContext']['condition'] == 'RetryAttemptsExhausted' and body['requestContext']['approximateInvokeCount'] == 2
    assert body['responseContext'] == {'statusCode': 200, 'executedVersion': '$LATEST', 'functionError': 'Unhandled'}
    info = body['DDBStreamBatchInfo']
    assert info['batchSize'] == 1 and info['streamArn'] == table[1] and info['startSequenceNumber'] == info['endSequenceNumber']
    put(ddb, table, 'e')
    assert told(sqs, url, 1) == [['e']]


def test_reported_failures_move_the_checkpoint(strata, client, ddb, sqs, table):
    name, url = teller(strata, sqs, table, REPORT='1')
    put(ddb, table, 'a', 'bad', 'c')
    map_stream(client, name, table, FunctionResponseTypes=['ReportBatchItemFailures'], MaximumRetryAttempts=1, BatchSize=3)
    assert told(sqs, url, 2) == [['a', 'bad', 'c'], ['bad', 'c']]
    put(ddb, table, 'd')
    assert told(sqs, url, 1) == [['d']]


def test_lanes_keep_the_order_of_an_item(strata, client, ddb, sqs, table):
    name, url = teller(strata, sqs, table, with_calls(SAY, '''
        def handler(event, context):
            say(json.dumps([[r['dynamodb']['Keys']['id']['S'], r['dynamodb']['NewImage']['v']['S']] for r in event['Records']]))
    '''))
    map_stream(client, name, table, ParallelizationFactor=4, BatchSize=2)
    for n in range(4):
        put(ddb, table, *'abcdef', v=str(n))
    seen = {}

    def whole():
        for batch in told(sqs, url, 1):
            for key, n in batch:
                seen.setdefault(key, []).append(n)
        return sum(map(len, seen.values())) >= 24

    assert wait_for(whole)
    assert sorted(seen) == list('abcdef') and all(sorted(v) == list('0123') for v in seen.values())


def test_a_filter_drops_messages_of_a_queue(strata, client, sqs, table):
    name, url = teller(strata, sqs, table, with_calls(SAY, '''
        def handler(event, context):
            say(json.dumps([r['body'] for r in event['Records']]))
    '''))
    iam = strata.client('iam')
    role = client.get_function_configuration(FunctionName=name)['Role'].rsplit('/', 1)[1]
    iam.put_role_policy(RoleName=role, PolicyName='q', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*'}]}))
    source, source_arn = queue(sqs)
    client.create_event_source_mapping(FunctionName=name, EventSourceArn=source_arn, BatchSize=1,
                                       FilterCriteria={'Filters': [{'Pattern': json.dumps({'body': {'kind': ['yes']}})}]})
    for body in ('{"kind": "no"}', 'no JSON', '{"kind": "yes"}'):
        sqs.send_message(QueueUrl=source, MessageBody=body)
    assert told(sqs, url, 1) == [['{"kind": "yes"}']]
    counts = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']
    assert wait_for(lambda: set(sqs.get_queue_attributes(QueueUrl=source, AttributeNames=counts)['Attributes'].values()) == {'0'})
