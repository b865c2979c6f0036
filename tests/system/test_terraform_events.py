"""Terraform with rules, schedules, a function, logs and alarms: what it applies it finds again unchanged."""

import functions
from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    folder, code = Folder(own_strata, 'terraform_events', tmp_path), tmp_path / 'code.zip'
    code.write_bytes(functions.zipped('def handler(event, context): pass'))
    logs, alarms = own_strata.client('logs'), own_strata.client('cloudwatch')
    for second in (False, True):
        folder.apply(second=str(second).lower(), code=code)
        assert own_strata.client('events').describe_rule(Name='terraform-pattern', EventBusName='terraform')['State'] == ('DISABLED' if second else 'ENABLED')
        assert len(logs.describe_query_definitions()['queryDefinitions']) == 1
    folder.destroy(code=code)
    assert own_strata.client('events').list_event_buses(NamePrefix='terraform')['EventBuses'] == []
    assert own_strata.client('scheduler').list_schedules()['Schedules'] == logs.describe_log_groups()['logGroups'] == []
    assert alarms.describe_alarms()['MetricAlarms'] == alarms.list_dashboards()['DashboardEntries'] == []
