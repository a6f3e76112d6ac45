/* Parts of the module `_nerodia`: each is one file. */

#ifndef NERODIA_ACCELERATOR_H
#define NERODIA_ACCELERATOR_H

#include "cpython.h"

/* load.c: objects from the marshal format, as the host writes it. */
typedef struct {
    const uint8_t *at, *end;
} Input;

PyObject *load_value(Input *input);
void load_forget_keys(void);
void load_typed_by(PyObject *function);
PyObject *load_failure(void);

/* output.c: objects to the marshal format. */
bool output_begin(size_t head);
size_t output_length(void);
uint32_t output_keys(void);
void output_truncate(size_t end, uint32_t keys);
bool output_put(PyObject *object, size_t most);
bool output_counted(uint8_t code, uint32_t count);
void output_count(size_t start, uint32_t count);
bool output_code(uint8_t code);
void output_typed_by(PyObject *function);
PyObject *output_take(const uint8_t *head, size_t size);

/* part.c: messages of which the guest has only a part. */
void part_forget(void);
PyObject *part_load(Input *input);
bool part_has(PyObject *root);
bool part_exists(void);
bool part_put(PyObject *root, size_t most);
PyObject *part_is_there(PyObject *module, PyObject *none);
PyObject *part_merge(PyObject *module, PyObject *const *arguments, Py_ssize_t given);

/* meta.c: `meta` of the current message. */
PyObject *meta_make(PyObject *fields);
void meta_keys(PyObject *copy, bool any);
PyObject *meta_now(void);
PyObject *meta_before(void);
bool meta_is_changed(void);
PyObject *meta_key_alone(void);
void meta_forget(void);

/* stream.c: a request's messages and their answers. */
PyObject *stream_configure(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *stream_begin(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *stream_until(PyObject *module, PyObject *number);
PyObject *stream_deliver(PyObject *module, PyObject *root);
PyObject *stream_fail(PyObject *module, PyObject *error);
PyObject *stream_extra(PyObject *module, PyObject *extra);
PyObject *stream_position(PyObject *module, PyObject *none);
PyObject *stream_fields(PyObject *module, PyObject *none);
PyObject *stream_meta(PyObject *module, PyObject *none);
PyObject *stream_emit(PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names);
PyObject *stream_emit_chosen(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *stream_keep(PyObject *module, PyObject *number);
PyObject *stream_response(PyObject *module, PyObject *none);
int add_messages(PyObject *module);

/* round.c: `round` for floats. */
int add_round(PyObject *module);

/* allocator.c: lists of free blocks in front of the C library's allocator. */
void install_allocator(void);
PyObject *trim(PyObject *module, PyObject *none);

/* Raises the exception of a function that a script calls. */
static inline PyObject *misuse(void) {
    PyErr_SetString(PyExc_RuntimeError, "this is for the engine alone");
    return NULL;
}

static inline bool is_ascii(PyObject *text) { return ((PyASCIIObject *)text)->state & ASCII; }

static inline char *ascii_text(PyObject *text) { return (char *)((PyASCIIObject *)text + 1); }

/* Copies a few bytes: a call of `memcpy`, and even the instruction memory.copy, costs more than the copy. */
static inline void copy_short(uint8_t *to, const uint8_t *from, size_t size) {
    if (size > 64) {
        __builtin_memcpy(to, from, size);
        return;
    }
    for (; size >= 8; size -= 8, to += 8, from += 8) __builtin_memcpy(to, from, 8);
    if (size & 4) {
        __builtin_memcpy(to, from, 4);
        to += 4, from += 4;
    }
    if (size & 2) {
        __builtin_memcpy(to, from, 2);
        to += 2, from += 2;
    }
    if (size & 1) *to = *from;
}

#endif
