/* The output: objects in the marshal format, version 4, which the host reads (src/codec).
 *
 * Only keys of dicts become references: whether another object occurs twice is not looked up, which is what costs most
 * in CPython's own `marshal.dumps`. An object that refers to one container often, or to itself, may so become larger
 * than it has to be: what exceeds a limit is refused, and so is everything of an unusual kind. */

#include "accelerator.h"

enum {
    MAX_DEPTH = 200,
    KEPT = 1 << 20, /* bytes of the buffer that stay allocated */
    SLOTS = 2048,
    MAX_KEYS = SLOTS / 2,
    FLAG_REF = 0x80,
};

static struct {
    PyObject *text;
    uint32_t index;
} keys[SLOTS];
static uint16_t used[MAX_KEYS]; /* slots, so that only these are cleared */
static uint32_t known;

static uint8_t *buffer;
static size_t length, capacity;
static size_t limit; /* length that the object being written may not exceed */

/* Makes room for `size` more bytes. */
static bool reserve(size_t size) {
    if (length + size > limit) return false;
    if (size <= capacity - length) return true;
    size_t wanted = (length + size) + (length + size) / 2;
    uint8_t *larger = realloc(buffer, wanted);
    if (!larger) return false;
    buffer = larger;
    capacity = wanted;
    return true;
}

static inline void put_byte(uint8_t byte) { buffer[length++] = byte; }

static inline void put_u32(uint32_t value) {
    __builtin_memcpy(buffer + length, &value, 4);
    length += 4;
}

static inline void put_bytes(const void *bytes, size_t size) {
    copy_short(buffer + length, bytes, size);
    length += size;
}

static bool put_text(PyObject *text, uint8_t flag) {
    if (is_ascii(text)) {
        size_t size = ((PyASCIIObject *)text)->length;
        if (!reserve(size + 5)) return false;
        if (size < 256) {
            put_byte('z' | flag);
            put_byte((uint8_t)size);
        } else {
            put_byte('a' | flag);
            put_u32(size);
        }
        put_bytes(ascii_text(text), size);
        return true;
    }
    Py_ssize_t size;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (!utf8) {
        PyErr_Clear(); /* a lone surrogate */
        return false;
    }
    if (!reserve(size + 5)) return false;
    put_byte('u' | flag);
    put_u32(size);
    put_bytes(utf8, size);
    return true;
}

/* Writes a key, or a reference to it. Equal keys are usually one object; two are two keys. */
static bool put_key(PyObject *key) {
    uint32_t slot = ((uint32_t)(uintptr_t)key >> 3) * 2654435761u >> 21;
    while (keys[slot].text && keys[slot].text != key) slot = (slot + 1) % SLOTS;
    if (keys[slot].text) {
        if (!reserve(5)) return false;
        put_byte('r');
        put_u32(keys[slot].index);
        return true;
    }
    if (known == MAX_KEYS) return put_text(key, 0);
    keys[slot].text = Py_NewRef(key);
    keys[slot].index = known;
    used[known++] = (uint16_t)slot;
    return put_text(key, FLAG_REF);
}

static bool put_number(PyLongObject *number) {
    uint32_t digits = digits_of(number);
    if (digits > 10000 || !reserve(5 + 4 * digits)) return false;
    if (digits <= 1 || (digits == 2 && number->digits[1] < 2)) {
        uint32_t value = digits ? number->digits[0] : 0;
        if (digits == 2) value |= number->digits[1] << 30;
        put_byte('i');
        put_u32(sign_of(number) == NEGATIVE ? -value : value);
        return true;
    }
    /* The format has digits of 15 bits. */
    uint32_t halves = 2 * digits - (number->digits[digits - 1] >> 15 == 0);
    put_byte('l');
    put_u32(sign_of(number) == NEGATIVE ? -halves : halves);
    for (uint32_t half = 0; half < halves; half++) {
        uint32_t value = number->digits[half / 2] >> (half % 2 * 15) & 0x7fff;
        put_byte((uint8_t)value);
        put_byte((uint8_t)(value >> 8));
    }
    return true;
}

/* Returns whether Python's `json` takes an instance of `type` for a number, a list or a tuple, and calls none of its own
 * methods: it reads lists and tuples by their iterators, which must be those of `base`. (A subclass of `str` is laid out in
 * another way than `str`, and one of `dict` may have another `items`.) */
static bool is_a(PyTypeObject *type, unsigned long flag, PyTypeObject *base) {
    if (type == base) return true;
    if (!(PyType_GetFlags(type) & flag)) return false;
    return !base || PyType_GetSlot(type, Py_tp_iter) == PyType_GetSlot(base, Py_tp_iter);
}

/* `describe(object)` of typed values, if there are such: a tuple, or None. */
static PyObject *describe;

void output_typed_by(PyObject *function) { describe = function; }

static bool put(PyObject *object, int depth);

