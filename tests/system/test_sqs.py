"""SQS through boto3 and through raw query-protocol requests."""
import hashlib
import json
import signal
import threading
import time
import urllib.parse
import uuid

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from refusals import refusal


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def sqs(strata):
    return strata.client('sqs')


@pytest.fixture
def queue(sqs):
    url = sqs.create_queue(QueueName='q-' + uuid.uuid4().hex[:12])['QueueUrl']
    yield url
    try:
        sqs.delete_queue(QueueUrl=url)
    except ClientError:
        pass


def arn_of(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']


def counts(sqs, url):
    a = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
    return tuple(int(a['ApproximateNumberOfMessages' + s]) for s in ('', 'NotVisible', 'Delayed'))


def receive(sqs, url, **kw):
    return sqs.receive_message(QueueUrl=url, **kw).get('Messages', [])


def test_round_trip(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody='hello',
                            MessageAttributes={'n': {'DataType': 'Number', 'StringValue': '5'}, 'b': {'DataType': 'Binary', 'BinaryValue': b'\1\2'}})
    assert sent['MD5OfMessageBody'] == hashlib.md5(b'hello').hexdigest()
    (m,) = receive(sqs, queue, MessageSystemAttributeNames=['All'], MessageAttributeNames=['All'])
    assert m['Body'] == 'hello' and m['MessageId'] == sent['MessageId']
    assert m['MD5OfMessageAttributes'] == sent['MD5OfMessageAttributes']
    assert m['MessageAttributes']['b']['BinaryValue'] == b'\1\2'
    assert m['Attributes']['ApproximateReceiveCount'] == '1'
    assert counts(sqs, queue) == (0, 1, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'])
    assert counts(sqs, queue) == (0, 0, 0)


def test_attribute_name_filters(sqs, queue):
    a = {k: {'DataType': 'String', 'StringValue': k} for k in ('foo.one', 'foo.two', 'bar')}
    sqs.send_message(QueueUrl=queue, MessageBody='x', MessageAttributes=a)
    (m,) = receive(sqs, queue, MessageAttributeNames=['foo.*'], VisibilityTimeout=0)
    assert set(m['MessageAttributes']) == {'foo.one', 'foo.two'}
    (m,) = receive(sqs, queue, MessageAttributeNames=['bar'], VisibilityTimeout=0)
    assert set(m['MessageAttributes']) == {'bar'}
    (m,) = receive(sqs, queue)
    assert 'MessageAttributes' not in m and 'MD5OfMessageAttributes' not in m and 'Attributes' not in m


def test_create_is_idempotent_and_names_are_checked(sqs, queue):
    name = queue.rsplit('/', 1)[1]
    assert sqs.create_queue(QueueName=name)['QueueUrl'] == queue
    assert sqs.create_queue(QueueName=name, Attributes={'VisibilityTimeout': '30'})['QueueUrl'] == queue
    assert refusal(sqs.create_queue, QueueName=name, Attributes={'VisibilityTimeout': '31'}) == (
        'QueueAlreadyExists', 'A queue already exists with the same name and a different value for attribute VisibilityTimeout')
    assert refusal(sqs.create_queue, QueueName='a b')[0] == 'InvalidParameterValue'
    assert refusal(sqs.create_queue, QueueName='x', Attributes={'VisibilityTimeout': '43201'}) == (
        'InvalidAttributeValue', 'Invalid value for the parameter VisibilityTimeout.')
    assert refusal(sqs.create_queue, QueueName='x', Attributes={'QueueArn': 'x'}) == ('InvalidAttributeName', 'Unknown Attribute QueueArn.')
    assert sqs.get_queue_url(QueueName=name)['QueueUrl'] == queue
    assert refusal(sqs.get_queue_url, QueueName='nowhere') == (
        'AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.')
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName='nowhere')


def test_attributes_come_back_as_sent(sqs, queue):
    arn = arn_of(sqs, queue)
    policy = '{ "Version":"2012-10-17", "Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"%s"}] }' % arn
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'Policy': policy, 'MaximumMessageSize': '2048', 'KmsMasterKeyId': 'alias/x'})
    a = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['All'])['Attributes']
    assert a['Policy'] == policy and a['MaximumMessageSize'] == '2048' and a['SqsManagedSseEnabled'] == 'false'
    assert a['MessageRetentionPeriod'] == '345600' and a['QueueArn'] == arn and a['KmsDataKeyReusePeriodSeconds'] == '300'
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'Policy': '', 'KmsMasterKeyId': ''})
    assert 'Policy' not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['Policy']).get('Attributes', {})
    assert refusal(sqs.set_queue_attributes, QueueUrl=queue, Attributes={'Policy': '{'})[0] == 'InvalidAttributeValue'


