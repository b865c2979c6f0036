"""Secrets Manager: values, versions and their labels, the recovery window, policies, who may read."""

import datetime
import json
import time
import uuid

import pytest

from refusals import fails

ACCOUNT = '000000000000'


@pytest.fixture
def sm(strata):
    return strata.client('secretsmanager')


@pytest.fixture
def name():
    return f'/practice/test/{uuid.uuid4()}'


def user(strata, user_name, *statements):
    iam = strata.client('iam')
    iam.create_user(UserName=user_name)
    if statements:
        iam.put_user_policy(UserName=user_name, PolicyName='p',
                            PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': list(statements)}))
    made = iam.create_access_key(UserName=user_name)['AccessKey']
    return {'key': made['AccessKeyId'], 'secret': made['SecretAccessKey']}


def stages(sm, name):
    return {k: sorted(v) for k, v in sm.describe_secret(SecretId=name)['VersionIdsToStages'].items()}


def test_a_secret_comes_back(sm, name):
    made = sm.create_secret(Name=name, SecretString='s3cret', Description='d', Tags=[{'Key': 'a', 'Value': 'b'}])
    assert made['ARN'].startswith(f'arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-') and len(made['ARN'].rsplit('-', 1)[1]) == 6
    for secret_id in (name, made['ARN'], made['ARN'][:-7]):
        got = sm.get_secret_value(SecretId=secret_id)
        assert (got['SecretString'], got['VersionId'], got['VersionStages'], got['ARN']) == ('s3cret', made['VersionId'], ['AWSCURRENT'], made['ARN'])
    described = sm.describe_secret(SecretId=name)
    assert (described['Description'], described['Tags']) == ('d', [{'Key': 'a', 'Value': 'b'}])
    assert described['VersionIdsToStages'] == {made['VersionId']: ['AWSCURRENT']} and 'KmsKeyId' not in described
    for _ in range(100):  # noted after the answer
        described = sm.describe_secret(SecretId=name)
        if 'LastAccessedDate' in described:
            break
        time.sleep(0.05)
    accessed = described['LastAccessedDate'].astimezone(datetime.timezone.utc)
    assert (accessed.hour, accessed.minute, accessed.second) == (0, 0, 0)


def test_bytes_come_back(sm, name):
    sm.create_secret(Name=name, SecretBinary=b'\x00\xff')
    got = sm.get_secret_value(SecretId=name)
    assert got['SecretBinary'] == b'\x00\xff' and 'SecretString' not in got


def test_names_and_parameters_are_checked(sm, name):
    sm.create_secret(Name=name, SecretString='x')
    fails('ResourceExistsException', sm.create_secret, f'The operation failed because the secret {name} already exists.', Name=name, SecretString='y')
    fails('ValidationException', sm.create_secret, 'Invalid name. Must be a valid name containing alphanumeric characters', Name='a b')
    fails('ValidationException', sm.create_secret, "at 'name' failed to satisfy constraint", Name='x' * 513)
    fails('ResourceNotFoundException', sm.get_secret_value, "Secrets Manager can't find the specified secret.", SecretId='none')
    fails('InvalidParameterException', sm.put_secret_value, SecretId=name, SecretString='x', SecretBinary=b'y')
    fails('InvalidRequestException', sm.put_secret_value, 'You must provide either SecretString or SecretBinary.', SecretId=name)


def test_a_secret_without_a_value_has_none(sm, name):
    assert 'VersionId' not in sm.create_secret(Name=name)
    fails('ResourceNotFoundException', sm.get_secret_value, "can't find the specified secret value for staging label: AWSCURRENT", SecretId=name)
    version = sm.put_secret_value(SecretId=name, SecretString='1', VersionStages=['MINE'])
    assert sorted(version['VersionStages']) == ['AWSCURRENT', 'MINE']


def test_a_repetition_is_not_a_second_request(sm, name):
    token = str(uuid.uuid4())
    first = sm.create_secret(Name=name, SecretString='1', ClientRequestToken=token)
    assert sm.create_secret(Name=name, SecretString='1', ClientRequestToken=token)['ARN'] == first['ARN']
    fails('ResourceExistsException', sm.create_secret, Name=name, SecretString='2', ClientRequestToken=token)
    assert sm.put_secret_value(SecretId=name, SecretString='1', ClientRequestToken=token)['VersionId'] == token
    fails('ResourceExistsException', sm.put_secret_value, "You can't use ClientRequestToken", SecretId=name, SecretString='3', ClientRequestToken=token)
    assert len(stages(sm, name)) == 1


def test_labels_move(sm, name):
    one = sm.create_secret(Name=name, SecretString='1')['VersionId']
    two = sm.put_secret_value(SecretId=name, SecretString='2')['VersionId']
    assert stages(sm, name) == {one: ['AWSPREVIOUS'], two: ['AWSCURRENT']}
    three = sm.update_secret(SecretId=name, SecretString='3', Description='new')['VersionId']
    assert stages(sm, name) == {two: ['AWSPREVIOUS'], three: ['AWSCURRENT']}
    four = sm.put_secret_value(SecretId=name, SecretString='4', VersionStages=['AWSPENDING'])['VersionId']
    assert stages(sm, name) == {two: ['AWSPREVIOUS'], three: ['AWSCURRENT'], four: ['AWSPENDING']}
    fails('InvalidParameterException', sm.update_secret_version_stage, "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT",
          SecretId=name, VersionStage='AWSCURRENT', MoveToVersionId=four)
    fails('InvalidParameterException', sm.update_secret_version_stage, SecretId=name, VersionStage='AWSCURRENT', RemoveFromVersionId=three)
    sm.update_secret_version_stage(SecretId=name, VersionStage='AWSCURRENT', RemoveFromVersionId=three, MoveToVersionId=four)
    assert stages(sm, name) == {three: ['AWSPREVIOUS'], four: ['AWSCURRENT', 'AWSPENDING']}
    sm.update_secret_version_stage(SecretId=name, VersionStage='AWSPENDING', RemoveFromVersionId=four)
    assert sm.get_secret_value(SecretId=name, VersionStage='AWSPREVIOUS')['SecretString'] == '3'
    assert sm.get_secret_value(SecretId=name, VersionId=two)['SecretString'] == '2'
    fails('InvalidRequestException', sm.get_secret_value, SecretId=name, VersionId=two, VersionStage='AWSCURRENT')
    assert {v['VersionId'] for v in sm.list_secret_version_ids(SecretId=name)['Versions']} == {three, four}
    assert len(sm.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)['Versions']) == 4
    page = sm.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=3)
    assert len(sm.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, NextToken=page['NextToken'])['Versions']) == 1


