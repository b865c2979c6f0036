"""EventBridge Scheduler: one-time and recurring schedules that reach queues through a role."""
import datetime
import json
import uuid

import pytest

from refusals import refusal

ACCOUNT = '000000000000'
MINUTE, HOUR = 60, 3600
OFF = {'Mode': 'OFF'}


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def scheduler(strata):
    return strata.client('scheduler')


@pytest.fixture
def sqs(strata):
    return strata.client('sqs')


def new_queue(sqs):
    name = 'q-' + uuid.uuid4().hex[:12]
    return sqs.create_queue(QueueName=name)['QueueUrl'], f'arn:aws:sqs:us-east-1:{ACCOUNT}:{name}'


def new_role(strata, *queues, service='scheduler.amazonaws.com'):
    iam, name = strata.client('iam'), 'role-' + uuid.uuid4().hex[:12]
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': service}, 'Action': 'sts:AssumeRole'}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))['Role']
    if queues:
        iam.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:SendMessage', 'Resource': list(queues)}]}))
    return role['Arn']


def create(scheduler, expression, queue, role, target=None, **kw):
    name = 's-' + uuid.uuid4().hex[:12]
    arn = scheduler.create_schedule(Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF,
                                    Target={'Arn': queue, 'RoleArn': role, **(target or {})}, **kw)['ScheduleArn']
    return name, arn


def receive(sqs, url, wait=5):
    r = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait, MaxNumberOfMessages=10, MessageAttributeNames=['All']).get('Messages', [])
    for m in r:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
    return r


