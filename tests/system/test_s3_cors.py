"""What S3 tells browsers: preflights, and the headers of actual requests, by the bucket's CORS rules; and methods that no resource has."""
import uuid
import xml.etree.ElementTree as ElementTree

import pytest
import requests
from botocore.exceptions import ClientError

PAGE = 'https://app.example.com'
RULES = [
    {'AllowedMethods': ['GET', 'HEAD'], 'AllowedOrigins': ['*']},
    {'AllowedMethods': ['PUT', 'POST'], 'AllowedOrigins': ['https://*.example.com', 'http://localhost:3000'],
     'AllowedHeaders': ['Content-Type', 'x-amz-*'], 'ExposeHeaders': ['ETag', 'x-amz-version-id'], 'MaxAgeSeconds': 600},
    {'AllowedMethods': ['DELETE'], 'AllowedOrigins': ['https://admin.example.com'], 'AllowedHeaders': ['*']},
]
VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'


@pytest.fixture(scope='module')
def s3(strata):
    return strata.client('s3', s3={'addressing_style': 'path'})


@pytest.fixture(scope='module')
def bucket(s3):
    name = 'cors-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={'CORSRules': RULES})
    s3.put_object(Bucket=name, Key='k', Body=b'body')
    return name


def preflight(url, origin=PAGE, method='GET', asked=None, **more):
    headers = {'Origin': origin, 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': asked, **more}
    return requests.options(url, headers=headers, timeout=30)


def told(answer):
    """Its CORS headers, without their prefix."""
    return {k.lower().removeprefix('access-control-'): v for k, v in answer.headers.items() if k.lower().startswith('access-control-')}


def refusal(answer):
    root = ElementTree.fromstring(answer.content)
    assert not told(answer)
    return (answer.status_code, *(root.findtext(name) for name in ('Code', 'Message', 'Method', 'ResourceType')))


def test_a_preflight_that_a_rule_allows(strata, bucket):
    url = f'{strata.url}/{bucket}/k'
    everybody = preflight(url)
    assert (everybody.status_code, everybody.content, everybody.headers['Vary']) == (200, b'', VARY)
    assert everybody.headers['x-amz-request-id'] and told(everybody) == {'allow-origin': '*', 'allow-methods': 'GET, HEAD'}
    some = preflight(url, method='PUT', asked='Content-Type, X-Amz-Meta-A')
    assert told(some) == {'allow-origin': PAGE, 'allow-credentials': 'true', 'allow-methods': 'PUT, POST', 'max-age': '600',
                          'allow-headers': 'content-type, x-amz-meta-a', 'expose-headers': 'ETag, x-amz-version-id'}
    assert told(preflight(url, 'http://localhost:3000', 'PUT'))['allow-origin'] == 'http://localhost:3000'
    assert told(preflight(url, 'https://admin.example.com', 'DELETE', 'anything'))['allow-headers'] == 'anything'
    assert told(preflight(f'{strata.url}/{bucket}'))['allow-origin'] == '*'  # the bucket itself
    assert told(preflight(f'{strata.url}/', Host=f'{bucket}.s3.us-east-1.amazonaws.com'))['allow-origin'] == '*'


@pytest.mark.parametrize('origin, method, asked', [
    ('https://example.com', 'PUT', None), ('http://app.example.com', 'PUT', None), (PAGE, 'DELETE', None), (PAGE, 'PUT', 'authorization'),
    (PAGE, 'GET', 'content-type'), ('https://app.example.com.evil', 'PUT', None),
])
def test_a_preflight_that_no_rule_allows(strata, bucket, origin, method, asked):
    status, code, message, of, kind = refusal(preflight(f'{strata.url}/{bucket}/k', origin, method, asked))
    assert (status, code, of, kind) == (403, 'AccessForbidden', method, 'OBJECT')
    assert message.startswith('CORSResponse: This CORS request is not allowed.')


def test_preflights_without_rules_buckets_or_sense(strata, s3, bucket):
    bare = 'bare-' + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=bare)
    assert refusal(preflight(f'{strata.url}/{bare}/k')) == (403, 'AccessForbidden', 'CORSResponse: CORS is not enabled for this bucket.', 'GET', 'BUCKET')
    assert refusal(preflight(f'{strata.url}/nowhere-{bare}/k'))[:3] == (403, 'AccessForbidden', 'CORSResponse: Bucket not found')
    url = f'{strata.url}/{bucket}/k'
    assert refusal(requests.options(url, timeout=30))[:3] == (400, 'BadRequest', 'Insufficient information. Origin request header needed.')
    assert refusal(requests.options(url, headers={'Origin': PAGE}, timeout=30))[:3] == (400, 'BadRequest', 'Invalid Access-Control-Request-Method: null')
    assert refusal(preflight(url, method='PATCH'))[:3] == (400, 'BadRequest', 'Invalid Access-Control-Request-Method: PATCH')


def test_actual_requests_carry_the_headers_refused_or_not(strata, s3, bucket):
    url = s3.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'k'})
    seen = requests.get(url, headers={'Origin': PAGE}, timeout=30)
    assert (seen.content, told(seen), seen.headers['Vary']) == (b'body', {'allow-origin': '*', 'allow-methods': 'GET, HEAD'}, VARY)
    assert told(requests.get(url, timeout=30)) == {}  # no page, no headers
    put = s3.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'p'})
    assert told(requests.put(put, data='x', headers={'Origin': PAGE}, timeout=30))['expose-headers'] == 'ETag, x-amz-version-id'
    foreign = requests.put(put, data='y', headers={'Origin': 'https://elsewhere.example'}, timeout=30)
    assert foreign.status_code == 200 and told(foreign) == {}  # the browser keeps the answer from the page
    for refused in (requests.get(f'{strata.url}/{bucket}/k', headers={'Origin': PAGE}, timeout=30),
                    requests.get(url.replace('/k?', '/none?'), headers={'Origin': PAGE}, timeout=30)):
        assert refused.status_code == 403 and told(refused)['allow-origin'] == '*'


@pytest.mark.parametrize('rule, message', [
    ({'AllowedOrigins': ['http://*.*']}, 'AllowedOrigin "http://*.*" can not have more than one wildcard.'),
    ({'AllowedHeaders': ['*-*']}, 'AllowedHeader "*-*" can not have more than one wildcard.'),
    ({'ExposeHeaders': ['x-*']}, 'ExposeHeader "x-*" contains wildcard. We currently do not support wildcard for ExposeHeader.'),
])
def test_rules_that_mean_nothing(s3, bucket, rule, message):
    with pytest.raises(ClientError) as e:
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={'CORSRules': [{'AllowedMethods': ['GET'], 'AllowedOrigins': ['*'], **rule}]})
    assert (e.value.response['Error']['Code'], e.value.response['Error']['Message']) == ('InvalidRequest', message)


@pytest.mark.parametrize('method, path', [('PATCH', '/b/k'), ('DELETE', '/'), ('PUT', '/'), ('TRACE', '/b'), ('FROB', '/b/k')])
def test_methods_that_no_resource_has(strata, method, path):
    answer = requests.request(method, strata.url + path, timeout=30)
    assert refusal(answer)[:3] == (405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
