"""IAM as terraform, aws-cli and a careful user call it."""

import json
import uuid

import pytest

from refusals import refused

ACCOUNT = '000000000000'
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
# Blanks and order as sent: terraform compares documents as text first.
POLICY = '{ "Version" : "2012-10-17",\n  "Statement": [ {"Action":"sqs:*", "Resource":"*", "Effect":"Allow"} ] }'
BASIC = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'


def fresh(prefix='x'):
    return f'{prefix}-{uuid.uuid4().hex[:10]}'


@pytest.fixture
def iam(strata):
    return strata.client('iam')


@pytest.fixture
def role(iam):
    name = fresh('role')
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return name


@pytest.fixture
def user(iam):
    name = fresh('user')
    iam.create_user(UserName=name)
    return name


def test_role_life(iam):
    name = fresh('role')
    made = iam.create_role(RoleName=name, Path='/app/', AssumeRolePolicyDocument=TRUST, Description='d', MaxSessionDuration=7200,
                           Tags=[{'Key': 'a', 'Value': '1'}])['Role']
    assert made['Arn'] == f'arn:aws:iam::{ACCOUNT}:role/app/{name}' and made['RoleId'].startswith('AROA') and len(made['RoleId']) == 21
    assert made['CreateDate'].microsecond == 0
    got = iam.get_role(RoleName=name)['Role']
    assert 'MaxSessionDuration' not in made
    assert got['AssumeRolePolicyDocument'] == json.loads(TRUST) and got['MaxSessionDuration'] == 7200 and got['Description'] == 'd'
    assert got['Tags'] == [{'Key': 'a', 'Value': '1'}]
    assert refused('EntityAlreadyExists', iam.create_role, RoleName=name, AssumeRolePolicyDocument=TRUST) == f'Role with name {name} already exists.'
    iam.update_role(RoleName=name, Description='e', MaxSessionDuration=3600)
    iam.tag_role(RoleName=name, Tags=[{'Key': 'a', 'Value': '2'}, {'Key': 'b', 'Value': '3'}])
    iam.untag_role(RoleName=name, TagKeys=['a'])
    assert iam.list_role_tags(RoleName=name)['Tags'] == [{'Key': 'b', 'Value': '3'}]
    other = TRUST.replace('lambda', 'scheduler')
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=other)
    got = iam.get_role(RoleName=name)['Role']
    assert got['AssumeRolePolicyDocument'] == json.loads(other) and got['Description'] == 'e'
    iam.delete_role(RoleName=name)
    assert refused('NoSuchEntity', iam.get_role, RoleName=name) == f'The role with name {name} cannot be found.'
    assert refused('NoSuchEntity', iam.delete_role, RoleName=name) == f'The role with name {name} cannot be found.'


def test_role_is_not_deleted_with_what_hangs_on_it(iam, role):
    iam.put_role_policy(RoleName=role, PolicyName='p', PolicyDocument=POLICY)
    assert refused('DeleteConflict', iam.delete_role, RoleName=role) == 'Cannot delete entity, must delete policies first.'
    iam.delete_role_policy(RoleName=role, PolicyName='p')
    iam.attach_role_policy(RoleName=role, PolicyArn=BASIC)
    assert refused('DeleteConflict', iam.delete_role, RoleName=role) == 'Cannot delete entity, must detach all policies first.'
    iam.detach_role_policy(RoleName=role, PolicyArn=BASIC)
    profile = fresh('profile')
    iam.create_instance_profile(InstanceProfileName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    assert [p['InstanceProfileName'] for p in iam.list_instance_profiles_for_role(RoleName=role)['InstanceProfiles']] == [profile]
    refused('DeleteConflict', iam.delete_role, RoleName=role)
    refused('LimitExceeded', iam.add_role_to_instance_profile, InstanceProfileName=profile, RoleName=role)
    refused('DeleteConflict', iam.delete_instance_profile, InstanceProfileName=profile)
    iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=profile)
    iam.delete_role(RoleName=role)


