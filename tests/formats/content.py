"""What stands in a sample of a format: something of every service, and what must be read of it for ever.

fill() may grow with each new format; expect() says what the sample of each format holds. Nothing that time takes away is expected: messages, events and
sessions are walked over by `strata check` before the sample is served.
"""
import io
import json
import zipfile

ROLE = 'arn:aws:iam::000000000000:role/sample'
TRUST = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': ['lambda.amazonaws.com', 'scheduler.amazonaws.com']},
                                                  'Action': 'sts:AssumeRole'}]}
ALLOW = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:GetObject', 'Resource': '*'}]}
LARGE = b'a body that is kept in a file of its own. ' * 1000


def code():
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        z.writestr(zipfile.ZipInfo('app.py'), 'def handler(event, context):\n    return event\n')
    return out.getvalue()


def fill_identities(strata):
    iam, sts = strata.client('iam'), strata.client('sts')
    iam.create_account_alias(AccountAlias='sample-alias')
    iam.create_role(RoleName='sample', AssumeRolePolicyDocument=json.dumps(TRUST), Description='kept', Tags=[{'Key': 'a', 'Value': '1'}])
    arn = iam.create_policy(PolicyName='sample', PolicyDocument=json.dumps(ALLOW))['Policy']['Arn']
    iam.attach_role_policy(RoleName='sample', PolicyArn=arn)
    iam.put_role_policy(RoleName='sample', PolicyName='inline', PolicyDocument=json.dumps(ALLOW))
    iam.create_user(UserName='ann', Path='/people/', PermissionsBoundary=arn)
    iam.create_group(GroupName='all')
    iam.add_user_to_group(GroupName='all', UserName='ann')
    iam.create_access_key(UserName='ann')
    iam.create_instance_profile(InstanceProfileName='sample')
    iam.add_role_to_instance_profile(InstanceProfileName='sample', RoleName='sample')
    iam.create_open_id_connect_provider(Url='https://example.com', ClientIDList=['c'], ThumbprintList=['0' * 40])
    sts.get_session_token()


def fill_storage(strata):
    s3, ddb = strata.client('s3'), strata.client('dynamodb')
    s3.create_bucket(Bucket='sample')
    s3.put_bucket_versioning(Bucket='sample', VersioningConfiguration={'Status': 'Enabled'})
    s3.put_object(Bucket='sample', Key='small', Body=b'first', Metadata={'a': '1'}, Tagging='k=v')
    s3.put_object(Bucket='sample', Key='small', Body=b'second')
    s3.put_object(Bucket='sample', Key='large', Body=LARGE, ChecksumAlgorithm='SHA256')
    s3.put_object(Bucket='sample', Key='gone', Body=b'x')
    s3.delete_object(Bucket='sample', Key='gone')
    upload = s3.create_multipart_upload(Bucket='sample', Key='parts')['UploadId']
    part = s3.upload_part(Bucket='sample', Key='parts', UploadId=upload, PartNumber=1, Body=LARGE)['ETag']
    s3.complete_multipart_upload(Bucket='sample', Key='parts', UploadId=upload, MultipartUpload={'Parts': [{'PartNumber': 1, 'ETag': part}]})
    open_upload = s3.create_multipart_upload(Bucket='sample', Key='open')['UploadId']
    s3.upload_part(Bucket='sample', Key='open', UploadId=open_upload, PartNumber=1, Body=b'begun')
    names = {'AttributeDefinitions': [{'AttributeName': n, 'AttributeType': t} for n, t in (('id', 'S'), ('n', 'N'), ('owner', 'S'))],
             'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'n', 'KeyType': 'RANGE'}]}
    ddb.create_table(TableName='sample', BillingMode='PAY_PER_REQUEST', Tags=[{'Key': 'a', 'Value': '1'}], **names, GlobalSecondaryIndexes=[
        {'IndexName': 'by-owner', 'KeySchema': [{'AttributeName': 'owner', 'KeyType': 'HASH'}], 'Projection': {'ProjectionType': 'ALL'}}])
    ddb.update_time_to_live(TableName='sample', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'ttl'})
    for n in range(5):
        ddb.put_item(TableName='sample', Item={'id': {'S': 'i'}, 'n': {'N': str(n)}, 'owner': {'S': f'o{n % 2}'}, 'ttl': {'N': '99999999999'},
                                               'doc': {'M': {'l': {'L': [{'NULL': True}, {'B': b'\x00\xff'}, {'NS': ['1', '2.50']}]}}}})
    ddb.transact_write_items(ClientRequestToken='token', TransactItems=[
        {'Put': {'TableName': 'sample', 'Item': {'id': {'S': 'both'}, 'n': {'N': '1'}}}}])


