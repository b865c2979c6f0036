"""Signatures as clients make them, and what AWS answers when they are wrong; who may do what across services."""

import datetime
import json
import uuid

import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from refusals import refused

ACCOUNT = '000000000000'


def document(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements)})


def allow(action, resource='*', **more):
    return {'Effect': 'Allow', 'Action': action, 'Resource': resource, **more}


def deny(action, resource='*', **more):
    return {**allow(action, resource, **more), 'Effect': 'Deny'}


def signed(strata, monkeypatch, shift_s=0, body='Action=GetCallerIdentity&Version=2011-06-15', service='sts', region='us-east-1', headers=None):
    """A request as botocore signs it, at another time if need be."""
    import botocore.auth
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_s)
    monkeypatch.setattr(botocore.auth, 'get_current_datetime', lambda *a, **k: now.replace(tzinfo=None), raising=False)
    r = AWSRequest('POST', strata.url + '/', data=body, headers={'Content-Type': 'application/x-www-form-urlencoded', **(headers or {})})
    SigV4Auth(Credentials('test', 'test'), service, region).add_auth(r)
    return r.prepare()


def send(p):
    return requests.request(p.method, p.url, data=p.body, headers=dict(p.headers))


def test_wrong_secret_tells_what_should_have_been_signed(strata):
    message = refused('SignatureDoesNotMatch', strata.client('sts', secret='wrong').get_caller_identity)
    assert message.startswith('The request signature we calculated does not match the signature you provided.')
    assert "The Canonical String for this request should have been\n'POST\n/\n" in message
    assert "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n" in message


def test_each_protocol_has_its_codes(strata):
    assert refused('InvalidClientTokenId', strata.client('iam', key='AKIAUNKNOWN').list_users) == 'The security token included in the request is invalid.'
    refused('UnrecognizedClientException', strata.client('dynamodb', key='AKIAUNKNOWN').list_tables)
    refused('InvalidSignatureException', strata.client('dynamodb', secret='wrong').list_tables)


def test_unsigned(strata):
    r = requests.post(strata.url + '/', data='Action=GetCallerIdentity&Version=2011-06-15', headers={'Content-Type': 'application/x-www-form-urlencoded'})
    assert r.status_code == 403 and '<Code>MissingAuthenticationToken</Code>' in r.text
    r = requests.post(strata.url + '/', data='{}', headers={'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'DynamoDB_20120810.ListTables'})
    assert r.status_code == 400 and 'MissingAuthenticationTokenException' in r.text


def test_body_changed_on_its_way(strata, monkeypatch):
    p = signed(strata, monkeypatch)
    assert send(p).status_code == 200
    p.body = b'Action=GetCallerIdentity&Version=2011-06-15&x=1'
    p.headers['Content-Length'] = str(len(p.body))
    assert '<Code>SignatureDoesNotMatch</Code>' in send(p).text


@pytest.mark.parametrize('header', [
    'AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA256 Credential=x', 'AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00',
    'Basic dGVzdDp0ZXN0', 'AWS4-HMAC-SHA256 ' + ',' * 5000, '\xff\xfe',
])
def test_malformed_authorization(strata, header):
    r = requests.post(strata.url + '/', data='Action=GetCallerIdentity&Version=2011-06-15',
                      headers={'Authorization': header.encode('latin-1'), 'Content-Type': 'application/x-www-form-urlencoded', 'X-Amz-Date': '20260101T000000Z'})
    assert r.status_code in (400, 403), r.text


def test_times(strata, monkeypatch):
    assert send(signed(strata, monkeypatch, -14 * 60)).status_code == 200
    assert send(signed(strata, monkeypatch, 14 * 60)).status_code == 200
    late, early = send(signed(strata, monkeypatch, -16 * 60)), send(signed(strata, monkeypatch, 16 * 60))
    assert late.status_code == 403 and 'Signature expired: ' in late.text and ' - 15 min.)' in late.text
    assert early.status_code == 403 and 'Signature not yet current: ' in early.text


def test_presigned(strata, monkeypatch):
    def url(expires):
        r = AWSRequest('GET', strata.url + '/?Action=GetCallerIdentity&Version=2011-06-15')
        SigV4QueryAuth(Credentials('test', 'test'), 'sts', 'us-east-1', expires=expires).add_auth(r)
        return r.url
    assert f'arn:aws:iam::{ACCOUNT}:root' in requests.get(url(60)).text
    assert requests.get(url(60) + '0').status_code == 403
    assert 'SignatureDoesNotMatch' in requests.get(url(1).replace('X-Amz-Expires=1&', 'X-Amz-Expires=100&')).text
    assert requests.get(url(604801)).status_code == 400


def test_twelve_digits_are_an_account(strata):
    a, b = strata.client('sqs', key='111111111111'), strata.client('sqs', key='222222222222')
    name = 'q-' + uuid.uuid4().hex[:8]
    a.create_queue(QueueName=name)
    assert '111111111111' in a.get_queue_url(QueueName=name)['QueueUrl']
    with pytest.raises(ClientError):
        b.get_queue_url(QueueName=name)


def test_denied_by_default_then_allowed_then_denied_explicitly(strata):
    ddb, iam, name = strata.user('dynamodb')
    message = refused('AccessDeniedException', ddb.list_tables)
    assert message == (f'User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: dynamodb:ListTables on resource: * '
                       'because no identity-based policy allows the dynamodb:ListTables action') or 'dynamodb:ListTables on resource: ' in message
    iam.put_user_policy(UserName=name, PolicyName='a', PolicyDocument=document(allow('dynamodb:*')))
    ddb.list_tables()
    iam.put_user_policy(UserName=name, PolicyName='b', PolicyDocument=document(deny('dynamodb:List*')))
    assert refused('AccessDeniedException', ddb.list_tables).endswith('with an explicit deny in an identity-based policy')


def test_groups_managed_policies_and_boundaries(strata):
    client, iam, name = strata.user('iam')
    group, policy = 'g-' + name, 'p-' + name
    iam.create_group(GroupName=group)
    arn = iam.create_policy(PolicyName=policy, PolicyDocument=document(allow('iam:List*')))['Policy']['Arn']
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    refused('AccessDenied', client.list_users)
    iam.add_user_to_group(GroupName=group, UserName=name)
    client.list_users()
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary='arn:aws:iam::aws:policy/AmazonSQSFullAccess')
    assert 'because no permissions boundary allows the iam:ListUsers action' in refused('AccessDenied', client.list_users)
    iam.delete_user_permissions_boundary(UserName=name)
    client.list_users()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow('iam:ListRoles')), SetAsDefault=True)
    refused('AccessDenied', client.list_users)
    iam.remove_user_from_group(GroupName=group, UserName=name)
    refused('AccessDenied', client.list_roles)