def test_list_queues_pages(sqs):
    prefix = 'page-' + uuid.uuid4().hex[:6]
    urls = [sqs.create_queue(QueueName=f'{prefix}-{i}')['QueueUrl'] for i in range(5)]
    got, token = [], {}
    while True:
        r = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, **token)
        got += r['QueueUrls']
        if 'NextToken' not in r:
            break
        token = {'NextToken': r['NextToken']}
    assert got == urls
    for u in urls:
        sqs.delete_queue(QueueUrl=u)
    assert 'QueueUrls' not in sqs.list_queues(QueueNamePrefix=prefix)


def test_visibility(sqs, queue, strata):
    sqs.send_message(QueueUrl=queue, MessageBody='x')
    (m,) = receive(sqs, queue, VisibilityTimeout=30)
    assert receive(sqs, queue) == []
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'], VisibilityTimeout=0)
    (again,) = receive(sqs, queue, VisibilityTimeout=60)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'], VisibilityTimeout=60)  # an old handle does for that
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'])
    assert counts(sqs, queue) == (0, 1, 0), 'an old handle deletes nothing'
    assert refusal(sqs.change_message_visibility, QueueUrl=queue, ReceiptHandle=again['ReceiptHandle'], VisibilityTimeout=43201)[0] == 'InvalidParameterValue'
    strata.advance_clock(61)
    assert counts(sqs, queue) == (1, 0, 0)
    assert refusal(sqs.change_message_visibility, QueueUrl=queue, ReceiptHandle=again['ReceiptHandle'], VisibilityTimeout=1)[0] == (
        'AWS.SimpleQueueService.MessageNotInflight')
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=again['ReceiptHandle'])
    assert counts(sqs, queue) == (0, 0, 0), 'not received again since: the handle still deletes'
    assert refusal(sqs.delete_message, QueueUrl=queue, ReceiptHandle='nonsense') == (
        'ReceiptHandleIsInvalid', 'The input receipt handle "nonsense" is not a valid receipt handle.')


def test_fifo_attributes_take_true_in_any_case_and_belong_to_fifo_queues(sqs):
    name = f'q-{uuid.uuid4()}.fifo'
    url = sqs.create_queue(QueueName=name, Attributes={'FifoQueue': 'True', 'ContentBasedDeduplication': 'TRUE'})['QueueUrl']
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['FifoQueue', 'ContentBasedDeduplication'])['Attributes']
    assert kept == {'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'}
    assert sqs.create_queue(QueueName=name, Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'True'})['QueueUrl'] == url
    assert refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={'FifoQueue': 'false'}) == (
        'InvalidAttributeValue', 'Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.')
    for attribute in 'DeduplicationScope', 'FifoThroughputLimit':
        assert refusal(sqs.create_queue, QueueName='plain', Attributes={attribute: 'queue'}) == (
            'InvalidAttributeName', f'You can specify the {attribute} only when FifoQueue is set to true.')
    sqs.send_message(QueueUrl=url, MessageBody='x', MessageGroupId='g')
    (m,) = receive(sqs, url, VisibilityTimeout=0)
    assert 'The receipt handle has expired.' in refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])[1]


def test_what_is_not_there_is_left_out(sqs, queue):
    assert 'Tags' not in sqs.list_queue_tags(QueueUrl=queue)
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[{'Id': 'a', 'MessageBody': 'x'}])
    assert len(sent['Successful']) == 1 and 'Failed' not in sent
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'KmsMasterKeyId': 'alias/aws/sqs', 'KmsDataKeyReusePeriodSeconds': '600'})
    assert sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['All'])['Attributes']['KmsDataKeyReusePeriodSeconds'] == '600'
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'KmsMasterKeyId': '', 'KmsDataKeyReusePeriodSeconds': '300'})
    assert not {k for k in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['All'])['Attributes'] if k.startswith('Kms')}


def test_the_trace_of_a_request_goes_with_its_message(sqs, queue):
    trace = 'Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1'
    say = lambda request, **more: request.headers.update({'X-Amzn-Trace-Id': trace})
    sqs.meta.events.register('before-send.sqs.SendMessage', say)
    sqs.send_message(QueueUrl=queue, MessageBody='x')
    sqs.meta.events.unregister('before-send.sqs.SendMessage', say)
    sqs.send_message(QueueUrl=queue, MessageBody='y')
    traced, plain = receive(sqs, queue, MaxNumberOfMessages=2, AttributeNames=['AWSTraceHeader'])
    assert traced['Attributes'] == {'AWSTraceHeader': trace} and 'Attributes' not in plain


def test_error_codes_have_their_names_in_both_protocols(sqs, queue):
    with pytest.raises(ClientError) as caught:
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=11)
    assert (caught.value.response['Error']['Code'], caught.value.response['Error']['QueryErrorCode']) == ('InvalidParameterValue', 'InvalidParameterValueException')
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=queue, MessageBody='')
    assert (caught.value.response['Error']['Code'], caught.value.response['Error']['QueryErrorCode']) == ('MissingParameter', 'MissingRequiredParameterException')