def fill_messages(strata):
    sqs, logs, cw = strata.client('sqs'), strata.client('logs'), strata.client('cloudwatch')
    dead = sqs.create_queue(QueueName='dead')['QueueUrl']
    url = sqs.create_queue(QueueName='sample', Attributes={'MessageRetentionPeriod': '1209600', 'RedrivePolicy': json.dumps(
        {'deadLetterTargetArn': 'arn:aws:sqs:us-east-1:000000000000:dead', 'maxReceiveCount': 2})}, tags={'a': '1'})['QueueUrl']
    fifo = sqs.create_queue(QueueName='sample.fifo', Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
    for body in ('one', 'two', 'three'):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes={'n': {'DataType': 'Number', 'StringValue': '1'}})
        sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId='g')
    sqs.send_message(QueueUrl=url, MessageBody='later', DelaySeconds=900)
    sqs.receive_message(QueueUrl=url)
    sqs.receive_message(QueueUrl=fifo)
    sqs.send_message(QueueUrl=dead, MessageBody='dead')
    logs.create_log_group(logGroupName='/sample', tags={'a': '1'})
    logs.create_log_stream(logGroupName='/sample', logStreamName='s')
    logs.put_log_events(logGroupName='/sample', logStreamName='s', logEvents=[{'timestamp': strata.now_ms(), 'message': 'kept'}])
    logs.put_metric_filter(logGroupName='/sample', filterName='f', filterPattern='kept', metricTransformations=[
        {'metricName': 'm', 'metricNamespace': 'n', 'metricValue': '1'}])
    cw.put_metric_data(Namespace='sample', MetricData=[{'MetricName': 'm', 'Value': 3, 'Dimensions': [{'Name': 'd', 'Value': 'v'}]}])
    cw.put_metric_alarm(AlarmName='sample', Namespace='sample', MetricName='m', Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=1,
                        ComparisonOperator='GreaterThanThreshold')


