"""What a user reads where something is refused."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from kinds import ConfigError, one_line


def refusal(call: Callable[..., object], *arguments: object, **named: object) -> str:
    """The one line with which a call is refused, of a part as of a cell. Fails where it is not, or on several lines."""
    with pytest.raises((ConfigError, ValidationError)) as caught:
        call(*arguments, **named)
    error = caught.value
    line = str(one_line(error) if isinstance(error, ValidationError) else error)
    assert "\n" not in line
    return line
