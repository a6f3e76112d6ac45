/* One request at a time: an iterator that loads its messages, one when it is needed, and functions that take the
 * answers, each of which is written at once. So no batch of documents is alive, and no script can reach the others'.
 *
 * The request is not marshal but a head (id and count, 32 bits each, and a byte that says whether metas follow) and then
 * for each message its meta, if there are such, and its value; code 'J' is a text that json.loads reads. The response is
 * the one of docs/protocol.md. */

#include "accelerator.h"

/* Most bytes of a result that is written here; what is larger is left to CPython's `marshal`. */
enum { LARGEST = 16 << 20, ANY = 1 << 30 };

typedef struct {
    size_t end;       /* of the answer, in the output */
    uint32_t keys;    /* known to the output then */
    uint32_t dropped; /* answers until then that leave nothing */
} Answer;

static struct {
    PyObject *frame;
    Input input;
    uint32_t id, count, until, taken, answered, dropped;
    bool has_metas, pending, full;
    size_t most;
    PyObject *meta, *extras; /* `meta`: what the script's is made of, as the host sent it */
    uint32_t outputs;        /* of the current message, in the output already */
    Answer *answers;
    uint32_t capacity;
} request;

/* What the entrypoint gives: constants, and functions for what is rare. */
static PyObject *null, *tombstone, *parse, *convert, *explain, *unusual, *attributes, *emit_with, *make, *describe, *copy_key;

/* Everything of the response before the first answer; 'i' is a number of 32 bits. */
typedef struct __attribute__((packed)) {
    uint8_t status, size[4]; /* big-endian */
    uint8_t body;
    uint32_t fields;
    uint8_t account;
    uint32_t parts;
    uint8_t text[9], id_code;
    uint32_t id;
    uint8_t count_code;
    uint32_t count;
    uint8_t answered_code;
    uint32_t answered;
    uint8_t dropped_code;
    uint32_t dropped;
    uint8_t results;
    uint32_t results_count;
} Head;

enum { HEAD = sizeof(Head), STATUS = 5 };

static PyObject *call(PyObject *function, PyObject *first, PyObject *second) {
    PyObject *arguments[] = {first, second};
    return PyObject_Vectorcall(function, arguments, second ? 2 : 1, NULL);
}

/* configure(null, tombstone, parse, convert, explain, unusual, attributes, emit_with, make, describe, copy_key,
 * any_key): what a guest's pipeline needs. `make` and `describe` are None if no format has typed values, `copy_key` if keys
 * are bytes. `any_key` is True if a script may set the key to any value. */
PyObject *stream_configure(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    PyObject **given[] = {&null, &tombstone, &parse, &convert, &explain, &unusual, &attributes, &emit_with, &make, &describe, &copy_key};
    if (count != 12 || request.frame) return misuse();
    for (int index = 0; index < 11; index++) {
        Py_CLEAR(given[index]);
        *given[index] = Py_NewRef(arguments[index]);
    }
    load_typed_by(make == Py_None ? NULL : make);
    output_typed_by(describe == Py_None ? NULL : describe);
    meta_keys(copy_key == Py_None ? NULL : copy_key, arguments[11] == Py_True);
    return Py_None;
}

/* begin(frame, most): takes a request; answers may take `most` bytes. Returns the number of messages. */
PyObject *stream_begin(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2 || request.frame || !is_exactly(arguments[0], &PyBytes_Type)) return misuse();
    PyBytesObject *bytes = (PyBytesObject *)arguments[0];
    const uint8_t *start = (const uint8_t *)bytes->text;
    if (bytes->head.size < 9) return misuse();
    request.frame = Py_NewRef(arguments[0]);
    request.input = (Input){start + 9, start + bytes->head.size};
    __builtin_memcpy(&request.id, start, 4);
    __builtin_memcpy(&request.count, start + 4, 4);
    request.has_metas = start[8];
    request.most = PyLong_AsLong(arguments[1]);
    request.until = request.count;
    request.taken = request.answered = request.dropped = 0;
    request.pending = request.full = false;
    request.outputs = 0;
    request.extras = PyList_New(0);
    if (request.capacity < request.count) {
        free(request.answers);
        request.answers = malloc(request.count * sizeof(Answer));
        request.capacity = request.answers ? request.count : 0;
    }
    if (!request.extras || !request.answers || !output_begin(HEAD)) return PyErr_NoMemory();
    return PyLong_FromLong(request.count);
}

