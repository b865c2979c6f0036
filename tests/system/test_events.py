"""EventBridge: events and schedules that reach queues, and those that may not."""
import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import code_of, refusal

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
    assert events.list_event_buses()['EventBuses'][0]['Name'] == 'default'


def other_account(strata, account, service, *allowed):
    """A client of a user of another account."""
    iam = strata.client('iam', key=account)
    iam.create_user(UserName='u')
    iam.put_user_policy(UserName='u', PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': a, 'Resource': '*'} for a in allowed]}))
    key = iam.create_access_key(UserName='u')['AccessKey']
    return strata.client(service, key=key['AccessKeyId'], secret=key['SecretAccessKey'])


def new_bus(events, **kw):
    name = 'bus-' + uuid.uuid4().hex[:12]
    return name, events.create_event_bus(Name=name, **kw)['EventBusArn']


def test_buses(events):
    name, arn = new_bus(events, Description='d', Tags=[{'Key': 'a', 'Value': 'b'}])
    assert arn == f'arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{name}'
    shown = events.describe_event_bus(Name=arn)
    assert (shown['Name'], shown['Arn'], shown['Description']) == (name, arn, 'd') and 'Policy' not in shown and shown['CreationTime']
    assert refusal(events.create_event_bus, Name=name) == ('ResourceAlreadyExistsException', f'Event bus {name} already exists.')
    assert events.update_event_bus(Name=name, Description='e')['Description'] == 'e'
    assert events.list_tags_for_resource(ResourceARN=arn)['Tags'] == [{'Key': 'a', 'Value': 'b'}]
    assert [b['Name'] for b in events.list_event_buses(NamePrefix=name)['EventBuses']] == [name]
    first = events.list_event_buses(Limit=1)
    assert first['EventBuses'][0]['Name'] == 'default' and events.list_event_buses(NextToken=first['NextToken'])['EventBuses']
    assert refusal(events.put_rule, Name='r', EventBusName=name, ScheduleExpression='rate(1 hour)')[1] == (
        'ScheduleExpression is supported only on the default event bus.')
    rule = events.put_rule(Name='r', EventBusName=name, EventPattern='{"source": ["s"]}')['RuleArn']
    assert rule == f'arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}/r' and events.describe_rule(Name='r', EventBusName=arn)['EventBusName'] == name
    events.tag_resource(ResourceARN=rule, Tags=[{'Key': 'of', 'Value': 'rule'}])
    assert events.list_tags_for_resource(ResourceARN=rule)['Tags'] == [{'Key': 'of', 'Value': 'rule'}]
    assert [r['Arn'] for r in events.list_rules(EventBusName=name)['Rules']] == [rule]
    assert refusal(events.describe_rule, Name='r')[1] == 'Rule r does not exist on EventBus default.'
    assert code_of(events.delete_event_bus, Name=name) == 'ValidationException'
    events.delete_rule(Name='r', EventBusName=name)
    events.delete_event_bus(Name=name)
    events.delete_event_bus(Name=name)
    assert refusal(events.describe_event_bus, Name=name) == ('ResourceNotFoundException', f'Event bus {name} does not exist.')
    assert refusal(events.delete_event_bus, Name='default') == ('ValidationException', 'Cannot delete event bus default.')


def test_an_event_stays_on_its_bus_unless_a_rule_sends_it_on(events, sqs, strata):
    one, one_arn = new_bus(events)
    two, two_arn = new_bus(events)
    three, three_arn = new_bus(events)
    urls = {}
    for bus in (one, two, three):
        rule = events.put_rule(Name='all', EventBusName=bus, EventPattern='{"source": [{"prefix": ""}]}')['RuleArn']
        urls[bus], queue = new_queue(sqs, rule)
        events.put_targets(Rule='all', EventBusName=bus, Targets=[{'Id': 'queue', 'Arn': queue}])
    events.put_targets(Rule='all', EventBusName=one, Targets=[{'Id': 'on', 'Arn': two_arn}])
    events.put_targets(Rule='all', EventBusName=two, Targets=[{'Id': 'on', 'Arn': three_arn}])
    iam = strata.client('iam')
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
    role = iam.create_role(RoleName='onward', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    iam.put_role_policy(RoleName='onward', PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'events:PutEvents', 'Resource': [two_arn, three_arn]}]}))

    event_id = put(events, 'mine', EventBusName=one)
    assert json.loads(receive(sqs, urls[one])[0]['Body'])['id'] == event_id
    assert not receive(sqs, urls[two], 1)  # nobody lets the rule put events there
    events.put_targets(Rule='all', EventBusName=one, Targets=[{'Id': 'on', 'Arn': two_arn, 'RoleArn': role}])
    events.put_targets(Rule='all', EventBusName=two, Targets=[{'Id': 'on', 'Arn': three_arn, 'RoleArn': role}])
    event_id = put(events, 'mine', EventBusName=one_arn)
    assert json.loads(receive(sqs, urls[two])[0]['Body'])['id'] == event_id
    assert not receive(sqs, urls[three], 1)  # what was sent on once is not sent on again
    deny = {'Sid': 'd', 'Effect': 'Deny', 'Principal': '*', 'Action': 'events:PutEvents', 'Resource': two_arn, 'Condition': {'StringEquals': {'events:source': 'mine'}}}
    events.put_permission(EventBusName=two, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [deny]}))
    put(events, 'mine', EventBusName=one)
    other = put(events, 'other', EventBusName=one)
    assert [json.loads(m['Body'])['id'] for m in receive(sqs, urls[two])] == [other]  # the bus's own policy has its say
    put(events, 'mine', EventBusName='nobody')


