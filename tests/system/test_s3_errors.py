"""What S3's errors say beyond their code and message, and where it has a word of its own to refuse with."""
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import code_of

ID = 'HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD'


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3', s3={'addressing_style': 'path'}, parameter_validation=False)


@pytest.fixture(scope='module')
def bucket(s3):
    name = 'e-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key='k', Body=b'0123456789')
    return name


def refusal(call, **parameters):
    """The members of the error, without those of every one."""
    with pytest.raises(ClientError) as e:
        call(**parameters)
    return {k: v for k, v in e.value.response['Error'].items() if k not in ('Message', 'RequestId', 'HostId')}


def named(code, name, value):
    return {'Code': code, 'ArgumentName': name, 'ArgumentValue': value}


# operation, parameters beyond the bucket and the key "k", members
TABLE = [
    ('get_object', {'Range': 'bytes=20-'}, {'Code': 'InvalidRange', 'ActualObjectSize': '10', 'RangeRequested': 'bytes=20-'}),
    ('get_object', {'PartNumber': 2}, {'Code': 'InvalidPartNumber', 'PartNumberRequested': '2', 'ActualPartCount': '1'}),
    ('get_object', {'IfMatch': '"x"'}, {'Code': 'PreconditionFailed', 'Condition': 'If-Match'}),
    ('get_object', {'VersionId': ID}, named('InvalidArgument', 'versionId', ID)),
    ('get_object', {'ExpectedBucketOwner': 'nobody'}, {'Code': 'InvalidBucketOwnerAWSAccountID'}),
    ('put_object', {'IfNoneMatch': '*'}, {'Code': 'PreconditionFailed', 'Condition': 'If-None-Match'}),
    ('put_object', {'IfNoneMatch': '"x"'}, {'Code': 'NotImplemented', 'Header': 'If-None-Match',
                                           'additionalMessage': "We don't accept the provided value of If-None-Match header for this API"}),
    ('put_object', {'IfMatch': '*'}, {'Code': 'NotImplemented', 'Header': 'If-Match',
                                     'additionalMessage': "We don't accept the provided value of If-Match header for this API"}),
    ('put_object', {'IfMatch': '"x"', 'IfNoneMatch': '*'}, {'Code': 'NotImplemented', 'Header': 'If-Match,If-None-Match',
                                                            'additionalMessage': 'Multiple conditional request headers present in the request'}),
    ('put_object', {'ContentMD5': 'MTIz'}, {'Code': 'InvalidDigest', 'Content-MD5': 'MTIz'}),
    ('put_object', {'Body': b'x', 'ContentMD5': 'CYketZBSTjX8czcs3cXVlg=='},
     {'Code': 'BadDigest', 'ExpectedDigest': 'CYketZBSTjX8czcs3cXVlg==', 'CalculatedDigest': 'ndTkYSaMgDT1yFZOFVxnpg=='}),
    ('put_object', {'StorageClass': 'OTHER'}, {'Code': 'InvalidStorageClass', 'StorageClassRequested': 'OTHER'}),
    ('put_object', {'ServerSideEncryption': 'KMS'}, named('InvalidEncryptionAlgorithmError', 'x-amz-server-side-encryption', 'KMS')),
    ('put_object', {'Tagging': 'a=1&a=2'}, named('InvalidArgument', 'x-amz-tagging', 'a=1&a=2')),
    ('put_object_tagging', {'Tagging': {'TagSet': [{'Key': 'a,b', 'Value': ''}]}}, {'Code': 'InvalidTag', 'TagKey': 'a,b'}),
    ('put_object_tagging', {'Tagging': {'TagSet': [{'Key': 'a', 'Value': '?'}]}}, {'Code': 'InvalidTag', 'TagKey': 'a', 'TagValue': '?'}),
    ('put_object_tagging', {'Tagging': {'TagSet': [{'Key': 'a'}]}}, {'Code': 'MalformedXML'}),
    ('put_object_tagging', {'Tagging': {'TagSet': [{'Key': str(i), 'Value': ''} for i in range(11)]}}, {'Code': 'BadRequest'}),
    ('copy_object', {'CopySource': 'nowhere'}, named('InvalidArgument', 'x-amz-copy-source', 'nowhere')),
    ('delete_object', {'VersionId': ID}, named('InvalidArgument', 'versionId', ID)),
    ('abort_multipart_upload', {'UploadId': 'none'}, {'Code': 'NoSuchUpload', 'UploadId': 'none'}),
    ('upload_part', {'UploadId': 'none', 'PartNumber': 0}, named('InvalidArgument', 'partNumber', '0')),
    ('list_objects_v2', {'EncodingType': 'other'}, named('InvalidArgument', 'encoding-type', 'other')),
    ('list_objects_v2', {'ContinuationToken': ''}, {'Code': 'InvalidArgument', 'ArgumentName': 'continuation-token'}),
    ('list_multipart_uploads', {'KeyMarker': 'k', 'UploadIdMarker': 'none'}, named('InvalidArgument', 'upload-id-marker', 'none')),
    ('put_bucket_versioning', {'VersioningConfiguration': {}}, {'Code': 'IllegalVersioningConfigurationException'}),
    ('put_bucket_policy', {'Policy': '{}'}, {'Code': 'MalformedPolicy'}),
    ('delete_bucket', {}, {'Code': 'BucketNotEmpty', 'BucketName': '-'}),
    *[(f'get_bucket_{what}', {}, {'Code': code, 'BucketName': '-'}) for what, code in [
        ('tagging', 'NoSuchTagSet'), ('policy', 'NoSuchBucketPolicy'), ('cors', 'NoSuchCORSConfiguration'),
        ('website', 'NoSuchWebsiteConfiguration'), ('lifecycle_configuration', 'NoSuchLifecycleConfiguration'),
        ('replication', 'ReplicationConfigurationNotFoundError')]],
]