def test_a_deleted_secret_can_be_restored(sm, name):
    sm.create_secret(Name=name, SecretString='1')
    fails('InvalidParameterException', sm.delete_secret, 'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).', SecretId=name,
          RecoveryWindowInDays=6)
    fails('InvalidParameterException', sm.delete_secret, SecretId=name, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    sm.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    fails('InvalidRequestException', sm.get_secret_value,
          "You can't perform this operation on the secret because it was marked for deletion.", SecretId=name)
    fails('InvalidRequestException', sm.create_secret,
          "You can't create this secret because a secret with this name is already scheduled for deletion.", Name=name)
    assert 'DeletedDate' in sm.describe_secret(SecretId=name)
    sm.restore_secret(SecretId=name)
    assert sm.get_secret_value(SecretId=name)['SecretString'] == '1'
    arn = sm.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)['ARN']
    fails('ResourceNotFoundException', sm.describe_secret, SecretId=name)
    assert sm.create_secret(Name=name)['ARN'] != arn


def test_the_clock_ends_the_recovery_window(own_strata):
    sm = own_strata.client('secretsmanager')
    sm.create_secret(Name='a', SecretString='1')
    sm.delete_secret(SecretId='a', RecoveryWindowInDays=7)
    assert own_strata.command('clock', 'advance', '6d').returncode == 0
    assert 'DeletedDate' in sm.describe_secret(SecretId='a')
    assert own_strata.command('clock', 'advance', '2d').returncode == 0
    fails('ResourceNotFoundException', sm.describe_secret, SecretId='a')


def test_values_outlive_a_power_cut_and_lie_encrypted(own_strata):
    own_strata.client('secretsmanager').create_secret(Name='a', SecretString='a-very-plain-text')
    own_strata.kill()
    for file in own_strata.data.rglob('*'):
        assert not file.is_file() or b'a-very-plain-text' not in file.read_bytes(), file
    assert 'a-very-plain-text' not in own_strata.log_text()
    own_strata.start()
    assert own_strata.client('secretsmanager').get_secret_value(SecretId='a')['SecretString'] == 'a-very-plain-text'


