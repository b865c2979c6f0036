"""The admin door: programs of this machine may ask, web pages that the user has open may not."""

import pytest
import requests

ADVANCE = '{"advance_ms": 1}'
JSON = {'Content-Type': 'application/json'}


def status_of(strata, method, page, headers, body=None):
    answer = requests.request(method, f'{strata.url}/_strata/{page}', headers=headers, data=body, timeout=30)
    if answer.status_code != 200:
        assert answer.json()['message']
    return answer.status_code


@pytest.mark.parametrize('content_type', [None, 'text/plain', 'application/x-www-form-urlencoded', 'text/plain; application/json'])
@pytest.mark.parametrize('page, body', [('clock', ADVANCE), ('backup', '{"dir": "/nowhere"}')])
def test_a_change_takes_a_content_type_that_no_page_may_send(strata, page, body, content_type):
    before = requests.get(strata.url + '/_strata/clock', timeout=30).json()['offset_ms']
    assert status_of(strata, 'POST', page, {'Content-Type': content_type}, body) == 415
    assert requests.get(strata.url + '/_strata/clock', timeout=30).json()['offset_ms'] == before


def test_a_page_is_told_nothing_and_changes_nothing(strata):
    foreign = {'Origin': 'http://a.example', **JSON}
    assert status_of(strata, 'POST', 'clock', foreign, ADVANCE) == 403
    assert status_of(strata, 'POST', 'clock', {**foreign, 'Origin': 'null'}, ADVANCE) == 403
    assert status_of(strata, 'GET', 'status', foreign) == 403
    preflight = requests.options(strata.url + '/_strata/clock', timeout=30, headers={
        'Origin': 'http://a.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type'})
    assert preflight.status_code >= 400 and 'Access-Control-Allow-Origin' not in preflight.headers


@pytest.mark.parametrize('host', ['rebound.example', 'rebound.example:4566', '127.0.0.1.rebound.example', '127.rebound.example', '192.168.0.1'])
def test_a_name_that_was_bent_to_loopback_is_refused(strata, host):
    assert status_of(strata, 'GET', 'status', {'Host': host}) == 403
    assert status_of(strata, 'POST', 'clock', {'Host': host, 'Origin': f'http://{host}', **JSON}, ADVANCE) == 403


@pytest.mark.parametrize('host', ['localhost', 'LOCALHOST:1', 'strata.localhost', '127.0.0.1', '127.8.9.1:80', '[::1]', '[::1]:80'])
def test_programs_of_this_machine_may_ask_by_any_name_of_it(strata, host):
    assert status_of(strata, 'GET', 'status', {'Host': host}) == 200
    assert status_of(strata, 'POST', 'clock', {'Host': host, 'Origin': f'http://{host}', 'Content-Type': 'Application/JSON; charset=utf-8'}, ADVANCE) == 200


def test_health_is_for_everybody(strata):
    assert status_of(strata, 'GET', 'health', {'Host': 'a.example', 'Origin': 'http://a.example'}) == 200
