"""The shape every command of the program has: `--output` anywhere, one answer or one failure, an exit code."""

import asyncio
import inspect
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from starter.cli.failing import (
    Failure,
    failure_of,
    interrupted,
    print_failure,
    usage_failure,
)
from starter.cli.output import HUMAN, JSON, Answer, print_answer

_OUTPUT = "mente.output"


def _keep_output(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_OUTPUT] = value


def _output_option() -> click.Option:
    return click.Option(
        ["--output"],
        type=click.Choice([HUMAN, JSON]),
        callback=_keep_output,
        expose_value=False,
        help="json prints exactly one JSON document on stdout.  [default: human]",
    )


def output_of(context: click.Context) -> str:
    """Return the output asked for: `human` or `json`."""
    output: str = context.meta.get(_OUTPUT, HUMAN)
    return output


class Leaf(click.Command):
    """A command whose body, async or not, returns an `Answer` or None and may raise anything."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_output_option())

    def invoke(self, ctx: click.Context) -> None:
        """Run the body, print what it returns or why it failed, and end with the exit code."""
        from worker.logs import log_to_stderr

        output = output_of(ctx)
        log_to_stderr("WARNING")
        try:
            answer = super().invoke(ctx)
            if inspect.iscoroutine(answer):
                answer = asyncio.run(answer)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            failure = failure_of(error)
            print_failure(failure, output)
            ctx.exit(failure.code)
        if isinstance(answer, Answer):
            print_answer(answer, output)
            ctx.exit(answer.code)


class Section(click.Group):
    """A group of commands."""

    command_class = Leaf

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_output_option())

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the sub-command; what was typed is kept to suggest the nearest one."""
        ctx.meta["mente.typed"] = args[0][:40]
        return super().resolve_command(ctx, args)


class Program(Section):
    """The whole program: it alone ends the process, always with one of the four exit codes."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run a command line and exit."""
        line = list(sys.argv[1:] if args is None else args)
        options["standalone_mode"] = False
        try:
            code = super().main(line, *rest, **options)
        except click.exceptions.NoArgsIsHelpError as error:
            self._end(usage_failure(error), line, help_text=error.format_message())
        except click.UsageError as error:
            self._end(usage_failure(error), line, help_text=error.ctx.get_usage() if error.ctx else "")
        except click.Abort:
            self._end(interrupted(line), line)
        sys.exit(code if isinstance(code, int) else 0)

    def _end(self, failure: Failure, line: list[str], *, help_text: str = "") -> NoReturn:
        output = _wanted(line)
        if help_text and output == HUMAN:
            click.echo(help_text, err=True)
        print_failure(failure, output)
        sys.exit(failure.code)


def _wanted(line: list[str]) -> str:
    """Return the output a command line asks for that click could not read."""
    pairs = zip(line, [*line[1:], ""], strict=True)
    asked = [JSON for first, second in pairs if first == f"--output={JSON}" or (first, second) == ("--output", JSON)]
    return JSON if asked else HUMAN