def test_lists_filter_sort_and_page(own_strata):
    sm = own_strata.client('secretsmanager')
    for n in ('b/two', 'a/one', 'a/three'):
        sm.create_secret(Name=n, Description=f'the {n[2:]}', Tags=[{'Key': 'kind', 'Value': n[0]}])
    names = lambda **arguments: [s['Name'] for s in sm.list_secrets(**arguments)['SecretList']]
    assert names(SortBy='name', SortOrder='asc') == ['a/one', 'a/three', 'b/two']
    assert names(SortBy='name', SortOrder='desc') == ['b/two', 'a/three', 'a/one']
    assert names(Filters=[{'Key': 'name', 'Values': ['a/']}], SortBy='name', SortOrder='asc') == ['a/one', 'a/three']
    assert names(Filters=[{'Key': 'name', 'Values': ['!a/']}]) == ['b/two']
    assert names(Filters=[{'Key': 'tag-value', 'Values': ['b']}]) == ['b/two']
    assert names(Filters=[{'Key': 'description', 'Values': ['THR']}]) == ['a/three']
    assert names(Filters=[{'Key': 'all', 'Values': ['two']}, {'Key': 'tag-key', 'Values': ['kind']}]) == ['b/two']
    fails('ValidationException', sm.list_secrets, Filters=[{'Key': 'colour', 'Values': ['x']}])
    pages = list(sm.get_paginator('list_secrets').paginate(SortBy='name', SortOrder='asc', PaginationConfig={'PageSize': 2}))
    assert [[s['Name'] for s in p['SecretList']] for p in pages] == [['a/one', 'a/three'], ['b/two']]
    fails('InvalidNextTokenException', sm.list_secrets, NextToken='made-up')
    sm.delete_secret(SecretId='b/two')
    assert 'b/two' not in names() and 'b/two' in names(IncludePlannedDeletion=True)


def test_batches(strata, sm, name):
    sm.create_secret(Name=name, SecretString='1')
    got = sm.batch_get_secret_value(SecretIdList=[name, 'none'])
    assert [s['SecretString'] for s in got['SecretValues']] == ['1']
    assert [(e['SecretId'], e['ErrorCode']) for e in got['Errors']] == [('none', 'ResourceNotFoundException')]
    assert [s['Name'] for s in sm.batch_get_secret_value(Filters=[{'Key': 'name', 'Values': [name]}])['SecretValues']] == [name]


def test_policies_come_back_as_sent(sm, name):
    arn = sm.create_secret(Name=name)['ARN']
    assert 'ResourcePolicy' not in sm.get_resource_policy(SecretId=name)
    text = '{"Version":"2012-10-17",  "Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}'
    sm.put_resource_policy(SecretId=name, ResourcePolicy=text)
    assert sm.get_resource_policy(SecretId=name)['ResourcePolicy'] == text
    fails('AccessDeniedException', sm.delete_secret, 'secretsmanager:DeleteSecret', arn, 'explicit deny in a resource-based policy', SecretId=name)
    sm.delete_resource_policy(SecretId=name)
    assert 'ResourcePolicy' not in sm.get_resource_policy(SecretId=name)
    fails('MalformedPolicyDocumentException', sm.put_resource_policy, SecretId=name, ResourcePolicy='{')
    public = text.replace('Deny', 'Allow')
    fails('PublicPolicyException', sm.put_resource_policy, SecretId=name, ResourcePolicy=public, BlockPublicPolicy=True)
    assert sm.validate_resource_policy(ResourcePolicy=public)['PolicyValidationPassed'] is False


def test_who_may_read(strata, sm, name):
    arn = sm.create_secret(Name=name, SecretString='1')['ARN']
    mine = {'Effect': 'Allow', 'Action': 'secretsmanager:GetSecretValue', 'Resource': f'arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-??????'}
    allowed = strata.client('secretsmanager', **user(strata, f'sm-{uuid.uuid4()}', mine))
    denied_name = f'sm-{uuid.uuid4()}'
    denied = strata.client('secretsmanager', **user(strata, denied_name))
    assert allowed.get_secret_value(SecretId=name)['SecretString'] == '1'
    fails('AccessDeniedException', allowed.describe_secret, SecretId=name)
    fails('AccessDeniedException', denied.get_secret_value, 'secretsmanager:GetSecretValue', arn, 'no identity-based policy allows', SecretId=name)
    grant = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{denied_name}'},
                                                     'Action': 'secretsmanager:GetSecretValue', 'Resource': '*'}]}
    sm.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(grant))
    assert denied.get_secret_value(SecretId=name)['SecretString'] == '1'


