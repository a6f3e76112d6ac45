# `meta`: what the script gets of a record besides its payload, and what it sets there.

UNSET = object()


def header_pairs(headers):
    """Returns headers as a list of (name, bytes | None), from a dict (a list value repeats the name) or pairs."""
    if headers is None:
        return []
    pairs = headers.items() if isinstance(headers, dict) else headers
    flat = []
    for name, value in pairs:
        if not isinstance(name, str):
            raise TypeError(f"the name of a header must be str, not {type(name).__name__}")
        for one in value if isinstance(value, list) else [value]:
            if not (one is None or isinstance(one, (str, bytes))):
                raise TypeError(f"header {name!r} must be str, bytes or None, not {type(one).__name__}")
            flat.append((plain_text(name), as_key(one)))
    return flat


def plain_text(text):
    """Returns an exact `str` that is valid in UTF-8: marshal accepts no subclass, and Kafka no lone surrogate."""
    return text.encode().decode()


def as_key(key):
    if key is None:
        return None
    if isinstance(key, bytes):
        return bytes(key)
    if isinstance(key, str):
        return key.encode()
    raise TypeError(f"the key must be str, bytes or None, not {type(key).__name__}")


def as_topic(topic):
    if topic is None:
        return None
    if isinstance(topic, str):
        return plain_text(topic)
    raise TypeError(f"the topic must be str, not {type(topic).__name__}")


def as_timestamp(timestamp):
    if timestamp is None:
        return None
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
        if not -(2**63) <= timestamp < 2**63:
            raise ValueError(f"the timestamp {timestamp} is beyond what milliseconds since 1970 can be")
        return int(timestamp)
    raise TypeError(f"the timestamp must be milliseconds, not {type(timestamp).__name__}")


def as_value(key):
    return TYPED.plain(key)


def as_schema(schema):
    if schema is None or isinstance(schema, str):
        return schema and plain_text(schema)
    raise TypeError(f"the schema must be the name of a subject, not {type(schema).__name__}")


CHECKS = {"key": as_key, "topic": as_topic, "headers": header_pairs, "timestamp": as_timestamp, "schema": as_schema}


KEYS_READ = False  # whether the host sends keys as values, and not as bytes


def use_keys(options):
    """Prepares for keys that have a format."""
    global KEYS_READ
    KEYS_READ = options.get("keys_read", False)
    if options.get("keys_written"):
        CHECKS["key"] = as_value


def new_meta(fields):
    """Returns the `meta` of one message: text where bytes are UTF-8, repeated headers as a list."""
    key, topic, partition, offset, timestamp, pairs, tombstone = fields
    return {
        "key": key if KEYS_READ else as_text(key),
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "headers": headers_of(pairs) if pairs else {},
        "tombstone": tombstone,
    }


def headers_of(pairs):
    headers = {}
    for name, value in pairs:
        value = as_text(value)
        if name not in headers:
            headers[name] = value
        elif isinstance(headers[name], list):
            headers[name].append(value)
        else:
            headers[name] = [headers[name], value]
    return headers


def headed(meta, given):
    """Returns `meta` for the next stage, a dict of its own, with the attributes in `given`."""
    meta = {**meta, **given}
    if "headers" in meta:
        meta["headers"] = headers_of(header_pairs(meta["headers"]))
    return meta


def as_text(value):
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def settable(meta):
    """Returns what a script can set in `meta`, in the order of `CHECKS`."""
    return meta.get("key"), meta.get("topic"), meta.get("headers"), meta.get("timestamp"), meta.get("schema")


def as_it_came(meta):
    """Returns what a script can set in `meta`, for a comparison after the script has run."""
    key, topic, headers, timestamp, schema = settable(meta)
    key = copied(key)
    if headers is not None:
        headers = {name: item[:] if type(item) is list else item for name, item in headers.items()} if headers else {}
    return key, topic, headers, timestamp, schema


def copied(value):
    """Returns a copy of a value that a script can change in place."""
    kind = type(value)
    if kind is dict:
        return {name: copied(item) for name, item in value.items()}
    return [*map(copied, value)] if kind is list else value


def same(old, new):
    """Returns whether two values are written in the same way: 1, 1.0 and True are equal, but not the same."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind is dict:
        return [*old] == [*new] and all(map(same, old.values(), new.values()))
    if kind is list:
        return len(old) == len(new) and all(map(same, old, new))
    return repr(old) == repr(new) if kind is float else old == new


def changed(before, meta):
    """Returns what a script set in `meta`, checked; a name that it deleted counts as set to None."""
    now = settable(meta)
    if now == before and (not KEYS_READ or same(before[0], now[0])):
        return {}
    if not isinstance(meta.get("headers"), (dict, list, type(None))):
        raise TypeError(f'meta["headers"] must be a dict, not {type(meta["headers"]).__name__}')
    both = zip(CHECKS.items(), before, now, strict=True)
    equal = same if KEYS_READ else lambda old, new: old == new
    return {name: check(new) for (name, check), old, new in both if not equal(old, new)}


def chosen(overrides):
    """Returns `overrides` for the host. It follows no reference to a container, so no container may occur twice."""
    return [
        (name, [(*pair,) for pair in item] if name == "headers" else item)
        for name, item in overrides.items()
    ] or None
