"""Object lock: retention, legal holds and what a bucket gives by default; what is held stays until the clock lets it go."""
import datetime
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import code_of

PATH = {'addressing_style': 'path'}
DAY = datetime.timedelta(days=1)
FAR = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3', s3=PATH)


def new_bucket(s3, **kw):
    name = 'l-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name, **kw)
    return name


@pytest.fixture
def bucket(s3):
    return new_bucket(s3, ObjectLockEnabledForBucket=True)


def put(s3, bucket, key='k', **kw):
    """What names the version that it makes."""
    return {'Bucket': bucket, 'Key': key, 'VersionId': s3.put_object(Bucket=bucket, Key=key, Body=b'x', **kw)['VersionId']}


def refusal(call, **parameters):
    with pytest.raises(ClientError) as e:
        call(**parameters)
    return {k: v for k, v in e.value.response['Error'].items() if k in ('Code', 'Message', 'ArgumentName')}


def test_a_retained_version_stays(s3, bucket):
    version = put(s3, bucket)
    assert code_of(s3.get_object_retention, **version) == 'NoSuchObjectLockConfiguration'
    s3.put_object_retention(**version, Retention={'Mode': 'GOVERNANCE', 'RetainUntilDate': FAR})
    assert s3.get_object_retention(**version)['Retention'] == {'Mode': 'GOVERNANCE', 'RetainUntilDate': FAR}
    head = s3.head_object(**version)
    assert (head['ObjectLockMode'], head['ObjectLockRetainUntilDate']) == ('GOVERNANCE', FAR) and 'ObjectLockLegalHoldStatus' not in head
    assert refusal(s3.delete_object, **version) == {'Code': 'AccessDenied', 'Message': 'Access Denied because object protected by object lock.'}
    errors = s3.delete_objects(Bucket=bucket, Delete={'Objects': [{k: version[k] for k in ('Key', 'VersionId')}]})['Errors']
    assert [(e['Code'], e['Message']) for e in errors] == [('AccessDenied', 'Access Denied because object protected by object lock.')]
    assert s3.delete_object(Bucket=bucket, Key='k')['DeleteMarker'] is True  # hides it, and takes nothing away
    earlier = {'Retention': {'Mode': 'GOVERNANCE', 'RetainUntilDate': FAR - DAY}}
    for less in (earlier, {'Retention': {}}):
        assert code_of(s3.put_object_retention, **version, **less) == 'AccessDenied'
    s3.put_object_retention(**version, Retention={'Mode': 'GOVERNANCE', 'RetainUntilDate': FAR + DAY})
    s3.put_object_retention(**version, **earlier, BypassGovernanceRetention=True)
    s3.put_object_retention(**version, Retention={}, BypassGovernanceRetention=True)
    assert code_of(s3.get_object_retention, **version) == 'NoSuchObjectLockConfiguration'
    s3.delete_object(**version)
    version = put(s3, bucket, ObjectLockMode='GOVERNANCE', ObjectLockRetainUntilDate=FAR)
    s3.delete_object(**version, BypassGovernanceRetention=True)


def test_compliance_yields_to_nobody(s3, bucket):
    version = put(s3, bucket, ObjectLockMode='COMPLIANCE', ObjectLockRetainUntilDate=FAR)
    assert code_of(s3.delete_object, **version, BypassGovernanceRetention=True) == 'AccessDenied'
    for mode, until in (('COMPLIANCE', FAR - DAY), ('GOVERNANCE', FAR + DAY)):
        retention = {'Mode': mode, 'RetainUntilDate': until}
        assert code_of(s3.put_object_retention, **version, Retention=retention, BypassGovernanceRetention=True) == 'AccessDenied'
    assert code_of(s3.put_object_retention, **version, Retention={}, BypassGovernanceRetention=True) == 'AccessDenied'
    s3.put_object_retention(**version, Retention={'Mode': 'COMPLIANCE', 'RetainUntilDate': FAR + DAY})


