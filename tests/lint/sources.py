#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rules for sources that a program can check: lengths, parameters, licence lines, words that do not belong in a
folder, and what may stand at the top level."""

import os
import re
import subprocess
import sys

SOURCE = os.environ["WEIR_SOURCE"]
FOLDERS = ("agent", "console", "proto", "server-example", "tests", "docs")
TOP = {"CMakeLists.txt", "README.md", "LICENSE", *FOLDERS}
# Lines of a file and of a function, as docs/contributing.md has them.
PRODUCT_LINES = (700, 60)
TEST_LINES = (800, 80)
PARAMETERS = 6
# Signatures that a library dictates may have more: the types of their parameters.
DICTATED = {
    "nghttp2_on_header_callback":
        "nghttp2_session *, const nghttp2_frame *, const uint8_t *, size_t, const uint8_t *, size_t, uint8_t, void *",
    "nghttp2_data_source_read_callback":
        "nghttp2_session *, int32_t, uint8_t *, size_t, uint32_t *, nghttp2_data_source *, void *",
    "MHD_AccessHandlerCallback":
        "void *, struct MHD_Connection *, const char *, const char *, const char *, const char *, size_t *, void **",
    "deflateInit2_": "z_streamp, int, int, int, int, int, const char *, int",
}

# What must not happen in someone else's process: ending it, or writing to its terminal.
AGENT_BANNED = re.compile(
    r"\b(abort|exit|_exit|_Exit|quick_exit|printf|fprintf|vprintf|puts|fputs|putchar|perror"
    r"|strcpy|strcat|sprintf|gets|alloca|system|popen|setenv|putenv|err|errx|warn|warnx)\s*\("
)
# Linked into the console and the tests, and not into the libraries.
AGENT_ABORTS = "agent/src/segment/expect_abort.c"
# What gives a descriptor: it could be 0, 1 or 2, where the host prints.
AGENT_OPENS = re.compile(
    r"\b(open|openat|creat|fopen|freopen|opendir|scandir|socket|socketpair|accept|accept4|epoll_create1?|eventfd"
    r"|pipe|pipe2|dup|dup2|dup3|inotify_init1?|timerfd_create|signalfd|memfd_create|mkstemp|mkostemp|tmpfile)\s*\("
)
AGENT_OPENER = "agent/src/segment/descriptor.c"
# access(2) asks for the real user, who in a setuid program is not who opens.
AGENT_ACCESS = re.compile(r"\baccess\s*\(")
# What is said once: the pattern, where it may not stand, the one file where it does, what to use instead.
BOTH = ("agent/", "console/")
ONCE = (
    (r"\bclock_gettime\s*\(", BOTH, "agent/inside/weir/nanos.h", "a clock is read by wi_nanos() of weir/nanos.h"),
    (r"& 0x[cC]0\b", BOTH, "agent/inside/weir/text.h", "UTF-8 is decoded by weir/text.h"),
    (r"0x0*100000001[bB]3\b|\b16777619", BOTH, "agent/src/snapshot/map.c", "texts are hashed by weir/map.h"),
    (r"\bpthread_sigmask\s*\(", "console/", "console/src/base/thread.c", "threads are started by base/thread.h"),
)
# Words that threads share are reached by named verbs; the hooks that are compiled into applications have their own.
ATOMIC = re.compile(r"\b__(atomic|sync)_\w+|\batomic_\w+_explicit\b|\bstdatomic\.h")
ATOMIC_HOMES = ("agent/inside/weir/atomic.h", "agent/include/weir/cell.h")
ORDERED = re.compile(r"\bwi_((load|store|add|exchange|(try_)?replace|fence)_(acquire|release|acq_rel|seq_cst|signal))\(")
PARTNER = re.compile(r"\bpairs?\b|\bpartner\b", re.IGNORECASE)
SLEEP = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep)\b\s*(\(|[0-9.])")
SLEEP_PYTHON = re.compile(r"\btime\.sleep\(")

problems = []


def complain(path, line, text):
    where = f"{path}:{line}" if line else path
    problems.append(f"{where}: {text}")


def sources(*suffixes):
    for folder in FOLDERS:
        for root, dirs, names in os.walk(os.path.join(SOURCE, folder)):
            dirs[:] = sorted(d for d in dirs if not d.startswith("build") and d != "__pycache__")
            for name in sorted(names):
                if not suffixes or name.endswith(suffixes):
                    yield os.path.relpath(os.path.join(root, name), SOURCE)


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read().split("\n")


def without_comments(lines):
    """The same lines with comments and string literals blanked, so that words in them do not count."""
    text = "\n".join(lines)
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    blank = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(pattern, blank, text, flags=re.DOTALL).split("\n")


# The beginning of a function, or of a pointer to one.
FUNCTION = re.compile(r"(?:^[A-Za-z_][\w *]*\b(\w+)|\(\*(\w+)(?:\[\w*\])?\))\(", re.MULTILINE)


def parameters_at(text, start):
    """The parameters between the bracket that opens before `start` and the one that closes it."""
    parts, depth = [""], 1
    for letter in text[start:]:
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0:
            break
        if letter == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def type_of(parameter):
    """Of "const char *name" the "const char *"."""
    words = re.findall(r"\w+|\*", parameter)
    if len(words) > 1 and words[-1] != "*" and words[-2] != "struct":
        words.pop()
    return " ".join(words)


def check_parameters(path, code):
    text = "\n".join(code)
    dictated = [[type_of(part) for part in types.split(",")] for types in DICTATED.values()]
    for match in FUNCTION.finditer(text):
        parameters = parameters_at(text, match.end())
        if len(parameters) > PARAMETERS and [type_of(part) for part in parameters] not in dictated:
            name = match.group(1) or match.group(2)
            complain(path, text.count("\n", 0, match.start()) + 1,
                     f"{name} has {len(parameters)} parameters; {PARAMETERS} are the limit")


def check_partners(path, lines, code):
    """A function that orders what it shares says with whom: which function's store or load is the other end."""
    start = 0
    for number, line in enumerate(lines, 1):
        if line == "}":
            uses = [n for n in range(start, number) if ORDERED.search(code[n])]
            if uses and not PARTNER.search("\n".join(lines[start:number])):
                complain(path, uses[0] + 1, "an order above relaxed names its partner: /* Pairs with FUNCTION. */")
            start = number


