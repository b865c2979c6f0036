"""Browsers' forms: a POST whose policy was signed by somebody else, and what it lets a browser do."""
import base64
import json
import uuid
import xml.etree.ElementTree as ElementTree

import pytest
import requests

from refusals import code_of

BODY = b'what the file holds'


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3', signature_version='s3v4', s3={'addressing_style': 'path'})


@pytest.fixture(scope='module')
def bucket(s3):
    name = 'form-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    return name


def send(form, file=BODY, name='a.txt', fields=(), without=(), url=None, **kw):
    data = {k: v for k, v in {**form['fields'], **dict(fields)}.items() if k not in without}
    return requests.post(url or form['url'], data=data, files={'file': (name, file)} if file is not None else {'x': 'y'}, allow_redirects=False, **kw)


def refusal(answer):
    root = ElementTree.fromstring(answer.content)
    return answer.status_code, root.findtext('Code'), root.findtext('Message')


@pytest.mark.parametrize('version', ['s3', 's3v4'])
def test_a_form_puts_its_file(strata, s3, bucket, version):
    signer = strata.client('s3', signature_version=version, s3={'addressing_style': 'path'})
    extra = {'x-amz-meta-Note': 'grüße', 'Content-Type': 'text/plain', 'tagging': '<Tagging><TagSet><Tag><Key>a</Key><Value>1 +2</Value></Tag></TagSet></Tagging>'}
    form = signer.generate_presigned_post(bucket, 'in/${filename}', Fields=extra, Conditions=[{k: v} for k, v in extra.items()] + [['content-length-range', 1, 100]])
    answer = send(form, name='C:\\dir\\b.txt')
    assert answer.status_code == 204, answer.text
    head = s3.head_object(Bucket=bucket, Key='in/b.txt')
    assert (answer.status_code, answer.content, answer.headers['ETag']) == (204, b'', head['ETag'])
    assert answer.headers['Location'].endswith(f'/{bucket}/in/b.txt')
    assert s3.get_object(Bucket=bucket, Key='in/b.txt')['Body'].read() == BODY
    assert head['ContentType'] == 'text/plain' and 'note' in head['Metadata']
    assert s3.get_object_tagging(Bucket=bucket, Key='in/b.txt')['TagSet'] == [{'Key': 'a', 'Value': '1 +2'}]
    big = bytes(range(256)) * 2000
    form = signer.generate_presigned_post(bucket, 'big')
    assert send(form, big).status_code == 204 and s3.get_object(Bucket=bucket, Key='big')['Body'].read() == big
    assert send(form, b'').status_code == 204 and s3.head_object(Bucket=bucket, Key='big')['ContentLength'] == 0


def test_a_form_says_how_it_is_answered(s3, bucket):
    ask = lambda **fields: s3.generate_presigned_post(bucket, 'a b&c', Fields=fields, Conditions=[{k: v} for k, v in fields.items()])
    assert send(ask(success_action_status='200')).status_code == 200 and send(ask(success_action_status='404')).status_code == 204
    made = send(ask(success_action_status='201'))
    root = ElementTree.fromstring(made.content)
    assert (made.status_code, root.tag) == (201, 'PostResponse')
    assert (root.findtext('Bucket'), root.findtext('Key'), root.findtext('ETag')) == (bucket, 'a b&c', made.headers['ETag'])
    assert root.findtext('Location') == made.headers['Location']
    moved = send(ask(success_action_redirect='https://example.com/done?x=1'))
    assert moved.status_code == 303
    assert moved.headers['Location'] == f'https://example.com/done?x=1&bucket={bucket}&key=a%20b%26c&etag=%22{moved.headers["ETag"][1:-1]}%22'
    assert send(ask(success_action_redirect='/relative')).status_code == 204


