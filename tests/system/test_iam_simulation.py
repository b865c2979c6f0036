"""Simulation: what it says is what authorization does, since both ask the same evaluator."""

import json
import uuid

import pytest

from refusals import refused

ACCOUNT = '000000000000'
BUCKET, QUEUE = 'arn:aws:s3:::teambucket', f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'
READ_ONLY = 'arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess'


def fresh(prefix):
    return f'{prefix}-{uuid.uuid4().hex[:10]}'


def document(*statements, **more):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements), **more})


def statement(effect, action, resource='*', **more):
    return {'Effect': effect, 'Action': action, 'Resource': resource, **more}


def ids(result):
    return [s['SourcePolicyId'] for s in result['MatchedStatements']]


@pytest.fixture
def iam(strata):
    return strata.client('iam')


@pytest.fixture
def custom(iam):
    def ask(policies, actions, **more):
        return iam.simulate_custom_policy(PolicyInputList=policies, ActionNames=actions, **more)['EvaluationResults']
    return ask


@pytest.fixture
def user(iam):
    name = fresh('user')
    return iam.create_user(UserName=name)['User']


def test_positions_are_those_that_aws_documents(custom):
    one = '{\n  "Version":"2012-10-17",\n  "Statement":{\n    "Effect":"Allow",\n    "Action":"s3:ListBucket",\n    "Resource":"*"\n  }\n}'
    got = custom([one], ['s3:ListBucket'])[0]
    assert got == {'EvalActionName': 's3:ListBucket', 'EvalResourceName': '*', 'EvalDecision': 'allowed', 'MissingContextValues': [],
                   'MatchedStatements': [{'SourcePolicyId': 'PolicyInputList.1', 'SourcePolicyType': 'IAM Policy',
                                          'StartPosition': {'Line': 3, 'Column': 16}, 'EndPosition': {'Line': 7, 'Column': 4}}]}
    listed = json.dumps(json.loads(document(statement('Deny', 's3:*'), statement('Allow', '*'))), indent=2)
    got = custom([listed], ['sqs:SendMessage'])[0]['MatchedStatements'][0]
    assert got['StartPosition'] == {'Line': 8, 'Column': 7} and got['EndPosition'] == {'Line': 13, 'Column': 6}
    tricky = '{"Version":"2012-10-17","Id":"\\"Statement\\":[{é","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    got = custom([tricky], ['s3:ListBucket'])[0]['MatchedStatements'][0]
    assert got['StartPosition']['Column'] == tricky.index('[{"Sid') + 2 and got['EndPosition']['Column'] == len(tricky) - 1


def test_a_result_an_action_and_in_it_one_a_resource(custom):
    policies = [document(statement('Allow', 's3:*', BUCKET + '/*'), statement('Deny', 's3:GetObject', BUCKET + '/secret'))]
    get, put = custom(policies, ['s3:GetObject', 's3:PutObject'], ResourceArns=[BUCKET + '/a', BUCKET + '/secret', 'arn:aws:s3:::other/a'])
    assert get['EvalResourceName'] == 'arn:${Partition}:s3:::${BucketName}/${ObjectName}' and get['EvalDecisionDetails'] == {}
    assert [(r['EvalResourceName'], r['EvalResourceDecision'], len(r['MatchedStatements'])) for r in get['ResourceSpecificResults']] == [
        (BUCKET + '/a', 'allowed', 1), (BUCKET + '/secret', 'explicitDeny', 1), ('arn:aws:s3:::other/a', 'implicitDeny', 0)]
    assert get['EvalDecision'] == 'explicitDeny' and get['MatchedStatements'] == get['ResourceSpecificResults'][1]['MatchedStatements']
    assert put['EvalDecision'] == 'implicitDeny' and put['MatchedStatements'] == []
    assert put['ResourceSpecificResults'][1]['EvalResourceDecision'] == 'allowed'