def test_inline_documents_come_back_as_sent(iam, role, strata):
    iam.put_role_policy(RoleName=role, PolicyName='p', PolicyDocument=POLICY)
    iam.put_role_policy(RoleName=role, PolicyName='a', PolicyDocument=POLICY)
    assert iam.list_role_policies(RoleName=role)['PolicyNames'] == ['a', 'p']
    raw = []
    iam.meta.events.register('before-parse.iam.GetRolePolicy', lambda response_dict, **k: raw.append(response_dict['body'].decode()))
    iam.get_role_policy(RoleName=role, PolicyName='p')
    from urllib.parse import unquote
    import re
    assert unquote(re.search('<PolicyDocument>(.*)</PolicyDocument>', raw[0]).group(1)) == POLICY
    assert refused('NoSuchEntity', iam.get_role_policy, RoleName=role, PolicyName='x') == 'The role policy with name x cannot be found.'


def test_inline_size(iam, user):
    big = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': ['arn:aws:sqs:*:*:' + 'x' * 70] * 30}]})
    assert refused('LimitExceeded', iam.put_user_policy, UserName=user, PolicyName='p', PolicyDocument=big).startswith('Maximum policy size of 2048 bytes')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=POLICY + ' ' * 3000)


@pytest.mark.parametrize('document, words', [
    ('{', 'Syntax errors in policy.'), ('[]', 'Syntax errors in policy.'), ('{}', 'Policy document must be version 2012-10-17 or greater.'),
    ({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Resource': '*'}]}, 'Missing required field Action'),
    ({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*'}]}, 'Missing required field Resource'),
    ({'Version': '2012-10-17', 'Statement': [{'Effect': 'allow', 'Action': 'sqs:*', 'Resource': '*'}]}, 'Invalid effect: allow'),
    ({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs', 'Resource': '*'}]},
     'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'),
    ({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': 'queue'}]}, 'Resource queue must be in ARN format or "*".'),
    ({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*', 'Principal': '*'}]},
     'Policy document should not specify a principal.'),
    ({'Version': '2012-10-17', 'Statement': [{'Sid': 'a', 'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*'}] * 2},
     'Statement IDs (SID) in a single policy must be unique.'),
])
def test_malformed_documents(iam, document, words):
    text = document if isinstance(document, str) else json.dumps(document)
    assert refused('MalformedPolicyDocument', iam.create_policy, PolicyName=fresh(), PolicyDocument=text) == words


def test_trust_documents_are_checked(iam):
    bad = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'x.amazonaws.com'}, 'Action': 'sqs:*'}]}
    make = lambda d: iam.create_role(RoleName=fresh(), AssumeRolePolicyDocument=json.dumps(d))
    assert refused('MalformedPolicyDocument', make, bad) == 'AssumeRole policy may only specify STS AssumeRole actions.'
    bad['Statement'][0].update(Action='sts:AssumeRole', Resource='*')
    assert refused('MalformedPolicyDocument', make, bad) == 'Has prohibited field Resource'
    bad['Statement'][0] = {'Effect': 'Allow', 'Principal': {'AWS': 'nobody'}, 'Action': 'sts:AssumeRole'}
    assert refused('MalformedPolicyDocument', make, bad) == 'Invalid principal in policy: "AWS":"nobody"'


def test_policy_versions(iam, role):
    name = fresh('policy')
    made = iam.create_policy(PolicyName=name, Path='/x/', PolicyDocument=POLICY, Description='d', Tags=[{'Key': 'k', 'Value': 'v'}])['Policy']
    arn = made['Arn']
    assert arn == f'arn:aws:iam::{ACCOUNT}:policy/x/{name}' and made['DefaultVersionId'] == 'v1'
    assert refused('EntityAlreadyExists', iam.create_policy, PolicyName=name, PolicyDocument=POLICY) == \
        f'A policy called {name} already exists. Duplicate names are not allowed.'
    got = iam.get_policy(PolicyArn=arn)['Policy']
    assert got['Description'] == 'd' and got['Tags'] == [{'Key': 'k', 'Value': 'v'}] and got['AttachmentCount'] == 0 and got['IsAttachable']
    for n in range(2, 6):
        assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=n == 3)['PolicyVersion']['VersionId'] == f'v{n}'
    refused('LimitExceeded', iam.create_policy_version, PolicyArn=arn, PolicyDocument=POLICY)
    assert [v['VersionId'] for v in iam.list_policy_versions(PolicyArn=arn)['Versions']] == ['v5', 'v4', 'v3', 'v2', 'v1']
    assert iam.get_policy_version(PolicyArn=arn, VersionId='v3')['PolicyVersion']['IsDefaultVersion']
    assert refused('DeleteConflict', iam.delete_policy_version, PolicyArn=arn, VersionId='v3') == 'Cannot delete the default version of a policy.'
    iam.set_default_policy_version(PolicyArn=arn, VersionId='v5')
    refused('DeleteConflict', iam.delete_policy, PolicyArn=arn)
    for n in range(1, 5):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f'v{n}')
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    assert refused('DeleteConflict', iam.delete_policy, PolicyArn=arn) == 'Cannot delete a policy attached to entities.'
    assert iam.get_policy(PolicyArn=arn)['Policy']['AttachmentCount'] == 1
    assert [r['RoleName'] for r in iam.list_entities_for_policy(PolicyArn=arn)['PolicyRoles']] == [role]
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    assert refused('NoSuchEntity', iam.detach_role_policy, RoleName=role, PolicyArn=arn) == f'Policy {arn} was not found.'
    iam.delete_policy(PolicyArn=arn)
    assert refused('NoSuchEntity', iam.get_policy, PolicyArn=arn) == f'Policy {arn} was not found.'
    assert refused('NoSuchEntity', iam.attach_role_policy, RoleName=role, PolicyArn=arn) == f'Policy {arn} does not exist or is not attachable.'


def test_awss_own_policies(iam, role):
    p = iam.get_policy(PolicyArn=BASIC)['Policy']
    v = iam.get_policy_version(PolicyArn=BASIC, VersionId=p['DefaultVersionId'])['PolicyVersion']
    assert 'logs:PutLogEvents' in v['Document']['Statement'][0]['Action']
    for name in ('service-role/AWSLambdaSQSQueueExecutionRole', 'AWSXRayDaemonWriteAccess', 'AdministratorAccess', 'ReadOnlyAccess'):
        iam.attach_role_policy(RoleName=role, PolicyArn='arn:aws:iam::aws:policy/' + name)
    attached = iam.list_attached_role_policies(RoleName=role)['AttachedPolicies']
    assert attached[0] == {'PolicyName': 'AWSLambdaSQSQueueExecutionRole', 'PolicyArn': 'arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole'}
    refused('NoSuchEntity', iam.attach_role_policy, RoleName=role, PolicyArn='arn:aws:iam::aws:policy/NoSuchPolicy')
    refused('NoSuchEntity', iam.get_policy, PolicyArn='arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole')
    pages = iam.get_paginator('list_policies').paginate(Scope='AWS', PaginationConfig={'PageSize': 300})
    names = [p['PolicyName'] for page in pages for p in page['Policies']]
    assert len(names) > 1400 and len(set(names)) == len(names)


def test_lists_page(own_strata):
    iam = own_strata.client('iam')
    for n in range(7):
        iam.create_role(RoleName=f'r{n}', Path='/a/' if n % 2 else '/b/', AssumeRolePolicyDocument=TRUST)
        iam.create_user(UserName=f'u{n}')
    first = iam.list_roles(MaxItems=3)
    assert first['IsTruncated'] and [r['RoleName'] for r in first['Roles']] == ['r0', 'r1', 'r2']
    rest = iam.list_roles(MaxItems=100, Marker=first['Marker'])
    assert not rest['IsTruncated'] and [r['RoleName'] for r in rest['Roles']] == ['r3', 'r4', 'r5', 'r6']
    assert [r['RoleName'] for r in iam.list_roles(PathPrefix='/a/')['Roles']] == ['r1', 'r3', 'r5']
    users = [u['UserName'] for page in iam.get_paginator('list_users').paginate(PaginationConfig={'PageSize': 2}) for u in page['Users']]
    assert users == [f'u{n}' for n in range(7)]
    refused('ValidationError', iam.list_roles, Marker='made-up')
    refused('ValidationError', iam.list_users, Marker=first['Marker'])
    summary = iam.get_account_summary()['SummaryMap']
    assert summary['Users'] == 7 and summary['Roles'] == 7 and summary['UsersQuota'] == 5000


def test_users_groups_keys(iam, user):
    group = fresh('group')
    iam.create_group(GroupName=group, Path='/g/')
    iam.add_user_to_group(GroupName=group, UserName=user)
    assert [u['UserName'] for u in iam.get_group(GroupName=group)['Users']] == [user]
    assert [g['GroupName'] for g in iam.list_groups_for_user(UserName=user)['Groups']] == [group]
    assert refused('DeleteConflict', iam.delete_group, GroupName=group) == 'Cannot delete entity, must remove users from group first.'
    keys = [iam.create_access_key(UserName=user)['AccessKey'] for _ in range(2)]
    assert refused('LimitExceeded', iam.create_access_key, UserName=user) == 'Cannot exceed quota for AccessKeysPerUser: 2'
    for empty in (iam.list_ssh_public_keys, iam.list_signing_certificates, iam.list_service_specific_credentials):
        assert [v for k, v in empty(UserName=user).items() if k not in ('ResponseMetadata', 'IsTruncated')] == [[]]
        refused('NoSuchEntity', empty, UserName='none')
    assert {k['AccessKeyId'] for k in iam.list_access_keys(UserName=user)['AccessKeyMetadata']} == {k['AccessKeyId'] for k in keys}
    refused('DeleteConflict', iam.delete_user, UserName=user)
    new = user + '-new'
    iam.update_user(UserName=user, NewUserName=new, NewPath='/p/')
    assert [u['Arn'] for u in iam.get_group(GroupName=group)['Users']] == [f'arn:aws:iam::{ACCOUNT}:user/p/{new}']
    refused('NoSuchEntity', iam.get_user, UserName=user)
    assert len(iam.list_access_keys(UserName=new)['AccessKeyMetadata']) == 2
    iam.update_group(GroupName=group, NewGroupName=group + '-new')
    assert [g['GroupName'] for g in iam.list_groups_for_user(UserName=new)['Groups']] == [group + '-new']
    for k in keys:
        iam.delete_access_key(UserName=new, AccessKeyId=k['AccessKeyId'])
    iam.remove_user_from_group(GroupName=group + '-new', UserName=new)
    iam.delete_user(UserName=new)
    iam.delete_group(GroupName=group + '-new')
    assert refused('NoSuchEntity', iam.list_access_keys, UserName=new) == f'The user with name {new} cannot be found.'


def test_names_are_compared_without_case(iam, user):
    refused('EntityAlreadyExists', iam.create_user, UserName=user.upper())
    assert iam.get_user(UserName=user.upper())['User']['UserName'] == user


def test_oidc_provider(iam):
    host = fresh('token') + '.actions.example.com'
    arn = iam.create_open_id_connect_provider(Url='https://' + host, ClientIDList=['sts.amazonaws.com'], ThumbprintList=['a' * 40],
                                              Tags=[{'Key': 'a', 'Value': 'b'}])['OpenIDConnectProviderArn']
    assert arn == f'arn:aws:iam::{ACCOUNT}:oidc-provider/{host}'
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got['Url'] == host and got['ClientIDList'] == ['sts.amazonaws.com'] and got['ThumbprintList'] == ['a' * 40]
    refused('EntityAlreadyExists', iam.create_open_id_connect_provider, Url='https://' + host, ThumbprintList=['a' * 40])
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID='two')
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID='sts.amazonaws.com')
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=['b' * 40])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=['a'])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got['ClientIDList'] == ['two'] and got['ThumbprintList'] == ['b' * 40] and not got['Tags']
    assert arn in [p['Arn'] for p in iam.list_open_id_connect_providers()['OpenIDConnectProviderList']]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    refused('NoSuchEntity', iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)


