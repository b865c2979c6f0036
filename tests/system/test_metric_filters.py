"""Metrics that filters make of log events."""

import datetime
import uuid

import pytest

from refusals import refusal


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def logs(strata):
    return strata.client('logs')


@pytest.fixture
def group(logs):
    name = 'g-' + uuid.uuid4().hex[:12]
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName='s')
    return name


def make(logs, group, pattern, value, **more):
    """A filter with a metric of a namespace of its own, which is returned."""
    space = 'T/' + uuid.uuid4().hex[:8]
    logs.put_metric_filter(logGroupName=group, filterName=space.replace('/', '-'), filterPattern=pattern,
                           metricTransformations=[{'metricName': 'm', 'metricNamespace': space, 'metricValue': value, **more}])
    return space


def put(strata, group, *messages, before_ms=0):
    now = strata.now_ms()
    strata.client('logs').put_log_events(logGroupName=group, logStreamName='s', logEvents=[{'timestamp': now - before_ms, 'message': m} for m in messages])
    return now


def read(strata, space, stat='Sum', **dimensions):
    now = strata.now_ms() / 1000
    points = strata.client('cloudwatch').get_metric_statistics(
        Namespace=space, MetricName='m', Dimensions=[{'Name': k, 'Value': v} for k, v in dimensions.items()], Period=60, Statistics=[stat],
        StartTime=datetime.datetime.fromtimestamp(now - 3600, datetime.timezone.utc), EndTime=datetime.datetime.fromtimestamp(now + 60, datetime.timezone.utc))
    return [(p[stat], p['Unit']) for p in sorted(points['Datapoints'], key=lambda p: p['Timestamp'])]


def test_counts_and_values(strata, logs, group):
    errors = make(logs, group, 'ERROR', '1', unit='Count', defaultValue=0.0)
    sizes = make(logs, group, '[ip, user, bytes]', '$bytes', unit='Bytes')
    times = make(logs, group, '{ $.ok IS TRUE }', '$.took.ms')
    put(strata, group, *['ERROR'] * 400, 'fine', before_ms=600000)
    put(strata, group, '1.1.1.1 me 512', '1.1.1.1 me many', '{"ok": true, "took": {"ms": 2.5}}', '{"ok": false, "took": {"ms": 9}}', '{"ok": true}')
    assert read(strata, errors) == [(400, 'Count'), (0, 'Count')] and read(strata, errors, 'SampleCount')[0] == (400, 'Count')
    assert read(strata, sizes) == [(512, 'Bytes')]
    assert read(strata, times) == [(2.5, 'None')]


def test_dimensions(strata, logs, group):
    space = make(logs, group, '{ $.n > 0 }', '$.n', dimensions={'Who': '$.who'})
    put(strata, group, '{"n": 1, "who": "a"}', '{"n": 2, "who": "b"}', '{"n": 4, "who": "a"}', '{"n": 8}')
    assert read(strata, space, Who='a') == [(5, 'None')] and read(strata, space, Who='b') == [(2, 'None')] and read(strata, space) == []


def test_a_namespace_of_odd_characters(strata, logs, group):
    space = 'A.B-c_d/1#2:' + uuid.uuid4().hex[:8]
    logs.put_metric_filter(logGroupName=group, filterName='odd', filterPattern='', metricTransformations=[
        {'metricName': 'm', 'metricNamespace': space, 'metricValue': '1'}])
    put(strata, group, 'any')
    assert read(strata, space) == [(1, 'None')]


def test_an_alarm_on_a_filter(strata, logs, group):
    cw = strata.client('cloudwatch')
    space = make(logs, group, 'ERROR', '1')
    cw.put_metric_alarm(AlarmName=group, Namespace=space, MetricName='m', Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=1,
                        ComparisonOperator='GreaterThanOrEqualToThreshold', TreatMissingData='notBreaching')
    put(strata, group, 'ERROR')
    strata.advance_clock(62)
    assert cw.describe_alarms(AlarmNames=[group])['MetricAlarms'][0]['StateValue'] == 'ALARM'


def test_no_service_is_imitated(strata, logs, group):
    assert refusal(logs.put_metric_filter, logGroupName=group, filterName='f', filterPattern='', metricTransformations=[
        {'metricName': 'Errors', 'metricNamespace': 'AWS/Lambda', 'metricValue': '1'}])[0] == 'InvalidParameterException'