def test_policy_variables_and_conditions(strata):
    client, iam, name = strata.user('iam')
    iam.put_user_policy(UserName=name, PolicyName='self', PolicyDocument=document(
        allow('iam:GetUser', 'arn:aws:iam::*:user/${aws:username}'),
        allow('iam:ListRoles', Condition={'IpAddress': {'aws:SourceIp': '127.0.0.0/8'}, 'StringEquals': {'aws:RequestedRegion': 'us-east-1'}}),
        allow('iam:ListGroups', Condition={'IpAddress': {'aws:SourceIp': '10.0.0.0/8'}}),
        allow('iam:ListPolicies', Condition={'Bool': {'aws:SecureTransport': 'true'}})))
    assert client.get_user()['User']['UserName'] == name
    client.list_roles()
    refused('AccessDenied', client.get_user, UserName='someone-else')
    refused('AccessDenied', client.list_groups)
    refused('AccessDenied', client.list_policies)


def test_no_text_passes_for_another(strata):
    """A byte that strata itself puts between values, and the one that ends a string in C, are letters like any other."""
    client, iam, name = strata.user('sqs')
    url = strata.client('sqs').create_queue(QueueName=name)['QueueUrl']
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(
        allow('sqs:TagQueue', Condition={'StringEquals': {'aws:RequestTag/team': 'eng'}}), allow('s3:GetObject', f'arn:aws:s3:::{name}/a')))
    client.tag_queue(QueueUrl=url, Tags={'team': 'eng'})
    refused('AccessDenied', client.tag_queue, QueueUrl=url, Tags={'team': 'eng\x1fops'})
    refused('AccessDenied', client.tag_queue, QueueUrl=url, Tags={'team\0': 'eng'})
    keys = iam.create_access_key(UserName=name)['AccessKey']
    s3 = strata.client('s3')
    s3.create_bucket(Bucket=name)
    mine = strata.client('s3', key=keys['AccessKeyId'], secret=keys['SecretAccessKey'])
    for key, seen in ('a', True), ('a\0b', False):
        s3.put_object(Bucket=name, Key=key, Body=b'x')
        if seen:
            mine.get_object(Bucket=name, Key=key)
        else:
            refused('AccessDenied', mine.get_object, Bucket=name, Key=key)


