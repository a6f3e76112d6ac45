"""App for componentize-py, whose interpreter state becomes the component `cpython-3.14`.

componentize-py runs this file's top level once, at build time, in the very CPython that ends up in the component, and
keeps the resulting memory. A guest starts from that memory: `WitWorld.run` is its whole life.

Consequences:

- A guest has no file system, so it can import only what is in memory. `_carry_standard_library` therefore compiles
  every module of the standard library and keeps the code, and `_Carried` serves it. The usual modules are imported
  here, so that a script's `import json` costs a dictionary look-up.
- Everything that is drawn, read or measured at build time is the same in every guest, for ever. `reset` renews it.
- Pages that are never written are shared by all guests: hence the `gc.freeze` at the end.

Only a build imports this file; `entrypoint` is what both runtimes have in common.
"""

# Modules that every guest uses come first, so that they are close together: a guest then touches fewer pages.
import json
import linecache
import marshal

import _nerodia  # noqa: F401  so that a build without it fails, and not only becomes slow
import entrypoint
import wit_world  # made by componentize-py from guest.wit


def _rehearse():
    """Does what a guest does up to its first answers, a few times.

    What CPython creates during that (interned strings, caches, bytecode for the types it has seen) is then in the
    snapshot, close together, so a guest touches and changes fewer pages.
    """
    script = "total = 0\nfor item in this['items']:\n    total += item['price']\nroot = {'total': total}\n"
    hello = {"stages": [{"name": "rehearsal", "script": script}], "options": {}}
    # Version 2 has no references, which the host uses only for keys.
    message = marshal.dumps({"items": [{"price": 1.5}]}, 2)
    for _ in range(4):
        hello = json.loads(json.dumps(hello))
        stages, problems = entrypoint.start(hello)
        hello["compiled"] = entrypoint.for_others(stages)
        pipeline, surroundings = entrypoint.Pipeline(stages, hello["options"]), entrypoint.Surroundings(stages)
        requests = entrypoint.requests_of(pipeline)
        for number in range(4):
            head = number.to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(1)
            count = requests.begin(head + 4 * message, pipeline.max_frame)
            surroundings.run(pipeline, requests, count)
            requests.response()
    linecache.cache.clear()


_rehearse()

import gc  # noqa: E402
import importlib  # noqa: E402
import io  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from importlib.machinery import ModuleSpec, PathFinder  # noqa: E402
from importlib.resources.abc import Traversable, TraversableResources  # noqa: E402

STANDARD_LIBRARY = "/python"  # where componentize-py mounts it while it builds
PACKAGES = "/packages"  # where tracebacks say that a package's files are

# Left out: modules whose C parts are missing, modules for other systems, and CPython's own tools.
LEFT_OUT = frozenset(
    """
    bz2 ctypes curses lzma multiprocessing ssl tkinter turtle turtledemo
    _aix_support _android_support _apple_support _ios_support _osx_support
    __hello__ __phello__ ensurepip idlelib test
    """.split()
)

# Imported during the build. The rest of the standard library is compiled and kept in memory.
USUAL = """
    abc argparse array ast base64 binascii bisect calendar cmath codecs collections collections.abc colorsys
    configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis email.message
    email.parser email.policy email.utils encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1
    encodings.utf_16 encodings.utf_32 encodings.utf_8_sig enum errno fnmatch fractions functools gettext glob graphlib
    gzip hashlib heapq hmac html html.entities html.parser http http.client importlib.metadata importlib.resources
    importlib.util inspect io ipaddress itertools json keyword linecache locale logging marshal math mimetypes numbers
    opcode operator os.path pathlib pickle pkgutil platform plistlib pprint queue quopri random re reprlib sched secrets
    shlex shutil signal sqlite3 stat statistics string string.templatelib stringprep struct symtable tempfile textwrap
    threading time timeit token tokenize tomllib traceback types typing unicodedata unittest urllib.error urllib.parse
    urllib.request uuid warnings weakref xml.dom.minidom xml.etree.ElementTree xml.sax xml.sax.saxutils zipfile zlib
    zoneinfo
""".split()


class _Carried:
    """Finds and loads the modules in the component: name → (is it a package, marshalled code)."""

    def __init__(self):
        self.modules = {}
        self.folders = {}  # the folder of each module that is not of the standard library
        self.files = {}  # path → bytes, of packages

    def find_spec(self, name, path=None, target=None):
        found = self.modules.get(name)
        if found is None:
            return None
        is_package, _ = found
        file = f"{self.folders.get(name, STANDARD_LIBRARY)}/{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)
        spec.has_location = True  # so that the module has a `__file__`, as code may expect
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)

    # Methods that runpy, pkgutil, inspect and linecache call on a loader.

    def is_package(self, name):
        return self._get(name)[0]

    def get_code(self, name):
        return marshal.loads(self._get(name)[1])

    def get_source(self, name):
        return None

    # Access to other files of packages, for pkgutil.get_data and importlib.resources.

    def get_data(self, path):
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(f"{path} is not carried") from None

    def get_resource_reader(self, name):
        folder = f"{PACKAGES}/{name.replace('.', '/')}"
        return _Resources(_File(self.files, folder)) if self.is_package(name) else None

    def _get(self, name):
        try:
            return self.modules[name]
        except KeyError:
            raise ImportError(f"{name} is not carried", name=name) from None