def at(strata, seconds):
    then = datetime.datetime.fromtimestamp(strata.now_ms() // 1000 + seconds, datetime.timezone.utc)
    return then.strftime('at(%Y-%m-%dT%H:%M:%S)')


def test_schedule_records(strata, scheduler, sqs):
    url, queue = new_queue(sqs)
    role = new_role(strata, queue)
    name, arn = create(scheduler, 'rate(1 hour)', queue, role, Description='d')
    assert arn == f'arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{name}'
    got = scheduler.get_schedule(Name=name)
    for k in ('ResponseMetadata', 'CreationDate', 'LastModificationDate'):
        got.pop(k)
    assert got == {'ActionAfterCompletion': 'NONE', 'Arn': arn, 'Description': 'd', 'FlexibleTimeWindow': OFF, 'GroupName': 'default', 'Name': name,
                   'ScheduleExpression': 'rate(1 hour)', 'ScheduleExpressionTimezone': 'UTC', 'State': 'ENABLED',
                   'Target': {'Arn': queue, 'RoleArn': role, 'RetryPolicy': {'MaximumEventAgeInSeconds': 86400, 'MaximumRetryAttempts': 185}}}
    (item,) = scheduler.list_schedules(NamePrefix=name)['Schedules']
    assert item['Target'] == {'Arn': queue} and item['State'] == 'ENABLED' and item['GroupName'] == 'default'
    assert refusal(scheduler.create_schedule, Name=name, ScheduleExpression='rate(1 hour)', FlexibleTimeWindow=OFF,
                   Target={'Arn': queue, 'RoleArn': role}) == ('ConflictException', f'Schedule {name} already exists.')
    scheduler.update_schedule(Name=name, ScheduleExpression='rate(2 hours)', FlexibleTimeWindow=OFF, Target={'Arn': queue, 'RoleArn': role}, State='DISABLED')
    got = scheduler.get_schedule(Name=name)
    assert got['ScheduleExpression'] == 'rate(2 hours)' and got['State'] == 'DISABLED' and 'Description' not in got
    scheduler.delete_schedule(Name=name)
    assert refusal(scheduler.get_schedule, Name=name) == ('ResourceNotFoundException', f'Schedule {name} does not exist.')
    assert refusal(scheduler.delete_schedule, Name=name)[0] == 'ResourceNotFoundException'


def test_groups(strata, scheduler, sqs):
    _, queue = new_queue(sqs)
    role, group = new_role(strata, queue), 'g-' + uuid.uuid4().hex[:12]
    arn = scheduler.create_schedule_group(Name=group, Tags=[{'Key': 'a', 'Value': 'b'}])['ScheduleGroupArn']
    assert arn == f'arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/{group}'
    assert refusal(scheduler.create_schedule_group, Name=group)[0] == 'ConflictException'
    assert scheduler.get_schedule_group(Name=group)['State'] == 'ACTIVE'
    assert scheduler.list_tags_for_resource(ResourceArn=arn)['Tags'] == [{'Key': 'a', 'Value': 'b'}]
    names = [g['Name'] for g in scheduler.list_schedule_groups()['ScheduleGroups']]
    assert 'default' in names and group in names
    name, _ = create(scheduler, 'rate(1 hour)', queue, role, GroupName=group)
    assert refusal(scheduler.get_schedule, Name=name)[0] == 'ResourceNotFoundException'
    assert scheduler.get_schedule(Name=name, GroupName=group)['GroupName'] == group
    assert [s['Name'] for s in scheduler.list_schedules(GroupName=group)['Schedules']] == [name]
    scheduler.delete_schedule_group(Name=group)
    assert refusal(scheduler.get_schedule, Name=name, GroupName=group)[0] == 'ResourceNotFoundException'
    assert refusal(create, scheduler=scheduler, expression='rate(1 hour)', queue=queue, role=role, GroupName=group)[0] == 'ResourceNotFoundException'


def test_list_pages(strata, scheduler, sqs):
    _, queue = new_queue(sqs)
    role, prefix = new_role(strata, queue), 'p' + uuid.uuid4().hex[:8]
    for i in range(5):
        scheduler.create_schedule(Name=f'{prefix}{i}', ScheduleExpression='rate(1 day)', FlexibleTimeWindow=OFF, Target={'Arn': queue, 'RoleArn': role})
    pages = scheduler.get_paginator('list_schedules').paginate(NamePrefix=prefix, PaginationConfig={'PageSize': 2})
    assert [s['Name'] for p in pages for s in p['Schedules']] == [f'{prefix}{i}' for i in range(5)]


def test_refused(strata, scheduler, sqs):
    _, queue = new_queue(sqs)
    role = new_role(strata, queue)
    for e in ('rate(0 hours)', 'rate( 10 minutes )', ' rate(10 minutes)', 'rate(1 fortnight)', 'cron(* * * *)', 'at(tomorrow)', 'x', 'cron(0 0 1 1 1 2030)'):
        assert refusal(create, scheduler=scheduler, expression=e, queue=queue, role=role) == ('ValidationException', f'Invalid Schedule Expression {e}.')
    create(scheduler, 'rate(1 hours)', queue, role)  # as in Terraform's own example; rules take the singular alone
    code, message = refusal(create, scheduler=scheduler, expression='rate(1 hour)', queue=queue, role=role, ScheduleExpressionTimezone='Nowhere/None')
    assert code == 'ValidationException' and 'Nowhere/None' in message
    trust = ('ValidationException', 'The execution role you provide must allow AWS EventBridge Scheduler to assume the role.')
    assert refusal(create, scheduler=scheduler, expression='rate(1 hour)', queue=queue, role=new_role(strata, queue, service='lambda.amazonaws.com')) == trust
    assert refusal(create, scheduler=scheduler, expression='rate(1 hour)', queue=queue, role=f'arn:aws:iam::{ACCOUNT}:role/none') == trust


def test_one_time(strata, scheduler, sqs):
    url, queue = new_queue(sqs)
    role = new_role(strata, queue)
    name, arn = create(scheduler, at(strata, 90), queue, role)
    gone, _ = create(scheduler, at(strata, 90), queue, role, ActionAfterCompletion='DELETE', target={'Input': '{"mine": 1}'})
    strata.advance_clock(60)
    assert receive(sqs, url, 0) == []
    strata.advance_clock(60)
    bodies = [json.loads(m['Body']) for m in receive(sqs, url)]
    assert {'mine': 1} in bodies and len(bodies) == 2
    event = next(b for b in bodies if b != {'mine': 1})
    assert event['source'] == 'aws.scheduler' and event['resources'] == [arn] and event['detail-type'] == 'Scheduled Event'
    assert scheduler.get_schedule(Name=name)['State'] == 'ENABLED'
    assert refusal(scheduler.get_schedule, Name=gone)[0] == 'ResourceNotFoundException'
    strata.advance_clock(HOUR)
    assert receive(sqs, url, 0) == []


def test_rate(strata, scheduler, sqs):
    url, queue = new_queue(sqs)
    name, arn = create(scheduler, 'rate(10 minutes)', queue, new_role(strata, queue),
                       target={'Input': '{"arn":"<aws.scheduler.schedule-arn>","time":"<aws.scheduler.scheduled-time>","n":"<aws.scheduler.attempt-number>"}'})
    strata.advance_clock(25 * MINUTE)
    got = receive(sqs, url)
    assert 2 <= len(got) <= 3
    body = json.loads(got[0]['Body'])
    assert body['arn'] == arn and body['n'] == '1' and body['time'].endswith('Z')
    scheduler.delete_schedule(Name=name)
    strata.advance_clock(HOUR)
    assert receive(sqs, url, 0) == []


@pytest.mark.parametrize('zone,hour', [('UTC', 9), ('Asia/Tokyo', 0)])
def test_cron_with_time_zone(strata, scheduler, sqs, zone, hour):
    url, queue = new_queue(sqs)
    name, _ = create(scheduler, 'cron(30 9 * * ? *)', queue, new_role(strata, queue), target={'Input': '<aws.scheduler.scheduled-time>'},
                     ScheduleExpressionTimezone=zone)
    strata.advance_clock(24 * HOUR)
    (m,) = receive(sqs, url)
    assert m['Body'].endswith(f'T{hour:02}:30:00Z')
    scheduler.delete_schedule(Name=name)


def test_start_and_end(strata, scheduler, sqs):
    url, queue = new_queue(sqs)
    now = datetime.datetime.fromtimestamp(strata.now_ms() // 1000, datetime.timezone.utc)
    day = datetime.timedelta(hours=1)
    create(scheduler, 'rate(20 minutes)', queue, new_role(strata, queue), StartDate=now + day, EndDate=now + day + datetime.timedelta(minutes=50))
    strata.advance_clock(55 * MINUTE)
    assert receive(sqs, url, 0) == []
    strata.advance_clock(3 * HOUR)
    assert len(receive(sqs, url)) == 3


def test_disabled(strata, scheduler, sqs):
    url, queue = new_queue(sqs)
    create(scheduler, 'rate(1 minute)', queue, new_role(strata, queue), State='DISABLED')
    strata.advance_clock(10 * MINUTE)
    assert receive(sqs, url, 0) == []


def test_role_without_permission(strata, scheduler, sqs):
    """The role decides: the target is denied, the dead-letter queue is not."""
    url, queue = new_queue(sqs)
    dead_url, dead = new_queue(sqs)
    name, arn = create(scheduler, at(strata, 60), queue, new_role(strata, dead),
                       target={'DeadLetterConfig': {'Arn': dead}, 'RetryPolicy': {'MaximumRetryAttempts': 0, 'MaximumEventAgeInSeconds': 60}})
    strata.advance_clock(2 * MINUTE)
    (m,) = receive(sqs, dead_url)
    attributes = {k: v['StringValue'] for k, v in m['MessageAttributes'].items()}
    assert attributes['SCHEDULE_ARN'] == arn and attributes['TARGET_ARN'] == queue and attributes['ERROR_CODE'] and attributes['ERROR_MESSAGE']
    assert receive(sqs, url, 0) == []


def test_retries_until_allowed(strata, scheduler, sqs):
    url, queue = new_queue(sqs)
    role = new_role(strata)
    create(scheduler, at(strata, 60), queue, role)
    strata.advance_clock(MINUTE + 1)
    assert receive(sqs, url, 0) == []
    strata.client('iam').put_role_policy(RoleName=role.rsplit('/', 1)[1], PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:SendMessage', 'Resource': queue}]}))
    strata.advance_clock(30 * MINUTE)
    assert len(receive(sqs, url)) == 1


def test_allowed_and_denied(strata, sqs):
    user, iam, name = strata.user('scheduler')
    _, queue = new_queue(sqs)
    role, schedule = new_role(strata, queue), 's-' + uuid.uuid4().hex[:12]
    arn = f'arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{schedule}'

    def allow(*pairs):
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': a, 'Resource': r} for a, r in pairs]}))

    make = {'Name': schedule, 'ScheduleExpression': 'rate(1 day)', 'FlexibleTimeWindow': OFF, 'Target': {'Arn': queue, 'RoleArn': role}}
    code, message = refusal(user.create_schedule, **make)
    assert code == 'AccessDeniedException' and 'scheduler:CreateSchedule' in message
    allow(('scheduler:CreateSchedule', arn))
    code, message = refusal(user.create_schedule, **make)
    assert code == 'AccessDeniedException' and 'iam:PassRole' in message
    allow(('scheduler:CreateSchedule', arn), ('iam:PassRole', role))
    user.create_schedule(**make)
    for action, call in (('scheduler:GetSchedule', user.get_schedule), ('scheduler:DeleteSchedule', user.delete_schedule)):
        assert refusal(call, Name=schedule)[0] == 'AccessDeniedException'
        allow((action, arn))
        call(Name=schedule)


def test_power_cut(own_strata):
    scheduler, sqs = own_strata.client('scheduler'), own_strata.client('sqs')
    url, queue = new_queue(sqs)
    create(scheduler, at(own_strata, 120), queue, new_role(own_strata, queue))
    own_strata.kill()
    own_strata.start()
    own_strata.advance_clock(3 * MINUTE)
    assert len(receive(own_strata.client('sqs'), url)) == 1


def test_a_schedule_puts_an_event(strata, scheduler, sqs):
    events, source = strata.client('events'), 'src-' + uuid.uuid4().hex[:12]
    url, queue = new_queue(sqs)
    rule = events.put_rule(Name=source, EventPattern=json.dumps({'source': [source], 'detail-type': ['tick']}))['RuleArn']
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': queue, 'Condition': {'ArnEquals': {'aws:SourceArn': rule}}}]})})
    events.put_targets(Rule=source, Targets=[{'Id': 'q', 'Arn': queue}])
    bus, role = f'arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default', new_role(strata)
    target = {'EventBridgeParameters': {'DetailType': 'tick', 'Source': source}, 'Input': '{"n": 1}', 'RetryPolicy': {'MaximumRetryAttempts': 0}}
    assert refusal(create, scheduler, 'rate(1 minutes)', bus, role)[0] == 'ValidationException'
    create(scheduler, 'rate(1 minutes)', bus, role, target)
    strata.advance_clock(MINUTE)
    assert not receive(sqs, url, 0)  # its role may not put events
    strata.client('iam').put_role_policy(RoleName=role.split('/')[-1], PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'events:PutEvents', 'Resource': bus}]}))
    strata.advance_clock(MINUTE)
    event = json.loads(receive(sqs, url)[0]['Body'])
    assert (event['source'], event['detail-type'], event['detail']) == (source, 'tick', {'n': 1})
