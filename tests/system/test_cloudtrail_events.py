"""CloudTrail: what is recorded of calls, where it is found, and where it goes."""

import datetime
import gzip
import json
import subprocess

import boto3
import pytest

from running import Strata
from test_cloudtrail import ACCOUNT, bucket_policy, fails, new_bucket, new_name


@pytest.fixture(scope='module')
def strata(tmp_path_factory):
    """Of this file alone: the tests move its clock."""
    running = Strata(tmp_path_factory.mktemp('strata') / 'data').start()
    yield running
    running.check()
    assert running.stop() == 0
    running.check()


@pytest.fixture
def trail(strata):
    return strata.client('cloudtrail')


def events(client, key, value, **more):
    """Newest first: each as LookupEvents shows it, and its record."""
    pages = client.get_paginator('lookup_events').paginate(LookupAttributes=[{'AttributeKey': key, 'AttributeValue': value}], **more)
    return [(e, json.loads(e['CloudTrailEvent'])) for page in pages for e in page['Events']]


def event_of(client, key, value):
    found = events(client, key, value)
    assert len(found) == 1, [e['EventName'] for e, _ in found]
    return found[0]


def logged(strata, bucket, prefix=''):
    """Every record of the trail's files, in no order."""
    s3, records = strata.client('s3'), []
    for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=f'{prefix}AWSLogs/{ACCOUNT}/CloudTrail/'):
        for o in page.get('Contents', []):
            records += json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=o['Key'])['Body'].read()))['Records']
    return records


@pytest.fixture
def logging(strata, trail):
    """A trail that logs, with digests."""
    name, bucket = new_name('trail'), new_bucket(strata)
    trail.create_trail(Name=name, S3BucketName=bucket, EnableLogFileValidation=True, IsMultiRegionTrail=True)
    trail.start_logging(Name=name)
    yield name, bucket
    trail.delete_trail(Name=name)


