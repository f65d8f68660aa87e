#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plain English where users and newcomers read it: no sentence begins with "Of", "What" or "Who"
unless it asks, and words that a term of the field has replaced do not come back.

Checked are README.md, docs/*.md, agent/metrics/README.md, the texts of the metric tables, every string
of agent and console (help, findings, errors, log lines) and every comment of their sources and headers.
Exempt are the changelog, which names the old words beside the new ones, and docs/adr, which keeps
decisions as they were made."""

import glob
import os
import re
import sys

SOURCE = os.environ["WEIR_SOURCE"]
EXEMPT = {"docs/changelog.md"}

OPENING = re.compile(r"(Of|What|Who)\b")
# Word -> what to write instead.
WORDS = {
    r"(foreign|process's) worlds?": "process view, or provider",
    r"worlds?": "process view",
    r"roster": "process registry",
    r"tally|tallies": "totals",
    r"tides?": "window",
    r"(a|an|each|every|first|last|next|one|this|that|two|three|five|of|between) looks?": "sample, or reading",
    r"looks (a|each|in a) \w+": "samples",
    r"farewell": "goodbye, or end",
    r"gives? way": "yields, or is closed",
    r"at the door|door": "on admission",
    r"robbed": "lost",
    r"unheard": "without a reply",
    r"visitors?|knocks?": "client",
    r"that is none": "invalid",
    r"by itself": "on its own, or leave it out",
}
BANNED = [(re.compile(rf"\b({word})\b", re.IGNORECASE), instead) for word, instead in WORDS.items()]

problems = []


def sentences(text):
    """Each sentence of a block of prose with the offset at which it begins."""
    start = 0
    for match in re.finditer(r"[.?!][)\"*_]*(?=\s+[(\"*_]*[A-Z]|\s*$)", text):
        yield start, text[start : match.end()]
        start = match.end()
    if text[start:].strip():
        yield start, text[start:]


def check(path, line, text):
    """A block of prose that begins at a line; text has its line breaks still."""
    for start, sentence in sentences(text):
        lead = len(sentence) - len(sentence.lstrip(" \n*_(\"'"))
        opening = OPENING.match(sentence[lead:])
        if opening and not sentence.rstrip(' \n*_)"').endswith("?"):
            at = line + text[: start + lead].count("\n")
            problems.append(f"{path}:{at}: a sentence begins with \"{opening.group(1)}\": say who does what")
    for pattern, instead in BANNED:
        for match in pattern.finditer(text):
            at = line + text[: match.start()].count("\n")
            word = " ".join(match.group(0).split())
            problems.append(f"{path}:{at}: \"{word}\": write {instead}")


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def check_page(path):
    """A page: paragraphs, points, headings, and each cell of a table; code is left out."""
    is_code = False
    begin, block = 0, []

    def flush():
        if block:
            check(path, begin, "\n".join(block))
            block.clear()

    for number, line in enumerate(read(path).split("\n"), 1):
        if line.startswith("```"):
            is_code = not is_code
        line = re.sub(r"`[^`]*`", "CODE", line)
        line = re.sub(r"\]\([^)]*\)", "]", line).replace("[", "").replace("]", "")
        is_heading = line.startswith("#")
        if is_code or not line.strip() or line.startswith(("```", "    ", "<!--")):
            flush()
        elif line.startswith("|"):
            flush()
            for cell in line.strip("|").split("|"):
                check(path, number, cell.strip())
        else:
            item = re.match(r"\s*([-#]+|\d+\.)\s+", line)
            if item:
                flush()
                line = line[item.end() :]
            if not block:
                begin = number
            block.append(line)
            if is_heading:
                flush()
    flush()


def check_strings(path):
    """Every string of a source; neighbours that the compiler joins are one text."""
    text = read(path)
    text = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group(0)), text, flags=re.DOTALL)
    for match in re.finditer(r'"(?:\\.|[^"\\\n])*"(?:(?:\s|PRI\w+)*"(?:\\.|[^"\\\n])*")*', text):
        line = text[: match.start()].count("\n") + 1
        joined = re.sub(r'"(\s|PRI\w+)*"', lambda between: "\n" * between.group(0).count("\n"), match.group(0))
        if not text[: match.start()].rsplit("\n", 1)[-1].lstrip().startswith("#include"):
            check(path, line, joined[1:-1].replace("\\n", "  "))


STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|/\*(.*?)\*/', flags=re.DOTALL)


def check_comments(path):
    """Every comment, paragraph by paragraph."""
    text = read(path)
    for match in STRING_OR_COMMENT.finditer(text):
        line = text[: match.start()].count("\n") + 1
        comment = re.sub(r"(?m)^\s*\* ?", "", match.group(1) or "")
        for paragraph in re.finditer(r"(?:.+\n?)+", comment):
            check(path, line + comment[: paragraph.start()].count("\n"), paragraph.group(0))


def files(*patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(SOURCE, pattern), recursive=True)):
            yield os.path.relpath(path, SOURCE)


for page in files("README.md", "docs/*.md", "agent/metrics/*.md"):
    if page not in EXEMPT:
        check_page(page)
for source in files("agent/metrics/*.def", "agent/src/**/*.[ch]", "console/src/**/*.[ch]"):
    check_strings(source)
for source in files("agent/**/*.[ch]", "console/**/*.[ch]"):
    check_comments(source)
print("\n".join(problems), file=sys.stderr)
sys.exit(1 if problems else 0)
