"""CloudWatch Logs through boto3."""
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import refusal


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def logs(strata):
    return strata.client('logs')


@pytest.fixture
def group(logs):
    name = '/test/' + uuid.uuid4().hex[:12]
    logs.create_log_group(logGroupName=name, tags={'a': '1'})
    logs.create_log_stream(logGroupName=name, logStreamName='s1')
    yield name
    try:
        logs.delete_log_group(logGroupName=name)
    except ClientError:
        pass


def put(logs, group, messages, at, stream='s1'):
    return logs.put_log_events(logGroupName=group, logStreamName=stream,
                               logEvents=[{'timestamp': at + i, 'message': m} for i, m in enumerate(messages)])


def test_groups(logs, group):
    assert refusal(logs.create_log_group, logGroupName=group) == ('ResourceAlreadyExistsException', 'The specified log group already exists')
    (g,) = logs.describe_log_groups(logGroupNamePrefix=group)['logGroups']
    assert g['arn'] == f'arn:aws:logs:us-east-1:000000000000:log-group:{group}:*' and g['logGroupArn'] == g['arn'][:-2]
    assert g['logGroupClass'] == 'STANDARD' and 'retentionInDays' not in g
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    assert logs.describe_log_groups(logGroupNamePattern=group[6:14].upper())['logGroups'][0]['retentionInDays'] == 14
    assert refusal(logs.put_retention_policy, logGroupName=group, retentionInDays=2)[0] == 'InvalidParameterException'
    logs.delete_retention_policy(logGroupName=group)
    assert 'retentionInDays' not in logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]
    assert refusal(logs.delete_log_group, logGroupName='nowhere') == ('ResourceNotFoundException', 'The specified log group does not exist.')


def test_tags_both_ways(logs, group):
    arn = f'arn:aws:logs:us-east-1:000000000000:log-group:{group}'
    logs.tag_resource(resourceArn=arn, tags={'b': '2'})
    logs.tag_log_group(logGroupName=group, tags={'c': '3'})
    assert logs.list_tags_for_resource(resourceArn=arn)['tags'] == {'a': '1', 'b': '2', 'c': '3'}
    logs.untag_resource(resourceArn=arn, tagKeys=['a'])
    logs.untag_log_group(logGroupName=group, tags=['b'])
    assert logs.list_tags_log_group(logGroupName=group)['tags'] == {'c': '3'}


def test_events_and_their_tokens(logs, group, strata):
    now = strata.now_ms()
    put(logs, group, [f'm{i}' for i in range(5)], now)
    r = logs.get_log_events(logGroupName=group, logStreamName='s1', limit=2, startFromHead=True)
    assert [e['message'] for e in r['events']] == ['m0', 'm1']
    r = logs.get_log_events(logGroupName=group, logStreamName='s1', limit=10, nextToken=r['nextForwardToken'], startFromHead=True)
    assert [e['message'] for e in r['events']] == ['m2', 'm3', 'm4']
    end = logs.get_log_events(logGroupName=group, logStreamName='s1', nextToken=r['nextForwardToken'], startFromHead=True)
    assert end['events'] == [] and end['nextForwardToken'] == r['nextForwardToken']
    back = logs.get_log_events(logGroupName=group, logStreamName='s1', nextToken=r['nextBackwardToken'])
    assert [e['message'] for e in back['events']] == ['m0', 'm1']
    last = logs.get_log_events(logGroupName=group, logStreamName='s1', limit=2)
    assert [e['message'] for e in last['events']] == ['m3', 'm4']
    window = logs.get_log_events(logGroupName=group, logStreamName='s1', startTime=now + 1, endTime=now + 3)
    assert [e['message'] for e in window['events']] == ['m1', 'm2']
    assert refusal(logs.describe_log_streams, logGroupName=group, logGroupIdentifier=group) == (
        'ValidationException', 'LogGroup name and LogGroup ARN are mutually exclusive parameters.')
    assert refusal(logs.get_log_events, logGroupName=group, logStreamName='s1', nextToken='x')[0] == 'InvalidParameterException'