def test_an_event_tells_how_it_was_encrypted(strata):
    url = strata.url.replace('http://127.0.0.1', 'https://localhost')
    client = boto3.client('sts', region_name='us-east-1', endpoint_url=url, aws_access_key_id='test', aws_secret_access_key='test', verify=str(strata.data / 'ca.pem'))
    asked = client.get_caller_identity()['ResponseMetadata']['RequestId']
    shown = strata.client('cloudtrail').lookup_events(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': 'GetCallerIdentity'}])['Events']
    record = next(r for r in (json.loads(e['CloudTrailEvent']) for e in shown) if r['requestID'] == asked)
    assert record['tlsDetails'] == {'tlsVersion': 'TLSv1.3', 'cipherSuite': record['tlsDetails']['cipherSuite'], 'clientProvidedHostHeader': url.split('/')[-1]}
    assert record['tlsDetails']['cipherSuite'].startswith('TLS_AES_')


def test_a_write_of_a_user_is_recorded(strata, trail):
    mine, iam, user = strata.user('sqs')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*'}]}))
    queue = new_name('queue')
    answer = mine.create_queue(QueueName=queue, Attributes={'DelaySeconds': '1'})
    shown, record = event_of(trail, 'ResourceName', queue)
    assert (shown['EventName'], shown['EventSource'], shown['Username'], shown['ReadOnly']) == ('CreateQueue', 'sqs.amazonaws.com', user, 'false')
    assert {'ResourceType': 'AWS::SQS::Queue', 'ResourceName': queue} in shown['Resources']
    identity = record.pop('userIdentity')
    assert identity.pop('principalId').startswith('AIDA') and identity.pop('accessKeyId') == shown['AccessKeyId']
    assert identity == {'type': 'IAMUser', 'arn': f'arn:aws:iam::{ACCOUNT}:user/{user}', 'accountId': ACCOUNT, 'userName': user}
    assert record.pop('eventID') == shown['EventId'] and record.pop('userAgent').startswith('Boto3/')
    assert record.pop('eventTime') == shown['EventTime'].astimezone(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')
    assert record == {
        'eventVersion': '1.11', 'eventSource': 'sqs.amazonaws.com', 'eventName': 'CreateQueue', 'awsRegion': 'us-east-1', 'sourceIPAddress': '127.0.0.1',
        'requestParameters': {'queueName': queue, 'attributes': {'DelaySeconds': '1'}}, 'responseElements': {'queueUrl': answer['QueueUrl']},
        'requestID': answer['ResponseMetadata']['RequestId'], 'readOnly': False, 'eventType': 'AwsApiCall', 'managementEvent': True,
        'recipientAccountId': ACCOUNT, 'eventCategory': 'Management'}


def test_reads_and_refusals_are_recorded(strata, trail):
    mine, _, user = strata.user('s3')
    with pytest.raises(mine.exceptions.ClientError):
        mine.list_buckets()
    shown, record = event_of(trail, 'Username', user)
    assert (shown['EventName'], shown['ReadOnly'], record['errorCode']) == ('ListBuckets', 'true', 'AccessDenied')
    assert 's3:ListAllMyBuckets' in record['errorMessage'] and record['responseElements'] is None
    sm, secret = strata.client('secretsmanager'), new_name('secret')
    sm.create_secret(Name=secret, SecretString='s3cr3t-value')
    sm.get_secret_value(SecretId=secret)
    read = next(r for _, r in events(trail, 'EventName', 'GetSecretValue') if r['requestParameters'] == {'secretId': secret})
    assert read['readOnly'] is True and read['responseElements'] is None and read['userIdentity']['type'] == 'Root'


def test_secrets_are_not_recorded(strata, trail):
    sm, iam, kms, lam = (strata.client(s) for s in ('secretsmanager', 'iam', 'kms', 'lambda'))
    user = new_name('user')
    sm.create_secret(Name=new_name('secret'), SecretString='s3cr3t-value')
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)['AccessKey']
    own = kms.create_key()['KeyMetadata']['KeyId']
    kms.encrypt(KeyId=own, Plaintext=b's3cr3t-value')
    kms.generate_data_key(KeyId=own, KeySpec='AES_256')
    with pytest.raises(lam.exceptions.ClientError):
        lam.create_function(FunctionName='f', Role=f'arn:aws:iam::{ACCOUNT}:role/none', Runtime='python3.13', Handler='a.b', Code={'ZipFile': b's3cr3t-value'},
                            Environment={'Variables': {'A': 's3cr3t-value'}})
    iam.create_login_profile(UserName=user, Password='Aa1!s3cr3t-value')
    with pytest.raises(iam.exceptions.ClientError):  # nor does an error's message repeat it
        iam.update_login_profile(UserName=user, Password=20 * 's3cr3t-value')
    seed = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)['VirtualMFADevice']['Base32StringSeed'].decode()
    every = [e['CloudTrailEvent'] for page in trail.get_paginator('lookup_events').paginate() for e in page['Events']]
    assert any('UpdateLoginProfile' in e for e in every)
    assert not [e for e in every if any(secret in e for secret in ('s3cr3t-value', key['SecretAccessKey'], 'czNjcjN0LXZhbHVl', seed))]
    _, made = event_of(trail, 'EventName', 'CreateFunction20150331')
    assert made['requestParameters']['environment'] == 'HIDDEN_DUE_TO_SECURITY_REASONS' and made['requestParameters']['functionName'] == 'f'
    made = next(r for _, r in events(trail, 'EventName', 'CreateAccessKey') if r['requestParameters']['userName'] == user)
    assert made['responseElements']['accessKey']['accessKeyId'] == key['AccessKeyId']


