"""Installs the packages of a requirements file, only as wheels: for scripts/install.sh --packages.

    packages.py check FILE              reads FILE and prints what pip may be given of it; exit code 2, with file and
                                        line, for a line that could make pip do more than fetch wheels
    packages.py install FILE TARGET     has pip put the packages of a checked FILE into the folder TARGET

`--only-binary=:all:` concerns what pip finds in an index. A folder, an archive or a URL it would still build, and
building runs the package's own code on this machine. So lines may only name packages. And since a wheel's metadata can
name a folder or a URL too, pip runs where no program can be started: what wants to be built is an error.
"""

import re
import runpy
import sys

# A name, extras, and pip's version specifier or marker.
PACKAGE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[A-Za-z0-9._,\s-]*\])?\s*(?P<rest>[(<>=!~;].*)?")
HASHES = re.compile(r"(\s+--hash[=\s]\s*[a-z0-9]+:[0-9a-f]+)*$")
ARCHIVES = (".whl", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".lzma", ".tlz", ".egg")
ALLOWED = ("--require-hashes", "--pre")
INDEXES = ("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host")
STARTS = frozenset(
    "subprocess.Popen os.system os.exec os.posix_spawn os.spawn os.fork os.forkpty os.startfile pty.spawn".split()
)


def logical_lines(text):
    """Yields each line without its comment, with the ones that a backslash continues, and the number of its first."""
    pending, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if not pending:
            first = number
        # As in pip: a comment ends a continued line.
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1] + " "
            continue
        line, pending = re.sub(r"(^|\s+)#.*$", "", pending + line).strip(), ""
        if line:
            yield first, line
    if pending.strip():
        yield first, pending.strip()


def problem(line):
    """Returns what is wrong with a line, or None."""
    if "${" in line:
        return "variables are not replaced here: write what is meant"
    if line.startswith("-"):
        option = re.split(r"[=\s]", line, maxsplit=1)[0]
        if line in ALLOWED:
            return None
        if option in INDEXES or re.match(r"-[if]\S", line):
            return f"{option}: where packages come from is pip's own setting (PIP_INDEX_URL, pip.conf)"
        return f"{option}: only packages' names may stand here, with versions and hashes"
    match = PACKAGE.fullmatch(line[: HASHES.search(line).start()].rstrip())
    if match is None or match["name"].lower().endswith(ARCHIVES):
        return "a package is named here, with its version: a path or an address would be built, which runs its code"
    if " --" in (match["rest"] or ""):
        return "an option behind a package may only be --hash"
    return None


def check(path):
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        return f"{path}: {error}"
    at = 1
    lines = []
    for number, line in logical_lines(text):
        wrong = problem(line)
        if wrong is None and not line.isascii():
            wrong = "only ASCII may stand here"
        if wrong is not None:
            return f"{path}:{number}: {wrong}\n  {line}"
        # On its own line, so that pip's messages have the right numbers.
        lines += [""] * (number - at) + [line]
        at = number + 1
    print("\n".join(lines))
    return None


def refuse_programs(event, arguments):
    if event in STARTS:
        program = arguments[0] if arguments else "a program"
        raise OSError(f"a package that has to be built is asked for: pip wants to start {program}, which it may not")


def install(path, target):
    sys.argv = ["pip", "install", "--disable-pip-version-check", "--no-input", "--target", target]
    sys.argv += ["--only-binary=:all:", "--platform", "any", "--implementation", "py", "--abi", "none"]
    sys.argv += ["--python-version", "3.14", "-r", path]
    sys.addaudithook(refuse_programs)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
    said = check(sys.argv[2])
    if said is not None:
        print(f"nerodia: error: {said}", file=sys.stderr)
        sys.exit(2)
elif sys.argv[1:2] == ["install"] and len(sys.argv) == 4:
    install(*sys.argv[2:])
else:
    sys.exit(__doc__)
