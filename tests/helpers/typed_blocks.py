"""The command lines and code blocks of a page or a docstring, ready to be typed."""

import re
import shlex
from collections.abc import Sequence


def commands(text: str, fence: bool = True) -> list[list[str]]:
    """The `sqsim` command lines of a text, in order, without the word `sqsim`: those in its shell blocks, or, without a
    fence, any line that begins with it."""
    plain = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)) if fence else text
    plain = re.sub(r"'[\w.]+=[^']*'", lambda value: re.sub(r"\s+", " ", value[0]), plain)
    lines = (line.strip(" #") for line in re.sub(r"\\\n[ #]*", "", plain).splitlines())
    return [shlex.split(line)[1:] for line in lines if line.startswith("sqsim ")]


def made_small(command: Sequence[str], small: Sequence[str]) -> list[str]:
    """The command with the options `small` in place of what it says of the same fields."""
    ours = {option.split("=")[1] for option in small if option.startswith("--set=")}
    kept: list[str] = []
    for word in command:
        if kept[-1:] == ["--set"] and word.split("=")[0] in ours:
            kept.pop()
        else:
            kept.append(word)
    return [*kept, *small]
