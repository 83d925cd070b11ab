#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Changes the program in small ways and counts how often the tests notice.

    tests/mutants.py [-n N] [--seed S] [--dirs "scan qcow2 inspect report"] [--only FILE[:LINE]]

A mutant is one change at one place: a comparison that takes or leaves its limit or is turned
round, a term of && or || dropped, a constant changed by one, + and - swapped, a condition negated,
a statement deleted, a returned value replaced. Comments, strings, preprocessor lines, assertions,
error texts, the freeing of memory and what only saves time (advice, whether output is still wanted)
are left alone. Mutants that do not compile, or that compile to the same code, are not counted.

All of it happens in a copy of the tree (--work), where the folders of src are one shared library:
a mutant costs one compilation, one link of that library, and the tests until one fails. Unit
tests that include the header of the changed file come first, then those of its folder, then the
others; the quick shell tests come last (--unit leaves them out). What survives is listed.
"""
import argparse
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHELL_TESTS = ["cli", "samples", "outputs", "recipes"]
RSS_MAX = 3 << 30

TOKEN = re.compile(r"""
      (?P<skip> \s+ | //[^\n]* | /\*.*?\*/ | ^[ \t]*\#(?:[^\n\\]|\\.)*$ )
    | (?P<text> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<number> 0[xX][0-9a-fA-F]+ | \d+ )(?=[uUlL]*\b)[uUlL]*
    | (?P<name> [A-Za-z_]\w* )
    | (?P<op> <<= | >>= | \.\.\. | -> | \+\+ | -- | << | >> | [-+*/%&|^<>=!]= | && | \|\| | . )
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)

# Calls whose arguments say something to people, or judge us and not the file.
LEFT_ALONE = {"assert", "static_assert", "_Static_assert", "err_set", "err_wrap"}
# Deleting these changes no result: other tools look for lost memory.
FREEING = re.compile(r"(free|free_\w+|\w+_(free|close|destroy|unmap)|munmap|close)$")
# These decide how soon something is done, never what: advice about memory and reads to come, and
# whether output that could not be written is still worth making.
HASTE = re.compile(r"(source_advise|__builtin_prefetch|madvise|\w*prefetch\w*)$")
ONLY_HASTE = re.compile(r"\s*(&&)?\s*out_ok\([^()]*\)\s*(&&)?\s*$")
COMPARISONS = {"<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="],
               "==": ["!="], "!=": ["=="]}
SWAPS = {"+": "-", "-": "+", "+=": "-=", "-=": "+="}


class Token:
    def __init__(self, kind, text, start):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)


class Mutant:
    def __init__(self, path, source, start, end, new):
        self.path, self.start, self.end, self.new = path, start, end, new
        self.line = source.count("\n", 0, start) + 1
        old = " ".join(source[start:end].split())
        into = " ".join(new.split())
        self.change = f"'{old}' deleted" if not into.strip(";") else f"'{old}' -> '{into}'"

    def __str__(self):
        return f"{self.path}:{self.line}: {self.change}"


def tokens_of(source):
    found = []
    for m in TOKEN.finditer(source):
        if m.lastgroup != "skip":
            found.append(Token(m.lastgroup, m.group(), m.start()))
    return found


def partners(tokens):
    """Index of the bracket that closes the one at an index, and the other way round."""
    pair, stack = {}, []
    for i, t in enumerate(tokens):
        if t.kind != "op":
            continue
        if t.text in "([{":
            stack.append(i)
        elif t.text in ")]}" and stack:
            pair[i] = stack.pop()
            pair[pair[i]] = i
    return pair


def term_end(tokens, pair, i, step):
    """The last token of the term of && or || that begins beside token i, going by step."""
    stop = {"&&", "||", ";", ",", "?", ":", "{", "}", "=", "return"}
    opens, closes = ("([", ")]") if step > 0 else (")]", "([")
    j = i + step
    while tokens[j].text not in stop and tokens[j].text not in closes:
        if tokens[j].text in opens:
            j = pair[j]
        j += step
    return j - step


