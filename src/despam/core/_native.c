/* The kernel: the loops of repair.py, features.py and shapes.py, and the solver of train/, in C.

   Knows a text as it was given: it decodes, repairs, folds, hashes and sums. The rare thing that it does not know (small capitals,
   attributes with odd letters) it hands back to Python by returning None, and takes the repaired text then; it never decides
   anything differently. What a character beyond ASCII is, or a letter with marks, it asks Python once, so both engines read the
   same Unicode tables. All sums are integers, so that both agree bit for bit; tests/core/test_engines.py and
   `python benchmarks/engines.py` are the proof.

   Limited API (abi3) of Python 3.11. Scans hold the GIL (an SMS takes a microsecond) and share one workspace; the solver lets it go.
   Invariant: every write is inside a buffer that `reserve` has sized, and a scan calls no Python between reading and answering. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FEATURE_VERSION 2 /* engine.VERSION */
#define INTERFACE 6       /* engine.INTERFACE: raise both when a function here changes what it takes or gives */
#define HEAD 3000
#define TAIL 300
#define SCORED (HEAD + 1 + TAIL)
#define WINDOW 8            /* repair.WINDOW */
#define BLOCKS_SKIPPED 4000 /* repair.BLOCKS_SKIPPED */
#define EXPANDED_MOST 18 /* times as many characters: what NFKC makes of one, of Unicode's forms for compatibility */
#define REPLACED_MOST (EXPANDED_MOST * ((HEAD + TAIL) * 2 + 1))
#define STRIPPED ((HEAD + TAIL) * WINDOW + BLOCKS_SKIPPED + 2) /* characters that repair.cut_source leaves at most */
#define GROUPS 6
enum { GRAMS, ACROSS, WORDS, PAIRS, SHAPES, CASE };

#define FEW_WORDS 2 /* hashed.FEW_WORDS, hashed.FEW_SHARE */
#define FEW_SHARE 5

#define PAIR_FACTOR 31u
#define PAIR_STEP 0x9E3779B1u

#define EDGE 3 /* NULs before and after a line: every blank inside has CONTEXT characters around it */
#define CONTEXT 4

#include "native/bytes.h"
#include "native/workspace.h"
#include "native/characters.h"
#include "native/clusters.h"
#include "native/alphabets.h"
#include "native/repair.h"
#include "native/blocks.h"
#include "native/markup.h"
#include "native/folding.h"
#include "native/counting.h"
#include "native/shapes.h"
#include "native/sorting.h"
#include "native/bound.h"
#include "native/solver.h"

/* ---- one text ---- */

typedef struct {
    const uint8_t *utf8;
    Py_ssize_t size, chars;
    const Py_buffer *repairs; /* it is repaired already, by these */
    PyObject *owner;          /* of the bytes */
} Text;

/* Count everything of the folded text: sums by a model, or ids without one. */
static void count_all(Bound *b, const uint8_t *bones, Py_ssize_t length, const Py_buffer *repairs) {
    memset(S.n, 0, sizeof S.n);
    memset(S.sum, 0, sizeof S.sum);
    memset(S.shaped, 0, sizeof S.shaped);
    tlds = 0;
    find_distinct(b);
    if (b) sum_words(b);
    else list_words();
    scan_contexts(b);
    scan_pairs(b);
    scan_case(b);
    word_shapes(b);
    character_shapes(b, bones, length);
    chunk_shapes(b, bones, length);
    for (Py_ssize_t i = 0; repairs && i < repairs->len; i++) shape(b, REPAIRED, ((const uint8_t *)repairs->buf)[i] & 63);
    for (int place = 0; place < 8; place++)
        if (S.repaired >> place & 1) shape(b, REPAIRED, place);
}

/* Copy what is scored of a text of ASCII to S.bones, blanks behind it; gives its length. */
static Py_ssize_t copy_scored(const uint8_t *t, Py_ssize_t n) {
    if (n > SCORED || (n > HEAD + TAIL && t[HEAD] != '\n')) {
        memcpy(S.bones, t, HEAD);
        S.bones[HEAD] = '\n';
        memcpy(S.bones + HEAD + 1, t + n - TAIL, TAIL);
        n = SCORED;
    } else {
        memcpy(S.bones, t, (size_t)n);
    }
    memset(S.bones + n, ' ', BLOCK);
    return n;
}

