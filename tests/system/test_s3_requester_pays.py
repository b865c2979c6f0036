"""Buckets whose readers pay: who must say that he knows."""
import json
import uuid

import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from refusals import code_of

PATH = {'addressing_style': 'path'}
ACCEPTED = {'RequestPayer': 'requester'}


def test_who_pays_says_so(strata):
    owner, stranger = strata.client('s3', s3=PATH), strata.client('s3', key='111122223333', s3=PATH)
    nobody = strata.client('s3', s3=PATH, signature_version=UNSIGNED)
    bucket = 'pays-' + uuid.uuid4().hex[:12]
    key = {'Bucket': bucket, 'Key': 'k'}
    owner.create_bucket(Bucket=bucket)
    owner.delete_public_access_block(Bucket=bucket)
    owner.put_object(**key, Body=b'x')
    owner.put_bucket_policy(Bucket=bucket, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': '*', 'Action': ['s3:GetObject', 's3:PutObject', 's3:ListBucket'], 'Resource': [f'arn:aws:s3:::{bucket}', f'arn:aws:s3:::{bucket}/*']}]}))
    assert owner.get_bucket_request_payment(Bucket=bucket)['Payer'] == 'BucketOwner'
    assert 'RequestCharged' not in stranger.get_object(**key) and nobody.get_object(**key)
    owner.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={'Payer': 'Requester'})
    assert owner.get_bucket_request_payment(Bucket=bucket)['Payer'] == 'Requester'
    assert 'RequestCharged' not in owner.get_object(**key)
    for call, more in ((stranger.get_object, key), (stranger.list_objects_v2, {'Bucket': bucket}), (stranger.put_object, {**key, 'Body': b'y'})):
        assert code_of(call, **more) == 'AccessDenied'
        assert call(**more, **ACCEPTED)['RequestCharged'] == 'requester'
    with pytest.raises(ClientError, match='Forbidden'):
        stranger.head_object(**key)
    assert code_of(nobody.get_object, **key, **ACCEPTED) == 'AccessDenied'
    for query, status in (('', 403), ('?x-amz-request-payer=requester', 200)):
        request = AWSRequest('GET', f'{strata.url}/{bucket}/k{query}')
        S3SigV4QueryAuth(Credentials('111122223333', 'test'), 's3', 'us-east-1').add_auth(request)
        assert requests.get(request.url, timeout=30).status_code == status
    owner.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={'Payer': 'BucketOwner'})
    assert stranger.get_object(**key)['Body'].read() == b'y'
    assert code_of(owner.put_bucket_request_payment, Bucket=bucket, RequestPaymentConfiguration={'Payer': 'Me'}) == 'MalformedXML'
    owner.delete_object(**key)
    owner.delete_bucket(Bucket=bucket)
