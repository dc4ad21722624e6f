/* A model bound for scoring: its buffers held open, and how the integers of a text become its score.

   Knows the sizes that tables must have. Does not know texts. Invariant: the buffers stay open as long as the capsule lives, and a
   masked id or hash lies inside of them. */

static const char BOUND[] = "despam.bound";

static void close_bound(Bound *b) {
    if (b->weights_view.obj) PyBuffer_Release(&b->weights_view);
    if (b->known_view.obj) PyBuffer_Release(&b->known_view);
    free(b->aligned);
    free(b->words);
    free(b->contexts);
    free(b);
}

static void unbind(PyObject *capsule) { close_bound(PyCapsule_GetPointer(capsule, BOUND)); }

static int open_bound(Bound *b, PyObject *weights, PyObject *known) {
    if (PyObject_GetBuffer(weights, &b->weights_view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) ||
        PyObject_GetBuffer(known, &b->known_view, PyBUF_C_CONTIGUOUS))
        return -1;
    Py_ssize_t item = b->weights_view.itemsize, n = b->weights_view.len / item, k = b->known_view.len;
    if ((item != 1 && item != 2) || n < 1024 || n & (n - 1) || n > 1 << 26 || k < 1 || k & (k - 1) || k > 1 << 26) {
        PyErr_SetString(PyExc_ValueError, "weights and known need powers of two");
        return -1;
    }
    b->w8 = item == 1 ? b->weights_view.buf : NULL;
    b->w16 = item == 2 ? b->weights_view.buf : NULL;
    if (b->w16 && (uintptr_t)b->w16 & 1) { /* our own writer aligns them; another's file may not */
        b->aligned = malloc((size_t)b->weights_view.len);
        if (!b->aligned) { PyErr_NoMemory(); return -1; }
        b->w16 = memcpy(b->aligned, b->weights_view.buf, (size_t)b->weights_view.len);
    }
    b->known = b->known_view.buf;
    b->mask = (uint32_t)n - 1;
    b->known_mask = (uint32_t)k * 8 - 1;
    b->words = calloc(WORD_ENTRIES, sizeof *b->words);
    b->contexts = calloc(CONTEXT_ENTRIES, sizeof *b->contexts);
    if (!b->words || !b->contexts) { PyErr_NoMemory(); return -1; }
    for (int kind = 0; kind < 64; kind++)
        for (int value = 0; value < 64; value++) b->shapes[kind][value] = UNKNOWN_WEIGHT;
    return 0;
}

/* bind(weights, known, bias, factors, limit) -> a handle for score() and measure(); it keeps the buffers open as long as it lives */
static PyObject *bind(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *weights, *known;
    Bound *b = calloc(1, sizeof *b);
    if (!b) return PyErr_NoMemory();
    double *f = b->factors;
    PyObject *capsule = NULL;
    if (PyArg_ParseTuple(args, "OOd(dddddd)d", &weights, &known, &b->bias, f, f + 1, f + 2, f + 3, f + 4, f + 5, &b->limit) &&
        !open_bound(b, weights, known))
        capsule = PyCapsule_New(b, BOUND, unbind);
    if (!capsule) close_bound(b);
    return capsule;
}

/* Turn the integers of the groups into the score, as hashed.HashedScorer.combine does. */
static double combine(const Bound *b) {
    double score = b->bias;
    for (int g = 0; g < GROUPS; g++) {
        if (!S.n[g]) continue;
        double group = b->factors[g] * (double)S.sum[g] / sqrt((double)S.n[g]), part = group / b->limit;
        score += group / sqrt(1.0 + part * part);
    }
    return score;
}
