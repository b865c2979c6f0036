"""Alarms on a moved clock: states, reasons, history, the event, actions."""
import datetime
import json
import uuid

import pytest

import functions
from functions import wait_for
from refusals import code_of, refusal

MISSING_TOPIC = 'arn:aws:sns:us-east-1:000000000000:nowhere'


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture
def cw(strata):
    return strata.client('cloudwatch')


def next_minute(strata):
    """The clock goes to shortly behind the next minute's begin; returns where the minute that ended began."""
    now = strata.now_ms()
    strata.advance_clock((60000 - now % 60000) / 1000 + 2)
    return now // 60000 * 60000


class Watched:
    """A metric of its own, and an alarm on it."""

    def __init__(self, strata, **alarm):
        self.strata, self.cw, self.name, self.space = strata, strata.client('cloudwatch'), 'a-' + uuid.uuid4().hex[:8], 'T/' + uuid.uuid4().hex[:8]
        self.alarm = dict(AlarmName=self.name, Namespace=self.space, MetricName='m', Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=1.0,
                          ComparisonOperator='GreaterThanThreshold') | alarm
        next_minute(strata)
        self.cw.put_metric_alarm(**self.alarm)

    def minute(self, *values):
        """These values, and the minute ends. Returns (where it began, state, reason)."""
        if values:
            self.cw.put_metric_data(Namespace=self.space, MetricData=[{'MetricName': 'm', 'Value': v, 'Timestamp': at(self.strata.now_ms())} for v in values])
        began = next_minute(self.strata)
        shown = self.shown()
        return began, shown['StateValue'], shown['StateReason']

    def states(self, minutes):
        """The states behind minutes in each of which there was a value, or none: '0', 'X' or '-'."""
        return [self.minute(*{'0': [0], 'X': [2], '-': []}[m])[1] for m in minutes]

    def shown(self):
        (a,) = self.cw.describe_alarms(AlarmNames=[self.name])['MetricAlarms']
        return a

    def history(self, kind):
        return self.cw.describe_alarm_history(AlarmName=self.name, HistoryItemType=kind)['AlarmHistoryItems']


