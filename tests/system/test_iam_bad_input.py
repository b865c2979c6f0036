"""What IAM and authorization are not to be taken in by: documents that are wrong or too long, names that look alike, context that is not there."""

import json
import uuid

import pytest

from refusals import refused

ACCOUNT = '000000000000'


def fresh(prefix):
    return f'{prefix}-{uuid.uuid4().hex[:10]}'


def document(*statements, version='2012-10-17'):
    return json.dumps({'Version': version, 'Statement': list(statements)})


def allow(action='sqs:*', resource='*', **more):
    return {'Effect': 'Allow', 'Action': action, 'Resource': resource, **more}


def of_size(n):
    """A document of that many characters that are not blanks."""
    begin = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:'
    end = '"}]}'
    return begin + 'x' * (n - len(begin) - len(end)) + end


@pytest.fixture
def iam(strata):
    return strata.client('iam', parameter_validation=False)


SYNTAX = 'Syntax errors in policy.'
VENDOR = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'
OLD = 'Policy document must be version 2012-10-17 or greater.'


@pytest.mark.parametrize('text, words', [
    ('nonsense', SYNTAX), ('"text"', SYNTAX), ('null', SYNTAX), ('{"Version":"2012-10-17","Statement":[]}', SYNTAX),
    ('{"Version":"2012-10-17","Statement":[null]}', SYNTAX), ('{"Version":"2012-10-17","Statement":"x"}', SYNTAX),
    (document(allow()) + 'x', SYNTAX), (document(allow())[:-1], SYNTAX), ('[' * 5000 + ']' * 5000, SYNTAX),
    (document(allow(), version='2013-01-01'), OLD), (document(allow(), version='2008-10-17'), OLD), (document(allow(), version=20121017), OLD),
    (json.dumps({'Statement': [allow()]}), OLD),
    (document({**allow(), 'Resources': '*'}), SYNTAX), (document({**allow(), 'NotAction': 'sqs:*'}), SYNTAX),
    (document({**allow(), 'NotResource': '*'}), SYNTAX),
    ('{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"sqs:*","Resource":"*"}]}', SYNTAX),
    (document(allow(action=[])), 'Policy statement must contain actions.'), (document(allow(action={})), SYNTAX),
    (document(allow(action='sqs:')), VENDOR), (document(allow(action=':Send')), VENDOR), (document(allow(action='sqs')), VENDOR),
    (document(allow(action='s*s:Send')), 'Vendor s*s is not valid'), (document(allow(action=[['sqs:*']])), SYNTAX),
    (document(allow(resource=[])), 'Policy statement must contain resources.'),
    (document(allow(resource='arn:aws:sqs')), 'Resource arn:aws:sqs must be in ARN format or "*".'),
    (document({'Effect': 'Deny', 'Action': 'sqs:*'}), 'Missing required field Resource'), (document({'Action': 'sqs:*', 'Resource': '*'}), 'Missing required field Effect'),
    (document(allow(Effect=True)), 'Invalid effect: '), (document(allow(Sid='a b')), 'Statement IDs (SID) must be alpha-numeric. Check that your input '
                                                                                    'satisfies the regular expression [0-9A-Za-z]*'),
    (document(allow(Condition=[])), SYNTAX), (document(allow(Condition={'StringEquals': 'x'})), SYNTAX),
    (document(allow(Condition={'StringAlmost': {'aws:x': 'y'}})), 'Invalid Condition type : StringAlmost'),
    (document(allow(Condition={'StringEquals': {'x': 'y'}})), VENDOR), (document(allow(Condition={'StringEquals': {'aws:x': {'a': 'b'}}})), SYNTAX),
    (document(allow(Condition={'NullIfExists': {'aws:x': 'true'}})), 'Invalid Condition type : NullIfExists'),
    (document(allow(NotPrincipal='*')), 'Policy document should not specify a principal.'),
])
def test_documents(iam, text, words):
    assert refused('MalformedPolicyDocument', iam.create_policy, PolicyName=fresh('p'), PolicyDocument=text) == words


def test_a_document_is_of_the_characters_that_a_policy_may_hold(iam):
    for character in '\0\u0100\u0131\U0001f511':
        refused('ValidationError', iam.create_policy, PolicyName=fresh('p'), PolicyDocument=document(allow()) + character)
    refused('ValidationError', iam.create_policy, PolicyName=fresh('p'), PolicyDocument='')
    refused('ValidationError', iam.create_policy, PolicyName=fresh('p'), PolicyDocument='x' * 131073)


