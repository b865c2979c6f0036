"""Lambda: a function with much to do, or one that hangs, keeps no other from its first environment."""

import os
import subprocess

import pytest

import functions
from functions import wait_for, zipped_program

PLACES = 64  # HOST_ENVIRONMENTS_MAX

PROGRAM = '''
#include "strata_lambda.h"
#include <unistd.h>
static void handle(const struct lambda_invocation *in, struct lambda_result *out, void *ctx)
{
    sleep(HANDLER_SECONDS);
    lambda_result_printf(out, "{}");
}
int main(void)
{
    sleep(INIT_SECONDS);
    return lambda_run(handle, NULL);
}
'''


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module, 'provided.al2023')
    return strata_of_module


@pytest.fixture(scope='module')
def client(strata):
    return strata.client('lambda', read_timeout=120)


@pytest.fixture(scope='module')
def make(strata, tmp_path_factory):
    """A function whose INIT and whose invocations take so many seconds."""
    role = functions.role(strata)

    def create(init=0, handler=0):
        directory = tmp_path_factory.mktemp('program')
        (directory / 'program.c').write_text(PROGRAM)
        subprocess.run(['cc', '-O2', f'-DINIT_SECONDS={init}', f'-DHANDLER_SECONDS={handler}', '-I', functions.C_RUNTIME, '-o', directory / 'bootstrap',
                        directory / 'program.c', functions.C_RUNTIME / 'strata_lambda.c'], check=True)
        return functions.create(strata, zipped_program(directory / 'bootstrap'), role, Runtime='provided.al2023', Handler='bootstrap', Timeout=60, MemorySize=128)
    return create


def environments(strata, name):
    """Those that have been given an invocation: each has a log stream."""
    pages = strata.client('logs').get_paginator('describe_log_streams').paginate(logGroupName='/aws/lambda/' + name)
    try:
        return sum(len(page['logStreams']) for page in pages)
    except strata.client('logs').exceptions.ResourceNotFoundException:
        return 0


def test_when_one_function_has_every_environment_another_gets_its_first(strata, client, make):
    crowd, other = make(handler=2), make()
    for _ in range(3 * PLACES):
        client.invoke(FunctionName=crowd, InvocationType='Event', Payload=b'{}')
    assert wait_for(lambda: environments(strata, crowd) >= PLACES)
    assert client.invoke(FunctionName=other)['Payload'].read() == b'{}'


def test_inits_that_hang_keep_no_start_from_another(strata, client, make):
    other, hanging = make(), [make(init=20) for _ in range(os.cpu_count() + 1)]
    for name in hanging:
        client.invoke(FunctionName=name, InvocationType='Event', Payload=b'{}')
    assert client.invoke(FunctionName=other)['Payload'].read() == b'{}'
    assert [environments(strata, name) for name in hanging] == [0] * len(hanging), 'they hang no more'