def test_context(custom, iam):
    policy = document(statement('Allow', 'dynamodb:*', f'arn:aws:dynamodb:*:{ACCOUNT}:table/${{aws:username}}',
                                Condition={'DateGreaterThan': {'aws:CurrentTime': '2020-01-01T00:00:00Z'}}),
                      statement('Allow', 'sqs:*', Condition={'IpAddress': {'aws:SourceIp': '10.0.0.0/8'}}))
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[policy])['ContextKeyNames'] == ['aws:username', 'aws:CurrentTime', 'aws:SourceIp']
    table = f'arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/ann'
    got = custom([policy], ['dynamodb:PutItem'], ResourceArns=[table])[0]
    assert got['EvalDecision'] == 'implicitDeny' and got['MissingContextValues'] == ['aws:username']
    entry = lambda name, kind, *values: {'ContextKeyName': name, 'ContextKeyType': kind, 'ContextKeyValues': list(values)}
    name = entry('aws:username', 'string', 'ann')
    got = custom([policy], ['dynamodb:PutItem'], ResourceArns=[table], ContextEntries=[name])[0]
    assert got['ResourceSpecificResults'][0]['MissingContextValues'] == ['aws:CurrentTime'] and got['EvalDecision'] == 'implicitDeny'
    for at, decision in (('2021-01-01T00:00:00Z', 'allowed'), ('2019-01-01T00:00:00Z', 'implicitDeny')):
        got = custom([policy], ['dynamodb:PutItem'], ResourceArns=[table], ContextEntries=[name, entry('AWS:currenttime', 'date', at)])[0]
        assert got['EvalDecision'] == decision and got['MissingContextValues'] == []
    for bad in (entry('aws:x', 'numeric', 'one'), entry('aws:x', 'boolean', 'yes'), entry('aws:x', 'date', 'today'), entry('aws:x', 'ip', '1.2.3'),
                entry('aws:x', 'string', 'a', 'b'), {'ContextKeyName': 'aws:x', 'ContextKeyValues': ['a']}):
        refused('InvalidInput', iam.simulate_custom_policy, PolicyInputList=[policy], ActionNames=['sqs:SendMessage'], ContextEntries=[bad])


def test_boundaries_resource_policies_and_accounts(custom, iam):
    caller, owner = 'arn:aws:iam::111122223333:user/mateo', 'arn:aws:iam::111122223333:root'
    only_iam = document(statement('Allow', 'iam:*'))
    bucket = document({**statement('Allow', ['s3:List*', 's3:Put*'], 'arn:aws:s3:::production/*'), 'Principal': {'AWS': caller}})
    ask = lambda **more: custom([only_iam], ['s3:PutObject'], PermissionsBoundaryPolicyInputList=[only_iam], ResourcePolicy=bucket,
                                ResourceArns=['arn:aws:s3:::production/Test'], CallerArn=caller, **more)[0]
    same = ask(ResourceOwner=owner)
    assert same['EvalDecision'] == 'allowed' and same['EvalDecisionDetails'] == {} and ids(same) == ['ResourcePolicy']
    assert same['MatchedStatements'][0]['SourcePolicyType'] == 'Resource Policy'
    assert same['PermissionsBoundaryDecisionDetail'] == {'AllowedByPermissionsBoundary': False}
    across = ask(ResourceOwner='444455556666')
    assert across['EvalDecision'] == 'implicitDeny' and across['MatchedStatements'] == []
    assert across['EvalDecisionDetails'] == {'IAM Policy': 'implicitDeny', 'Resource Policy': 'allowed', 'Permissions Boundary Policy': 'implicitDeny'}
    assert across['ResourceSpecificResults'][0]['EvalDecisionDetails'] == across['EvalDecisionDetails']
    assert ids(across['ResourceSpecificResults'][0]) == ['ResourcePolicy']
    more = dict(PolicyInputList=[only_iam], ActionNames=['s3:PutObject'], ResourcePolicy=bucket)
    refused('InvalidInput', iam.simulate_custom_policy, **more)
    refused('InvalidInput', iam.simulate_custom_policy, **more, CallerArn='arn:aws:iam::111122223333:role/r')
    refused('InvalidInput', iam.simulate_custom_policy, **more, CallerArn=caller, ResourceOwner='nobody')
    assert 'does not clearly define entity type and name' in refused(
        'InvalidInput', iam.simulate_custom_policy, **more, CallerArn='arn:aws:sts::111122223333:assumed-role/r/s')


