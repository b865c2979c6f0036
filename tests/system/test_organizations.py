"""Organizations: accounts, units, policies; and that service control and resource control policies bind."""

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

MANAGEMENT = '000000000000'


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


def allow(action, resource='*', effect='Allow', **more):
    return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': effect, 'Action': action, 'Resource': resource, **more}]})


def refused(call, code, message=None, **parameters):
    with pytest.raises(ClientError) as e:
        call(**parameters)
    assert e.value.response['Error']['Code'] == code, e.value
    if message:
        assert message in e.value.response['Error']['Message'], e.value
    return e.value.response


def ended(org, request):
    """The state of a CreateAccount when it is in progress no more."""
    while (status := org.describe_create_account_status(CreateAccountRequestId=request)['CreateAccountStatus'])['State'] == 'IN_PROGRESS':
        time.sleep(0.01)
    return status


def account(org, name=None):
    status = org.create_account(Email=f'{uuid.uuid4().hex[:12]}@example.com', AccountName=name or 'dev')['CreateAccountStatus']
    assert status['State'] == 'IN_PROGRESS' and 'AccountId' not in status
    status = ended(org, status['Id'])
    assert status['State'] == 'SUCCEEDED' and status['CompletedTimestamp'] >= status['RequestedTimestamp']
    return status['AccountId']


@pytest.fixture(scope='module')
def org(strata):
    client = strata.client('organizations')
    refused(client.describe_organization, 'AWSOrganizationsNotInUseException', 'Your account is not a member of an organization.')
    made = client.create_organization()['Organization']
    assert made['FeatureSet'] == 'ALL' and made['MasterAccountId'] == MANAGEMENT and made['Arn'].endswith(f'organization/{made["Id"]}')
    assert made['AvailablePolicyTypes'] == [{'Type': 'SERVICE_CONTROL_POLICY', 'Status': 'ENABLED'}]
    assert client.describe_organization()['Organization'] == made
    refused(client.create_organization, 'AlreadyInOrganizationException')
    root = client.list_roots()['Roots'][0]
    assert root['Name'] == 'Root' and root['PolicyTypes'] == []
    for type in ('SERVICE_CONTROL_POLICY', 'RESOURCE_CONTROL_POLICY'):
        client.enable_policy_type(RootId=root['Id'], PolicyType=type)
    return client


@pytest.fixture(scope='module')
def root(org):
    return org.list_roots()['Roots'][0]['Id']


@pytest.fixture
def member(strata, org):
    """A member account: its id, and a maker of clients: its root's, or those of a user with a policy."""
    id = account(org)

    class Member:
        def root(self, service):
            return strata.client(service, key=id)

        def user(self, policy):
            iam, name = strata.client('iam', key=id), 'u-' + uuid.uuid4().hex[:8]
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=policy)
            key = iam.create_access_key(UserName=name)['AccessKey']
            return lambda service: strata.client(service, key=key['AccessKeyId'], secret=key['SecretAccessKey'])

    made = Member()
    made.id = id
    yield made
    org.remove_account_from_organization(AccountId=id)


def policy(org, document, type='SERVICE_CONTROL_POLICY'):
    return org.create_policy(Name='p-' + uuid.uuid4().hex[:8], Description='d', Type=type, Content=document)['Policy']['PolicySummary']['Id']


# ---- the tree ----


