"""The rotation function, its steps called as Secrets Manager calls them, some of them twice."""

import os

import pytest
from botocore.exceptions import ClientError

VERSION = "22222222-3333-4444-5555-666666666666"


@pytest.fixture
def step(cloud, context):
    import rotation

    def call(name):
        rotation.lambda_handler({"SecretId": os.environ["API_KEY_SECRET_ARN"], "ClientRequestToken": VERSION, "Step": name}, context)

    return call


def value(cloud, stage="AWSCURRENT"):
    return cloud.secrets.get_secret_value(SecretId="/unit/api-key", VersionStage=stage)["SecretString"]


def test_four_steps_change_the_key_and_keep_the_one_before(cloud, step):
    before = value(cloud)
    step("createSecret")
    pending = value(cloud, "AWSPENDING")
    step("createSecret")
    assert value(cloud, "AWSPENDING") == pending and len(pending) == 48
    step("setSecret")
    step("testSecret")
    assert value(cloud) == before
    step("finishSecret")
    step("finishSecret")
    assert (value(cloud), value(cloud, "AWSPREVIOUS")) == (pending, before)


def test_a_version_that_is_not_there_fails_its_test(cloud, step):
    with pytest.raises(ClientError):
        step("testSecret")
