"""Secrets Manager: rotation by a function, at once and on the clock."""

import json
import threading
import uuid

import pytest

import functions
from refusals import fails

ACCOUNT = '000000000000'
HOUR, DAY = 3600, 24 * 3600
SOURCE = """
    import json, os, boto3

    def handler(event, context):
        sm = boto3.client('secretsmanager')
        arn, token, step = event['SecretId'], event['ClientRequestToken'], event['Step']
        print('step', step)
        described = sm.describe_secret(SecretId=arn)
        stages = described['VersionIdsToStages']
        assert described['RotationEnabled'] and token in stages, stages
        if 'AWSCURRENT' in stages[token]:
            return
        assert 'AWSPENDING' in stages[token], stages
        if step == 'createSecret':
            sm.get_secret_value(SecretId=arn, VersionStage='AWSCURRENT')
            try:
                sm.get_secret_value(SecretId=arn, VersionId=token, VersionStage='AWSPENDING')
            except sm.exceptions.ResourceNotFoundException:
                password = sm.get_random_password(ExcludePunctuation=True)['RandomPassword']
                sm.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=password, VersionStages=['AWSPENDING'])
        elif step == os.environ.get('FAILS'):
            raise RuntimeError(step)
        elif step == 'testSecret':
            sm.get_secret_value(SecretId=arn, VersionId=token, VersionStage='AWSPENDING')
        elif step == 'finishSecret':
            current = next(v for v, s in stages.items() if 'AWSCURRENT' in s)
            sm.update_secret_version_stage(SecretId=arn, VersionStage='AWSCURRENT', MoveToVersionId=token, RemoveFromVersionId=current)
            sm.update_secret_version_stage(SecretId=arn, VersionStage='AWSPENDING', RemoveFromVersionId=token)
"""


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module)
    return strata_of_module


@pytest.fixture
def sm(strata):
    return strata.client('secretsmanager')


@pytest.fixture
def name():
    return f'/practice/rotated/{uuid.uuid4()}'


def rotation_function(strata, name, permitted=True, **environment):
    """The function's name and ARN: it may touch secrets of that name, and Secrets Manager may call it."""
    secrets = f'arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-??????'
    role = functions.role(strata, *[('secretsmanager:' + a, secrets) for a in
                                    ('DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage')],
                          ('secretsmanager:GetRandomPassword', '*'))
    function = functions.create(strata, SOURCE, role, Environment={'Variables': environment})
    if permitted:
        permit(strata, function)
    return function, f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}'


def permit(strata, function, **condition):
    strata.client('lambda').add_permission(FunctionName=function, StatementId='rotation', Action='lambda:InvokeFunction',
                                           Principal='secretsmanager.amazonaws.com', **condition)


def rotations(sm, name):
    return sm.describe_secret(SecretId=name).get('LastRotatedDate')


def stages(sm, name):
    return {k: sorted(v) for k, v in sm.describe_secret(SecretId=name)['VersionIdsToStages'].items()}


def test_the_four_steps_make_a_new_current_version(strata, sm, name):
    function, arn = rotation_function(strata, name, permitted=False)
    made = sm.create_secret(Name=name, SecretString='first')
    permit(strata, function, SourceAccount=ACCOUNT)
    began = sm.rotate_secret(SecretId=name, RotationLambdaARN=arn, RotationRules={'AutomaticallyAfterDays': 30})
    assert (began['ARN'], began['Name']) == (made['ARN'], name)
    assert functions.wait_for(lambda: rotations(sm, name))
    assert stages(sm, name) == {made['VersionId']: ['AWSPREVIOUS'], began['VersionId']: ['AWSCURRENT']}
    got = sm.get_secret_value(SecretId=name)
    assert got['VersionId'] == began['VersionId'] and len(got['SecretString']) == 32
    described = sm.describe_secret(SecretId=name)
    assert described['RotationEnabled'] is True and described['RotationLambdaARN'] == arn
    assert described['RotationRules'] == {'AutomaticallyAfterDays': 30}
    assert described['NextRotationDate'].timestamp() % DAY == DAY - 1  # the last second of the day in 30 days
    assert described['NextRotationDate'].timestamp() // DAY == described['LastRotatedDate'].timestamp() // DAY + 30
    listed = sm.list_secrets(Filters=[{'Key': 'name', 'Values': [name]}])['SecretList'][0]
    assert all(listed[k] == described[k] for k in ('RotationEnabled', 'RotationLambdaARN', 'RotationRules', 'LastRotatedDate', 'NextRotationDate'))
    assert 'VersionId' not in sm.cancel_rotate_secret(SecretId=name)
    described = sm.describe_secret(SecretId=name)
    assert described['RotationEnabled'] is False and 'NextRotationDate' not in described and 'LastRotatedDate' not in described


