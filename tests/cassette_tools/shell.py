"""A shell with job control, as far as one job needs it: `python shell.py TERMINAL COMMAND ARGS`.

It takes the terminal, runs the command as a job in the foreground, and each time the job stops says so and, when it
reads a line from its standard input, wakes the job as `fg` does. What it says goes to its standard output, which is
not the terminal.
"""

from __future__ import annotations

import os
import signal
import sys


def main(terminal: str, command: list[str]) -> None:
    tty = os.open(terminal, os.O_RDWR)  # the first terminal that a session's leader opens controls the session (Linux)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        # The job takes the terminal itself, as in any shell: before it could read from it in the background.
        os.setpgid(0, 0)
        os.tcsetpgrp(tty, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for number in (0, 1, 2):
            os.dup2(tty, number)
        os.execvp(command[0], command)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(tty, os.getpgrp())
        if not os.WIFSTOPPED(status):
            break
        say(f"stopped {signal.Signals(os.WSTOPSIG(status)).name}")
        sys.stdin.readline()
        os.tcsetpgrp(tty, job)
        os.killpg(job, signal.SIGCONT)
    say(
        f"killed {signal.Signals(os.WTERMSIG(status)).name}"
        if os.WIFSIGNALED(status)
        else f"exit {os.WEXITSTATUS(status)}"
    )


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- what the tests listen to


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