def test_put_checks(logs, group, strata):
    now = strata.now_ms()
    assert refusal(logs.put_log_events, logGroupName=group, logStreamName='s1', logEvents=[
        {'timestamp': now, 'message': 'a'}, {'timestamp': now - 1, 'message': 'b'}])[1] == (
        'Log events in a single PutLogEvents request must be in chronological order.')
    assert refusal(put, logs=logs, group=group, messages=['x'], at=now, stream='no')[0] == 'ResourceNotFoundException'
    r = logs.put_log_events(logGroupName=group, logStreamName='s1', logEvents=[{'timestamp': now - 15 * 86400000, 'message': 'old'}])
    assert r['rejectedLogEventsInfo'] == {'tooOldLogEventEndIndex': 1}
    r = logs.put_log_events(logGroupName=group, logStreamName='s1', logEvents=[
        {'timestamp': now, 'message': 'good'}, {'timestamp': now + 3 * 3600000, 'message': 'early'}])
    assert r['rejectedLogEventsInfo'] == {'tooNewLogEventStartIndex': 1}
    assert [e['message'] for e in logs.get_log_events(logGroupName=group, logStreamName='s1')['events']] == ['good']


def test_filter_over_streams(logs, group, strata):
    logs.create_log_stream(logGroupName=group, logStreamName='s2')
    now = strata.now_ms()
    put(logs, group, ['ERROR one', 'INFO', '{"level":"error","n":7}'], now)
    put(logs, group, ['ERROR two', 'x'], now + 1, 's2')
    r = logs.filter_log_events(logGroupName=group, filterPattern='ERROR')
    assert [(e['logStreamName'], e['message']) for e in r['events']] == [('s1', 'ERROR one'), ('s2', 'ERROR two')]
    r = logs.filter_log_events(logGroupName=group, filterPattern='{ $.level = "error" && $.n > 5 }')
    assert len(r['events']) == 1
    assert len(logs.filter_log_events(logGroupName=group, logStreamNames=['s2'])['events']) == 2
    pages = list(logs.get_paginator('filter_log_events').paginate(logGroupName=group, PaginationConfig={'PageSize': 2}))
    assert sum(len(p['events']) for p in pages) == 5 and len(pages) == 3
    assert refusal(logs.filter_log_events, logGroupName=group, filterPattern='{ $.a = }')[0] == 'InvalidParameterException'
    logs.delete_log_stream(logGroupName=group, logStreamName='s2')
    assert len(logs.filter_log_events(logGroupName=group)['events']) == 3


def test_streams_are_described_in_both_orders(logs, group, strata):
    for n in ('b', 'a'):
        logs.create_log_stream(logGroupName=group, logStreamName=n)
    now = strata.now_ms()
    put(logs, group, ['x'], now, 'b')
    put(logs, group, ['x'], now + 5, 'a')
    names = [s['logStreamName'] for s in logs.describe_log_streams(logGroupName=group)['logStreams']]
    assert names == ['a', 'b', 's1']
    r = logs.describe_log_streams(logGroupName=group, orderBy='LastEventTime', descending=True, limit=2)
    assert [s['logStreamName'] for s in r['logStreams']] == ['a', 'b'] and r['logStreams'][0]['lastEventTimestamp'] == now + 5
    r = logs.describe_log_streams(logGroupName=group, orderBy='LastEventTime', descending=True, nextToken=r['nextToken'])
    assert [s['logStreamName'] for s in r['logStreams']] == ['s1']
    assert [s['logStreamName'] for s in logs.describe_log_streams(logGroupName=group, logStreamNamePrefix='a')['logStreams']] == ['a']


def test_retention_deletes_on_the_clock(logs, group, strata):
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    put(logs, group, ['old'], strata.now_ms())
    strata.advance_clock(86400 + 5)
    assert logs.get_log_events(logGroupName=group, logStreamName='s1')['events'] == []
    assert logs.filter_log_events(logGroupName=group)['events'] == []
    assert logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]['storedBytes'] == 0


