/* `meta` of the current message: a dict that the script may change, and what it was before. */

#include "accelerator.h"

/* Fields of `meta`, in the order of its tuple; and what a script can choose beside them. */
enum { KEY, TOPIC, PARTITION, OFFSET, TIMESTAMP, HEADERS, TOMBSTONE, FIELDS, SCHEMA = FIELDS, ALL };

/* Fields that a script can set, in the order in which the entrypoint compares them. */
static const int settable[] = {KEY, TOPIC, HEADERS, TIMESTAMP};
enum { SETTABLE = sizeof settable / sizeof *settable };

static PyObject *names[ALL];
static PyObject *meta;
/* The settable fields as they came: references to the same objects, and a copy of the headers. */
static PyObject *before[FIELDS], *headers;
/* Whether a header occurs twice: its value is then a list, which can be changed in place. */
static bool has_lists;
/* `copy(key)` of keys that are values; NULL if they are bytes. */
static PyObject *copy;
/* Whether a script may set the key to any value, of which the entrypoint makes what the host takes. */
static bool any_key;

void meta_keys(PyObject *function, bool any) {
    copy = function;
    any_key = any;
}

void meta_forget(void) {
    for (int index = 0; index < SETTABLE; index++) Py_CLEAR(&before[settable[index]]);
    Py_CLEAR(&headers);
    Py_CLEAR(&meta);
    has_lists = false;
}

PyObject *meta_now(void) { return meta; }

/* Returns text where bytes are UTF-8; else the bytes. */
static PyObject *as_text(PyObject *value) {
    if (!is_exactly(value, &PyBytes_Type)) return Py_NewRef(value);
    PyBytesObject *bytes = (PyBytesObject *)value;
    PyObject *text = PyUnicode_DecodeUTF8(bytes->text, bytes->head.size, NULL);
    if (text) return text;
    PyErr_Clear();
    return Py_NewRef(value);
}

/* Adds a header: a name that occurs again gets a list of values. */
static bool add_header(PyObject *dict, PyObject *name, PyObject *value) {
    PyObject *found = PyDict_GetItemWithError(dict, name);
    if (!found) return !PyErr_Occurred() && PyDict_SetItem(dict, name, value) == 0;
    has_lists = true;
    if (is_exactly(found, &PyList_Type)) return PyList_Append(found, value) == 0;
    PyObject *list = PyList_New(0);
    bool added = list && PyList_Append(list, found) == 0 && PyList_Append(list, value) == 0 &&
                 PyDict_SetItem(dict, name, list) == 0;
    if (list) Py_DECREF(list);
    return added;
}

static PyObject *headers_of(PyObject *pairs) {
    PyObject *dict = _PyDict_NewPresized(0);
    PyListObject *list = (PyListObject *)pairs;
    for (Py_ssize_t index = 0; dict && index < list->head.size; index++) {
        PyObject *value = as_text(PyTuple_GetItem(list->items[index], 1));
        bool added = value && add_header(dict, PyTuple_GetItem(list->items[index], 0), value);
        if (value) Py_DECREF(value);
        if (!added) Py_CLEAR(&dict);
    }
    return dict;
}

/* Keeps the headers as they are, with copies of the lists. */
static bool copy_headers(void) {
    PyObject *name, *value;
    Py_ssize_t position = 0;
    headers = PyDict_Copy(before[HEADERS]);
    while (headers && has_lists && PyDict_Next(before[HEADERS], &position, &name, &value)) {
        if (!is_exactly(value, &PyList_Type)) continue;
        PyObject *copy = PyList_GetSlice(value, 0, ((PyListObject *)value)->head.size);
        bool set = copy && PyDict_SetItem(headers, name, copy) == 0;
        if (copy) Py_DECREF(copy);
        if (!set) return false;
    }
    return headers;
}

/* Returns whether a script can change the object in place. */
static bool is_container(PyObject *object) {
    return object && (is_exactly(object, &PyDict_Type) || is_exactly(object, &PyList_Type));
}

static bool make_names(void) {
    static const char *const texts[] = {"key",     "topic",     "partition", "offset", "timestamp",
                                        "headers", "tombstone", "schema"};
    for (int name = 0; name < ALL; name++)
        if (!names[name] && !(names[name] = PyUnicode_InternFromString(texts[name]))) return false;
    return true;
}

/* Puts a value that came under the name of a settable field, and keeps it. Takes the reference, which may be NULL. */
static bool set_field(int field, PyObject *value) {
    bool set = value && PyDict_SetItem(meta, names[field], value) == 0;
    if (set && field == KEY && is_container(value)) {
        before[field] = PyObject_Vectorcall(copy, &value, 1, NULL);
        Py_DECREF(value);
        return before[field];
    }
    before[field] = value;
    return set;
}

