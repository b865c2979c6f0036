"""Least privilege, shown: what was used and denied, the least policy that follows, and a strata that pardons what policies refuse."""

import json

import botocore
import botocore.exceptions
import pytest

from running import Strata

TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': '000000000000'}, 'Action': 'sts:AssumeRole'}]})


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


def report(strata, *arguments):
    done = strata.command('report', 'access', *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)['principals'] if '--json' in arguments else done.stdout


def of_role(strata, name):
    found, = report(strata, '--json', '--role', name)
    return found


def document(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': statements})


def allow(actions, resources, **more):
    return {'Effect': 'Allow', 'Action': actions, 'Resource': resources, **more}


def role(strata, name, policy=None):
    iam = strata.client('iam')
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)['Role']['Arn']
    user = iam.create_user(UserName=f'{name}-user')['User']
    iam.put_user_policy(UserName=user['UserName'], PolicyName='p', PolicyDocument=document(allow('sts:AssumeRole', arn)))
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName='wide', PolicyDocument=policy)
    key = iam.create_access_key(UserName=user['UserName'])['AccessKey']
    return arn, {'key': key['AccessKeyId'], 'secret': key['SecretAccessKey']}


def session(strata, arn, key):
    c = strata.client('sts', **key).assume_role(RoleArn=arn, RoleSessionName='test')['Credentials']
    return lambda service: strata.client(service, key=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken'])


def refused(call, *words):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call()
    error = e.value.response['Error']
    assert error['Code'] in ('AccessDenied', 'AccessDeniedException'), error
    for word in words:
        assert word in error['Message']


def prepare(strata, name):
    """A bucket, a queue and a table; what works with them, by the action that it needs."""
    root = strata.client
    root('s3').create_bucket(Bucket=name)
    url = root('sqs').create_queue(QueueName=name)['QueueUrl']
    root('dynamodb').create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'k', 'KeyType': 'HASH'}],
                                  AttributeDefinitions=[{'AttributeName': 'k', 'AttributeType': 'S'}])
    key = {'k': {'S': 'a'}}
    return {
        's3:PutObject': lambda c: c('s3').put_object(Bucket=name, Key='in/a', Body=b'1'),
        's3:GetObject': lambda c: c('s3').get_object(Bucket=name, Key='in/a'),
        'sqs:SendMessage': lambda c: c('sqs').send_message(QueueUrl=url, MessageBody='m'),
        'dynamodb:PutItem': lambda c: c('dynamodb').put_item(TableName=name, Item=key),
        'dynamodb:GetItem': lambda c: c('dynamodb').get_item(TableName=name, Key=key),
    }


def test_the_least_policy_suffices_and_without_a_statement_exactly_its_path_fails(strata):
    name = 'least'
    paths = prepare(strata, name)
    arn, key = role(strata, name, document(allow('s3:*', '*'), allow(['sqs:*', 'dynamodb:*'], '*', Condition={'StringEquals': {'aws:RequestedRegion': 'us-east-1'}})))
    assumed = session(strata, arn, key)
    for path in paths.values():
        path(assumed)
    refused(lambda: assumed('kms').list_keys(), 'kms:ListKeys')

    seen = of_role(strata, name)
    assert {(u['action'], u['resource']) for u in seen['used']} == {
        ('s3:PutObject', f'arn:aws:s3:::{name}/*'), ('s3:GetObject', f'arn:aws:s3:::{name}/*'), ('sqs:SendMessage', f'arn:aws:sqs:us-east-1:000000000000:{name}'),
        ('dynamodb:PutItem', f'arn:aws:dynamodb:us-east-1:000000000000:table/{name}'), ('dynamodb:GetItem', f'arn:aws:dynamodb:us-east-1:000000000000:table/{name}')}
    assert [(u['action'], u['resource'], u['count']) for u in seen['denied']] == [('kms:ListKeys', '*', 1)]
    s3 = seen['granted'][0]
    assert 's3:GetObject' in s3['means']['s3:*'] and 's3:DeleteBucket' in s3['unused'] and 's3:GetObject' not in s3['unused']

    least = seen['policy']
    assert '*' not in json.dumps([s['Action'] for s in least['Statement']])
    assert [s.get('Condition') for s in least['Statement'] if 's3:GetObject' in s['Action']] == [None]
    assert all(s['Condition'] == {'StringEquals': {'aws:RequestedRegion': 'us-east-1'}} for s in least['Statement'] if 's3:GetObject' not in s['Action'])
    iam = strata.client('iam')
    iam.put_role_policy(RoleName=name, PolicyName='wide', PolicyDocument=json.dumps(least))
    for path in paths.values():
        path(assumed)
    for left_out in least['Statement']:
        rest = [s for s in least['Statement'] if s is not left_out]
        iam.put_role_policy(RoleName=name, PolicyName='wide', PolicyDocument=document(*rest))
        for action, path in paths.items():
            if action in left_out['Action']:
                refused(lambda: path(assumed), f'assumed-role/{name}/test is not authorized to perform: {action} on resource', f'because no identity-based policy allows the {action} action')
            else:
                path(assumed)