def test_a_bus_lets_others_in(events, sqs, strata):
    name, arn = new_bus(events)
    rule = events.put_rule(Name='all', EventBusName=name, EventPattern='{"account": ["555555555555"]}')['RuleArn']
    url, queue = new_queue(sqs, rule)
    events.put_targets(Rule='all', EventBusName=name, Targets=[{'Id': 'queue', 'Arn': queue}])
    stranger = other_account(strata, '555555555555', 'events', 'events:PutEvents')
    entry = {'Source': 'theirs', 'DetailType': 'd', 'Detail': '{}', 'EventBusName': arn}
    assert code_of(stranger.put_events, Entries=[entry]) == 'AccessDeniedException'
    events.put_permission(EventBusName=name, StatementId='s', Principal='555555555555', Action='events:PutEvents')
    policy = json.loads(events.describe_event_bus(Name=name)['Policy'])
    assert policy['Statement'] == [{'Sid': 's', 'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::555555555555:root'}, 'Action': 'events:PutEvents', 'Resource': arn}]
    event_id = stranger.put_events(Entries=[entry])['Entries'][0]['EventId']
    event = json.loads(receive(sqs, url)[0]['Body'])
    assert (event['id'], event['account']) == (event_id, '555555555555')
    assert refusal(events.remove_permission, EventBusName=name, StatementId='t')[1] == 'Statement with the provided id does not exist.'
    events.remove_permission(EventBusName=name, StatementId='s')
    assert 'Policy' not in events.describe_event_bus(Name=name)
    assert code_of(stranger.put_events, Entries=[entry]) == 'AccessDeniedException'
    policy['Statement'][0]['Condition'] = {'StringEquals': {'events:source': 'theirs'}}
    events.put_permission(EventBusName=name, Policy=json.dumps(policy))
    stranger.put_events(Entries=[entry])
    assert code_of(stranger.put_events, Entries=[entry, {**entry, 'Source': 'other'}]) == 'AccessDeniedException'
    events.remove_permission(EventBusName=name, RemoveAllPermissions=True)


def test_rules_of_a_bus_have_a_limit(events):
    name, _ = new_bus(events)
    for n in range(300):
        events.put_rule(Name=f'r{n}', EventBusName=name, EventPattern='{"source": ["x"]}')
    assert code_of(events.put_rule, Name='more', EventBusName=name, EventPattern='{"source": ["x"]}') == 'LimitExceededException'
    events.put_rule(Name='r7', EventBusName=name, EventPattern='{"source": ["y"]}')


