"""Events of objects, as queues, functions and EventBridge get them, and what a notification configuration may not say."""
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import code_of

EVENTS = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:ObjectTagging:*']


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3', s3={'addressing_style': 'path'})


@pytest.fixture(scope='module')
def sqs(strata):
    return strata.client('sqs')


@pytest.fixture
def bucket(s3):
    name = 'n-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(sqs, bucket):
    """Its address and its ARN; the bucket may send to it."""
    url = sqs.create_queue(QueueName=bucket)['QueueUrl']
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    allow(sqs, url, arn, {'Service': 's3.amazonaws.com'}, {'ArnEquals': {'aws:SourceArn': 'arn:aws:s3:::' + bucket}})
    return url, arn


def allow(sqs, url, arn, principal, condition):
    statement = {'Effect': 'Allow', 'Principal': principal, 'Action': 'sqs:SendMessage', 'Resource': arn, 'Condition': condition}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [statement]})})


def take(sqs, url, n):
    """The bodies of the next n messages, in the order in which they were sent."""
    got = []
    for _ in range(30):
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get('Messages', []):
            got.append(json.loads(m['Body']))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m['ReceiptHandle'])
        if len(got) >= n:
            break
    assert len(got) == n, got
    return got


def refusal(call, **parameters):
    with pytest.raises(ClientError) as e:
        call(**parameters)
    return {k: v for k, v in e.value.response['Error'].items() if k not in ('RequestId', 'HostId')}


def configure(s3, bucket, arn, events=EVENTS, **more):
    filter_ = {'Key': {'FilterRules': [{'Name': 'prefix', 'Value': 'in/'}, {'Name': 'SUFFIX', 'Value': '.txt'}]}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        'QueueConfigurations': [{'Id': 'mine', 'QueueArn': arn, 'Events': events, 'Filter': filter_}], **more})


def test_a_queue_is_told(s3, sqs, bucket, queue):
    url, arn = queue
    configure(s3, bucket, arn)
    shown = s3.get_bucket_notification_configuration(Bucket=bucket)['QueueConfigurations'][0]
    assert [r['Name'] for r in shown['Filter']['Key']['FilterRules']] == ['Prefix', 'Suffix']
    test = take(sqs, url, 1)[0]
    assert (test['Service'], test['Event'], test['Bucket']) == ('Amazon S3', 's3:TestEvent', bucket)
    key = {'Bucket': bucket, 'Key': 'in/a b@.txt'}
    s3.put_object(Bucket=bucket, Key='in/other', Body=b'x')
    s3.put_object(**key, Body=b'hello')
    s3.copy_object(**key, CopySource=f'{bucket}/in/other')
    u = s3.create_multipart_upload(**key)['UploadId']
    part = s3.upload_part(**key, UploadId=u, PartNumber=1, Body=b'x')['ETag']
    s3.complete_multipart_upload(**key, UploadId=u, MultipartUpload={'Parts': [{'PartNumber': 1, 'ETag': part}]})
    s3.put_object_tagging(**key, Tagging={'TagSet': [{'Key': 'a', 'Value': 'b'}]})
    s3.delete_object_tagging(**key)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    marker = s3.delete_object(**key)['VersionId']
    s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': key['Key'], 'VersionId': marker}]})
    records = {r['eventName']: r for m in take(sqs, url, 7) for r in m['Records']}
    assert set(records) == {'ObjectCreated:Put', 'ObjectCreated:Copy', 'ObjectCreated:CompleteMultipartUpload', 'ObjectTagging:Put',
                            'ObjectTagging:Delete', 'ObjectRemoved:DeleteMarkerCreated', 'ObjectRemoved:Delete'}
    put = records['ObjectCreated:Put']
    assert (put['eventVersion'], put['eventSource'], put['awsRegion']) == ('2.1', 'aws:s3', 'us-east-1')
    assert put['requestParameters']['sourceIPAddress'] == '127.0.0.1' and put['userIdentity']['principalId'].startswith('AWS:')
    assert put['s3']['bucket'] == {'name': bucket, 'arn': 'arn:aws:s3:::' + bucket, 'ownerIdentity': put['s3']['bucket']['ownerIdentity']}
    assert put['s3']['configurationId'] == 'mine'
    sequencer = put['s3']['object'].pop('sequencer')
    assert put['s3']['object'] == {'key': 'in/a+b%40.txt', 'size': 5, 'eTag': '5d41402abc4b2a76b9719d911017c592'}
    assert sequencer < records['ObjectCreated:Copy']['s3']['object']['sequencer']
    assert records['ObjectCreated:CompleteMultipartUpload']['userIdentity'] == put['userIdentity']
    assert records['ObjectRemoved:DeleteMarkerCreated']['s3']['object']['versionId'] == marker
    assert set(records['ObjectTagging:Put']['s3']['object']) == {'key', 'eTag'}