def test_a_legal_hold_stands_until_it_is_lifted(s3, bucket):
    version = put(s3, bucket, ObjectLockLegalHoldStatus='ON', ObjectLockMode='GOVERNANCE', ObjectLockRetainUntilDate=FAR)
    assert s3.get_object_legal_hold(**version)['LegalHold'] == {'Status': 'ON'} and s3.get_object(**version)['ObjectLockLegalHoldStatus'] == 'ON'
    s3.put_object_retention(**version, Retention={}, BypassGovernanceRetention=True)  # the hold has no say in it
    assert code_of(s3.delete_object, **version, BypassGovernanceRetention=True) == 'AccessDenied'
    copy = s3.copy_object(Bucket=bucket, Key='copy', CopySource=f'{bucket}/k')['VersionId']  # a copy is not held
    assert code_of(s3.get_object_legal_hold, Bucket=bucket, Key='copy', VersionId=copy) == 'NoSuchObjectLockConfiguration'
    s3.delete_object(Bucket=bucket, Key='copy', VersionId=copy)
    s3.put_object_legal_hold(**version, LegalHold={'Status': 'OFF'})
    assert s3.head_object(**version)['ObjectLockLegalHoldStatus'] == 'OFF'
    s3.delete_object(**version)


def test_what_a_bucket_gives_by_default(s3, bucket):
    rule = lambda **retention: {'ObjectLockEnabled': 'Enabled', 'Rule': {'DefaultRetention': retention}}
    assert s3.get_object_lock_configuration(Bucket=bucket)['ObjectLockConfiguration'] == {'ObjectLockEnabled': 'Enabled'}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=rule(Mode='GOVERNANCE', Days=2))
    assert s3.get_object_lock_configuration(Bucket=bucket)['ObjectLockConfiguration'] == rule(Mode='GOVERNANCE', Days=2)
    version = put(s3, bucket)
    copy = s3.copy_object(Bucket=bucket, Key='copy', CopySource=f'{bucket}/k')
    upload = {'Bucket': bucket, 'Key': 'parts', 'UploadId': s3.create_multipart_upload(Bucket=bucket, Key='parts')['UploadId']}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b'x')['ETag']
    s3.complete_multipart_upload(**upload, MultipartUpload={'Parts': [{'PartNumber': 1, 'ETag': etag}]})
    for key in ('k', 'copy', 'parts'):
        head = s3.head_object(Bucket=bucket, Key=key)
        assert (head['ObjectLockMode'], head['ObjectLockRetainUntilDate']) == ('GOVERNANCE', head['LastModified'] + 2 * DAY), key
    assert code_of(s3.delete_object, **version) == 'AccessDenied' and copy['VersionId']
    own = put(s3, bucket, ObjectLockMode='COMPLIANCE', ObjectLockRetainUntilDate=FAR)
    assert s3.head_object(**own)['ObjectLockMode'] == 'COMPLIANCE'
    for wrong in ({}, rule(), rule(Mode='GOVERNANCE'), rule(Mode='X', Days=1), rule(Mode='GOVERNANCE', Days=1, Years=1), {'ObjectLockEnabled': 'Enabled', 'Rule': {}}):
        assert code_of(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=wrong) == 'MalformedXML'
    for wrong in (0, -1, 36501):
        assert code_of(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=rule(Mode='GOVERNANCE', Days=wrong)) == 'InvalidRetentionPeriod'
    assert code_of(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={'Status': 'Suspended'}) == 'InvalidBucketState'


def test_a_bucket_without_locks_refuses_them(s3):
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key='k', Body=b'x')
    none = {'Code': 'InvalidRequest', 'Message': 'Bucket is missing Object Lock Configuration'}
    key = {'Bucket': bucket, 'Key': 'k'}
    assert refusal(s3.put_object, **key, ObjectLockLegalHoldStatus='ON') == none
    assert refusal(s3.put_object_retention, **key, Retention={'Mode': 'GOVERNANCE', 'RetainUntilDate': FAR}) == none
    assert refusal(s3.get_object_retention, **key) == refusal(s3.get_object_legal_hold, **key) == none
    assert refusal(s3.put_object_legal_hold, **key, LegalHold={'Status': 'ON'}) == none
    assert code_of(s3.put_object_legal_hold, **key, LegalHold={}) == 'MalformedXML'
    for call in (lambda: s3.delete_object(**key, BypassGovernanceRetention=True),
                 lambda: s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'k'}]}, BypassGovernanceRetention=True)):
        assert refusal(call)['ArgumentName'] == 'x-amz-bypass-governance-retention'
    enabled = {'Bucket': bucket, 'ObjectLockConfiguration': {'ObjectLockEnabled': 'Enabled'}}
    assert code_of(s3.put_object_lock_configuration, **enabled) == 'InvalidBucketState'
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    s3.put_object_lock_configuration(**enabled)
    s3.put_object_legal_hold(**key, LegalHold={'Status': 'ON'})
    assert code_of(s3.delete_object, **key, VersionId='null') == 'AccessDenied'


