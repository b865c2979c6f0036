"""What AWS's services publish of themselves in CloudWatch, on a moved clock."""
import datetime
import json
import urllib.request
import uuid

import pytest

import functions

HOUR = 3600 * 1000


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


def next_minute(strata, minutes=1):
    now = strata.now_ms()
    strata.advance_clock((60000 * minutes - now % 60000) / 1000 + 2)


def at(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def read(strata, space, name, stat='Sum', **dimensions):
    """The statistic of each minute that has data, oldest first, and the unit."""
    now = strata.now_ms()
    points = strata.client('cloudwatch').get_metric_statistics(
        Namespace=space, MetricName=name, Dimensions=[{'Name': k, 'Value': v} for k, v in dimensions.items()], Period=60,
        StartTime=at(now - 8 * HOUR), EndTime=at(now + 60000), **({'ExtendedStatistics': [stat]} if stat.startswith('p') else {'Statistics': [stat]}))['Datapoints']
    points.sort(key=lambda p: p['Timestamp'])
    return [p['ExtendedStatistics'][stat] if stat.startswith('p') else p[stat] for p in points], points[0]['Unit'] if points else None


def test_queues(strata):
    sqs, name = strata.client('sqs'), 'q-' + uuid.uuid4().hex[:8]
    url = sqs.create_queue(QueueName=name)['QueueUrl']

    def of(metric, stat='Sum'):
        return read(strata, 'AWS/SQS', metric, stat, QueueName=name)

    next_minute(strata)
    sqs.receive_message(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody='12345')
    sqs.send_message_batch(QueueUrl=url, Entries=[{'Id': 'a', 'MessageBody': '1'}, {'Id': 'b', 'MessageBody': '2', 'DelaySeconds': 900}])
    (m,) = sqs.receive_message(QueueUrl=url)['Messages']
    strata.advance_clock(10)
    next_minute(strata)
    assert of('NumberOfEmptyReceives') == ([1], 'Count')
    assert of('NumberOfMessagesSent') == ([3], 'Count')
    assert of('SentMessageSize') == ([7], 'Bytes') and of('SentMessageSize', 'Maximum')[0] == [5]
    assert of('NumberOfMessagesReceived') == ([1], 'Count')
    assert (of('ApproximateNumberOfMessagesVisible')[0][-1], of('ApproximateNumberOfMessagesDelayed')[0][-1]) in ((1, 1), (2, 1))
    age, unit = of('ApproximateAgeOfOldestMessage', 'Maximum')
    assert age[-1] >= 10 and unit == 'Seconds'
    sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
    next_minute(strata)
    assert of('NumberOfMessagesDeleted') == ([1], 'Count')
    assert of('NumberOfMessagesSent') == ([3], 'Count')
    sqs.purge_queue(QueueUrl=url)
    next_minute(strata)
    assert [of('ApproximateNumberOfMessages' + n)[0][-1] for n in ('Visible', 'NotVisible', 'Delayed')] == [0, 0, 0]
    assert of('ApproximateAgeOfOldestMessage')[0][-1] == 0
    minutes = len(of('ApproximateNumberOfMessagesVisible')[0])
    next_minute(strata, 5 * 60)
    next_minute(strata)
    assert len(of('ApproximateNumberOfMessagesVisible')[0]) == minutes + 2  # a jump is one minute
    next_minute(strata, 60)
    next_minute(strata)
    assert len(of('ApproximateNumberOfMessagesVisible')[0]) == minutes + 2  # idle for six hours


def test_an_alarm_on_a_dead_letter_queue(strata):
    sqs, cw, name = strata.client('sqs'), strata.client('cloudwatch'), 'q-' + uuid.uuid4().hex[:8] + '.fifo'
    url = sqs.create_queue(QueueName=name, Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
    cw.put_metric_alarm(AlarmName=name, Namespace='AWS/SQS', MetricName='ApproximateNumberOfMessagesVisible', Dimensions=[{'Name': 'QueueName', 'Value': name}],
                        Statistic='Maximum', Period=60, EvaluationPeriods=1, Threshold=0, ComparisonOperator='GreaterThanThreshold')

    def state():
        return cw.describe_alarms(AlarmNames=[name])['MetricAlarms'][0]['StateValue']

    next_minute(strata)
    sqs.send_message(QueueUrl=url, MessageBody='x', MessageGroupId='g')
    next_minute(strata)
    assert state() == 'ALARM'
    sqs.purge_queue(QueueUrl=url)
    next_minute(strata)
    assert state() == 'OK'


def test_tables(strata):
    dynamodb, table = strata.client('dynamodb'), 't-' + uuid.uuid4().hex[:8]
    dynamodb.create_table(TableName=table, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'k', 'KeyType': 'HASH'}],
                          AttributeDefinitions=[{'AttributeName': a, 'AttributeType': 'S'} for a in 'kg'],
                          GlobalSecondaryIndexes=[{'IndexName': 'index', 'KeySchema': [{'AttributeName': 'g', 'KeyType': 'HASH'}], 'Projection': {'ProjectionType': 'ALL'}}])
    dynamodb.get_waiter('table_exists').wait(TableName=table)
    item = {'k': {'S': '1'}, 'g': {'S': 'x'}}

    def of(metric, stat='Sum', **more):
        return read(strata, 'AWS/DynamoDB', metric, stat, TableName=table, **more)

    next_minute(strata)
    dynamodb.put_item(TableName=table, Item={**item, 'v': {'S': 'v' * 1500}})
    dynamodb.get_item(TableName=table, Key={'k': {'S': '1'}}, ConsistentRead=True)
    dynamodb.get_item(TableName=table, Key={'k': {'S': '2'}})
    dynamodb.query(TableName=table, IndexName='index', KeyConditionExpression='g = :g', ExpressionAttributeValues={':g': {'S': 'x'}})
    dynamodb.batch_write_item(RequestItems={table: [{'PutRequest': {'Item': {'k': {'S': '3'}}}}]})
    dynamodb.transact_get_items(TransactItems=[{'Get': {'TableName': table, 'Key': {'k': {'S': '3'}}}}])
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression='attribute_not_exists(k)')
    next_minute(strata)
    assert of('ConsumedWriteCapacityUnits') == ([3], 'Count')
    assert of('ConsumedReadCapacityUnits') == ([3.5], 'Count') and of('ConsumedReadCapacityUnits', 'SampleCount')[0] == [3]
    assert of('ConsumedWriteCapacityUnits', GlobalSecondaryIndexName='index')[0] == [2]
    assert of('ConsumedReadCapacityUnits', GlobalSecondaryIndexName='index')[0] == [0.5]
    assert of('ConditionalCheckFailedRequests')[0] == [1]