def test_sizes(iam):
    user, group, role = fresh('user'), fresh('group'), fresh('role')
    trust = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'x.amazonaws.com'}, 'Action': 'sts:AssumeRole',
                                                                'Condition': {'StringEquals': {'aws:x': 'x'}}}]}, separators=(',', ':'))
    iam.create_user(UserName=user)
    iam.create_group(GroupName=group)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    put = {'user': lambda name, n: iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=of_size(n)),
           'group': lambda name, n: iam.put_group_policy(GroupName=group, PolicyName=name, PolicyDocument=of_size(n)),
           'role': lambda name, n: iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=of_size(n))}
    for kind, most, holder in (('user', 2048, user), ('group', 5120, group), ('role', 10240, role)):
        words = f'Maximum policy size of {most} bytes exceeded for {kind} {holder}'
        assert refused('LimitExceeded', put[kind], 'a', most + 1) == words
        put[kind]('a', most)
        assert refused('LimitExceeded', put[kind], 'b', 200) == words  # all together
        put[kind]('a', most - 200)
        put[kind]('b', 200)
    arn = iam.create_policy(PolicyName=fresh('p'), PolicyDocument=of_size(6144).replace('[', ' [\n'))['Policy']['Arn']
    for call in (lambda: iam.create_policy(PolicyName=fresh('p'), PolicyDocument=of_size(6145)),
                 lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=of_size(6145))):
        assert refused('LimitExceeded', call) == 'Cannot exceed quota for PolicySize: 6144'
    longest = trust.replace('"aws:x":"x"', '"aws:x":"' + 'x' * (2048 - len(trust) + 1) + '"')
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=longest)
    assert refused('LimitExceeded', iam.update_assume_role_policy, RoleName=role, PolicyDocument=longest.replace('xx', 'xxx', 1)) == \
        'Cannot exceed quota for ACLSizePerRole: 2048'


def queue_for(strata, name):
    return strata.client('sqs').create_queue(QueueName=name)['QueueUrl']


def test_actions_are_compared_without_case_and_resources_with_it(strata):
    sqs, iam, user = strata.user('sqs')
    name = fresh('Queue')
    url, other = queue_for(strata, name), queue_for(strata, name.lower())
    arn = f'arn:aws:sqs:us-east-1:{ACCOUNT}:{name}'
    put = lambda *s: iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=document(*s))
    put(allow('SQS:sendMESSAGE', arn))
    sqs.send_message(QueueUrl=url, MessageBody='x')
    refused('AccessDenied', sqs.send_message, QueueUrl=other, MessageBody='x')
    for trick in (arn.upper(), arn.replace('arn:aws', 'arn:AWS'), arn.replace('sqs', 'SQS', 1), arn + '/', arn + ' ', ' ' + arn + '*',
                  arn.replace('us-east-1', 'US-EAST-1')):
        if trick.startswith('arn:'):
            put(allow('sqs:SendMessage', trick))
        else:
            refused('MalformedPolicyDocument', put, allow('sqs:SendMessage', trick))
            continue
        refused('AccessDenied', sqs.send_message, QueueUrl=url, MessageBody='x')
    put(allow('sqs:*', '*'), {'Effect': 'Deny', 'Action': 'sqs:SENDmessage', 'Resource': arn})
    assert 'explicit deny' in refused('AccessDenied', sqs.send_message, QueueUrl=url, MessageBody='x')
    sqs.send_message(QueueUrl=other, MessageBody='x')


def test_letters_that_look_alike_are_others(strata):
    sqs, iam, user = strata.user('sqs')
    url = queue_for(strata, fresh('q'))
    for action in ('\u00a0sqs:SendMessage', 'sqs:SendMessag\u00e9', 'sqs:Send\u00adMessage', 'sqs:SendMessage '):
        iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [allow(action)]}, ensure_ascii=False))
        refused('AccessDenied', sqs.send_message, QueueUrl=url, MessageBody='x')
    refused('ValidationError', iam.create_user, UserName='\u0430dmin')  # the first is Cyrillic
    refused('ValidationError', iam.create_role, RoleName='r\u00f6le', AssumeRolePolicyDocument='{}')
    refused('ValidationError', iam.create_user, UserName=fresh('u'), Path='no-slash')


def test_escaped_text_is_what_it_stands_for(strata):
    """\\u0073qs is sqs: what is denied so is denied."""
    sqs, iam, user = strata.user('sqs')
    url = queue_for(strata, fresh('q'))
    text = document(allow()).replace('"sqs:*"', '"\\u0073qs:*"')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=text)
    sqs.send_message(QueueUrl=url, MessageBody='x')
    deny = text.replace('Allow', '\\u0044eny')
    iam.put_user_policy(UserName=user, PolicyName='d', PolicyDocument=deny)
    refused('AccessDenied', sqs.send_message, QueueUrl=url, MessageBody='x')