def test_nothing_but_what_the_policy_says(s3, bucket):
    def policy(*conditions, **fields):
        return s3.generate_presigned_post(bucket, 'k', Fields=fields, Conditions=list(conditions))
    denied = lambda words: (403, 'AccessDenied', 'Invalid according to Policy: ' + words)
    assert refusal(send(policy(), fields={'key': 'other'})) == denied('Policy Condition failed: ["eq", "$key", "other"]'.replace('other', 'k'))
    assert refusal(send(policy(), fields={'acl': 'public-read'})) == denied('Extra input fields: acl')
    assert refusal(send(policy(), fields={'x-amz-meta-a': '1'})) == denied('Extra input fields: x-amz-meta-a')
    assert send(policy(), fields={'x-ignore-this': '1'}).status_code == 204
    start = ['starts-with', '$Content-Type', 'image/']
    assert send(policy(start), fields={'Content-Type': 'image/png, image/jpeg'}).status_code == 204
    assert refusal(send(policy(start), fields={'Content-Type': 'image/png,text/html'})) == denied(f'Policy Condition failed: {json.dumps(["starts-with", "$Content-Type", "image/"])}')
    assert refusal(send(policy(['eq', 'key', 'k']))) == denied('Policy Condition failed: ["eq", "key", "k"]')
    assert refusal(send(policy(['content-length-range', 'test', 10]))) == denied('Policy Condition failed: ["content-length-range", "test", "10"]')
    assert refusal(send(policy(['content-length-range', 0, 5])))[:2] == (400, 'EntityTooLarge')
    assert refusal(send(policy(['content-length-range', 50, 60])))[:2] == (400, 'EntityTooSmall')
    assert refusal(send(policy({'a': '1', 'b': '2'})))[:2] == (400, 'InvalidPolicyDocument')
    other = 'form-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=other)
    form = policy()
    assert refusal(send(form, url=form['url'].replace(bucket, other)))[2].startswith('Invalid according to Policy: Policy Condition failed: ["eq", "$bucket"')
    copy = {'x-amz-copy-source': f'{bucket}/k'}  # a form is a PUT of its file, whatever its policy says
    assert send(policy(copy, **copy), b'own').status_code == 204 and s3.get_object(Bucket=bucket, Key='k')['Body'].read() == b'own'


@pytest.mark.parametrize('version, names', [('s3', ('AWSAccessKeyId', 'signature')), ('s3v4', ('x-amz-algorithm', 'x-amz-credential', 'x-amz-date', 'x-amz-signature'))])
def test_whose_form_it_is_must_be_proven(strata, s3, bucket, version, names):
    signer = strata.client('s3', signature_version=version, s3={'addressing_style': 'path'})
    form = signer.generate_presigned_post(bucket, 'k')
    for name in names:
        code = refusal(send(form, without=[name]))
        assert code[:2] == (400, 'InvalidArgument') and name.lower() in code[2].lower()
    assert refusal(send(form, without=names)) == (403, 'AccessDenied', 'Access Denied')
    assert refusal(send(form, without=('policy',)))[:2] == (400, 'InvalidArgument')
    more = base64.b64encode(base64.b64decode(form['fields']['policy']).replace(b'"k"', b'"l"')).decode()
    assert refusal(send(form, fields={'policy': more, 'key': 'l'}))[:2] == (403, 'SignatureDoesNotMatch')
    assert refusal(send(form, fields={names[-1]: 'x'}))[:2] == (403, 'SignatureDoesNotMatch')
    assert refusal(send(signer.generate_presigned_post(bucket, 'k', ExpiresIn=-1))) == (403, 'AccessDenied', 'Invalid according to Policy: Policy expired.')
    assert code_of(s3.head_object, Bucket=bucket, Key='l') == '404'