/* Writes the tuple that stands for an object of a type that marshal does not have. */
static bool put_typed(PyObject *object, int depth) {
    PyObject *form = describe ? PyObject_Vectorcall(describe, &object, 1, NULL) : NULL;
    /* An object that cannot be described is an error in the entrypoint's words. */
    if (!form) PyErr_Clear();
    bool written = form && form != Py_None && put(form, depth);
    if (form) Py_DECREF(form);
    return written;
}

/* Writes an object. Returns false for one that is left to CPython's own function. */
static bool put(PyObject *object, int depth) {
    PyTypeObject *type = object->ob_type;
    if (type == &PyUnicode_Type) return put_text(object, 0);
    if (type == &PyLong_Type) return put_number((PyLongObject *)object);
    if (type == &PyFloat_Type) {
        if (!reserve(9)) return false;
        put_byte('g');
        __builtin_memcpy(buffer + length, &((PyFloatObject *)object)->value, 8);
        length += 8;
        return true;
    }
    if (object == Py_None || object == Py_True || object == Py_False) {
        if (!reserve(1)) return false;
        put_byte(object == Py_None ? 'N' : object == Py_True ? 'T' : 'F');
        return true;
    }
    if (object == Py_Ellipsis && describe) {
        if (!reserve(1)) return false;
        put_byte('.');
        return true;
    }
    if (depth == 0) return false;
    if (type == &PyDict_Type) {
        Py_ssize_t position = 0;
        PyObject *key, *item;
        if (!reserve(1)) return false;
        put_byte('{');
        while (PyDict_Next(object, &position, &key, &item)) {
            bool written = is_exactly(key, &PyUnicode_Type) ? put_key(key) : put(key, depth - 1);
            if (!written || !put(item, depth - 1)) return false;
        }
        if (!reserve(1)) return false;
        put_byte('0');
        return true;
    }
    if (is_a(type, LIST_SUBCLASS, &PyList_Type)) {
        PyListObject *list = (PyListObject *)object;
        if (!reserve(5)) return false;
        put_byte('[');
        put_u32(list->head.size);
        for (Py_ssize_t index = 0; index < list->head.size; index++)
            if (!put(list->items[index], depth - 1)) return false;
        return true;
    }
    if (is_a(type, TUPLE_SUBCLASS, &PyTuple_Type)) {
        Py_ssize_t size = ((PyVarObject *)object)->size;
        if (!reserve(5)) return false;
        if (size < 256) {
            put_byte(')');
            put_byte(size);
        } else {
            put_byte('(');
            put_u32(size);
        }
        for (Py_ssize_t index = 0; index < size; index++)
            if (!put(PyTuple_GetItem(object, index), depth - 1)) return false;
        return true;
    }
    if (type == &PyBytes_Type) {
        PyBytesObject *bytes = (PyBytesObject *)object;
        if (!reserve(5 + bytes->head.size)) return false;
        put_byte('s');
        put_u32(bytes->head.size);
        put_bytes(bytes->text, bytes->head.size);
        return true;
    }
    if (is_a(type, LONG_SUBCLASS, NULL)) return put_number((PyLongObject *)object);
    return put_typed(object, depth - 1);
}

/* Forgets the keys from index `kept` on. */
static void forget_keys(uint32_t kept) {
    while (known > kept) {
        uint32_t slot = used[--known];
        Py_DECREF(keys[slot].text);
        keys[slot].text = NULL;
    }
}

/* Begins an output, and leaves room for its head. */
bool output_begin(size_t head) {
    forget_keys(0);
    length = 0;
    limit = SIZE_MAX / 4;
    if (!reserve(head)) return false;
    length = head;
    return true;
}

size_t output_length(void) { return length; }

uint32_t output_keys(void) { return known; }

/* Takes back what was written after these lengths. */
void output_truncate(size_t end, uint32_t keys) {
    length = end;
    forget_keys(keys);
}

/* Writes an object of at most `most` bytes, or returns false and writes nothing. */
bool output_put(PyObject *object, size_t most) {
    size_t start = length;
    uint32_t first = known;
    limit = length + most;
    if (put(object, MAX_DEPTH)) return true;
    output_truncate(start, first);
    return false;
}

/* Writes a code and a number. */
bool output_counted(uint8_t code, uint32_t count) {
    limit = length + 5;
    if (!reserve(5)) return false;
    put_byte(code);
    put_u32(count);
    return true;
}

/* Changes the number that was written at `start`. */
void output_count(size_t start, uint32_t count) { __builtin_memcpy(buffer + start + 1, &count, 4); }

/* Writes a code. */
bool output_code(uint8_t code) {
    limit = length + 1;
    if (!reserve(1)) return false;
    put_byte(code);
    return true;
}

/* Returns the output as bytes, with `head` in front. */
PyObject *output_take(const uint8_t *head, size_t size) {
    __builtin_memcpy(buffer, head, size);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)buffer, length);
    forget_keys(0);
    if (capacity > KEPT) {
        free(buffer);
        buffer = NULL;
        capacity = 0;
    }
    return bytes;
}
