"""Condition keys whose value strata looks up: what a role is bounded by, which function a mapping is for, the tags of what is asked about."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
NOTHING = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:SendMessage', 'Resource': '*'}]})


def allow(iam, user, actions, **condition):
    statement = {'Effect': 'Allow', 'Action': actions, 'Resource': '*', 'Condition': condition}
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [statement]}))


def denied(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    assert refused.value.response['Error']['Code'] in ('AccessDenied', 'AccessDeniedException'), refused.value


def test_a_role_is_changed_by_whom_its_boundary_lets(strata):
    client, iam, user = strata.user('iam')
    name = 'b-' + uuid.uuid4().hex[:12]
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=NOTHING)['Policy']['Arn']
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=boundary)
    iam.create_role(RoleName=name + '-free', AssumeRolePolicyDocument=TRUST)
    changes = [
        ('put_role_policy', {'PolicyName': 'p', 'PolicyDocument': NOTHING}),
        ('delete_role_policy', {'PolicyName': 'p'}),
        ('attach_role_policy', {'PolicyArn': boundary}),
        ('detach_role_policy', {'PolicyArn': boundary}),
        ('update_assume_role_policy', {'PolicyDocument': TRUST}),
        ('update_role', {'Description': 'd'}),
        ('delete_role', {}),
    ]
    actions = ['iam:' + ''.join(part.title() for part in operation.split('_')) for operation, _ in changes]
    allow(iam, user, actions, StringEquals={'iam:PermissionsBoundary': boundary})
    for operation, arguments in changes:
        denied(getattr(client, operation), RoleName=name + '-free', **arguments)
        getattr(client, operation)(RoleName=name, **arguments)


def test_an_event_source_mapping_is_its_functions(strata):
    client, iam, user = strata.user('lambda')
    function = f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:'
    allow(iam, user, 'lambda:CreateEventSourceMapping', ArnLike={'lambda:FunctionArn': function + 'mine-*'})
    queue = f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'
    denied(client.create_event_source_mapping, FunctionName='other', EventSourceArn=queue)
    with pytest.raises(client.exceptions.ResourceNotFoundException):  # allowed, but there is no such function
        client.create_event_source_mapping(FunctionName='mine-1', EventSourceArn=queue)


def test_an_apis_tags_are_those_of_all_that_is_in_it(strata):
    client, iam, user = strata.user('apigatewayv2')
    root = strata.client('apigatewayv2')
    ids = {team: root.create_api(Name=team, ProtocolType='HTTP', Tags={'team': team})['ApiId'] for team in ('blue', 'red')}
    allow(iam, user, ['apigateway:GET', 'apigateway:POST'], StringEquals={'aws:ResourceTag/team': 'blue'})
    for call, arguments in ((client.get_api, {}), (client.create_route, {'RouteKey': 'GET /'}), (client.create_stage, {'StageName': 'one'})):
        denied(call, ApiId=ids['red'], **arguments)
        call(ApiId=ids['blue'], **arguments)
    denied(client.get_stage, ApiId=ids['blue'], StageName='one')  # a stage's tags are its own
    root.tag_resource(ResourceArn=f'arn:aws:apigateway:us-east-1::/apis/{ids["blue"]}/stages/one', Tags={'team': 'blue'})
    client.get_stage(ApiId=ids['blue'], StageName='one')


def test_what_an_object_is_put_with(strata):
    client, iam, user = strata.user('s3')
    root, bucket = strata.client('s3'), 'c-' + uuid.uuid4().hex
    root.create_bucket(Bucket=bucket)
    put = lambda **more: client.put_object(Bucket=bucket, Key='k', Body=b'x', **more)
    allow(iam, user, 's3:PutObject', StringEquals={'s3:x-amz-server-side-encryption': 'AES256'})
    denied(put)
    put(ServerSideEncryption='AES256')
    allow(iam, user, 's3:PutObject', StringEquals={'s3:x-amz-storage-class': 'STANDARD_IA'})
    denied(put, StorageClass='STANDARD')
    put(StorageClass='STANDARD_IA')
    allow(iam, user, 's3:PutObject', StringEquals={'s3:if-none-match': '*'})
    denied(put)
    with pytest.raises(ClientError, match='PreconditionFailed'):
        put(IfNoneMatch='*')
    allow(iam, user, 's3:PutObject')
    denied(put, Tagging='team=blue')  # who sets tags needs s3:PutObjectTagging, too
    allow(iam, user, ['s3:PutObject', 's3:PutObjectTagging'], **{'StringEquals': {'s3:RequestObjectTag/team': 'blue'}, 'ForAllValues:StringEquals': {'s3:RequestObjectTagKeys': ['team']}})
    denied(put, Tagging='team=red')
    denied(put, Tagging='team=blue&more=x')
    put(Tagging='team=blue')


def test_an_object_is_read_by_its_tags_and_how_it_is_asked_for(strata):
    client, iam, user = strata.user('s3')
    root, bucket = strata.client('s3'), 'c-' + uuid.uuid4().hex
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key='blue', Body=b'x', Tagging='team=blue')
    root.put_object(Bucket=bucket, Key='red', Body=b'x', Tagging='team=red')
    allow(iam, user, ['s3:GetObject', 's3:PutObjectTagging', 's3:GetObjectTagging'], StringEquals={'s3:ExistingObjectTag/team': 'blue'})
    for call, more in ((client.get_object, {}), (client.head_object, {}), (client.get_object_tagging, {}),
                       (client.put_object_tagging, {'Tagging': {'TagSet': [{'Key': 'team', 'Value': 'blue'}]}})):
        call(Bucket=bucket, Key='blue', **more)
        with pytest.raises(ClientError, match='403|AccessDenied|Forbidden'):
            call(Bucket=bucket, Key='red', **more)
    root.put_object(Bucket=bucket, Key='to', Body=b'x')
    allow(iam, user, ['s3:GetObject', 's3:PutObject'], StringEqualsIfExists={'s3:ExistingObjectTag/team': 'blue'})
    upload = client.create_multipart_upload(Bucket=bucket, Key='to')['UploadId']
    part = {'Bucket': bucket, 'Key': 'to', 'UploadId': upload, 'PartNumber': 1}
    client.upload_part_copy(CopySource=f'{bucket}/blue', **part)
    denied(client.upload_part_copy, CopySource=f'{bucket}/red', **part)
    allow(iam, user, 's3:ListBucket', NumericLessThanEquals={'s3:max-keys': '10'})
    client.list_objects_v2(Bucket=bucket, MaxKeys=10)
    denied(client.list_objects_v2, Bucket=bucket, MaxKeys=11)
    allow(iam, user, 's3:GetObject', StringEquals={'s3:authType': 'REST-QUERY-STRING', 's3:signatureversion': 'AWS4-HMAC-SHA256', 's3:ResourceAccount': ACCOUNT},
          NumericLessThan={'s3:signatureAge': '600000'})
    denied(client.get_object, Bucket=bucket, Key='red')
    import requests
    presigning = strata.client('s3', key=client._request_signer._credentials.access_key, secret=client._request_signer._credentials.secret_key, signature_version='s3v4')
    assert requests.get(presigning.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'red'}), timeout=30).content == b'x'


def test_a_service_that_asks_in_ones_name_is_known(strata):
    """S3 asks KMS for whoever asked S3; DynamoDB too, and is named."""
    key = strata.client('kms').create_key()['KeyMetadata']['Arn']
    root, bucket = strata.client('s3'), 'c-' + uuid.uuid4().hex
    root.create_bucket(Bucket=bucket)
    user, iam, name = strata.user('s3')
    kms = strata.client('kms', key=user._request_signer._credentials.access_key, secret=user._request_signer._credentials.secret_key)
    put = lambda: user.put_object(Bucket=bucket, Key='k', Body=b'x', ServerSideEncryption='aws:kms', SSEKMSKeyId=key)

    def grant(**condition):
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Action': ['s3:*', 'dynamodb:*', 'kms:CreateGrant'], 'Resource': '*'},
            {'Effect': 'Allow', 'Action': ['kms:GenerateDataKey', 'kms:Decrypt', 'kms:DescribeKey'], 'Resource': '*', 'Condition': condition}]}))

    grant(Bool={'aws:ViaAWSService': 'true'})
    put()
    denied(kms.generate_data_key, KeyId=key, KeySpec='AES_256')
    grant(Bool={'aws:ViaAWSService': 'false'})
    denied(put)
    kms.generate_data_key(KeyId=key, KeySpec='AES_256')
    grant(**{'ForAnyValue:StringEquals': {'aws:CalledVia': ['dynamodb.amazonaws.com']}})
    denied(put)  # AWS does not name S3


def test_layers_and_targets_are_conditions(strata):
    client, iam, user = strata.user('lambda')
    mine = f'arn:aws:lambda:us-east-1:{ACCOUNT}:layer:mine:1'
    allow(iam, user, 'lambda:UpdateFunctionConfiguration', **{'ForAllValues:StringLike': {'lambda:Layer': f'arn:aws:lambda:us-east-1:{ACCOUNT}:layer:mine:*'}})
    denied(client.update_function_configuration, FunctionName='none', Layers=[mine.replace('mine', 'other')])
    with pytest.raises(client.exceptions.ResourceNotFoundException):  # allowed, but there is no such function
        client.update_function_configuration(FunctionName='none', Layers=[mine])
    events, iam, user = strata.user('events')
    queue = f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'
    allow(iam, user, 'events:PutTargets', **{'ForAllValues:ArnEquals': {'events:TargetArn': queue}})
    denied(events.put_targets, Rule='none', Targets=[{'Id': '1', 'Arn': queue + '2'}])
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.put_targets(Rule='none', Targets=[{'Id': '1', 'Arn': queue}])
