/* What the accelerator uses of CPython, declared by hand: componentize-py brings CPython built for WebAssembly, but not
 * its headers. These are the declarations of CPython 3.14 for a 32-bit system without debug checks and with the GIL.
 * `different_layout` in module.c compares the layouts with what CPython's own functions do, whenever a component is built.
 *
 * Source: Include/object.h, refcount.h, methodobject.h, moduleobject.h, pymem.h; Include/cpython/longintrepr.h,
 * unicodeobject.h, listobject.h, floatobject.h, bytesobject.h. */

#ifndef NERODIA_CPYTHON_H
#define NERODIA_CPYTHON_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

typedef int32_t Py_ssize_t;
typedef int32_t Py_hash_t;

typedef struct {
    Py_ssize_t ob_refcnt;
    struct PyTypeObject *ob_type;
} PyObject;

typedef struct PyTypeObject PyTypeObject;

typedef struct {
    PyObject head;
    Py_ssize_t size;
} PyVarObject;

typedef struct {
    PyObject head;
    double value;
} PyFloatObject;

/* `tag` has the sign in its two lowest bits (0 positive, 1 zero, 2 negative), then a bit of the integers that CPython
 * keeps for ever, and above it the number of digits; each digit has 30 bits. */
typedef struct {
    PyObject head;
    uint32_t tag;
    uint32_t digits[];
} PyLongObject;

enum { POSITIVE, ZERO, NEGATIVE };

static inline uint32_t sign_of(const PyLongObject *number) { return number->tag & 3; }

static inline uint32_t digits_of(const PyLongObject *number) { return number->tag >> 3; }

/* A string of ASCII, which a bit of `state` says, has its text after this head. */
typedef struct {
    PyObject head;
    Py_ssize_t length;
    Py_hash_t hash;
    uint32_t state;
} PyASCIIObject;

enum { ASCII = 0x40 };

typedef struct {
    PyVarObject head;
    PyObject **items;
    Py_ssize_t allocated;
} PyListObject;

typedef struct {
    PyVarObject head;
    Py_hash_t hash;
    char text[];
} PyBytesObject;

typedef struct {
    PyObject head;
    Py_ssize_t used;
} PyDictObject;

typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef PyObject *(*PyCFunctionFast)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*PyCFunctionFastWithKeywords)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

typedef struct {
    const char *name;
    void *function;
    int flags;
    const char *doc;
} PyMethodDef;

enum { METH_KEYWORDS = 0x0002, METH_NOARGS = 0x0004, METH_O = 0x0008, METH_FASTCALL = 0x0080 };

typedef struct {
    PyObject head;
    PyObject *(*init)(void);
    Py_ssize_t index;
    PyObject *copy;
    const char *name;
    const char *doc;
    Py_ssize_t size;
    PyMethodDef *methods;
    void *slots, *traverse, *clear, *free;
} PyModuleDef;

enum { PYTHON_API_VERSION = 1013 };

enum { PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ };

typedef struct {
    void *context;
    void *(*malloc)(void *context, size_t size);
    void *(*calloc)(void *context, size_t count, size_t size);
    void *(*realloc)(void *context, void *block, size_t size);
    void (*free)(void *context, void *block);
} PyMemAllocatorEx;

typedef struct {
    int slot;
    void *function;
} PyType_Slot;

typedef struct {
    const char *name;
    int basic_size, item_size;
    unsigned flags;
    PyType_Slot *slots;
} PyType_Spec;

enum { Py_tp_iter = 62, Py_tp_iternext = 63 };

/* Flags of types whose instances are numbers, lists and tuples. */
enum { LONG_SUBCLASS = 1 << 24, LIST_SUBCLASS = 1 << 25, TUPLE_SUBCLASS = 1 << 26 };

extern PyTypeObject PyBytes_Type, PyDict_Type, PyFloat_Type, PyList_Type, PyLong_Type, PyTuple_Type, PyUnicode_Type;
extern PyObject _Py_EllipsisObject, _Py_NoneStruct, _Py_TrueStruct, _Py_FalseStruct;
extern PyObject *PyExc_ImportError, *PyExc_MemoryError, *PyExc_RuntimeError, *PyExc_ValueError;

