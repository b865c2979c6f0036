"""S3 lifecycle rules at work on the clock. Each test has buckets of its own on one strata of this file, whose clock only goes forward."""
import concurrent.futures
import datetime
import email.utils
import uuid

import pytest
from botocore.exceptions import ClientError


DAY = 86400
KB = 1024


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3')


@pytest.fixture
def make(s3):
    """A new bucket with these rules (each enabled, of everything, unless it says otherwise)."""
    def bucket(*rules, versioning=None, **more):
        name = 'life-' + uuid.uuid4().hex[:16]
        s3.create_bucket(Bucket=name)
        if versioning:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={'Status': versioning})
        whole = [{'ID': f'r{i}', 'Status': 'Enabled', 'Filter': {'Prefix': ''}, **rule} for i, rule in enumerate(rules)]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={'Rules': whole}, **more)
        return name
    return bucket


def keys(s3, bucket):
    return [o['Key'] for o in s3.list_objects_v2(Bucket=bucket).get('Contents', [])]


def versions(s3, bucket):
    page = s3.list_object_versions(Bucket=bucket)
    return len(page.get('Versions', [])), len(page.get('DeleteMarkers', []))


def put(s3, bucket, *names, **more):
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b'x', **more)


def test_objects_expire_at_the_midnight_after_their_days(strata, s3, make):
    bucket = make({'ID': 'logs', 'Filter': {'Prefix': 'logs/'}, 'Expiration': {'Days': 2}})
    put(s3, bucket, 'keep')
    answer = s3.put_object(Bucket=bucket, Key='logs/a', Body=b'x')
    made = s3.head_object(Bucket=bucket, Key='logs/a')
    midnight = (made['LastModified'].astimezone(datetime.timezone.utc) + datetime.timedelta(days=3)).replace(hour=0, minute=0, second=0)
    assert answer['Expiration'] == made['Expiration'] == f'expiry-date="{email.utils.format_datetime(midnight, usegmt=True)}", rule-id="logs"'
    assert 'Expiration' not in s3.head_object(Bucket=bucket, Key='keep')
    left = midnight.timestamp() - strata.now_ms() / 1000
    strata.advance_clock(int(left) - 60)
    assert keys(s3, bucket) == ['keep', 'logs/a']
    strata.advance_clock(120)
    assert keys(s3, bucket) == ['keep']


def test_filters_by_tag_and_size_and_both(strata, s3, make):
    both = {'And': {'Prefix': 'p/', 'Tags': [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}]}}
    bucket = make({'Filter': {'Tag': {'Key': 'tmp', 'Value': 'yes'}}, 'Expiration': {'Days': 1}}, {'Filter': both, 'Expiration': {'Days': 1}},
                  {'Filter': {'ObjectSizeGreaterThan': 10 * KB}, 'Expiration': {'Days': 1}}, {'Status': 'Disabled', 'Expiration': {'Days': 1}})
    put(s3, bucket, 'tagged', Tagging='tmp=yes')
    put(s3, bucket, 'other-value', Tagging='tmp=no')
    put(s3, bucket, 'p/both', 'q/both', Tagging='a=1&b=2')
    put(s3, bucket, 'p/one', Tagging='a=1')
    s3.put_object(Bucket=bucket, Key='large', Body=bytes(10 * KB + 1))
    s3.put_object(Bucket=bucket, Key='edge', Body=bytes(10 * KB))
    strata.advance_clock(3 * DAY)
    assert keys(s3, bucket) == ['edge', 'other-value', 'p/one', 'q/both']