def test_accounts_are_made_and_found(org, root, strata):
    id = account(org, 'Orders')
    found = org.describe_account(AccountId=id)['Account']
    assert found['Name'] == 'Orders' and found['Status'] == found['State'] == 'ACTIVE' and found['JoinedMethod'] == 'CREATED'
    assert found['Arn'].split(':')[4] == MANAGEMENT and found['Paths'][0].endswith(f'/{root}/{id}/')
    assert {a['Id'] for a in org.list_accounts()['Accounts']} >= {MANAGEMENT, id}
    assert org.list_parents(ChildId=id)['Parents'] == [{'Id': root, 'Type': 'ROOT'}]
    taken = org.create_account(Email=found['Email'].upper(), AccountName='again')['CreateAccountStatus']['Id']
    failed = ended(org, taken)
    assert (failed['State'], failed['FailureReason']) == ('FAILED', 'EMAIL_ALREADY_EXISTS')
    assert [s['Id'] for s in org.list_create_account_status(States=['FAILED'])['CreateAccountStatuses']] == [taken]
    refused(org.describe_account, 'AccountNotFoundException', "You specified an account that doesn't exist.", AccountId='123412341234')
    refused(org.describe_create_account_status, 'CreateAccountStatusNotFoundException', CreateAccountRequestId='car-' + 'a' * 32)
    # Its management account reaches it by the role that it was made with.
    user, iam, name = strata.user('sts')
    role = f'arn:aws:iam::{id}:role/OrganizationAccountAccessRole'
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=allow('sts:AssumeRole', role))
    c = user.assume_role(RoleArn=role, RoleSessionName='admin')['Credentials']
    inside = {'key': c['AccessKeyId'], 'secret': c['SecretAccessKey'], 'token': c['SessionToken']}
    assert strata.client('iam', **inside).list_users()['Users'] == []
    assert strata.client('organizations', **inside).describe_organization()['Organization']['MasterAccountId'] == MANAGEMENT
    refused(strata.client('organizations', **inside).list_accounts, 'AccessDeniedException', "You don't have permissions to access this resource.")
    strata.client('organizations', key=id).leave_organization()
    refused(org.describe_account, 'AccountNotFoundException', AccountId=id)
    refused(org.leave_organization, 'MasterCannotLeaveOrganizationException')
    refused(org.remove_account_from_organization, 'MasterCannotLeaveOrganizationException', AccountId=MANAGEMENT)


def test_units_hold_accounts(org, root, member):
    made = org.create_organizational_unit(ParentId=root, Name='apps', Tags=[{'Key': 'a', 'Value': '1'}])['OrganizationalUnit']
    unit = made['Id']
    assert unit.startswith('ou-' + root[2:]) and made['Path'].endswith(f'/{root}/{unit}/')
    assert org.describe_organizational_unit(OrganizationalUnitId=unit)['OrganizationalUnit'] == made
    refused(org.create_organizational_unit, 'DuplicateOrganizationalUnitException', 'An OU with the same name already exists.', ParentId=root, Name='apps')
    below = org.create_organizational_unit(ParentId=unit, Name='apps')['OrganizationalUnit']['Id']
    org.move_account(AccountId=member.id, SourceParentId=root, DestinationParentId=below)
    refused(org.move_account, 'SourceParentNotFoundException', AccountId=member.id, SourceParentId=root, DestinationParentId=unit)
    refused(org.move_account, 'DuplicateAccountException', AccountId=member.id, SourceParentId=below, DestinationParentId=below)
    refused(org.move_account, 'DestinationParentNotFoundException', AccountId=member.id, SourceParentId=below, DestinationParentId=unit[:-8] + 'a' * 8)
    assert org.list_children(ParentId=below, ChildType='ACCOUNT')['Children'] == [{'Id': member.id, 'Type': 'ACCOUNT'}]
    assert org.list_children(ParentId=unit, ChildType='ORGANIZATIONAL_UNIT')['Children'] == [{'Id': below, 'Type': 'ORGANIZATIONAL_UNIT'}]
    assert [a['Id'] for a in org.list_accounts_for_parent(ParentId=below)['Accounts']] == [member.id]
    assert [u['Id'] for u in org.list_organizational_units_for_parent(ParentId=unit)['OrganizationalUnits']] == [below]
    assert org.list_parents(ChildId=below)['Parents'] == [{'Id': unit, 'Type': 'ORGANIZATIONAL_UNIT'}]
    refused(org.list_children, 'ParentNotFoundException', ParentId='r-none', ChildType='ACCOUNT')
    refused(org.list_parents, 'ChildNotFoundException', ChildId='123412341234')
    refused(org.delete_organizational_unit, 'OrganizationalUnitNotEmptyException', OrganizationalUnitId=below)
    org.move_account(AccountId=member.id, SourceParentId=below, DestinationParentId=root)
    assert org.update_organizational_unit(OrganizationalUnitId=below, Name='web')['OrganizationalUnit']['Name'] == 'web'
    at = below
    for depth in range(3):
        at = org.create_organizational_unit(ParentId=at, Name='x')['OrganizationalUnit']['Id']
    assert refused(org.create_organizational_unit, 'ConstraintViolationException', ParentId=at, Name='x')['Reason'] == 'OU_DEPTH_LIMIT_EXCEEDED'
    org.tag_resource(ResourceId=unit, Tags=[{'Key': 'b', 'Value': '2'}])
    org.untag_resource(ResourceId=unit, TagKeys=['a'])
    assert org.list_tags_for_resource(ResourceId=unit)['Tags'] == [{'Key': 'b', 'Value': '2'}]
    refused(org.list_tags_for_resource, 'TargetNotFoundException', ResourceId='123412341234')
    while at != root:
        parent = org.list_parents(ChildId=at)['Parents'][0]['Id']
        org.delete_organizational_unit(OrganizationalUnitId=at)
        at = parent
    refused(org.describe_organizational_unit, 'OrganizationalUnitNotFoundException', OrganizationalUnitId=unit)