extern PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t);
extern PyObject *PyCMethod_New(PyMethodDef *, PyObject *, PyObject *, PyTypeObject *);
extern PyObject *PyDict_Copy(PyObject *);
extern int PyDict_Update(PyObject *, PyObject *);
extern PyObject *PyDict_GetItemWithError(PyObject *, PyObject *);
extern int PyDict_Next(PyObject *, Py_ssize_t *, PyObject **, PyObject **);
extern PyObject *_PyDict_NewPresized(Py_ssize_t);
extern int PyDict_SetItem(PyObject *, PyObject *, PyObject *);
extern int _PyDict_SetItem_KnownHash(PyObject *, PyObject *, PyObject *, Py_hash_t);
extern void PyErr_Clear(void);
extern PyObject *PyErr_GetRaisedException(void);
extern PyObject *PyErr_Occurred(void);
extern int PyErr_ExceptionMatches(PyObject *);
extern PyObject *PyErr_NoMemory(void);
extern void PyErr_SetString(PyObject *, const char *);
extern PyObject *PyFloat_FromDouble(double);
extern PyObject *PyImport_ImportModule(const char *);
extern PyObject *PyList_New(Py_ssize_t);
extern PyObject *PyList_GetSlice(PyObject *, Py_ssize_t, Py_ssize_t);
extern int PyList_Append(PyObject *, PyObject *);
extern long PyLong_AsLong(PyObject *);
extern PyObject *PyLong_FromLong(long);
extern PyObject *PyLong_FromLongLong(long long);
extern PyObject *PyLong_FromString(const char *, char **, int);
extern PyObject *_PyLong_FromByteArray(const unsigned char *, size_t, int little_endian, int is_signed);
extern void PyMem_SetAllocator(int domain, PyMemAllocatorEx *);
extern int PyModule_AddObjectRef(PyObject *, const char *, PyObject *);
extern PyObject *PyModule_Create2(PyModuleDef *, int);
extern Py_hash_t PyObject_Hash(PyObject *);
extern PyObject *PyObject_GetAttrString(PyObject *, const char *);
extern PyObject *PyObject_Vectorcall(PyObject *, PyObject *const *, size_t, PyObject *);
extern PyObject *PyObject_SelfIter(PyObject *);
extern PyObject *PyTuple_New(Py_ssize_t);
extern int PyTuple_SetItem(PyObject *, Py_ssize_t, PyObject *);
extern PyObject *PyTuple_GetItem(PyObject *, Py_ssize_t);
extern const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *);
extern PyObject *PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *errors);
extern PyObject *PyUnicode_InternFromString(const char *);
extern PyObject *PyUnicode_New(Py_ssize_t, uint32_t max_char);
extern PyObject *PyUnicode_FromFormat(const char *, ...);
extern PyObject *Py_BuildValue(const char *, ...);
extern PyObject *PyType_FromSpec(PyType_Spec *);
extern unsigned long PyType_GetFlags(PyTypeObject *);
extern void *PyType_GetSlot(PyTypeObject *, int slot);
extern PyObject *PyType_GenericAlloc(PyTypeObject *, Py_ssize_t);
extern void _Py_Dealloc(PyObject *);

extern void *malloc(size_t), *calloc(size_t, size_t), *realloc(void *, size_t);
extern void free(void *);

#define Py_Ellipsis (&_Py_EllipsisObject)
#define Py_None (&_Py_NoneStruct)
#define Py_True (&_Py_TrueStruct)
#define Py_False (&_Py_FalseStruct)

/* Objects with a count of this and more are never freed, and never counted. */
enum { IMMORTAL = 1 << 30 };

static inline PyObject *Py_NewRef(PyObject *object) {
    if (object->ob_refcnt < IMMORTAL) object->ob_refcnt++;
    return object;
}

static inline void Py_DECREF(PyObject *object) {
    if (object->ob_refcnt < IMMORTAL && --object->ob_refcnt == 0) _Py_Dealloc(object);
}

/* Forgets what a variable refers to, if it refers to something. */
static inline void Py_CLEAR(PyObject **reference) {
    PyObject *object = *reference;
    *reference = NULL;
    if (object) Py_DECREF(object);
}

static inline bool is_exactly(PyObject *object, PyTypeObject *type) { return object->ob_type == type; }

#endif
