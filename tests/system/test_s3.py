"""S3 through boto3, and where boto3 hides the wire, through signed requests."""
import base64
import concurrent.futures
import datetime
import hashlib
import http.client
import io
import json
import re
import urllib.parse
import uuid
import zlib

import boto3
import botocore.auth
import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from refusals import code_of

MB = 1024 * 1024
BIG = bytes(range(256)) * 400  # 100 KB: lies in a file
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def path_client(strata, **kw):
    return strata.client('s3', s3={'addressing_style': 'path'}, **kw)


@pytest.fixture
def s3(strata):
    return path_client(strata)


def new_bucket(s3):
    name = 'b-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    return name


def empty(s3, bucket):
    for page in s3.get_paginator('list_object_versions').paginate(Bucket=bucket):
        for v in page.get('Versions', []) + page.get('DeleteMarkers', []):
            s3.delete_object(Bucket=bucket, Key=v['Key'], VersionId=v['VersionId'])


@pytest.fixture
def bucket(s3):
    name = new_bucket(s3)
    yield name
    try:
        empty(s3, name)
        s3.delete_bucket(Bucket=name)
    except ClientError:
        pass


def status(call, **kw):
    with pytest.raises(ClientError) as e:
        call(**kw)
    return e.value.response['ResponseMetadata']['HTTPStatusCode']


def raw(strata, method, path, body=b'', headers=None, host=None, key='test', secret='test', claimed=None):
    """One signed request, and what the wire answers."""
    url = strata.url + path
    claimed = claimed or hashlib.sha256(body).hexdigest()
    request = AWSRequest(method, url, data=body, headers=headers or {})
    if host:
        request.headers['Host'] = host
    auth = S3SigV4Auth(Credentials(key, secret), 's3', 'us-east-1')
    auth.payload = lambda r: claimed
    auth.add_auth(request)
    return requests.request(method, url, data=body, headers=dict(request.headers), timeout=60)


def allow(iam, name, actions, resources):
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': actions, 'Resource': resources}]}))


# ---- buckets ----

def test_buckets(s3, bucket):
    assert bucket in [b['Name'] for b in s3.list_buckets()['Buckets']]
    assert s3.head_bucket(Bucket=bucket)['BucketRegion'] == 'us-east-1'
    assert s3.get_bucket_location(Bucket=bucket)['LocationConstraint'] is None
    s3.create_bucket(Bucket=bucket)  # its owner again: us-east-1 says yes
    s3.put_object(Bucket=bucket, Key='k', Body=b'x')
    assert code_of(s3.delete_bucket, Bucket=bucket) == 'BucketNotEmpty'
    s3.delete_object(Bucket=bucket, Key='k')
    s3.delete_bucket(Bucket=bucket)
    assert code_of(s3.head_bucket, Bucket=bucket) == '404'
    assert code_of(s3.delete_bucket, Bucket=bucket) == 'NoSuchBucket'


def test_region_of_a_bucket(strata):
    s3, name = path_client(strata, region='eu-west-1'), 'b-' + uuid.uuid4().hex[:16]
    assert code_of(s3.create_bucket, Bucket=name) == 'IllegalLocationConstraintException'
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})
    assert s3.get_bucket_location(Bucket=name)['LocationConstraint'] == 'eu-west-1'
    assert s3.head_bucket(Bucket=name)['BucketRegion'] == 'eu-west-1'
    assert code_of(s3.create_bucket, Bucket=name, CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'}) == 'BucketAlreadyOwnedByYou'
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize('name', ['ab', 'Upper-case', 'under_score', '-begins', 'ends-', 'two..dots', '192.168.5.4', 'xn--abc', 'a' * 64])
def test_invalid_bucket_names(strata, name):
    r = raw(strata, 'PUT', '/' + name)
    assert r.status_code == 400 and '<Code>InvalidBucketName</Code>' in r.text


def test_list_buckets_pages(s3):
    prefix = 'page-' + uuid.uuid4().hex[:8]
    names = [f'{prefix}-{i}' for i in range(5)]
    for n in names:
        s3.create_bucket(Bucket=n)
    got, token = [], {}
    while True:
        page = s3.list_buckets(Prefix=prefix, MaxBuckets=2, **token)
        got += [b['Name'] for b in page['Buckets']]
        if 'ContinuationToken' not in page:
            break
        token = {'ContinuationToken': page['ContinuationToken']}
    assert got == names
    for n in names:
        s3.delete_bucket(Bucket=n)


# ---- objects ----

@pytest.mark.parametrize('body', [b'', b'small', BIG, b'z' * (3 * MB)], ids=['empty', 'small', '100K', '3M'])
def test_object_round_trip(s3, bucket, body):
    put = s3.put_object(Bucket=bucket, Key='a/b c+ü', Body=body, ContentType='text/plain', Metadata={'one': 'Two'}, CacheControl='no-cache',
                        ContentDisposition='inline', ContentLanguage='de', ContentEncoding='identity')
    assert put['ETag'] == '"%s"' % hashlib.md5(body).hexdigest()
    assert put['ServerSideEncryption'] == 'AES256'
    assert put['ChecksumCRC32'] == base64.b64encode(zlib.crc32(body).to_bytes(4, 'big')).decode()
    got = s3.get_object(Bucket=bucket, Key='a/b c+ü', ChecksumMode='ENABLED')
    assert got['Body'].read() == body
    head = s3.head_object(Bucket=bucket, Key='a/b c+ü', ChecksumMode='ENABLED')
    for a in (got, head):
        assert (a['ContentLength'], a['ContentType'], a['Metadata']) == (len(body), 'text/plain', {'one': 'Two'})
        assert (a['CacheControl'], a['ContentDisposition'], a['ContentLanguage'], a['ContentEncoding']) == ('no-cache', 'inline', 'de', 'identity')
        assert a['ETag'] == put['ETag'] and a['AcceptRanges'] == 'bytes' and 'VersionId' not in a
        assert a['ChecksumCRC32'] == put['ChecksumCRC32'] and a['ChecksumType'] == 'FULL_OBJECT'


def test_missing_things(s3, bucket):
    assert code_of(s3.get_object, Bucket=bucket, Key='no') == 'NoSuchKey'
    assert code_of(s3.head_object, Bucket=bucket, Key='no') == '404'
    assert code_of(s3.get_object, Bucket='no-' + bucket, Key='no') == 'NoSuchBucket'
    assert code_of(s3.put_object, Bucket='no-' + bucket, Key='no', Body=b'') == 'NoSuchBucket'
    assert code_of(s3.list_objects_v2, Bucket='no-' + bucket) == 'NoSuchBucket'
    s3.delete_object(Bucket=bucket, Key='no')
    assert code_of(s3.put_object, Bucket=bucket, Key='k' * 1025, Body=b'') == 'KeyTooLongError'
    assert code_of(s3.put_object, Bucket=bucket, Key='k', Body=b'', Metadata={'m': 'x' * 2100}) == 'MetadataTooLarge'
    assert code_of(s3.get_object, Bucket=bucket, Key='k', ExpectedBucketOwner='111111111111') == 'AccessDenied'


def test_errors_on_the_wire(strata, bucket):
    r = raw(strata, 'GET', f'/{bucket}/no%20such')
    assert r.status_code == 404 and r.headers['Content-Type'] == 'application/xml'
    for part in ('<Error><Code>NoSuchKey</Code>', '<Message>The specified key does not exist.</Message>', '<Key>no such</Key>', '<RequestId>', '<HostId>'):
        assert part in r.text
    assert 'xmlns' not in r.text
    r = raw(strata, 'GET', f'/no-{bucket}?list-type=2')
    assert f'<BucketName>no-{bucket}</BucketName>' in r.text and '<Code>NoSuchBucket</Code>' in r.text
    r = raw(strata, 'HEAD', f'/{bucket}/no')
    assert r.status_code == 404 and r.text == '' and r.headers['x-amz-request-id']


@pytest.mark.parametrize('body', [b'0123456789' * 10, b'0123456789' * 10000], ids=['record', 'file'])
def test_ranges(s3, bucket, body):
    s3.put_object(Bucket=bucket, Key='r', Body=body)
    n = len(body)
    for text, want in (('bytes=0-4', body[:5]), ('bytes=5-', body[5:]), ('bytes=-7', body[-7:]), (f'bytes=90-{n + 50}', body[90:]), (f'bytes=-{n * 2}', body)):
        got = s3.get_object(Bucket=bucket, Key='r', Range=text)
        assert got['Body'].read() == want and got['ResponseMetadata']['HTTPStatusCode'] == 206
        assert got['ContentRange'].endswith(f'/{n}') and got['ContentLength'] == len(want)
    assert s3.head_object(Bucket=bucket, Key='r', Range='bytes=1-2')['ContentRange'] == f'bytes 1-2/{n}'
    assert code_of(s3.get_object, Bucket=bucket, Key='r', Range=f'bytes={n}-') == 'InvalidRange'
    whole = s3.get_object(Bucket=bucket, Key='r', Range='bytes=9-3')
    assert whole['ResponseMetadata']['HTTPStatusCode'] == 200 and whole['Body'].read() == body


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key='c', Body=b'x')['ETag']
    head = s3.head_object(Bucket=bucket, Key='c')
    later, earlier = head['LastModified'] + datetime.timedelta(hours=1), head['LastModified'] - datetime.timedelta(hours=1)
    for call in (s3.get_object, s3.head_object):
        call(Bucket=bucket, Key='c', IfMatch=etag)
        assert status(call, Bucket=bucket, Key='c', IfMatch='"no"') == 412
        assert status(call, Bucket=bucket, Key='c', IfNoneMatch=etag) == 304
        call(Bucket=bucket, Key='c', IfNoneMatch='"no"')
        assert status(call, Bucket=bucket, Key='c', IfModifiedSince=head['LastModified']) == 304
        call(Bucket=bucket, Key='c', IfModifiedSince=earlier)
        assert status(call, Bucket=bucket, Key='c', IfUnmodifiedSince=earlier) == 412
        call(Bucket=bucket, Key='c', IfUnmodifiedSince=later)
        call(Bucket=bucket, Key='c', IfMatch=etag, IfUnmodifiedSince=earlier)
    assert code_of(s3.get_object, Bucket=bucket, Key='c', IfMatch='"no"') == 'PreconditionFailed'


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key='o', Body=b'x', ContentType='text/plain')
    got = s3.get_object(Bucket=bucket, Key='o', ResponseContentType='image/png', ResponseContentDisposition='attachment')
    assert (got['ContentType'], got['ContentDisposition']) == ('image/png', 'attachment')


