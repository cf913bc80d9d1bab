"""A program in a terminal: types what it is told to when it sees what it waits for, and keeps what was shown.

Standard input is one JSON document: {"argv", "cwd", "env", "steps": [{"until": regex, "type": text}]}. Steps
are taken in order; each waits until its regex is found in what was shown since the step before. After each step
one byte is written to descriptor 3 of the program, where slow.mjs may be waiting for it; after Ctrl-C when the
terminal has shown it, because it has sent the signal by then.

Standard output is one JSON document: {"screen", "code", "signal", "missed"}; "missed" is the regex that never came.
"""
import fcntl, json, os, pty, re, select, struct, sys, termios, time

LIMIT = 300  # seconds without any output until the program is given up

task = json.load(sys.stdin)
steps = list(task["steps"])
reader, writer = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    if reader != 3:
        os.dup2(reader, 3)
    os.set_inheritable(3, True)
    if writer != 3:
        os.close(writer)
    os.chdir(task["cwd"])
    os.execvpe(task["argv"][0], task["argv"], task["env"])

fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
os.close(reader)
screen, seen, missed, echo = b"", 0, None, None
last = time.monotonic()
while True:
    ready, _, _ = select.select([terminal], [], [], 1)
    if ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""  # the other side is closed
        if not data:
            break
        screen += data
        last = time.monotonic()
    elif time.monotonic() - last > LIMIT:
        os.kill(pid, 9)
        break
    while steps:
        found = re.search(steps[0]["until"], screen[seen:].decode("utf8", "replace"))
        if found is None:
            break
        seen = len(screen)
        text = steps.pop(0)["type"]
        os.write(terminal, text.encode())
        echo = b"^C" if text == "\x03" else b""
    if echo is not None and echo in screen:
        echo = None
        try:
            os.write(writer, b".")
        except BrokenPipeError:
            pass
if steps:
    missed = steps[0]["until"]
_, status = os.waitpid(pid, 0)
json.dump({
    "screen": screen.decode("utf8", "replace"),
    "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
    "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
    "missed": missed,
}, sys.stdout)