/* Say whether a text of ASCII without markup needs no repair. */
static int is_plain(const uint8_t *t, Py_ssize_t n) {
    int found = look_at(t, n);
    if (found & ODD || (found & SIGNED && has_entity(t, n))) return 0;
    if (n <= 2 * (HEAD + TAIL)) return !may_be_spaced(t, n);
    return !may_be_spaced(t, 2 * HEAD) && !may_be_spaced(t + n - 2 * TAIL, 2 * TAIL);
}

/* Write S.code to S.bones where all of it is ASCII, blanks behind it; 0 where it is not. */
static int narrow(Py_ssize_t n) {
    const uint32_t *restrict code = S.code;
    uint8_t *restrict bones = S.bones;
    uint32_t all = 0;
    for (Py_ssize_t i = 0; i < n; i++) all |= code[i];
    if (all > 127) return 0;
    for (Py_ssize_t i = 0; i < n; i++) bones[i] = (uint8_t)code[i];
    memset(S.bones + n, ' ', BLOCK);
    return 1;
}

/* Repair and fold one text; `n`: the length of what is scored. */
static Reading take_text(const Text *given, Py_ssize_t *n, Unknown *unknown) {
    Text t = *given;
    int bounded = !t.repairs && has_markup(t.utf8, t.size);
    Reading reading = bounded ? show_markup(&t.utf8, &t.size, &t.chars, unknown) : READY;
    if (reading != READY) return reading;
    if (t.chars == t.size && (t.repairs || is_plain(t.utf8, t.size))) {
        *n = copy_scored(t.utf8, t.size);
        fold_ascii(S.bones, *n);
        return READY;
    }
    reading = t.repairs ? take_repaired(t.utf8, t.size, n, unknown) : repair(t.utf8, t.size, t.chars, bounded, n, unknown);
    if (reading != READY) return reading;
    if (narrow(*n)) fold_ascii(S.bones, *n);
    else fold_wide(*n);
    return READY;
}

/* Repair, fold and count one text. */
static Reading scan(const Text *t, Bound *b, uint32_t mask, Unknown *unknown) {
    if (reserve(mask)) return FAILED;
    if (t->repairs && t->chars > SCORED) { PyErr_SetString(PyExc_ValueError, "the repaired text is too long"); return FAILED; }
    Py_ssize_t n = 0;
    S.repaired = 0;
    Reading reading = take_text(t, &n, unknown);
    if (reading == READY) count_all(b, S.bones, n, t->repairs);
    return reading;
}

/* Ask Python for what was unknown. It may let other threads run and scan: nothing of the workspace is used across this call. */
static int learn(const Unknown *u) {
    if ((*u->name && learn_name(u->name)) || (u->wants_cyrillic && learn_cyrillic()) || learn_characters(u)) return -1;
    for (int i = 0; i < u->clusters; i++)
        if (learn_cluster(u->cluster[i].letters, u->cluster[i].n)) return -1;
    return 0;
}

/* Scan, learning what characters are as they are met. */
static Reading scan_and_learn(const Text *t, Bound *b, uint32_t mask) {
    int names = 0, rounds = 0;
    for (;;) {
        Unknown unknown;
        unknown.n = unknown.clusters = unknown.wants_cyrillic = unknown.odd = 0;
        unknown.name[0] = 0;
        Reading reading = scan(t, b, mask, &unknown);
        if (reading != LEARN) return reading;
        if (*unknown.name && ++names > NAMES_A_TEXT) return LEAVE;
        if (unknown.clusters && ++rounds > CLUSTER_ROUNDS) return LEAVE;
        if (learn(&unknown)) return FAILED;
    }
}

/* Leave out the middle of a long text without markup, as repair.cut_source does, before it costs its length; a new reference. */
static PyObject *shorten(PyObject *text) {
    Py_ssize_t n = PyUnicode_GetLength(text);
    if (n <= 2 * (HEAD + TAIL) * WINDOW || PyUnicode_FindChar(text, '<', 0, n, 1) >= 0) return Py_NewRef(text);
    PyObject *head = PyUnicode_Substring(text, 0, HEAD * WINDOW), *tail = PyUnicode_Substring(text, n - TAIL * WINDOW, n);
    PyObject *both = head && tail ? PyUnicode_FromFormat("%U\n%U", head, tail) : NULL;
    Py_XDECREF(head);
    Py_XDECREF(tail);
    return both;
}