def test_tags_are_conditions(strata, sm, name):
    sm.create_secret(Name=name, SecretString='1', Tags=[{'Key': 'team', 'Value': 'blue'}])
    reads = {'Effect': 'Allow', 'Action': 'secretsmanager:GetSecretValue', 'Resource': '*'}
    blue, red = ({**reads, 'Condition': {'StringEquals': {'aws:ResourceTag/team': team}}} for team in ('blue', 'red'))
    assert strata.client('secretsmanager', **user(strata, f'sm-{uuid.uuid4()}', blue)).get_secret_value(SecretId=name)['SecretString'] == '1'
    fails('AccessDeniedException', strata.client('secretsmanager', **user(strata, f'sm-{uuid.uuid4()}', red)).get_secret_value, SecretId=name)


def test_a_key_of_ones_own_decides_too(strata, sm, name):
    kms = strata.client('kms')
    key = kms.create_key()['KeyMetadata']['KeyId']
    sm.create_secret(Name=name, SecretString='1', KmsKeyId=key)
    assert sm.describe_secret(SecretId=name)['KmsKeyId'] == key
    reads = {'Effect': 'Allow', 'Action': 'secretsmanager:GetSecretValue', 'Resource': '*'}
    opens = {'Effect': 'Allow', 'Action': 'kms:Decrypt', 'Resource': '*',
             'Condition': {'StringEquals': {'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com'}}}
    assert strata.client('secretsmanager', **user(strata, f'sm-{uuid.uuid4()}', reads, opens)).get_secret_value(SecretId=name)['SecretString'] == '1'
    fails('AccessDeniedException', strata.client('secretsmanager', **user(strata, f'sm-{uuid.uuid4()}', reads)).get_secret_value,
          'Access to KMS is not allowed', SecretId=name)
    other = kms.create_key()['KeyMetadata']['KeyId']
    sm.update_secret(SecretId=name, KmsKeyId=other)  # what has labels is sealed anew
    kms.disable_key(KeyId=key)
    assert sm.get_secret_value(SecretId=name)['SecretString'] == '1'
    kms.disable_key(KeyId=other)
    fails('DecryptionFailure', sm.get_secret_value, SecretId=name)


def test_tags(sm, name):
    sm.create_secret(Name=name)
    assert 'Tags' not in sm.describe_secret(SecretId=name)
    sm.tag_resource(SecretId=name, Tags=[{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}])
    sm.untag_resource(SecretId=name, TagKeys=['a'])
    assert sm.describe_secret(SecretId=name)['Tags'] == [{'Key': 'b', 'Value': '2'}]
    fails('InvalidParameterException', sm.tag_resource, SecretId=name, Tags=[{'Key': 'aws:x', 'Value': '1'}])


def test_passwords(sm):
    assert len(sm.get_random_password()['RandomPassword']) == 32
    made = sm.get_random_password(PasswordLength=4, ExcludePunctuation=True, IncludeSpace=True)['RandomPassword']
    assert ' ' in made and any(c.isdigit() for c in made) and any(c.islower() for c in made) and any(c.isupper() for c in made)
    assert set(sm.get_random_password(ExcludePunctuation=True, ExcludeLowercase=True, ExcludeUppercase=True,
                                      ExcludeCharacters='12345678')['RandomPassword']) == {'0', '9'}
    fails('InvalidParameterException', sm.get_random_password, PasswordLength=3)


OTHER = 'eu-west-1'


def status(answer):
    return [(r['Region'], r['Status']) for r in answer.get('ReplicationStatus', [])]