def test_an_organization_allows_on_each_level(custom):
    everything, no_queues = document(statement('Allow', '*')), document(statement('Allow', '*'), statement('Deny', 'sqs:*'))
    level = lambda *documents: {'ServiceControlPolicyInputList': list(documents)}
    ask = lambda *levels: custom([everything], ['sqs:SendMessage'], OrderedOrganizationPolicyInputList=list(levels))[0]
    got = ask(level(everything), level(document(statement('Allow', 's3:*')), everything))
    assert got['EvalDecision'] == 'allowed' and got['OrganizationsDecisionDetail'] == {'AllowedByOrganizations': True}
    got = ask(level(everything), level(document(statement('Allow', 's3:*'))))
    assert got['EvalDecision'] == 'implicitDeny' and got['OrganizationsDecisionDetail'] == {'AllowedByOrganizations': False}
    got = ask(level(no_queues), level(everything))
    assert got['EvalDecision'] == 'explicitDeny' and got['MatchedStatements'] == []


def test_a_users_policies(iam, user):
    name, group, mine = user['UserName'], fresh('group'), fresh('policy')
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=name)
    iam.put_group_policy(GroupName=group, PolicyName='send', PolicyDocument=document(statement('Allow', 'sqs:SendMessage')))
    iam.put_user_policy(UserName=name, PolicyName='list', PolicyDocument=document(statement('Allow', 'sqs:ListQueues'), statement('Allow', 'sqs:Get*')))
    managed = iam.create_policy(PolicyName=mine, PolicyDocument=document(statement('Deny', 'sqs:PurgeQueue')))['Policy']['Arn']
    for arn in (READ_ONLY, managed):
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    ask = lambda action, **more: iam.simulate_principal_policy(PolicySourceArn=user['Arn'], ActionNames=[action], **more)['EvaluationResults'][0]
    assert ids(ask('sqs:SendMessage')) == [f'group_{group}_send']
    assert set(ids(ask('sqs:GetQueueUrl'))) == {f'user_{name}_list', 'AmazonSQSReadOnlyAccess'}
    assert ids(ask('sqs:PurgeQueue', PolicyInputList=[document(statement('Allow', '*'))])) == [mine]
    assert ids(ask('sqs:DeleteQueue', PolicyInputList=[document(statement('Allow', '*'))])) == ['PolicyInputList.1']
    assert ask('sqs:DeleteQueue')['EvalDecision'] == 'implicitDeny'
    without = lambda action, **identifier: ask(action, PolicyExclusionList=[identifier], PolicyInputList=[document(statement('Allow', 'sqs:Purge*'))])
    assert without('sqs:GetQueueUrl', PolicyType='inline')['MatchedStatements'][0]['SourcePolicyId'] == 'AmazonSQSReadOnlyAccess'
    assert ids(without('sqs:GetQueueUrl', PolicyType='aws-managed')) == [f'user_{name}_list']
    assert ids(without('sqs:PurgeQueue', PolicyArn=managed[:-4] + '*')) == ['PolicyInputList.1']
    gone = {'PolicyName': 'send', 'AttachmentType': 'group', 'AttachmentName': group[:-1] + '?'}
    assert without('sqs:SendMessage', InlinePolicyIdentifier=gone)['EvalDecision'] == 'implicitDeny'
    assert without('sqs:SendMessage', PolicyType='scp')['EvalDecision'] == 'allowed'
    assert 'Invalid policy identifier' in refused('InvalidInput', iam.simulate_principal_policy, PolicySourceArn=user['Arn'], ActionNames=['sqs:SendMessage'],
                                                  PolicyExclusionList=[{'PolicyArn': 'arn:aws:iam::*:policy/a'}])
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=READ_ONLY)
    got = ask('sqs:SendMessage')
    assert got['EvalDecision'] == 'implicitDeny' and got['PermissionsBoundaryDecisionDetail'] == {'AllowedByPermissionsBoundary': False}
    assert ask('sqs:SendMessage', PermissionsBoundaryPolicyInputList=[document(statement('Allow', '*'))])['EvalDecision'] == 'allowed'
    assert without('sqs:SendMessage', PolicyType='permission-boundary')['EvalDecision'] == 'allowed'
    keys = iam.get_context_keys_for_principal_policy(
        PolicySourceArn=user['Arn'], PolicyInputList=[document(statement('Allow', '*', Condition={'Bool': {'aws:SecureTransport': 'true'}}))])
    assert keys['ContextKeyNames'] == ['aws:SecureTransport']