def test_conditional_writes(s3, bucket):
    first = s3.put_object(Bucket=bucket, Key='w', Body=b'1', IfNoneMatch='*')['ETag']
    assert code_of(s3.put_object, Bucket=bucket, Key='w', Body=b'2', IfNoneMatch='*') == 'PreconditionFailed'
    second = s3.put_object(Bucket=bucket, Key='w', Body=b'2', IfMatch=first)['ETag']
    assert code_of(s3.put_object, Bucket=bucket, Key='w', Body=b'3', IfMatch=first) == 'PreconditionFailed'
    assert code_of(s3.put_object, Bucket=bucket, Key='none', Body=b'3', IfMatch=first) == 'NoSuchKey'
    assert code_of(s3.delete_object, Bucket=bucket, Key='w', IfMatch=first) == 'PreconditionFailed'
    s3.delete_object(Bucket=bucket, Key='w', IfMatch=second)
    s3.put_object(Bucket=bucket, Key='w', Body=b'1', IfNoneMatch='*')


@pytest.mark.parametrize('size', [10, 50000])
def test_one_of_twenty_creates(strata, s3, bucket, size):
    def create(i):
        own = path_client(strata)
        try:
            own.put_object(Bucket=bucket, Key='lock', Body=bytes([i]) * size, IfNoneMatch='*')
            return i
        except ClientError as e:
            assert e.response['Error']['Code'] in ('PreconditionFailed', 'ConditionalRequestConflict')
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        won = [i for i in pool.map(create, range(20)) if i is not None]
    assert len(won) == 1
    assert s3.get_object(Bucket=bucket, Key='lock')['Body'].read() == bytes([won[0]]) * size


def test_body_digests(strata, s3, bucket):
    assert code_of(s3.put_object, Bucket=bucket, Key='d', Body=b'x', ContentMD5=base64.b64encode(b'0' * 16).decode()) == 'BadDigest'
    assert code_of(s3.put_object, Bucket=bucket, Key='d', Body=b'x', ContentMD5='short') == 'InvalidDigest'
    s3.put_object(Bucket=bucket, Key='d', Body=b'x', ContentMD5=base64.b64encode(hashlib.md5(b'x').digest()).decode())
    assert code_of(s3.put_object, Bucket=bucket, Key='d', Body=BIG, ChecksumSHA256=base64.b64encode(b'0' * 32).decode()) == 'BadDigest'
    r = raw(strata, 'PUT', f'/{bucket}/d', b'x', claimed='0' * 64)
    assert r.status_code == 400 and '<Code>XAmzContentSHA256Mismatch</Code>' in r.text


@pytest.mark.parametrize('name', ['CRC32', 'SHA1', 'SHA256'])
@pytest.mark.parametrize('body', [b'abc', BIG], ids=['record', 'file'])
def test_checksums(s3, bucket, name, body):
    digest = {'CRC32': lambda b: zlib.crc32(b).to_bytes(4, 'big'), 'SHA1': lambda b: hashlib.sha1(b).digest(), 'SHA256': lambda b: hashlib.sha256(b).digest()}[name]
    want = base64.b64encode(digest(body)).decode()
    put = s3.put_object(Bucket=bucket, Key='s', Body=body, ChecksumAlgorithm=name)
    assert put['Checksum' + name] == want
    assert s3.head_object(Bucket=bucket, Key='s', ChecksumMode='ENABLED')['Checksum' + name] == want
    assert 'Checksum' + name not in s3.head_object(Bucket=bucket, Key='s')
    (o,) = s3.list_objects_v2(Bucket=bucket)['Contents']
    assert o['ChecksumAlgorithm'] == [name] and o['ChecksumType'] == 'FULL_OBJECT'


def chunked(parts, trailer):
    body = b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in parts)
    return body + b'0\r\n' + trailer + b'\r\n'