def test_no_message_comes_twice_in_one_answer(sqs, queue):
    for i in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i))
    for _ in range(2):
        assert [m['Body'] for m in receive(sqs, queue, MaxNumberOfMessages=10, VisibilityTimeout=0)] == ['0', '1', '2']
    assert counts(sqs, queue) == (3, 0, 0)
    sqs.send_message(QueueUrl=queue, MessageBody='3')  # given back and fresh ones come together
    assert sorted(m['Body'] for m in receive(sqs, queue, MaxNumberOfMessages=10, VisibilityTimeout=0)) == ['0', '1', '2', '3']


def test_delay_and_retention(sqs, queue, strata):
    sqs.send_message(QueueUrl=queue, MessageBody='x', DelaySeconds=100)
    assert receive(sqs, queue) == [] and counts(sqs, queue) == (0, 0, 1)
    strata.advance_clock(101)
    (m,) = receive(sqs, queue, VisibilityTimeout=0)
    assert m['Body'] == 'x'
    strata.advance_clock(345600)
    assert receive(sqs, queue) == [] and counts(sqs, queue) == (0, 0, 0)


@pytest.mark.parametrize('at_once', [1, 10])
def test_delayed_ones_between_fresh_ones(sqs, queue, strata, at_once):
    """What was sent without a delay comes in its order, whatever was sent with one in between; taken before, amid and after."""
    def send(*bodies):
        for body in bodies:
            sqs.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=60 if body.startswith('late') else 0)

    def take():
        bodies = []
        while got := receive(sqs, queue, MaxNumberOfMessages=at_once):
            bodies += [m['Body'] for m in got]
        return bodies
    send('late0', 'a', 'b', 'late1', 'late2', 'c', 'late3')
    assert [m['Body'] for m in receive(sqs, queue)] == ['a']
    send('d', 'e', 'late4', 'f')
    assert take() == ['b', 'c', 'd', 'e', 'f']
    send('late5', 'g')
    assert take() == ['g'] and counts(sqs, queue) == (0, 7, 6)
    strata.advance_clock(61)
    assert sorted(take()) == sorted(['a', 'b', 'c', 'd', 'e', 'f', 'g'] + [f'late{i}' for i in range(6)])


def test_long_poll_is_woken(sqs, queue, strata):
    got = []
    t = threading.Thread(target=lambda: got.extend(receive(strata.client('sqs'), queue, WaitTimeSeconds=20)))
    t.start()
    sqs.send_message(QueueUrl=queue, MessageBody='woken')
    t.join(15)
    assert [m['Body'] for m in got] == ['woken']
    assert receive(sqs, queue, WaitTimeSeconds=1) == []


def test_batches(sqs, queue):
    r = sqs.send_message_batch(QueueUrl=queue, Entries=[{'Id': str(i), 'MessageBody': f'm{i}'} for i in range(9)] + [
        {'Id': 'bad', 'MessageBody': 'x', 'DelaySeconds': 901}])
    assert len(r['Successful']) == 9 and r['Failed'][0]['Id'] == 'bad' and r['Failed'][0]['Code'] == 'InvalidParameterValue'
    messages = receive(sqs, queue, MaxNumberOfMessages=10)
    assert [m['Body'] for m in messages] == [f'm{i}' for i in range(9)]
    r = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[
        {'Id': str(i), 'ReceiptHandle': m['ReceiptHandle'], 'VisibilityTimeout': 100} for i, m in enumerate(messages)])
    assert len(r['Successful']) == 9
    r = sqs.delete_message_batch(QueueUrl=queue, Entries=[
        {'Id': str(i), 'ReceiptHandle': m['ReceiptHandle']} for i, m in enumerate(messages)] + [{'Id': 'x', 'ReceiptHandle': 'bad'}])
    assert len(r['Successful']) == 9 and r['Failed'][0]['Code'] == 'ReceiptHandleIsInvalid'
    assert counts(sqs, queue) == (0, 0, 0)
    assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=[{'Id': 'a', 'MessageBody': 'x'}] * 2) == (
        'AWS.SimpleQueueService.BatchEntryIdsNotDistinct', 'Id a repeated.')
    assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=[]) == (
        'AWS.SimpleQueueService.EmptyBatchRequest', 'There should be at least one SendMessageBatchRequestEntry in the request.')
    assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=[{'Id': str(i), 'MessageBody': 'x'} for i in range(11)]) == (
        'AWS.SimpleQueueService.TooManyEntriesInBatchRequest', 'Maximum number of entries per request are 10. You have sent 11.')
    assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=[{'Id': 'a b', 'MessageBody': 'x'}])[0] == 'AWS.SimpleQueueService.InvalidBatchEntryId'
    assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=[{'Id': str(i), 'MessageBody': 'x' * 600000} for i in range(2)])[0] == (
        'AWS.SimpleQueueService.BatchRequestTooLong')


