"""What IAM tells about the whole account: summary, authorization details, credential report."""

import csv
import datetime
import io
import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
POLICY = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*'}]})
READ_ONLY = 'arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess'
LISTS = ('UserDetailList', 'GroupDetailList', 'RoleDetailList', 'Policies')


def refused(code, call, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    assert e.value.response['Error']['Code'] == code, e.value
    return e.value.response


@pytest.fixture
def iam(own_strata):
    """An account with two of each kind."""
    iam = own_strata.client('iam')
    mine = iam.create_policy(PolicyName='mine', Path='/p/', PolicyDocument=POLICY, Description='d')['Policy']['Arn']
    iam.create_policy(PolicyName='other', PolicyDocument=POLICY)
    iam.create_policy_version(PolicyArn=mine, PolicyDocument=POLICY)
    for n in '12':
        iam.create_user(UserName='user' + n, Tags=[{'Key': 'n', 'Value': n}])
        iam.create_group(GroupName='group' + n)
        iam.create_role(RoleName='role' + n, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=READ_ONLY)
    iam.put_user_policy(UserName='user1', PolicyName='p', PolicyDocument=POLICY)
    iam.put_group_policy(GroupName='group1', PolicyName='g', PolicyDocument=POLICY)
    iam.put_role_policy(RoleName='role1', PolicyName='r', PolicyDocument=POLICY)
    iam.add_user_to_group(GroupName='group1', UserName='user1')
    iam.attach_role_policy(RoleName='role1', PolicyArn=mine)
    iam.attach_group_policy(GroupName='group2', PolicyArn='arn:aws:iam::aws:policy/AdministratorAccess')
    iam.create_instance_profile(InstanceProfileName='profile')
    iam.add_role_to_instance_profile(InstanceProfileName='profile', RoleName='role1')
    return iam


def test_authorization_details(iam):
    got = iam.get_account_authorization_details()
    assert not got['IsTruncated'] and [len(got[name]) for name in LISTS] == [2, 2, 2, 4]
    user, role, group, mine = got['UserDetailList'][0], got['RoleDetailList'][0], got['GroupDetailList'], got['Policies'][0]
    assert user['UserName'] == 'user1' and user['GroupList'] == ['group1'] and user['Tags'] == [{'Key': 'n', 'Value': '1'}]
    assert user['UserPolicyList'] == [{'PolicyName': 'p', 'PolicyDocument': json.loads(POLICY)}] and user['AttachedManagedPolicies'] == []
    assert 'UserPolicyList' not in got['UserDetailList'][1]
    assert role['RolePolicyList'][0]['PolicyName'] == 'r' and role['AssumeRolePolicyDocument'] == json.loads(TRUST)
    assert role['AttachedManagedPolicies'] == [{'PolicyName': 'mine', 'PolicyArn': f'arn:aws:iam::{ACCOUNT}:policy/p/mine'}]
    assert [p['InstanceProfileName'] for p in role['InstanceProfileList']] == ['profile'] and role['InstanceProfileList'][0]['Roles'][0]['RoleName'] == 'role1'
    assert role['PermissionsBoundary']['PermissionsBoundaryArn'] == READ_ONLY and role['RoleLastUsed'] == {}
    assert [g['GroupPolicyList'] for g in group] == [[{'PolicyName': 'g', 'PolicyDocument': json.loads(POLICY)}], []]
    assert mine['PolicyName'] == 'mine' and mine['AttachmentCount'] == 1 and [v['VersionId'] for v in mine['PolicyVersionList']] == ['v2', 'v1']
    assert mine['PolicyVersionList'][1]['IsDefaultVersion'] and mine['PolicyVersionList'][1]['Document'] == json.loads(POLICY)
    used = {p['PolicyName']: p for p in got['Policies'][2:]}
    assert set(used) == {'AdministratorAccess', 'AmazonSQSReadOnlyAccess'} and used['AmazonSQSReadOnlyAccess']['PermissionsBoundaryUsageCount'] == 2
    assert used['AdministratorAccess']['PolicyVersionList'][0]['Document']['Statement'][0]['Action'] == '*'


def test_authorization_details_are_filtered_and_paged(iam):
    for kind, where in (('User', 0), ('Group', 1), ('Role', 2), ('LocalManagedPolicy', 3), ('AWSManagedPolicy', 3)):
        got = iam.get_account_authorization_details(Filter=[kind])
        assert [len(got[name]) for name in LISTS] == [2 if i == where else 0 for i in range(4)], kind
    two = iam.get_account_authorization_details(Filter=['Role', 'User'])
    assert [len(two[name]) for name in LISTS] == [2, 0, 2, 0]
    whole = iam.get_account_authorization_details()
    for size in (1, 2, 3, 9):
        pages, marker = [], {}
        while True:
            pages.append(iam.get_account_authorization_details(MaxItems=size, **marker))
            assert sum(len(pages[-1][name]) for name in LISTS) <= size
            if not pages[-1]['IsTruncated']:
                break
            marker = {'Marker': pages[-1]['Marker']}
        assert [[x for p in pages for x in p[name]] for name in LISTS] == [whole[name] for name in LISTS]
        assert len(pages) == -(-10 // size)
    refused('ValidationError', iam.get_account_authorization_details, Marker='made-up')
    refused('ValidationError', iam.list_users, Marker=iam.get_account_authorization_details(MaxItems=1)['Marker'])


def test_summary(iam):
    iam.create_virtual_mfa_device(VirtualMFADeviceName='phone')
    got = iam.get_account_summary()['SummaryMap']
    names = iam.meta.service_model.shape_for('summaryKeyType').enum
    assert set(got) == set(names)
    assert {k: got[k] for k in ('Users', 'Groups', 'Roles', 'Policies', 'PolicyVersionsInUse', 'InstanceProfiles', 'MFADevices', 'MFADevicesInUse')} == {
        'Users': 2, 'Groups': 2, 'Roles': 2, 'Policies': 2, 'PolicyVersionsInUse': 3, 'InstanceProfiles': 1, 'MFADevices': 1, 'MFADevicesInUse': 0}


def test_credential_report(own_strata, iam):
    assert refused('ReportNotPresent', iam.get_credential_report)['ResponseMetadata']['HTTPStatusCode'] == 410
    keys = sorted(iam.create_access_key(UserName='user1')['AccessKey']['AccessKeyId'] for _ in range(2))
    iam.update_access_key(UserName='user1', AccessKeyId=keys[1], Status='Inactive')
    iam.create_login_profile(UserName='user1', Password='Correct-horse-7')
    iam.update_account_password_policy(MaxPasswordAge=90)
    iam.create_user(UserName='Comma,user', Path='/x/')
    first = iam.generate_credential_report()
    assert first['State'] == 'STARTED' and first['Description'] == 'No report exists. Starting a new report generation task'
    again = iam.generate_credential_report()
    assert again['State'] == 'COMPLETE' and 'Description' not in again
    got = iam.get_credential_report()
    assert got['ReportFormat'] == 'text/csv' and got['GeneratedTime'].tzinfo and not got['Content'].endswith(b'\n')
    table = list(csv.DictReader(io.StringIO(got['Content'].decode())))
    assert len(table[0]) == 22 and [r['user'] for r in table] == ['<root_account>', 'Comma,user', 'user1', 'user2']
    root, _, one, two = table
    assert root['arn'] == f'arn:aws:iam::{ACCOUNT}:root' and root['password_next_rotation'] == 'not_supported' and root['mfa_active'] == 'false'
    when = lambda text: datetime.datetime.strptime(text, '%Y-%m-%dT%H:%M:%SZ')
    assert one['password_enabled'] == 'true' and one['password_last_used'] == 'no_information'
    assert when(one['password_next_rotation']) - when(one['password_last_changed']) == datetime.timedelta(days=90)
    assert one['access_key_1_active'] == 'true' and one['access_key_2_active'] == 'false' and when(one['access_key_2_last_rotated'])
    assert two == {**dict.fromkeys(two, 'N/A'), 'user': 'user2', 'arn': f'arn:aws:iam::{ACCOUNT}:user/user2', 'user_creation_time': two['user_creation_time'],
                   **{k: 'false' for k in two if k.endswith('_active') or k == 'password_enabled'}}
    iam.delete_user(UserName='user2')
    assert iam.get_credential_report()['Content'] == got['Content']
    own_strata.advance_clock(4 * 3600 + 60)
    assert refused('ReportExpired', iam.get_credential_report)['ResponseMetadata']['HTTPStatusCode'] == 410
    assert iam.generate_credential_report()['State'] == 'STARTED'
    assert b'user2' not in iam.get_credential_report()['Content']


def test_each_needs_a_grant(own_strata):
    mine, iam, name = own_strata.user('iam')
    calls = {'GenerateCredentialReport': mine.generate_credential_report, 'GetCredentialReport': mine.get_credential_report,
             'GetAccountAuthorizationDetails': mine.get_account_authorization_details, 'GetAccountSummary': mine.get_account_summary}
    for action, call in calls.items():
        assert f'iam:{action}' in refused('AccessDenied', call)['Error']['Message']
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': [f'iam:{a}' for a in calls], 'Resource': '*'}]}))
    for call in calls.values():
        call()