def test_lists_come_in_pages(org, root):
    unit = org.create_organizational_unit(ParentId=root, Name='many')['OrganizationalUnit']['Id']
    below = {org.create_organizational_unit(ParentId=unit, Name=str(n))['OrganizationalUnit']['Id'] for n in range(25)}
    first = org.list_organizational_units_for_parent(ParentId=unit)
    second = org.list_organizational_units_for_parent(ParentId=unit, NextToken=first['NextToken'])
    assert len(first['OrganizationalUnits']) == 20 and 'NextToken' not in second
    assert {u['Id'] for u in first['OrganizationalUnits'] + second['OrganizationalUnits']} == below
    assert len(org.list_children(ParentId=unit, ChildType='ORGANIZATIONAL_UNIT', MaxResults=3)['Children']) == 3
    refused(org.list_accounts, 'InvalidInputException', NextToken='never')
    for id in below | {unit}:
        if id != unit:
            org.delete_organizational_unit(OrganizationalUnitId=id)
    org.delete_organizational_unit(OrganizationalUnitId=unit)


# ---- policies ----


def test_policies_are_kept_and_attached(org, root, member):
    made = org.create_policy(Name='no-queues', Description='d', Type='SERVICE_CONTROL_POLICY', Content=allow('sqs:*', effect='Deny'), Tags=[{'Key': 'a', 'Value': '1'}])['Policy']
    id = made['PolicySummary']['Id']
    assert made['PolicySummary']['AwsManaged'] is False and made['PolicySummary']['Arn'].endswith(f'/service_control_policy/{id}')
    assert org.describe_policy(PolicyId=id)['Policy'] == made
    full = org.describe_policy(PolicyId='p-FullAWSAccess')['Policy']
    assert full['PolicySummary']['AwsManaged'] and full['PolicySummary']['Arn'] == 'arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess'
    refused(org.create_policy, 'DuplicatePolicyException', Name='no-queues', Description='', Type='SERVICE_CONTROL_POLICY', Content=allow('*'))
    updated = org.update_policy(PolicyId=id, Description='other')['Policy']
    assert updated['PolicySummary']['Description'] == 'other' and updated['Content'] == made['Content']
    assert {p['Id'] for p in org.list_policies(Filter='SERVICE_CONTROL_POLICY')['Policies']} >= {id, 'p-FullAWSAccess'}
    assert [p['Id'] for p in org.list_policies_for_target(TargetId=member.id, Filter='SERVICE_CONTROL_POLICY')['Policies']] == ['p-FullAWSAccess']
    org.attach_policy(PolicyId=id, TargetId=member.id)
    refused(org.attach_policy, 'DuplicatePolicyAttachmentException', PolicyId=id, TargetId=member.id)
    assert [(t['TargetId'], t['Type'], t['Name']) for t in org.list_targets_for_policy(PolicyId=id)['Targets']] == [(member.id, 'ACCOUNT', 'dev')]
    refused(org.delete_policy, 'PolicyInUseException', PolicyId=id)
    others = [policy(org, allow('*')) for _ in range(4)]
    for other in others[:3]:
        org.attach_policy(PolicyId=other, TargetId=member.id)
    response = refused(org.attach_policy, 'ConstraintViolationException', PolicyId=others[3], TargetId=member.id)
    assert response['Reason'] == 'MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED'
    for attached in [id, *others[:3]]:
        org.detach_policy(PolicyId=attached, TargetId=member.id)
    refused(org.detach_policy, 'PolicyNotAttachedException', PolicyId=id, TargetId=member.id)
    response = refused(org.detach_policy, 'ConstraintViolationException', PolicyId='p-FullAWSAccess', TargetId=member.id)
    assert response['Reason'] == 'MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED'
    for attached in [id, *others]:
        org.delete_policy(PolicyId=attached)
    refused(org.describe_policy, 'PolicyNotFoundException', "You specified a policy that doesn't exist.", PolicyId=id)
    refused(org.attach_policy, 'PolicyNotFoundException', PolicyId=id, TargetId=root)
    refused(org.attach_policy, 'TargetNotFoundException', PolicyId='p-FullAWSAccess', TargetId='123412341234')
    refused(org.update_policy, 'InvalidInputException', PolicyId='p-FullAWSAccess', Name='mine')
    refused(org.delete_policy, 'InvalidInputException', PolicyId='p-FullAWSAccess')


