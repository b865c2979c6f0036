"""Calls that must be refused, and with which words."""

import pytest
from botocore.exceptions import ClientError


def refusal(call, *args, **kwargs):
    """The code and the message of its error."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response['Error']
    return error['Code'], error['Message']


def code_of(call, *args, **kwargs):
    return refusal(call, *args, **kwargs)[0]


def refused(code, call, *args, **kwargs):
    """With that code; the message is returned."""
    got, message = refusal(call, *args, **kwargs)
    assert got == code, (got, message)
    return message


def fails(code, call, *words, **kwargs):
    """With that code, and each of the words in its message, which is returned."""
    message = refused(code, call, **kwargs)
    for word in words:
        assert word in message
    return message