def test_message_checks(sqs, queue):
    assert refusal(sqs.send_message, QueueUrl=queue, MessageBody='')[0] == 'MissingParameter'
    assert refusal(sqs.send_message, QueueUrl=queue, MessageBody='a\x0bb')[0] == 'InvalidMessageContents'
    assert refusal(sqs.send_message, QueueUrl=queue, MessageBody='x' * 1048577) == (
        'InvalidParameterValue', 'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.')
    assert refusal(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=11) == (
        'InvalidParameterValue', 'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.')
    assert refusal(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=21)[0] == 'InvalidParameterValue'
    assert refusal(sqs.send_message, QueueUrl=queue, MessageBody='x', MessageAttributes={'AWS.x': {'DataType': 'String', 'StringValue': 'y'}})[0] == (
        'InvalidParameterValue')
    assert refusal(sqs.send_message, QueueUrl=queue, MessageBody='x', MessageAttributes={'n': {'DataType': 'Number', 'StringValue': 'y'}}) == (
        'InvalidParameterValue', "Can't cast the value of message attribute 'n' to a number.")
    sqs.send_message(QueueUrl=queue, MessageBody='x' * 1048576)
    assert len(receive(sqs, queue)[0]['Body']) == 1048576


def test_dead_letters_and_move_task(sqs, queue, strata):
    dlq = sqs.create_queue(QueueName='dlq-' + uuid.uuid4().hex[:8])['QueueUrl']
    policy = json.dumps({'deadLetterTargetArn': arn_of(sqs, dlq), 'maxReceiveCount': 2})
    assert refusal(sqs.set_queue_attributes, QueueUrl=queue, Attributes={'RedrivePolicy': policy.replace(':dlq', ':no')})[1].endswith(
        'Reason: Dead letter target does not exist.')
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'RedrivePolicy': policy})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dlq)['queueUrls'] == [queue]
    sent = sqs.send_message(QueueUrl=queue, MessageBody='poison')
    for _ in range(2):
        assert len(receive(sqs, queue, VisibilityTimeout=0)) == 1
    assert receive(sqs, queue) == []
    (m,) = receive(sqs, dlq, MessageSystemAttributeNames=['All'], VisibilityTimeout=0)
    assert m['MessageId'] == sent['MessageId'] and m['Attributes']['DeadLetterQueueSourceArn'] == arn_of(sqs, queue)
    assert counts(sqs, queue) == (0, 0, 0) and counts(sqs, dlq) == (1, 0, 0)
    assert refusal(sqs.start_message_move_task, SourceArn=arn_of(sqs, queue))[0] == 'InvalidParameterValue'
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dlq))
    strata.advance_clock(1)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dlq))['Results']
    assert task['Status'] == 'COMPLETED' and task['ApproximateNumberOfMessagesMoved'] == 1
    assert [x['Body'] for x in receive(sqs, queue)] == ['poison'] and counts(sqs, dlq) == (0, 0, 0)
    sqs.delete_queue(QueueUrl=dlq)


def test_a_long_poll_that_moves_dead_letters_goes_on_waiting(sqs, queue, strata):
    dlq = sqs.create_queue(QueueName='dlq-' + uuid.uuid4().hex[:8])['QueueUrl']
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={
        'RedrivePolicy': json.dumps({'deadLetterTargetArn': arn_of(sqs, dlq), 'maxReceiveCount': 1})})
    sqs.send_message(QueueUrl=queue, MessageBody='poison')
    assert len(receive(sqs, queue, VisibilityTimeout=0)) == 1
    got = []
    t = threading.Thread(target=lambda: got.append(receive(strata.client('sqs'), queue, WaitTimeSeconds=20)))
    t.start()
    assert [m['Body'] for m in receive(sqs, dlq, WaitTimeSeconds=20)] == ['poison']  # it went while its receive waits
    sqs.send_message(QueueUrl=queue, MessageBody='good')
    t.join()
    assert [m['Body'] for m in got[0]] == ['good'] and counts(sqs, queue) == (0, 1, 0)
    sqs.delete_queue(QueueUrl=dlq)


def test_purge(sqs, queue):
    for i in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i))
    (m,) = receive(sqs, queue)
    sqs.purge_queue(QueueUrl=queue)
    assert receive(sqs, queue) == [] and counts(sqs, queue) == (0, 0, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=m['ReceiptHandle'])
    assert refusal(sqs.purge_queue, QueueUrl=queue)[0] == 'AWS.SimpleQueueService.PurgeQueueInProgress'


