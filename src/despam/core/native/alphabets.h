/* Words that mix alphabets, brought back to one: repair.fold_look_alikes and look_alikes.choose_table.

   Knows letters by what Python says they pass for. Small capitals are Python's to fold: they need no second alphabet. */

static uint32_t CYRILLIC_FOR[128]; /* look_alikes.CYRILLIC_FOR, asked for when a word first mixes alphabets */
static int cyrillic_known;
static PyObject *CYRILLIC_ASKER; /* engine.cyrillic_letters */

static int learn_cyrillic(void) {
    PyObject *told = CYRILLIC_ASKER ? PyObject_CallFunctionObjArgs(CYRILLIC_ASKER, NULL) : NULL;
    Py_ssize_t size = 0;
    const char *text = told && PyUnicode_Check(told) && PyUnicode_GetLength(told) == 128 ? PyUnicode_AsUTF8AndSize(told, &size) : NULL;
    const uint8_t *p = (const uint8_t *)text;
    for (int code = 0; text && code < 128; code++) CYRILLIC_FOR[code] = take_utf8(&p);
    if (!text && !PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the Cyrillic letters are no str of 128");
    Py_XDECREF(told);
    cyrillic_known = text != NULL;
    return text ? 0 : -1;
}

/* What the last letter was: Latin, or of an alphabet that is mixed with it; digits between do not count. */
static int next_alphabet(uint32_t code, const Character *c, int last) {
    return is_letter(code) ? 1 : c->look == FOREIGN ? 2 : c->flags & DIGIT ? last : 0;
}

/* Say whether any word mixes alphabets. */
static int is_mixed(const uint32_t *t, Py_ssize_t n) {
    int last = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        int now = next_alphabet(t[i], character(t[i]), last);
        if (last + now == 3) return 1;
        last = now;
    }
    return 0;
}

/* Fold one word: towards Cyrillic where letters that only it has are in the majority. */
static void fold_word(uint32_t *t, Py_ssize_t n, Unknown *unknown) {
    Py_ssize_t only_cyrillic = 0, only_latin = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        only_cyrillic += t[i] >= 0x400 && t[i] < 0x530 && !character(t[i])->latin;
        only_latin += is_letter(t[i]) && !CYRILLIC_FOR[t[i]];
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t to = only_cyrillic <= only_latin ? character(t[i])->latin : t[i] < 128 ? CYRILLIC_FOR[t[i]] : 0;
        if (!to) continue;
        t[i] = to;
        REPORT(LOOK_ALIKES);
        if (!character(to) && note_unknown(unknown, to)) return;
    }
}

/* Fold the words that mix alphabets. */
static Reading fold_look_alikes(uint32_t *t, Py_ssize_t n, Unknown *unknown) {
    if (!is_mixed(t, n)) return READY;
    if (!cyrillic_known) { unknown->wants_cyrillic = 1; return LEARN; }
    for (Py_ssize_t from = 0, i; from < n; from = i + 1) {
        for (i = from; i < n && (t[i] == '_' || character(t[i])->flags & ALPHANUMERIC); i++) {}
        if (is_mixed(t + from, i - from)) fold_word(t + from, i - from, unknown);
    }
    return unknown->n ? LEARN : READY;
}