def test_functions_and_apis(strata):
    functions.need_runtime(strata)
    lambda_, api = strata.client('lambda'), strata.client('apigatewayv2')
    name = functions.create(strata, '''
        def handler(event, context):
            if event.get('fails'):
                raise ValueError()
            return {'statusCode': int(event.get('rawPath', '/200')[1:]), 'body': 'four'}
    ''', functions.role(strata))
    arn = f'arn:aws:lambda:us-east-1:000000000000:function:{name}'
    lambda_.add_permission(FunctionName=name, StatementId='s', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com')
    api_id = api.create_api(Name=name, ProtocolType='HTTP', Target=arn)['ApiId']
    next_minute(strata)
    for event in ({}, {'fails': True}):
        lambda_.invoke(FunctionName=name, Payload=json.dumps(event))
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(lambda_.exceptions.TooManyRequestsException):
        lambda_.invoke(FunctionName=name)
    lambda_.delete_function_concurrency(FunctionName=name)
    for path in ('200', '404', '500'):
        try:
            urllib.request.urlopen(f'{strata.url}/_aws/execute-api/{api_id}/{path}', timeout=60).read()
        except urllib.error.HTTPError as e:
            assert str(e.code) == path
    next_minute(strata)
    for dimensions in ({'FunctionName': name}, {'FunctionName': name, 'Resource': name}, {}):
        assert [read(strata, 'AWS/Lambda', m, **dimensions) for m in ('Invocations', 'Errors', 'Throttles')] == [([5], 'Count'), ([1], 'Count'), ([1], 'Count')]
    (longest,), unit = read(strata, 'AWS/Lambda', 'Duration', 'Maximum', FunctionName=name)
    assert unit == 'Milliseconds' and read(strata, 'AWS/Lambda', 'Duration', 'p100', FunctionName=name)[0] == [pytest.approx(longest, rel=0.07, abs=0.1)]
    assert read(strata, 'AWS/Lambda', 'ConcurrentExecutions', 'Maximum', FunctionName=name)[0] == [1]
    for dimensions in ({'ApiId': api_id}, {'ApiId': api_id, 'Stage': '$default'}):
        assert [read(strata, 'AWS/ApiGateway', m, **dimensions)[0] for m in ('Count', '4xx', '5xx')] == [[3], [1], [1]]
        assert read(strata, 'AWS/ApiGateway', 'DataProcessed', **dimensions)[0] == [12]
        assert read(strata, 'AWS/ApiGateway', 'IntegrationLatency', 'SampleCount', **dimensions) == ([3], 'Milliseconds')
        assert read(strata, 'AWS/ApiGateway', 'Latency', 'p99', **dimensions)[0][0] > 0


def test_what_was_counted_comes_once_and_the_minutes_go_on_after_a_kill(strata):
    sqs, name = strata.client('sqs'), 'q-' + uuid.uuid4().hex[:8]
    url = sqs.create_queue(QueueName=name)['QueueUrl']
    next_minute(strata)
    sqs.send_message(QueueUrl=url, MessageBody='1')
    next_minute(strata)

    def samples():
        return read(strata, 'AWS/SQS', 'ApproximateNumberOfMessagesVisible', QueueName=name)[0]

    before = samples()
    strata.kill()
    strata.check()
    strata.start()
    next_minute(strata)
    assert read(strata, 'AWS/SQS', 'NumberOfMessagesSent', QueueName=name)[0] == [1]
    assert before[-1] == 1 and samples() == before + [1]
