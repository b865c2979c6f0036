"""STS: who am I, roles, sessions that end on the clock. In allowed and denied pairs."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from refusals import refused

ACCOUNT = '000000000000'


def fresh(prefix):
    return f'{prefix}-{uuid.uuid4().hex[:10]}'


def document(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements)})


def allow(action, resource='*', **more):
    return {'Effect': 'Allow', 'Action': action, 'Resource': resource, **more}


def trust(principal, **more):
    return document({'Effect': 'Allow', 'Principal': principal, 'Action': ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'], **more})


def role_for(strata, principal, policy=None, **more):
    iam, name = strata.client('iam'), fresh('role')
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal, **more))['Role']['Arn']
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=policy)
    return name, arn


def session(strata, service, credentials):
    return strata.client(service, key=credentials['AccessKeyId'], secret=credentials['SecretAccessKey'], token=credentials['SessionToken'])


def test_root_and_user_identity(strata):
    assert strata.client('sts').get_caller_identity()['Arn'] == f'arn:aws:iam::{ACCOUNT}:root'
    assert strata.client('sts', key='123456789012').get_caller_identity()['Account'] == '123456789012'
    sts, _, name = strata.user('sts')
    me = sts.get_caller_identity()
    assert me['Arn'] == f'arn:aws:iam::{ACCOUNT}:user/{name}' and me['UserId'].startswith('AIDA')


def test_assume_role_by_trusted_user_only(strata):
    sts, _, name = strata.user('sts')
    other, _, _ = strata.user('sts')
    role, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'}, document(allow('iam:ListRoles')))
    answer = sts.assume_role(RoleArn=arn, RoleSessionName='one')
    assert answer['AssumedRoleUser']['Arn'] == f'arn:aws:sts::{ACCOUNT}:assumed-role/{role}/one'
    me = session(strata, 'sts', answer['Credentials']).get_caller_identity()
    assert me['Arn'] == answer['AssumedRoleUser']['Arn'] and me['UserId'] == answer['AssumedRoleUser']['AssumedRoleId']
    iam = session(strata, 'iam', answer['Credentials'])
    iam.list_roles()
    message = refused('AccessDenied', iam.list_users)
    assert message.startswith(f'User: arn:aws:sts::{ACCOUNT}:assumed-role/{role}/one is not authorized to perform: iam:ListUsers')
    message = refused('AccessDenied', other.assume_role, RoleArn=arn, RoleSessionName='two')
    assert message.endswith(f'is not authorized to perform: sts:AssumeRole on resource: {arn}')
    refused('AccessDenied', sts.assume_role, RoleArn=arn + 'x', RoleSessionName='two')
    refused('AccessDenied', strata.client('sts').assume_role, RoleArn=arn, RoleSessionName='root')


def test_account_trust_needs_an_identity_policy(strata):
    sts, iam, name = strata.user('sts')
    _, arn = role_for(strata, {'AWS': ACCOUNT})
    refused('AccessDenied', sts.assume_role, RoleArn=arn, RoleSessionName='session')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow('sts:AssumeRole', arn)))
    sts.assume_role(RoleArn=arn, RoleSessionName='session')


def test_identity_policy_alone_does_not_open_a_role(strata):
    sts, iam, name = strata.user('sts')
    _, arn = role_for(strata, {'Service': 'lambda.amazonaws.com'})
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow('sts:*')))
    refused('AccessDenied', sts.assume_role, RoleArn=arn, RoleSessionName='session')


def test_external_id(strata):
    sts, _, name = strata.user('sts')
    _, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'}, Condition={'StringEquals': {'sts:ExternalId': 'secret-id'}})
    refused('AccessDenied', sts.assume_role, RoleArn=arn, RoleSessionName='session')
    refused('AccessDenied', sts.assume_role, RoleArn=arn, RoleSessionName='session', ExternalId='other')
    sts.assume_role(RoleArn=arn, RoleSessionName='session', ExternalId='secret-id')


def test_session_policy_only_narrows(strata):
    sts, _, name = strata.user('sts')
    _, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'}, document(allow(['iam:ListRoles', 'iam:ListUsers'])))
    answer = sts.assume_role(RoleArn=arn, RoleSessionName='session', Policy=document(allow(['iam:ListRoles', 'iam:ListGroups'])))
    iam = session(strata, 'iam', answer['Credentials'])
    iam.list_roles()
    assert 'because no session policy allows the iam:ListUsers action' in refused('AccessDenied', iam.list_users)
    assert 'because no identity-based policy allows' in refused('AccessDenied', iam.list_groups)
    refused('MalformedPolicyDocument', sts.assume_role, RoleArn=arn, RoleSessionName='session', Policy='{"x":1}')


def test_session_tags_are_principal_tags(strata):
    sts, _, name = strata.user('sts')
    policy = document(allow('iam:ListRoles', Condition={'StringEquals': {'aws:PrincipalTag/team': 'blue'}}))
    _, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'}, policy)
    for team, works in (('blue', True), ('red', False)):
        answer = sts.assume_role(RoleArn=arn, RoleSessionName='session', Tags=[{'Key': 'team', 'Value': team}])
        iam = session(strata, 'iam', answer['Credentials'])
        if works:
            iam.list_roles()
        else:
            refused('AccessDenied', iam.list_roles)


def test_durations(strata):
    sts, iam, name = strata.user('sts')
    role, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'})
    message = refused('ValidationError', sts.assume_role, RoleArn=arn, RoleSessionName='session', DurationSeconds=7200)
    assert message == 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.'
    iam.update_role(RoleName=role, MaxSessionDuration=7200)
    sts.assume_role(RoleArn=arn, RoleSessionName='session', DurationSeconds=7200)


def test_sessions_end_on_the_clock(own_strata):
    sts, _, name = own_strata.user('sts')
    _, arn = role_for(own_strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'})
    mine = session(own_strata, 'sts', sts.assume_role(RoleArn=arn, RoleSessionName='session', DurationSeconds=900)['Credentials'])
    mine.get_caller_identity()
    own_strata.advance_clock(901)
    assert refused('ExpiredToken', mine.get_caller_identity) == 'The security token included in the request is expired'
    own_strata.advance_clock(2 * 86400)
    refused('InvalidClientTokenId', mine.get_caller_identity)


def test_a_session_needs_its_own_token(strata):
    sts, _, name = strata.user('sts')
    token = sts.get_session_token()['Credentials']
    assert session(strata, 'sts', token).get_caller_identity()['Arn'].endswith(f':user/{name}')
    refused('InvalidClientTokenId', session(strata, 'sts', {**token, 'SessionToken': 'x' + token['SessionToken'][1:]}).get_caller_identity)
    refused('InvalidClientTokenId', strata.client('sts', key=token['AccessKeyId'], secret=token['SecretAccessKey']).get_caller_identity)
    refused('AccessDenied', session(strata, 'sts', token).get_session_token)


def test_federation_token(strata):
    sts, iam, name = strata.user('sts')
    refused('AccessDenied', sts.get_federation_token, Name='fed')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow(['sts:GetFederationToken', 'sqs:ListQueues', 'kms:ListKeys'])))
    answer = sts.get_federation_token(Name='fed', Policy=document(allow('sqs:ListQueues')))
    assert answer['FederatedUser']['Arn'] == f'arn:aws:sts::{ACCOUNT}:federated-user/fed'
    session(strata, 'sqs', answer['Credentials']).list_queues()
    refused('AccessDeniedException', session(strata, 'kms', answer['Credentials']).list_keys)
    refused('AccessDenied', session(strata, 'sqs', sts.get_federation_token(Name='fed')['Credentials']).list_queues)


def test_iam_takes_no_session_of_a_user_without_a_code(strata):
    sts, iam, name = strata.user('sts')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow('*')))
    for made in (sts.get_session_token(), sts.get_federation_token(Name='fed', Policy=document(allow('*'))), strata.client('sts').get_session_token()):
        words = refused('InvalidClientTokenId', session(strata, 'iam', made['Credentials']).list_roles)
        assert words == 'The security token included in the request is invalid'


def test_a_deleted_role_ends_its_sessions(strata):
    sts, iam, name = strata.user('sts')
    role, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'})
    mine = session(strata, 'sts', sts.assume_role(RoleArn=arn, RoleSessionName='session')['Credentials'])
    mine.get_caller_identity()
    iam.delete_role(RoleName=role)
    refused('InvalidClientTokenId', mine.get_caller_identity)


def test_access_key_info(strata):
    _, iam, name = strata.user('sts')
    key = iam.list_access_keys(UserName=name)['AccessKeyMetadata'][0]['AccessKeyId']
    assert strata.client('sts').get_access_key_info(AccessKeyId=key)['Account'] == ACCOUNT


def test_an_authorization_message_is_decoded(strata):
    sqs, iam, name = strata.user('sqs')
    sts = strata.client('sts')

    def refusal(call, **kwargs):
        with pytest.raises(ClientError) as e:
            call(**kwargs)
        return e.value.response['ResponseMetadata']['HTTPHeaders']['x-strata-authorization-message']
    encoded = refusal(sqs.create_queue, QueueName='q')
    said = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)['DecodedMessage'])
    assert not said['allowed'] and not said['explicitDeny'] and said['matchedStatements'] == {'items': []}
    assert said['context']['principal']['arn'] == f'arn:aws:iam::{ACCOUNT}:user/{name}' and said['context']['principal']['name'] == name
    assert said['context']['action'] == 'sqs:CreateQueue' and said['context']['resource'] == f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'
    conditions = {c['key']: [v['value'] for v in c['values']['items']] for c in said['context']['conditions']['items']}
    assert conditions['aws:username'] == [name] and conditions['aws:RequestedRegion'] == ['us-east-1'] and 'aws:SourceIp' in conditions
    deny = {'Sid': 'No', 'Effect': 'Deny', 'Action': 'sqs:*', 'Resource': '*', 'Condition': {'StringEquals': {'aws:username': name}}}
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow('*'), deny))
    said = json.loads(sts.decode_authorization_message(EncodedMessage=refusal(sqs.list_queues))['DecodedMessage'])
    assert said['explicitDeny'] and said['matchedStatements']['items'] == [
        {'statementId': 'No', 'effect': 'DENY', 'actions': {'items': [{'value': 'sqs:*'}]}, 'resources': {'items': [{'value': '*'}]}}]
    flipped = encoded[:40] + ('A' if encoded[40] != 'A' else 'B') + encoded[41:]
    for bad in ('nonsense', flipped, encoded[:-4], 'line\nbreak'):
        refused('InvalidAuthorizationMessageException', sts.decode_authorization_message, EncodedMessage=bad)
    refused('InvalidAuthorizationMessageException', strata.client('sts', key='111111111111', secret='test').decode_authorization_message, EncodedMessage=encoded)
    mine, iam, name = strata.user('sts')
    refused('AccessDenied', mine.decode_authorization_message, EncodedMessage=encoded)
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(allow('sts:DecodeAuthorizationMessage')))
    mine.decode_authorization_message(EncodedMessage=encoded)


def test_a_source_identity_and_transitive_tags_are_conditions(strata):
    sts, _, name = strata.user('sts')
    role, arn = role_for(strata, {'AWS': f'arn:aws:iam::{ACCOUNT}:user/{name}'}, document(
        allow('sqs:ListQueues', Condition={'StringEquals': {'aws:SourceIdentity': 'ann'}})),
        Condition={'ForAllValues:StringEquals': {'sts:TransitiveTagKeys': ['a']}})
    assume = lambda **more: session(strata, 'sqs', sts.assume_role(RoleArn=arn, RoleSessionName='session', **more)['Credentials'])
    assume(SourceIdentity='ann').list_queues()
    refused('AccessDenied', assume(SourceIdentity='bob').list_queues)
    refused('AccessDenied', assume().list_queues)
    tags = [{'Key': k, 'Value': '1'} for k in 'ab']
    assume(Tags=tags, TransitiveTagKeys=['a'])
    refused('AccessDenied', assume, Tags=tags, TransitiveTagKeys=['a', 'b'])
