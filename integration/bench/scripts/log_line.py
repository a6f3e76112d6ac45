import re

if line := re.match(r'(\S+) \S+ (\S+) \[([^\]]+)\] "(\w+) (\S+) [^"]*" (\d{3}) (\d+|-)', this):
    address, user, at, method, path, status, size = line.groups()
    root = {
        "at": at,
        "address": address,
        "user": None if user == "-" else user,
        "request": f"{method} {path}",
        "status": int(status),
        "bytes": 0 if size == "-" else int(size),
    }
elif line := re.match(r"(\S+Z) (\w+) \[(\w+)\]", this):
    facts = {name: text or word for name, text, word in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', this)}
    root = {"at": line[1], "level": line[2], "part": line[3], "facts": facts}
else:
    root = {"text": this}