@pytest.mark.parametrize('condition, allowed', [
    ({'StringEquals': {'aws:PrincipalTag/team': 'a'}}, False), ({'StringNotEquals': {'aws:PrincipalTag/team': 'a'}}, True),
    ({'StringEqualsIfExists': {'aws:PrincipalTag/team': 'a'}}, True), ({'StringLike': {'aws:PrincipalTag/team': '*'}}, False),
    ({'ForAllValues:StringEquals': {'aws:TagKeys': 'a'}}, True), ({'ForAnyValue:StringEquals': {'aws:TagKeys': 'a'}}, False),
    ({'Null': {'aws:PrincipalTag/team': 'true'}}, True), ({'Null': {'aws:PrincipalTag/team': 'false'}}, False),
    ({'Bool': {'aws:MultiFactorAuthPresent': 'true'}}, False), ({'Bool': {'aws:MultiFactorAuthPresent': 'false'}}, False),
    ({'BoolIfExists': {'aws:MultiFactorAuthPresent': 'false'}}, True), ({'NumericLessThan': {'aws:MultiFactorAuthAge': '99999'}}, False),
    ({'NumericLessThanIfExists': {'aws:MultiFactorAuthAge': '1'}}, True), ({'DateGreaterThan': {'aws:TokenIssueTime': '2000-01-01T00:00:00Z'}}, False),
    ({'ArnLike': {'aws:SourceArn': '*'}}, False), ({'ArnNotLike': {'aws:SourceArn': 'arn:aws:s3:::x'}}, True),
    ({'StringEquals': {'aws:PrincipalTag/team': '${aws:PrincipalTag/team}'}}, False), ({'StringEquals': {'AWS:USERNAME': '${aws:nothing, \'x\'}'}}, False),
])
def test_context_that_is_not_there(strata, condition, allowed):
    """A user's own key: no session, no code, no tags, no source."""
    sqs, iam, user = strata.user('sqs')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=document(allow('sqs:ListQueues', Condition=condition)))
    if allowed:
        sqs.list_queues()
    else:
        refused('AccessDenied', sqs.list_queues)


def test_a_signature_is_of_its_region(strata):
    """It names the region, so that one of elsewhere opens nothing here: the resource is the region's of the signature."""
    name = fresh('q')
    queue_for(strata, name)
    refused('AWS.SimpleQueueService.NonExistentQueue', strata.client('sqs', region='eu-west-1').get_queue_url, QueueName=name)
    sqs, iam, user = strata.user('sqs')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=document(allow('sqs:*', f'arn:aws:sqs:us-east-1:{ACCOUNT}:*')))
    sqs.get_queue_url(QueueName=name)
    key = sqs._request_signer._credentials
    elsewhere = strata.client('sqs', region='eu-west-1', key=key.access_key, secret=key.secret_key)
    refused('AccessDenied', elsewhere.create_queue, QueueName=name)
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=document(
        allow('sqs:*'), {'Effect': 'Deny', 'Action': '*', 'Resource': '*', 'Condition': {'StringNotEquals': {'aws:RequestedRegion': 'us-east-1'}}}))
    assert 'explicit deny' in refused('AccessDenied', elsewhere.create_queue, QueueName=name)


def test_roles_that_trust_each_other_gain_nothing(strata):
    """A chain of roles ends where no policy allows the next step, and lasts an hour at most."""
    sts, iam, user = strata.user('sts')
    a, b = fresh('a'), fresh('b')
    arn = lambda name: f'arn:aws:iam::{ACCOUNT}:role/{name}'
    trust = lambda *who: json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': list(who)}, 'Action': 'sts:AssumeRole'}]})
    iam.create_role(RoleName=a, AssumeRolePolicyDocument=trust(f'arn:aws:iam::{ACCOUNT}:user/{user}'))
    iam.create_role(RoleName=b, AssumeRolePolicyDocument=trust(arn(a)))
    iam.update_assume_role_policy(RoleName=a, PolicyDocument=trust(f'arn:aws:iam::{ACCOUNT}:user/{user}', arn(b)))

    def assume(client, name, **more):
        c = client.assume_role(RoleArn=arn(name), RoleSessionName='session', **more)['Credentials']
        return strata.client('sts', key=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken'])
    session = sts
    for name in (a, b, a, b):
        session = assume(session, name)
    assert refused('ValidationError', assume, session, a, DurationSeconds=3601).endswith('by role chaining')
    refused('AccessDenied', assume, sts, b)
    iam.put_role_policy(RoleName=b, PolicyName='p', PolicyDocument=document({'Effect': 'Deny', 'Action': 'sts:AssumeRole', 'Resource': '*'}))
    refused('AccessDenied', assume, session, a)
