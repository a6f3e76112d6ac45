/* A message of which the guest has only a part: the members that its script can touch, in a dict. If that dict is the
 * result, or one that merges more members into it, the answer names the members that were set, and the host writes the
 * whole document with them.
 *
 * The proof that a script touches no other members is that of runtime/entrypoint/projection.py. It also shows that no
 * member is removed. */

#include "accelerator.h"

enum { MAX_MEMBERS = 64 };

static PyObject *part;   /* as it was given to the script */
static PyObject *merged; /* dict that was last made of it: an earlier one cannot become the result again */
static struct {
    PyObject *key, *value;
} members[MAX_MEMBERS]; /* as they came */
static uint32_t count;

void part_forget(void) {
    while (count) {
        count--;
        Py_DECREF(members[count].key);
        Py_DECREF(members[count].value);
    }
    Py_CLEAR(&part);
    Py_CLEAR(&merged);
}

/* Loads the part of a message: code 'p', then a dict. */
PyObject *part_load(Input *input) {
    input->at++;
    PyObject *dict = load_value(input);
    if (!dict) return NULL;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (count == MAX_MEMBERS) {
            Py_DECREF(dict);
            PyErr_SetString(PyExc_ValueError, "a part of too many members");
            return NULL;
        }
        members[count].key = Py_NewRef(key);
        members[count++].value = Py_NewRef(value);
    }
    part = Py_NewRef(dict);
    return dict;
}

/* Returns whether the current message is a part. */
bool part_exists(void) { return part; }

/* is_part(): the same, for scripts. */
PyObject *part_is_there(PyObject *module, PyObject *none) { return part_exists() ? Py_True : Py_False; }

/* merge(part, members): returns a dict that stands for the document with more members set. */
PyObject *part_merge(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    if (given != 2 || !part || arguments[0] != part) return misuse();
    PyObject *copy = PyDict_Copy(part);
    if (!copy) return NULL;
    if (PyDict_Update(copy, arguments[1]) < 0) {
        Py_DECREF(copy);
        return NULL;
    }
    Py_CLEAR(&merged);
    merged = Py_NewRef(copy);
    return copy;
}

/* Returns whether a result stands for the whole document. */
bool part_has(PyObject *root) { return root && (root == part || root == merged); }

/* A value that is the same object as before, and cannot have been changed. */
static bool is_unchanged(PyObject *value, PyObject *before) {
    PyTypeObject *type = value->ob_type;
    return value == before && type != &PyDict_Type && type != &PyList_Type;
}

/* Writes the answer: code 'P', the number of members that were set, and each with its key. Returns false, and writes
 * nothing, if one cannot be written. */
bool part_put(PyObject *root, size_t most) {
    size_t start = output_length();
    uint32_t keys = output_keys(), set = 0, same = 0;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    bool written = output_counted('P', 0);
    while (written && PyDict_Next(root, &position, &key, &value)) {
        /* Members keep their order. */
        PyObject *before = same < count && key == members[same].key ? members[same++].value : NULL;
        if (is_unchanged(value, before)) continue;
        written = is_exactly(key, &PyUnicode_Type) && output_put(key, most) && output_put(value, most);
        set++;
    }
    if (written && same == count) {
        output_count(start, set);
        return true;
    }
    output_truncate(start, keys);
    return false;
}