def test_inactive_and_deleted_keys(strata):
    client, iam, name = strata.user('sts')
    key = iam.list_access_keys(UserName=name)['AccessKeyMetadata'][0]['AccessKeyId']
    iam.update_access_key(UserName=name, AccessKeyId=key, Status='Inactive')
    refused('InvalidClientTokenId', client.get_caller_identity)
    iam.update_access_key(UserName=name, AccessKeyId=key, Status='Active')
    client.get_caller_identity()
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    refused('InvalidClientTokenId', client.get_caller_identity)


def test_what_binds_an_identity_binds_its_next_request(strata):
    client, iam, name = strata.user('sqs')
    arn = f'arn:aws:sqs:us-east-1:000000000000:{name}'
    allow = lambda effect: json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': effect, 'Action': 'sqs:CreateQueue', 'Resource': arn}]})
    group, policy = f'g-{name}', iam.create_policy(PolicyName=f'p-{name}', PolicyDocument=allow('Allow'))['Policy']['Arn']
    iam.create_group(GroupName=group)
    create = lambda: client.create_queue(QueueName=name)
    refused('AccessDenied', create)
    for grant, withdraw in ((lambda: iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=allow('Allow')),
                             lambda: iam.delete_user_policy(UserName=name, PolicyName='p')),
                            (lambda: iam.attach_user_policy(UserName=name, PolicyArn=policy), lambda: iam.detach_user_policy(UserName=name, PolicyArn=policy)),
                            (lambda: (iam.attach_group_policy(GroupName=group, PolicyArn=policy), iam.add_user_to_group(GroupName=group, UserName=name)),
                             lambda: iam.create_policy_version(PolicyArn=policy, PolicyDocument=allow('Deny'), SetAsDefault=True))):
        grant()
        create()
        withdraw()
        refused('AccessDenied', create)


def test_s3_words_its_refusals_in_its_own_way(strata):
    assert refused('InvalidAccessKeyId', strata.client('s3', key='AKIAUNKNOWN').list_buckets) == \
        'The AWS Access Key Id you provided does not exist in our records.'
    with pytest.raises(ClientError) as e:
        strata.client('s3', secret='wrong').list_buckets()
    error = e.value.response['Error']
    assert error['Code'] == 'SignatureDoesNotMatch' and error['AWSAccessKeyId'] == 'test'
    assert error['StringToSign'].startswith('AWS4-HMAC-SHA256\n') and error['CanonicalRequest'].startswith('GET\n/\n')
    r = requests.get(strata.url + '/', headers={'Host': 's3.us-east-1.amazonaws.com'})
    assert r.status_code == 403 and '<Code>AccessDenied</Code>' in r.text


def test_s3_signed_in_every_way(strata):
    s3 = strata.client('s3')
    bucket = 'b-' + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=bucket)
    for key in ('plain', 'a b+c', 'dir//x/y', 'ä/%25~!*()\''):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)['Body'].read() == key.encode()
        for client in (s3, strata.client('s3', signature_version='s3v4')):  # boto3's own choice here is version 2
            url = client.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': key, 'ResponseContentType': 'text/x'}, ExpiresIn=60)
            r = requests.get(url)
            assert r.content == key.encode() and r.headers['Content-Type'] == 'text/x', url
            assert requests.get(url.replace('text', 'tent')).status_code == 403
    url = strata.client('s3', signature_version='s3v4').generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'put'}, ExpiresIn=60)
    assert requests.put(url, data=b'x' * 100000).status_code == 200
    assert requests.get(url).status_code == 403
    late = requests.get(s3.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'plain'}, ExpiresIn=-5))
    assert late.status_code == 403 and 'Request has expired' in late.text
    user, iam, name = strata.user('s3')
    message = refused('AccessDenied', user.get_object, Bucket=bucket, Key='plain')
    assert message == (f'User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: s3:GetObject on resource: '
                       f'"arn:aws:s3:::{bucket}/plain" because no identity-based policy allows the s3:GetObject action')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow('s3:GetObject', f'arn:aws:s3:::{bucket}/pl*')))
    assert user.get_object(Bucket=bucket, Key='plain')['Body'].read() == b'plain'
    refused('AccessDenied', user.get_object, Bucket=bucket, Key='put')
