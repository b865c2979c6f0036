"""A running strata for the tests that need all of it: a real process, real sockets, a data directory of its own."""

import os
import pathlib
import select
import signal
import subprocess
import sys
import time
import uuid

import boto3
import requests
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ROOT / os.environ.get('STRATA_BUILD', 'build') / 'strata'
READY_SECONDS = 60
STOP_SECONDS = 40

# Nothing of the machine's own AWS settings may lead a test elsewhere.
for name in [n for n in os.environ if n.startswith('AWS_')]:
    del os.environ[name]
os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'
os.environ['NO_PROXY'] = os.environ['no_proxy'] = '127.0.0.1,localhost'


class Strata:
    """One `strata serve` on a free loopback port. Keys test/test are the root of account 000000000000."""

    def __init__(self, data, listen='127.0.0.1:0', *arguments):
        self.data, self.listen, self.arguments = pathlib.Path(data), listen, arguments
        self.process = None
        self.log_path = self.data.with_name(self.data.name + '.log')
        self.as_user = {}  # Popen's user, group, extra_groups
        self.program = PROGRAM  # a copy where as_user may not reach the build
        self.more_environment = {}

    def launch(self):
        """Returns at once, whatever becomes of it."""
        self.log = open(self.log_path, 'a')
        (self.data / 'endpoint').unlink(missing_ok=True)
        self.process = subprocess.Popen([self.program, 'serve', '--data', self.data, '--listen', self.listen, *self.arguments],
                                        stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, **self.more_environment}, **self.as_user)
        return self

    def start(self):
        self.launch()
        end = time.monotonic() + READY_SECONDS
        text = b''
        while b'Ready.\n' not in text:
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 4096) if readable else b''
            if not piece:
                self.kill()
                raise AssertionError(f'strata did not get ready: {self.log_text()[-2000:]}')
            text += piece
        self.url = (self.data / 'endpoint').read_text().strip()
        self.listen = self.url.removeprefix('http://')  # after a restart clients find it at the same place
        return self

    def stop(self):
        """As a service manager would; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self):
        """As a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def log_text(self):
        return self.log_path.read_text(errors='replace')

    def environment(self, **more):
        """For programs that are to use this strata."""
        own = {'AWS_ENDPOINT_URL': self.url, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'STRATA_DATA': str(self.data)}
        path = f'{pathlib.Path(sys.executable).parent}:{PROGRAM.parent}:{os.environ["PATH"]}'
        return {**os.environ, 'PATH': path, **own, **more}

    def command(self, *arguments, timeout=600, **more):
        """`strata ARGUMENTS` against this one; returns the finished process."""
        return subprocess.run([PROGRAM, *arguments], env=self.environment(**more), capture_output=True, text=True, timeout=timeout)

    @staticmethod
    def run_program(*arguments, timeout=600):
        """`strata ARGUMENTS` as it is, whether anything is served or not; returns the finished process."""
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=timeout)

    def check(self):
        """Everything that it holds is sound, says `strata check`; returns what else it says."""
        done = self.run_program('check', '--data', self.data)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def client(self, service, region='us-east-1', key='test', secret='test', token=None, **config):
        return boto3.client(service, region_name=region, endpoint_url=self.url, aws_access_key_id=key, aws_secret_access_key=secret,
                            aws_session_token=token, config=Config(retries={'total_max_attempts': 1}, **config))

    def now_ms(self):
        """The clock's time."""
        return requests.get(self.url + '/_strata/clock', timeout=30).json()['now_ms']

    def advance_clock(self, seconds):
        """Moves the clock and returns when everything that became due has run."""
        requests.post(self.url + '/_strata/clock', json={'advance_ms': seconds * 1000}, timeout=60).raise_for_status()

    def user(self, service):
        """A client of a new IAM user who may do nothing yet, with the root's IAM client and the user's name."""
        iam, name = self.client('iam'), 'u-' + uuid.uuid4().hex[:12]
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)['AccessKey']
        return self.client(service, key=key['AccessKeyId'], secret=key['SecretAccessKey']), iam, name
