"""CloudTrail: trails and what they may deliver to."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import fails

ACCOUNT = '000000000000'


@pytest.fixture
def trail(strata):
    return strata.client('cloudtrail')


def new_name(what):
    return f'{what}-{uuid.uuid4().hex[:12]}'


def bucket_policy(bucket, *more):
    service = {'Service': 'cloudtrail.amazonaws.com'}
    return json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': service, 'Action': 's3:GetBucketAcl', 'Resource': f'arn:aws:s3:::{bucket}'},
        {'Effect': 'Allow', 'Principal': service, 'Action': 's3:PutObject', 'Resource': f'arn:aws:s3:::{bucket}/*',
         'Condition': {'StringEquals': {'s3:x-amz-acl': 'bucket-owner-full-control'}}}, *more]})


def new_bucket(strata):
    bucket = new_name('trails')
    strata.client('s3').create_bucket(Bucket=bucket)
    strata.client('s3').put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket))
    return bucket


@pytest.fixture
def made(strata, trail):
    """A trail of this test alone."""
    name = new_name('trail')
    yield trail.create_trail(Name=name, S3BucketName=new_bucket(strata))
    trail.delete_trail(Name=name)


def test_a_trail_is_described_as_it_was_made(trail, made):
    name, bucket = made['Name'], made['S3BucketName']
    arn = f'arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{name}'
    made.pop('ResponseMetadata')
    assert made == {'Name': name, 'S3BucketName': bucket, 'IncludeGlobalServiceEvents': True, 'IsMultiRegionTrail': False, 'TrailARN': arn,
                    'LogFileValidationEnabled': False, 'IsOrganizationTrail': False}
    described = {**made, 'HomeRegion': 'us-east-1', 'HasCustomEventSelectors': False, 'HasInsightSelectors': False}
    assert trail.get_trail(Name=arn)['Trail'] == described
    assert trail.describe_trails(trailNameList=[name, 'missing'])['trailList'] == [described]
    assert {'TrailARN': arn, 'Name': name, 'HomeRegion': 'us-east-1'} in trail.list_trails()['Trails']
    status = trail.get_trail_status(Name=name)
    assert status['IsLogging'] is False and 'StartLoggingTime' not in status and status['TimeLoggingStarted'] == ''
    trail.start_logging(Name=name)
    assert trail.get_trail_status(Name=name)['IsLogging'] is True
    trail.stop_logging(Name=name)
    status = trail.get_trail_status(Name=name)
    assert status['IsLogging'] is False and status['StopLoggingTime'] >= status['StartLoggingTime']


def test_a_trail_of_all_regions_has_shadows(strata, trail, made):
    west = strata.client('cloudtrail', region='us-west-2')
    assert west.describe_trails(trailNameList=[made['TrailARN']])['trailList'][0]['HomeRegion'] == 'us-east-1'
    assert made['TrailARN'] not in [t['TrailARN'] for t in west.describe_trails()['trailList']]
    trail.update_trail(Name=made['Name'], IsMultiRegionTrail=True)
    assert made['TrailARN'] in [t['TrailARN'] for t in west.describe_trails()['trailList']]
    assert made['TrailARN'] not in [t['TrailARN'] for t in west.describe_trails(includeShadowTrails=False)['trailList']]
    fails('InvalidHomeRegionException', west.stop_logging, 'us-east-1', Name=made['TrailARN'])
    fails('TrailNotFoundException', west.get_trail, Name=made['Name'])
    fails('InvalidParameterCombinationException', trail.update_trail, 'must include global service events', Name=made['Name'],
          IncludeGlobalServiceEvents=False)


@pytest.mark.parametrize('name, words', [
    ('ab', 'Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters.'),
    ('a' * 129, 'Trail name too long. Maximum allowed length: 128 characters. Specified name length: 129 characters.'),
    ('a b c', 'Trail name or ARN can only contain'), ('-abc', 'must starts with'), ('abc-', 'must ends with'), ('a--b', 'adjacent'),
    ('192.168.5.4', 'IP address'),
])
def test_names_have_a_form(trail, name, words):
    fails('InvalidTrailNameException', trail.create_trail, words, Name=name, S3BucketName='any')


def test_the_bucket_must_let_cloudtrail_in(strata, trail):
    s3, bucket, name = strata.client('s3'), new_name('b'), new_name('t')
    fails('S3BucketDoesNotExistException', trail.create_trail, f'S3 bucket {bucket} does not exist!', Name=name, S3BucketName=bucket)
    s3.create_bucket(Bucket=bucket)
    words = f'Incorrect S3 bucket policy is detected for bucket: {bucket}'
    fails('InsufficientS3BucketPolicyException', trail.create_trail, words, Name=name, S3BucketName=bucket)
    deny = {'Effect': 'Deny', 'Principal': '*', 'Action': 's3:PutObject', 'Resource': f'arn:aws:s3:::{bucket}/closed/*'}
    only = {'Effect': 'Deny', 'Principal': '*', 'Action': 's3:PutObject', 'Resource': f'arn:aws:s3:::{bucket}/*',
            'Condition': {'StringNotEquals': {'aws:SourceArn': f'arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{name}'}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, deny, only))
    fails('InsufficientS3BucketPolicyException', trail.create_trail, words, Name=name, S3BucketName=bucket, S3KeyPrefix='closed')
    fails('InsufficientS3BucketPolicyException', trail.create_trail, words, Name=name + 'x', S3BucketName=bucket)
    trail.create_trail(Name=name, S3BucketName=bucket, S3KeyPrefix='open')
    fails('TrailAlreadyExistsException', trail.create_trail, f'Trail {name} already exists for customer: {ACCOUNT}', Name=name, S3BucketName=bucket)
    trail.delete_trail(Name=name)
    fails('TrailNotFoundException', trail.delete_trail, f'{name} for the user: {ACCOUNT}', Name=name)


def test_the_key_and_the_log_group_must_let_it_in_too(strata, trail, made):
    kms, logs, iam = strata.client('kms'), strata.client('logs'), strata.client('iam')
    update = trail.update_trail
    fails('KmsKeyNotFoundException', update, Name=made['Name'], KmsKeyId='alias/' + new_name('none'))
    root = {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:*', 'Resource': '*'}
    key = kms.create_key()['KeyMetadata']
    fails('InsufficientEncryptionPolicyException', update, key['KeyId'], Name=made['Name'], KmsKeyId=key['KeyId'])
    kms.put_key_policy(KeyId=key['KeyId'], Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        root, {'Effect': 'Allow', 'Principal': {'Service': 'cloudtrail.amazonaws.com'}, 'Action': 'kms:DescribeKey', 'Resource': '*'},
        {'Effect': 'Allow', 'Principal': {'Service': 'cloudtrail.amazonaws.com'}, 'Action': 'kms:GenerateDataKey*', 'Resource': '*',
         'Condition': {'StringLike': {'kms:EncryptionContext:aws:cloudtrail:arn': f'arn:aws:cloudtrail:*:{ACCOUNT}:trail/*'}}}]}))
    assert update(Name=made['Name'], KmsKeyId=key['KeyId'])['KmsKeyId'] == key['Arn']

    group, role = new_name('group'), new_name('role')
    arn = f'arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*'
    trust = {'Effect': 'Allow', 'Principal': {'Service': 'cloudtrail.amazonaws.com'}, 'Action': 'sts:AssumeRole'}
    role_arn = f'arn:aws:iam::{ACCOUNT}:role/{role}'
    deliver = {'Name': made['Name'], 'CloudWatchLogsLogGroupArn': arn, 'CloudWatchLogsRoleArn': role_arn}
    fails('InvalidParameterCombinationException', update, Name=made['Name'], CloudWatchLogsLogGroupArn=arn)
    fails('InvalidCloudWatchLogsLogGroupArnException', update, **{**deliver, 'CloudWatchLogsLogGroupArn': arn[:-2]})
    fails('InvalidCloudWatchLogsRoleArnException', update, 'Access denied.', **deliver)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [trust]}))
    fails('InvalidCloudWatchLogsLogGroupArnException', update, 'Access denied.', **deliver)
    iam.put_role_policy(RoleName=role, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': ['logs:CreateLogStream', 'logs:PutLogEvents'], 'Resource': f'{arn[:-2]}:log-stream:{ACCOUNT}_CloudTrail_us-east-1*'}]}))
    fails('InvalidCloudWatchLogsLogGroupArnException', update, **deliver)
    logs.create_log_group(logGroupName=group)
    assert update(**deliver)['CloudWatchLogsRoleArn'] == role_arn
    cleared = update(Name=made['Name'], CloudWatchLogsLogGroupArn='', CloudWatchLogsRoleArn='', KmsKeyId='')
    assert not {'CloudWatchLogsLogGroupArn', 'CloudWatchLogsRoleArn', 'KmsKeyId'} & set(cleared)


def test_event_selectors(trail, made):
    name = made['Name']
    default = [{'ReadWriteType': 'All', 'IncludeManagementEvents': True, 'DataResources': [], 'ExcludeManagementEventSources': []}]
    got = trail.get_event_selectors(TrailName=name)
    assert got['EventSelectors'] == default and 'AdvancedEventSelectors' not in got
    basic = [{'ReadWriteType': 'WriteOnly', 'IncludeManagementEvents': True, 'ExcludeManagementEventSources': ['kms.amazonaws.com'],
              'DataResources': [{'Type': 'AWS::S3::Object', 'Values': ['arn:aws:s3:::bucket/prefix']}, {'Type': 'AWS::Lambda::Function', 'Values': ['arn:aws:lambda']}]}]
    put = trail.put_event_selectors(TrailName=name, EventSelectors=basic)
    assert put['EventSelectors'] == basic and put['TrailARN'] == made['TrailARN']
    assert trail.get_event_selectors(TrailName=name)['EventSelectors'] == basic
    assert trail.get_trail(Name=name)['Trail']['HasCustomEventSelectors'] is True
    advanced = [{'Name': 'one', 'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Data']}, {'Field': 'resources.type', 'Equals': ['AWS::SQS::Queue']}]}]
    trail.put_event_selectors(TrailName=name, AdvancedEventSelectors=advanced)
    got = trail.get_event_selectors(TrailName=name)
    assert got['AdvancedEventSelectors'] == advanced and 'EventSelectors' not in got
    trail.put_event_selectors(TrailName=name, EventSelectors=[{}])
    assert trail.get_event_selectors(TrailName=name)['EventSelectors'] == default
    assert trail.get_trail(Name=name)['Trail']['HasCustomEventSelectors'] is False


@pytest.mark.parametrize('selectors, words', [
    ({'EventSelectors': [{}] * 6}, 'between 1 and 5'),
    ({'EventSelectors': [{'IncludeManagementEvents': False}]}, 'DataResources must not be empty'),
    ({'EventSelectors': [{'DataResources': [{'Type': 'AWS::S3::Object', 'Values': ['arn:aws:s3:::*']}]}]}, 'Value arn:aws:s3:::* for DataResources.Values is invalid.'),
    ({'EventSelectors': [{'DataResources': [{'Type': 'AWS::SQS::Queue', 'Values': ['arn:aws:sqs']}]}]}, 'AWS::SQS::Queue'),
    ({'EventSelectors': [{}], 'AdvancedEventSelectors': [{'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Management']}]}]}, 'not both'),
    ({'AdvancedEventSelectors': [{'FieldSelectors': [{'Field': 'readOnly', 'Equals': ['true']}]}]}, 'eventCategory'),
    ({'AdvancedEventSelectors': [{'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Data']}]}]}, 'resources.type'),
    ({'AdvancedEventSelectors': [{'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Management']}, {'Field': 'shape', 'Equals': ['x']}]}]}, 'shape'),
    ({'AdvancedEventSelectors': [{'FieldSelectors': [{'Field': 'eventCategory', 'Equals': ['Management']}, {'Field': 'readOnly', 'Equals': ['no']}]}]}, 'readOnly'),
])
def test_event_selectors_that_are_refused(trail, made, selectors, words):
    fails('InvalidEventSelectorsException', trail.put_event_selectors, words, TrailName=made['Name'], **selectors)


def test_tags(trail, made):
    arn = made['TrailARN']
    trail.add_tags(ResourceId=arn, TagsList=[{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}])
    trail.add_tags(ResourceId=arn, TagsList=[{'Key': 'a', 'Value': '3'}])
    trail.remove_tags(ResourceId=arn, TagsList=[{'Key': 'b'}])
    assert trail.list_tags(ResourceIdList=[arn])['ResourceTagList'] == [{'ResourceId': arn, 'TagsList': [{'Key': 'a', 'Value': '3'}]}]
    fails('TagsLimitExceededException', trail.add_tags, ResourceId=arn, TagsList=[{'Key': f'k{i}', 'Value': 'v'} for i in range(50)])
    fails('InvalidTagParameterException', trail.add_tags, ResourceId=arn, TagsList=[{'Key': 'aws:x', 'Value': 'v'}])
    fails('CloudTrailARNInvalidException', trail.list_tags, ResourceIdList=['nothing'])
    fails('ResourceNotFoundException', trail.list_tags, ResourceIdList=[arn + 'x'])


def test_what_is_not_there_is_refused_by_name(trail, made):
    fails('InsightNotEnabledException', trail.get_insight_selectors, TrailName=made['Name'])
    for call, arguments in ((trail.create_trail, {'SnsTopicName': 'topic'}), (trail.update_trail, {'SnsTopicName': 'topic'})):
        with pytest.raises(ClientError) as caught:
            call(**{'Name': made['Name'], 'S3BucketName': made['S3BucketName'], **arguments})
        assert 'SnsTopicName' in caught.value.response['Error']['Message']
    with pytest.raises(ClientError) as caught:
        trail.create_event_data_store(Name='store')
    assert 'CreateEventDataStore' in caught.value.response['Error']['Message']
    fails('OrganizationsNotInUseException', trail.update_trail, Name=made['Name'], IsOrganizationTrail=True)


def test_five_trails_a_region(strata):
    west, bucket = strata.client('cloudtrail', region='eu-west-3'), new_bucket(strata)
    for i in range(5):
        west.create_trail(Name=f'trail{i}', S3BucketName=bucket)
    fails('MaximumNumberOfTrailsExceededException', west.create_trail, f'User: {ACCOUNT} already has 5 trails in eu-west-3.', Name='sixth', S3BucketName=bucket)
    for i in range(5):
        west.delete_trail(Name=f'trail{i}')


def test_nobody_reads_trails_without_a_grant(strata, made):
    mine, iam, name = strata.user('cloudtrail')
    fails('AccessDeniedException', mine.get_trail_status, 'cloudtrail:GetTrailStatus', Name=made['Name'])
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'cloudtrail:GetTrailStatus', 'Resource': made['TrailARN']}]}))
    assert mine.get_trail_status(Name=made['Name'])['IsLogging'] is False
    fails('AccessDeniedException', mine.stop_logging, 'cloudtrail:StopLogging', Name=made['Name'])
