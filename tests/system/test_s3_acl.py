"""ACLs: what sets them, what they allow, and where they are refused."""
import json
import uuid

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from refusals import code_of

ALL = 'http://acs.amazonaws.com/groups/global/AllUsers'
PATH = {'addressing_style': 'path'}


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3', s3=PATH)


@pytest.fixture(scope='module')
def nobody(strata):
    return strata.client('s3', s3=PATH, signature_version=UNSIGNED)


@pytest.fixture(scope='module')
def other(strata):
    """Root of another account."""
    return strata.client('s3', key='111122223333', secret='test', s3=PATH)


def new_bucket(s3, **kw):
    name = 'a-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name, **kw)
    return name


@pytest.fixture
def bucket(s3):
    """One with ACLs, and without a block of public ones."""
    name = new_bucket(s3, ObjectOwnership='ObjectWriter')
    s3.delete_public_access_block(Bucket=name)
    s3.put_object(Bucket=name, Key='k', Body=b'x')
    return name


def grants(answer):
    return [(g['Grantee'].get('URI') or 'id', g['Permission']) for g in answer['Grants']]


def refusal(call, **parameters):
    with pytest.raises(ClientError) as e:
        call(**parameters)
    return {k: v for k, v in e.value.response['Error'].items() if k not in ('Message', 'RequestId', 'HostId')}


def test_a_public_object_is_read_by_all(s3, nobody, bucket):
    key = {'Bucket': bucket, 'Key': 'k'}
    assert code_of(nobody.get_object, **key) == 'AccessDenied'
    s3.put_object_acl(**key, ACL='public-read')
    assert grants(s3.get_object_acl(**key)) == [('id', 'FULL_CONTROL'), (ALL, 'READ')]
    assert nobody.get_object(**key)['Body'].read() == b'x'
    assert code_of(nobody.get_object_acl, **key) == 'AccessDenied' and code_of(nobody.list_objects_v2, Bucket=bucket) == 'AccessDenied'
    s3.put_object(**key, Body=b'y')  # a new object has its own ACL
    assert code_of(nobody.get_object, **key) == 'AccessDenied'
    s3.put_object(Bucket=bucket, Key='*', Body=b'z', ACL='public-read')  # a key is no pattern
    assert code_of(nobody.get_object, **key) == 'AccessDenied'
    s3.put_object(**key, Body=b'y', ACL='public-read')
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={'IgnorePublicAcls': True})
    assert code_of(nobody.get_object, **key) == 'AccessDenied'
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={'BlockPublicAcls': True})
    assert nobody.get_object(**key)['Body'].read() == b'y'
    assert code_of(s3.put_object_acl, **key, ACL='public-read') == 'AccessDenied'
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={'Rules': [{'ObjectOwnership': 'BucketOwnerEnforced'}]})
    assert code_of(nobody.get_object, **key) == 'AccessDenied' and grants(s3.get_object_acl(**key)) == [('id', 'FULL_CONTROL')]
    assert code_of(s3.put_object_acl, **key, ACL='private') == 'AccessControlListNotSupported'
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert nobody.get_object(**key)['Body'].read() == b'y'


def test_a_public_bucket_is_listed_and_written_by_all(s3, nobody, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL='public-read-write')
    assert [o['Key'] for o in nobody.list_objects_v2(Bucket=bucket)['Contents']] == ['k']
    nobody.put_object(Bucket=bucket, Key='theirs', Body=b'x')
    nobody.delete_object(Bucket=bucket, Key='theirs')
    assert code_of(nobody.get_object, Bucket=bucket, Key='k') == 'AccessDenied'
    enforced = {'Bucket': bucket, 'OwnershipControls': {'Rules': [{'ObjectOwnership': 'BucketOwnerEnforced'}]}}
    assert code_of(s3.put_bucket_ownership_controls, **enforced) == 'InvalidBucketAclWithObjectOwnership'
    s3.put_bucket_acl(Bucket=bucket, ACL='private')
    assert code_of(nobody.list_objects_v2, Bucket=bucket) == 'AccessDenied'
    s3.put_bucket_ownership_controls(**enforced)


