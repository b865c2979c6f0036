"""`make install`: what it puts there works away from the checkout, and a service manager is told how far it is."""

import os
import signal
import socket
import subprocess

import pytest
import requests
from running import PROGRAM, Strata


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """The folder that stands for /usr/local."""
    place = tmp_path_factory.mktemp('machine')
    subprocess.run(['meson', 'install', '-C', PROGRAM.parent, '--no-rebuild', '--quiet', '--destdir', place], check=True)
    return place / 'usr/local'


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def test_the_man_page_and_the_unit_are_those_of_the_program(installed):
    assert (installed / 'share/man/man1/strata.1').read_text() == run(installed / 'bin/strata', 'help', '--man').stdout
    unit = (installed / 'lib/systemd/system/strata.service').read_text()
    assert 'ExecStart=/usr/local/bin/strata serve ' in unit and '@' not in unit


def test_runtimes_are_found_and_made_from_the_installed_recipes(installed):
    assert run(installed / 'bin/strata', 'runtime', 'list').stdout == run(PROGRAM, 'runtime', 'list').stdout
    refused = run(installed / 'bin/strata', 'runtime', 'install', 'cobol')  # the script's own words: it was found
    assert refused.returncode == 1 and 'there is no runtime cobol' in refused.stderr
    assert (installed / 'share/strata/runtimes/python/bootstrap.py').exists()


@pytest.mark.parametrize('abstract', [False, True])
def test_the_service_manager_hears_ready_and_stopping(installed, tmp_path, abstract):
    name = f'@strata-{os.getpid()}' if abstract else str(tmp_path / 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(name.replace('@', '\0'))
        strata = Strata(tmp_path / 'data')
        strata.program, strata.more_environment = installed / 'bin/strata', {'NOTIFY_SOCKET': name}
        strata.start()
        try:
            assert manager.recv(100) == b'READY=1'
            assert requests.get(f'{strata.url}/_strata/health', timeout=10).ok
            strata.process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b'STOPPING=1'
            assert strata.process.wait(40) == 0
        finally:
            strata.kill()
