"""Command lines of the program found in documents and containers, held against the program itself."""

import re
import shlex
from typing import Any

import click

from starter.cli import program

_PLACEHOLDERS = {"$NO": "510400-0000-0000-0000-0", "NO": "510400-0000-0000-0000-0", "N": "1"}
_LINE = re.compile(r"^(?:\.venv/bin/)?mente (?P<rest>.+)$")
_SPAN = re.compile(r"`(?:\.venv/bin/)?mente (?P<rest>[^`]+)`")


def fault_of(arguments: list[str]) -> str | None:
    """Return why the program would call these arguments wrong usage, or None. Nothing is run."""
    command: click.Command = program
    context = click.Context(program, info_name="mente")
    rest = list(arguments)
    try:
        while isinstance(command, click.Group):
            found: Any = command.resolve_command(context, rest)
            name, command, rest = found
            context = click.Context(command, info_name=name, parent=context)
        command.make_context(command.name, rest, parent=context.parent)
    except click.exceptions.Exit:
        return None
    except click.UsageError as error:
        return f"{' '.join(arguments)}: {error.format_message()}"
    except IndexError:
        return f"{' '.join(arguments)}: a sub-command is missing"
    return None


def command_lines(markdown: str) -> list[list[str]]:
    """Return the arguments of every `mente …` line in the code blocks of a document."""
    blocks = re.findall(r"^```sh\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = (_LINE.match(line) for line in lines)
    return [_arguments(match["rest"]) for match in found if match]


def named_commands(markdown: str) -> list[list[str]]:
    """Return the words of every `mente …` in running text; options and arguments need not be complete there."""
    prose = re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return [_arguments(match["rest"]) for match in _SPAN.finditer(prose)]


def is_named(words: list[str]) -> bool:
    """Whether the words begin with a command of the program, and every option named is one of its options."""
    command: click.Command = program
    rest = list(words)
    while rest and isinstance(command, click.Group) and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    options = {each for param in command.params for each in (*param.opts, *param.secondary_opts)}
    return command is not program and all(word.split("=")[0] in options for word in rest if word.startswith("--"))


def _arguments(text: str) -> list[str]:
    return [_PLACEHOLDERS.get(word, word) for word in shlex.split(text, comments=True)]