def test_tags_and_permissions(sqs, queue):
    sqs.tag_queue(QueueUrl=queue, Tags={'a': '1', 'b': '2'})
    sqs.untag_queue(QueueUrl=queue, TagKeys=['a'])
    assert sqs.list_queue_tags(QueueUrl=queue)['Tags'] == {'b': '2'}
    sqs.add_permission(QueueUrl=queue, Label='l', AWSAccountIds=['111111111111'], Actions=['SendMessage'])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['Policy'])['Attributes']['Policy'])
    assert policy['Statement'][0]['Principal'] == {'AWS': 'arn:aws:iam::111111111111:root'} and policy['Statement'][0]['Action'] == 'SQS:SendMessage'
    assert refusal(sqs.add_permission, QueueUrl=queue, Label='l', AWSAccountIds=['111111111111'], Actions=['SendMessage'])[0] == 'InvalidParameterValue'
    sqs.remove_permission(QueueUrl=queue, Label='l')
    assert refusal(sqs.remove_permission, QueueUrl=queue, Label='l')[0] == 'InvalidParameterValue'


def test_queue_policy_lets_another_account_in(sqs, queue, strata):
    other = strata.client('sqs', key='111111111111')
    assert refusal(other.send_message, QueueUrl=queue, MessageBody='x')[0] in ('AccessDenied', 'AccessDeniedException')
    sqs.add_permission(QueueUrl=queue, Label='l', AWSAccountIds=['111111111111'], Actions=['SendMessage'])
    other.send_message(QueueUrl=queue, MessageBody='from afar')
    assert refusal(other.receive_message, QueueUrl=queue)[0] in ('AccessDenied', 'AccessDeniedException')
    assert [m['Body'] for m in receive(sqs, queue)] == ['from afar']


def test_users_are_denied_by_default_and_allowed_by_policy(sqs, queue, strata):
    user, iam, name = strata.user('sqs')
    assert refusal(user.send_message, QueueUrl=queue, MessageBody='x')[0] in ('AccessDenied', 'AccessDeniedException')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'sqs:SendMessage', 'Resource': arn_of(sqs, queue)}]}))
    user.send_message(QueueUrl=queue, MessageBody='x')
    assert refusal(user.receive_message, QueueUrl=queue)[0] in ('AccessDenied', 'AccessDeniedException')


def test_fifo_order_groups_and_deduplication(sqs, strata):
    url = sqs.create_queue(QueueName=f'f{uuid.uuid4().hex[:8]}.fifo', Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
    first = sqs.send_message(QueueUrl=url, MessageBody='a1', MessageGroupId='a')
    again = sqs.send_message(QueueUrl=url, MessageBody='a1', MessageGroupId='a')
    assert first['MessageId'] == again['MessageId'] and first['SequenceNumber'] == again['SequenceNumber']
    sqs.send_message(QueueUrl=url, MessageBody='a2', MessageGroupId='a')
    sqs.send_message(QueueUrl=url, MessageBody='b1', MessageGroupId='b')
    (m,) = receive(sqs, url, MessageSystemAttributeNames=['All'])
    assert m['Body'] == 'a1' and m['Attributes']['MessageGroupId'] == 'a'
    (b,) = receive(sqs, url, MaxNumberOfMessages=10)
    assert b['Body'] == 'b1', 'group a is locked'
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'], VisibilityTimeout=0)
    both = receive(sqs, url, MaxNumberOfMessages=10)
    assert [x['Body'] for x in both] == ['a1', 'a2']
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=both[0]['ReceiptHandle'], VisibilityTimeout=0)
    both[0], = receive(sqs, url, MaxNumberOfMessages=10)
    assert both[0]['Body'] == 'a1', 'what stands before one in flight comes again'
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=both[1]['ReceiptHandle'], VisibilityTimeout=0)
    assert not receive(sqs, url, MaxNumberOfMessages=10), 'the first of the group is in flight'
    sqs.delete_message(QueueUrl=url, ReceiptHandle=both[0]['ReceiptHandle'])
    both[1], = receive(sqs, url)
    assert both[1]['Body'] == 'a2'
    for x in both:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=x['ReceiptHandle'])
    sqs.send_message(QueueUrl=url, MessageBody='a3', MessageGroupId='a')
    assert [x['Body'] for x in receive(sqs, url)] == ['a3']
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody='x')[0] == 'MissingParameter'
    entries = [{'Id': '1', 'MessageBody': 'x', 'MessageGroupId': 'x'}, {'Id': '2', 'MessageBody': 'x'}]
    assert refusal(sqs.send_message_batch, QueueUrl=url, Entries=entries) == (
        'InvalidParameterValue', 'The request must contain the parameter MessageGroupId.')
    strata.advance_clock(301)
    sqs.send_message(QueueUrl=url, MessageBody='a1', MessageGroupId='c')
    bodies = [x['Body'] for x in receive(sqs, url, MaxNumberOfMessages=10)]
    assert 'a1' in bodies
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.create_queue, QueueName='nofifo', Attributes={'FifoQueue': 'true'})[0] == 'InvalidParameterValue'


