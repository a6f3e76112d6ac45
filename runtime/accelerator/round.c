/* `round(x, digits)` without a detour through decimal text, which CPython takes: it prints `x` and reads it again.
 *
 * With y = x * 10^digits below 2^40, the error of y is below 2^-12. If y is further than that from a tie, the nearest
 * integer z is the right one. z and 10^digits are exact, so one division rounds as reading the decimal text would. All
 * else, and so every exception, is left to the original. */

#include "accelerator.h"

static PyObject *original;

static PyObject *round_float(PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *names) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    if (count == 2 && !names && is_exactly(arguments[0], &PyFloat_Type) && is_exactly(arguments[1], &PyLong_Type)) {
        PyLongObject *digits = (PyLongObject *)arguments[1];
        uint32_t power = sign_of(digits) == ZERO                                 ? 0
                         : sign_of(digits) == POSITIVE && digits_of(digits) == 1 ? digits->digits[0]
                                                                                 : 10;
        if (power < 10) {
            double scaled = ((PyFloatObject *)arguments[0])->value * powers[power];
            double nearest = __builtin_nearbyint(scaled);
            /* Zero has a sign, which the original knows. */
            if (__builtin_fabs(scaled) < 0x1p40 && __builtin_fabs(scaled - nearest) < 0.499 && nearest != 0)
                return PyFloat_FromDouble(nearest / powers[power]);
        }
    }
    return PyObject_Vectorcall(original, arguments, count, names);
}

static PyMethodDef method = {"round", round_float, METH_FASTCALL | METH_KEYWORDS,
                             "round($module, /, number, ndigits=None)\n--\n\n"
                             "Round a number to a given precision in decimal digits.\n\n"
                             "The return value is an integer if ndigits is omitted or None.  Otherwise\n"
                             "the return value has the same type as the number.  ndigits may be negative."};

/* Adds `round` to the module: a function of `builtins`, as its attributes say. */
int add_round(PyObject *module) {
    PyObject *builtins = PyImport_ImportModule("builtins");
    if (!builtins) return -1;
    original = PyObject_GetAttrString(builtins, "round");
    PyObject *name = original ? PyObject_GetAttrString(builtins, "__name__") : NULL;
    PyObject *function = name ? PyCMethod_New(&method, builtins, name, NULL) : NULL;
    return function ? PyModule_AddObjectRef(module, "round", function) : -1;
}