def test_policies_that_are_none(org, root):
    def bad(code, content, type='SERVICE_CONTROL_POLICY'):
        return refused(org.create_policy, code, Name='never', Description='', Type=type, Content=content)

    malformed = 'MalformedPolicyDocumentException'
    for content in ('{}', 'x', allow('nonsense'), allow('sqs:*', Principal='*'), allow('sqs:*', effect='Perhaps')):
        bad(malformed, content)
    for content in (allow('sqs:*', Principal='*'), allow('sqs:*', effect='Deny'), allow('*', effect='Deny', Principal='*'),
                    allow('sqs:*', effect='Deny', Principal={'AWS': MANAGEMENT})):
        bad(malformed, content, 'RESOURCE_CONTROL_POLICY')
    assert bad('ConstraintViolationException', allow(['sqs:' + 'x' * 100] * 60))['Reason'] == 'POLICY_CONTENT_LIMIT_EXCEEDED'
    with pytest.raises(ClientError, match='TAG_POLICY'):
        org.list_policies(Filter='TAG_POLICY')
    with pytest.raises(ClientError, match='BACKUP_POLICY'):
        org.enable_policy_type(RootId=root, PolicyType='BACKUP_POLICY')
    refused(org.enable_policy_type, 'PolicyTypeAlreadyEnabledException', RootId=root, PolicyType='SERVICE_CONTROL_POLICY')
    refused(org.enable_policy_type, 'RootNotFoundException', RootId='r-none', PolicyType='SERVICE_CONTROL_POLICY')


# ---- what binds ----


def test_a_deny_anywhere_above_binds_users_roles_and_the_root(org, root, member):
    unit = org.create_organizational_unit(ParentId=root, Name='bound')['OrganizationalUnit']['Id']
    org.move_account(AccountId=member.id, SourceParentId=root, DestinationParentId=unit)
    user = member.user(allow('*'))
    user('sqs').list_queues()
    no_queues = policy(org, allow('sqs:ListQueues', effect='Deny'))
    for target in (root, unit, member.id):
        org.attach_policy(PolicyId=no_queues, TargetId=target)
        for client in (user('sqs'), member.root('sqs')):
            refused(client.list_queues, 'AccessDenied', 'is not authorized to perform: sqs:ListQueues on resource: * with an explicit deny in a service control policy')
        user('iam').list_users()
        org.detach_policy(PolicyId=no_queues, TargetId=target)
        user('sqs').list_queues()
        member.root('sqs').list_queues()
    org.move_account(AccountId=member.id, SourceParentId=unit, DestinationParentId=root)
    org.delete_organizational_unit(OrganizationalUnitId=unit)
    org.delete_policy(PolicyId=no_queues)


def test_every_level_must_allow(org, root, member):
    user, only = member.user(allow('*')), policy(org, allow(['sqs:*', 'organizations:*']))
    granted, key = member.user(allow('sqs:*')), member.root('kms').create_key()['KeyMetadata']
    member.root('kms').create_grant(KeyId=key['KeyId'], GranteePrincipal=granted('sts').get_caller_identity()['Arn'], Operations=['DescribeKey'])
    granted('kms').describe_key(KeyId=key['KeyId'])
    org.attach_policy(PolicyId=only, TargetId=member.id)
    user('iam').list_users()
    org.detach_policy(PolicyId='p-FullAWSAccess', TargetId=member.id)
    user('sqs').list_queues()
    refused(user('iam').list_users, 'AccessDenied', 'because no service control policy allows the iam:ListUsers action')
    refused(member.root('iam').list_users, 'AccessDenied', 'because no service control policy allows the iam:ListUsers action')
    refused(granted('kms').describe_key, 'AccessDeniedException', 'no service control policy allows', KeyId=key['KeyId'])
    nobody = member.user  # what is allowed above must still be allowed by the identity's own policy
    org.attach_policy(PolicyId='p-FullAWSAccess', TargetId=member.id)
    refused(nobody(allow('iam:GetUser'))('sqs').list_queues, 'AccessDenied', 'because no identity-based policy allows')
    org.detach_policy(PolicyId=only, TargetId=member.id)
    org.delete_policy(PolicyId=only)