def mutants_of(path, source):
    tokens = tokens_of(source)
    pair = partners(tokens)
    found = []
    depth = 0           # of braces: only bodies of functions and initialisers are changed
    skip_until = 0

    def add(start, end, new):
        found.append(Mutant(path, source, start, end, new))

    for i, t in enumerate(tokens):
        if t.kind == "op" and t.text in "{}":
            depth += 1 if t.text == "{" else -1
        if depth == 0 or i < skip_until:
            continue
        before = tokens[i - 1] if i else None
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        if t.kind == "name" and t.text in LEFT_ALONE and after and after.text == "(":
            skip_until = pair.get(i + 1, i)
            continue
        if t.kind == "number":
            declares = (before.text == "[" and tokens[i - 2].kind == "name" and
                        (tokens[i - 3].kind == "name" or tokens[i - 3].text == "*"))
            m = re.match(r"(0[xX])?([0-9a-fA-F]+)([uUlL]*)$", t.text)
            if m and not declares:
                value = int(m.group(2), 16 if m.group(1) else 10)
                for new in {value + 1, value - 1} - {-1}:
                    if new > value and tokens[i - 2].text == "calloc":
                        continue        # memory for more than is wanted changes no result
                    text = hex(new) if m.group(1) else str(new)
                    add(t.start, t.end, text + m.group(3))
        elif t.kind == "op" and t.text in COMPARISONS:
            for new in COMPARISONS[t.text]:
                add(t.start, t.end, new)
        elif t.kind == "op" and t.text in SWAPS:
            binary = before.kind in ("name", "number") or before.text in (")", "]")
            if before.text not in ("return", "case") and (binary or len(t.text) == 2):
                add(t.start, t.end, SWAPS[t.text])
        elif t.text in ("&&", "||"):
            last = term_end(tokens, pair, i, +1)
            first = term_end(tokens, pair, i, -1)
            for start, end in ((t.start, tokens[last].end), (tokens[first].start, t.end)):
                if not ONLY_HASTE.match(source[start:end]):
                    add(start, end, "")
        elif t.text in ("if", "while") and after.text == "(":
            close = pair[i + 1]
            inner = source[after.end:tokens[close].start]
            add(after.start, tokens[close].end, f"(!({inner}))")
        elif t.text == "return":
            end = i + 1
            while tokens[end].text != ";":
                end = pair.get(end, end) + 1
            value = source[after.start:tokens[end].start]
            if end == i + 1 or after.text in LEFT_ALONE:
                continue
            for new in ["false" if value == "true" else "true" if value == "false" else "0"]:
                if value not in ("0", new):
                    add(after.start, tokens[end].start, new)
        elif before and before.text in (";", "{", "}", ")", "else", ":") and t.kind == "name":
            statement(tokens, pair, i, add)
    return found


def statement(tokens, pair, i, add):
    """Deletes a call, an assignment, or a jump that stands as a statement at token i."""
    t, after = tokens[i], tokens[i + 1]
    if tokens[i - 1].text == ")" and tokens[pair[i - 1] - 1].text not in ("if", "while", "for"):
        return          # a cast or the like
    if t.text in ("if", "while", "for", "switch", "do", "else", "case", "default", "goto"):
        return
    end = i
    while tokens[end].text not in (";", "{", "}"):
        if tokens[end].text in (")", "]"):
            return      # the third part of a for
        end = pair.get(end, end) + 1
    texts = [x.text for x in tokens[i:end]]
    jump = texts[0] in ("break", "continue")
    declares = after.kind == "name" or (after.text == "*" and tokens[i + 2].kind == "name")
    if tokens[end].text != ";" or (declares and not jump) or FREEING.match(t.text) or \
            HASTE.match(t.text):
        return
    if jump or "(" in texts or any(x in texts for x in ("=", "+=", "-=", "|=", "&=", "++", "--")):
        add(t.start, tokens[end].end, ";")


