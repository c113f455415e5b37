"""Runs the command line as a process: signals, exit codes, and the one line of an error.

Owns how the program ends. Knows no command. The modules of a command are loaded after the signals are set.
"""

import os
import signal
import sys

from collm_nas_evaluator import errors, flags, terminal
from collm_nas_evaluator.errors import UsageError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns the exit code: 0; 1 for a space that cannot tell searchers apart; 2 after a line that
    says what to correct; 5 for a supernet that falls short; 130 when it was stopped.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))  # an exception could be raised anywhere in the imports below
    terminal.guard()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # the errors here say the same
    try:
        options = flags.read(arguments)
        from collm_nas_evaluator import allocation  # noqa: PLC0415

        allocation.settle_waiting()
        if options.command in ("serve", "check"):
            allocation.settle_memory()
        from collm_nas_evaluator import commands  # noqa: PLC0415

        return commands.run(options)
    except UsageError as error:
        terminal.say(sys.stderr, f"collm-nas-evaluator: {' '.join(str(error).split())}")
        return 2
    except KeyboardInterrupt as error:
        then = str(error) or "the same command continues from here"
        terminal.say(sys.stderr, f"collm-nas-evaluator: stopped; {then}")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads the output any more
        return 0
    except OSError as error:
        if not errors.is_out_of_files(error):
            raise
        terminal.say(sys.stderr, f"collm-nas-evaluator: {errors.out_of_files(error)}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