def test_an_input_that_is_too_large_goes_to_the_dead_letters(events, sqs):
    name, rule = new_rule(events)
    url, arn = new_queue(sqs, rule)
    dead_url, dead = new_queue(sqs, rule)
    events.put_targets(Rule=name, Targets=[{'Id': 'q', 'Arn': arn, 'DeadLetterConfig': {'Arn': dead},
                                            'InputTransformer': {'InputPathsMap': {'a': '$.detail.a'}, 'InputTemplate': '"' + '<a>' * 2600 + '"'}}])
    put(events, name, {'a': 'x' * 200000})
    m, = receive(sqs, dead_url)
    assert 'too large' in m['MessageAttributes']['ERROR_MESSAGE']['StringValue'] and json.loads(m['Body'])['detail']['a'] == 'x' * 200000
    assert not receive(sqs, url, 0)


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
    ({'InputTransformer': {'InputPathsMap': {'d': '$.detail', 'none': '$.detail.none'}, 'InputTemplate': '{"say": "<d> and <none>", "none": <none>}'}},
     {'say': '{a:[{b:xy},2]} and ', 'none': ''}),
    ({'InputTransformer': {'InputTemplate': '{"whole": <aws.events.event.json>, "head": <aws.events.event>, "rule": <aws.events.rule-arn>, '
                                            '"at": <aws.events.event.ingestion-time>}'}}, None),
], ids=['input', 'path', 'transformer', 'without quotes', 'event'])
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
        assert got['whole']['id'] == event_id and got['rule'] == arn and got['at'].endswith('Z')
        head = {**got['whole'], 'detailType': got['whole']['detail-type']}
        assert got['head'] == {k: head[k] for k in head if k not in ('detail', 'detail-type')}
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


@pytest.fixture
def log_group(strata):
    """A log group's name, and its ARN; nobody may write into it."""
    name = '/events/' + uuid.uuid4().hex[:12]
    strata.client('logs').create_log_group(logGroupName=name)
    yield name, f'arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}'
    strata.client('logs').delete_log_group(logGroupName=name)


def logged(strata, group, stream):
    logs = strata.client('logs')
    strata.advance_clock(0)
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)['logStreams']:
        return []
    return [(e['timestamp'], e['message']) for e in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)['events']]


def test_log_groups_are_targets(strata, events, sqs, log_group):
    group, arn = log_group
    name, rule = new_rule(events)
    dead_url, dead = new_queue(sqs, rule)
    target = {'Id': 'log', 'Arn': arn, 'DeadLetterConfig': {'Arn': dead}}
    events.put_targets(Rule=name, Targets=[target])
    put(events, name, {'n': 1})
    denied, = receive(sqs, dead_url)  # nothing lets events.amazonaws.com in
    assert denied['MessageAttributes']['ERROR_CODE']['StringValue'] == 'NO_PERMISSIONS' and logged(strata, group, name) == []
    document = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Resource': arn + ':*',
                                                        'Action': ['logs:CreateLogStream', 'logs:PutLogEvents'], 'Condition': {'ArnEquals': {'aws:SourceArn': rule}}}]}
    strata.client('logs').put_resource_policy(policyName='events', policyDocument=json.dumps(document))
    event_id = put(events, name, {'n': 2})
    (_, message), = logged(strata, group, name)
    assert (json.loads(message)['id'], json.loads(message)['detail']) == (event_id, {'n': 2})
    then = strata.now_ms() - 5000
    events.put_targets(Rule=name, Targets=[{**target, 'InputTransformer': {
        'InputPathsMap': {'at': '$.detail.at', 'text': '$.detail.text'}, 'InputTemplate': '{"timestamp": <at>, "message": "it says <text>"}'}}])
    put(events, name, {'at': then, 'text': 'hello'})
    assert (then, 'it says hello') in logged(strata, group, name)
    put(events, name, {'text': 'when?'})
    strata.advance_clock(25 * 60 * MINUTE)
    assert 'timestamp' in receive(sqs, dead_url)[0]['MessageAttributes']['ERROR_MESSAGE']['StringValue']


def test_targets_that_log_groups_cannot_be(events, log_group):
    name, _ = new_rule(events)
    for more in ({'Input': '"x"'}, {'InputPath': '$.detail'}, {'Arn': log_group[1].replace('us-east-1', 'eu-west-1')}):
        assert code_of(events.put_targets, Rule=name, Targets=[{'Id': 'log', 'Arn': log_group[1], **more}]) == 'ValidationException'