class House:
    """The copy of the tree with everything built, and a way to try one changed file."""

    def __init__(self, work, args):
        unit_only, slow = args.unit, args.slow
        self.named = (args.tests or "").split()
        self.work = work
        self.slow = slow
        self.near_only = args.near
        self.build = os.path.join(work, "build")
        self.lib = os.path.join(self.build, "libmutant.so")
        self.copy_tree()
        if not os.path.exists(os.path.join(self.build, "Makefile")):
            os.makedirs(self.build, exist_ok=True)
            self.run(["../configure", "-q", "CFLAGS=-O1 -g0 -fPIC", *self.linker()])
        self.make(["Makefile", "config.h"])
        self.cc = shlex.split(self.variable("CC"))
        self.external = shlex.split(self.variable("EXTERNAL_LIBS")) + self.linker_flags()
        self.units = self.variable("UNIT_TESTS").split()
        self.includes = {u: self.included_by(u) for u in self.units}
        if args.tests or args.near:
            self.units = [u for u in self.units if self.chosen(u, args)]
        self.compile_flags = shlex.split(self.variable(
            "DEFS DEFAULT_INCLUDES INCLUDES AM_CPPFLAGS CPPFLAGS AM_CFLAGS CFLAGS"))
        self.objects = sorted(self.object_of(os.path.join("src", p))
                              for p in self.sources() if p not in ("cmd/main.c", "cmd/mkdocs.c"))
        self.link()
        self.make(["tests/build_images", "bench/measure", "qcheck", *self.units],
                  f"QCHECK_LIBS={self.lib}", "LDFLAGS=" + " ".join(
                      [f"-Wl,-rpath,{self.build}", *self.linker_flags()]))
        self.env = dict(os.environ, top_srcdir=work, QCHECK=f"{self.build}/qcheck",
                        BUILD_IMAGES=f"{self.build}/tests/build_images",
                        MEASURE=f"{self.build}/bench/measure", LC_ALL="C.UTF-8", HARDENING="no")
        self.killers = {}
        self.time = {}
        tests = self.units + ([] if unit_only else [f"tests/{s}.sh" for s in SHELL_TESTS])
        for test in tests:
            began = cpu_time()
            if self.passes(test, 300):
                self.time[test] = cpu_time() - began
            else:
                print(f"left out, as it fails without any change: {test}", file=sys.stderr)

    def chosen(self, unit, args):
        """One of those named, or one that is about a file that will be changed."""
        changed = {m.path[len("src/"):-2] + ".h" for m in args.candidates}
        folders = tuple(d + "/" for d in args.dirs.split())
        if args.near and any(i.startswith(folders) for i in self.includes[unit]):
            return True
        return os.path.basename(unit) in self.named or changed & self.includes[unit]

    def copy_tree(self):
        """Brings the copy up to date; files that are the same keep their time."""
        skipped = {".git", "build", "autom4te.cache"}
        for folder, _, files in os.walk(os.path.join(self.work, "src")):
            for name in files:          # moved or deleted since the last time
                gone = os.path.join(folder, name)
                if not os.path.exists(os.path.join(TOP, os.path.relpath(gone, self.work))):
                    os.remove(gone)
        for folder, dirs, files in os.walk(TOP):
            dirs[:] = [d for d in dirs if d not in skipped and
                       not os.path.exists(os.path.join(folder, d, "config.status"))]
            into = os.path.join(self.work, os.path.relpath(folder, TOP))
            os.makedirs(into, exist_ok=True)
            for name in files:
                a, b = os.path.join(folder, name), os.path.join(into, name)
                if os.path.islink(a) or not os.path.isfile(a):
                    continue
                with open(a, "rb") as f:
                    data = f.read()
                if os.path.exists(b):
                    with open(b, "rb") as f:
                        if f.read() == data:
                            continue
                shutil.copy2(a, b)
                if name.endswith((".c", ".h")):
                    os.utime(b)

    @staticmethod
    def linker_flags():
        return ["-fuse-ld=mold"] if shutil.which("mold") else []

    def linker(self):
        return ["LDFLAGS=" + f for f in self.linker_flags()] + (
            ["CC=ccache gcc"] if shutil.which("ccache") else [])

    def run(self, command):
        p = subprocess.run(command, cwd=self.build, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        if p.returncode:
            sys.exit(f"{shlex.join(command)} failed:\n{p.stdout[-3000:]}")
        return p.stdout

    def make(self, targets, *variables):
        self.run(["make", "-s", "--no-print-directory", "-j2", *variables, *targets])

    def variable(self, names):
        rule = "mutant-print: ; $(info " + " ".join(f"$({n})" for n in names.split()) + ")@:"
        return self.run(["make", "-s", "--no-print-directory", f"--eval={rule}", "mutant-print"])

    def sources(self):
        for folder, _, files in os.walk(os.path.join(TOP, "src")):
            for name in files:
                if name.endswith(".c"):
                    yield os.path.relpath(os.path.join(folder, name), os.path.join(TOP, "src"))

    @staticmethod
    def object_of(path):
        return path[:-2] + ".mutant.o"

    def compile(self, path, out):
        """Compiles one file of the copy; false where the compiler refuses."""
        return subprocess.run([*self.cc, *self.compile_flags, "-w", "-Wno-error", "-c", "-o", out,
                               os.path.join("..", path)], cwd=self.build,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def link(self):
        header = max(os.path.getmtime(os.path.join(folder, f))
                     for folder, _, files in os.walk(os.path.join(self.work, "src"))
                     for f in files if f.endswith(".h"))
        for obj in self.objects:
            path = obj.replace(".mutant.o", ".c")
            at = os.path.join(self.build, obj)
            newest = max(header, os.path.getmtime(os.path.join(self.work, path)))
            if os.path.exists(at) and os.path.getmtime(at) > newest:
                continue
            if not self.compile(path, obj):
                sys.exit(f"{path} does not compile")
        self.relink()

    def relink(self):
        # a new file, not the old one written over: a test that was killed may still have it open
        new = self.lib + ".new"
        # no -Bsymbolic: a test may put a function of its own in place of one
        self.run([*self.cc[-1:], "-shared", "-o", new, *self.objects,
                  *self.external])
        os.replace(new, self.lib)

    def included_by(self, unit):
        """Headers of src, named in the test or in a header of tests that it includes."""
        source = os.path.join(TOP, unit if unit.endswith(".h") else unit + ".c")
        try:
            with open(source, encoding="utf-8") as f:
                found = set(re.findall(r'#include "((?:\w+/)*\w+\.h)"', f.read()))
        except OSError:
            return set()
        for header in [h for h in found if os.path.exists(os.path.join(TOP, "tests", h))]:
            found |= self.included_by("tests/" + header)
        return found

    def order(self, path):
        """The tests, those first that are nearest to a file."""
        header = path[len("src/"):-2] + ".h"
        folder = path.split("/")[1] + "/"

        def near(test):
            inc = self.includes.get(test)
            return (3 if inc is None else 0 if header in inc else
                    1 if any(i.startswith(folder) for i in inc) else 2)

        def wanted(test):
            if near(test) == 0 or os.path.basename(test) in self.named:
                return True
            if self.slow and self.time[test] > self.slow:
                return False
            return near(test) == 1 if self.near_only else not self.named

        def key(test):
            kills = self.killers.get((path, test), 0)
            quick = self.time[test] < 0.2
            return (test.endswith(".sh"), -kills, not quick, near(test), self.time[test])
        return [t for t in sorted(self.time, key=key) if wanted(t)]

    def passes(self, test, limit):
        if test.endswith(".sh"):
            command = ["sh", os.path.join(self.work, test)]
        else:
            command = [os.path.join(self.build, test)]
        p = subprocess.Popen(command, cwd=self.build, env=self.env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True, preexec_fn=lambda: (
                                 resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
                                 resource.setrlimit(resource.RLIMIT_CPU,
                                                    (int(limit), int(limit) + 1))))
        ends = time.monotonic() + limit * 4     # others may want the processor as well
        code = None
        while code is None and time.monotonic() < ends and resident(p.pid) < RSS_MAX:
            try:
                code = p.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        if code is None:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            p.wait()
        return code in (0, 77)

    def try_mutant(self, mutant):
        """"killed by TEST", "survived", "same" or "invalid"."""
        at = os.path.join(self.work, mutant.path)
        obj = os.path.join(self.build, self.object_of(mutant.path))
        with open(at, encoding="utf-8") as f:
            source = f.read()
        try:
            with open(at, "w", encoding="utf-8") as f:
                f.write(source[:mutant.start] + mutant.new + source[mutant.end:])
            os.rename(obj, obj + ".sound")
            if not self.compile(mutant.path, self.object_of(mutant.path)):
                return "invalid"
            with open(obj, "rb") as a, open(obj + ".sound", "rb") as b:
                if a.read() == b.read():
                    return "same"
            self.relink()
            for test in self.order(mutant.path):
                if not self.passes(test, 4 * self.time[test] + 5):
                    key = (mutant.path, test)
                    self.killers[key] = self.killers.get(key, 0) + 1
                    return "killed by " + test
            return "survived"
        finally:
            with open(at, "w", encoding="utf-8") as f:
                f.write(source)
            if os.path.exists(obj + ".sound"):
                os.replace(obj + ".sound", obj)
                os.utime(obj)


def cpu_time():
    """Seconds of processor time of all children so far: others may be busy as well."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def candidates(top, folder, only):
    found = []
    for here, _, files in sorted(os.walk(os.path.join(top, "src", folder))):
        for name in sorted(files):
            path = os.path.relpath(os.path.join(here, name), top)
            if not name.endswith(".c") or not wanted(path, None, only):
                continue
            with open(os.path.join(top, path), encoding="utf-8") as f:
                found += [m for m in mutants_of(path, f.read()) if wanted(path, m.line, only)]
    return found


def wanted(path, line, only):
    if not only:
        return True
    for o in only:
        name, _, number = o.partition(":")
        if path.endswith(name) and (line is None or not number or int(number) == line):
            return True
    return False


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-n", type=int, default=200, help="mutants that count, over all folders")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--dirs", default="scan qcow2 inspect report")
    ap.add_argument("--only", action="append", help="file, or file:line, as often as wanted")
    ap.add_argument("--unit", action="store_true", help="no shell tests")
    ap.add_argument("--slow", type=float, default=0, metavar="SECONDS",
                    help="leave out tests that take longer, unless they include the header")
    ap.add_argument("--tests", help="build and run only these unit tests, and those that "
                    "include the header of the file")
    ap.add_argument("--near", action="store_true", help="only tests that include a header of the "
                    "folder of the file, and those of --tests")
    ap.add_argument("--work", default=os.path.join(os.getcwd(), "mutants"))
    ap.add_argument("--list", action="store_true", help="list what could be changed")
    args = ap.parse_args()
    dirs = args.dirs.split()
    if args.list:
        for folder in dirs:
            print("\n".join(map(str, candidates(TOP, folder, args.only))))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    args.candidates = [m for d in dirs for m in candidates(TOP, d, args.only)]
    house = House(os.path.abspath(args.work), args)
    survivors, shares = [], []
    for folder in dirs:
        todo = candidates(house.work, folder, args.only)
        random.Random(f"{args.seed} {folder}").shuffle(todo)
        want = -(-args.n // len(dirs))
        killed = tried = same = 0
        for mutant in todo:
            if tried == want:
                break
            outcome = house.try_mutant(mutant)
            print(f"{outcome:<28} {mutant}", flush=True)
            if outcome in ("same", "invalid"):
                same += outcome == "same"
                continue
            tried += 1
            killed += outcome != "survived"
            if outcome == "survived":
                survivors.append(mutant)
        if tried:
            shares.append(f"src/{folder}: {killed} of {tried} killed, {100 * killed // tried} % "
                          f"({same} more changed nothing)")
    house.relink()
    print("\nSurvivors:" if survivors else "\nNothing survived.")
    for mutant in survivors:
        print(f"  {mutant}")
    print("\n".join(shares))


if __name__ == "__main__":
    main()