def signed_stream(strata, path, body, length, headers):
    """As boto3 sends over https: unsigned chunks, the checksum behind them."""
    request = AWSRequest('PUT', strata.url + path, data=b'', headers={
        'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'Content-Encoding': 'aws-chunked', 'x-amz-decoded-content-length': str(length), **headers})
    auth = S3SigV4Auth(Credentials('test', 'test'), 's3', 'us-east-1')
    auth.payload = lambda r: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
    auth.add_auth(request)
    request.headers.replace_header('X-Amz-Content-SHA256', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')
    return requests.put(strata.url + path, data=body, headers=dict(request.headers), timeout=60)


@pytest.mark.parametrize('body', [b'abc' * 10, BIG], ids=['record', 'file'])
def test_chunked_with_trailing_checksum(strata, s3, bucket, body):
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, 'big'))
    parts = [body[i:i + 30000] for i in range(0, len(body), 30000)]
    framed = chunked(parts, b'x-amz-checksum-crc32:' + crc + b'\r\n')
    r = signed_stream(strata, f'/{bucket}/t', framed, len(body), {'x-amz-trailer': 'x-amz-checksum-crc32'})
    assert r.status_code == 200, r.text
    got = s3.get_object(Bucket=bucket, Key='t', ChecksumMode='ENABLED')
    assert got['Body'].read() == body and got['ChecksumCRC32'] == crc.decode() and 'ContentEncoding' not in got
    wrong = chunked(parts, b'x-amz-checksum-crc32:AAAAAA==\r\n')
    r = signed_stream(strata, f'/{bucket}/wrong', wrong, len(body), {'x-amz-trailer': 'x-amz-checksum-crc32'})
    assert r.status_code == 400 and '<Code>BadDigest</Code>' in r.text, r.text
    assert code_of(s3.get_object, Bucket=bucket, Key='wrong') == 'NoSuchKey'


def test_upload_fileobj(s3, bucket):
    body = BIG * 100
    s3.upload_fileobj(io.BytesIO(body), bucket, 'up', ExtraArgs={'Metadata': {'a': 'b'}})
    into = io.BytesIO()
    s3.download_fileobj(bucket, 'up', into)
    assert into.getvalue() == body
    assert s3.head_object(Bucket=bucket, Key='up')['Metadata'] == {'a': 'b'}


def test_encryption_headers(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key='e', Body=b'x', ServerSideEncryption='aws:kms', SSEKMSKeyId='alias/aws/s3')
    assert put['ServerSideEncryption'] == 'aws:kms'
    assert s3.head_object(Bucket=bucket, Key='e')['ServerSideEncryption'] == 'aws:kms'
    assert code_of(s3.put_object, Bucket=bucket, Key='e', Body=b'x', ServerSideEncryption='nonsense') == 'InvalidEncryptionAlgorithmError'


# ---- listing ----

def test_list_objects_v2(s3, bucket):
    keys = ['a', 'b/1', 'b/2', 'b/c/3', 'd', 'e/1', 'ä/ö +']
    for k in keys:
        s3.put_object(Bucket=bucket, Key=k, Body=k.encode())
    whole = s3.list_objects_v2(Bucket=bucket)
    assert [o['Key'] for o in whole['Contents']] == sorted(keys, key=lambda k: k.encode())
    assert whole['KeyCount'] == 7 and whole['MaxKeys'] == 1000 and not whole['IsTruncated'] and 'Owner' not in whole['Contents'][0]
    assert whole['Contents'][0]['StorageClass'] == 'STANDARD' and whole['Contents'][0]['Size'] == 1
    top = s3.list_objects_v2(Bucket=bucket, Delimiter='/', FetchOwner=True)
    assert [o['Key'] for o in top['Contents']] == ['a', 'd'] and top['Contents'][0]['Owner']['ID']
    assert [p['Prefix'] for p in top['CommonPrefixes']] == ['b/', 'e/', 'ä/'] and top['KeyCount'] == 5
    below = s3.list_objects_v2(Bucket=bucket, Delimiter='/', Prefix='b/')
    assert [o['Key'] for o in below['Contents']] == ['b/1', 'b/2'] and below['CommonPrefixes'] == [{'Prefix': 'b/c/'}] and below['Prefix'] == 'b/'
    assert [o['Key'] for o in s3.list_objects_v2(Bucket=bucket, StartAfter='b/2')['Contents']] == ['b/c/3', 'd', 'e/1', 'ä/ö +']
    for extra in ({}, {'Delimiter': '/'}, {'Prefix': 'b/'}):
        got = []
        for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, PaginationConfig={'PageSize': 1}, **extra):
            items = [o['Key'] for o in page.get('Contents', [])] + [p['Prefix'] for p in page.get('CommonPrefixes', [])]
            assert len(items) == 1
            got += items
        want = {'': sorted(keys, key=lambda k: k.encode()), 'Delimiter': ['a', 'b/', 'd', 'e/', 'ä/'], 'Prefix': ['b/1', 'b/2', 'b/c/3']}
        assert got == want[next(iter(extra), '')]
    assert s3.list_objects_v2(Bucket=bucket, Prefix='zz').get('Contents') is None
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)['KeyCount'] == 0
    assert code_of(s3.list_objects_v2, Bucket=bucket, ContinuationToken='?') == 'InvalidArgument'


def test_list_objects(s3, bucket):
    for k in ('a', 'b/1', 'c'):
        s3.put_object(Bucket=bucket, Key=k, Body=b'')
    page = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter='/')
    assert page['IsTruncated'] and page['NextMarker'] == 'b/' and page['Contents'][0]['Owner']['ID']
    assert [o['Key'] for o in s3.list_objects(Bucket=bucket, Marker='b/', Delimiter='/')['Contents']] == ['c']


def test_a_prefix_of_many_keys_is_one_step(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    for key in [f'{p}/{n:03}' for p in 'ab' for n in range(150)] + ['a', 'aa', 'b', 'c/x']:
        s3.put_object(Bucket=bucket, Key=key, Body=b'x')
    expected = ['a', 'a/', 'aa', 'b', 'b/', 'c/']
    for size in (1, 2, 3, 1000):
        pages = s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Delimiter='/', PaginationConfig={'PageSize': size})
        found = [[e.get('Key', e.get('Prefix')) for e in sorted(p.get('Contents', []) + p.get('CommonPrefixes', []), key=lambda e: e.get('Key', e.get('Prefix')))]
                 for p in pages]
        assert sum(found, []) == expected and all(len(page) == size for page in found[:-1])
        pages = s3.get_paginator('list_object_versions').paginate(Bucket=bucket, Delimiter='/', PaginationConfig={'PageSize': size})
        found = [e.get('Key', e.get('Prefix')) for p in pages for e in p.get('Versions', []) + p.get('CommonPrefixes', [])]
        assert sorted(found) == expected
    assert [e['Key'] for e in s3.list_objects_v2(Bucket=bucket, Delimiter='/', StartAfter='a/100', Prefix='a')['Contents']] == ['aa']


def test_list_encoding_on_the_wire(strata, s3, bucket):
    s3.put_object(Bucket=bucket, Key='x/ü &<+', Body=b'')
    encoded = raw(strata, 'GET', f'/{bucket}?encoding-type=url&list-type=2').text
    assert '<Key>x/%C3%BC+%26%3C%2B</Key>' in encoded and '<EncodingType>url</EncodingType>' in encoded
    assert '<Key>x/ü &amp;&lt;+</Key>' in raw(strata, 'GET', f'/{bucket}?list-type=2').text