/* Look at a str as UTF-8, lone surrogates among it; 0 where it is none. */
static int open_text(PyObject *text, Text *t) {
    if (!PyUnicode_Check(text)) return 0;
    t->owner = shorten(text);
    if (!t->owner) { PyErr_Clear(); return 0; }
    t->chars = PyUnicode_GetLength(t->owner);
    t->utf8 = (const uint8_t *)PyUnicode_AsUTF8AndSize(t->owner, &t->size);
    if (t->utf8) return 1;
    PyErr_Clear();
    PyObject *bytes = PyUnicode_AsEncodedString(t->owner, "utf-8", "surrogatepass");
    char *start;
    Py_DECREF(t->owner);
    t->owner = bytes;
    if (!bytes || PyBytes_AsStringAndSize(bytes, &start, &t->size)) { PyErr_Clear(); return 0; }
    t->utf8 = (const uint8_t *)start;
    return 1;
}

/* ---- what Python calls ---- */

/* Write the places of the repairs that were made here, and give their number. */
static Py_ssize_t list_repairs(char *places) {
    Py_ssize_t n = 0;
    for (char place = 0; place < 8; place++)
        if (S.repaired >> place & 1) places[n++] = place;
    return n;
}

/* score(handle, text[, repairs]) -> (score, known words, distinct words, repairs made here), the score alone where there are none and
   the evidence is enough (hashed.too_little), or None where Python must repair the text first; with repairs (their places in repair.REPAIRS) it has.
   The float operations are hashed.HashedScorer.combine's, one by one. */
static PyObject *score(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 2 && count != 3) { PyErr_SetString(PyExc_TypeError, "score takes a handle, a text and perhaps repairs"); return NULL; }
    Bound *b = PyCapsule_GetPointer(args[0], BOUND);
    if (!b) return NULL;
    Py_buffer repairs;
    Text t = {.repairs = NULL};
    if (count == 3) {
        if (PyObject_GetBuffer(args[2], &repairs, PyBUF_SIMPLE)) return NULL;
        t.repairs = &repairs;
    }
    Reading reading = open_text(args[1], &t) ? scan_and_learn(&t, b, b->mask) : LEAVE;
    Py_XDECREF(t.owner);
    if (t.repairs) PyBuffer_Release(&repairs);
    if (reading == FAILED) return NULL;
    if (reading == LEAVE) Py_RETURN_NONE;
    double sum = combine(b);
    if (!S.repaired && S.known >= FEW_WORDS && S.known * FEW_SHARE >= S.distincts) return PyFloat_FromDouble(sum);
    char places[8];
    Py_ssize_t repairs_made = list_repairs(places);
    return Py_BuildValue("(dnny#)", sum, S.known, S.distincts, places, repairs_made);
}

/* Parse (first, text[, repairs]) and scan; the answer is the caller's to build where the reading is READY. */
static Reading scan_arguments(PyObject *text, Py_buffer *repairs, Bound *b, uint32_t mask) {
    Text t = {.repairs = repairs->obj ? repairs : NULL};
    Reading reading = open_text(text, &t) ? scan_and_learn(&t, b, mask) : LEAVE;
    Py_XDECREF(t.owner);
    if (repairs->obj) PyBuffer_Release(repairs);
    return reading;
}

/* measure(handle, text[, repairs]) -> (sums, counts, known words, distinct words, repairs made here), or None as score */
static PyObject *measure(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule, *text;
    Py_buffer repairs = {0};
    if (!PyArg_ParseTuple(args, "OO|y*", &capsule, &text, &repairs)) return NULL;
    Bound *b = PyCapsule_GetPointer(capsule, BOUND);
    if (!b) {
        if (repairs.obj) PyBuffer_Release(&repairs);
        return NULL;
    }
    Reading reading = scan_arguments(text, &repairs, b, b->mask);
    if (reading == FAILED) return NULL;
    if (reading == LEAVE) Py_RETURN_NONE;
    char places[8];
    Py_ssize_t repairs_made = list_repairs(places);
    return Py_BuildValue("((LLLLLL)(nnnnnn)nny#)", S.sum[0], S.sum[1], S.sum[2], S.sum[3], S.sum[4], S.sum[5], S.n[0], S.n[1],
                         S.n[2], S.n[3], S.n[4], S.n[5], S.known, S.distincts, places, repairs_made);
}

