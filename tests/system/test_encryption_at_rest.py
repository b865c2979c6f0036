"""What other services keep is sealed under keys of KMS: nothing of it is on the disk in clear, the key's policy decides, and a key that is disabled
closes everything under it until it is enabled again."""

import base64
import json
import uuid

import pytest

import functions
from functions import wait_for
from refusals import fails
from sealed import ACCOUNT, allow, lies_in_clear, statement


@pytest.fixture
def kms(strata):
    return strata.client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key()['KeyMetadata']


# ---- SQS ----

def queue(strata, **attributes):
    sqs = strata.client('sqs')
    return sqs, sqs.create_queue(QueueName=f'q-{uuid.uuid4().hex}', Attributes=attributes)['QueueUrl']


def received(sqs, url):
    return [m['Body'] for m in sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, MaxNumberOfMessages=10).get('Messages', [])]


def test_bodies_of_messages_are_not_on_the_disk(own_strata):
    secret = 'the-body-of-a-message-' + uuid.uuid4().hex
    key = own_strata.client('kms').create_key()['KeyMetadata']['KeyId']
    for attributes in ({}, {'KmsMasterKeyId': key}, {'KmsMasterKeyId': 'alias/aws/sqs'}):
        sqs, url = queue(own_strata, **attributes)
        sqs.send_message(QueueUrl=url, MessageBody=secret)
        assert received(sqs, url) == [secret]
        assert not lies_in_clear(own_strata, secret.encode()), attributes
    sqs, url = queue(own_strata, SqsManagedSseEnabled='false')
    sqs.send_message(QueueUrl=url, MessageBody=secret)
    assert lies_in_clear(own_strata, secret.encode())


def test_a_queue_under_a_disabled_key(strata, kms, key):
    sqs, url = queue(strata, KmsMasterKeyId=key['KeyId'])
    sqs.send_message(QueueUrl=url, MessageBody='kept')
    assert received(sqs, url) == ['kept']
    kms.disable_key(KeyId=key['KeyId'])
    fails('KMS.DisabledException', sqs.send_message, f'{key["Arn"]} is disabled.', QueueUrl=url, MessageBody='x')
    fails('KMS.DisabledException', sqs.receive_message, f'{key["Arn"]} is disabled.', QueueUrl=url)
    kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)
    fails('KMS.KMSInvalidStateException', sqs.receive_message, 'is pending deletion.', QueueUrl=url)
    kms.cancel_key_deletion(KeyId=key['KeyId'])
    kms.enable_key(KeyId=key['KeyId'])
    assert received(sqs, url) == ['kept']
    fails('KMS.NotFoundException', queue(strata, KmsMasterKeyId='alias/none')[0].send_message, 'alias/none is not found',
          QueueUrl=queue(strata, KmsMasterKeyId='alias/none')[1], MessageBody='x')


def test_who_sends_needs_the_key(strata, kms, key):
    _, url = queue(strata, KmsMasterKeyId=key['Arn'])
    client, iam, name = strata.user('sqs')
    allow(iam, name, ('sqs:*', {}))
    fails('KMS.AccessDeniedException', client.send_message, 'kms:GenerateDataKey', key['Arn'], QueueUrl=url, MessageBody='x')
    allow(iam, name, ('sqs:*', {}), ('kms:GenerateDataKey', {}))
    fails('KMS.AccessDeniedException', client.send_message, 'kms:Decrypt', QueueUrl=url, MessageBody='x')  # SQS opens the new data key once
    via = {'Condition': {'StringEquals': {'kms:ViaService': 'sqs.us-east-1.amazonaws.com'}, 'StringLike': {
        'kms:EncryptionContext:aws:sqs:arn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:*'}}}
    allow(iam, name, ('sqs:*', {}), (['kms:GenerateDataKey', 'kms:Decrypt'], via))
    client.send_message(QueueUrl=url, MessageBody='x')
    assert received(client, url) == ['x']
    allow(iam, name, ('sqs:*', {}))  # what was unwrapped is forgotten with the policy that allowed it
    fails('KMS.AccessDeniedException', client.receive_message, 'kms:Decrypt', QueueUrl=url)