def test_a_date_expires_what_is_there_and_what_comes(strata, s3, make):
    tomorrow = datetime.datetime.fromtimestamp(strata.now_ms() / 1000 + DAY, datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    bucket = make({'Expiration': {'Date': tomorrow}})
    put(s3, bucket, 'a')
    strata.advance_clock(2 * DAY)
    assert keys(s3, bucket) == []
    put(s3, bucket, 'late')
    strata.advance_clock(DAY)
    assert keys(s3, bucket) == []


def test_a_versioned_bucket_gets_markers_then_loses_versions_then_markers(strata, s3, make):
    bucket = make({'Expiration': {'Days': 1}, 'NoncurrentVersionExpiration': {'NoncurrentDays': 3}}, versioning='Enabled')
    put(s3, bucket, 'k', 'k')
    assert versions(s3, bucket) == (2, 0)
    strata.advance_clock(2 * DAY)
    assert (keys(s3, bucket), versions(s3, bucket)) == ([], (2, 1))
    strata.advance_clock(3 * DAY)
    assert versions(s3, bucket)[0] < 2
    strata.advance_clock(5 * DAY)
    assert versions(s3, bucket) == (0, 0)  # the marker, alone and as old as objects become, went too
    s3.delete_bucket(Bucket=bucket)


def test_newer_noncurrent_versions_stay(strata, s3, make):
    bucket = make({'NoncurrentVersionExpiration': {'NoncurrentDays': 1, 'NewerNoncurrentVersions': 2}}, versioning='Enabled')
    put(s3, bucket, *['k'] * 6)
    strata.advance_clock(3 * DAY)
    ids = [v['VersionId'] for v in s3.list_object_versions(Bucket=bucket)['Versions']]
    assert len(ids) == 3 and keys(s3, bucket) == ['k']
    s3.get_object(Bucket=bucket, Key='k', VersionId=ids[2])


def test_expired_delete_markers_go_when_a_rule_says_so(strata, s3, make):
    bucket = make({'Expiration': {'ExpiredObjectDeleteMarker': True}}, versioning='Enabled')
    put(s3, bucket, 'alone', 'covered')
    version = s3.list_object_versions(Bucket=bucket, Prefix='alone')['Versions'][0]['VersionId']
    s3.delete_object(Bucket=bucket, Key='alone')
    s3.delete_object(Bucket=bucket, Key='covered')
    s3.delete_object(Bucket=bucket, Key='alone', VersionId=version)
    strata.advance_clock(DAY)
    assert versions(s3, bucket) == (1, 1)  # a marker that hides something stays


def test_incomplete_uploads_are_aborted(strata, s3, make):
    bucket = make({'ID': 'clean', 'Filter': {'Prefix': 'up/'}, 'AbortIncompleteMultipartUpload': {'DaysAfterInitiation': 2}})
    ids = {}
    for key in ('up/a', 'up/b', 'other'):
        made = s3.create_multipart_upload(Bucket=bucket, Key=key)
        ids[key] = made['UploadId']
        assert made.get('AbortRuleId') == ('clean' if key.startswith('up/') else None)
        s3.upload_part(Bucket=bucket, Key=key, UploadId=ids[key], PartNumber=1, Body=bytes(100 * KB))
    assert s3.list_parts(Bucket=bucket, Key='up/a', UploadId=ids['up/a'])['AbortDate'] == made.get('AbortDate', s3.list_parts(
        Bucket=bucket, Key='up/b', UploadId=ids['up/b'])['AbortDate'])
    strata.advance_clock(DAY)
    assert len(s3.list_multipart_uploads(Bucket=bucket)['Uploads']) == 3
    strata.advance_clock(3 * DAY)
    assert [u['Key'] for u in s3.list_multipart_uploads(Bucket=bucket)['Uploads']] == ['other']
    with pytest.raises(ClientError, match='NoSuchUpload'):
        s3.list_parts(Bucket=bucket, Key='up/a', UploadId=ids['up/a'])


def test_transitions_change_the_storage_class_of_what_is_large_enough(strata, s3, make):
    bucket = make({'Transitions': [{'Days': 30, 'StorageClass': 'STANDARD_IA'}, {'Days': 90, 'StorageClass': 'GLACIER'}]})
    s3.put_object(Bucket=bucket, Key='large', Body=bytes(128 * KB))
    put(s3, bucket, 'small')

    def classes():
        return [o['StorageClass'] for o in s3.list_objects_v2(Bucket=bucket)['Contents']]

    strata.advance_clock(32 * DAY)
    assert classes() == ['STANDARD_IA', 'STANDARD']
    strata.advance_clock(60 * DAY)
    assert classes() == ['GLACIER', 'STANDARD']


def test_many_keys_take_several_runs(strata, s3, make):
    bucket = make({'Filter': {'Prefix': 'old'}, 'Expiration': {'Days': 1}}, versioning='Suspended')
    names = [f'old{i:05}' for i in range(1100)] + ['young']  # a run looks at a thousand
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: put(s3, bucket, name), names))
    strata.advance_clock(3 * DAY)
    assert keys(s3, bucket) == ['young'] and len(s3.list_object_versions(Bucket=bucket, KeyMarker='old01000')['DeleteMarkers']) == 99