def test_sessions_name_the_role_they_come_from(strata, trail):
    sts, iam, user = strata.user('sts')
    role = new_name('role')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Resource': '*'}]}))
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'sts:AssumeRole'}]}
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))['Role']
    given = sts.assume_role(RoleArn=made['Arn'], RoleSessionName='session')['Credentials']
    iam.put_role_policy(RoleName=role, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'logs:*', 'Resource': '*'}]}))
    theirs = strata.client('logs', key=given['AccessKeyId'], secret=given['SecretAccessKey'], token=given['SessionToken'])
    group = new_name('group')
    theirs.create_log_group(logGroupName=group)
    shown, record = event_of(trail, 'AccessKeyId', given['AccessKeyId'])
    identity = record['userIdentity']
    assert (identity['type'], identity['principalId'], shown['Username']) == ('AssumedRole', made['RoleId'] + ':session', 'session')
    issuer = identity['sessionContext']['sessionIssuer']
    assert issuer == {'type': 'Role', 'principalId': made['RoleId'], 'arn': made['Arn'], 'accountId': ACCOUNT, 'userName': role}
    assert identity['sessionContext']['attributes']['mfaAuthenticated'] == 'false'
    _, assumed = next(e for e in events(trail, 'EventName', 'AssumeRole') if e[1]['requestParameters']['roleArn'] == made['Arn'])
    assert assumed['readOnly'] is True and assumed['responseElements']['credentials']['accessKeyId'] == given['AccessKeyId']
    assert given['SecretAccessKey'] not in json.dumps(assumed) and assumed['resources'][0] == {'accountId': ACCOUNT, 'type': 'AWS::IAM::Role', 'ARN': made['Arn']}


def test_lookup(strata, trail):
    iam, names = strata.client('iam'), [new_name('group') for _ in range(40)]
    for name in names:
        iam.create_group(GroupName=name)
    found = [r['requestParameters']['groupName'] for _, r in events(trail, 'EventName', 'CreateGroup', PaginationConfig={'PageSize': 2})]
    assert found[:40] == names[::-1]  # also of those of one millisecond
    shown, _ = event_of(trail, 'ResourceName', f'arn:aws:iam::{ACCOUNT}:group/{names[0]}')
    assert event_of(trail, 'EventId', shown['EventId'])[0] == shown
    assert {e['EventName'] for e, _ in events(trail, 'ResourceType', 'AWS::IAM::Group')} == {'CreateGroup'}
    assert {e['EventSource'] for e, _ in events(trail, 'EventSource', 'iam.amazonaws.com')} == {'iam.amazonaws.com'}
    assert {e['ReadOnly'] for e, _ in events(trail, 'ReadOnly', 'true')} == {'true'}
    assert not events(strata.client('cloudtrail', region='us-west-2'), 'EventName', 'CreateGroup')
    at = shown['EventTime']
    assert names[0] in [r['requestParameters']['groupName'] for _, r in events(trail, 'EventName', 'CreateGroup', StartTime=at, EndTime=at)]
    assert not events(trail, 'EventName', 'CreateGroup', EndTime=at - datetime.timedelta(hours=1))
    one = {'AttributeKey': 'EventName', 'AttributeValue': 'CreateGroup'}
    fails('InvalidTimeRangeException', trail.lookup_events, StartTime=at, EndTime=at - datetime.timedelta(seconds=1))
    fails('InvalidLookupAttributesException', trail.lookup_events, LookupAttributes=[one, one])
    fails('InvalidNextTokenException', trail.lookup_events, NextToken='made-up')
    token = trail.lookup_events(MaxResults=1)['NextToken']
    assert len(trail.lookup_events(MaxResults=50, NextToken=token)['Events']) > 1


def test_what_waits_in_memory_survives_a_stop_and_writes_survive_a_kill(own_strata):
    iam = own_strata.client('iam')
    iam.list_users()
    own_strata.stop()
    own_strata.start()
    own_strata.client('iam').create_group(GroupName='g')
    own_strata.kill()
    own_strata.start()
    names = [e['EventName'] for e in own_strata.client('cloudtrail').lookup_events()['Events']]
    assert 'ListUsers' in names and 'CreateGroup' in names


