/* libFuzzer on the kernel: any bytes as a text, as it came and as Python would have repaired it.

   The kernel's own file is included, so that its static functions can be called without a Python object between; characters beyond
   ASCII are described here by a rule of thumb, so that every branch is met without Python. `tests/fuzz/run.sh MINUTES` runs it. */

#include "../../src/despam/core/_native.c"

static int8_t weights[1 << 12];
static uint8_t known[1 << 9];
static Bound bound;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    Py_Initialize();
    Py_XDECREF(PyInit__native());
    for (int i = 0; i < 1 << 12; i++) weights[i] = (int8_t)(i * 7);
    bound = (Bound){.limit = 1, .w8 = weights, .known = known, .mask = (1 << 12) - 1, .known_mask = (1 << 12) - 1};
    bound.words = calloc(WORD_ENTRIES, sizeof *bound.words);
    bound.contexts = calloc(CONTEXT_ENTRIES, sizeof *bound.contexts);
    for (int i = 0; i < 64 * 64; i++) (&bound.shapes[0][0])[i] = UNKNOWN_WEIGHT;
    return 0;
}

static void put32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> 8 * i);
}

/* Describe a character in one of the ways that Python might, by its number. */
static void describe(uint32_t c) {
    static const uint8_t bones[] = {EMOJI, POUND, EURO, CURRENCY, PUNCTUATION, IDEOGRAPH, CYRILLIC, CYRILLIC_CAPITAL, OTHER, 'A', 'a', '0', ' '};
    uint8_t told[DESCRIBED] = {bones[c % sizeof bones], (uint8_t)(c / 3 % 64), c % 11 ? (uint8_t)(c / 7 % 8) : PLAIN};
    if (told[2] == EXPANDED || told[2] == DISGUISED)
        for (uint32_t i = 0; i <= c % 3; i++) put32(told + 4 + 4 * i, i ? c + i : 'f');
    put32(told + 16, c % 5 > 1 ? c : c % 5);
    put32(told + 20, c % 5 > 1 ? c + 1 : c % 5);
    put32(told + 24, c % 13 ? 0 : 0x307);
    put32(told + 28, c % 3 ? 0 : 'a' + c % 26);
    if (keep_character(c, told)) abort();
}

/* Keep the UTF-8 that Python could have made: no broken bytes, no surrogates. */
static Py_ssize_t valid(const uint8_t *data, size_t size, uint8_t *to, Py_ssize_t *chars) {
    Py_ssize_t n = 0;
    *chars = 0;
    for (size_t i = 0; i < size; ++*chars) {
        if (data[i] < 0x80) { to[n++] = data[i++]; continue; }
        uint32_t c = 0x80 + (data[i] & 0x7F) * 0x1F3u + (i + 1 < size ? data[i + 1] * 0x11u : 0);
        i += 2;
        if (c >= 0xD800 && c < 0xE000) c = 0x1F600;
        n += put_utf8(to + n, c);
    }
    return n;
}

/* What must hold after any scan. */
static void check(Reading reading) {
    if (reading == FAILED) abort();
    if (reading != READY) return;
    if (S.distincts > S.words || S.n[WORDS] != S.distincts || S.n[GRAMS] < 0 || S.n[SHAPES] < 10) abort();
    for (Py_ssize_t i = 0; i < S.n[PAIRS]; i++)
        if (S.ids[PAIRS][i] > S.mask) abort();
    for (uint32_t i = 0; i <= S.mask / 32; i++)
        if (S.bits[i]) abort();
}

/* Let the name of an entity stand for nothing, for something odd or for a letter, by its length. */
static void keep_name(const char *name) {
    static const uint32_t codes[] = {NO_ENTITY, ODD_ENTITY, 0xE9};
    if (named == NAMES) named = 0;
    memcpy(NAMED[named].name, name, NAME_MOST + 1);
    NAMED[named++].code = codes[strlen(name) % 3];
}

/* Let a cluster become as many letters as are possible, or a few. */
static void keep(const Letters *cluster) {
    uint8_t told[1 + 4 * EXPANDED_MOST * CLUSTER_MOST] = {cluster->letters[0] % 2 ? '!' : '='};
    Py_ssize_t size = 1, n = cluster->letters[0] % 3 ? 1 + cluster->letters[0] % 3 : EXPANDED_MOST * cluster->n;
    for (Py_ssize_t i = 0; i < n; i++) size += put_utf8(told + size, i % 2 ? 'f' : cluster->letters[0]);
    if (keep_cluster(cluster->letters, cluster->n, told, size)) abort();
}

static Reading scan_and_describe(const Text *t, Bound *b) {
    for (int names = 0, rounds = 0;;) {
        Unknown unknown;
        unknown.n = unknown.clusters = unknown.wants_cyrillic = 0;
        unknown.name[0] = 0;
        Reading reading = scan(t, b, (1 << 12) - 1, &unknown);
        if (reading != LEARN) return reading;
        if (*unknown.name && ++names > NAMES_A_TEXT) return LEAVE;
        if (unknown.clusters && ++rounds > CLUSTER_ROUNDS) return LEAVE;
        for (int i = 0; i < unknown.clusters; i++) keep(&unknown.cluster[i]);
        if (unknown.wants_cyrillic)
            for (uint32_t c = 0; c < 128; c++) CYRILLIC_FOR[c] = c % 3 ? 0 : 0x430 + c;
        cyrillic_known |= unknown.wants_cyrillic;
        if (*unknown.name) keep_name(unknown.name);
        for (int i = 0; i < unknown.n; i++) describe(unknown.code[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t utf8[1 << 17];
    if (size > sizeof utf8 / 4) return 0;
    Text t = {.utf8 = utf8};
    t.size = valid(data, size, utf8, &t.chars);
    uint8_t *exact = malloc((size_t)t.size + 1); /* as Python keeps it: one NUL behind it, and nothing else to read */
    if (!exact) abort();
    memcpy(exact, utf8, (size_t)t.size);
    exact[t.size] = 0;
    t.utf8 = exact;
    long long sums[GROUPS];
    Reading reading = scan_and_describe(&t, &bound);
    check(reading);
    memcpy(sums, S.sum, sizeof sums);
    if (reading == READY) { /* again, with everything met, and without a model */
        check(scan_and_describe(&t, &bound));
        if (memcmp(sums, S.sum, sizeof sums)) abort();
        check(scan_and_describe(&t, NULL));
    }
    Py_buffer repairs = {.buf = exact, .len = t.size < 3 ? t.size : 3};
    t.repairs = &repairs;
    if (t.chars <= SCORED) check(scan_and_describe(&t, &bound));
    free(exact);
    return 0;
}