/* until(number): the iterator ends after so many messages of the request. */
PyObject *stream_until(PyObject *module, PyObject *number) {
    request.until = PyLong_AsLong(number);
    return Py_None;
}

/* Takes back what was written of the current message. */
static void take_back(void) {
    Answer *last = request.answered ? &request.answers[request.answered - 1] : NULL;
    output_truncate(last ? last->end : HEAD, last ? last->keys : 0);
    request.outputs = 0;
}

static bool is_too_large(void) { return output_length() - STATUS > request.most; }

/* Notes that the answer of the current message ends here. If it does not fit, it is taken back, and the iterator ends:
 * the host asks again for what is left. */
static void answered(bool dropped) {
    if (is_too_large() && request.answered) {
        take_back();
        request.full = true;
    } else {
        request.dropped += dropped;
        request.answers[request.answered++] = (Answer){output_length(), output_keys(), request.dropped};
    }
    request.pending = false;
    request.outputs = 0;
    meta_forget();
}

/* Answers the current message with a code. */
static bool answered_by(uint8_t code, bool dropped) {
    if (!output_code(code)) {
        PyErr_NoMemory();
        return false;
    }
    answered(dropped);
    return true;
}

/* Answers the current message with an extra, which is made by `function(index, value)`. */
static bool answer_extra(PyObject *function, PyObject *value) {
    PyObject *index = PyLong_FromLong(request.answered);
    PyObject *extra = index ? call(function, index, value) : NULL;
    if (index) Py_DECREF(index);
    bool added = extra && PyList_Append(request.extras, extra) == 0;
    if (extra) Py_DECREF(extra);
    if (!added) return false;
    take_back();
    return answered_by('N', false);
}

/* The current message fails with the exception that was raised. */
static bool fail_with_raised(void) {
    PyObject *error = PyErr_GetRaisedException();
    bool told = error && answer_extra(explain, error);
    if (error) Py_DECREF(error);
    return told;
}

/* The host asks again for the current message, with the whole document. */
static bool want_whole(void) {
    take_back();
    request.full = true;
    return answered_by('W', false);
}

/* What became of one output. */
typedef enum { FAILED, WRITTEN, WANTS_WHOLE } Written;

/* Writes a value, or, after a code, what `unusual(value)` makes of it: (form, bytes), where form 0 is marshal, 1 is JSON,
 * and 2 a tombstone. */
static Written put_value(PyObject *value) {
    if (part_has(value)) return part_put(value, LARGEST) ? WRITTEN : WANTS_WHOLE;
    if (value != null && value != tombstone && value != Py_None && output_put(value, LARGEST)) return WRITTEN;
    PyObject *made = call(unusual, value, NULL);
    bool written = made && output_code('X') && output_put(made, ANY);
    if (made) Py_DECREF(made);
    return written ? WRITTEN : FAILED;
}

/* Writes one of the current message's outputs, with the attributes that were chosen for it: None or a list. */
static Written put_output(PyObject *value, PyObject *chosen) {
    size_t start = output_length();
    uint32_t keys = output_keys();
    Written written = request.outputs || output_counted('E', 0) ? put_value(value) : FAILED;
    if (written == WRITTEN && !output_put(chosen, ANY)) written = FAILED;
    if (written == WRITTEN) request.outputs++;
    if (written == FAILED) {
        output_truncate(start, keys);
        if (!PyErr_Occurred()) PyErr_NoMemory();
    }
    return written;
}

/* Returns a new list of attributes, or None: what `attributes(before, meta, given)` makes of `meta`, if it was changed, and
 * of the attributes that are given for one output, if there are some. */
static PyObject *attributes_of(PyObject *given) {
    if (!given && !meta_is_changed()) return Py_None;
    PyObject *alone = given ? NULL : meta_key_alone();
    if (alone) return alone;
    PyObject *now = meta_now(), *before = meta_before();
    PyObject *arguments[] = {before, now ? now : Py_None, given ? given : Py_None};
    PyObject *chosen = before ? PyObject_Vectorcall(attributes, arguments, 3, NULL) : NULL;
    if (before) Py_DECREF(before);
    return chosen;
}