def test_service_linked_role(iam):
    service = fresh('svc') + '.amazonaws.com'
    role = iam.create_service_linked_role(AWSServiceName=service)['Role']
    assert role['Path'] == f'/aws-service-role/{service}/' and role['RoleName'].startswith('AWSServiceRoleFor')
    refused('UnmodifiableEntity', iam.put_role_policy, RoleName=role['RoleName'], PolicyName='p', PolicyDocument=POLICY)
    refused('UnmodifiableEntity', iam.update_role, RoleName=role['RoleName'], MaxSessionDuration=7200)
    iam.update_role(RoleName=role['RoleName'], Description='ours')
    assert iam.get_role(RoleName=role['RoleName'])['Role']['Description'] == 'ours'
    task = iam.delete_service_linked_role(RoleName=role['RoleName'])['DeletionTaskId']
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)['Status'] == 'SUCCEEDED'


def test_account_alias(strata):
    iam, other = strata.client('iam', key='333333333333'), strata.client('iam', key='444444444444')
    alias = fresh('alias')
    iam.create_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()['AccountAliases'] == [alias]
    refused('EntityAlreadyExists', other.create_account_alias, AccountAlias=alias)
    iam.delete_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()['AccountAliases'] == []


def test_tags_are_checked(iam, user):
    refused('InvalidInput', iam.tag_user, UserName=user, Tags=[{'Key': 'a', 'Value': '1'}, {'Key': 'A', 'Value': '2'}])
    iam.tag_user(UserName=user, Tags=[{'Key': f'k{n}', 'Value': ''} for n in range(50)])
    refused('LimitExceeded', iam.tag_user, UserName=user, Tags=[{'Key': 'one-more', 'Value': ''}])