def test_a_message_stays_as_it_was_sealed(strata, kms, key):
    sqs, dead = queue(strata)
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    _, url = queue(strata, KmsMasterKeyId=key['KeyId'], RedrivePolicy=json.dumps({'deadLetterTargetArn': arn, 'maxReceiveCount': 1}))
    sqs.send_message(QueueUrl=url, MessageBody='dead')
    assert received(sqs, url) == ['dead'] and received(sqs, url) == []
    kms.disable_key(KeyId=key['KeyId'])
    fails('KMS.DisabledException', sqs.receive_message, QueueUrl=dead)
    kms.enable_key(KeyId=key['KeyId'])
    assert received(sqs, dead) == ['dead']
    sqs, url = queue(strata, KmsMasterKeyId=key['KeyId'])
    sqs.send_message(QueueUrl=url, MessageBody='before')
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'KmsMasterKeyId': '', 'SqsManagedSseEnabled': 'true'})
    sqs.send_message(QueueUrl=url, MessageBody='after')
    assert sorted(received(sqs, url)) == ['after', 'before']


def test_a_data_key_serves_for_the_reuse_period(own_strata):
    kms = own_strata.client('kms')
    key = kms.create_key()['KeyMetadata']['KeyId']
    sqs, url = queue(own_strata, KmsMasterKeyId=key, KmsDataKeyReusePeriodSeconds='60')
    for body in ('one', 'two'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    own_strata.advance_clock(61)
    sqs.send_message(QueueUrl=url, MessageBody='three')
    assert sorted(received(sqs, url)) == ['one', 'three', 'two']


def test_a_service_that_sends_needs_the_key_too(strata, kms, key):
    sqs, url = queue(strata, KmsMasterKeyId=key['Arn'])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    principal = {'Service': 'events.amazonaws.com'}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': principal, 'Action': 'sqs:SendMessage', 'Resource': arn}]})})
    events = strata.client('events')
    name = f'r-{uuid.uuid4().hex}'
    events.put_rule(Name=name, EventPattern=json.dumps({'source': [name]}))
    events.put_targets(Rule=name, Targets=[{'Id': '1', 'Arn': arn}])
    account = {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:*', 'Resource': '*'}
    kms.put_key_policy(KeyId=key['KeyId'], Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        account, {'Effect': 'Allow', 'Principal': principal, 'Action': ['kms:GenerateDataKey', 'kms:Decrypt'], 'Resource': '*'}]}))
    events.put_events(Entries=[{'Source': name, 'DetailType': 't', 'Detail': '{}'}])
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)['Messages']
    assert json.loads(got[0]['Body'])['source'] == name


# ---- S3 ----

SIZES = (0, 5, 16 * 1024, 16 * 1024 + 1, 200_000)


def bucket(strata, **encryption):
    s3, name = strata.client('s3'), f'b-{uuid.uuid4().hex}'
    s3.create_bucket(Bucket=name)
    if encryption:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={'Rules': [
            {'ApplyServerSideEncryptionByDefault': encryption}]})
    return s3, name