@pytest.mark.parametrize('operation, parameters, members', TABLE)
def test_members(s3, bucket, operation, parameters, members):
    key = {'Key': 'k'} if 'object' in operation and operation != 'list_objects_v2' or 'upload' in operation and not operation.startswith('list') else {}
    expected = {k: bucket if v == '-' else v for k, v in members.items()}
    assert refusal(getattr(s3, operation), Bucket=bucket, **key, **parameters) == expected


def test_what_is_not_there_is_named(s3, bucket):
    assert refusal(s3.list_objects_v2, Bucket=bucket + '-no') == {'Code': 'NoSuchBucket', 'BucketName': bucket + '-no'}
    assert refusal(s3.get_object, Bucket=bucket, Key='no') == {'Code': 'NoSuchKey', 'Key': 'no'}
    assert refusal(s3.create_bucket, Bucket='A') == {'Code': 'InvalidBucketName', 'BucketName': 'A'}
    assert refusal(s3.create_bucket, Bucket='new-' + bucket, CreateBucketConfiguration={'LocationConstraint': 'us-east-1'}) == {
        'Code': 'InvalidLocationConstraint', 'LocationConstraint': 'us-east-1'}
    assert refusal(s3.list_buckets, BucketRegion='eu-east-1') == {'Code': 'InvalidArgument', 'ArgumentName': 'bucket-region'}
    assert s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'k', 'VersionId': ID}]})['Errors'][0]['Code'] == 'NoSuchVersion'


def test_a_delete_marker_says_what_may_be_done_with_it(s3, strata):
    name = 'm-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={'Status': 'Enabled'})
    s3.put_object(Bucket=name, Key='k', Body=b'x')
    marker = s3.delete_object(Bucket=name, Key='k')['VersionId']
    with pytest.raises(ClientError) as e:
        s3.get_object(Bucket=name, Key='k', VersionId=marker)
    answer = e.value.response
    assert (answer['Error']['Method'], answer['Error']['ResourceType']) == ('GET', 'DeleteMarker')
    assert answer['ResponseMetadata']['HTTPHeaders']['allow'] == 'DELETE'
    assert refusal(s3.get_object, Bucket=name, Key='k', VersionId=ID) == {'Code': 'NoSuchVersion', 'Key': 'k', 'VersionId': ID}
    assert refusal(s3.copy_object, Bucket=name, Key='c', CopySource=f'{name}/k?versionId={marker}') == {'Code': 'InvalidRequest'}


def test_parts_that_do_not_fit_are_named(s3, bucket):
    u = {'Bucket': bucket, 'Key': 'parts', 'UploadId': s3.create_multipart_upload(Bucket=bucket, Key='parts')['UploadId']}
    parts = [{'PartNumber': n, 'ETag': s3.upload_part(**u, PartNumber=n, Body=b'x')['ETag']} for n in (1, 2)]
    complete = lambda p: refusal(s3.complete_multipart_upload, **u, MultipartUpload={'Parts': p})
    etag = parts[0]['ETag'].strip('"')
    assert complete(parts) == {'Code': 'EntityTooSmall', 'ProposedSize': '1', 'MinSizeAllowed': '5242880', 'PartNumber': '1', 'ETag': etag}
    assert complete(parts[::-1]) == {'Code': 'InvalidPartOrder', 'UploadId': u['UploadId']}
    assert complete([{'PartNumber': 9, 'ETag': parts[0]['ETag']}]) == {'Code': 'InvalidPart', 'UploadId': u['UploadId'], 'PartNumber': '9', 'ETag': etag}
    assert complete([])['Code'] == 'InvalidRequest'