def test_versioning(s3, bucket):
    assert 'Status' not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key='v', Body=b'0')
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    one = s3.put_object(Bucket=bucket, Key='v', Body=b'1')['VersionId']
    two = s3.put_object(Bucket=bucket, Key='v', Body=BIG)['VersionId']
    assert s3.get_object(Bucket=bucket, Key='v', VersionId='null')['Body'].read() == b'0'
    assert s3.get_object(Bucket=bucket, Key='v', VersionId=one)['Body'].read() == b'1'
    got = s3.get_object(Bucket=bucket, Key='v')
    assert got['Body'].read() == BIG and got['VersionId'] == two
    gone = s3.delete_object(Bucket=bucket, Key='v')
    assert gone['DeleteMarker'] and gone['VersionId']
    with pytest.raises(ClientError) as e:
        s3.get_object(Bucket=bucket, Key='v')
    assert e.value.response['Error']['Code'] == 'NoSuchKey'
    assert e.value.response['ResponseMetadata']['HTTPHeaders']['x-amz-delete-marker'] == 'true'
    assert code_of(s3.get_object, Bucket=bucket, Key='v', VersionId=gone['VersionId']) == 'MethodNotAllowed'
    assert code_of(s3.get_object, Bucket=bucket, Key='v', VersionId='nonsense') in ('NoSuchVersion', 'InvalidArgument')
    assert 'Contents' not in s3.list_objects_v2(Bucket=bucket)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(v['VersionId'], v['IsLatest']) for v in listed['Versions']] == [(two, False), (one, False), ('null', False)]
    assert [(m['VersionId'], m['IsLatest']) for m in listed['DeleteMarkers']] == [(gone['VersionId'], True)]
    back = s3.delete_object(Bucket=bucket, Key='v', VersionId=gone['VersionId'])
    assert back['DeleteMarker'] and back['VersionId'] == gone['VersionId']
    assert s3.get_object(Bucket=bucket, Key='v')['Body'].read() == BIG
    s3.delete_object(Bucket=bucket, Key='v', VersionId=two)
    assert s3.get_object(Bucket=bucket, Key='v')['Body'].read() == b'1'
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Suspended'})
    assert s3.put_object(Bucket=bucket, Key='v', Body=b'new null').get('VersionId') in (None, 'null')
    assert [v['VersionId'] for v in s3.list_object_versions(Bucket=bucket)['Versions']] == ['null', one]
    marker = s3.delete_object(Bucket=bucket, Key='v')
    assert marker['DeleteMarker'] and marker['VersionId'] == 'null'
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v['VersionId'] for v in listed['Versions']] == [one] and [v['VersionId'] for v in listed['DeleteMarkers']] == ['null']


def test_list_versions_pages(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    made = []
    for k in ('a', 'b/1', 'b/2', 'c'):
        ids = [s3.put_object(Bucket=bucket, Key=k, Body=b'x')['VersionId'] for _ in range(3)]
        if k == 'b/1':
            ids.append(s3.delete_object(Bucket=bucket, Key=k)['VersionId'])
        made += [(k, i) for i in reversed(ids)]
    for size in (1, 2, 5):
        got, latest, last = [], [], {}
        while True:
            page = s3.list_object_versions(Bucket=bucket, MaxKeys=size, **last)
            items = page.get('Versions', []) + page.get('DeleteMarkers', [])
            got += [(v['Key'], v['VersionId']) for v in items]
            latest += [v['Key'] for v in items if v['IsLatest']]
            if not page['IsTruncated']:
                break
            last = {'KeyMarker': page['NextKeyMarker'], 'VersionIdMarker': page['NextVersionIdMarker']}
        assert sorted(got) == sorted(made) and sorted(latest) == ['a', 'b/1', 'b/2', 'c']
    page = s3.list_object_versions(Bucket=bucket, Delimiter='/')
    assert [p['Prefix'] for p in page['CommonPrefixes']] == ['b/'] and len(page['Versions']) == 6
    assert code_of(s3.list_object_versions, Bucket=bucket, VersionIdMarker='x') == 'InvalidArgument'


# ---- deleting, copying, tags ----

def test_delete_objects(s3, bucket):
    for k in ('a', 'b', 'c'):
        s3.put_object(Bucket=bucket, Key=k, Body=b'')
    got = s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'a'}, {'Key': 'nothing'}]})
    assert [d['Key'] for d in got['Deleted']] == ['a', 'nothing']
    assert 'Deleted' not in s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'b'}], 'Quiet': True})
    assert [o['Key'] for o in s3.list_objects_v2(Bucket=bucket)['Contents']] == ['c']
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    (d,) = s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'c'}]})['Deleted']
    assert d['DeleteMarker'] and d['DeleteMarkerVersionId']
    (d,) = s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'c', 'VersionId': d['DeleteMarkerVersionId']}]})['Deleted']
    assert d['DeleteMarker'] and s3.head_object(Bucket=bucket, Key='c')


@pytest.mark.parametrize('header, value', [('Content-MD5', 'AAAAAAAAAAAAAAAAAAAAAA=='), ('x-amz-checksum-crc32', 'AAAAAA==')])
def test_a_list_of_deletions_that_was_damaged_deletes_nothing(strata, bucket, header, value):
    s3 = strata.client('s3')
    s3.put_object(Bucket=bucket, Key='kept', Body=b'x')

    def damage(request, **_):
        del request.headers[header]
        request.headers[header] = value
    s3.meta.events.register('before-sign.s3.DeleteObjects', damage)
    with pytest.raises(ClientError, match='BadDigest'):
        s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'kept'}]})
    s3.head_object(Bucket=bucket, Key='kept')


def test_delete_objects_denied_in_part(strata, s3, bucket):
    user, iam, name = strata.user('s3')
    for k in ('mine', 'yours'):
        s3.put_object(Bucket=bucket, Key=k, Body=b'')
    allow(iam, name, 's3:DeleteObject', f'arn:aws:s3:::{bucket}/mine')
    got = user.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'mine'}, {'Key': 'yours'}]})
    assert [d['Key'] for d in got['Deleted']] == ['mine']
    assert [(e['Key'], e['Code'], e['Message']) for e in got['Errors']][0][:2] == ('yours', 'AccessDenied')
    assert [o['Key'] for o in s3.list_objects_v2(Bucket=bucket)['Contents']] == ['yours']


@pytest.mark.parametrize('body', [b'small', BIG], ids=['record', 'file'])
def test_copy(s3, bucket, body):
    s3.put_object(Bucket=bucket, Key='from ü', Body=body, ContentType='text/plain', Metadata={'a': '1'}, Tagging='t=1')
    copied = s3.copy_object(Bucket=bucket, Key='to', CopySource={'Bucket': bucket, 'Key': 'from ü'})
    assert copied['CopyObjectResult']['ETag'] == '"%s"' % hashlib.md5(body).hexdigest()
    s3.delete_object(Bucket=bucket, Key='from ü')
    got = s3.get_object(Bucket=bucket, Key='to')
    assert got['Body'].read() == body and got['Metadata'] == {'a': '1'} and got['ContentType'] == 'text/plain' and got['TagCount'] == 1
    source = {'Bucket': bucket, 'Key': 'to'}
    assert code_of(s3.copy_object, Bucket=bucket, Key='to', CopySource=source) == 'InvalidRequest'
    s3.copy_object(Bucket=bucket, Key='to', CopySource=source, MetadataDirective='REPLACE', Metadata={'b': '2'}, TaggingDirective='REPLACE', Tagging='u=2')
    got = s3.get_object(Bucket=bucket, Key='to')
    assert got['Body'].read() == body and got['Metadata'] == {'b': '2'}
    assert s3.get_object_tagging(Bucket=bucket, Key='to')['TagSet'] == [{'Key': 'u', 'Value': '2'}]
    assert code_of(s3.copy_object, Bucket=bucket, Key='x', CopySource={'Bucket': bucket, 'Key': 'none'}) == 'NoSuchKey'
    assert code_of(s3.copy_object, Bucket=bucket, Key='x', CopySource=source, CopySourceIfMatch='"no"') == 'PreconditionFailed'