def text_of(size):
    return bytes((i * 7 + i // 251) % 251 for i in range(size))


def body(s3, name, key, **more):
    return s3.get_object(Bucket=name, Key=key, **more)['Body'].read()


@pytest.mark.parametrize('how', ['AES256', 'aws:kms', 'mine'])
def test_objects_of_every_size_and_range(strata, key, how):
    s3, name = bucket(strata)
    asked = {'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': key['KeyId']} if how == 'mine' else {'ServerSideEncryption': how}
    for size in SIZES:
        text = text_of(size)
        put = s3.put_object(Bucket=name, Key='k', Body=text, **asked)
        got = s3.get_object(Bucket=name, Key='k')
        assert got['Body'].read() == text and got['ServerSideEncryption'] == put['ServerSideEncryption'] == asked['ServerSideEncryption']
        assert got.get('SSEKMSKeyId') == put.get('SSEKMSKeyId')
        if how == 'mine':
            assert put['SSEKMSKeyId'] == key['Arn']
        for first, last in ((0, 0), (3, 4), (32767, 32768), (40_000, 199_999), (100_000, 100_100)):
            if last < size:
                assert body(s3, name, 'k', Range=f'bytes={first}-{last}') == text[first:last + 1]
        assert s3.head_object(Bucket=name, Key='k')['ContentLength'] == size


def test_objects_are_not_on_the_disk(own_strata):
    secret = ('in-an-object-' + uuid.uuid4().hex).encode()
    key = own_strata.client('kms').create_key()['KeyMetadata']['KeyId']
    for more in ({}, {'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': key}):
        s3, name = bucket(own_strata)
        s3.put_object(Bucket=name, Key='small', Body=secret, **more)
        s3.put_object(Bucket=name, Key='large', Body=secret * 5000, **more)
        upload = s3.create_multipart_upload(Bucket=name, Key='parts', **more)['UploadId']
        s3.upload_part(Bucket=name, Key='parts', UploadId=upload, PartNumber=1, Body=secret * 5000)
        s3.copy_object(Bucket=name, Key='copy', CopySource={'Bucket': name, 'Key': 'large'}, **more)
        assert body(s3, name, 'small') == secret and body(s3, name, 'copy') == secret * 5000
        assert not lies_in_clear(own_strata, secret), more


def test_multipart_uploads_under_a_key(strata, kms, key):
    s3, name = bucket(strata)
    text = text_of(5 * 1024 * 1024)
    made = s3.create_multipart_upload(Bucket=name, Key='m', ServerSideEncryption='aws:kms', SSEKMSKeyId=key['KeyId'])
    assert made['SSEKMSKeyId'] == key['Arn']
    upload = {'Bucket': name, 'Key': 'm', 'UploadId': made['UploadId']}
    kms.disable_key(KeyId=key['KeyId'])
    fails('KMS.DisabledException', s3.upload_part, PartNumber=1, Body=text, **upload)
    kms.enable_key(KeyId=key['KeyId'])
    parts = [{'PartNumber': n, 'ETag': s3.upload_part(PartNumber=n, Body=part, **upload)['ETag']} for n, part in ((1, text), (2, b'end'))]
    done = s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **upload)
    assert (done['ServerSideEncryption'], done['SSEKMSKeyId']) == ('aws:kms', key['Arn'])
    assert body(s3, name, 'm') == text + b'end' and body(s3, name, 'm', PartNumber=2) == b'end'
    kms.disable_key(KeyId=key['KeyId'])
    fails('KMS.DisabledException', s3.get_object, Bucket=name, Key='m')


def test_a_bucket_under_a_disabled_key(strata, kms, key):
    s3, name = bucket(strata, SSEAlgorithm='aws:kms', KMSMasterKeyID=key['Arn'])
    for size in (10, 100_000):
        s3.put_object(Bucket=name, Key=f'k{size}', Body=text_of(size))
    kms.disable_key(KeyId=key['KeyId'])
    for size in (10, 100_000):
        fails('KMS.DisabledException', s3.get_object, f'{key["Arn"]} is disabled.', Bucket=name, Key=f'k{size}')
        fails('KMS.DisabledException', s3.put_object, Bucket=name, Key='new', Body=text_of(size))
        fails('KMS.DisabledException', s3.copy_object, Bucket=name, Key='copy', CopySource={'Bucket': name, 'Key': f'k{size}'})
    assert s3.head_object(Bucket=name, Key='k10')['SSEKMSKeyId'] == key['Arn']
    assert [o['Key'] for o in s3.list_objects_v2(Bucket=name)['Contents']] == ['k10', 'k100000']
    s3.put_object(Bucket=name, Key='other', Body=b'x', ServerSideEncryption='AES256')
    assert body(s3, name, 'other') == b'x'
    kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)
    fails('KMS.KMSInvalidStateException', s3.get_object, f'{key["Arn"]} is pending deletion.', Bucket=name, Key='k10')
    kms.cancel_key_deletion(KeyId=key['KeyId'])
    kms.enable_key(KeyId=key['KeyId'])
    for size in (10, 100_000):
        assert body(s3, name, f'k{size}') == text_of(size)


def test_keys_that_are_not_there(strata):
    s3, name = bucket(strata)
    sealed = {'Bucket': name, 'Key': 'k', 'Body': b'x', 'ServerSideEncryption': 'aws:kms'}
    missing = '134f2428-cec1-4b25-a1ae-9048164dba47'
    fails('KMS.NotFoundException', s3.put_object, "Invalid keyId 'fake-key-id'", SSEKMSKeyId='fake-key-id', **sealed)
    fails('KMS.NotFoundException', s3.put_object, f"Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{missing}' does not exist", SSEKMSKeyId=missing, **sealed)
    elsewhere = strata.client('kms', region='eu-west-1').create_key()['KeyMetadata']['Arn']
    fails('KMS.NotFoundException', s3.put_object, 'Invalid arn eu-west-1', SSEKMSKeyId=elsewhere, **sealed)


