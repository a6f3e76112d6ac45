/* The module `_nerodia`: what takes most of a guest's time, in C. runtime/snapshot.py imports it while the component is
 * built; runtime/entrypoint uses it where it is, and Python's own modules elsewhere. */

#include "accelerator.h"

/* Compares the layouts in cpython.h with what CPython's own functions make. Returns the one that differs, if any does. */
static const char *different_layout(void) {
    PyObject *ascii = PyUnicode_New(3, 127), *latin = PyUnicode_New(3, 255);
    PyObject *large = PyLong_FromString("-18446744073709551617", NULL, 10), *zero = PyLong_FromLong(0);
    PyObject *real = PyFloat_FromDouble(0.5), *bytes = PyBytes_FromStringAndSize("abc", 3), *list = PyList_New(1);
    if (!ascii || !latin || !large || !zero || !real || !bytes || !list) return "memory";
    if (Py_None->ob_refcnt < IMMORTAL || real->ob_refcnt != 1 || !is_exactly(real, &PyFloat_Type)) return "object";

    PyASCIIObject *text = (PyASCIIObject *)ascii;
    Py_ssize_t size = 0;
    /* Both are compact strings of one byte a character, and not interned. */
    if ((text->state & 0x7f) != (0x24 | ASCII) || (((PyASCIIObject *)latin)->state & 0x7f) != 0x24) return "str";
    if (text->length != 3) return "str";
    __builtin_memcpy(ascii_text(ascii), "abc", 3);
    if (PyUnicode_AsUTF8AndSize(ascii, &size) != ascii_text(ascii) || size != 3) return "str";
    if (PyObject_Hash(ascii) != text->hash) return "hash of str";

    PyLongObject *number = (PyLongObject *)large;
    if (digits_of(number) != 3 || sign_of(number) != NEGATIVE) return "int";
    if (number->digits[0] != 1 || number->digits[1] || number->digits[2] != 16) return "digits of int";
    if (digits_of((PyLongObject *)zero) || sign_of((PyLongObject *)zero) != ZERO) return "zero";
    if (((PyFloatObject *)real)->value != 0.5) return "float";
    if (((PyBytesObject *)bytes)->head.size != 3 || ((PyBytesObject *)bytes)->text[2] != 'c') return "bytes";
    PyListObject *items = (PyListObject *)list;
    if (items->head.size != 1 || !items->items || items->items[0]) return "list";
    items->items[0] = Py_None;

    Py_DECREF(ascii), Py_DECREF(latin), Py_DECREF(large), Py_DECREF(zero);
    Py_DECREF(real), Py_DECREF(bytes), Py_DECREF(list);
    return NULL;
}

static PyMethodDef methods[] = {
    {"configure", stream_configure, METH_FASTCALL, NULL}, {"begin", stream_begin, METH_FASTCALL, NULL},
    {"until", stream_until, METH_O, NULL},                {"deliver", stream_deliver, METH_O, NULL},
    {"fail", stream_fail, METH_O, NULL},                  {"extra", stream_extra, METH_O, NULL},
    {"position", stream_position, METH_NOARGS, NULL},     {"fields", stream_fields, METH_NOARGS, NULL},
    {"keep", stream_keep, METH_O, NULL},                  {"response", stream_response, METH_NOARGS, NULL},
    {"meta", stream_meta, METH_NOARGS, NULL},             {"emit", stream_emit, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"emit_chosen", stream_emit_chosen, METH_FASTCALL, NULL},
    {"trim", trim, METH_NOARGS, NULL},
    {"is_part", part_is_there, METH_NOARGS, NULL},        {"merge", part_merge, METH_FASTCALL, NULL},
    {0},
};

static PyModuleDef definition = {{1, NULL}, NULL, 0, NULL, "_nerodia", NULL, -1, methods, NULL, NULL, NULL, NULL};

__attribute__((visibility("default"))) PyObject *PyInit__nerodia(void) {
    const char *different = different_layout();
    if (different) {
        PyErr_SetString(PyExc_ImportError, different);
        return NULL;
    }
    PyObject *module = PyModule_Create2(&definition, PYTHON_API_VERSION);
    if (!module || add_round(module) < 0 || add_messages(module) < 0) return NULL;
    install_allocator();
    return module;
}