def test_a_trail_delivers_files_that_validate(strata, trail, logging, tmp_path):
    name, bucket = logging
    arn = f'arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{name}'
    group = new_name('group')
    strata.client('iam').create_group(GroupName=group)
    strata.client('logs', region='eu-west-1').create_log_group(logGroupName=group)
    strata.advance_clock(301)
    records = logged(strata, bucket)
    assert {(r['eventName'], r['awsRegion']) for r in records if group in str(r['requestParameters'])} == {('CreateGroup', 'us-east-1'), ('CreateLogGroup', 'eu-west-1')}
    assert trail.get_trail_status(Name=name)['LatestDeliveryTime']
    began = datetime.datetime.fromtimestamp(strata.now_ms() / 1000, datetime.UTC) - datetime.timedelta(minutes=30)
    strata.advance_clock(3 * 3600)
    strata.client('iam').create_group(GroupName=group + '2')
    strata.advance_clock(2 * 3600)

    def validate():
        now = datetime.datetime.fromtimestamp(strata.now_ms() / 1000, datetime.UTC)
        done = subprocess.run(['aws', 'cloudtrail', 'validate-logs', '--trail-arn', arn, '--start-time', began.isoformat(), '--end-time', now.isoformat(),
                               '--verbose', '--region', 'us-east-1'], env=strata.environment(), capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    code, text = validate()
    assert code == 0 and '5/5 digest files valid' in text and '/2 log files valid' not in text.replace('2/2', ''), text
    s3 = strata.client('s3')
    files = [o['Key'] for o in s3.list_objects_v2(Bucket=bucket, Prefix=f'AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/')['Contents']]
    digests = [o['Key'] for o in s3.list_objects_v2(Bucket=bucket, Prefix=f'AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/')['Contents']]
    kept = s3.get_object(Bucket=bucket, Key=digests[1])
    assert json.loads(gzip.decompress(kept['Body'].read()))['logFiles'] == []  # an hour without files
    s3.put_object(Bucket=bucket, Key=files[0], Body=gzip.compress(b'{"Records":[]}'))
    code, text = validate()
    assert code == 1 and f'{files[0]}\tINVALID: hash value doesn\'t match' in text, text
    s3.delete_object(Bucket=bucket, Key=files[0])
    code, text = validate()
    assert code == 1 and f'{files[0]}\tINVALID: not found' in text, text
    changed = gzip.compress(gzip.decompress(s3.get_object(Bucket=bucket, Key=digests[2])['Body'].read()).replace(b'"logFiles":[', b'"logFiles":[ '))
    s3.put_object(Bucket=bucket, Key=digests[2], Body=changed, Metadata=s3.head_object(Bucket=bucket, Key=digests[2])['Metadata'])
    code, text = validate()
    assert code == 1 and f'{digests[2]}\tINVALID: signature verification failed' in text, text
    s3.delete_object(Bucket=bucket, Key=digests[2])
    code, text = validate()
    assert code == 1 and f'{digests[2]}\tINVALID: not found' in text, text


def test_selectors_decide_what_is_delivered(strata, trail, logging):
    name, bucket = logging
    s3, sqs, data = strata.client('s3'), strata.client('sqs'), new_name('data')
    s3.create_bucket(Bucket=data)
    queue = sqs.create_queue(QueueName=new_name('queue'))['QueueUrl']
    s3.put_object(Bucket=data, Key='before', Body=b'x')
    trail.put_event_selectors(TrailName=name, AdvancedEventSelectors=[
        {'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Data']}, {'Field': 'resources.type', 'Equals': ['AWS::S3::Object']},
                            {'Field': 'resources.ARN', 'StartsWith': [f'arn:aws:s3:::{data}/in/']}]},
        {'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Data']}, {'Field': 'resources.type', 'Equals': ['AWS::SQS::Queue']},
                            {'Field': 'readOnly', 'Equals': ['false']}]}])
    s3.put_object(Bucket=data, Key='in/one', Body=b'x')
    s3.get_object(Bucket=data, Key='in/one')
    s3.put_object(Bucket=data, Key='out/two', Body=b'x')
    sqs.send_message(QueueUrl=queue, MessageBody='s3cr3t-value')
    sqs.get_queue_attributes(QueueUrl=queue)
    strata.client('iam').create_group(GroupName=new_name('group'))
    assert not events(trail, 'EventName', 'PutObject')  # and what waits in memory is written now
    strata.advance_clock(301)
    found = [r for r in logged(strata, bucket) if not r['managementEvent']]
    assert sorted(r['eventName'] for r in found) == ['GetObject', 'PutObject', 'SendMessage']
    put = next(r for r in found if r['eventName'] == 'PutObject')
    assert put['requestParameters']['bucketName'] == data and put['requestParameters']['key'] == 'in/one' and put['eventCategory'] == 'Data'
    assert {'accountId': ACCOUNT, 'type': 'AWS::S3::Object', 'ARN': f'arn:aws:s3:::{data}/in/one'} in put['resources']
    assert 's3cr3t-value' not in json.dumps(found)
    assert 'CreateGroup' not in [r['eventName'] for r in logged(strata, bucket) if r['eventTime'] >= put['eventTime']]
    trail.put_event_selectors(TrailName=name, EventSelectors=[{'ReadWriteType': 'WriteOnly', 'DataResources': [
        {'Type': 'AWS::S3::Object', 'Values': [f'arn:aws:s3:::{data}/']}]}])
    s3.put_object(Bucket=data, Key='three', Body=b'x')
    s3.get_object(Bucket=data, Key='three')
    trail.lookup_events(MaxResults=1)
    strata.advance_clock(301)
    assert [r['eventName'] for r in logged(strata, bucket) if (r['requestParameters'] or {}).get('key') == 'three'] == ['PutObject']