def test_a_simulation_tells_nothing_of_another_accounts_organization(org, strata, member):
    stranger = f'arn:aws:iam::{member.id}:user/anybody'
    denied = policy(org, allow('sqs:*', effect='Deny'))
    org.attach_policy(PolicyId=denied, TargetId=member.id)
    iam, name = strata.client('iam'), 'u-' + uuid.uuid4().hex[:8]
    own = iam.create_user(UserName=name)['User']['Arn']
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=allow('sqs:*'))
    ask = lambda **more: [r.get('OrganizationsDecisionDetail') for r in iam.simulate_principal_policy(PolicySourceArn=own, ActionNames=['sqs:ListQueues'], **more)['EvaluationResults']]
    asked = {'CallerArn': stranger, 'ResourceArns': [f'arn:aws:sqs:us-east-1:{MANAGEMENT}:q']}
    before = ask(**asked)
    org.detach_policy(PolicyId=denied, TargetId=member.id)
    assert ask(**asked) == before
    org.delete_policy(PolicyId=denied)


def test_the_management_account_is_not_bound(org, root, strata):
    everything = policy(org, allow('sqs:*', effect='Deny'))
    org.attach_policy(PolicyId=everything, TargetId=root)
    strata.client('sqs').list_queues()
    user, iam, name = strata.user('sqs')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=allow('sqs:*'))
    user.list_queues()
    org.detach_policy(PolicyId=everything, TargetId=root)
    org.delete_policy(PolicyId=everything)


def test_a_type_that_is_disabled_binds_nobody(org, root, member):
    none = policy(org, allow('sqs:*', effect='Deny'))
    org.attach_policy(PolicyId=none, TargetId=member.id)
    refused(member.root('sqs').list_queues, 'AccessDenied')
    org.disable_policy_type(RootId=root, PolicyType='SERVICE_CONTROL_POLICY')
    member.root('sqs').list_queues()
    assert org.list_policies_for_target(TargetId=member.id, Filter='SERVICE_CONTROL_POLICY')['Policies'] == []
    refused(org.attach_policy, 'PolicyTypeNotEnabledException', PolicyId=none, TargetId=member.id)
    assert {t['Type'] for t in org.enable_policy_type(RootId=root, PolicyType='SERVICE_CONTROL_POLICY')['Root']['PolicyTypes']} == {'SERVICE_CONTROL_POLICY', 'RESOURCE_CONTROL_POLICY'}
    assert [p['Id'] for p in org.list_policies_for_target(TargetId=member.id, Filter='SERVICE_CONTROL_POLICY')['Policies']] == ['p-FullAWSAccess']
    org.delete_policy(PolicyId=none)