def test_a_narrower_grant_stays_narrow(strata):
    name = 'narrow'
    paths = prepare(strata, name)
    arn, key = role(strata, name, document(allow('s3:*', f'arn:aws:s3:::{name}/in/*')))
    paths['s3:PutObject'](session(strata, arn, key))
    assert of_role(strata, name)['policy']['Statement'] == [allow(['s3:PutObject'], [f'arn:aws:s3:::{name}/in/*'])]


def test_terraform_gets_the_same_statements(strata):
    name = 'terraform'
    paths = prepare(strata, name)
    arn, key = role(strata, name, document(allow('sqs:SendMessage', '*', Condition={'StringLike': {'aws:PrincipalArn': '${aws:PrincipalArn}'}})))
    paths['sqs:SendMessage'](session(strata, arn, key))
    text = report(strata, '--role', name)
    assert (f'data "aws_iam_policy_document" "{name}" {{\n  statement {{\n    actions   = ["sqs:SendMessage"]\n'
            f'    resources = ["arn:aws:sqs:us-east-1:000000000000:{name}"]\n\n    condition {{\n      test     = "StringLike"\n'
            '      variable = "aws:PrincipalArn"\n      values   = ["$${aws:PrincipalArn}"]\n    }\n  }\n}\n') in text
    assert 'used    sqs:SendMessage' in text


def test_what_is_older_is_left_out(strata):
    name = 'older'
    paths = prepare(strata, name)
    arn, key = role(strata, name, document(allow('s3:*', '*'), allow('sqs:*', '*')))
    paths['s3:PutObject'](session(strata, arn, key))
    strata.advance_clock(2 * 86400)
    paths['sqs:SendMessage'](session(strata, arn, key))
    assert [u['action'] for u in report(strata, '--json', '--role', name, '--since', '1d')[0]['used']] == ['sqs:SendMessage']
    assert len(of_role(strata, name)['used']) == 2


def test_last_uses_are_told(strata):
    iam = strata.client('iam')
    arn, key = role(strata, 'lately', document(allow('dynamodb:*', '*')))
    assert iam.get_role(RoleName='lately')['Role']['RoleLastUsed'] == {}
    never = iam.get_access_key_last_used(AccessKeyId=key['key'])
    assert never['UserName'] == 'lately-user' and never['AccessKeyLastUsed'] == {'ServiceName': 'N/A', 'Region': 'N/A'}
    assumed = session(strata, arn, key)
    assumed('dynamodb').list_tables()
    of_role(strata, 'lately')
    last = iam.get_role(RoleName='lately')['Role']['RoleLastUsed']
    assert last['Region'] == 'us-east-1' and last['LastUsedDate']
    last = iam.get_access_key_last_used(AccessKeyId=key['key'])['AccessKeyLastUsed']
    assert last['ServiceName'] == 'sts' and last['LastUsedDate']
    iam.delete_role_policy(RoleName='lately', PolicyName='wide')
    iam.delete_role(RoleName='lately')
    iam.create_role(RoleName='lately', AssumeRolePolicyDocument=TRUST)
    assert iam.get_role(RoleName='lately')['Role']['RoleLastUsed'] == {} and of_role(strata, 'lately')['used'] == []


def test_uses_survive_a_stop_at_once_and_a_kill_once_recorded(own_strata):
    paths = prepare(own_strata, 'kept')
    arn, key = role(own_strata, 'kept', document(allow('*', '*')))
    paths['s3:PutObject'](session(own_strata, arn, key))
    assert own_strata.stop() == 0
    own_strata.start()
    assert [(u['action'], u['count']) for u in of_role(own_strata, 'kept')['used']] == [('s3:PutObject', 1)]
    paths['s3:PutObject'](session(own_strata, arn, key))
    assert of_role(own_strata, 'kept')['used'][0]['count'] == 2
    own_strata.kill()
    own_strata.start()
    assert of_role(own_strata, 'kept')['used'][0]['count'] == 2
    own_strata.check()