def test_copy_of_a_version(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    old = s3.put_object(Bucket=bucket, Key='k', Body=b'old')['VersionId']
    s3.put_object(Bucket=bucket, Key='k', Body=b'new')
    copied = s3.copy_object(Bucket=bucket, Key='k', CopySource={'Bucket': bucket, 'Key': 'k', 'VersionId': old})
    assert copied['CopySourceVersionId'] == old and copied['VersionId'] not in (None, old)
    assert s3.get_object(Bucket=bucket, Key='k')['Body'].read() == b'old'


def test_object_tagging(s3, bucket):
    s3.put_object(Bucket=bucket, Key='t', Body=b'', Tagging='a=1&b=x%20y')
    tags = lambda: {t['Key']: t['Value'] for t in s3.get_object_tagging(Bucket=bucket, Key='t')['TagSet']}
    assert tags() == {'a': '1', 'b': 'x y'}
    s3.put_object_tagging(Bucket=bucket, Key='t', Tagging={'TagSet': [{'Key': 'c', 'Value': ''}]})
    assert tags() == {'c': ''}
    s3.delete_object_tagging(Bucket=bucket, Key='t')
    assert tags() == {}
    eleven = [{'Key': str(i), 'Value': ''} for i in range(11)]
    assert code_of(s3.put_object_tagging, Bucket=bucket, Key='t', Tagging={'TagSet': eleven}) in ('BadRequest', 'InvalidTag')
    assert code_of(s3.put_object_tagging, Bucket=bucket, Key='t', Tagging={'TagSet': [{'Key': 'a', 'Value': ''}] * 2}) == 'InvalidTag'
    assert code_of(s3.get_object_tagging, Bucket=bucket, Key='none') == 'NoSuchKey'


# ---- multipart ----

PARTS = [b'a' * (5 * MB), b'b' * (5 * MB), b'end']


def begin(s3, bucket, key, **kw):
    u = s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType='text/x', Metadata={'m': '1'}, **kw)
    return {'Bucket': bucket, 'Key': key, 'UploadId': u['UploadId']}


def upload(s3, u, parts, **kw):
    names = ('ETag', 'ChecksumCRC32', 'ChecksumSHA256', 'ChecksumCRC64NVME')
    done = []
    for i, p in enumerate(parts, 1):
        r = s3.upload_part(**u, PartNumber=i, Body=p, **kw)
        done.append({'PartNumber': i, **{n: r[n] for n in names if n in r}})
    return done


def test_multipart(s3, bucket):
    u = begin(s3, bucket, 'm')
    done = upload(s3, u, PARTS)
    listed = s3.list_parts(**u)
    assert [(p['PartNumber'], p['Size'], p['ETag']) for p in listed['Parts']] == [(i + 1, len(p), done[i]['ETag']) for i, p in enumerate(PARTS)]
    page = s3.list_parts(**u, MaxParts=2)
    assert page['IsTruncated'] and page['NextPartNumberMarker'] == 2
    assert [p['PartNumber'] for p in s3.list_parts(**u, PartNumberMarker=2)['Parts']] == [3]
    assert [x['UploadId'] for x in s3.list_multipart_uploads(Bucket=bucket)['Uploads']] == [u['UploadId']]
    r = s3.complete_multipart_upload(**u, MultipartUpload={'Parts': done})
    digest = hashlib.md5(b''.join(hashlib.md5(p).digest() for p in PARTS)).hexdigest()
    assert r['ETag'] == f'"{digest}-3"' and r['Bucket'] == bucket and r['Key'] == 'm'
    got = s3.get_object(Bucket=bucket, Key='m')
    assert got['Body'].read() == b''.join(PARTS) and got['ContentType'] == 'text/x' and got['Metadata'] == {'m': '1'}
    part = s3.get_object(Bucket=bucket, Key='m', PartNumber=3)
    assert part['Body'].read() == b'end' and part['PartsCount'] == 3
    assert s3.get_object(Bucket=bucket, Key='m', Range=f'bytes={5 * MB - 1}-{5 * MB}')['Body'].read() == b'ab'
    assert code_of(s3.list_parts, **u) == 'NoSuchUpload'
    assert 'Uploads' not in s3.list_multipart_uploads(Bucket=bucket)


def test_multipart_checksums(s3, bucket):
    u = begin(s3, bucket, 'c', ChecksumAlgorithm='SHA256')
    done = upload(s3, u, PARTS, ChecksumAlgorithm='SHA256')
    r = s3.complete_multipart_upload(**u, MultipartUpload={'Parts': done})
    want = base64.b64encode(hashlib.sha256(b''.join(hashlib.sha256(p).digest() for p in PARTS)).digest()).decode() + '-3'
    assert r['ChecksumSHA256'] == want and r['ChecksumType'] == 'COMPOSITE'
    assert s3.head_object(Bucket=bucket, Key='c', ChecksumMode='ENABLED')['ChecksumSHA256'] == want
    u = begin(s3, bucket, 'f', ChecksumAlgorithm='CRC32', ChecksumType='FULL_OBJECT')
    done = upload(s3, u, PARTS, ChecksumAlgorithm='CRC32')
    r = s3.complete_multipart_upload(**u, MultipartUpload={'Parts': done}, ChecksumType='FULL_OBJECT')
    want = base64.b64encode(zlib.crc32(b''.join(PARTS)).to_bytes(4, 'big')).decode()
    assert r['ChecksumCRC32'] == want and r['ChecksumType'] == 'FULL_OBJECT'
    assert s3.head_object(Bucket=bucket, Key='f', ChecksumMode='ENABLED')['ChecksumType'] == 'FULL_OBJECT'


def test_multipart_checksum_mistakes(s3, bucket):
    make = {'Bucket': bucket, 'Key': 'c'}
    assert code_of(s3.create_multipart_upload, **make, ChecksumAlgorithm='SHA256', ChecksumType='FULL_OBJECT') == 'InvalidRequest'
    assert code_of(s3.create_multipart_upload, **make, ChecksumAlgorithm='CRC64NVME', ChecksumType='COMPOSITE') == 'InvalidRequest'
    u = begin(s3, bucket, 'c', ChecksumAlgorithm='CRC32', ChecksumType='FULL_OBJECT')
    done = upload(s3, u, [BIG], ChecksumAlgorithm='CRC32')
    complete = lambda parts=done, **kw: code_of(s3.complete_multipart_upload, **u, MultipartUpload={'Parts': parts}, **kw)
    assert complete([{**done[0], 'ChecksumCRC32': 'AAAAAA=='}]) == 'InvalidPart'
    assert complete(ChecksumCRC32='AAAAAA==') == 'BadDigest'
    assert complete(MpuObjectSize=7) == 'InvalidRequest'
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': done}, MpuObjectSize=len(BIG), ChecksumCRC32=done[0]['ChecksumCRC32'])
    assert code_of(s3.get_object, **make, PartNumber=1, Range='bytes=0-1') == 'InvalidRequest'