def test_a_policy_that_is_restricted_still_denies(s3, other, nobody, bucket):
    s3.put_object(Bucket=bucket, Key='shut', Body=b'x', ACL='public-read')
    s3.put_object(Bucket=bucket, Key='open', Body=b'x', ACL='public-read')
    arn = f'arn:aws:s3:::{bucket}/'
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': '*', 'Action': ['s3:GetObject', 's3:DeleteObject'], 'Resource': arn + '*'},
        {'Effect': 'Deny', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': arn + 'shut'}]}))
    assert nobody.get_object(Bucket=bucket, Key='k')['Body'].read() == b'x'
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={'RestrictPublicBuckets': True})
    for who in (nobody, other):
        assert code_of(who.get_object, Bucket=bucket, Key='k') == 'AccessDenied'
        assert code_of(who.get_object, Bucket=bucket, Key='shut') == 'AccessDenied'
        assert who.get_object(Bucket=bucket, Key='open')['Body'].read() == b'x'
    assert other.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'k'}]})['Errors'][0]['Code'] == 'AccessDenied'


def test_another_account_is_let_in_by_its_id(s3, other, nobody, bucket):
    them = other.list_buckets()['Owner']['ID']
    assert code_of(other.get_object, Bucket=bucket, Key='k') == 'AccessDenied'
    s3.put_object_acl(Bucket=bucket, Key='k', GrantRead=f'id="{them}"')
    assert other.get_object(Bucket=bucket, Key='k')['Body'].read() == b'x'
    assert code_of(nobody.get_object, Bucket=bucket, Key='k') == 'AccessDenied'
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}}' % bucket
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert code_of(other.get_object, Bucket=bucket, Key='k') == 'AccessDenied'


def test_who_gives_an_acl_must_be_allowed_to(strata, s3, bucket):
    iam, name = strata.client('iam'), 'u-' + uuid.uuid4().hex[:8]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)['AccessKey']
    allow = lambda *actions: iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
                                                 '"Action":["%s"],"Resource":"*"}]}' % '","'.join(actions))
    user = strata.client('s3', key=key['AccessKeyId'], secret=key['SecretAccessKey'], s3=PATH)
    allow('s3:PutObject')
    user.put_object(Bucket=bucket, Key='mine', Body=b'x')
    assert code_of(user.put_object, Bucket=bucket, Key='mine', Body=b'x', ACL='public-read') == 'AccessDenied'
    assert code_of(user.put_object_acl, Bucket=bucket, Key='mine', ACL='public-read') == 'AccessDenied'
    assert code_of(user.put_bucket_acl, Bucket=bucket, ACL='private') == 'AccessDenied'
    allow('s3:PutObject', 's3:PutObjectAcl', 's3:PutBucketAcl')
    user.put_object(Bucket=bucket, Key='mine', Body=b'x', ACL='public-read')
    user.put_object_acl(Bucket=bucket, Key='mine', ACL='private')
    user.put_bucket_acl(Bucket=bucket, ACL='private')
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Deny', 'Principal': '*', 'Action': ['s3:PutObject', 's3:PutObjectAcl', 's3:PutBucketAcl'],
         'Resource': [f'arn:aws:s3:::{bucket}', f'arn:aws:s3:::{bucket}/*'], 'Condition': {'StringLike': {key: '*'}}}
        for key in ('s3:x-amz-grant-read', 's3:x-amz-acl')]}))
    user.put_object(Bucket=bucket, Key='mine', Body=b'x')
    for refused in ({'ACL': 'public-read'}, {'GrantRead': f'uri="{ALL}"'}):
        assert code_of(user.put_object, Bucket=bucket, Key='mine', Body=b'x', **refused) == 'AccessDenied'
        assert code_of(user.put_object_acl, Bucket=bucket, Key='mine', **refused) == 'AccessDenied'
        assert code_of(user.put_bucket_acl, Bucket=bucket, **refused) == 'AccessDenied'
        assert code_of(user.create_multipart_upload, Bucket=bucket, Key='mine', **refused) == 'AccessDenied'
    iam.delete_user_policy(UserName=name, PolicyName='p')