def query(strata, path='/', **params):
    body = urllib.parse.urlencode({'Version': '2012-11-05', **params})
    r = AWSRequest('POST', strata.url + path, data=body, headers={'Content-Type': 'application/x-www-form-urlencoded'})
    SigV4Auth(Credentials('test', 'test'), 'sqs', 'us-east-1').add_auth(r)
    return requests.post(strata.url + path, data=body, headers=dict(r.headers), timeout=30)


def test_query_protocol(sqs, queue, strata):
    r = query(strata, Action='GetQueueUrl', QueueName=queue.rsplit('/', 1)[1])
    assert r.status_code == 200 and f'<QueueUrl>{queue}</QueueUrl>' in r.text and '<GetQueueUrlResult>' in r.text
    r = query(strata, urllib.parse.urlparse(queue).path, Action='SendMessage', MessageBody='by path', **{
        'MessageAttribute.1.Name': 'k', 'MessageAttribute.1.Value.DataType': 'String', 'MessageAttribute.1.Value.StringValue': 'v'})
    assert r.status_code == 200 and hashlib.md5(b'by path').hexdigest() in r.text
    r = query(strata, urllib.parse.urlparse(queue).path, Action='ReceiveMessage', QueueUrl=queue, **{
        'AttributeName.1': 'All', 'MessageAttributeName.1': 'All'})
    assert '<Body>by path</Body>' in r.text and '<StringValue>v</StringValue>' in r.text
    r = query(strata, Action='GetQueueUrl', QueueName='nowhere')
    assert r.status_code == 400 and '<Code>AWS.SimpleQueueService.NonExistentQueue</Code>' in r.text


@pytest.mark.parametrize('fifo', [False, True])
def test_random_operations_lose_and_double_nothing(sqs, strata, fifo):
    """A small model as oracle: what is ready, in flight (until when) and delayed, after any mixture of operations, restarts of time included."""
    import random
    r = random.Random(7 + fifo)
    more = {'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'} if fifo else {}
    url = sqs.create_queue(QueueName='rnd' + uuid.uuid4().hex[:8] + ('.fifo' if fifo else ''), Attributes={'VisibilityTimeout': '100', **more})['QueueUrl']
    now, sent = 0, 0
    visible_at, handle, group = {}, {}, {}
    for _ in range(250):
        what = r.choice(['send', 'send', 'receive', 'receive', 'delete', 'change', 'wait'])
        flight = [b for b in handle if visible_at[b] > now]
        if what == 'send':
            body, sent = f'm{sent}', sent + 1
            delay = r.choice([0, 0, 50]) if not fifo else 0
            group[body] = f'g{r.randrange(3)}'
            sqs.send_message(QueueUrl=url, MessageBody=body, **({'MessageGroupId': group[body]} if fifo else {'DelaySeconds': delay}))
            visible_at[body] = now + delay
        elif what == 'receive':
            for m in receive(sqs, url, MaxNumberOfMessages=r.randrange(1, 11)):
                b = m['Body']
                assert visible_at[b] <= now, b
                if fifo:
                    before = [x for x in visible_at if group[x] == group[b] and int(x[1:]) < int(b[1:])]
                    assert all(visible_at[x] > now for x in before), 'taken out of order'
                visible_at[b], handle[b] = now + 100, m['ReceiptHandle']
        elif what == 'delete' and flight:
            b = r.choice(flight)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=handle.pop(b))
            del visible_at[b]
        elif what == 'change' and flight:
            b = r.choice(flight)
            t = r.choice([0, 10, 300])
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle[b], VisibilityTimeout=t)
            visible_at[b] = now + t
        elif what == 'wait':
            step = r.choice([20, 60, 120])
            now += step
            strata.advance_clock(step)
        ready = sum(t <= now for t in visible_at.values())
        flying = sum(visible_at[b] > now for b in handle if b in visible_at)
        assert counts(sqs, url) == (ready, flying, len(visible_at) - ready - flying)
    strata.advance_clock(400)
    left = set()
    while True:
        messages = receive(sqs, url, MaxNumberOfMessages=10)
        if not messages:
            break
        for m in messages:
            assert m['Body'] not in left
            left.add(m['Body'])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
    assert left == set(visible_at) and counts(sqs, url) == (0, 0, 0)


def test_a_fifo_message_that_was_delayed_is_not_left_behind(sqs, strata):
    url = sqs.create_queue(QueueName=f'f{uuid.uuid4().hex[:8]}.fifo', Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true', 'DelaySeconds': '10'})['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='one', MessageGroupId='g')
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'DelaySeconds': '0'})
    sqs.send_message(QueueUrl=url, MessageBody='two', MessageGroupId='g')
    strata.advance_clock(11)
    bodies = []
    for _ in range(2):
        m, = receive(sqs, url)
        bodies.append(m['Body'])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
    assert sorted(bodies) == ['one', 'two']


