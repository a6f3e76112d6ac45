/* Objects from the marshal format, version 4, in the subset that the host writes: see src/codec.
 *
 * Only keys of documents are marked for references, so the table of references holds nothing else. Keys are kept from
 * one request to the next, since most requests have the same: a small cache by the hash of their text. */

#include "accelerator.h"

enum {
    MAX_DEPTH = 1000, /* the host stops at 900 levels of a document */
    MAX_KEYS = 2048,
    CACHED = 512,
    FLAG_REF = 0x80,
};

/* A key of the current frame, and how many members the last object had that began with it. */
typedef struct {
    PyObject *text;
    uint32_t members;
} Key;

static Key keys[MAX_KEYS];
static uint32_t known;
static PyObject *cache[CACHED];

static PyObject *invalid(const char *what) {
    PyErr_SetString(PyExc_ValueError, what);
    return NULL;
}

static PyObject *truncated(void) { return invalid("the frame ends within an object"); }

static inline bool has(const Input *input, size_t size) { return (size_t)(input->end - input->at) >= size; }

static inline uint32_t take_u32(Input *input) {
    uint32_t value;
    __builtin_memcpy(&value, input->at, 4);
    input->at += 4;
    return value;
}

/* Takes a length, and checks that at least so many bytes follow: each object has one or more. */
static inline bool take_length(Input *input, uint32_t *length) {
    if (!has(input, 4)) return false;
    *length = take_u32(input);
    return has(input, *length);
}

static inline PyObject *ascii(Input *input, uint32_t length) {
    PyObject *text = PyUnicode_New(length, 127);
    if (text) copy_short((uint8_t *)ascii_text(text), input->at, length);
    input->at += length;
    return text;
}

/* Returns a key that the cache has, or puts it there. */
static PyObject *cached_key(Input *input, uint32_t length) {
    uint32_t hash = 2166136261u;
    for (uint32_t index = 0; index < length; index++) hash = (hash ^ input->at[index]) * 16777619u;
    PyObject **slot = &cache[(hash ^ hash >> 16) % CACHED];
    if (*slot && ((PyASCIIObject *)*slot)->length == (Py_ssize_t)length &&
        !__builtin_memcmp(ascii_text(*slot), input->at, length)) {
        input->at += length;
        return Py_NewRef(*slot);
    }
    PyObject *text = ascii(input, length);
    if (!text || PyObject_Hash(text) == -1) return NULL;
    if (*slot) Py_DECREF(*slot);
    *slot = Py_NewRef(text);
    return text;
}

