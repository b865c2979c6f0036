"""What Secrets Manager calls to rotate the API key, for one step after the other:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html

A client never meets a broken key: the API takes the key before as well, and reads the secret anew when it is shown one that it does not know.
Every step may be called again, after a failure or a lost answer, and does nothing then that is done."""

import secrets

from botocore.exceptions import ClientError

from common import aws, log

KEY_BYTES = 36  # 48 characters of base64url

logger = log.setup("rotation")


def create_secret(arn: str, version: str) -> None:
    """The new key, with the label AWSPENDING. The version's id is the request's token, so a second call would be refused: it asks first."""
    client = aws.client("secretsmanager")
    try:
        client.get_secret_value(SecretId=arn, VersionId=version, VersionStage="AWSPENDING")
    except ClientError as error:
        if aws.error_code(error) != "ResourceNotFoundException":
            raise
        client.put_secret_value(SecretId=arn, ClientRequestToken=version, SecretString=secrets.token_urlsafe(KEY_BYTES), VersionStages=["AWSPENDING"])


def set_secret(arn: str, version: str) -> None:
    """Nothing: the key is kept nowhere else, the API reads this secret."""


def test_secret(arn: str, version: str) -> None:
    """The new key is there to be read. (This step alone is called when rotation is set up, with the current key in a version of its own.)"""
    if not aws.client("secretsmanager").get_secret_value(SecretId=arn, VersionId=version, VersionStage="AWSPENDING")["SecretString"]:
        raise ValueError("the new key is empty")


def finish_secret(arn: str, version: str) -> None:
    """The new key becomes the key, and the one before stays good until the next rotation (AWSPREVIOUS, which follows by itself). A label
    AWSPENDING that stays behind would stop the rotation after this."""
    client = aws.client("secretsmanager")
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next(id for id, labels in stages.items() if "AWSCURRENT" in labels)
    if current != version:
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=version, RemoveFromVersionId=current)
    if "AWSPENDING" in stages[version]:
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=version)


_STEPS = {"createSecret": create_secret, "setSecret": set_secret, "testSecret": test_secret, "finishSecret": finish_secret}


def lambda_handler(event, context):
    arn, version, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    with log.bound(function_request_id=context.aws_request_id, secret_arn=arn, version=version, step=step):
        _STEPS[step](arn, version)
        logger.info("step done")