def test_the_signer_needs_the_permission(strata, s3, bucket):
    iam, name = strata.client('iam'), 'u-' + uuid.uuid4().hex[:8]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)['AccessKey']
    def allow(*actions, **deny):
        statements = [{'Effect': 'Allow', 'Action': list(actions), 'Resource': f'arn:aws:s3:::{bucket}/mine/*'}]
        if deny:
            statements.append({'Effect': 'Deny', 'Action': 's3:PutObject', 'Resource': '*', 'Condition': {'StringEquals': deny['deny']}})
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': statements}))
    user = strata.client('s3', key=key['AccessKeyId'], secret=key['SecretAccessKey'], signature_version='s3v4', s3={'addressing_style': 'path'})
    form = user.generate_presigned_post(bucket, 'mine/a')
    assert refusal(send(form))[:2] == (403, 'AccessDenied')
    allow('s3:PutObject')
    assert send(form).status_code == 204
    assert refusal(send(user.generate_presigned_post(bucket, 'others/a')))[:2] == (403, 'AccessDenied')
    tags = {'tagging': '<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>'}
    assert refusal(send(user.generate_presigned_post(bucket, 'mine/a', Fields=tags, Conditions=[tags])))[:2] == (403, 'AccessDenied')
    allow('s3:PutObject', deny={'s3:authType': 'POST', 's3:signatureversion': 'AWS4-HMAC-SHA256'})
    assert refusal(send(form))[:2] == (403, 'AccessDenied')
    iam.update_access_key(UserName=name, AccessKeyId=key['AccessKeyId'], Status='Inactive')
    allow('s3:PutObject')
    assert refusal(send(form))[:2] == (403, 'InvalidAccessKeyId')
    iam.delete_user_policy(UserName=name, PolicyName='p')


def test_temporary_credentials_sign_with_their_token(strata, bucket):
    keys = strata.client('sts').get_federation_token(Name='form', Policy=json.dumps({'Version': '2012-10-17', 'Statement': {
        'Effect': 'Allow', 'Action': 's3:PutObject', 'Resource': '*'}}))['Credentials']
    form = strata.client('s3', key=keys['AccessKeyId'], secret=keys['SecretAccessKey'], token=keys['SessionToken'], signature_version='s3v4',
                         s3={'addressing_style': 'path'}).generate_presigned_post(bucket, 'k')
    assert send(form).status_code == 204
    assert refusal(send(form, without=['x-amz-security-token']))[0] == 403


def test_nobody_posts_where_everybody_may(s3, bucket):
    url = s3.generate_presigned_post(bucket, 'k')['url']
    form = {'url': url, 'fields': {'key': 'public/a', 'x-amz-meta-a': '1'}}
    assert refusal(send(form))[:2] == (403, 'AccessDenied')
    public = 'form-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=public)
    s3.delete_public_access_block(Bucket=public)
    s3.put_bucket_policy(Bucket=public, Policy=json.dumps({'Version': '2012-10-17', 'Statement': {
        'Effect': 'Allow', 'Principal': '*', 'Action': 's3:PutObject', 'Resource': f'arn:aws:s3:::{public}/public/*'}}))
    assert send(form, url=url.replace(bucket, public)).status_code == 204
    assert s3.head_object(Bucket=public, Key='public/a')['Metadata'] == {'a': '1'}


def test_forms_that_are_none(s3, bucket):
    form = s3.generate_presigned_post(bucket, 'k')
    kind = {'Content-Type': 'multipart/form-data; boundary=xx'}
    assert refusal(requests.post(form['url'], data=b'--xx\r\nnothing', headers=kind))[:2] == (400, 'MalformedPOSTRequest')
    assert refusal(requests.post(form['url'], data=b'--xx--', headers=kind))[:2] == (400, 'InvalidArgument')
    assert refusal(send(form, None))[:2] == (400, 'InvalidArgument')
    assert 'key' in refusal(send(form, without=['key']))[2]
    assert refusal(send(form, fields={'x-amz-meta-a': 'b' * 21000}))[:2] == (400, 'MaxPostPreDataLengthExceeded')
    split = {'x-amz-meta-a': 'b\r\nSet-Cookie: c'}
    assert refusal(send(s3.generate_presigned_post(bucket, 'k', Fields=split, Conditions=[split])))[:2] == (400, 'InvalidArgument')
    assert refusal(send(form, url=form['url'] + 'none'))[:2] in ((403, 'AccessDenied'), (404, 'NoSuchBucket'))


def test_a_page_of_another_origin_may_see_the_answer(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={'CORSRules': [{'AllowedMethods': ['POST'], 'AllowedOrigins': ['https://app.example.com']}]})
    form = s3.generate_presigned_post(bucket, 'k')
    for without in ((), ('policy',)):
        assert send(form, without=without, headers={'Origin': 'https://app.example.com'}).headers['Access-Control-Allow-Origin'] == 'https://app.example.com'
    assert 'Access-Control-Allow-Origin' not in send(form, headers={'Origin': 'https://other.example.com'}).headers