def test_who_reads_and_writes_objects_needs_the_key(strata, kms, key):
    _, name = bucket(strata)
    client, iam, user = strata.user('s3')
    sealed = {'Bucket': name, 'Key': 'k', 'Body': b'x', 'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': key['Arn']}
    allow(iam, user, ('s3:*', {}))
    fails('AccessDenied', client.put_object, 'kms:GenerateDataKey', key['Arn'], **sealed)
    arn = {'Condition': {'StringEquals': {'kms:EncryptionContext:aws:s3:arn': f'arn:aws:s3:::{name}/k', 'kms:ViaService': 's3.us-east-1.amazonaws.com'}}}
    allow(iam, user, ('s3:*', {}), ('kms:GenerateDataKey', arn))
    client.put_object(**sealed)
    fails('AccessDenied', client.put_object, **{**sealed, 'Key': 'other'})
    fails('AccessDenied', client.get_object, 'kms:Decrypt', Bucket=name, Key='k')
    allow(iam, user, ('s3:*', {}), ('kms:Decrypt', arn))
    assert body(client, name, 'k') == b'x'


def test_the_clients_own_context(strata, key):
    s3, name = bucket(strata)
    context = base64.b64encode(json.dumps({'team': 'blue'}).encode()).decode()
    sealed = {'Bucket': name, 'Key': 'k', 'Body': b'x', 'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': key['Arn']}
    s3.put_object(SSEKMSEncryptionContext=context, **sealed)
    fails('InvalidArgument', s3.put_object, 'x-amz-server-side-encryption-context', SSEKMSEncryptionContext='!', **sealed)
    client, iam, user = strata.user('s3')
    for team, may in (('red', False), ('blue', True)):
        allow(iam, user, ('s3:*', {}), ('kms:Decrypt', {'Condition': {'StringEquals': {'kms:EncryptionContext:team': team}}}))
        if may:
            assert body(client, name, 'k') == b'x'
        else:
            fails('AccessDenied', client.get_object, Bucket=name, Key='k')


def test_a_bucket_key_serves_many_objects(strata, kms, key):
    s3, name = bucket(strata)
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={'Rules': [
        {'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': key['Arn']}, 'BucketKeyEnabled': True}]})
    client, iam, user = strata.user('s3')
    allow(iam, user, ('s3:*', {}), (['kms:GenerateDataKey', 'kms:Decrypt'], {
        'Condition': {'StringEquals': {'kms:EncryptionContext:aws:s3:arn': f'arn:aws:s3:::{name}'}}}))
    for n in range(3):
        assert client.put_object(Bucket=name, Key=f'k{n}', Body=b'x')['BucketKeyEnabled'] is True
        assert body(client, name, f'k{n}') == b'x'
    kms.disable_key(KeyId=key['KeyId'])
    fails('KMS.DisabledException', client.get_object, Bucket=name, Key='k0')


def test_copies_change_their_key(strata, kms, key):
    s3, name = bucket(strata)
    other = kms.create_key()['KeyMetadata']
    s3.put_object(Bucket=name, Key='a', Body=text_of(50_000), ServerSideEncryption='aws:kms', SSEKMSKeyId=key['Arn'])
    copied = s3.copy_object(Bucket=name, Key='b', CopySource={'Bucket': name, 'Key': 'a'}, ServerSideEncryption='aws:kms', SSEKMSKeyId=other['KeyId'])
    assert copied['SSEKMSKeyId'] == other['Arn']
    plain = s3.copy_object(Bucket=name, Key='c', CopySource={'Bucket': name, 'Key': 'a'})
    assert plain['ServerSideEncryption'] == 'AES256' and 'SSEKMSKeyId' not in plain
    kms.disable_key(KeyId=key['KeyId'])
    assert body(s3, name, 'b') == body(s3, name, 'c') == text_of(50_000)


# ---- CloudWatch Logs ----

