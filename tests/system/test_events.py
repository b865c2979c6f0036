"""EventBridge: events and schedules that reach queues, and those that may not."""
import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import code_of

ACCOUNT = '000000000000'
MINUTE = 60


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def events(strata):
    return strata.client('events')


@pytest.fixture
def sqs(strata):
    return strata.client('sqs')


def new_queue(sqs, rule=None):
    """Its URL and ARN; rule: the ARN of the one that may send to it."""
    name = 'q-' + uuid.uuid4().hex[:12]
    arn = f'arn:aws:sqs:us-east-1:{ACCOUNT}:{name}'
    url = sqs.create_queue(QueueName=name)['QueueUrl']
    if rule:
        open_queue(sqs, url, arn, rule)
    return url, arn


def open_queue(sqs, url, arn, rule):
    policy = {'Version': '2012-10-17', 'Statement': [{
        'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': arn,
        'Condition': {'ArnEquals': {'aws:SourceArn': rule}}}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': json.dumps(policy)})


def new_rule(events, **kw):
    name = 'r-' + uuid.uuid4().hex[:12]
    kw = kw or {'EventPattern': json.dumps({'source': [name]})}
    return name, events.put_rule(Name=name, **kw)['RuleArn']


def put(events, source, detail=None, **kw):
    r = events.put_events(Entries=[{'Source': source, 'DetailType': 'type', 'Detail': json.dumps(detail or {}), **kw}])
    assert r['FailedEntryCount'] == 0
    return r['Entries'][0]['EventId']


def receive(sqs, url, wait=5):
    r = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait, MaxNumberOfMessages=10, MessageAttributeNames=['All']).get('Messages', [])
    for m in r:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
    return r


def test_rule_records(events):
    name, arn = new_rule(events, EventPattern='{"source": ["a"]}', Description='d', State='DISABLED', Tags=[{'Key': 'k', 'Value': 'v'}])
    assert arn == f'arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}'
    got = events.describe_rule(Name=name)
    want = {'Name': name, 'Arn': arn, 'EventPattern': '{"source": ["a"]}', 'State': 'DISABLED', 'Description': 'd', 'EventBusName': 'default',
            'CreatedBy': ACCOUNT}
    assert {k: v for k, v in got.items() if k != 'ResponseMetadata'} == want
    events.enable_rule(Name=name)
    assert events.describe_rule(Name=name)['State'] == 'ENABLED'
    assert [r['Name'] for r in events.list_rules(NamePrefix=name)['Rules']] == [name]
    assert events.list_tags_for_resource(ResourceARN=arn)['Tags'] == [{'Key': 'k', 'Value': 'v'}]
    events.tag_resource(ResourceARN=arn, Tags=[{'Key': 'l', 'Value': 'w'}])
    events.untag_resource(ResourceARN=arn, TagKeys=['k'])
    assert events.list_tags_for_resource(ResourceARN=arn)['Tags'] == [{'Key': 'l', 'Value': 'w'}]
    events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'}])
    assert events.list_rule_names_by_target(TargetArn=f'arn:aws:sqs:us-east-1:{ACCOUNT}:q')['RuleNames'] == [name]
    assert code_of(events.delete_rule, Name=name) == 'ValidationException'
    events.remove_targets(Rule=name, Ids=['1'])
    assert events.list_targets_by_rule(Rule=name)['Targets'] == []
    events.delete_rule(Name=name)
    events.delete_rule(Name=name)
    assert code_of(events.describe_rule, Name=name) == 'ResourceNotFoundException'


def test_refused_rules(events):
    assert code_of(events.put_rule, Name='x') == 'ValidationException'
    assert code_of(events.put_rule, Name='x', EventPattern='{"source": "a"}') == 'InvalidEventPatternException'
    assert code_of(events.put_rule, Name='x', EventPattern='{') == 'InvalidEventPatternException'
    for s in ('rate(1 minutes)', 'rate(0 minutes)', 'cron(* * * * *)', 'cron(0 0 1 1 1 2030)', 'at(2030-01-01T00:00:00)', 'nothing'):
        assert code_of(events.put_rule, Name='x', ScheduleExpression=s) == 'ValidationException', s
    assert code_of(events.put_rule, Name='x', EventBusName='other', EventPattern='{"source": ["a"]}') == 'ResourceNotFoundException'
    assert code_of(events.put_targets, Rule='none', Targets=[{'Id': '1', 'Arn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'}]) == 'ResourceNotFoundException'


def test_bus(events):
    assert events.describe_event_bus()['Arn'] == f'arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default'
    assert [b['Name'] for b in events.list_event_buses()['EventBuses']] == ['default']


def test_list_rules_pages(events):
    prefix = 'p' + uuid.uuid4().hex[:8]
    for i in range(5):
        events.put_rule(Name=f'{prefix}{i}', EventPattern='{"source": ["none"]}')
    got, token = [], {}
    while True:
        page = events.list_rules(NamePrefix=prefix, Limit=2, **token)
        got += [r['Name'] for r in page['Rules']]
        if 'NextToken' not in page:
            break
        token = {'NextToken': page['NextToken']}
    assert got == [f'{prefix}{i}' for i in range(5)]


def test_event_reaches_a_queue(events, sqs):
    name, arn = new_rule(events)
    url, queue = new_queue(sqs, arn)
    assert events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': queue}])['FailedEntryCount'] == 0
    put(events, 'another')
    event_id = put(events, name, {'a': [1, {'b': 'ü'}]}, Resources=['res'])
    (m,) = receive(sqs, url)
    event = json.loads(m['Body'])
    assert event.pop('time').endswith('Z')
    assert event == {'version': '0', 'id': event_id, 'detail-type': 'type', 'source': name, 'account': ACCOUNT, 'region': 'us-east-1',
                     'resources': ['res'], 'detail': {'a': [1, {'b': 'ü'}]}}


def test_queue_without_policy_is_denied(events, sqs):
    name, arn = new_rule(events)
    url, queue = new_queue(sqs)
    dead_url, dead = new_queue(sqs, arn)
    events.put_targets(Rule=name, Targets=[{'Id': 'one', 'Arn': queue, 'DeadLetterConfig': {'Arn': dead}}])
    event_id = put(events, name)
    (m,) = receive(sqs, dead_url)
    assert json.loads(m['Body'])['id'] == event_id
    attributes = {k: v['StringValue'] for k, v in m['MessageAttributes'].items()}
    assert attributes['RULE_ARN'] == arn and attributes['TARGET_ARN'] == queue
    assert attributes['ERROR_CODE'] == 'NO_PERMISSIONS' and attributes['ERROR_MESSAGE']
    assert receive(sqs, url, 0) == []
    open_queue(sqs, url, queue, arn)
    put(events, name)
    assert len(receive(sqs, url)) == 1


def test_policy_for_another_rule(events, sqs):
    name, arn = new_rule(events)
    dead_url, dead = new_queue(sqs, arn)
    url, queue = new_queue(sqs, arn + 'x')
    events.put_targets(Rule=name, Targets=[{'Id': 'one', 'Arn': queue, 'DeadLetterConfig': {'Arn': dead}}])
    put(events, name)
    assert len(receive(sqs, dead_url)) == 1 and receive(sqs, url, 0) == []


@pytest.mark.parametrize('target,want', [
    ({'Input': '{"fixed": 1}'}, {'fixed': 1}),
    ({'InputPath': '$.detail.a'}, [{'b': 'x"y'}, 2]),
    ({'InputTransformer': {'InputPathsMap': {'b': '$.detail.a[0].b', 'n': '$.detail.a[1]', 'd': '$.detail', 'none': '$.detail.none'},
                           'InputTemplate': '{"say": "it is <b> and <n>", "b": <b>, "n": <n>, "d": <d>, "rule": <aws.events.rule-name>}'}},
     {'say': 'it is x"y and 2', 'b': 'x"y', 'n': 2, 'd': {'a': [{'b': 'x"y'}, 2]}, 'rule': None}),
    ({'InputTransformer': {'InputTemplate': '{"whole": <aws.events.event>, "rule": <aws.events.rule-arn>}'}}, None),
], ids=['input', 'path', 'transformer', 'event'])
def test_inputs(events, sqs, target, want):
    name, arn = new_rule(events)
    url, queue = new_queue(sqs, arn)
    events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': queue, **target}])
    (shown,) = events.list_targets_by_rule(Rule=name)['Targets']
    assert shown == {'Id': '1', 'Arn': queue, **target}
    event_id = put(events, name, {'a': [{'b': 'x"y'}, 2]})
    (m,) = receive(sqs, url)
    got = json.loads(m['Body'])
    if want is None:
        assert got['whole']['id'] == event_id and got['rule'] == arn
    else:
        if isinstance(want, dict) and 'rule' in want:
            want = {**want, 'rule': name}
        assert got == want


def test_disabled_rule(events, sqs):
    name, arn = new_rule(events)
    url, queue = new_queue(sqs, arn)
    events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': queue}])
    events.disable_rule(Name=name)
    put(events, name)
    events.enable_rule(Name=name)
    put(events, name, {'second': 1})
    (m,) = receive(sqs, url)
    assert json.loads(m['Body'])['detail'] == {'second': 1}


def test_refused_entries(events):
    good = {'Source': 'a', 'DetailType': 'b', 'Detail': '{}'}
    r = events.put_events(Entries=[good, {**good, 'Detail': 'x'}, {**good, 'Detail': '[]'}, {**good, 'Source': 'aws.x'}, {'Source': 'a', 'Detail': '{}'}])
    assert r['FailedEntryCount'] == 4
    assert [e.get('ErrorCode') for e in r['Entries']] == [None, 'MalformedDetail', 'MalformedDetail', 'NotAuthorizedForSourceException', 'InvalidArgument']
    assert r['Entries'][0]['EventId'] and 'EventId' not in r['Entries'][1]
    assert code_of(events.put_events, Entries=[good] * 11) == 'ValidationException'


def test_scheduled_rule(strata, events, sqs):
    name, arn = new_rule(events, ScheduleExpression='rate(5 minutes)')
    url, queue = new_queue(sqs, arn)
    events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': queue}])
    strata.advance_clock(4 * MINUTE)
    assert receive(sqs, url, 0) == []
    strata.advance_clock(2 * MINUTE)
    (m,) = receive(sqs, url)
    event = json.loads(m['Body'])
    assert (event['source'], event['detail-type'], event['resources'], event['detail']) == ('aws.events', 'Scheduled Event', [arn], {})
    strata.advance_clock(15 * MINUTE)
    assert len(receive(sqs, url)) == 3
    events.disable_rule(Name=name)
    strata.advance_clock(15 * MINUTE)
    assert receive(sqs, url, 0) == []
    events.enable_rule(Name=name)
    strata.advance_clock(5 * MINUTE)
    assert len(receive(sqs, url)) == 1
    events.put_rule(Name=name, ScheduleExpression='cron(0 12 * * ? *)')
    strata.advance_clock(24 * 60 * MINUTE)
    (m,) = receive(sqs, url)
    assert json.loads(m['Body'])['time'].endswith('T12:00:00Z')
    events.remove_targets(Rule=name, Ids=['1'])
    events.delete_rule(Name=name)
    strata.advance_clock(24 * 60 * MINUTE)
    assert receive(sqs, url, 0) == []


def test_allowed_and_denied(strata):
    user, iam, name = strata.user('events')
    rule = 'r-' + uuid.uuid4().hex[:12]
    arn = f'arn:aws:events:us-east-1:{ACCOUNT}:rule/{rule}'
    pattern = '{"source": ["a"]}'
    calls = [('events:PutRule', arn, lambda: user.put_rule(Name=rule, EventPattern=pattern)),
             ('events:DescribeRule', arn, lambda: user.describe_rule(Name=rule)),
             ('events:PutTargets', arn, lambda: user.put_targets(Rule=rule, Targets=[{'Id': '1', 'Arn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'}])),
             ('events:RemoveTargets', arn, lambda: user.remove_targets(Rule=rule, Ids=['1'])),
             ('events:PutEvents', f'arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default', lambda: put(user, 'x')),
             ('events:DeleteRule', arn, lambda: user.delete_rule(Name=rule))]
    for action, resource, call in calls:
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*'}]}))
        with pytest.raises(ClientError) as e:
            call()
        assert e.value.response['Error']['Code'] == 'AccessDeniedException' and action in e.value.response['Error']['Message']
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': action, 'Resource': resource}]}))
        call()


def test_power_cut_keeps_what_was_accepted(own_strata):
    events, sqs = own_strata.client('events'), own_strata.client('sqs')
    name, arn = new_rule(events)
    url, queue = new_queue(sqs, arn)
    events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': queue}])
    ids = {put(events, name, {'n': i}) for i in range(20)}
    own_strata.kill()
    own_strata.start()
    sqs, got, end = own_strata.client('sqs'), set(), time.monotonic() + 30
    while got != ids and time.monotonic() < end:
        got |= {json.loads(m['Body'])['id'] for m in receive(sqs, url, 1)}
    assert got == ids