def test_eventbridge_is_told(strata, s3, sqs, bucket, queue):
    url, arn = queue
    events = strata.client('events')
    rule = events.put_rule(Name=bucket, EventPattern=json.dumps({'source': ['aws.s3'], 'detail': {'bucket': {'name': [bucket]}}}))['RuleArn']
    allow(sqs, url, arn, {'Service': 'events.amazonaws.com'}, {'ArnEquals': {'aws:SourceArn': rule}})
    events.put_targets(Rule=bucket, Targets=[{'Id': 't', 'Arn': arn}])
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={'EventBridgeConfiguration': {}})
    s3.put_object(Bucket=bucket, Key='a b', Body=b'hello')
    s3.delete_object(Bucket=bucket, Key='a b')
    told = {e['detail-type']: e for e in take(sqs, url, 2)}
    made, gone = told['Object Created'], told['Object Deleted']['detail']
    assert made['resources'] == ['arn:aws:s3:::' + bucket]
    assert made['detail']['object']['key'] == 'a b' and made['detail']['object']['size'] == 5 and made['detail']['reason'] == 'PutObject'
    assert (gone['reason'], gone['deletion-type']) == ('DeleteObject', 'Permanently Deleted')


def test_what_a_configuration_may_not_say(s3, sqs, bucket, queue):
    url, arn = queue
    put = lambda *queues, **kw: refusal(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration={
        'QueueConfigurations': [{'Events': EVENTS, 'QueueArn': arn, **q} for q in queues], **kw})
    assert put({'QueueArn': 'nonsense'}) == {'Code': 'InvalidArgument', 'Message': 'The ARN could not be parsed', 'ArgumentName': 'Queue',
                                             'ArgumentValue': 'nonsense'}
    assert put({'Filter': {'Key': {'FilterRules': [{'Name': 'infix', 'Value': 'x'}]}}})['ArgumentName'] == 'FilterRule.Name'
    assert put({'Events': ['s3:Nothing:*']})['Code'] == 'MalformedXML'
    assert 'ambiguously' in put({}, {'Events': ['s3:ObjectCreated:Put']})['Message']
    assert 'region' in put({'QueueArn': arn.replace('us-east-1', 'eu-west-1')})['Message']
    missing = put({'QueueArn': arn + '-no'})
    assert (missing['ArgumentName1'], missing['ArgumentValue1']) == (arn + '-no', 'The destination queue does not exist')
    function = 'arn:aws:lambda:us-east-1:000000000000:function:none'
    refused = put(LambdaFunctionConfigurations=[{'Events': EVENTS, 'LambdaFunctionArn': function}])
    assert refused['ArgumentValue1'] == f'Not authorized to invoke function [{function}]'
    assert put(TopicConfigurations=[{'Events': EVENTS, 'TopicArn': 'arn:aws:sns:us-east-1:000000000000:t'}])['Code'] == 'NotImplemented'
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': ''})
    assert put({})['ArgumentValue1'].startswith('Permissions on the destination queue')
    assert not s3.get_bucket_notification_configuration(Bucket=bucket).get('QueueConfigurations')
    s3.put_bucket_notification_configuration(Bucket=bucket, SkipDestinationValidation=True, NotificationConfiguration={
        'QueueConfigurations': [{'Events': EVENTS, 'QueueArn': arn + '-no'}]})
    s3.put_object(Bucket=bucket, Key='k', Body=b'x')  # whom it cannot tell, it does not tell
    assert code_of(s3.get_object, Bucket=bucket, Key='none') == 'NoSuchKey'


def test_configurations_have_limits(s3, sqs, bucket, queue):
    put = lambda *configurations: s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={'QueueConfigurations': list(configurations)})
    one = {'QueueArn': queue[1], 'Events': ['s3:ObjectCreated:Put']}
    by_prefix = lambda prefix: {**one, 'Filter': {'Key': {'FilterRules': [{'Name': 'prefix', 'Value': prefix}]}}}
    assert code_of(put, *[by_prefix(f'{n:03}/') for n in range(101)]) == 'InvalidArgument'
    assert code_of(put, by_prefix('x' * 1025)) == 'InvalidArgument'
    assert code_of(put, {**one, 'Id': 'x' * 256}) == 'MalformedXML'
    assert code_of(put, {**one, 'Events': one['Events'] * 33}) == 'MalformedXML'
    put(*[by_prefix(f'{n:03}/') for n in range(100)])
