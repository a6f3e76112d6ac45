/* Lists of free blocks in front of the C library's allocator, for CPython's objects and their parts.
 *
 * CPython's own allocator for small objects is switched off on WASI. Blocks are the C library's (dlmalloc) throughout:
 * a list only keeps what was freed, so that blocks from before the lists may be freed into them, and `realloc` may go
 * round them. dlmalloc writes the size of a block, with three flags, in front of it. */

#include "accelerator.h"

enum {
    GRANULE = 16,
    LARGEST = 512,
    /* Most blocks in one list: what one message needs, and not what a batch of them does. */
    KEPT = 1024,
};

typedef struct Block {
    struct Block *next;
} Block;

static struct {
    Block *first;
    uint32_t count;
} lists[LARGEST / GRANULE + 1];

/* Size with the four bytes in front, which the allocator keeps. */
static inline size_t size_of(void *block) { return ((uint32_t *)block)[-1] & ~7u; }

static void *allocate(void *context, size_t size) {
    size_t index = (size + 4 + GRANULE - 1) / GRANULE;
    if (size <= LARGEST - 4 && lists[index].first) {
        Block *block = lists[index].first;
        lists[index].first = block->next;
        lists[index].count--;
        return block;
    }
    return malloc(size ? size : 1);
}

static void *allocate_zeros(void *context, size_t count, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole)) return NULL;
    if (whole > LARGEST - 4) return calloc(1, whole);
    void *block = allocate(context, whole);
    if (block) __builtin_memset(block, 0, whole);
    return block;
}

static void release(void *context, void *block) {
    if (!block) return;
    size_t index = size_of(block) / GRANULE;
    if (index <= LARGEST / GRANULE && lists[index].count < KEPT) {
        ((Block *)block)->next = lists[index].first;
        lists[index].first = block;
        lists[index].count++;
        return;
    }
    free(block);
}

static void *resize(void *context, void *block, size_t size) {
    if (!block) return allocate(context, size);
    size_t usable = size_of(block) - 4;
    if (size <= usable && size >= usable / 2 && usable < LARGEST) return block;
    return realloc(block, size ? size : 1);
}

/* trim(): gives all free blocks back to the C library. Those that a build leaves lie all over the snapshot, and guests that
 * take them would each have to touch many pages. */
PyObject *trim(PyObject *module, PyObject *none) {
    for (size_t index = 0; index <= LARGEST / GRANULE; index++) {
        while (lists[index].first) {
            Block *block = lists[index].first;
            lists[index].first = block->next;
            free(block);
        }
        lists[index].count = 0;
    }
    return Py_None;
}

void install_allocator(void) {
    PyMemAllocatorEx allocator = {NULL, allocate, allocate_zeros, resize, release};
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &allocator);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &allocator);
}