def test_the_clock_rotates_and_no_reader_sees_a_broken_secret(strata, sm, name):
    _, arn = rotation_function(strata, name)
    sm.create_secret(Name=name, SecretString='x' * 32)
    sm.rotate_secret(SecretId=name, RotationLambdaARN=arn, RotationRules={'ScheduleExpression': 'rate(10 days)', 'Duration': '3h'},
                     RotateImmediately=False)
    assert functions.wait_for(lambda: len(stages(sm, name)) == 1)  # testSecret was tried, and its version is gone
    assert not [line for line in strata.log_text().splitlines() if name in line and 'testSecret failed' in line]  # which had the current value
    assert rotations(sm, name) is None
    seen, over = [], threading.Event()

    def read():
        client = strata.client('secretsmanager')
        while not over.is_set():
            seen.append(client.get_secret_value(SecretId=name)['SecretString'])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for n in range(3):
            before = rotations(sm, name)
            strata.advance_clock(10 * DAY)
            assert functions.wait_for(lambda: rotations(sm, name) != before)
    finally:
        over.set()
        reader.join()
    assert all(len(s) == 32 for s in seen) and sm.get_secret_value(SecretId=name)['SecretString'] != 'x' * 32
    described = sm.describe_secret(SecretId=name)
    assert described['NextRotationDate'].timestamp() % DAY == 3 * HOUR - 1
    assert described['RotationRules']['ScheduleExpression'] == 'rate(10 days)'
    sm.cancel_rotate_secret(SecretId=name)


def test_a_failing_step_leaves_the_current_version(strata, sm, name):
    function, arn = rotation_function(strata, name, FAILS='testSecret')
    made = sm.create_secret(Name=name, SecretString='first')
    began = sm.rotate_secret(SecretId=name, RotationLambdaARN=arn)
    assert functions.wait_for(lambda: 'testSecret failed' in strata.log_text())
    assert stages(sm, name) == {made['VersionId']: ['AWSCURRENT'], began['VersionId']: ['AWSPENDING']}
    assert sm.get_secret_value(SecretId=name)['SecretString'] == 'first' and rotations(sm, name) is None
    fails('InvalidRequestException', sm.rotate_secret, 'A previous rotation isn’t complete. That rotation will be reattempted.', SecretId=name)
    strata.client('lambda').update_function_configuration(FunctionName=function, Environment={'Variables': {}})
    strata.advance_clock(2 * 60)  # it is tried again, under the same token
    assert functions.wait_for(lambda: rotations(sm, name))
    assert stages(sm, name) == {made['VersionId']: ['AWSPREVIOUS'], began['VersionId']: ['AWSCURRENT']}


def test_a_rotation_survives_a_crash(strata, sm, name):
    _, arn = rotation_function(strata, name)
    sm.create_secret(Name=name, SecretString='first')
    token = sm.rotate_secret(SecretId=name, RotationLambdaARN=arn)['VersionId']
    strata.kill()
    strata.start()
    sm = strata.client('secretsmanager')
    strata.advance_clock(HOUR)
    assert functions.wait_for(lambda: rotations(sm, name))
    assert sm.get_secret_value(SecretId=name)['VersionId'] == token