def key_for_logs(kms, group='*', **more):
    """A key as AWS's manual has it: it is the service that uses it, for groups of that name."""
    arn = f'arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}'
    policy = [statement({'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'kms:*'),
              statement({'Service': 'logs.us-east-1.amazonaws.com'}, ['kms:Encrypt*', 'kms:Decrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
                        ArnLike={'kms:EncryptionContext:aws:logs:arn': arn})]
    return kms.create_key(Policy=json.dumps({'Version': '2012-10-17', 'Statement': policy}), **more)['KeyMetadata']


def log_group(strata, key=None):
    logs = strata.client('logs')
    group = f'/sealed/{uuid.uuid4().hex}'
    logs.create_log_group(logGroupName=group, **({'kmsKeyId': key} if key else {}))
    logs.create_log_stream(logGroupName=group, logStreamName='s')
    return logs, group


def log(strata, logs, group, *messages):
    logs.put_log_events(logGroupName=group, logStreamName='s', logEvents=[{'timestamp': strata.now_ms(), 'message': m} for m in messages])


def logged(logs, group):
    messages = [e['message'] for e in logs.get_log_events(logGroupName=group, logStreamName='s', startFromHead=True)['events']]
    assert messages == [e['message'] for e in logs.filter_log_events(logGroupName=group)['events']]
    return messages


def test_log_events_are_not_on_the_disk(own_strata):
    secret = 'a-line-of-a-log-' + uuid.uuid4().hex
    key = key_for_logs(own_strata.client('kms'), '/sealed/*')
    logs, group = log_group(own_strata, key['Arn'])
    log(own_strata, logs, group, secret, 'another')
    assert logged(logs, group) == [secret, 'another']
    assert [e['message'] for e in logs.filter_log_events(logGroupName=group, filterPattern=f'"{secret}"')['events']] == [secret]
    shown, = logs.describe_log_groups(logGroupNamePrefix=group)['logGroups']
    assert shown['kmsKeyId'] == key['Arn'] and shown['storedBytes'] == len(secret) + len('another') + 2 * 26
    assert not lies_in_clear(own_strata, secret.encode())
    logs, clear = log_group(own_strata)
    log(own_strata, logs, clear, secret)
    assert lies_in_clear(own_strata, secret.encode())
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    own_strata.advance_clock(2 * 24 * 3600)
    assert wait_for(lambda: logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]['storedBytes'] == 0)


def test_a_log_group_under_a_disabled_key(strata, kms):
    key = key_for_logs(kms)
    logs, group = log_group(strata)
    log(strata, logs, group, 'in clear')
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key['Arn'])
    log(strata, logs, group, 'sealed')
    assert logged(logs, group) == ['in clear', 'sealed']
    words = f"The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}'"
    kms.disable_key(KeyId=key['KeyId'])
    line = [{'timestamp': strata.now_ms(), 'message': 'x'}]
    fails('AccessDeniedException', logs.put_log_events, words, logGroupName=group, logStreamName='s', logEvents=line)
    fails('AccessDeniedException', logs.get_log_events, words, logGroupName=group, logStreamName='s')
    fails('AccessDeniedException', logs.filter_log_events, words, logGroupName=group)
    fails('InvalidParameterException', logs.associate_kms_key, words, logGroupName=group, kmsKeyId=key['Arn'])
    kms.enable_key(KeyId=key['KeyId'])
    assert logged(logs, group) == ['in clear', 'sealed']
    logs.disassociate_kms_key(logGroupName=group)
    assert 'kmsKeyId' not in logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]
    log(strata, logs, group, 'in clear again')
    other = key_for_logs(kms)
    logs.associate_kms_key(logGroupName=group, kmsKeyId=other['Arn'])
    log(strata, logs, group, 'sealed again')
    assert logged(logs, group) == ['in clear', 'sealed', 'in clear again', 'sealed again']
    kms.disable_key(KeyId=key['KeyId'])
    fails('AccessDeniedException', logs.filter_log_events, words, logGroupName=group)  # what was sealed once needs its key as ever