def at(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def short(ms):
    return at(ms).strftime('(%d/%m/%y %H:%M:%S)')


def stamp(ms):
    return at(ms).strftime('%Y-%m-%dT%H:%M:%S.000+0000')


def test_a_threshold_is_crossed_both_ways(strata):
    w = Watched(strata)
    began, state, reason = w.minute(0.5, 0.25)
    assert (state, reason) == ('OK', f'Threshold Crossed: 1 datapoint [0.75 {short(began)}] was not greater than the threshold (1.0).')
    first = w.shown()
    began, state, reason = w.minute(2, 3)
    assert (state, reason) == ('ALARM', f'Threshold Crossed: 1 out of the last 1 datapoints [5.0 {short(began)}] was greater than the threshold (1.0) '
                                        '(minimum 1 datapoint for OK -> ALARM transition).')
    shown = w.shown()
    data = json.loads(shown['StateReasonData'])
    assert data.pop('queryDate') and data == {
        'version': '1.0', 'startDate': stamp(began), 'statistic': 'Sum', 'period': 60, 'recentDatapoints': [5.0], 'threshold': 1.0,
        'evaluatedDatapoints': [{'timestamp': stamp(began), 'sampleCount': 2.0, 'value': 5.0}]}
    item = w.history('StateUpdate')[0]
    assert (item['HistorySummary'], item['AlarmType']) == ('Alarm updated from OK to ALARM', 'MetricAlarm')
    assert json.loads(item['HistoryData']) == {
        'version': '1.0',
        'oldState': {'stateValue': 'OK', 'stateReason': first['StateReason'], 'stateReasonData': json.loads(first['StateReasonData'])},
        'newState': {'stateValue': 'ALARM', 'stateReason': reason, 'stateReasonData': json.loads(shown['StateReasonData'])}}
    assert w.minute(7)[1:] == ('ALARM', reason)  # nothing changed, nothing is written
    began, state, reason = w.minute(0)
    assert (state, reason) == ('OK', f'Threshold Crossed: 1 out of the last 1 datapoints [0.0 {short(began)}] was not greater than the threshold (1.0) '
                                     '(minimum 1 datapoint for ALARM -> OK transition).')
    assert len(w.history('StateUpdate')) == 3


def test_m_out_of_n(strata):
    w = Watched(strata, EvaluationPeriods=3, DatapointsToAlarm=2)
    assert w.states('0X0') == ['OK', 'OK', 'OK']
    began, state, reason = w.minute(2)
    assert (state, reason) == ('ALARM', f'Threshold Crossed: 2 out of the last 3 datapoints [2.0 {short(began)}, 2.0 {short(began - 120000)}] were greater than '
                                        'the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).')
    assert json.loads(w.shown()['StateReasonData'])['recentDatapoints'] == [2.0, 0.0, 2.0]
    assert w.states('00') == ['OK', 'OK']


def test_missing_data(strata):
    missing, ignored = Watched(strata), Watched(strata, TreatMissingData='ignore')
    good, bad = Watched(strata, TreatMissingData='notBreaching'), Watched(strata, TreatMissingData='breaching', EvaluationPeriods=2)
    next_minute(strata)
    assert good.shown()['StateReason'] == 'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].'
    assert bad.shown()['StateReason'] == 'Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].'
    assert [json.loads(bad.shown()['StateReasonData'])[k] for k in ('recentDatapoints', 'threshold')] == [[], 1.0]
    assert [w.shown()['StateValue'] for w in (missing, ignored, good, bad)] == ['INSUFFICIENT_DATA', 'INSUFFICIENT_DATA', 'OK', 'ALARM']
    assert missing.shown()['StateReason'] == 'Unchecked: Initial alarm creation'
    assert missing.states('X---') == ['ALARM', 'ALARM', 'ALARM', 'INSUFFICIENT_DATA']  # a while it is waited for data
    assert missing.shown()['StateReason'] == 'Insufficient Data: 1 datapoint was unknown.'
    assert ignored.states('X---') == ['ALARM'] * 4
    assert good.states('X---') == ['ALARM', 'ALARM', 'ALARM', 'OK']


def test_longer_and_shorter_periods(strata):
    w = Watched(strata, Period=120, Statistic='Maximum')
    assert w.states('X00') == ['ALARM', 'ALARM', 'OK']  # its two minutes end with any minute
    brief = Watched(strata, Period=10, TreatMissingData='notBreaching')
    strata.advance_clock(10)
    assert brief.shown()['StateValue'] == 'OK'


def test_a_percentile_of_few_samples_decides_nothing(strata):
    w = Watched(strata, Statistic='Sum')
    more = {k: v for k, v in w.alarm.items() if k != 'Statistic'} | {'ExtendedStatistic': 'p90', 'EvaluateLowSampleCountPercentile': 'ignore'}
    w.cw.put_metric_alarm(**more)
    assert w.minute(*[5] * 50)[1] == 'INSUFFICIENT_DATA'
    assert w.minute(*[5] * 100)[1] == 'ALARM'


def test_an_alarm_that_is_gone_does_not_run(strata, cw):
    w = Watched(strata)
    cw.delete_alarms(AlarmNames=[w.name])
    w.cw.put_metric_data(Namespace=w.space, MetricData=[{'MetricName': 'm', 'Value': 5}])
    next_minute(strata)
    assert cw.describe_alarms(AlarmNames=[w.name])['MetricAlarms'] == []
    assert [i['HistorySummary'] for i in w.history('StateUpdate')] == []


def test_the_event_on_the_bus(strata):
    sqs, events, name = strata.client('sqs'), strata.client('events'), 'q-' + uuid.uuid4().hex[:8]
    url = sqs.create_queue(QueueName=name, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})['QueueUrl']
    w = Watched(strata, AlarmDescription='d', Dimensions=[{'Name': 'k', 'Value': 'v'}], TreatMissingData='breaching')
    events.put_rule(Name=name, EventPattern=json.dumps({'source': ['aws.cloudwatch'], 'detail-type': ['CloudWatch Alarm State Change'],
                                                        'detail': {'alarmName': [w.name], 'state': {'value': ['ALARM']}}}))
    events.put_targets(Rule=name, Targets=[{'Id': 'q', 'Arn': f'arn:aws:sqs:us-east-1:000000000000:{name}'}])
    next_minute(strata)
    shown = w.shown()
    (m,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)['Messages']
    event = json.loads(m['Body'])
    assert event['resources'] == [shown['AlarmArn']]
    detail = event['detail']
    assert detail['configuration']['metrics'][0].pop('id') and detail['previousState'].pop('timestamp')
    at_ms = detail['state'].pop('timestamp')
    assert at_ms.endswith('+0000')
    assert detail == {
        'alarmName': w.name, 'previousState': {'value': 'INSUFFICIENT_DATA', 'reason': 'Unchecked: Initial alarm creation'},
        'state': {'value': 'ALARM', 'reason': shown['StateReason'], 'reasonData': shown['StateReasonData']},
        'configuration': {'description': 'd', 'metrics': [{'returnData': True, 'metricStat': {
            'metric': {'namespace': w.space, 'name': 'm', 'dimensions': {'k': 'v'}}, 'period': 60, 'stat': 'Sum'}}]}}