def test_replicas_follow_their_primary(strata, sm, name):
    there = strata.client('secretsmanager', region=OTHER)
    made = sm.create_secret(Name=name, SecretString='1', Tags=[{'Key': 'a', 'Value': '1'}], AddReplicaRegions=[{'Region': OTHER}])
    assert status(made) == [(OTHER, 'InSync')]
    copied = there.get_secret_value(SecretId=name)
    assert (copied['SecretString'], copied['VersionId'], copied['ARN']) == ('1', made['VersionId'], made['ARN'].replace('us-east-1', OTHER))
    policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Principal': '*', 'Action': 'secretsmanager:RestoreSecret', 'Resource': '*'}]}
    sm.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(policy))
    sm.tag_resource(SecretId=name, Tags=[{'Key': 'b', 'Value': '2'}])
    sm.put_secret_value(SecretId=name, SecretString='2')
    assert there.get_secret_value(SecretId=name)['SecretString'] == '2'
    assert there.get_secret_value(SecretId=name, VersionStage='AWSPREVIOUS')['SecretString'] == '1'
    assert json.loads(there.get_resource_policy(SecretId=name)['ResourcePolicy']) == policy
    here, copy = sm.describe_secret(SecretId=name), there.describe_secret(SecretId=name)
    assert here['PrimaryRegion'] == copy['PrimaryRegion'] == 'us-east-1' and 'ReplicationStatus' not in copy
    assert copy['Tags'] == here['Tags'] and copy['VersionIdsToStages'] == here['VersionIdsToStages']
    assert [s['Name'] for s in there.list_secrets(Filters=[{'Key': 'primary-region', 'Values': ['us-east-1']}, {'Key': 'name', 'Values': [name]}])['SecretList']] == [name]
    refused = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
    for call, more in ((there.put_secret_value, {'SecretString': 'x'}), (there.update_secret, {'Description': 'x'}), (there.delete_secret, {}),
                       (there.tag_resource, {'Tags': []}), (there.rotate_secret, {}), (there.put_resource_policy, {'ResourcePolicy': '{}'})):
        fails('InvalidParameterException', call, refused, SecretId=name, **more)
    fails('InvalidParameterException', sm.delete_secret, f"You can't delete secret {made['ARN']} that still has replica regions [{OTHER}]", SecretId=name)
    gone = sm.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[OTHER])
    assert gone['ReplicationStatus'] == [] and 'PrimaryRegion' not in sm.describe_secret(SecretId=name)
    fails('ResourceNotFoundException', there.describe_secret, SecretId=name)
    sm.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_replica_can_become_a_secret_of_its_own(strata, sm, name):
    there = strata.client('secretsmanager', region=OTHER)
    sm.create_secret(Name=name, SecretString='1')
    fails('InvalidParameterException', sm.replicate_secret_to_regions, 'Invalid replica region.', SecretId=name, AddReplicaRegions=[{'Region': 'us-east-1'}])
    fails('InvalidRequestException', sm.stop_replication_to_replica, SecretId=name)
    assert status(sm.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{'Region': OTHER}])) == [(OTHER, 'InSync')]
    there.stop_replication_to_replica(SecretId=name)
    assert status(sm.describe_secret(SecretId=name)) == []
    there.put_secret_value(SecretId=name, SecretString='mine')
    taken = sm.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{'Region': OTHER}])['ReplicationStatus'][0]
    assert (taken['Status'], taken['StatusMessage']) == ('Failed', f'Replication failed: Secret name {name} already exists in region {OTHER}.')
    sm.put_secret_value(SecretId=name, SecretString='2')
    assert there.get_secret_value(SecretId=name)['SecretString'] == 'mine'
    assert status(sm.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{'Region': OTHER}], ForceOverwriteReplicaSecret=True)) == [(OTHER, 'InSync')]
    assert there.get_secret_value(SecretId=name)['SecretString'] == '2'


def test_a_replica_has_its_own_key(strata, sm, name):
    there, kms = strata.client('secretsmanager', region=OTHER), strata.client('kms', region=OTHER)
    key = kms.create_key()['KeyMetadata']['KeyId']
    sm.create_secret(Name=name, SecretString='1', AddReplicaRegions=[{'Region': OTHER, 'KmsKeyId': key}])
    assert there.describe_secret(SecretId=name)['KmsKeyId'] == key and 'KmsKeyId' not in sm.describe_secret(SecretId=name)
    kms.disable_key(KeyId=key)
    fails('DecryptionFailure', there.get_secret_value, SecretId=name)
    sm.put_secret_value(SecretId=name, SecretString='2')  # the primary goes on; its replica stays behind, and catches up
    assert status(sm.describe_secret(SecretId=name)) == [(OTHER, 'Failed')]
    kms.enable_key(KeyId=key)
    assert there.get_secret_value(SecretId=name)['SecretString'] == '1'
    sm.update_secret(SecretId=name, Description='d')
    assert there.get_secret_value(SecretId=name)['SecretString'] == '2' and status(sm.describe_secret(SecretId=name)) == [(OTHER, 'InSync')]