/* Give the ids of all groups one after another, in order inside each; how many each has; and the hashes of the words. */
static PyObject *answer_ids(void) {
    _Static_assert(8 * (SCORED + 16) + 1024 <= REPLACED_MOST + 16, "S.code is no room for the ids of a group");
    Py_ssize_t total = 0;
    for (int g = 0; g < GROUPS; g++) total += S.n[g];
    PyObject *ids = PyBytes_FromStringAndSize(NULL, total * 4), *words = PyBytes_FromStringAndSize(NULL, S.distincts * 4);
    if (!ids || !words) { Py_XDECREF(ids); Py_XDECREF(words); return NULL; }
    uint32_t *to = (uint32_t *)PyBytes_AsString(ids), *hashes = (uint32_t *)PyBytes_AsString(words);
    for (int g = 0; g < GROUPS; to += S.n[g], g++) {
        for (Py_ssize_t i = 0; i < S.n[g]; i++) S.ids[g][i] &= S.mask;
        sort_ids(S.ids[g], S.n[g], S.mask, S.code, to);
    }
    for (Py_ssize_t i = 0; i < S.distincts; i++) hashes[i] = S.distinct[i].hash;
    return Py_BuildValue("N(nnnnnn)N", ids, S.n[0], S.n[1], S.n[2], S.n[3], S.n[4], S.n[5], words);
}

/* scan_ids(text, mask[, repairs]) -> (ids, their number by group, hashes of distinct words), bytes of uint32, or None as score */
static PyObject *scan_ids(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *text;
    unsigned long mask;
    Py_buffer repairs = {0};
    if (!PyArg_ParseTuple(args, "Ok|y*", &text, &mask, &repairs)) return NULL;
    if (mask < 1023 || mask & (mask + 1) || mask >= 1UL << 26) {
        if (repairs.obj) PyBuffer_Release(&repairs);
        PyErr_SetString(PyExc_ValueError, "mask is no power of two less one");
        return NULL;
    }
    Reading reading = scan_arguments(text, &repairs, NULL, (uint32_t)mask);
    if (reading == FAILED) return NULL;
    if (reading == LEAVE) Py_RETURN_NONE;
    return answer_ids();
}

/* ask(describe_characters, named_entity, compose, cyrillic_letters): whom to ask what characters are, what entities stand for, how
   letters with marks are written, and which Cyrillic letters Latin ones pass for */
static PyObject *ask(PyObject *self, PyObject *args) {
    (void)self;
    PyObject **askers[4] = {&ASKER, &NAME_ASKER, &COMPOSER, &CYRILLIC_ASKER}, *asked[4];
    if (!PyArg_ParseTuple(args, "OOOO", &asked[0], &asked[1], &asked[2], &asked[3])) return NULL;
    for (int i = 0; i < 4; i++) {
        PyObject *old = *askers[i];
        *askers[i] = Py_NewRef(asked[i]);
        Py_XDECREF(old);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"ask", ask, METH_VARARGS, "Name who tells what the kernel does not know."},
    {"bind", bind, METH_VARARGS, "Hold a model's buffers for score() and measure()."},
    {"score", (PyCFunction)(void (*)(void))score, METH_FASTCALL, "Score a text with a bound model."},
    {"measure", measure, METH_VARARGS, "Give the integers behind a score."},
    {"scan_ids", scan_ids, METH_VARARGS, "Give the ids of a text."},
    {"solve", solve, METH_VARARGS, "Learn weights by dual coordinate descent."},
    {NULL, NULL, 0, NULL},
};

/* size 0, not -1: of a module of -1 another interpreter is given a copy, and PyInit cannot refuse */
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    static const char *const names[GROUPS] = {"grams", "across", "words", "pairs", "shapes", "case"};
    static int64_t first = -1; /* the interpreter whose objects the tables hold: no other may use or replace them */
    int64_t here = PyInterpreterState_GetID(PyInterpreterState_Get());
    if (first >= 0 && here != first) {
        PyErr_SetString(PyExc_ImportError, "the kernel serves one interpreter of a process; others go on in Python");
        return NULL;
    }
    first = here;
    make_tables();
    make_classes();
    for (int g = 0; g < GROUPS; g++) SEED[g] = crc_bytes(0xFFFFFFFFu, (const uint8_t *)names[g], (Py_ssize_t)strlen(names[g]));
    PyObject *m = PyModule_Create(&module);
    if (m && (PyModule_AddIntConstant(m, "FEATURE_VERSION", FEATURE_VERSION) || PyModule_AddIntConstant(m, "INTERFACE", INTERFACE))) {
        Py_DECREF(m);
        return NULL;
    }
    return m;
}