def _carry_standard_library(carried):
    """Compiles every module of the standard library and keeps it, then makes imports search only there."""
    for name, is_package, file in _modules_below(STANDARD_LIBRARY, ""):
        with open(file, "rb") as source:
            code = compile(source.read(), file, "exec", dont_inherit=True)
        carried.modules[name] = (is_package, marshal.dumps(code))
    sys.meta_path.insert(sys.meta_path.index(PathFinder), carried)
    # Modules imported earlier have a loader that reads files, which guests do not have: `importlib.reload` would fail.
    for name in carried.modules.keys() & sys.modules.keys():
        module = sys.modules[name]
        module.__spec__ = carried.find_spec(name)
        module.__loader__ = carried


def _modules_below(folder, prefix, left_out=LEFT_OUT):
    """Yields (module name, is it a package, file) for every module in `folder`."""
    for entry in sorted(os.listdir(folder)):
        path, stem = f"{folder}/{entry}", entry.removesuffix(".py")
        if stem in ("__init__", "__main__") or (not prefix and stem in left_out):
            continue
        if stem != entry:
            yield prefix + stem, False, path
        elif os.path.exists(f"{path}/__init__.py"):  # which excludes site-packages and folders of headers
            yield prefix + stem, True, f"{path}/__init__.py"
            yield from _modules_below(path, f"{prefix}{stem}.", left_out)


class _File(Traversable):
    """A file or a folder of the packages, for `importlib.resources`."""

    def __init__(self, files, path):
        self.files, self.path = files, path

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    def is_file(self):
        return self.path in self.files

    def is_dir(self):
        return any(path.startswith(f"{self.path}/") for path in self.files)

    def iterdir(self):
        below = (path[len(self.path) + 1 :] for path in self.files if path.startswith(f"{self.path}/"))
        return (self.joinpath(name) for name in dict.fromkeys(path.partition("/")[0] for path in below))

    def joinpath(self, *names):
        return _File(self.files, "/".join([self.path, *map(str, names)]))

    __truediv__ = joinpath

    def open(self, mode="r", *args, **kwargs):
        if not self.is_file():
            raise FileNotFoundError(self.path)
        content = io.BytesIO(self.files[self.path])
        return content if "b" in mode else io.TextIOWrapper(content, *args, **kwargs)


class _Resources(TraversableResources):
    def __init__(self, folder):
        self.folder = folder

    def files(self):
        return self.folder


def _carry_packages(carried):
    """Keeps what `nerodia runtime build` installed, and imports the top of each package.

    The files exist only during the build; what a package reads later, it reads from memory.
    """
    folder = next((folder for folder in sys.path if os.path.exists(f"{folder}/nerodia-packages")), None)
    if folder is None:
        return
    for path, _, names in os.walk(folder):
        for name in names:
            if not name.endswith((".py", ".pyc")) and ".dist-info" not in path:
                with open(f"{path}/{name}", "rb") as file:
                    carried.files[PACKAGES + f"{path}/{name}".removeprefix(folder)] = file.read()
    tops = []
    for name, is_package, file in _modules_below(folder, "", left_out=()):
        with open(file, "rb") as source:
            code = compile(source.read(), file.replace(folder, PACKAGES, 1), "exec", dont_inherit=True)
        carried.modules[name] = (is_package, marshal.dumps(code))
        carried.folders[name] = PACKAGES
        if "." not in name:
            tops.append(name)
    for name in tops:
        importlib.import_module(name)  # already from memory: one that cannot be imported fails here and not in a guest


def _carry_time_zones():
    """Puts the time zone database into `zoneinfo`, which reads it from files that a guest does not have."""
    import zoneinfo._common

    import tzdata

    folder = os.path.dirname(tzdata.__file__)
    with open(f"{folder}/zones", encoding="utf-8") as names:
        zones = dict.fromkeys(names.read().split())
    for name in zones:
        with open(f"{folder}/zoneinfo/{name}", "rb") as zone:
            zones[name] = zone.read()

    def load_tzdata(key):
        try:
            return io.BytesIO(zones[key])
        except KeyError:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}") from None

    zoneinfo._common.load_tzdata = load_tzdata
    zoneinfo.available_timezones = lambda: set(zones)
    del sys.modules["tzdata"]


def reset():
    """Renews what the snapshot froze. Called in every guest, before any code of the script.

    `uuid`, `secrets` and `os.urandom` ask the host every time; `tempfile` and `uuid1` draw on first use, which is never
    here; the secret of `hash(str)` is the interpreter's and stays.
    """
    random.seed()
    logging._startTime = time.time_ns()  # start of `relativeCreated`
    os.environ.clear()


def _forget_the_build():
    """Removes information about folders that a guest does not have."""
    os.environ.clear()  # also unsets them for the C library
    sys.argv = [""]
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.dont_write_bytecode = True


gc.collect()
_carried = _Carried()
_carry_standard_library(_carried)
for _name in USUAL:
    importlib.import_module(_name)
_carry_time_zones()
_carry_packages(_carried)


class WitWorld(wit_world.WitWorld):
    def run(self):
        reset()
        entrypoint.main()


_forget_the_build()
gc.collect()
entrypoint.accelerator.trim()
gc.freeze()