@pytest.mark.parametrize('operation', ['ReplicateSecretToRegions', 'RemoveRegionsFromReplication', 'StopReplicationToReplica'])
def test_who_may_replicate(strata, sm, name, operation):
    arn = sm.create_secret(Name=name, SecretString='1', AddReplicaRegions=[{'Region': OTHER}])['ARN']
    region = OTHER if operation == 'StopReplicationToReplica' else 'us-east-1'
    arn = arn.replace('us-east-1', region)
    arguments = {'ReplicateSecretToRegions': {'AddReplicaRegions': [{'Region': 'eu-west-2'}]},
                 'RemoveRegionsFromReplication': {'RemoveReplicaRegions': [OTHER]}}.get(operation, {})
    method = {'ReplicateSecretToRegions': 'replicate_secret_to_regions', 'RemoveRegionsFromReplication': 'remove_regions_from_replication',
              'StopReplicationToReplica': 'stop_replication_to_replica'}[operation]
    allow = {'Effect': 'Allow', 'Action': f'secretsmanager:{operation}', 'Resource': arn}
    denied = strata.client('secretsmanager', region=region, **user(strata, f'sm-{uuid.uuid4()}'))
    fails('AccessDeniedException', getattr(denied, method), f'secretsmanager:{operation}', SecretId=name, **arguments)
    allowed = strata.client('secretsmanager', region=region, **user(strata, f'sm-{uuid.uuid4()}', allow))
    assert getattr(allowed, method)(SecretId=name, **arguments)['ARN'] == arn


def test_what_is_not_there_is_said(sm, name):
    fails('NotImplemented', sm.create_secret, 'Type', Name=name, SecretString='x', Type='partner')


def test_the_version_that_stops_being_current_is_no_longer_pending(sm, name):
    first = sm.create_secret(Name=name, SecretString='1')['VersionId']
    second = sm.put_secret_value(SecretId=name, SecretString='2', VersionStages=['AWSPENDING'])['VersionId']
    sm.update_secret_version_stage(SecretId=name, VersionStage='AWSCURRENT', RemoveFromVersionId=first, MoveToVersionId=second)
    assert stages(sm, name) == {first: ['AWSPREVIOUS'], second: ['AWSCURRENT', 'AWSPENDING']}
    third = sm.put_secret_value(SecretId=name, SecretString='3')['VersionId']
    assert stages(sm, name) == {second: ['AWSPREVIOUS'], third: ['AWSCURRENT']}


def test_names_are_checked_wherever_they_stand(sm):
    for call, more in ((sm.create_secret, {'Name': 'Inv Name', 'SecretString': 'x'}), (sm.describe_secret, {'SecretId': 'Inv Name'}),
                       (sm.delete_secret, {'SecretId': 'Inv*Name?'}), (sm.get_secret_value, {'SecretId': 'Inv]Name'})):
        fails('ValidationException', call, 'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!', **more)


def test_a_client_that_makes_no_token_is_told_to(strata, sm, name):
    bare = lambda params, **more: params['body'] and params.__setitem__('body', json.dumps(
        {k: v for k, v in json.loads(params['body']).items() if k != 'ClientRequestToken'}).encode())
    sm.meta.events.register('before-call.secretsmanager.*', bare)
    words = 'You must provide a ClientRequestToken value. We recommend a UUID-type value.'
    fails('InvalidRequestException', sm.create_secret, words, Name=name, SecretString='x')
    fails('InvalidRequestException', sm.put_secret_value, words, SecretId=name, SecretString='x')
    fails('InvalidRequestException', sm.update_secret, words, SecretId=name, SecretString='x')
    fails('InvalidParameterException', sm.rotate_secret, words, SecretId=name)


def test_what_was_emptied_is_shown_as_aws_shows_it(sm, name):
    sm.create_secret(Name=name, SecretString='x', Description='')
    told = sm.describe_secret(SecretId=name)
    assert 'Description' not in told and 'Tags' not in told
    sm.tag_resource(SecretId=name, Tags=[{'Key': 'a', 'Value': '1'}])
    sm.untag_resource(SecretId=name, TagKeys=['a'])
    assert sm.describe_secret(SecretId=name)['Tags'] == []
