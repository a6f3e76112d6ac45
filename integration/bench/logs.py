"""Lines of logs in three forms. None of them is JSON, though some begin as a JSON number does."""

from random import Random

from shapes import NUMBER, as_template

USERS = ["-", "ada", "grace", "zoë"]
PATHS = ["/", "/orders", "/orders/A-18", "/static/app.css", "/search?q=M%C3%BCller"]
AGENTS = ["curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"]


def logs(draw: Random, how_many: int) -> list[bytes]:
    """Returns templates of lines: most of a web server, others of a service and of a system log."""
    forms = draw.choices([_access, _service, _system], [6, 3, 1], k=how_many)
    return [as_template(form(draw)) for form in forms]


def _access(draw: Random) -> str:
    status, size = draw.choice([200, 200, 304, 404, 500]), draw.choice(["-", str(draw.randrange(100_000))])
    return (
        f"{_address(draw)} - {draw.choice(USERS)} [28/Nov/2026:{_time(draw)} +0000] "
        f'"{draw.choice(["GET", "POST"])} {draw.choice(PATHS)} HTTP/1.1" {status} {size} '
        f'"-" "{draw.choice(AGENTS)}" {NUMBER}'
    )


def _service(draw: Random) -> str:
    facts = [
        f"user={draw.choice(USERS)}",
        f"took={draw.randrange(900)}ms",
        f"attempt={draw.randrange(1, 4)}",
        f'reason="{draw.choice(["card declined", "no route", "all well"])}"',
    ]
    facts = [*draw.sample(facts, draw.randrange(2, 5)), f"request={NUMBER}"]
    draw.shuffle(facts)
    level, part = draw.choice(["INFO", "WARN", "ERROR"]), draw.choice(["payments", "stock", "mail"])
    return f"2026-11-28T{_time(draw)}.{draw.randrange(1000):03}Z {level} [{part}] {' '.join(facts)}"


def _system(draw: Random) -> str:
    return (
        f"Nov 28 {_time(draw)} web{draw.randrange(9)} sshd[{NUMBER}]: "
        f"Accepted publickey for deploy from {_address(draw)} port {draw.randrange(1024, 65536)}"
    )


def _address(draw: Random) -> str:
    return f"203.0.113.{draw.randrange(256)}"


def _time(draw: Random) -> str:
    return f"{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}"