def test_a_bucket_that_closes_loses_nothing(strata, trail, logging):
    name, bucket = logging
    s3, group = strata.client('s3'), new_name('group')
    s3.delete_bucket_policy(Bucket=bucket)
    strata.client('iam').create_group(GroupName=group)
    strata.advance_clock(301)
    assert trail.get_trail_status(Name=name)['LatestDeliveryError'] == 'AccessDenied' and not logged(strata, bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket))
    strata.advance_clock(301)
    assert 'LatestDeliveryError' not in trail.get_trail_status(Name=name)
    assert group in [(r['requestParameters'] or {}).get('groupName') for r in logged(strata, bucket)]


def test_files_are_sealed_under_the_key_and_events_reach_the_log_group(strata, trail, logging):
    name, bucket = logging
    kms, logs, iam, group = strata.client('kms'), strata.client('logs'), strata.client('iam'), new_name('group')
    service = {'Service': 'cloudtrail.amazonaws.com'}
    key = kms.create_key(Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:*', 'Resource': '*'},
        {'Effect': 'Allow', 'Principal': service, 'Action': 'kms:DescribeKey', 'Resource': '*'},
        {'Effect': 'Allow', 'Principal': service, 'Action': 'kms:GenerateDataKey*', 'Resource': '*',
         'Condition': {'StringLike': {'kms:EncryptionContext:aws:cloudtrail:arn': f'arn:aws:cloudtrail:*:{ACCOUNT}:trail/*'}}}]}))['KeyMetadata']
    logs.create_log_group(logGroupName=group)
    role = iam.create_role(RoleName=group, AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': service, 'Action': 'sts:AssumeRole'}]}))['Role']
    iam.put_role_policy(RoleName=group, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': ['logs:CreateLogStream', 'logs:PutLogEvents'], 'Resource': '*'}]}))
    trail.update_trail(Name=name, KmsKeyId=key['KeyId'], CloudWatchLogsRoleArn=role['Arn'],
                       CloudWatchLogsLogGroupArn=f'arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*')
    iam.create_group(GroupName=group)
    strata.advance_clock(301)
    s3 = strata.client('s3')
    newest = max(s3.list_objects_v2(Bucket=bucket, Prefix=f'AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/')['Contents'], key=lambda o: o['LastModified'])
    head = s3.head_object(Bucket=bucket, Key=newest['Key'])
    assert (head['ServerSideEncryption'], head['SSEKMSKeyId'], head['ContentEncoding']) == ('aws:kms', key['Arn'], 'gzip')
    assert group in [(r['requestParameters'] or {}).get('groupName') for r in logged(strata, bucket)]
    messages = [json.loads(e['message']) for e in logs.filter_log_events(logGroupName=group, logStreamNames=[f'{ACCOUNT}_CloudTrail_us-east-1'])['events']]
    assert group in [(r['requestParameters'] or {}).get('groupName') for r in messages]
    assert trail.get_trail_status(Name=name)['LatestCloudWatchLogsDeliveryTime']


def test_events_reach_the_event_bus(strata, trail, logging):
    sqs, bus = strata.client('sqs'), strata.client('events')
    queue = sqs.create_queue(QueueName=new_name('queue'))['QueueUrl']
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': arn}]})})
    rule = new_name('rule')
    bus.put_rule(Name=rule, EventPattern=json.dumps({'source': ['aws.iam'], 'detail-type': ['AWS API Call via CloudTrail'],
                                                     'detail': {'eventName': ['CreateGroup', 'GetGroup']}}))
    bus.put_targets(Rule=rule, Targets=[{'Id': 'q', 'Arn': arn}])
    group = new_name('group')

    def received():
        got = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, MaxNumberOfMessages=10).get('Messages', [])
        for m in got:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'])
        return [json.loads(m['Body']) for m in got]

    strata.client('iam').create_group(GroupName=group)
    [event] = received()
    assert event['detail-type'] == 'AWS API Call via CloudTrail' and event['source'] == 'aws.iam' and event['region'] == 'us-east-1'
    assert event['detail']['requestParameters'] == {'groupName': group} and event['detail']['eventName'] == 'CreateGroup'
    strata.client('iam').get_group(GroupName=group)
    trail.lookup_events(MaxResults=1)
    assert received() == []
    bus.put_rule(Name=rule, State='ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS', EventPattern=json.dumps({'detail': {'eventName': ['GetGroup']}}))
    strata.client('iam').get_group(GroupName=group)
    trail.lookup_events(MaxResults=1)
    [event] = received()
    assert event['detail']['readOnly'] is True
    bus.remove_targets(Rule=rule, Ids=['q'])
    bus.delete_rule(Name=rule)


def test_events_are_kept_for_90_days(strata, trail):
    group = new_name('group')
    strata.client('iam').create_group(GroupName=group)
    assert events(trail, 'ResourceName', group)
    strata.advance_clock(89 * 24 * 3600)
    assert events(trail, 'ResourceName', group)
    strata.advance_clock(2 * 24 * 3600)
    assert not events(trail, 'ResourceName', group)


def test_both_accounts_have_a_call_between_them(strata, trail):
    sqs, other = strata.client('sqs'), '111111111111'
    queue = sqs.create_queue(QueueName=new_name('queue'))['QueueUrl']
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': other}, 'Action': 'sqs:*', 'Resource': arn}]})})
    strata.client('sqs', key=other).list_queue_tags(QueueUrl=queue)
    theirs = strata.client('cloudtrail', key=other)
    _, mine = event_of(trail, 'EventName', 'ListQueueTags')
    _, yours = event_of(theirs, 'EventName', 'ListQueueTags')
    assert mine['sharedEventID'] == yours['sharedEventID'] and mine['eventID'] != yours['eventID']
    assert (mine['recipientAccountId'], yours['recipientAccountId']) == (ACCOUNT, other)
    assert mine['userIdentity']['accountId'] == yours['userIdentity']['accountId'] == other
    assert {e['EventName'] for e in theirs.lookup_events()['Events']} == {'ListQueueTags', 'LookupEvents'}


def test_services_are_named(strata, trail, logging):
    """Of EventBridge, which brings an event to a queue, and of Secrets Manager, which asks KMS for whoever asked it."""
    sm, secret = strata.client('secretsmanager'), new_name('secret')
    sm.create_secret(Name=secret, SecretString='x')
    record = next(r for _, r in events(trail, 'EventName', 'GenerateDataKey') if secret in json.dumps(r['requestParameters']))
    assert record['sourceIPAddress'] == record['userAgent'] == record['userIdentity']['invokedBy'] == 'secretsmanager.amazonaws.com'
    assert record['userIdentity']['type'] == 'Root'
    name, bucket = logging
    trail.put_event_selectors(TrailName=name, EventSelectors=[{'DataResources': [{'Type': 'AWS::S3::Object', 'Values': ['arn:aws:s3']}]}])
    strata.client('iam').create_group(GroupName=new_name('group'))
    strata.advance_clock(301)
    strata.advance_clock(301)
    own = next(r for r in logged(strata, bucket) if r['eventName'] == 'PutObject' and r['requestParameters']['bucketName'] == bucket)
    assert own['userIdentity'] == {'type': 'AWSService', 'invokedBy': 'cloudtrail.amazonaws.com'} and own['sourceIPAddress'] == 'cloudtrail.amazonaws.com'