def test_multipart_mistakes(s3, bucket):
    u = begin(s3, bucket, 'x')
    done = upload(s3, u, [b'small', b'last'])
    complete = lambda parts: code_of(s3.complete_multipart_upload, **u, MultipartUpload={'Parts': parts})
    assert complete(done) == 'EntityTooSmall'
    assert complete([done[1], done[0]]) == 'InvalidPartOrder'
    assert complete([{'PartNumber': 1, 'ETag': '"%s"' % ('0' * 32)}]) == 'InvalidPart'
    assert complete([{'PartNumber': 7, 'ETag': done[0]['ETag']}]) == 'InvalidPart'
    assert complete([]) == 'InvalidRequest'
    assert code_of(s3.upload_part, **u, PartNumber=10001, Body=b'') == 'InvalidArgument'
    assert code_of(s3.upload_part, **{**u, 'UploadId': 'none'}, PartNumber=1, Body=b'') == 'NoSuchUpload'
    s3.abort_multipart_upload(**u)
    assert code_of(s3.abort_multipart_upload, **u) == 'NoSuchUpload'
    assert complete(done) == 'NoSuchUpload'
    u = begin(s3, bucket, 'x')
    done = upload(s3, u, [b'a', b'b'])
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': done[:1]})  # one part alone may be small; the rest goes
    assert s3.get_object(Bucket=bucket, Key='x')['Body'].read() == b'a'
    u = begin(s3, bucket, 'x')
    done = upload(s3, u, [b'a'])
    assert code_of(s3.complete_multipart_upload, **u, MultipartUpload={'Parts': done}, IfNoneMatch='*') == 'PreconditionFailed'


def test_part_put_again(s3, bucket):
    u = begin(s3, bucket, 'again')
    s3.upload_part(**u, PartNumber=1, Body=BIG)
    second = s3.upload_part(**u, PartNumber=1, Body=BIG[:50000])
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': [{'PartNumber': 1, 'ETag': second['ETag']}]})
    assert s3.get_object(Bucket=bucket, Key='again')['Body'].read() == BIG[:50000]


# ---- configurations of a bucket ----

def test_encryption_configuration(strata, s3, bucket):
    rules = lambda: s3.get_bucket_encryption(Bucket=bucket)['ServerSideEncryptionConfiguration']['Rules']
    assert rules()[0]['ApplyServerSideEncryptionByDefault'] == {'SSEAlgorithm': 'AES256'} and rules()[0]['BucketKeyEnabled'] is False
    key = strata.client('kms').create_key()['KeyMetadata']
    mine = [{'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': key['KeyId']}, 'BucketKeyEnabled': True}]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={'Rules': mine})
    assert {k: rules()[0][k] for k in mine[0]} == mine[0]
    put = s3.put_object(Bucket=bucket, Key='e', Body=b'')
    assert (put['ServerSideEncryption'], put['SSEKMSKeyId'], put['BucketKeyEnabled']) == ('aws:kms', key['Arn'], True)
    s3.delete_bucket_encryption(Bucket=bucket)
    assert rules()[0]['ApplyServerSideEncryptionByDefault'] == {'SSEAlgorithm': 'AES256'}


def test_lifecycle_configuration(s3, bucket):
    assert code_of(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == 'NoSuchLifecycleConfiguration'
    rules = [{'ID': 'r', 'Status': 'Enabled', 'Filter': {'Prefix': 'logs/'}, 'Expiration': {'Days': 3}},
             {'ID': 's', 'Status': 'Disabled', 'Filter': {'And': {'Prefix': 'x', 'ObjectSizeLessThan': 7}},
              'Transitions': [{'Days': 30, 'StorageClass': 'GLACIER'}], 'NoncurrentVersionExpiration': {'NoncurrentDays': 4},
              'AbortIncompleteMultipartUpload': {'DaysAfterInitiation': 7}},
             {'ID': 't', 'Status': 'Enabled', 'Filter': {'Prefix': ''}, 'Expiration': {'ExpiredObjectDeleteMarker': True}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={'Rules': rules})
    got = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert got['Rules'] == rules and got['TransitionDefaultMinimumObjectSize'] == 'all_storage_classes_128K'
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert code_of(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == 'NoSuchLifecycleConfiguration'


def test_public_access_block(s3, bucket):
    names = ('BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets')
    assert s3.get_public_access_block(Bucket=bucket)['PublicAccessBlockConfiguration'] == dict.fromkeys(names, True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={'BlockPublicAcls': True})
    assert s3.get_public_access_block(Bucket=bucket)['PublicAccessBlockConfiguration'] == {n: n == 'BlockPublicAcls' for n in names}
    s3.delete_public_access_block(Bucket=bucket)
    assert code_of(s3.get_public_access_block, Bucket=bucket) == 'NoSuchPublicAccessBlockConfiguration'


def test_policy_configuration(s3, bucket):
    assert code_of(s3.get_bucket_policy, Bucket=bucket) == 'NoSuchBucketPolicy'
    text = json.dumps({'Version': '2012-10-17', 'Statement': [{'Sid': 'x', 'Effect': 'Deny', 'Principal': '*', 'Action': 's3:PutObject',
                                                               'Resource': f'arn:aws:s3:::{bucket}/never'}]}, indent=1)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)['Policy'] == text
    assert code_of(s3.put_object, Bucket=bucket, Key='never', Body=b'') == 'AccessDenied'
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key='never', Body=b'')
    assert code_of(s3.get_bucket_policy, Bucket=bucket) == 'NoSuchBucketPolicy'
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy='no json') == 'MalformedPolicy'


def test_bucket_tagging(s3, bucket):
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == 'NoSuchTagSet'
    tags = [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': ''}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={'TagSet': tags})
    assert s3.get_bucket_tagging(Bucket=bucket)['TagSet'] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == 'NoSuchTagSet'


def test_cors_configuration(s3, bucket):
    assert code_of(s3.get_bucket_cors, Bucket=bucket) == 'NoSuchCORSConfiguration'
    rules = [{'ID': 'c', 'AllowedMethods': ['GET', 'PUT'], 'AllowedOrigins': ['https://a', '*'], 'AllowedHeaders': ['*'], 'ExposeHeaders': ['ETag'],
              'MaxAgeSeconds': 30}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={'CORSRules': rules})
    assert s3.get_bucket_cors(Bucket=bucket)['CORSRules'] == rules
    s3.delete_bucket_cors(Bucket=bucket)
    assert code_of(s3.get_bucket_cors, Bucket=bucket) == 'NoSuchCORSConfiguration'


def test_ownership_configuration(s3, bucket):
    rules = lambda: s3.get_bucket_ownership_controls(Bucket=bucket)['OwnershipControls']['Rules']
    assert rules() == [{'ObjectOwnership': 'BucketOwnerEnforced'}]
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={'Rules': [{'ObjectOwnership': 'BucketOwnerPreferred'}]})
    assert rules() == [{'ObjectOwnership': 'BucketOwnerPreferred'}]
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert code_of(s3.get_bucket_ownership_controls, Bucket=bucket) == 'OwnershipControlsNotFoundError'


