/* What a character with its marks is written as: repair.make_compatible, asked of Python once a cluster (repair.compatible).

   Knows clusters as code points. What is kept is compared by all of its letters. A full table starts anew, and a text that needs
   more of them than are asked for at once, time and again, is Python's. */

enum { CLUSTERS = 4096, CLUSTER_LETTERS = 1 << 16, CLUSTER_ROUNDS = 8 };
typedef struct { uint32_t hash, at; uint16_t written; uint8_t n, reported; } Cluster; /* its letters and what they become, at `at` */
static Cluster CLUSTER[CLUSTERS];
static uint32_t LETTERS[CLUSTER_LETTERS];
static int clusters;
static uint32_t letters_kept;
static PyObject *COMPOSER; /* engine.compose */

static uint32_t cluster_hash(const uint32_t *letters, int n) {
    uint64_t h = (uint64_t)n;
    for (int i = 0; i < n; i++) h = mix(h ^ letters[i]);
    return (uint32_t)(h >> 16) | 1; /* 0: a free place */
}

static Cluster *cluster_place(const uint32_t *letters, int n) {
    uint32_t hash = cluster_hash(letters, n), at = hash & (CLUSTERS - 1);
    while (CLUSTER[at].hash && (CLUSTER[at].hash != hash || CLUSTER[at].n != n || memcmp(LETTERS + CLUSTER[at].at, letters, 4 * (size_t)n)))
        at = (at + 1) & (CLUSTERS - 1);
    return &CLUSTER[at];
}

static const Cluster *find_cluster(const uint32_t *letters, int n) {
    const Cluster *found = cluster_place(letters, n);
    return found->hash ? found : NULL;
}

/* Keep what a cluster is written as: `told` begins with ! where that is reported. REPLACED has room for EXPANDED_MOST a character. */
static int keep_cluster(const uint32_t *letters, int n, const uint8_t *told, Py_ssize_t size) {
    if (size < 1 || count_characters(told + 1, told + size) > EXPANDED_MOST * n) {
        PyErr_SetString(PyExc_ValueError, "what a cluster is written as is too long");
        return -1;
    }
    if (clusters == CLUSTERS / 2 || letters_kept + (1 + EXPANDED_MOST) * CLUSTER_MOST > CLUSTER_LETTERS) {
        memset(CLUSTER, 0, sizeof CLUSTER);
        clusters = 0;
        letters_kept = 0;
    }
    Cluster *to = cluster_place(letters, n);
    if (to->hash) return 0;
    *to = (Cluster){.hash = cluster_hash(letters, n), .at = letters_kept, .n = (uint8_t)n, .reported = *told == '!'};
    memcpy(LETTERS + letters_kept, letters, 4 * (size_t)n);
    letters_kept += (uint32_t)n;
    for (const uint8_t *p = told + 1; p < told + size; to->written++) LETTERS[letters_kept++] = take_utf8(&p);
    clusters++;
    return 0;
}

static int learn_cluster(const uint32_t *letters, int n) {
    uint8_t text[4 * CLUSTER_MOST];
    Py_ssize_t size = 0, told_size = 0;
    for (int i = 0; i < n; i++) size += put_utf8(text + size, letters[i]);
    PyObject *string = PyUnicode_FromStringAndSize((const char *)text, size);
    PyObject *told = string && COMPOSER ? PyObject_CallFunctionObjArgs(COMPOSER, string, NULL) : NULL;
    const char *written = told && PyUnicode_Check(told) ? PyUnicode_AsUTF8AndSize(told, &told_size) : NULL;
    int failed = !written || keep_cluster(letters, n, (const uint8_t *)written, told_size);
    if (failed && !PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "what a cluster is written as is no str");
    Py_XDECREF(told);
    Py_XDECREF(string);
    return failed ? -1 : 0;
}