def fill_secrets(strata):
    kms, secrets = strata.client('kms'), strata.client('secretsmanager')
    key = kms.create_key(Description='sample')['KeyMetadata']['KeyId']
    kms.create_alias(AliasName='alias/sample', TargetKeyId=key)
    kms.enable_key_rotation(KeyId=key)
    sealed = kms.encrypt(KeyId='alias/sample', Plaintext=b'opened', EncryptionContext={'a': '1'})['CiphertextBlob']
    strata.client('s3').put_object(Bucket='sample', Key='ciphertext', Body=sealed)
    secrets.create_secret(Name='sample', SecretString='before', KmsKeyId='alias/sample')
    secrets.put_secret_value(SecretId='sample', SecretString='after')
    secrets.put_resource_policy(SecretId='sample', ResourcePolicy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Deny', 'Principal': '*', 'Action': 'secretsmanager:DeleteSecret', 'Resource': '*'}]}))


def fill_sealed(strata):
    """Under keys of KMS, since format 2."""
    kms, s3, ddb, logs = (strata.client(s) for s in ('kms', 's3', 'dynamodb', 'logs'))
    key = kms.create_key(Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': who, 'Action': 'kms:*', 'Resource': '*'}
        for who in ({'AWS': 'arn:aws:iam::000000000000:root'}, {'Service': 'logs.us-east-1.amazonaws.com'})]}))['KeyMetadata']['Arn']
    kms.create_alias(AliasName='alias/sealing', TargetKeyId=key)
    s3.put_object(Bucket='sample', Key='sealed', Body=b'kept', ServerSideEncryption='aws:kms', SSEKMSKeyId=key)
    s3.put_object(Bucket='sample', Key='sealed by the bucket key', Body=b'x', ServerSideEncryption='aws:kms', SSEKMSKeyId=key, BucketKeyEnabled=True)
    ddb.create_table(TableName='sealed', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                     AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                     SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': key})
    ddb.put_item(TableName='sealed', Item={'id': {'S': '1'}, 'text': {'S': 'kept'}})
    logs.create_log_group(logGroupName='/sealed', kmsKeyId=key)
    logs.create_log_stream(logGroupName='/sealed', logStreamName='s')
    logs.put_log_events(logGroupName='/sealed', logStreamName='s', logEvents=[{'timestamp': strata.now_ms(), 'message': 'kept'}])
    url = strata.client('sqs').create_queue(QueueName='sealed', Attributes={'KmsMasterKeyId': key})['QueueUrl']
    strata.client('sqs').send_message(QueueUrl=url, MessageBody='kept')
    strata.client('lambda').create_function(FunctionName='sealed', Runtime='python3.11', Role=ROLE, Handler='app.handler', Code={'ZipFile': code()},
                                            Environment={'Variables': {'TEXT': 'kept'}}, KMSKeyArn=key)


def fill_functions(strata):
    functions, apis = strata.client('lambda'), strata.client('apigatewayv2')
    functions.create_function(FunctionName='sample', Runtime='python3.11', Role=ROLE, Handler='app.handler', Code={'ZipFile': code()},
                              Environment={'Variables': {'AB': '1'}}, Tags={'a': '1'})
    functions.publish_layer_version(LayerName='sample', Content={'ZipFile': code()}, CompatibleRuntimes=['python3.11'])
    functions.add_permission(FunctionName='sample', StatementId='s', Action='lambda:InvokeFunction', Principal='events.amazonaws.com')
    functions.create_event_source_mapping(FunctionName='sample', EventSourceArn='arn:aws:sqs:us-east-1:000000000000:dead', Enabled=False)
    api = apis.create_api(Name='sample', ProtocolType='HTTP')['ApiId']
    integration = apis.create_integration(ApiId=api, IntegrationType='AWS_PROXY', PayloadFormatVersion='2.0',
                                          IntegrationUri='arn:aws:lambda:us-east-1:000000000000:function:sample')['IntegrationId']
    apis.create_route(ApiId=api, RouteKey='GET /x', Target=f'integrations/{integration}')
    apis.create_stage(ApiId=api, StageName='$default', AutoDeploy=True)
    events, scheduler = strata.client('events'), strata.client('scheduler')
    events.put_rule(Name='sample', EventPattern='{"source": ["mine"]}')
    events.put_targets(Rule='sample', Targets=[{'Id': 't', 'Arn': 'arn:aws:sqs:us-east-1:000000000000:dead'}])
    events.put_rule(Name='timed', ScheduleExpression='rate(1 day)', State='DISABLED')
    scheduler.create_schedule_group(Name='sample')
    scheduler.create_schedule(Name='sample', GroupName='sample', ScheduleExpression='at(2099-01-01T00:00:00)', FlexibleTimeWindow={'Mode': 'OFF'},
                              Target={'Arn': 'arn:aws:lambda:us-east-1:000000000000:function:sample', 'RoleArn': ROLE})


def fill(strata):
    fill_identities(strata)
    fill_storage(strata)
    fill_messages(strata)
    fill_secrets(strata)
    fill_functions(strata)
    fill_sealed(strata)


def expect_storage(strata):
    s3, ddb = strata.client('s3'), strata.client('dynamodb')
    for key, body in (('small', b'second'), ('large', LARGE), ('parts', LARGE)):
        assert s3.get_object(Bucket='sample', Key=key)['Body'].read() == body
    listed = s3.list_object_versions(Bucket='sample')
    assert [(v['Key'], v['IsLatest']) for v in listed['Versions'] if v['Key'] == 'small'] == [('small', True), ('small', False)]
    assert [m['Key'] for m in listed['DeleteMarkers']] == ['gone']
    assert [u['Key'] for u in s3.list_multipart_uploads(Bucket='sample')['Uploads']] == ['open']
    found = ddb.query(TableName='sample', IndexName='by-owner', KeyConditionExpression='#o = :o', ExpressionAttributeNames={'#o': 'owner'},
                      ExpressionAttributeValues={':o': {'S': 'o0'}})['Items']
    assert sorted(i['n']['N'] for i in found) == ['0', '2', '4']
    assert found[0]['doc'] == {'M': {'l': {'L': [{'NULL': True}, {'B': b'\x00\xff'}, {'NS': ['1', '2.5']}]}}}
    assert ddb.describe_table(TableName='sample')['Table']['ItemCount'] == 6
    assert ddb.describe_time_to_live(TableName='sample')['TimeToLiveDescription']['TimeToLiveStatus'] == 'ENABLED'


def expect_messages(strata):
    sqs, logs, cw = strata.client('sqs'), strata.client('logs'), strata.client('cloudwatch')
    url = sqs.get_queue_url(QueueName='sample')['QueueUrl']
    assert json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']['RedrivePolicy'])['maxReceiveCount'] == 2
    assert sqs.list_queue_tags(QueueUrl=url)['Tags'] == {'a': '1'}
    assert sqs.list_dead_letter_source_queues(QueueUrl=sqs.get_queue_url(QueueName='dead')['QueueUrl'])['queueUrls'] == [url]
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName='sample.fifo')['QueueUrl'], MessageBody='now', MessageGroupId='g')
    assert [e['message'] for e in logs.get_log_events(logGroupName='/sample', logStreamName='s', startFromHead=True)['events']] == ['kept']
    assert logs.describe_metric_filters(logGroupName='/sample')['metricFilters'][0]['filterPattern'] == 'kept'
    assert cw.list_metrics(Namespace='sample')['Metrics'][0]['Dimensions'] == [{'Name': 'd', 'Value': 'v'}]
    assert cw.describe_alarms()['MetricAlarms'][0]['Threshold'] == 1