def test_refused_configurations(s3, bucket):
    encryption = {'Rules': [{'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'bad'}}]}
    assert code_of(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration=encryption) == 'MalformedXML'
    assert code_of(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls={'Rules': [{'ObjectOwnership': 'bad'}]}) == 'MalformedXML'
    cors = {'CORSRules': [{'AllowedMethods': ['BAD'], 'AllowedOrigins': ['*']}]}
    assert code_of(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=cors) == 'InvalidRequest'
    rules = {'Rules': [{'Status': 'bad', 'Filter': {'Prefix': ''}, 'Expiration': {'Days': 1}}]}
    assert code_of(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=rules) == 'MalformedXML'
    assert code_of(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={'Status': 'bad'}) == 'MalformedXML'
    for call in (s3.put_object, s3.create_multipart_upload):
        assert code_of(call, Bucket=bucket, Key='k', StorageClass='NOPE') == 'InvalidStorageClass'


def test_what_was_never_set(s3, bucket):
    assert 'LoggingEnabled' not in s3.get_bucket_logging(Bucket=bucket)
    assert code_of(s3.get_bucket_replication, Bucket=bucket) == 'ReplicationConfigurationNotFoundError'
    assert s3.get_bucket_request_payment(Bucket=bucket)['Payer'] == 'BucketOwner'
    assert code_of(s3.get_bucket_website, Bucket=bucket) == 'NoSuchWebsiteConfiguration'
    assert 'Status' not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert s3.get_bucket_acl(Bucket=bucket)['Grants'][0]['Permission'] == 'FULL_CONTROL'
    s3.get_bucket_notification_configuration(Bucket=bucket)
    assert code_of(s3.get_object_lock_configuration, Bucket=bucket) == 'ObjectLockConfigurationNotFoundError'


# ---- the wire ----

def test_root_elements(strata, s3, bucket):
    s3.put_object(Bucket=bucket, Key='k', Body=b'x')
    s3.put_bucket_tagging(Bucket=bucket, Tagging={'TagSet': [{'Key': 'a', 'Value': '1'}]})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={'CORSRules': [{'AllowedMethods': ['GET'], 'AllowedOrigins': ['*']}]})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={'Rules': [
        {'ID': 'r', 'Status': 'Enabled', 'Filter': {'Prefix': ''}, 'Expiration': {'Days': 3}}]})
    u = begin(s3, bucket, 'u')
    done = upload(s3, u, [b'x'])
    path = '/' + bucket
    delete = b'<Delete><Object><Key>none</Key></Object></Delete>'
    complete = b'<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>' % done[0]['ETag'].encode()
    wire = [('GET', '/', 'ListAllMyBucketsResult'), ('GET', path, 'ListBucketResult'), ('GET', path + '?list-type=2', 'ListBucketResult'),
            ('GET', path + '?versions', 'ListVersionsResult'), ('GET', path + '?uploads', 'ListMultipartUploadsResult'),
            ('GET', f'{path}/u?uploadId={u["UploadId"]}', 'ListPartsResult'), ('POST', path + '/v?uploads', 'InitiateMultipartUploadResult'),
            ('GET', path + '?tagging', 'Tagging'), ('GET', path + '/k?tagging', 'Tagging'), ('GET', path + '?location', 'LocationConstraint'),
            ('GET', path + '?versioning', 'VersioningConfiguration'), ('GET', path + '?cors', 'CORSConfiguration'),
            ('GET', path + '?lifecycle', 'LifecycleConfiguration'), ('GET', path + '?acl', 'AccessControlPolicy'),
            ('GET', path + '/k?acl', 'AccessControlPolicy'), ('GET', path + '?encryption', 'ServerSideEncryptionConfiguration'),
            ('GET', path + '?publicAccessBlock', 'PublicAccessBlockConfiguration'), ('GET', path + '?ownershipControls', 'OwnershipControls'),
            ('GET', path + '?logging', 'BucketLoggingStatus'), ('GET', path + '?requestPayment', 'RequestPaymentConfiguration'),
            ('GET', path + '?notification', 'NotificationConfiguration'), ('GET', path + '?accelerate', 'AccelerateConfiguration'),
            ('POST', path + '?delete', 'DeleteResult', delete), ('PUT', path + '/copy', 'CopyObjectResult', b'', {'x-amz-copy-source': path + '/k'}),
            ('POST', f'{path}/u?uploadId={u["UploadId"]}', 'CompleteMultipartUploadResult', complete)]
    wrong = []
    for method, where, root, *rest in wire:
        r = raw(strata, method, where, *rest)
        found = re.match(r'<\?xml version="1.0" encoding="UTF-8"\?>\s*<(\w+)( xmlns="[^"]*")?', r.text)
        if r.status_code != 200 or not found or found[1] != root or (found[2] or '').strip() != NAMESPACE:
            wrong.append((method, where, root, r.status_code, r.text[:200]))
    assert not wrong


def test_presigned(strata, s3, bucket):
    for config in ({}, {'signature_version': 's3v4'}):
        own = strata.client('s3', s3={'addressing_style': 'path'}, **{'signature_version': 's3v4', **config})
        url = own.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'p q/ü', 'ContentType': 'text/x'}, ExpiresIn=300)
        r = requests.put(url, data=b'presigned', headers={'Content-Type': 'text/x'}, timeout=60)
        assert r.status_code == 200, r.text
        url = own.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'p q/ü', 'ResponseContentType': 'text/y'}, ExpiresIn=300)
        r = requests.get(url, timeout=60)
        assert r.text == 'presigned' and r.headers['Content-Type'] == 'text/y'
        assert requests.get(url.replace('p%20q', 'p%20r'), timeout=60).status_code == 403
        assert requests.put(url, data=b'', timeout=60).status_code == 403


def test_presigned_long_ago(strata, s3, bucket, monkeypatch):
    s3.put_object(Bucket=bucket, Key='k', Body=b'x')
    now = botocore.auth.get_current_datetime()
    monkeypatch.setattr(botocore.auth, 'get_current_datetime', lambda *a: now - datetime.timedelta(minutes=2))
    own = strata.client('s3', s3={'addressing_style': 'path'}, signature_version='s3v4')
    one, two = (own.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'k'}, ExpiresIn=n) for n in (3600, 60))
    assert requests.get(one, timeout=60).status_code == 200
    r = requests.get(two, timeout=60)
    assert r.status_code == 403 and '<Code>AccessDenied</Code><Message>Request has expired</Message>' in r.text


@pytest.mark.parametrize('suffix', ['.s3.us-east-1.localhost', '.s3.localhost', '.s3.us-east-1.amazonaws.com', '.s3.amazonaws.com'])
def test_host_style(strata, s3, bucket, suffix):
    port = strata.url.rsplit(':', 1)[1]
    host = f'{bucket}{suffix}' + (f':{port}' if suffix.endswith('localhost') else '')
    r = raw(strata, 'PUT', '/a%20b', b'hosted', host=host)
    assert r.status_code == 200, r.text
    assert s3.get_object(Bucket=bucket, Key='a b')['Body'].read() == b'hosted'
    assert raw(strata, 'GET', '/a%20b', host=host).content == b'hosted'
    assert '<Key>a b</Key>' in raw(strata, 'GET', '/?list-type=2', host=host).text


# ---- who may ----

