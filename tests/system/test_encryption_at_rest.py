"""What other services keep is sealed under keys of KMS: nothing of it is on the disk in clear, the key's policy decides, and a key that is disabled
closes everything under it until it is enabled again."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'


@pytest.fixture
def kms(strata):
    return strata.client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key()['KeyMetadata']


def fails(code, call, *words, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    for word in words:
        assert word in caught.value.response['Error']['Message'], caught.value


def allow(iam, name, *statements):
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': actions, 'Resource': '*', **more} for actions, more in statements]}))


def lies_in_clear(strata, text):
    """Whether any file of the data directory holds it. What was written lately may be in the store's log alone, which is uncompressed."""
    return any(text in path.read_bytes() for path in strata.data.rglob('*') if path.is_file())


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