def test_a_topic_is_not_there(strata):
    w = Watched(strata, TreatMissingData='breaching', AlarmActions=[MISSING_TOPIC], OKActions=['arn:aws:automate:us-east-1:ec2:stop'])
    next_minute(strata)
    (item,) = w.history('Action')
    assert item['HistorySummary'] == f'Failed to execute action {MISSING_TOPIC}. Received error: "Topic does not exist"'
    data = json.loads(item['HistoryData'])
    assert data.pop('stateUpdateTimestamp') and data == {'actionState': 'Failed', 'notificationResource': MISSING_TOPIC, 'error': 'Topic does not exist'}
    w.cw.disable_alarm_actions(AlarmNames=[w.name])
    w.cw.set_alarm_state(AlarmName=w.name, StateValue='OK', StateReason='by hand')
    w.cw.enable_alarm_actions(AlarmNames=[w.name])
    next_minute(strata)
    assert [json.loads(i['HistoryData'])['notificationResource'] for i in w.history('Action')] == [MISSING_TOPIC] * 2


def test_a_function_is_called(strata):
    functions.need_runtime(strata)
    sqs, name = strata.client('sqs'), 'q-' + uuid.uuid4().hex[:8]
    url = sqs.create_queue(QueueName=name)['QueueUrl']
    function = functions.create(strata, '''
        import boto3, json, os
        def handler(event, context):
            boto3.client('sqs').send_message(QueueUrl=os.environ['QUEUE'], MessageBody=json.dumps(event))
    ''', functions.role(strata, ('sqs:SendMessage', '*')), Environment={'Variables': {'QUEUE': url}})
    arn = f'arn:aws:lambda:us-east-1:000000000000:function:{function}'
    w = Watched(strata, AlarmActions=[arn])
    w.cw.set_alarm_state(AlarmName=w.name, StateValue='ALARM', StateReason='by hand', StateReasonData='{"a":1}')
    (item,) = wait_for(lambda: w.history('Action'))
    assert item['HistorySummary'].startswith(f'Failed to execute action {arn}. Received error: "') and 'lambda:InvokeFunction' in item['HistorySummary']
    strata.client('lambda').add_permission(FunctionName=function, StatementId='s', Action='lambda:InvokeFunction',
                                           Principal='lambda.alarms.cloudwatch.amazonaws.com', SourceAccount='000000000000', SourceArn=w.shown()['AlarmArn'])
    w.cw.set_alarm_state(AlarmName=w.name, StateValue='OK', StateReason='fine')
    w.cw.set_alarm_state(AlarmName=w.name, StateValue='ALARM', StateReason='by hand')
    got = wait_for(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get('Messages'))
    event = json.loads(got[0]['Body'])
    assert (event['source'], event['alarmArn'], event['accountId'], event['region']) == ('aws.cloudwatch', w.shown()['AlarmArn'], '000000000000', 'us-east-1')
    assert (event['alarmData']['state']['value'], event['alarmData']['previousState']['reason']) == ('ALARM', 'fine')
    summaries = wait_for(lambda: len(w.history('Action')) == 2 and {i['HistorySummary'] for i in w.history('Action')})
    assert f'Successfully executed action {arn}' in summaries