/* Makes `meta` of the tuple (key, topic, partition, offset, timestamp, headers, tombstone), or an empty one of NULL. */
PyObject *meta_make(PyObject *fields) {
    meta_forget();
    if (!names[ALL - 1] && !make_names()) return NULL;
    meta = _PyDict_NewPresized(FIELDS);
    for (int field = 0; meta && fields && field < FIELDS; field++) {
        PyObject *sent = PyTuple_GetItem(fields, field);
        bool set;
        if (field == PARTITION || field == OFFSET || field == TOMBSTONE)
            set = PyDict_SetItem(meta, names[field], sent) == 0;
        else if (field == HEADERS)
            set = set_field(field, headers_of(sent));
        else
            set = set_field(field, field == KEY && !copy ? as_text(sent) : Py_NewRef(sent));
        if (!set) Py_CLEAR(&meta);
    }
    if (meta && before[HEADERS] && ((PyDictObject *)before[HEADERS])->used && !copy_headers()) Py_CLEAR(&meta);
    return meta ? Py_NewRef(meta) : NULL;
}

/* Returns whether the headers differ from what they were; values that can be changed in place count as changed. */
static bool headers_are_changed(void) {
    PyObject *name, *value;
    Py_ssize_t position = 0, used = ((PyDictObject *)before[HEADERS])->used;
    if (!headers) return used != 0;
    if (has_lists || used != ((PyDictObject *)headers)->used) return true;
    while (PyDict_Next(headers, &position, &name, &value))
        if (PyDict_GetItemWithError(before[HEADERS], name) != value) return true;
    return false;
}

/* Returns whether a script has set `meta["schema"]`, which no message comes with. */
static bool schema_is_chosen(void) { return PyDict_GetItemWithError(meta, names[SCHEMA]); }

/* Returns whether a script may have set something. */
bool meta_is_changed(void) {
    if (!meta) return false;
    for (int index = 0; index < SETTABLE; index++) {
        int field = settable[index];
        if (PyDict_GetItemWithError(meta, names[field]) != before[field]) return true;
    }
    return schema_is_chosen() || (before[HEADERS] && headers_are_changed());
}

/* Returns the attributes where a script has set the key alone, to text: [("key", bytes)], or None if it is the key that
 * came. Returns NULL, without an error, for all else: the entrypoint looks at it. */
PyObject *meta_key_alone(void) {
    if (!meta || any_key || schema_is_chosen()) return NULL;
    for (int index = 0; index < SETTABLE; index++) {
        int field = settable[index];
        if (field != KEY && PyDict_GetItemWithError(meta, names[field]) != before[field]) return NULL;
    }
    PyObject *key = PyDict_GetItemWithError(meta, names[KEY]), *former = before[KEY];
    if (!key || !is_exactly(key, &PyUnicode_Type) || (before[HEADERS] && headers_are_changed())) return NULL;
    Py_ssize_t size = 0, former_size = 0;
    const char *text = PyUnicode_AsUTF8AndSize(key, &size);
    const char *was = text && former && is_exactly(former, &PyUnicode_Type)
                          ? PyUnicode_AsUTF8AndSize(former, &former_size)
                          : NULL;
    /* A lone surrogate is an error in the entrypoint's words. */
    PyErr_Clear();
    if (!text) return NULL;
    if (was && size == former_size && __builtin_memcmp(text, was, size) == 0) return Py_None;
    PyObject *list = PyList_New(0), *pair = list ? Py_BuildValue("(Oy#)", names[KEY], text, size) : NULL;
    bool listed = pair && PyList_Append(list, pair) == 0;
    if (pair) Py_DECREF(pair);
    if (!listed) Py_CLEAR(&list);
    PyErr_Clear();
    return list;
}

/* Returns (key, topic, headers, timestamp, None) as they came, where None is that of the schema: in the order in which the
 * entrypoint compares them. Returns None without `meta`. */
PyObject *meta_before(void) {
    if (!meta) return Py_None;
    PyObject *tuple = PyTuple_New(SETTABLE + 1);
    if (tuple && PyTuple_SetItem(tuple, SETTABLE, Py_None) < 0) Py_CLEAR(&tuple);
    for (int index = 0; tuple && index < SETTABLE; index++) {
        PyObject *value = settable[index] == HEADERS && headers ? headers : before[settable[index]];
        if (PyTuple_SetItem(tuple, index, Py_NewRef(value ? value : Py_None)) < 0) Py_CLEAR(&tuple);
    }
    return tuple;
}
