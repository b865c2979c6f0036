"""CloudWatch metrics and alarms through boto3 (cbor) and raw query-protocol requests."""
import datetime
import json
import urllib.parse
import uuid

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from refusals import code_of


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def cw(strata):
    return strata.client('cloudwatch')


def at(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def test_metrics(cw, strata):
    space, now = 'T/' + uuid.uuid4().hex[:8], strata.now_ms() // 60000 * 60000
    d = [{'Name': 'f', 'Value': 'x'}, {'Name': 'a', 'Value': 'y'}]
    for i in range(3):
        cw.put_metric_data(Namespace=space, MetricData=[{'MetricName': 'm', 'Dimensions': d, 'Value': i + 1, 'Unit': 'Count', 'Timestamp': at(now)}])
    cw.put_metric_data(Namespace=space, MetricData=[{'MetricName': 'm', 'Dimensions': d[::-1], 'Values': [10.0], 'Counts': [2.0], 'Unit': 'Count',
                                                      'Timestamp': at(now - 60000)}])
    r = cw.get_metric_statistics(Namespace=space, MetricName='m', Dimensions=d, StartTime=at(now - 3600000), EndTime=at(now + 60000), Period=60,
                                 Statistics=['Sum', 'Average', 'Maximum', 'SampleCount'])
    points = sorted(r['Datapoints'], key=lambda p: p['Timestamp'])
    assert [(p['Sum'], p['SampleCount']) for p in points] == [(20.0, 2.0), (6.0, 3.0)] and points[1]['Average'] == 2.0 and points[0]['Unit'] == 'Count'
    q = [{'Id': 'q', 'MetricStat': {'Metric': {'Namespace': space, 'MetricName': 'm', 'Dimensions': d}, 'Period': 3600 * 2, 'Stat': 'Sum'}}]
    r = cw.get_metric_data(MetricDataQueries=q, StartTime=at(now - 3600000), EndTime=at(now + 60000))
    assert sum(r['MetricDataResults'][0]['Values']) == 26.0 and r['MetricDataResults'][0]['Label'] == 'm'
    both = q + [{'Id': 'p', 'MetricStat': {**q[0]['MetricStat'], 'Stat': 'Maximum', 'Period': 60}}]
    r = cw.get_metric_data(MetricDataQueries=both, StartTime=at(now - 3600000), EndTime=at(now + 60000))
    assert [m['Label'] for m in r['MetricDataResults']] == ['m Sum 7200', 'm Maximum 60']
    pages = list(cw.get_paginator('get_metric_data').paginate(MetricDataQueries=[{**both[1], 'Id': 'a'}, {**both[1], 'Id': 'b'}], StartTime=at(now - 3600000),
                                                              EndTime=at(now + 60000), MaxDatapoints=3))
    assert [[(m['Id'], m['Values'], m['StatusCode']) for m in p['MetricDataResults'] if m['Values']] for p in pages] == [
        [('a', [3.0, 10.0], 'Complete'), ('b', [3.0], 'PartialData')], [('b', [10.0], 'Complete')]]
    cw.put_metric_data(Namespace=space, MetricData=[{'MetricName': 'm', 'Dimensions': d, 'Value': 8, 'Unit': 'Bytes', 'Timestamp': at(now)}])
    r = cw.get_metric_statistics(Namespace=space, MetricName='m', Dimensions=d, StartTime=at(now - 3600000), EndTime=at(now + 60000), Period=3600 * 2, Statistics=['Sum'])
    assert sorted((p['Unit'], p['Sum']) for p in r['Datapoints']) == [('Bytes', 8.0), ('Count', 26.0)]
    assert cw.list_metrics(Namespace=space)['Metrics'][0]['MetricName'] == 'm'
    assert cw.list_metrics(Namespace=space, Dimensions=[{'Name': 'f', 'Value': 'other'}])['Metrics'] == []
    assert code_of(cw.put_metric_data, Namespace='AWS/Lambda', MetricData=[{'MetricName': 'm', 'Value': 1}]) in (
        'InvalidParameterValue', 'InvalidParameterValueException')


ALARM = dict(MetricName='m', Namespace='n', Statistic='Sum', Period=60, EvaluationPeriods=2, Threshold=5.0, ComparisonOperator='GreaterThanThreshold')


def test_alarms(cw):
    name = 'alarm-' + uuid.uuid4().hex[:8]
    cw.put_metric_alarm(AlarmName=name, AlarmActions=['arn:aws:sns:us-east-1:000000000000:t'], TreatMissingData='notBreaching',
                        Dimensions=[{'Name': 'q', 'Value': 'v'}], Tags=[{'Key': 'a', 'Value': '1'}], **ALARM)
    (a,) = cw.describe_alarms(AlarmNames=[name])['MetricAlarms']
    assert a['StateValue'] == 'INSUFFICIENT_DATA' and a['ActionsEnabled'] is True and a['TreatMissingData'] == 'notBreaching'
    assert {k: a[k] for k in ALARM} == ALARM and 'Unit' not in a and 'DatapointsToAlarm' not in a
    cw.set_alarm_state(AlarmName=name, StateValue='ALARM', StateReason='by hand')
    cw.disable_alarm_actions(AlarmNames=[name])
    assert cw.describe_alarms(AlarmNames=[name])['MetricAlarms'][0]['ActionsEnabled'] is False
    cw.enable_alarm_actions(AlarmNames=[name])
    cw.put_metric_alarm(AlarmName=name, ActionsEnabled=False, **{**ALARM, 'Threshold': 6.0})
    (a,) = cw.describe_alarms(AlarmNamePrefix=name)['MetricAlarms']
    assert a['StateValue'] == 'ALARM' and a['ActionsEnabled'] is False and a['Threshold'] == 6.0
    arn = a['AlarmArn']
    cw.tag_resource(ResourceARN=arn, Tags=[{'Key': 'b', 'Value': '2'}])
    cw.untag_resource(ResourceARN=arn, TagKeys=['a'])
    assert cw.list_tags_for_resource(ResourceARN=arn)['Tags'] == [{'Key': 'b', 'Value': '2'}]
    found = cw.describe_alarms_for_metric(MetricName='m', Namespace='n')['MetricAlarms']
    assert name in [x['AlarmName'] for x in found]
    types = [h['HistoryItemType'] for h in cw.describe_alarm_history(AlarmName=name)['AlarmHistoryItems'] if h['HistoryItemType'] != 'Action']
    assert sorted(types) == ['ConfigurationUpdate', 'ConfigurationUpdate', 'StateUpdate']
    cw.delete_alarms(AlarmNames=[name])
    assert cw.describe_alarms(AlarmNames=[name])['MetricAlarms'] == []
    assert code_of(cw.set_alarm_state, AlarmName=name, StateValue='OK', StateReason='x') in ('ResourceNotFound',)
    assert code_of(cw.put_metric_alarm, AlarmName=name, **{k: v for k, v in ALARM.items() if k != 'Statistic'}) == 'ValidationError'


def test_composite_alarms(cw):
    name = 'comp-' + uuid.uuid4().hex[:8]
    cw.put_composite_alarm(AlarmName=name, AlarmRule='ALARM(x)', AlarmDescription='d')
    assert cw.describe_alarms(AlarmNames=[name])['MetricAlarms'] == []
    (c,) = cw.describe_alarms(AlarmNames=[name], AlarmTypes=['CompositeAlarm'])['CompositeAlarms']
    assert c['AlarmRule'] == 'ALARM(x)'
    assert code_of(cw.put_metric_alarm, AlarmName=name, **ALARM) == 'ValidationError'
    cw.delete_alarms(AlarmNames=[name])


def test_alarms_page(cw):
    prefix = 'p-' + uuid.uuid4().hex[:8]
    for i in range(3):
        cw.put_metric_alarm(AlarmName=f'{prefix}-{i}', **ALARM)
    pages = list(cw.get_paginator('describe_alarms').paginate(AlarmNamePrefix=prefix, PaginationConfig={'PageSize': 2}))
    assert [len(p['MetricAlarms']) for p in pages] == [2, 1]
    cw.delete_alarms(AlarmNames=[f'{prefix}-{i}' for i in range(3)])


def query(strata, **params):
    body = urllib.parse.urlencode({'Version': '2010-08-01', **params})
    r = AWSRequest('POST', strata.url + '/', data=body, headers={'Content-Type': 'application/x-www-form-urlencoded'})
    SigV4Auth(Credentials('test', 'test'), 'monitoring', 'us-east-1').add_auth(r)
    return requests.post(strata.url + '/', data=body, headers=dict(r.headers), timeout=30)


def test_query_protocol(strata):
    r = query(strata, Action='PutMetricData', Namespace='Q', **{
        'MetricData.member.1.MetricName': 'm', 'MetricData.member.1.Value': '2.5', 'MetricData.member.1.Dimensions.member.1.Name': 'a',
        'MetricData.member.1.Dimensions.member.1.Value': 'b'})
    assert r.status_code == 200, r.text
    r = query(strata, Action='ListMetrics', Namespace='Q')
    assert '<MetricName>m</MetricName>' in r.text and '<Name>a</Name>' in r.text
    r = query(strata, Action='SetAlarmState', AlarmName='nowhere', StateValue='OK', StateReason='x')
    assert r.status_code == 404 and '<Code>ResourceNotFound</Code>' in r.text


def test_denied_by_default_allowed_by_policy(cw, strata):
    user, iam, name = strata.user('cloudwatch')
    datum = [{'MetricName': 'm', 'Value': 1.0}]
    assert code_of(user.put_metric_data, Namespace='Mine', MetricData=datum) in ('AccessDenied', 'AccessDeniedException')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'cloudwatch:PutMetricData', 'Resource': '*', 'Condition': {'StringEquals': {'cloudwatch:namespace': 'Mine'}}}]}))
    user.put_metric_data(Namespace='Mine', MetricData=datum)
    assert code_of(user.put_metric_data, Namespace='Other', MetricData=datum) in ('AccessDenied', 'AccessDeniedException')


