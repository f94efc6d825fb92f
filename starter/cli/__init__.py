"""The program `mente`: one command line for channels, counters, experts, officers and operators.

`--output json`, before or after the sub-command, prints exactly one JSON document on stdout. Exit codes: 0 done,
1 refused, 2 wrong usage, 3 unreachable or unanswered. Heavy imports stay inside the commands, so that help is quick.
"""

import os
import sys

import click

from starter.cli import (
    accounts,
    applying,
    benefit,
    catalogue,
    certificates,
    deciding,
    estimating,
    experts,
    finding,
    health,
    importing,
    letters,
    looking,
    notices,
    objects,
    operating,
    policy,
    publicity,
    receiving,
    running,
    serving,
)
from starter.cli.shape import Program

_MODULES = (
    applying,
    deciding,
    looking,
    finding,
    notices,
    certificates,
    publicity,
    letters,
    benefit,
    estimating,
    running,
    serving,
    receiving,
    operating,
    objects,
    experts,
    accounts,
    importing,
    policy,
    catalogue,
    health,
)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="mente", message="%(version)s")
def program() -> None:
    """Outpatient chronic and special disease qualification, from application to yearly recheck.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 3 unreachable or unanswered.
    """


for _module in _MODULES:
    for _command in _module.COMMANDS:
        program.add_command(_command)


def main() -> None:
    """Run the program and exit."""
    try:
        program.main(prog_name="mente")
    except SystemExit as end:
        if "temporalio" not in sys.modules:
            raise
        # A thread of Temporal's Rust core may still report back; in an interpreter that is being torn down that
        # aborts the process (signal 6) after the answer was printed.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