def expect_secrets(strata):
    kms, secrets = strata.client('kms'), strata.client('secretsmanager')
    sealed = strata.client('s3').get_object(Bucket='sample', Key='ciphertext')['Body'].read()
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={'a': '1'})['Plaintext'] == b'opened'
    assert secrets.get_secret_value(SecretId='sample')['SecretString'] == 'after'
    assert secrets.get_secret_value(SecretId='sample', VersionStage='AWSPREVIOUS')['SecretString'] == 'before'
    assert 'Deny' in secrets.get_resource_policy(SecretId='sample')['ResourcePolicy']


def expect_functions(strata):
    functions, apis = strata.client('lambda'), strata.client('apigatewayv2')
    f = functions.get_function(FunctionName='sample')
    assert f['Configuration']['Environment'] == {'Variables': {'AB': '1'}} and f['Configuration']['CodeSize'] == len(code()) and f['Tags'] == {'a': '1'}
    assert functions.list_layers()['Layers'][0]['LatestMatchingVersion']['Version'] == 1
    assert 's' in functions.get_policy(FunctionName='sample')['Policy']
    assert functions.list_event_source_mappings(FunctionName='sample')['EventSourceMappings'][0]['State'] == 'Disabled'
    api = apis.get_apis()['Items'][0]['ApiId']
    assert [r['RouteKey'] for r in apis.get_routes(ApiId=api)['Items']] == ['GET /x']
    assert apis.get_stages(ApiId=api)['Items'][0]['StageName'] == '$default'
    events, scheduler = strata.client('events'), strata.client('scheduler')
    assert [r['Name'] for r in events.list_rules()['Rules']] == ['sample', 'timed']
    assert events.list_targets_by_rule(Rule='sample')['Targets'][0]['Id'] == 't'
    assert scheduler.get_schedule(Name='sample', GroupName='sample')['ScheduleExpression'] == 'at(2099-01-01T00:00:00)'


def expect_identities(strata):
    iam = strata.client('iam')
    assert iam.list_account_aliases()['AccountAliases'] == ['sample-alias']
    role = iam.get_role(RoleName='sample')['Role']
    assert role['Description'] == 'kept' and role['Tags'] == [{'Key': 'a', 'Value': '1'}] and role['AssumeRolePolicyDocument'] == TRUST
    assert [p['PolicyName'] for p in iam.list_attached_role_policies(RoleName='sample')['AttachedPolicies']] == ['sample']
    assert iam.get_role_policy(RoleName='sample', PolicyName='inline')['PolicyDocument'] == ALLOW
    assert iam.get_user(UserName='ann')['User']['Path'] == '/people/'
    assert [u['UserName'] for u in iam.get_group(GroupName='all')['Users']] == ['ann']
    assert len(iam.list_access_keys(UserName='ann')['AccessKeyMetadata']) == 1
    assert iam.get_instance_profile(InstanceProfileName='sample')['InstanceProfile']['Roles'][0]['RoleName'] == 'sample'
    assert iam.list_open_id_connect_providers()['OpenIDConnectProviderList']


def expect_sealed(strata):
    s3, ddb, logs, functions = (strata.client(s) for s in ('s3', 'dynamodb', 'logs', 'lambda'))
    for key, body in (('sealed', b'kept'), ('sealed by the bucket key', b'x')):
        assert s3.get_object(Bucket='sample', Key=key)['Body'].read() == body
    assert ddb.get_item(TableName='sealed', Key={'id': {'S': '1'}})['Item']['text'] == {'S': 'kept'}
    assert [e['message'] for e in logs.get_log_events(logGroupName='/sealed', logStreamName='s')['events']] == ['kept']
    assert functions.get_function_configuration(FunctionName='sealed')['Environment'] == {'Variables': {'TEXT': 'kept'}}


def expect_alarms(strata):
    """Also those that were put before strata ran alarms."""
    cw = strata.client('cloudwatch')
    cw.put_metric_data(Namespace='sample', MetricData=[{'MetricName': 'm', 'Value': 3}])
    strata.advance_clock(90)
    assert cw.describe_alarms()['MetricAlarms'][0]['StateValue'] == 'ALARM'


def expect(strata, format):
    if format >= 2:
        expect_sealed(strata)
    expect_identities(strata)
    expect_storage(strata)
    expect_messages(strata)
    expect_secrets(strata)
    expect_functions(strata)
    expect_alarms(strata)