def test_the_policy_of_the_key_lets_a_log_group_in(strata, kms, key):
    logs, group = log_group(strata)
    words = 'is not allowed to be used with Arn'
    for arn in key['Arn'], key_for_logs(kms, '/other/*')['Arn'], f'arn:aws:kms:us-east-1:{ACCOUNT}:key/{uuid.uuid4()}':
        fails('AccessDeniedException', logs.associate_kms_key, words, logGroupName=group, kmsKeyId=arn)
        fails('AccessDeniedException', logs.create_log_group, words, logGroupName=group + '/new', kmsKeyId=arn)
    rsa = key_for_logs(kms, KeySpec='RSA_2048', KeyUsage='ENCRYPT_DECRYPT')['Arn']
    fails('InvalidParameterException', logs.associate_kms_key, words, logGroupName=group, kmsKeyId=rsa)
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key_for_logs(kms, group)['Arn'])
    log(strata, logs, group, 'x')
    client, iam, name = strata.user('logs')
    allow(iam, name, ('logs:*', {}))
    assert logged(client, group) == ['x']  # whoever may read the group needs no permission for its key


# ---- all of them ----

def test_one_disabled_key_under_all_of_them(strata, kms):
    """A queue, a table, a bucket, a secret, a log group and a function's variables: each says it in its own way, and each comes back."""
    key = key_for_logs(kms)
    arn, name = key['Arn'], uuid.uuid4().hex
    s3, ddb, secrets, functions_ = (strata.client(s) for s in ('s3', 'dynamodb', 'secretsmanager', 'lambda'))
    sqs, url = queue(strata, KmsMasterKeyId=arn)
    sqs.send_message(QueueUrl=url, MessageBody='kept')
    ddb.create_table(TableName=name, KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}], BillingMode='PAY_PER_REQUEST',
                     AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                     SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': arn})
    ddb.put_item(TableName=name, Item={'id': {'S': '1'}, 'text': {'S': 'kept'}})
    s3.create_bucket(Bucket=name)
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={'Rules': [{'ApplyServerSideEncryptionByDefault': {
        'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': arn}}]})
    s3.put_object(Bucket=name, Key='k', Body=b'kept')
    secrets.create_secret(Name=name, SecretString='kept', KmsKeyId=arn)
    logs, group = log_group(strata, arn)
    log(strata, logs, group, 'kept')
    function = functions.create(strata, 'def handler(e, c): pass', f'arn:aws:iam::{ACCOUNT}:role/r', KMSKeyArn=arn, Environment={'Variables': {'TEXT': 'kept'}})

    def all_kept():
        variables = functions_.get_function_configuration(FunctionName=function)['Environment']['Variables']
        return [received(sqs, url)[0], ddb.get_item(TableName=name, Key={'id': {'S': '1'}})['Item']['text']['S'],
                s3.get_object(Bucket=name, Key='k')['Body'].read().decode(), secrets.get_secret_value(SecretId=name)['SecretString'],
                logged(logs, group)[0], variables['TEXT']] == ['kept'] * 6
    assert all_kept()
    for close, words, queue_code, bucket_code in [
        (lambda: kms.disable_key(KeyId=arn), f'{arn} is disabled.', 'KMS.DisabledException', 'KMS.DisabledException'),
        (lambda: kms.schedule_key_deletion(KeyId=arn), f'{arn} is pending deletion.', 'KMS.KMSInvalidStateException', 'KMS.KMSInvalidStateException'),
    ]:
        close()
        fails(queue_code, sqs.receive_message, words, QueueUrl=url)
        fails(queue_code, sqs.send_message, words, QueueUrl=url, MessageBody='x')
        fails('ValidationException', ddb.get_item, words, TableName=name, Key={'id': {'S': '1'}})
        fails('ValidationException', ddb.put_item, words, TableName=name, Item={'id': {'S': '2'}})
        fails(bucket_code, s3.get_object, words, Bucket=name, Key='k')
        fails(bucket_code, s3.put_object, words, Bucket=name, Key='k', Body=b'x')
        assert s3.head_bucket(Bucket=name) and s3.list_objects_v2(Bucket=name)['KeyCount'] == 1
        fails('DecryptionFailure', secrets.get_secret_value, words, SecretId=name)
        fails('EncryptionFailure', secrets.put_secret_value, words, SecretId=name, SecretString='x')
        fails('AccessDeniedException', logs.get_log_events, logGroupName=group, logStreamName='s')
        assert words in functions_.get_function_configuration(FunctionName=function)['Environment']['Error']['Message']
    kms.cancel_key_deletion(KeyId=arn)
    kms.enable_key(KeyId=arn)
    assert all_kept()