def test_what_a_lock_may_not_say(s3, bucket):
    key = {'Bucket': bucket, 'Key': 'k'}
    named = lambda **lock: refusal(s3.put_object, **key, Body=b'x', **lock)['ArgumentName']
    assert named(ObjectLockMode='GOVERNANCE') == 'x-amz-object-lock-retain-until-date'
    assert named(ObjectLockRetainUntilDate=FAR) == 'x-amz-object-lock-mode'
    assert named(ObjectLockMode='X', ObjectLockRetainUntilDate=FAR) == 'x-amz-object-lock-mode'
    assert named(ObjectLockMode='GOVERNANCE', ObjectLockRetainUntilDate=datetime.datetime(2001, 1, 1)) == 'x-amz-object-lock-retain-until-date'
    assert named(ObjectLockLegalHoldStatus='X') == 'x-amz-object-lock-legal-hold'
    assert code_of(s3.create_multipart_upload, **key, ObjectLockMode='X', ObjectLockRetainUntilDate=FAR) == 'InvalidArgument'
    assert code_of(s3.put_object_retention, **key, Retention={}) == 'NoSuchKey'
    version = put(s3, bucket)
    for wrong in ({'Mode': 'GOVERNANCE'}, {'RetainUntilDate': FAR}, {'Mode': 'X', 'RetainUntilDate': FAR}):
        assert code_of(s3.put_object_retention, **version, Retention=wrong) == 'MalformedXML'
    past = refusal(s3.put_object_retention, **version, Retention={'Mode': 'GOVERNANCE', 'RetainUntilDate': datetime.datetime(2001, 1, 1)})
    assert past == {'Code': 'InvalidArgument', 'Message': 'The retain until date must be in the future!', 'ArgumentName': 'RetainUntilDate'}
    assert code_of(s3.put_object_legal_hold, **version, LegalHold={'Status': 'X'}) == 'MalformedXML'
    marker = s3.delete_object(**key)['VersionId']
    assert code_of(s3.get_object_retention, **key, VersionId=marker) == 'MethodNotAllowed'


def test_who_locks_and_unlocks_must_be_allowed_to(strata, s3, bucket):
    iam, name = strata.client('iam'), 'u-' + uuid.uuid4().hex[:8]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)['AccessKey']
    allow = lambda *actions: iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': list(actions), 'Resource': '*'},
        {'Effect': 'Deny', 'Action': 's3:PutObjectRetention', 'Resource': '*', 'Condition': {'NumericGreaterThan': {'s3:object-lock-remaining-retention-days': 30}}}]}))
    user = strata.client('s3', key=key['AccessKeyId'], secret=key['SecretAccessKey'], s3=PATH)
    basic = ('s3:PutObject', 's3:GetObject', 's3:GetObjectVersion', 's3:DeleteObject*', 's3:CreateBucket')
    soon = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + 10 * DAY
    lock = {'ObjectLockMode': 'GOVERNANCE', 'ObjectLockRetainUntilDate': soon}
    allow(*basic)
    for refused in (lock, {'ObjectLockLegalHoldStatus': 'ON'}):
        assert code_of(user.put_object, Bucket=bucket, Key='k', Body=b'x', **refused) == 'AccessDenied'
    assert code_of(user.create_bucket, Bucket='n' + bucket, ObjectLockEnabledForBucket=True) == 'AccessDenied'
    allow(*basic, 's3:PutObjectRetention')
    version = put(user, bucket, **lock)
    assert 'ObjectLockMode' not in user.head_object(**version)
    assert code_of(user.get_object_retention, **version) == 'AccessDenied'
    assert code_of(user.put_object, Bucket=bucket, Key='k', Body=b'x', **{**lock, 'ObjectLockRetainUntilDate': FAR}) == 'AccessDenied'
    assert code_of(user.put_object_retention, **version, Retention={'Mode': 'GOVERNANCE', 'RetainUntilDate': FAR}) == 'AccessDenied'
    assert code_of(user.put_object_retention, **version, Retention={}, BypassGovernanceRetention=True) == 'AccessDenied'
    assert code_of(user.delete_object, **version, BypassGovernanceRetention=True) == 'AccessDenied'
    allow(*basic, 's3:BypassGovernanceRetention', 's3:GetObjectRetention')
    assert user.head_object(**version)['ObjectLockMode'] == 'GOVERNANCE'
    assert code_of(user.delete_object, **version) == 'AccessDenied'
    user.delete_object(**version, BypassGovernanceRetention=True)
    iam.delete_user_policy(UserName=name, PolicyName='p')
