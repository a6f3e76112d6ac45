# Long loops in C, whose results must be what they are outside of the sandbox. Sets `root`.
import base64, binascii, decimal, difflib, fractions, hashlib, heapq, hmac, json, math, pickle, random, re
import statistics, string, struct, textwrap, unicodedata, zlib

draw = random.Random(20261125)
checks = {}


def check(name, value):
    checks[name] = hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()[:16]


words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(1, 9))) for _ in range(4000)]
text = " ".join(words)
data = text.encode() + bytes(draw.choices(range(256), k=20000))
for level in (0, 1, 6, 9):
    for wbits in (15, -15, 31):
        squeeze = zlib.compressobj(level, wbits=wbits)
        packed = squeeze.compress(data) + squeeze.flush()
        check(f"zlib {level} {wbits}", zlib.decompress(packed, wbits))
check("zlib short", [zlib.decompress(zlib.compress(data[:size])) == data[:size] for size in range(0, 3000, 37)])
for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
    check(name, hashlib.new(name, data).hexdigest())
check("hmac", [hmac.digest(b"key", data[:size], "sha256") for size in range(0, 2000, 111)])
check("crc", [zlib.crc32(data), zlib.adler32(data), binascii.crc_hqx(data, 0)])
check("base64", [base64.b64decode(base64.b64encode(data)), base64.b85encode(data), binascii.hexlify(data)])
check("sorted", sorted(words, key=lambda word: (len(word), word[::-1])))
check("heap", heapq.nsmallest(500, words))
check("re", re.findall(r"(\w)(?:\w*)\1\b", text))
check("big", [3**4000 % 10**300, math.factorial(700), math.isqrt(7**900), math.comb(900, 400), int(str(7**2500)) // 3**99])
# Nothing of libm here: its last digit differs between machines.
check("floats", [math.fsum(draw.random() for _ in range(3000)), math.hypot(*(draw.random() for _ in range(9)))])
check("text of floats", [repr(float) for float in struct.unpack("<1500d", draw.randbytes(12000))])
with decimal.localcontext() as context:
    context.prec = 400
    check("decimal", [decimal.Decimal(2).sqrt(), decimal.Decimal(3).ln(), decimal.Decimal("1.1") ** 999])
check("fractions", sum((fractions.Fraction(1, n) for n in range(1, 300)), fractions.Fraction(0)))
check("json", json.loads(json.dumps([words, {word: len(word) for word in words}])))
check("pickle", pickle.loads(pickle.dumps([words, data])) == [words, data])
check("struct", struct.unpack("<1000I", struct.pack("<1000I", *(draw.getrandbits(32) for _ in range(1000)))))
check("unicode", unicodedata.normalize("NFKD", "".join(map(chr, range(192, 1000)))).casefold().encode())
check("codecs", [text.encode("utf-16"), text.encode("utf-32").decode("utf-32")])
check("text", [textwrap.wrap(text, 70), text.replace("a", "bb").count("bbb"), text.title().translate({97: None})])
check("difflib", difflib.SequenceMatcher(None, words[:300], words[5:290]).ratio())
check("statistics", [statistics.fmean(map(len, words)), statistics.quantiles(map(len, words), n=50)])
root = checks
