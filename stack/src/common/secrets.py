"""A secret, read by its ARN when first needed and kept for a while: its value, and the one before, which is good until the next rotation."""

import hmac
import logging
import time

from botocore.exceptions import BotoCoreError, ClientError

from common import aws

logger = logging.getLogger(__name__)

KEEP_SECONDS = 300
# An unknown key may mean that the secret was rotated a moment ago: then it is read anew, but not for every wrong key.
RECHECK_SECONDS = 1


class Secret:
    def __init__(self, arn: str, monotonic=time.monotonic):
        self._arn = arn
        self._monotonic = monotonic
        self._values: list[bytes] = []
        self._read_at = self._rechecked_at = float("-inf")

    def _read(self) -> None:
        """The current value first: a rotation that ends between the two calls leaves the one value twice, and loses none."""
        client = aws.client("secretsmanager")
        try:
            values = [client.get_secret_value(SecretId=self._arn)["SecretString"].encode()]
            try:
                values.append(client.get_secret_value(SecretId=self._arn, VersionStage="AWSPREVIOUS")["SecretString"].encode())
            except ClientError as error:
                if aws.error_code(error) != "ResourceNotFoundException":  # a secret that was never written anew has none
                    raise
        except (BotoCoreError, ClientError):
            if not self._values:
                raise
            logger.warning("the secret could not be read anew; going on with the one at hand", extra={"secret_arn": self._arn})
        else:
            self._values = values
        self._read_at = self._monotonic()

    def values(self) -> list[bytes]:
        """The current one, and the one before if there is one."""
        if self._monotonic() - self._read_at >= KEEP_SECONDS:
            self._read()
        return self._values

    def value(self) -> bytes:
        return self.values()[0]

    def matches(self, candidate: str) -> bool:
        """Constant time in the candidate. An empty secret matches nothing."""
        if self._is_one(candidate):
            return True
        if self._monotonic() - self._rechecked_at < RECHECK_SECONDS:
            return False
        self._rechecked_at = self._monotonic()
        self._read()
        return self._is_one(candidate)

    def _is_one(self, candidate: str) -> bool:
        given = candidate.encode()
        return any([bool(value) and hmac.compare_digest(given, value) for value in self.values()])