def test_receive_attempts_of_fifo_queues_repeat(sqs):
    url = sqs.create_queue(QueueName=f'f{uuid.uuid4().hex[:8]}.fifo', Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='x', MessageGroupId='a')
    (a,) = receive(sqs, url, ReceiveRequestAttemptId='try')
    (b,) = receive(sqs, url, ReceiveRequestAttemptId='try')
    assert a['ReceiptHandle'] == b['ReceiptHandle'] and receive(sqs, url, ReceiveRequestAttemptId='other') == []


def test_acknowledged_messages_survive_a_power_cut(own_strata):
    sqs = own_strata.client('sqs')
    url = sqs.create_queue(QueueName='durable', Attributes={'VisibilityTimeout': '1000'})['QueueUrl']
    for i in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(i))
    taken = receive(sqs, url, MaxNumberOfMessages=10)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=taken[0]['ReceiptHandle'])
    own_strata.kill()
    own_strata.start()
    sqs = own_strata.client('sqs')
    assert counts(sqs, url) == (10, 9, 0)
    bodies = {m['Body'] for _ in range(3) for m in receive(sqs, url, MaxNumberOfMessages=10)} | {m['Body'] for m in taken[1:]}
    assert bodies == {str(i) for i in range(1, 20)}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=taken[1]['ReceiptHandle'])
    assert counts(sqs, url) == (0, 18, 0)


def test_move_tasks_can_be_cancelled_and_fail(sqs, queue, strata):
    dlq = sqs.create_queue(QueueName='dlq-' + uuid.uuid4().hex[:8])['QueueUrl']
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'RedrivePolicy': json.dumps({'deadLetterTargetArn': arn_of(sqs, dlq), 'maxReceiveCount': 1})})
    for i in range(5):
        sqs.send_message(QueueUrl=dlq, MessageBody=str(i))
    handle = sqs.start_message_move_task(SourceArn=arn_of(sqs, dlq), DestinationArn=arn_of(sqs, queue), MaxNumberOfMessagesPerSecond=1)['TaskHandle']
    assert refusal(sqs.start_message_move_task, SourceArn=arn_of(sqs, dlq))[0] == 'InvalidParameterValue'
    moved = sqs.cancel_message_move_task(TaskHandle=handle)['ApproximateNumberOfMessagesMoved']
    strata.advance_clock(30)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dlq))['Results']
    assert task['Status'] == 'CANCELLED' and task['MaxNumberOfMessagesPerSecond'] == 1 and 'TaskHandle' not in task
    assert counts(sqs, dlq)[0] == 5 - moved and counts(sqs, queue)[0] == moved
    assert refusal(sqs.cancel_message_move_task, TaskHandle=handle)[0] == 'AWS.SimpleQueueService.UnsupportedOperation'
    assert refusal(sqs.start_message_move_task, SourceArn=arn_of(sqs, dlq) + 'x')[0] == 'ResourceNotFoundException'
    strata.advance_clock(1)
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dlq))  # sent to the queue itself: nobody knows their source
    strata.advance_clock(1)
    task = sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dlq))['Results'][0]
    assert task['Status'] == 'FAILED' and task['FailureReason'] == 'CouldNotDetermineMessageSource' and counts(sqs, dlq)[0] == 5 - moved


def test_redrive_allow_policy(sqs, queue):
    name = 'dlq-' + uuid.uuid4().hex[:8]
    dlq = sqs.create_queue(QueueName=name, Attributes={'RedriveAllowPolicy': '{"redrivePermission":"denyAll"}'})['QueueUrl']
    policy = {'RedrivePolicy': json.dumps({'deadLetterTargetArn': arn_of(sqs, dlq), 'maxReceiveCount': '5'})}
    assert refusal(sqs.set_queue_attributes, QueueUrl=queue, Attributes=policy)[0] == 'InvalidParameterValue'
    sqs.set_queue_attributes(QueueUrl=dlq, Attributes={'RedriveAllowPolicy': json.dumps(
        {'redrivePermission': 'byQueue', 'sourceQueueArns': [arn_of(sqs, queue)]})})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=policy)
    assert refusal(sqs.set_queue_attributes, QueueUrl=dlq, Attributes={'RedriveAllowPolicy': '{"redrivePermission":"x"}'})[0] == 'InvalidParameterValue'
    assert refusal(sqs.set_queue_attributes, QueueUrl=queue, Attributes={'RedrivePolicy': '{"maxReceiveCount":3}'})[1].endswith(
        'Redrive policy does not contain mandatory attribute: deadLetterTargetArn.')