def test_metric_filters(logs, group):
    t = [{'metricName': 'm', 'metricNamespace': 'n', 'metricValue': '1'}]
    logs.put_metric_filter(logGroupName=group, filterName='f', filterPattern='ERROR', metricTransformations=t)
    (f,) = logs.describe_metric_filters(logGroupName=group)['metricFilters']
    assert f['filterPattern'] == 'ERROR' and f['metricTransformations'] == t
    assert logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]['metricFilterCount'] == 1
    logs.delete_metric_filter(logGroupName=group, filterName='f')
    assert logs.describe_metric_filters(logGroupName=group)['metricFilters'] == []
    m = logs.test_metric_filter(filterPattern='[ip, code=4*]', logEventMessages=['1.1.1.1 200', '2.2.2.2 404'])['matches']
    assert m == [{'eventNumber': 2, 'eventMessage': '2.2.2.2 404', 'extractedValues': {'$ip': '2.2.2.2', '$code': '404'}}]


def test_denied_by_default_allowed_by_policy(logs, group, strata):
    user, iam, name = strata.user('logs')
    assert refusal(user.put_log_events, logGroupName=group, logStreamName='s1',
                   logEvents=[{'timestamp': strata.now_ms(), 'message': 'x'}])[0] == 'AccessDeniedException'
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'logs:PutLogEvents', 'Resource': f'arn:aws:logs:*:*:log-group:{group}:*'}]}))
    put(user, group, ['x'], strata.now_ms())
    assert refusal(user.get_log_events, logGroupName=group, logStreamName='s1')[0] == 'AccessDeniedException'


def test_protection_and_listing(logs, group):
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=True)
    assert refusal(logs.delete_log_group, logGroupName=group)[0] == 'ValidationException'
    assert logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]['deletionProtectionEnabled'] is True
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=False)
    assert [g['logGroupName'] for g in logs.list_log_groups(logGroupNamePattern=group)['logGroups']] == [group]
    names = ['/page/' + uuid.uuid4().hex[:6] + f'/{i}' for i in range(3)]
    for n in names:
        logs.create_log_group(logGroupName=n)
    pages = list(logs.get_paginator('describe_log_groups').paginate(logGroupNamePrefix='/page/', PaginationConfig={'PageSize': 2}))
    assert [len(p['logGroups']) for p in pages] == [2, 1]


def test_saved_queries(logs):
    token = uuid.uuid4().hex + 'x' * 8
    one = logs.put_query_definition(name='app/errors', queryString='fields @message | limit 2', logGroupNames=['g'], clientToken=token)['queryDefinitionId']
    assert logs.put_query_definition(name='app/errors', queryString='fields @message | limit 2', clientToken=token)['queryDefinitionId'] == one
    two = logs.put_query_definition(name='other', queryString='SELECT 1', queryLanguage='SQL')['queryDefinitionId']
    (q,) = logs.describe_query_definitions(queryDefinitionNamePrefix='app/')['queryDefinitions']
    assert {k: v for k, v in q.items() if k != 'lastModified'} == {
        'queryDefinitionId': one, 'name': 'app/errors', 'queryString': 'fields @message | limit 2', 'logGroupNames': ['g'], 'queryLanguage': 'CWLI'}
    assert [q['name'] for q in logs.describe_query_definitions(queryLanguage='SQL')['queryDefinitions']] == ['other']
    logs.put_query_definition(name='app/all', queryString='limit 3', queryDefinitionId=one)
    page = logs.describe_query_definitions(maxResults=1)
    rest = logs.describe_query_definitions(maxResults=1, nextToken=page['nextToken'])
    found = {q['queryDefinitionId']: q for q in page['queryDefinitions'] + rest['queryDefinitions']}
    assert found[one]['name'] == 'app/all' and 'logGroupNames' not in found[one] and found.keys() == {one, two} and 'nextToken' not in rest
    assert refusal(logs.put_query_definition, name='n', queryString='q', queryDefinitionId='none')[0] == 'ResourceNotFoundException'
    assert refusal(logs.put_query_definition, name='n', queryString='q', queryLanguage='PPL', parameters=[{'name': 'p'}])[0] == 'InvalidParameterException'
    for each in (one, two):
        assert logs.delete_query_definition(queryDefinitionId=each)['success'] is True
    assert refusal(logs.delete_query_definition, queryDefinitionId=one)[0] == 'ResourceNotFoundException'
    assert logs.describe_query_definitions()['queryDefinitions'] == []