def test_soft_refuses_nothing_and_notes_what_would_have_been(tmp_path):
    strata = Strata(tmp_path / 'data', '127.0.0.1:0', '--iam=soft').start()
    try:
        assert 'policies refuse nothing' in strata.log_text()
        assert 'refuse nothing' in strata.command('status').stdout
        paths = prepare(strata, 'soft')
        arn, key = role(strata, 'soft')
        assumed = session(strata, arn, key)
        for path in paths.values():
            path(assumed)
        deny = {'Effect': 'Deny', 'Principal': '*', 'Action': 'sqs:ReceiveMessage', 'Resource': '*'}
        url = strata.client('sqs').get_queue_url(QueueName='soft')['QueueUrl']
        strata.client('sqs').set_queue_attributes(QueueUrl=url, Attributes={'Policy': document(deny)})
        assert assumed('sqs').receive_message(QueueUrl=url)['Messages']

        with pytest.raises(botocore.exceptions.ClientError) as e:
            strata.client('s3', key=key['key'], secret='x' * 40).list_buckets()
        assert e.value.response['Error']['Code'] == 'SignatureDoesNotMatch'
        refused(lambda: strata.client('s3', signature_version=botocore.UNSIGNED).get_object(Bucket='soft', Key='in/a'))

        seen = of_role(strata, 'soft')
        assert {u['action'] for u in seen['pardoned']} == {*paths, 'sqs:ReceiveMessage'} and seen['used'] == []
        assert 'would have been refused' in report(strata, '--role', 'soft')
    finally:
        assert strata.stop() == 0
    strata.arguments = ()
    strata.start()
    try:
        assumed = session(strata, arn, key)
        refused(lambda: paths['s3:PutObject'](assumed))
        strata.client('iam').put_role_policy(RoleName='soft', PolicyName='p', PolicyDocument=json.dumps(of_role(strata, 'soft')['policy']))
        for path in paths.values():
            path(assumed)
        refused(lambda: assumed('sqs').receive_message(QueueUrl=url), 'explicit deny in a resource-based policy')
    finally:
        assert strata.stop() == 0


def test_last_accessed_details_tell_services_actions_and_entities(strata):
    iam = strata.client('iam')
    paths = prepare(strata, 'accessed')
    arn, key = role(strata, 'accessed', document(allow(['dynamodb:*', 's3:ListAllMyBuckets'], '*')))
    managed = iam.create_policy(PolicyName='accessed', PolicyDocument=document(allow('sqs:SendMessage', '*')))['Policy']['Arn']
    iam.attach_role_policy(RoleName='accessed', PolicyArn=managed)
    assumed = session(strata, arn, key)
    paths['dynamodb:GetItem'](assumed)
    refused(lambda: paths['s3:GetObject'](assumed))
    of_role(strata, 'accessed')

    def details(of, **more):
        job = iam.generate_service_last_accessed_details(Arn=of, **more)['JobId']
        found = iam.get_service_last_accessed_details(JobId=job)
        assert found['JobStatus'] == 'COMPLETED' and found['JobType'] == more.get('Granularity', 'SERVICE_LEVEL')
        return job, {s['ServiceNamespace']: s for s in found['ServicesLastAccessed']}

    job, services = details(arn)
    assert list(services) == ['dynamodb', 's3', 'sqs']
    assert services['dynamodb']['ServiceName'] == 'Amazon DynamoDB' and services['dynamodb']['TotalAuthenticatedEntities'] == 1
    assert services['dynamodb']['LastAuthenticatedEntity'] == arn and services['dynamodb']['LastAuthenticatedRegion'] == 'us-east-1'
    assert services['s3']['LastAuthenticated'] and 'LastAuthenticated' not in services['sqs'] and services['sqs']['TotalAuthenticatedEntities'] == 0
    assert 'TrackedActionsLastAccessed' not in services['dynamodb'] or services['dynamodb']['TrackedActionsLastAccessed'] == []
    _, services = details(arn, Granularity='ACTION_LEVEL')
    assert [(a['ActionName'], a['LastAccessedEntity']) for a in services['dynamodb']['TrackedActionsLastAccessed']] == [('GetItem', arn)]
    _, services = details(managed)
    assert list(services) == ['sqs']
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace='s3')['EntityDetailsList']
    assert [(e['EntityInfo']['Name'], e['EntityInfo']['Type'], 'LastAuthenticated' in e) for e in entities] == [('accessed', 'ROLE', True)]
    granting = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=['sqs', 's3', 'kms'])['PoliciesGrantingServiceAccess']
    assert granting == [
        {'ServiceNamespace': 'sqs', 'Policies': [{'PolicyName': 'accessed', 'PolicyType': 'MANAGED', 'PolicyArn': managed}]},
        {'ServiceNamespace': 's3', 'Policies': [{'PolicyName': 'wide', 'PolicyType': 'INLINE', 'EntityType': 'ROLE', 'EntityName': 'accessed'}]},
        {'ServiceNamespace': 'kms', 'Policies': []}]
    for call in (lambda: iam.generate_service_last_accessed_details(Arn=arn + 'x'), lambda: iam.get_service_last_accessed_details(JobId='0' * 36)):
        with pytest.raises(iam.exceptions.NoSuchEntityException):
            call()