def test_composite_alarms_follow(strata, cw):
    one, two, name = Watched(strata), Watched(strata), 'c-' + uuid.uuid4().hex[:8]
    rule = f'ALARM({one.name}) AND NOT (OK("{two.shown()["AlarmArn"]}") OR FALSE)'
    assert refusal(cw.put_composite_alarm, AlarmName=name, AlarmRule='ALARM(x) OR')[0] == 'ValidationError'
    cw.put_composite_alarm(AlarmName=name, AlarmRule=rule)
    cw.put_composite_alarm(AlarmName=name + 'x', AlarmRule=f'ALARM("{name}")')

    def shown(of=name):
        (c,) = cw.describe_alarms(AlarmNames=[of], AlarmTypes=['CompositeAlarm'])['CompositeAlarms']
        return c

    assert wait_for(lambda: shown()['StateValue'] == 'OK')
    one.cw.set_alarm_state(AlarmName=one.name, StateValue='ALARM', StateReason='by hand')
    assert wait_for(lambda: shown(name + 'x')['StateValue'] == 'ALARM')
    moved = one.shown()
    assert shown()['StateReason'] == f'{moved["AlarmArn"]} transitioned to ALARM at {moved["StateUpdatedTimestamp"].strftime("%A %d %B, %Y %H:%M:%S UTC")}'
    (trigger,) = json.loads(shown()['StateReasonData'])['triggeringAlarms']
    assert trigger['arn'] == moved['AlarmArn'] and trigger['state']['value'] == 'ALARM'
    two.cw.set_alarm_state(AlarmName=two.name, StateValue='OK', StateReason='by hand')
    assert wait_for(lambda: shown(name + 'x')['StateValue'] == 'OK')
    circle = [name + 'o', name + 'p']
    cw.put_composite_alarm(AlarmName=circle[0], AlarmRule=f'NOT ALARM({circle[1]})')
    cw.put_composite_alarm(AlarmName=circle[1], AlarmRule=f'ALARM({circle[0]})')
    wait_for(lambda: 'lead in a circle' in strata.log_text())
    assert 'lead in a circle' in strata.log_text()
    cw.delete_alarms(AlarmNames=[circle[0]])
    cw.delete_alarms(AlarmNames=[circle[1]])


def test_what_an_alarm_may_not_ask(cw):
    alarm = dict(AlarmName='n', Namespace='n', MetricName='m', Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=1.0,
                 ComparisonOperator='GreaterThanThreshold')
    assert code_of(cw.put_metric_alarm, **{**alarm, 'EvaluationPeriods': 1441}) == 'ValidationError'
    query = {'Id': 'q', 'MetricStat': {'Metric': {'Namespace': 'n', 'MetricName': 'm'}, 'Period': 60, 'Stat': 'Sum'}}
    assert code_of(cw.put_metric_alarm, AlarmName='n', Metrics=[query], EvaluationPeriods=1000000, Threshold=1.0,
                   ComparisonOperator='GreaterThanThreshold') == 'ValidationError'
    assert 'ThresholdMetricId' in refusal(cw.put_metric_alarm, **{**alarm, 'ThresholdMetricId': 'q'})[1]


def test_a_change_survives_a_kill(strata):
    w = Watched(strata, AlarmActions=[MISSING_TOPIC])
    w.cw.set_alarm_state(AlarmName=w.name, StateValue='ALARM', StateReason='by hand')
    strata.kill()
    strata.check()
    strata.start()
    w.cw = strata.client('cloudwatch')
    assert w.shown()['StateValue'] == 'ALARM'
    assert [i['HistorySummary'] for i in w.history('StateUpdate')] == ['Alarm updated from INSUFFICIENT_DATA to ALARM']
    assert len(wait_for(lambda: w.history('Action'))) == 1
    assert w.minute(0)[1] == 'OK'  # its timer stands