def test_what_an_acl_may_not_say(s3, bucket):
    owner = s3.list_buckets()['Owner']
    put = lambda **kw: refusal(s3.put_bucket_acl, Bucket=bucket, **kw)
    named = lambda name, value: {'Code': 'InvalidArgument', 'ArgumentName': name, 'ArgumentValue': value}
    body = lambda grantee, permission='READ', who=owner: {'AccessControlPolicy': {'Owner': who, 'Grants': [{'Grantee': grantee, 'Permission': permission}]}}
    group = {'Type': 'Group', 'URI': ALL}
    assert put() == {'Code': 'MissingSecurityHeader', 'MissingHeaderName': 'x-amz-acl'}
    assert put(ACL='other') == named('x-amz-acl', 'other')
    assert put(GrantRead='key="1"') == named('x-amz-grant-read', 'key="1"')
    assert put(GrantRead='id="1"') == named('id', '1')
    assert put(GrantRead='uri="http://x"') == named('uri', 'http://x')
    assert put(ACL='private', GrantRead=f'uri="{ALL}"')['Code'] == 'InvalidRequest'
    assert put(ACL='private', **body(group))['Code'] == 'UnexpectedContent'
    assert put(**body(group, 'WRONG'))['Code'] == put(**body({'Type': 'Other'}))['Code'] == put(AccessControlPolicy={})['Code'] == 'MalformedACLError'
    assert put(**body(group, who={'ID': 'other'})) == named('CanonicalUser/ID', 'other')
    assert put(**body({'Type': 'CanonicalUser', 'ID': '1'})) == named('CanonicalUser/ID', '1')
    assert put(**body({'Type': 'Group', 'URI': 'http://x'})) == named('Group/URI', 'http://x')
    assert code_of(s3.put_object_acl, Bucket=bucket, Key='none', ACL='private') == 'NoSuchKey'
    assert code_of(s3.create_bucket, Bucket='n' + bucket, ACL='public-read') == 'InvalidBucketAclWithObjectOwnership'
    assert code_of(s3.create_bucket, Bucket='n' + bucket, ACL='public-read', ObjectOwnership='ObjectWriter') == 'InvalidBucketAclWithBlockPublicAccessError'
    enforced = new_bucket(s3)
    for put in (s3.put_object, s3.put_object_acl):
        if put == s3.put_object_acl:
            s3.put_object(Bucket=enforced, Key='k', ACL='bucket-owner-full-control')
        assert code_of(put, Bucket=enforced, Key='k', ACL='public-read') == 'AccessControlListNotSupported'


def test_attributes_of_objects(s3, bucket):
    every = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']
    ask = lambda key, names=every, **kw: s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=names, **kw)
    s3.put_object(Bucket=bucket, Key='whole', Body=b'hello', ChecksumAlgorithm='SHA256')
    whole = ask('whole')
    assert (whole['ETag'], whole['ObjectSize'], whole['StorageClass']) == ('5d41402abc4b2a76b9719d911017c592', 5, 'STANDARD')
    assert whole['Checksum'] == {'ChecksumSHA256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=', 'ChecksumType': 'FULL_OBJECT'}
    assert 'ObjectParts' not in whole and 'ETag' not in ask('whole', ['ObjectSize'])
    u = {'Bucket': bucket, 'Key': 'parts', 'UploadId': s3.create_multipart_upload(Bucket=bucket, Key='parts', ChecksumAlgorithm='SHA256')['UploadId']}
    done = [s3.upload_part(**u, PartNumber=n, Body=body, ChecksumAlgorithm='SHA256') for n, body in ((1, bytes(5 << 20)), (2, b'end'))]
    listed = [{'PartNumber': n, 'ETag': d['ETag'], 'ChecksumSHA256': d['ChecksumSHA256']} for n, d in enumerate(done, 1)]
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': listed})
    parts = ask('parts', MaxParts=1)['ObjectParts']
    assert (parts['TotalPartsCount'], parts['IsTruncated'], parts['NextPartNumberMarker']) == (2, True, 1)
    assert parts['Parts'] == [{'PartNumber': 1, 'Size': 5 << 20, 'ChecksumSHA256': done[0]['ChecksumSHA256']}]
    assert ask('parts', PartNumberMarker=1)['ObjectParts']['Parts'][0]['Size'] == 3
    assert '-' not in ask('parts')['Checksum']['ChecksumSHA256']
    assert refusal(s3.get_object_attributes, Bucket=bucket, Key='whole', ObjectAttributes=['Owner']) == {
        'Code': 'InvalidArgument', 'ArgumentName': 'x-amz-object-attributes', 'ArgumentValue': 'Owner'}
    assert code_of(s3.get_object_attributes, Bucket=bucket, Key='none', ObjectAttributes=['ETag']) == 'NoSuchKey'
    assert code_of(s3.put_object, Bucket=bucket, Key='k', Body=b'', ChecksumSHA256='AAAA') == 'InvalidRequest'