def test_rules_that_were_removed_do_nothing(strata, s3, make):
    bucket = make({'Expiration': {'Days': 1}})
    put(s3, bucket, 'a')
    s3.delete_bucket_lifecycle(Bucket=bucket)
    strata.advance_clock(3 * DAY)
    assert keys(s3, bucket) == ['a']


REFUSED = [
    ([{'Expiration': {'Days': 0}}], 'InvalidArgument', "'Days' for Expiration action must be a positive integer"),
    ([{'Expiration': {'Date': datetime.datetime(2030, 1, 1, 1)}}], 'InvalidArgument', "'Date' must be at midnight GMT"),
    ([{'Expiration': {'Days': 1, 'ExpiredObjectDeleteMarker': True}}], 'MalformedXML', None),
    ([{}], 'InvalidRequest', 'At least one action needs to be specified in a rule'),
    ([{'ID': 'i' * 256, 'Expiration': {'Days': 1}}], 'InvalidArgument', 'ID length should not exceed allowed limit of 255'),
    ([{'ID': 'a', 'Expiration': {'Days': 1}}, {'ID': 'a', 'Expiration': {'Days': 2}}], 'InvalidArgument',
     'Rule ID must be unique. Found same ID for more than one rule'),
    ([{'Filter': {'Tag': {'Key': 'a', 'Value': 'b'}}, 'AbortIncompleteMultipartUpload': {'DaysAfterInitiation': 1}}], 'InvalidRequest',
     'AbortIncompleteMultipartUpload cannot be specified with Tags.'),
    ([{'Prefix': 'a', 'Expiration': {'Days': 1}}], 'MalformedXML', None),
    ([{'Filter': {'Prefix': 'a', 'ObjectSizeLessThan': 1}, 'Expiration': {'Days': 1}}], 'MalformedXML', None),
    ([{'NoncurrentVersionExpiration': {'NoncurrentDays': 0}}], 'InvalidArgument',
     "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"),
    ([{'Transitions': [{'Days': 1, 'StorageClass': 'NOWHERE'}]}], 'MalformedXML', None),
]


@pytest.mark.parametrize('rules, code, message', REFUSED)
def test_rules_that_mean_nothing(make, rules, code, message):
    with pytest.raises(ClientError) as e:
        make(*rules)
    assert e.value.response['Error']['Code'] == code
    if message:
        assert e.value.response['Error']['Message'] == message


def test_a_version_that_is_held_stays_until_its_time(strata, s3):
    name = 'lock-' + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        'ObjectLockEnabled': 'Enabled', 'Rule': {'DefaultRetention': {'Mode': 'COMPLIANCE', 'Days': 10}}})
    rule = {'ID': 'r', 'Status': 'Enabled', 'Filter': {}, 'NoncurrentVersionExpiration': {'NoncurrentDays': 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={'Rules': [rule]})
    old = s3.put_object(Bucket=name, Key='k', Body=b'old')['VersionId']
    s3.put_object(Bucket=name, Key='k', Body=b'new')
    strata.advance_clock(5 * DAY)
    assert s3.get_object(Bucket=name, Key='k', VersionId=old)['Body'].read() == b'old'
    strata.advance_clock(7 * DAY)
    assert len(s3.list_object_versions(Bucket=name)['Versions']) == 1