def test_fifo_dead_letters_keep_their_group(sqs, strata):
    fifo = {'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'}
    tail = uuid.uuid4().hex[:8] + '.fifo'
    dlq = sqs.create_queue(QueueName='d' + tail, Attributes=fifo)['QueueUrl']
    url = sqs.create_queue(QueueName='q' + tail, Attributes={**fifo, 'RedrivePolicy': json.dumps(
        {'deadLetterTargetArn': arn_of(sqs, dlq), 'maxReceiveCount': 1})})['QueueUrl']
    for b in ('1', '2'):
        sqs.send_message(QueueUrl=url, MessageBody=b, MessageGroupId='g')
    assert [m['Body'] for m in receive(sqs, url, VisibilityTimeout=0)] == ['1']
    assert [m['Body'] for m in receive(sqs, url, VisibilityTimeout=10, MaxNumberOfMessages=10)] == ['2']
    (m,) = receive(sqs, dlq, MessageSystemAttributeNames=['All'], VisibilityTimeout=0)
    assert m['Body'] == '1' and m['Attributes']['MessageGroupId'] == 'g' and m['Attributes']['ApproximateReceiveCount'] == '2'
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dlq))
    strata.advance_clock(20)
    assert [m['Body'] for m in receive(sqs, url)] == ['1'] and counts(sqs, dlq) == (1, 0, 0), 'back came 1, and 2 went'
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody='3', MessageGroupId='g')
    assert [m['Body'] for m in receive(sqs, url)] == ['3']
    plain = sqs.create_queue(QueueName='plain-' + tail[:8])['QueueUrl']
    assert refusal(sqs.set_queue_attributes, QueueUrl=plain, Attributes={'RedrivePolicy': json.dumps(
        {'deadLetterTargetArn': arn_of(sqs, dlq), 'maxReceiveCount': 1})})[1].endswith('Dead-letter queue must be same type of queue as the source.')


def test_a_long_poll_ends_with_its_queue(sqs, strata):
    url, failed = sqs.create_queue(QueueName='gone-' + uuid.uuid4().hex[:8])['QueueUrl'], []

    def poll():
        failed.append(refusal(strata.client('sqs').receive_message, QueueUrl=url, WaitTimeSeconds=20)[0])
    t = threading.Thread(target=poll)
    t.start()
    sqs.get_queue_attributes(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    t.join(10)
    assert failed == ['AWS.SimpleQueueService.NonExistentQueue']


def waiting(strata):
    """How many operations are parked."""
    return requests.get(strata.url + '/_strata/status', timeout=30).json()['parked']


def test_a_stop_ends_long_polls(own_strata):
    """With the answer of one whose time is over."""
    sqs, got = own_strata.client('sqs'), []
    url = sqs.create_queue(QueueName='polled')['QueueUrl']
    t = threading.Thread(target=lambda: got.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    t.start()
    while waiting(own_strata) == 0:
        time.sleep(0.02)
    own_strata.process.send_signal(signal.SIGTERM)
    assert own_strata.process.wait(15) == 0, 'it waited for the poll'
    t.join()
    assert got[0]['ResponseMetadata']['HTTPStatusCode'] == 200 and 'Messages' not in got[0]


def test_a_long_poll_ends_with_its_client(own_strata):
    import http.client
    url = own_strata.client('sqs').create_queue(QueueName='left')['QueueUrl']
    request = AWSRequest('POST', own_strata.url, data=json.dumps({'QueueUrl': url, 'WaitTimeSeconds': 20}),
                         headers={'X-Amz-Target': 'AmazonSQS.ReceiveMessage', 'Content-Type': 'application/x-amz-json-1.0'})
    SigV4Auth(Credentials('test', 'test'), 'sqs', 'us-east-1').add_auth(request)
    connection = http.client.HTTPConnection(own_strata.listen)
    connection.request('POST', '/', body=request.data, headers=dict(request.headers))
    while waiting(own_strata) == 0:
        time.sleep(0.02)
    connection.close()
    end = time.monotonic() + 15
    while waiting(own_strata) and time.monotonic() < end:
        time.sleep(0.1)
    assert waiting(own_strata) == 0


def test_many_waiters_and_many_messages(sqs, queue, strata):
    """Every message goes to exactly one of the waiters."""
    got = []

    def work():
        mine = strata.client('sqs')
        while True:
            messages = receive(mine, queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            if not messages:
                return
            got.extend(m['Body'] for m in messages)
            mine.delete_message_batch(QueueUrl=queue, Entries=[{'Id': str(i), 'ReceiptHandle': m['ReceiptHandle']} for i, m in enumerate(messages)])
    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for i in range(30):
        sqs.send_message_batch(QueueUrl=queue, Entries=[{'Id': str(j), 'MessageBody': str(i * 10 + j)} for j in range(10)])
    for t in threads:
        t.join(60)
    assert sorted(map(int, got)) == list(range(300)) and counts(sqs, queue) == (0, 0, 0)