def test_accounts_do_not_see_one_another(strata, role):
    other = strata.client('iam', key='555555555555')
    refused('NoSuchEntity', other.get_role, RoleName=role)
    assert all(r['RoleName'] != role for r in other.list_roles()['Roles'])


def test_unlisted_operation_is_named(iam):
    assert 'GenerateOrganizationsAccessReport' in refused('NotImplemented', iam.generate_organizations_access_report, EntityPath='o-a1b2c3d4e5/r-f6g7')


def allow_if(action, **condition):
    return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': action, 'Resource': '*', 'Condition': {'StringEquals': condition}}]})


def test_who_manages_only_what_has_a_boundary(strata):
    mine, iam, admin = strata.user('iam')
    free, bounded = fresh('free'), fresh('bounded')
    iam.put_user_policy(UserName=admin, PolicyName='p', PolicyDocument=allow_if('iam:*', **{'iam:PermissionsBoundary': BASIC}))
    refused('AccessDenied', mine.create_user, UserName=bounded)
    mine.create_user(UserName=bounded, PermissionsBoundary=BASIC)
    iam.create_user(UserName=free)
    iam.create_role(RoleName=free, AssumeRolePolicyDocument=TRUST)
    iam.create_role(RoleName=bounded, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=BASIC)

    def all_of(name):
        return [lambda: mine.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=POLICY), lambda: mine.delete_user_policy(UserName=name, PolicyName='p'),
                lambda: mine.attach_user_policy(UserName=name, PolicyArn=BASIC), lambda: mine.detach_user_policy(UserName=name, PolicyArn=BASIC),
                lambda: mine.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=POLICY), lambda: mine.get_role(RoleName=name),
                lambda: mine.update_role(RoleName=name, Description='d'), lambda: mine.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST),
                lambda: mine.delete_role_policy(RoleName=name, PolicyName='p'), lambda: mine.delete_role_permissions_boundary(RoleName=name)]
    for call in all_of(free):
        refused('AccessDenied', call)
    for call in all_of(bounded):
        call()
    for call in all_of(bounded)[4:]:  # the role has lost it
        refused('AccessDenied', call)