/* emit_chosen(value, given): one more output of the current message, with attributes. */
PyObject *stream_emit_chosen(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2) return misuse();
    /* After the document was asked for, all outputs are made again. */
    if (!request.pending) return request.full ? Py_None : misuse();
    PyObject *chosen = attributes_of(arguments[1]);
    Written written = !chosen ? FAILED : arguments[0] == Py_None ? WRITTEN : put_output(arguments[0], chosen);
    if (chosen) Py_DECREF(chosen);
    if (written == WANTS_WHOLE && !want_whole()) return NULL;
    return written == FAILED ? NULL : Py_None;
}

/* emit(value): one more output of the current message; calls with more arguments go to a function in Python. */
PyObject *stream_emit(PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names) {
    if (count != 1 || names) return PyObject_Vectorcall(emit_with, arguments, count, names);
    PyObject *both[] = {arguments[0], NULL};
    return stream_emit_chosen(module, both, 2);
}

/* Writes the result as one of several outputs, or as one with attributes of its own, if it is such. */
static Written put_among_outputs(PyObject *root) {
    if (root == Py_None) return WRITTEN;
    PyObject *chosen = attributes_of(NULL);
    Written written = !chosen                                ? FAILED
                      : request.outputs || chosen != Py_None ? put_output(root, chosen)
                                                             : WRITTEN;
    if (chosen) Py_DECREF(chosen);
    return written;
}

/* deliver(root): answers the current message. */
PyObject *stream_deliver(PyObject *module, PyObject *root) {
    if (!request.pending) return request.full ? Py_None : misuse();
    if (request.outputs || meta_now()) {
        Written written = put_among_outputs(root);
        if (written == FAILED) return fail_with_raised() ? Py_None : NULL;
        if (written == WANTS_WHOLE) return want_whole() ? Py_None : NULL;
        if (request.outputs) {
            output_count(request.answered ? request.answers[request.answered - 1].end : HEAD, request.outputs);
            answered(false);
            return Py_None;
        }
    }
    if (root == Py_None) {
        if (!answered_by('N', true)) return NULL;
    } else if (part_has(root)) {
        if (part_put(root, LARGEST))
            answered(false);
        else if (!want_whole())
            return NULL;
    } else if (root != null && root != tombstone && output_put(root, LARGEST)) {
        answered(false);
    } else if (!answer_extra(convert, root)) {
        return NULL;
    }
    return Py_None;
}

/* fail(error): the current message fails with this exception. */
PyObject *stream_fail(PyObject *module, PyObject *error) {
    if (!request.pending) return request.full ? Py_None : misuse();
    return answer_extra(explain, error) ? Py_None : NULL;
}

/* extra(value): answers the current message with an extra; its index is that of `position()`. */
PyObject *stream_extra(PyObject *module, PyObject *extra) {
    if (!request.pending) return misuse();
    if (PyList_Append(request.extras, extra) < 0) return NULL;
    return answered_by('N', false) ? Py_None : NULL;
}

PyObject *stream_position(PyObject *module, PyObject *none) { return PyLong_FromLong(request.answered); }

/* fields(): the meta of the current message, as the host sent it; None without. */
PyObject *stream_fields(PyObject *module, PyObject *none) { return Py_NewRef(request.meta ? request.meta : Py_None); }

/* meta(): the script's `meta` of the current message. */
PyObject *stream_meta(PyObject *module, PyObject *none) { return meta_make(request.meta); }

static PyObject *text_of_json(void) {
    request.input.at++;
    PyObject *text = load_value(&request.input);
    if (!text) return NULL;
    PyObject *value = call(parse, text, NULL);
    Py_DECREF(text);
    return value;
}

