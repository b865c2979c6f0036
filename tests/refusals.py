"""Calls that must be refused, and with which words."""

import pytest
from botocore.exceptions import ClientError


def refusal(call, **arguments):
    """The code and the message of its error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response['Error']
    return error['Code'], error['Message']


def code_of(call, **arguments):
    return refusal(call, **arguments)[0]


def fails(code, call, *words, **arguments):
    """With that code, and each of the words in its message, which is returned."""
    got, message = refusal(call, **arguments)
    assert got == code, (got, message)
    for word in words:
        assert word in message
    return message