def test_a_resource_control_policy_binds_strangers_too(org, root, member, strata):
    queue = member.root('sqs').create_queue(QueueName='q', Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': '*', 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})['QueueUrl']
    stranger = strata.client('sqs', key='999999999999')
    stranger.send_message(QueueUrl=queue, MessageBody='x')
    perimeter = policy(org, allow('sqs:*', effect='Deny', Principal='*', Condition={
        'StringNotEqualsIfExists': {'aws:PrincipalOrgID': org.describe_organization()['Organization']['Id']}}), 'RESOURCE_CONTROL_POLICY')
    org.attach_policy(PolicyId=perimeter, TargetId=root)
    refused(stranger.send_message, 'AccessDenied', 'with an explicit deny in a resource control policy', QueueUrl=queue, MessageBody='x')
    member.root('sqs').send_message(QueueUrl=queue, MessageBody='x')
    org.detach_policy(PolicyId=perimeter, TargetId=root)
    stranger.send_message(QueueUrl=queue, MessageBody='x')
    refused(org.detach_policy, 'InvalidInputException', PolicyId='p-RCPFullAWSAccess', TargetId=root)
    org.delete_policy(PolicyId=perimeter)


def test_condition_keys_of_the_organization(org, root, member, strata):
    id = org.describe_organization()['Organization']['Id']
    for name, condition, holds in (
            ('a', {'StringEquals': {'aws:PrincipalOrgID': id, 'aws:ResourceOrgID': id, 'aws:PrincipalOrgMasterAccountId': MANAGEMENT}}, True),
            ('b', {'StringEquals': {'aws:PrincipalOrgID': 'o-other00000'}}, False),
            ('c', {'ForAnyValue:StringLike': {'aws:PrincipalOrgPaths': f'{id}/{root}/'}}, True),
            ('d', {'ForAnyValue:StringLike': {'aws:PrincipalOrgPaths': f'{id}/{root}/ou-*'}}, False)):
        user = member.user(allow('sqs:ListQueues', Condition=condition))
        if holds:
            user('sqs').list_queues()
        else:
            refused(user('sqs').list_queues, 'AccessDenied')


def test_simulations_know_what_binds(org, member):
    none = policy(org, allow('sqs:*', effect='Deny'))
    user = member.user(allow('*'))
    arn = user('sts').get_caller_identity()['Arn']
    simulate = lambda: member.root('iam').simulate_principal_policy(PolicySourceArn=arn, ActionNames=['sqs:ListQueues'])['EvaluationResults'][0]
    assert simulate()['EvalDecision'] == 'allowed' and simulate()['OrganizationsDecisionDetail'] == {'AllowedByOrganizations': True}
    org.attach_policy(PolicyId=none, TargetId=member.id)
    assert simulate()['EvalDecision'] == 'explicitDeny' and simulate()['OrganizationsDecisionDetail'] == {'AllowedByOrganizations': False}
    org.detach_policy(PolicyId=none, TargetId=member.id)
    org.delete_policy(PolicyId=none)


def test_a_closed_account_does_nothing(org, member):
    member.root('sqs').list_queues()
    org.close_account(AccountId=member.id)
    assert org.describe_account(AccountId=member.id)['Account']['Status'] == 'SUSPENDED'
    refused(member.root('sqs').list_queues, 'AccessDenied')
    refused(org.close_account, 'AccountAlreadyClosedException', AccountId=member.id)
    assert refused(org.close_account, 'ConstraintViolationException', AccountId=MANAGEMENT)['Reason'] == 'CANNOT_CLOSE_MANAGEMENT_ACCOUNT'


def test_an_account_that_is_removed_when_it_was_closed_stays_closed(strata, org):
    id = account(org)
    org.close_account(AccountId=id)
    org.remove_account_from_organization(AccountId=id)
    refused(org.describe_account, 'AccountNotFoundException', AccountId=id)
    refused(strata.client('sqs', key=id).list_queues, 'AccessDenied')


def test_there_are_no_bills_to_keep_users_from(org):
    with pytest.raises(ClientError, match='IamUserAccessToBilling DENY'):
        org.create_account(Email='bill@example.com', AccountName='bill', IamUserAccessToBilling='DENY')


def test_services_are_trusted(org):
    org.enable_aws_service_access(ServicePrincipal='cloudtrail.amazonaws.com')
    org.enable_aws_service_access(ServicePrincipal='cloudtrail.amazonaws.com')
    assert [s['ServicePrincipal'] for s in org.list_aws_service_access_for_organization()['EnabledServicePrincipals']] == ['cloudtrail.amazonaws.com']
    org.disable_aws_service_access(ServicePrincipal='cloudtrail.amazonaws.com')
    assert org.list_aws_service_access_for_organization()['EnabledServicePrincipals'] == []
    refused(org.enable_aws_service_access, 'InvalidInputException', ServicePrincipal='nobody')


def test_an_organization_ends_when_it_is_empty(own_strata):
    org = own_strata.client('organizations')
    org.create_organization(FeatureSet='CONSOLIDATED_BILLING')
    root = org.list_roots()['Roots'][0]['Id']
    refused(org.enable_policy_type, 'PolicyTypeNotAvailableForOrganizationException', RootId=root, PolicyType='SERVICE_CONTROL_POLICY')
    refused(org.create_policy, 'PolicyTypeNotAvailableForOrganizationException', Name='p', Description='', Type='SERVICE_CONTROL_POLICY', Content=allow('*'))
    id = account(org)
    refused(org.delete_organization, 'OrganizationNotEmptyException')
    org.remove_account_from_organization(AccountId=id)
    org.delete_organization()
    refused(org.describe_organization, 'AWSOrganizationsNotInUseException')
    org.create_organization()