static PyObject *whole_number(Input *input) {
    if (!has(input, 4)) return truncated();
    int32_t count = (int32_t)take_u32(input);
    uint32_t size = count < 0 ? -(uint32_t)count : (uint32_t)count;
    if (size > 40000 || !has(input, 2 * size)) return truncated();
    if (size <= 4) { /* 60 bits: most numbers, such as a timestamp */
        long long value = 0;
        for (uint32_t index = size; index-- > 0;) value = value << 15 | (input->at[2 * index] | input->at[2 * index + 1] << 8);
        input->at += 2 * size;
        return PyLong_FromLongLong(count < 0 ? -value : value);
    }
    /* Digits of 15 bits become bytes, with one more for the sign. */
    size_t length = (15 * size + 7) / 8 + 1;
    uint8_t few[64], *bytes = length <= sizeof few ? few : malloc(length);
    if (!bytes) return PyErr_NoMemory();
    uint32_t pending = 0, bits = 0;
    size_t written = 0;
    for (uint32_t index = 0; index < size; index++) {
        pending |= (uint32_t)(input->at[2 * index] | input->at[2 * index + 1] << 8) << bits;
        for (bits += 15; bits >= 8; bits -= 8, pending >>= 8) bytes[written++] = (uint8_t)pending;
    }
    if (bits) bytes[written++] = (uint8_t)pending;
    while (written < length) bytes[written++] = 0;
    input->at += 2 * size;
    if (count < 0) {
        uint32_t carry = 1;
        for (size_t index = 0; index < length; index++) {
            carry += (uint8_t)~bytes[index];
            bytes[index] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    PyObject *number = _PyLong_FromByteArray(bytes, length, 1, 1);
    if (bytes != few) free(bytes);
    return number;
}

static PyObject *value(Input *input, int depth);

static PyObject *list(Input *input, int depth) {
    uint32_t length;
    if (!take_length(input, &length)) return truncated();
    PyObject *list = PyList_New(length);
    if (!list) return NULL;
    for (uint32_t index = 0; index < length; index++) {
        PyObject *item = value(input, depth);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        ((PyListObject *)list)->items[index] = item;
    }
    return list;
}

static PyObject *tuple(Input *input, uint32_t length, int depth) {
    PyObject *tuple = PyTuple_New(length);
    if (!tuple) return NULL;
    for (uint32_t index = 0; index < length; index++) {
        PyObject *item = value(input, depth);
        if (!item || PyTuple_SetItem(tuple, index, item) < 0) {
            Py_DECREF(tuple);
            return NULL;
        }
    }
    return tuple;
}

/* `make(kind, content)` of typed values, if there are such. */
static PyObject *make;

void load_typed_by(PyObject *function) { make = function; }

/* Why an object could not be made, since the last call of `load_failure`. The rest of the frame is loaded nevertheless: the
 * next message begins behind it. */
static PyObject *failure;

/* Returns a new reference, or NULL if all objects were made. */
PyObject *load_failure(void) {
    PyObject *found = failure;
    failure = NULL;
    return found;
}

/* Loads the rest of a tuple (..., kind, content), which stands for an object of a type that marshal does not have. */
static PyObject *typed(Input *input, int depth) {
    input->at++;
    PyObject *kind = value(input, depth);
    PyObject *content = kind ? value(input, depth) : NULL;
    PyObject *arguments[] = {kind, content};
    PyObject *object = content ? PyObject_Vectorcall(make, arguments, 2, NULL) : NULL;
    if (content && !object && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyObject *raised = PyErr_GetRaisedException();
        if (failure)
            Py_DECREF(raised);
        else
            failure = raised;
        object = Py_None;
    }
    if (kind) Py_DECREF(kind);
    if (content) Py_DECREF(content);
    return object;
}

static PyObject *dict(Input *input, int depth) {
    PyObject *dict = NULL;
    uint32_t first = MAX_KEYS, members = 0;
    for (;; members++) {
        if (!has(input, 1)) goto truncated;
        uint8_t code = *input->at++;
        if (code == '0') break;
        PyObject *key, *own = NULL;
        uint32_t index = MAX_KEYS;
        if (code == 'r') {
            if (!has(input, 4)) goto truncated;
            index = take_u32(input);
            if (index >= known) {
                invalid("a reference to nothing");
                goto failed;
            }
            key = keys[index].text;
        } else if (code == ('z' | FLAG_REF) || code == ('u' | FLAG_REF)) {
            uint32_t length;
            if (code == ('u' | FLAG_REF)) {
                if (!take_length(input, &length)) goto truncated;
                key = PyUnicode_DecodeUTF8((const char *)input->at, length, NULL);
                input->at += length;
                if (key && PyObject_Hash(key) == -1) key = NULL;
            } else {
                if (!has(input, 1) || !has(input, 1 + (length = *input->at))) goto truncated;
                input->at++;
                key = cached_key(input, length);
            }
            if (!key) goto failed;
            if (known == MAX_KEYS) {
                invalid("too many references");
                Py_DECREF(key);
                goto failed;
            }
            index = known++;
            keys[index] = (Key){key, 0};
        } else {
            input->at--;
            key = own = value(input, depth);
            if (!key) goto failed;
        }
        if (!dict) {
            first = index;
            dict = _PyDict_NewPresized(first < MAX_KEYS ? keys[first].members : 0);
        }
        PyObject *item = dict ? value(input, depth) : NULL;
        int failed = !item || (own ? PyDict_SetItem(dict, own, item)
                                   : _PyDict_SetItem_KnownHash(dict, key, item, ((PyASCIIObject *)key)->hash)) < 0;
        if (item) Py_DECREF(item);
        if (own) Py_DECREF(own);
        if (failed) goto failed;
    }
    if (first < MAX_KEYS) keys[first].members = members;
    return dict ? dict : _PyDict_NewPresized(0);
truncated:
    truncated();
failed:
    if (dict) Py_DECREF(dict);
    return NULL;
}

static PyObject *value(Input *input, int depth) {
    uint32_t length;
    if (!has(input, 1)) return truncated();
    if (depth == 0) return invalid("the frame is nested too deeply");
    uint8_t code = *input->at++;
    switch (code) {
    case 'N':
        return Py_None;
    case 'T':
        return Py_True;
    case 'F':
        return Py_False;
    case 'i':
        if (!has(input, 4)) return truncated();
        return PyLong_FromLong((int32_t)take_u32(input));
    case 'g': {
        double number;
        if (!has(input, 8)) return truncated();
        __builtin_memcpy(&number, input->at, 8);
        input->at += 8;
        return PyFloat_FromDouble(number);
    }
    case 'z':
        if (!has(input, 1)) return truncated();
        length = *input->at++;
        return has(input, length) ? ascii(input, length) : truncated();
    case 'a':
        return take_length(input, &length) ? ascii(input, length) : truncated();
    case 'u': {
        if (!take_length(input, &length)) return truncated();
        const char *text = (const char *)input->at;
        input->at += length;
        return PyUnicode_DecodeUTF8(text, length, NULL);
    }
    case '{':
        return dict(input, depth - 1);
    case '[':
        return list(input, depth - 1);
    case ')':
        if (!has(input, 1)) return truncated();
        length = *input->at++;
        if (make && length == 3 && has(input, 1) && *input->at == '.') return typed(input, depth - 1);
        return tuple(input, length, depth - 1);
    case '(':
        return take_length(input, &length) ? tuple(input, length, depth - 1) : truncated();
    case 'l':
        return whole_number(input);
    case 's': {
        if (!take_length(input, &length)) return truncated();
        const char *bytes = (const char *)input->at;
        input->at += length;
        return PyBytes_FromStringAndSize(bytes, length);
    }
    default:
        return invalid("an object of no known kind");
    }
}

PyObject *load_value(Input *input) { return value(input, MAX_DEPTH); }

void load_forget_keys(void) {
    while (known) Py_DECREF(keys[--known].text);
}