def check_c(path):
    lines = read(path)
    if not lines[0].startswith("/* SPDX-License-Identifier: MIT */"):
        complain(path, 1, "does not begin with its SPDX line")
    file_lines, function_lines = TEST_LINES if path.startswith("tests/") else PRODUCT_LINES
    if len(lines) - 1 > file_lines:
        complain(path, 0, f"{len(lines) - 1} lines; {file_lines} are the limit")
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip("\r") != line.rstrip():
            complain(path, number, "white space at the end of the line")
        if "\t" in line:
            complain(path, number, "a tab")
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 > function_lines:
                complain(path, start, f"a function of {number - start + 1} lines; {function_lines} are the limit")
            start = None
    code = without_comments(lines)
    check_parameters(path, code)
    if path.startswith(BOTH):
        check_partners(path, lines, code)
    for number, line in enumerate(code, 1):
        if path.startswith("agent/"):
            banned = path != AGENT_ABORTS and AGENT_BANNED.search(line)
            if banned:
                complain(path, number, f"{banned.group(1)}() has no place in the agent")
            opening = path != AGENT_OPENER and AGENT_OPENS.search(line)
            if opening:
                complain(path, number, f"{opening.group(1)}() may give 0, 1 or 2: use segment/descriptor.h")
            if AGENT_ACCESS.search(line):
                complain(path, number, "access() asks for the real user: use faccessat() with AT_EACCESS")
        for pattern, folders, home, text in ONCE:
            if path.startswith(folders) and path != home and re.search(pattern, line):
                complain(path, number, text)
        if path.startswith(BOTH) and path not in ATOMIC_HOMES and ATOMIC.search(line):
            complain(path, number, "words that threads share are reached by the verbs of weir/atomic.h")
        if path.startswith("tests/") and SLEEP.search(line):
            complain(path, number, "a test waits for a condition with a deadline, not for time")
        if re.match(r"\s*typedef\s+struct\b(?!.*\()", line):
            complain(path, number, "structs are not typedef'd")


def check_script(path):
    lines = read(path)
    if not any("SPDX-License-Identifier: MIT" in line for line in lines[:3]):
        complain(path, 1, "does not begin with its SPDX line")
    for number, line in enumerate(lines, 1):
        code = line.split("#")[0]
        if path.startswith("tests/") and (
            SLEEP_PYTHON.search(code) if path.endswith(".py") else SLEEP.search(code)
        ):
            complain(path, number, "a test waits for a condition with a deadline, not for time")


def check_top():
    """The top level holds what is agreed and dot files. Without git: whatever is no build folder."""
    command = ["git", "-C", SOURCE, "ls-files"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
        names = {name.split("/")[0] for name in listed if name}
    except (OSError, subprocess.CalledProcessError):
        names = {name for name in os.listdir(SOURCE) if not name.startswith("build")}
    for name in sorted(names - TOP):
        if not name.startswith("."):
            complain(name, 0, "does not belong at the top level")


for source in sources(".c", ".h"):
    check_c(source)
for source in sources(".py", ".sh"):
    check_script(source)
check_top()
print("\n".join(problems), file=sys.stderr)
sys.exit(1 if problems else 0)