def test_a_conditional_completion_loses_against_a_write_under_way(s3, bucket):
    key = {'Bucket': bucket, 'Key': 'race'}
    first = s3.put_object(**key, Body=b'a')['ETag']
    u = {**key, 'UploadId': s3.create_multipart_upload(**key)['UploadId']}
    parts = {'Parts': [{'PartNumber': 1, 'ETag': s3.upload_part(**u, PartNumber=1, Body=b'x')['ETag']}]}
    s3.delete_object(**key)
    assert code_of(s3.complete_multipart_upload, **u, MultipartUpload=parts, IfMatch=first) == 'NoSuchKey'
    time.sleep(0.01)  # strata's clock counts milliseconds
    s3.put_object(**key, Body=b'a')
    assert refusal(s3.complete_multipart_upload, **u, MultipartUpload=parts, IfMatch=first) == {
        'Code': 'ConditionalRequestConflict', 'Condition': 'If-Match', 'Key': 'race'}
    s3.complete_multipart_upload(**u, MultipartUpload=parts)


def test_members_of_listings(s3, bucket):
    shown = [b for b in s3.list_buckets(Prefix=bucket)['Buckets']][0]
    assert (shown['BucketArn'], shown['BucketRegion']) == ('arn:aws:s3:::' + bucket, 'us-east-1')
    ids = [s3.create_multipart_upload(Bucket=bucket, Key=k)['UploadId'] for k in ('d/b', 'd/a', 'd/a', 'e', 'f/x')]
    every = s3.list_multipart_uploads(Bucket=bucket, Prefix='d/')
    assert [u['UploadId'] for u in every['Uploads']] == [*sorted(ids[1:3]), ids[0]]  # by key, then as they began: an id begins with its time
    assert every['NextKeyMarker'] == 'd/b' and every['NextUploadIdMarker'] == ids[0] and every['Uploads'][0]['Initiator']['DisplayName']
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter='/', KeyMarker='c')
    assert [p['Prefix'] for p in folded['CommonPrefixes']] == ['d/', 'f/'] and folded['Uploads'][0]['Key'] == 'e'
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix='d/', KeyMarker='d/a', UploadIdMarker=ids[1], MaxUploads=1)
    assert [u['UploadId'] for u in page['Uploads']] == [ids[2]] and page['IsTruncated']
    parts = s3.list_parts(Bucket=bucket, Key='e', UploadId=ids[3])
    assert parts['NextPartNumberMarker'] == 0 and parts['Initiator']['DisplayName']
    assert s3.list_objects_v2(Bucket=bucket)['ResponseMetadata']['HTTPHeaders']['server'] == 'AmazonS3'


def test_a_part_is_copied(s3, bucket):
    big = bytes(range(256)) * 400
    s3.put_object(Bucket=bucket, Key='big', Body=big)
    u = {'Bucket': bucket, 'Key': 'joined', 'UploadId': s3.create_multipart_upload(Bucket=bucket, Key='joined', ChecksumAlgorithm='CRC32C')['UploadId']}
    copied = s3.upload_part_copy(**u, PartNumber=1, CopySource=f'{bucket}/big', CopySourceRange='bytes=256-99999')['CopyPartResult']
    assert copied['ChecksumCRC32C'] and copied['LastModified']
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': [{'PartNumber': 1, 'ETag': copied['ETag'], 'ChecksumCRC32C': copied['ChecksumCRC32C']}]})
    assert s3.get_object(Bucket=bucket, Key='joined')['Body'].read() == big[256:100000]
    u['UploadId'] = s3.create_multipart_upload(Bucket=bucket, Key='joined')['UploadId']
    copy = lambda **kw: refusal(s3.upload_part_copy, **u, **{'PartNumber': 1, 'CopySource': f'{bucket}/big', **kw})
    for text in ('0-8', 'bytes=1-', 'bytes=-5', 'bytes=5-2', 'bytes=0-1,3-4'):
        assert copy(CopySourceRange=text) == named('InvalidArgument', 'x-amz-copy-source-range', text)
    assert copy(CopySourceRange='bytes=0-102400') == named('InvalidArgument', 'x-amz-copy-source-range', 'bytes=0-102400')
    assert copy(CopySourceRange='bytes=102400-102401') == {'Code': 'InvalidRequest'}
    assert copy(CopySource=f'{bucket}/none') == {'Code': 'NoSuchKey', 'Key': 'none'}
    assert copy(CopySourceIfMatch='"x"') == {'Code': 'PreconditionFailed', 'Condition': 'x-amz-copy-source-If-Match'}
    assert copy(PartNumber=0)['ArgumentName'] == 'partNumber'
    whole = s3.upload_part_copy(**u, PartNumber=1, CopySource=f'{bucket}/big')['CopyPartResult']
    s3.complete_multipart_upload(**u, MultipartUpload={'Parts': [{'PartNumber': 1, 'ETag': whole['ETag']}]})
    assert s3.get_object(Bucket=bucket, Key='joined')['Body'].read() == big
