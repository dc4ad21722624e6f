/* libFuzzer on the kernel: any bytes as a plain text, and any bytes as the lines that Python would have made.

   The kernel's own file is included, so that its static functions can be called without a Python object between; the interpreter is
   started once, for its error state only. `make fuzz MINUTES=60` builds and runs it. */

#include "../../src/despam/core/_native.c"

static int8_t weights[1 << 12];

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    Py_Initialize();
    Py_XDECREF(PyInit__native());
    for (int i = 0; i < 1 << 12; i++) weights[i] = (int8_t)(i * 7);
    return 0;
}

/* Check what must hold after any scan: the ids of a group are distinct and inside the table. */
static void check(uint32_t distinct) {
    if (distinct == UINT32_MAX) { PyErr_Clear(); return; }
    for (int g = 0; g < GROUPS; g++) {
        static uint8_t seen[1 << 12];
        memset(seen, 0, sizeof seen);
        for (Py_ssize_t i = 0; i < S.n[g]; i++) {
            if (S.ids[g][i] > 0xFFF || seen[S.ids[g][i]]++) abort();
        }
    }
    if (distinct > (uint32_t)S.words) abort();
    for (uint32_t i = 0; i <= 0xFFF / 32; i++)
        if (S.bits[i]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Weights w = {weights, NULL};
    Py_buffer kinds = {.buf = (void *)data, .len = (Py_ssize_t)(size < 3 ? size : 3)};
    if (size && !needs_python(data, (Py_ssize_t)size)) check(scan_plain(data, (Py_ssize_t)size, &kinds, w, 0xFFF));
    if (size < 3) return 0;
    /* the first byte says where the line ends and the line as written begins */
    size_t cut = 1 + data[0] * (size - 1) / 256;
    Made made = {
        .line = {.buf = (void *)(data + 1), .len = (Py_ssize_t)(cut - 1)},
        .written = {.buf = (void *)(data + cut), .len = (Py_ssize_t)(size - cut)},
        .bones = {.buf = (void *)data, .len = (Py_ssize_t)size},
        .shapes = {.buf = (void *)data, .len = (Py_ssize_t)(size < 64 ? size : 64)},
    };
    check(scan_made(&made, w, 0xFFF));
    made.written = made.line;
    check(scan_made(&made, w, 0xFFF));
    return 0;
}