def test_it_is_paged(iam):
    actions = [f'sqs:Action{n}' for n in range(7)]
    ask = lambda **more: iam.simulate_custom_policy(PolicyInputList=[document(statement('Allow', '*'))], ActionNames=actions, **more)
    first = ask(MaxItems=3)
    assert first['IsTruncated'] and [r['EvalActionName'] for r in first['EvaluationResults']] == actions[:3]
    rest = ask(Marker=first['Marker'])
    assert not rest['IsTruncated'] and [r['EvalActionName'] for r in rest['EvaluationResults']] == actions[3:]
    many = ask(ResourceArns=[f'{BUCKET}/{n}' for n in range(300)])
    assert many['IsTruncated'] and len(many['EvaluationResults']) == 3 and len(many['EvaluationResults'][0]['ResourceSpecificResults']) == 300


def test_what_is_refused(iam, user):
    policy = document(statement('Allow', '*'))
    ask = lambda **more: dict(PolicyInputList=[policy], ActionNames=['ec2:RunInstances'], **more)
    bad = iam.simulate_custom_policy
    assert 'Missing required field Action' in refused('InvalidInput', bad, PolicyInputList=[document({'Effect': 'Allow', 'Resource': '*'})], ActionNames=['a:b'])
    for name in ('sqs', 'sqs:', ':Send', 'sqs:*'):
        refused('ValidationError' if len(name) < 3 else 'InvalidInput', bad, PolicyInputList=[policy], ActionNames=[name])
    refused('InvalidInput', bad, **ask(ResourceArns=['queue']))
    refused('InvalidInput', bad, **ask(PermissionsBoundaryPolicyInputList=[policy, policy]))
    refused('InvalidInput', bad, **ask(ResourceHandlingOption='EC2'))
    ec2 = [f'arn:aws:ec2:us-east-1:{ACCOUNT}:{kind}/1' for kind in ('instance', 'image', 'security-group', 'network-interface')]
    assert 'volume' in refused('InvalidInput', bad, **ask(ResourceHandlingOption='EC2-VPC-EBS', ResourceArns=ec2))
    assert iam.simulate_custom_policy(**ask(ResourceHandlingOption='EC2-VPC-InstanceStore', ResourceArns=ec2))['EvaluationResults'][0]['EvalDecision'] == 'allowed'
    assert refused('NoSuchEntity', iam.simulate_principal_policy, PolicySourceArn=f'arn:aws:iam::{ACCOUNT}:role/no-such-role', ActionNames=['a:b']) == \
        'The role with name no-such-role cannot be found.'
    refused('InvalidInput', iam.simulate_principal_policy, PolicySourceArn=f'arn:aws:sts::{ACCOUNT}:assumed-role/a/b', ActionNames=['a:b'])
    refused('InvalidInput', iam.get_context_keys_for_principal_policy, PolicySourceArn=READ_ONLY)


def test_it_needs_a_grant(strata):
    policy = document(statement('Allow', '*'))
    mine, iam, name = strata.user('iam')
    user = iam.get_user(UserName=name)['User']
    calls = [('SimulateCustomPolicy', lambda: mine.simulate_custom_policy(PolicyInputList=[policy], ActionNames=['a:b'])),
             ('SimulatePrincipalPolicy', lambda: mine.simulate_principal_policy(PolicySourceArn=user['Arn'], ActionNames=['a:b'])),
             ('GetContextKeysForCustomPolicy', lambda: mine.get_context_keys_for_custom_policy(PolicyInputList=[policy])),
             ('GetContextKeysForPrincipalPolicy', lambda: mine.get_context_keys_for_principal_policy(PolicySourceArn=user['Arn']))]
    for name, call in calls:
        assert f'iam:{name}' in refused('AccessDenied', call)
    grants = [statement('Allow', [f'iam:{n}' for n, _ in calls if 'Custom' in n]), statement('Allow', [f'iam:{n}' for n, _ in calls], user['Arn'])]
    iam.put_user_policy(UserName=user['UserName'], PolicyName='p', PolicyDocument=document(*grants))
    for _, call in calls:
        call()
