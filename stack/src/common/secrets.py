"""A secret, read by its ARN when first needed and kept for a while."""

import hmac
import logging
import time

from botocore.exceptions import BotoCoreError, ClientError

from common import aws

logger = logging.getLogger(__name__)

KEEP_SECONDS = 300
# A wrong key may mean that the secret was rotated a moment ago: then it is read anew, but not for every wrong key.
RECHECK_SECONDS = 10


class Secret:
    def __init__(self, arn: str, monotonic=time.monotonic):
        self._arn = arn
        self._monotonic = monotonic
        self._value: bytes | None = None
        self._read_at = 0.0

    def value(self, max_age_seconds: float = KEEP_SECONDS) -> bytes:
        age = self._monotonic() - self._read_at
        if self._value is not None and age < max_age_seconds:
            return self._value
        try:
            answer = aws.client("secretsmanager").get_secret_value(SecretId=self._arn)
        except (BotoCoreError, ClientError):
            if self._value is None:
                raise
            logger.warning("the secret could not be read anew; going on with the one at hand", extra={"secret_arn": self._arn})
        else:
            self._value = answer["SecretString"].encode()
        self._read_at = self._monotonic()
        return self._value

    def matches(self, candidate: str) -> bool:
        """Constant time in the candidate. An empty secret matches nothing."""
        given = candidate.encode()
        for max_age in (KEEP_SECONDS, RECHECK_SECONDS):
            expected = self.value(max_age)
            if expected and hmac.compare_digest(given, expected):
                return True
        return False