def test_allowed_and_denied(strata, s3, bucket):
    user, iam, name = strata.user('s3')
    s3.put_object(Bucket=bucket, Key='pub/a', Body=b'x')
    calls = [('s3:GetObject', f'arn:aws:s3:::{bucket}/pub/*', lambda: user.get_object(Bucket=bucket, Key='pub/a')),
             ('s3:PutObject', f'arn:aws:s3:::{bucket}/pub/*', lambda: user.put_object(Bucket=bucket, Key='pub/b', Body=b'')),
             ('s3:DeleteObject', f'arn:aws:s3:::{bucket}/pub/b', lambda: user.delete_object(Bucket=bucket, Key='pub/b')),
             ('s3:ListBucket', f'arn:aws:s3:::{bucket}', lambda: user.list_objects_v2(Bucket=bucket)),
             ('s3:ListBucketVersions', f'arn:aws:s3:::{bucket}', lambda: user.list_object_versions(Bucket=bucket)),
             ('s3:ListAllMyBuckets', '*', lambda: user.list_buckets()),
             ('s3:GetBucketLocation', f'arn:aws:s3:::{bucket}', lambda: user.get_bucket_location(Bucket=bucket)),
             ('s3:PutBucketTagging', f'arn:aws:s3:::{bucket}', lambda: user.put_bucket_tagging(Bucket=bucket, Tagging={'TagSet': []})),
             ('s3:PutObject', f'arn:aws:s3:::{bucket}/m', lambda: user.create_multipart_upload(Bucket=bucket, Key='m')),
             ('s3:PutEncryptionConfiguration', f'arn:aws:s3:::{bucket}', lambda: user.delete_bucket_encryption(Bucket=bucket))]
    for action, resource, call in calls:
        allow(iam, name, 'sqs:*', '*')
        with pytest.raises(ClientError) as e:
            call()
        assert e.value.response['Error']['Code'] == 'AccessDenied' and action in e.value.response['Error']['Message']
        allow(iam, name, action, resource)
        call()
    allow(iam, name, 's3:GetObject', f'arn:aws:s3:::{bucket}/other/*')
    assert code_of(user.get_object, Bucket=bucket, Key='pub/a') == 'AccessDenied'


def test_missing_key_without_list_permission(strata, s3, bucket):
    user, iam, name = strata.user('s3')
    allow(iam, name, 's3:GetObject', '*')
    assert status(user.get_object, Bucket=bucket, Key='none') == 403
    allow(iam, name, ['s3:GetObject', 's3:ListBucket'], '*')
    assert code_of(user.get_object, Bucket=bucket, Key='none') == 'NoSuchKey'


def test_copy_needs_both(strata, s3, bucket):
    user, iam, name = strata.user('s3')
    s3.put_object(Bucket=bucket, Key='from', Body=b'x')
    copy = {'Bucket': bucket, 'Key': 'to', 'CopySource': {'Bucket': bucket, 'Key': 'from'}}
    for one, other in (('s3:GetObject', 'from'), ('s3:PutObject', 'to')):
        allow(iam, name, one, f'arn:aws:s3:::{bucket}/{other}')
        assert code_of(user.copy_object, **copy) == 'AccessDenied'
    allow(iam, name, ['s3:GetObject', 's3:PutObject'], f'arn:aws:s3:::{bucket}/*')
    user.copy_object(**copy)


def test_anonymous(strata, s3, bucket):
    s3.put_object(Bucket=bucket, Key='open/a', Body=b'for all')
    s3.put_object(Bucket=bucket, Key='shut', Body=b'not')
    url = f'{strata.url}/{bucket}'
    r = requests.get(url + '/open/a', timeout=60)
    assert r.status_code == 403 and '<Code>AccessDenied</Code>' in r.text
    public = json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': f'arn:aws:s3:::{bucket}/open/*'}]})
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy=public) == 'AccessDenied'  # BlockPublicPolicy, as every new bucket has it
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={'RestrictPublicBuckets': True})
    s3.put_bucket_policy(Bucket=bucket, Policy=public)
    assert requests.get(url + '/open/a', timeout=60).status_code == 403
    s3.delete_public_access_block(Bucket=bucket)
    assert requests.get(url + '/open/a', timeout=60).text == 'for all'
    for method, where in (('GET', '/shut'), ('PUT', '/open/b'), ('GET', '?list-type=2'), ('DELETE', '/open/a'), ('GET', '?policy')):
        assert requests.request(method, url + where, timeout=60).status_code == 403, (method, where)
    nobody = boto3.client('s3', region_name='us-east-1', endpoint_url=strata.url, config=Config(signature_version=UNSIGNED, s3={'addressing_style': 'path'}))
    assert nobody.get_object(Bucket=bucket, Key='open/a')['Body'].read() == b'for all'


def test_other_accounts(strata, s3, bucket):
    """A bucket's ARN names no account: its owner's is meant, whoever calls."""
    other = path_client(strata, key='111111111111')
    s3.put_object(Bucket=bucket, Key='k', Body=b'x')
    assert bucket not in [b['Name'] for b in other.list_buckets()['Buckets']]
    assert code_of(other.create_bucket, Bucket=bucket) == 'BucketAlreadyExists'
    get = {'Bucket': bucket, 'Key': 'k'}
    for call, kw in ((other.get_object, get), (other.put_object, get), (other.list_objects_v2, {'Bucket': bucket}), (other.delete_bucket, {'Bucket': bucket}),
                     (other.get_bucket_policy, {'Bucket': bucket})):
        assert code_of(call, **kw) == 'AccessDenied'
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': '111111111111'}, 'Action': 's3:GetObject', 'Resource': f'arn:aws:s3:::{bucket}/*'}]}))
    assert other.get_object(**get)['Body'].read() == b'x'
    assert code_of(other.put_object, **get) == 'AccessDenied'


# ---- what lasts ----

def files(strata):
    return sorted(p.name for p in strata.data.rglob('*') if p.is_file() and 'blob' in str(p.parent.relative_to(strata.data)))


def test_power_cut_and_sweep(own_strata):
    s3 = path_client(own_strata)
    s3.create_bucket(Bucket='lasting')
    for i in range(5):
        s3.put_object(Bucket='lasting', Key=f'small{i}', Body=bytes([i]) * 10)
        s3.put_object(Bucket='lasting', Key=f'big{i}', Body=bytes([i]) * 50000)
    u = begin(s3, 'lasting', 'multi')
    done = upload(s3, u, [BIG])
    before = files(own_strata)
    assert len(before) == 6
    own_strata.kill()
    blobs = next(p for p in own_strata.data.rglob('*') if p.is_file() and p.name == before[0]).parent
    (blobs / ('f' * len(before[0]))).write_bytes(b'nobody names this')
    own_strata.start()
    s3 = path_client(own_strata)
    for i in range(5):
        assert s3.get_object(Bucket='lasting', Key=f'small{i}')['Body'].read() == bytes([i]) * 10
        assert s3.get_object(Bucket='lasting', Key=f'big{i}')['Body'].read() == bytes([i]) * 50000
    assert files(own_strata) == before
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': done})
    own_strata.kill()
    own_strata.start()
    s3 = path_client(own_strata)
    assert s3.get_object(Bucket='lasting', Key='multi')['Body'].read() == BIG
    for i in range(5):
        s3.delete_object(Bucket='lasting', Key=f'big{i}')
    s3.put_object(Bucket='lasting', Key='multi', Body=b'')
    own_strata.stop()
    own_strata.start()
    assert files(own_strata) == []


def test_an_object_over_5_gb_is_refused_before_its_body(strata, s3, bucket):
    url = urllib.parse.urlsplit(s3.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'too-large'}))
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    connection.putrequest('PUT', f'{url.path}?{url.query}')
    connection.putheader('Content-Length', str(6 << 30))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400 and b'<Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the maximum allowed size</Message>' in answer.read()