static PyObject *next(PyObject *self) {
    for (;;) {
        if (request.pending) return misuse();
        if (!request.frame || request.full || request.taken >= request.until || request.taken >= request.count) return NULL;
        if (request.has_metas) {
            Py_CLEAR(&request.meta);
            if (!(request.meta = load_value(&request.input))) return NULL;
        }
        part_forget();
        bool is_json = request.input.at < request.input.end && *request.input.at == 'J';
        bool is_part = request.input.at < request.input.end && *request.input.at == 'p';
        request.taken++;
        request.pending = true;
        PyObject *message = is_json   ? text_of_json()
                            : is_part ? part_load(&request.input)
                                      : load_value(&request.input);
        PyObject *failure = load_failure();
        if (message && failure) {
            Py_DECREF(message);
            bool told = answer_extra(explain, failure);
            Py_DECREF(failure);
            if (!told) return NULL;
            continue;
        }
        if (message) return message;
        /* The memory is full: the host ends the guest for that. A text that Python does not read fails alone. */
        bool is_full = PyErr_ExceptionMatches(PyExc_MemoryError);
        if ((!is_json && !is_full) || !fail_with_raised()) return NULL;
        request.full = is_full;
    }
}

/* keep(number): only the first answers count. */
PyObject *stream_keep(PyObject *module, PyObject *number) {
    uint32_t kept = PyLong_AsLong(number);
    if (request.pending || !kept || kept > request.answered) return misuse();
    Answer *last = &request.answers[kept - 1];
    output_truncate(last->end, last->keys);
    request.answered = kept;
    request.dropped = last->dropped;
    request.full = true;
    return Py_None;
}

/* Writes the extras that count after the answers. Returns false if one cannot be written. */
static bool put_extras(void) {
    PyListObject *extras = (PyListObject *)request.extras;
    uint32_t number = 0;
    for (Py_ssize_t index = 0; index < extras->head.size; index++) {
        PyObject *position = PyTuple_GetItem(extras->items[index], 0);
        if (!position) return false;
        number += PyLong_AsLong(position) < (long)request.answered;
    }
    output_counted('[', number);
    for (Py_ssize_t index = 0; index < extras->head.size; index++)
        if (PyLong_AsLong(PyTuple_GetItem(extras->items[index], 0)) < (long)request.answered &&
            !output_put(extras->items[index], ANY))
            return false;
    return true;
}

/* Puts an extra in place of the only answer, which is too large. */
static bool put_too_large(void) {
    PyObject *text = PyUnicode_FromFormat("the result takes %u bytes", (unsigned)(output_length() - STATUS));
    PyObject *extra = text ? Py_BuildValue("(isO)", 0, "too large", text) : NULL;
    output_truncate(HEAD, 0);
    request.dropped = 0;
    bool written = extra && output_code('N') && output_counted('[', 1) && output_put(extra, ANY);
    if (text) Py_DECREF(text);
    if (extra) Py_DECREF(extra);
    return written;
}

/* response(): ends the request, and returns the frame. */
PyObject *stream_response(PyObject *module, PyObject *none) {
    if (!request.frame || request.pending || !request.answered) return misuse();
    bool written = put_extras();
    while (written && is_too_large() && request.answered > 1) {
        request.answered /= 2;
        Answer *last = &request.answers[request.answered - 1];
        request.dropped = last->dropped;
        output_truncate(last->end, last->keys);
        written = put_extras();
    }
    if (written && is_too_large()) {
        if (part_exists()) {
            /* The length that is told is that of the whole result. */
            output_truncate(HEAD, 0);
            request.dropped = 0;
            written = output_code('W') && output_counted('[', 0);
        } else {
            written = put_too_large();
        }
    }
    load_forget_keys();
    part_forget();
    meta_forget();
    Py_CLEAR(&request.frame);
    Py_CLEAR(&request.meta);
    Py_CLEAR(&request.extras);
    if (!written) return misuse();
    uint32_t size = output_length() - STATUS;
    Head head = {0, {size >> 24, size >> 16, size >> 8, size}, '(', 5, '[', 3, "z\7request", 'i', request.id, 'i',
                 request.count, 'i', request.answered, 'i', request.dropped, '[', request.answered};
    return output_take((const uint8_t *)&head, HEAD);
}

static PyType_Slot slots[] = {{Py_tp_iternext, next}, {Py_tp_iter, PyObject_SelfIter}, {0, NULL}};
static PyType_Spec spec = {"_nerodia.Messages", sizeof(PyObject), 0, 0, slots};

/* Adds `messages`, the iterator. */
int add_messages(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    PyObject *messages = type ? PyType_GenericAlloc((PyTypeObject *)type, 0) : NULL;
    return messages ? PyModule_AddObjectRef(module, "messages", messages) : -1;
}
