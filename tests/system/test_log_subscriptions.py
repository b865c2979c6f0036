"""Subscription filters: what a function gets of the events of a group."""

import base64
import gzip
import json
import uuid

import pytest

import functions
from functions import wait_for
from refusals import refusal

TELLS = '''
    import boto3, json, os
    def handler(event, context):
        boto3.client('sqs').send_message(QueueUrl=os.environ['QUEUE'], MessageBody=json.dumps(event))
'''


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module)
    return strata_of_module


@pytest.fixture
def logs(strata):
    return strata.client('logs')


@pytest.fixture
def group(logs):
    name = 'g-' + uuid.uuid4().hex[:12]
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName='s')
    return name


@pytest.fixture(scope='module')
def told(strata):
    """A function that tells a queue what it gets: its ARN, and a function that waits for what came next."""
    sqs = strata.client('sqs')
    url = sqs.create_queue(QueueName='told')['QueueUrl']
    role = functions.role(strata, ('sqs:SendMessage', '*'))
    name = functions.create(strata, TELLS, role, Environment={'Variables': {'QUEUE': url}})

    def following(wait=60):
        def one():
            for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get('Messages', []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
                return json.loads(gzip.decompress(base64.b64decode(json.loads(m['Body'])['awslogs']['data'])))
        return wait_for(one, wait)

    return f'arn:aws:lambda:us-east-1:000000000000:function:{name}', following


def allow(strata, function, principal='logs.amazonaws.com', **more):
    strata.client('lambda').add_permission(FunctionName=function, StatementId='s' + uuid.uuid4().hex, Action='lambda:InvokeFunction', Principal=principal, **more)


def put(logs, strata, group, *messages):
    now = strata.now_ms()
    logs.put_log_events(logGroupName=group, logStreamName='s', logEvents=[{'timestamp': now, 'message': m} for m in messages])
    return now


def test_a_function_gets_what_matches(strata, logs, group, told):
    function, following = told
    subscribe = dict(logGroupName=group, filterName='errors', filterPattern='ERROR', destinationArn=function)
    assert refusal(logs.put_subscription_filter, **subscribe) == (
        'InvalidParameterException',
        'Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.')
    allow(strata, function, 'logs.us-east-1.amazonaws.com', SourceArn=f'arn:aws:logs:us-east-1:000000000000:log-group:{group}:*')
    put(logs, strata, group, 'ERROR too early')
    logs.put_subscription_filter(**subscribe)
    put(logs, strata, group, 'all is well')
    now = put(logs, strata, group, 'ERROR one', 'well', 'ERROR "two" \u00fc')
    got = following()
    events = got.pop('logEvents')
    assert got == {'messageType': 'DATA_MESSAGE', 'owner': '000000000000', 'logGroup': group, 'logStream': 's', 'subscriptionFilters': ['errors']}
    assert [(e['timestamp'], e['message']) for e in events] == [(now, 'ERROR one'), (now, 'ERROR "two" \u00fc')]
    ids = [e['eventId'] for e in logs.filter_log_events(logGroupName=group, filterPattern='ERROR')['events']]
    assert [e['id'] for e in events] == ids[1:]
    (shown,) = logs.describe_subscription_filters(logGroupName=group)['subscriptionFilters']
    assert shown.pop('creationTime') and shown == {**subscribe, 'distribution': 'ByLogStream', 'applyOnTransformedLogs': False}
    logs.delete_subscription_filter(logGroupName=group, filterName='errors')
    put(logs, strata, group, 'ERROR too late')
    logs.put_subscription_filter(**{**subscribe, 'filterName': 'all', 'filterPattern': ''})
    put(logs, strata, group, 'last')
    assert [e['message'] for e in following()['logEvents']] == ['last']


def test_events_of_an_encrypted_group(strata, logs, group, told):
    function, following = told
    policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'kms:*', 'Resource': '*', 'Principal': {
        'AWS': 'arn:aws:iam::000000000000:root', 'Service': 'logs.us-east-1.amazonaws.com'}}]}
    key = strata.client('kms').create_key(Policy=json.dumps(policy))['KeyMetadata']['Arn']
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    allow(strata, function)
    logs.put_subscription_filter(logGroupName=group, filterName='f', filterPattern='', destinationArn=function)
    put(logs, strata, group, 'sealed')
    assert [e['message'] for e in following()['logEvents']] == ['sealed']


def test_subscriptions_that_cannot_be(strata, logs, group, told):
    function, _ = told
    allow(strata, function)

    def of(**more):
        return refusal(logs.put_subscription_filter, **{'logGroupName': group, 'filterName': 'f', 'filterPattern': '', 'destinationArn': function, **more})

    assert of(logGroupName='nowhere') == ('ResourceNotFoundException', 'The specified log group does not exist.')
    assert of(destinationArn=function.replace('000000000000', '111111111111'))[0] == 'AccessDeniedException'
    assert of(destinationArn='arn:aws:kinesis:us-east-1:000000000000:stream/s') == (
        'InvalidParameterException', 'destinationArn for vendor kinesis cannot be used without roleArn')
    own = '/aws/lambda/' + function.split(':')[-1]
    for arn in (function, function + ':1'):
        assert of(logGroupName=own, destinationArn=arn) == (
            'InvalidParameterException', 'The log group provided is reserved for the function logs of the destination function.')
    assert of(destinationArn=function + 'gone')[0] == 'InvalidParameterException'
    assert of(filterPattern='{ $.a = }') == ('InvalidParameterException', 'Invalid filter pattern')
    for name in ('one', 'two', 'two'):
        logs.put_subscription_filter(logGroupName=group, filterName=name, filterPattern='', destinationArn=function)
    assert of() == ('LimitExceededException', 'Resource limit exceeded.')
    assert [f['filterName'] for f in logs.describe_subscription_filters(logGroupName=group, filterNamePrefix='t')['subscriptionFilters']] == ['two']
    assert refusal(logs.delete_subscription_filter, logGroupName=group, filterName='f') == (
        'ResourceNotFoundException', 'The specified subscription filter does not exist.')
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_subscription_filters(logGroupName=group)['subscriptionFilters'] == []