def test_who_may_rotate(strata, sm, name):
    function, arn = rotation_function(strata, name, permitted=False)
    secret = sm.create_secret(Name=name, SecretString='first')['ARN']
    refused = 'Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal'
    fails('AccessDeniedException', sm.rotate_secret, refused, SecretId=name, RotationLambdaARN=arn)
    permit(strata, function, SourceAccount='111111111111')
    fails('AccessDeniedException', sm.rotate_secret, refused, SecretId=name, RotationLambdaARN=arn)
    assert 'RotationEnabled' not in sm.describe_secret(SecretId=name)
    strata.client('lambda').remove_permission(FunctionName=function, StatementId='rotation')
    permit(strata, function)
    client, iam, user = strata.user('secretsmanager')
    allow = lambda *pairs: iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': a, 'Resource': r} for a, r in pairs]}))
    fails('AccessDeniedException', client.rotate_secret, 'secretsmanager:RotateSecret', SecretId=name, RotationLambdaARN=arn)
    allow(('secretsmanager:RotateSecret', secret))
    fails('AccessDeniedException', client.rotate_secret, 'lambda:InvokeFunction', arn, SecretId=name, RotationLambdaARN=arn)
    allow(('secretsmanager:RotateSecret', secret), ('lambda:InvokeFunction', arn))
    client.rotate_secret(SecretId=name, RotationLambdaARN=arn)
    fails('AccessDeniedException', client.cancel_rotate_secret, 'secretsmanager:CancelRotateSecret', SecretId=name)
    allow(('secretsmanager:CancelRotateSecret', secret))
    client.cancel_rotate_secret(SecretId=name)


def test_rules_are_checked(sm, name):
    sm.create_secret(Name=name, SecretString='first')
    bad = lambda words, **rules: fails('InvalidParameterException', sm.rotate_secret, words, SecretId=name, RotationRules=rules)
    bad('You cannot specify both rotation frequency and schedule expression together.', AutomaticallyAfterDays=1, ScheduleExpression='rate(1 day)')
    for text in ('rate(5 minutes)', 'rate(1 week)', 'cron(5 8 * * ? *)', 'cron(0 8 * * ? 2030)', 'cron(0 0/2 * * ? *)', 'cron(0 8 * * *)'):
        bad('Invalid schedule expression.', ScheduleExpression=text)
    for text in ('rate(3 hours)', 'rate(24 hours)'):
        bad('Rate in hour should be least 4 and less than 24.', ScheduleExpression=text)
    bad('Rate in day should be greater than 0 and less than 1000.', ScheduleExpression='rate(1000 days)')
    bad('Duration must be at least 1 hour, at most 24 hour.', ScheduleExpression='rate(1 day)', Duration='25h')
    bad('Duration cannot be greater than Rate in hour.', ScheduleExpression='rate(4 hours)', Duration='5h')
    bad('Starting hour and duration must be within a day.', ScheduleExpression='cron(0 23 * * ? *)', Duration='2h')
    fails('InvalidRequestException', sm.rotate_secret, 'No Lambda rotation function ARN is associated with this secret.', SecretId=name)


def test_cron_windows(strata, sm, name):
    _, arn = rotation_function(strata, name)
    sm.create_secret(Name=name, SecretString='first')
    for text, duration, closes in (('cron(0 8 1 * ? *)', '2h', 10 * HOUR), ('cron(0 8 1 * ? *)', None, DAY), ('cron(0 8/12 * * ? *)', None, None)):
        rules = {'ScheduleExpression': text, **({'Duration': duration} if duration else {})}
        sm.rotate_secret(SecretId=name, RotationLambdaARN=arn, RotationRules=rules, RotateImmediately=False)
        assert functions.wait_for(lambda: len(stages(sm, name)) == 1)
        at = int(sm.describe_secret(SecretId=name)['NextRotationDate'].timestamp()) + 1
        assert at % DAY == closes % DAY if closes else at % (12 * HOUR) == 9 * HOUR
    deleted = sm.delete_secret(SecretId=name)
    assert 'NextRotationDate' not in sm.describe_secret(SecretId=name) and deleted
    sm.restore_secret(SecretId=name)
    assert 'NextRotationDate' in sm.describe_secret(SecretId=name)