def test_tags_of_what_is_asked_for_are_conditions(strata):
    mine, iam, name = strata.user('iam')
    ours, theirs = {'Key': 'team', 'Value': 'ours'}, {'Key': 'team', 'Value': 'theirs'}
    made = {}
    for tag in (ours, theirs):
        n, host = fresh(tag['Value']), fresh(tag['Value']) + '.example.com'
        iam.create_user(UserName=n, Tags=[tag], Path='/a/b/')
        iam.create_role(RoleName=n, AssumeRolePolicyDocument=TRUST, Tags=[tag])
        iam.create_instance_profile(InstanceProfileName=n, Tags=[tag])
        made[tag['Value']] = (n, iam.create_policy(PolicyName=n, PolicyDocument=POLICY, Tags=[tag])['Policy']['Arn'],
                              iam.create_open_id_connect_provider(Url='https://' + host + '/x', ThumbprintList=['a' * 40], Tags=[tag])['OpenIDConnectProviderArn'],
                              iam.create_virtual_mfa_device(VirtualMFADeviceName=n, Tags=[tag])['VirtualMFADevice']['SerialNumber'])

    def reads(n, policy, provider, device):
        return [lambda: mine.list_user_tags(UserName=n), lambda: mine.get_role(RoleName=n), lambda: mine.get_instance_profile(InstanceProfileName=n),
                lambda: mine.get_policy(PolicyArn=policy), lambda: mine.get_open_id_connect_provider(OpenIDConnectProviderArn=provider),
                lambda: mine.list_mfa_device_tags(SerialNumber=device)]
    for key in ('aws:ResourceTag/team', 'iam:ResourceTag/team'):
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=allow_if('iam:*', **{key: 'ours'}))
        for call in reads(*made['ours']):
            call()
        for call in reads(*made['theirs']):
            refused('AccessDenied', call)