def test_dashboards(strata, cw):
    body = '{"widgets": [{"type": "text", "properties": {"markdown": "hello"}}]}'
    assert cw.put_dashboard(DashboardName='one', DashboardBody=body)['DashboardValidationMessages'] == []
    got = cw.get_dashboard(DashboardName='one')
    assert (got['DashboardArn'], got['DashboardBody'], got['DashboardName']) == ('arn:aws:cloudwatch::000000000000:dashboard/one', body, 'one')
    assert strata.client('cloudwatch', region='eu-west-1').get_dashboard(DashboardName='one')['DashboardBody'] == body  # of the account
    cw.put_dashboard(DashboardName='two', DashboardBody='{}')
    (entry,) = cw.list_dashboards(DashboardNamePrefix='o')['DashboardEntries']
    assert (entry['DashboardName'], entry['Size']) == ('one', len(body)) and entry['LastModified']
    for wrong in ('', 'x', '[]'):
        assert code_of(cw.put_dashboard, DashboardName='one', DashboardBody=wrong) == 'InvalidParameterInput'
    assert code_of(cw.put_dashboard, DashboardName='no.dots', DashboardBody='{}') == 'InvalidParameterValue'
    assert code_of(cw.delete_dashboards, DashboardNames=['one', 'none']) == 'ResourceNotFound'
    assert len(cw.list_dashboards()['DashboardEntries']) == 2
    cw.delete_dashboards(DashboardNames=['one', 'two'])
    assert cw.list_dashboards()['DashboardEntries'] == []
    assert code_of(cw.get_dashboard, DashboardName='one') == 'ResourceNotFound'
