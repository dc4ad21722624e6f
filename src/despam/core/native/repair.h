/* repair.py in C, markup aside (markup.h).

   Knows entities, characters that are dropped or written otherwise, letters spaced out, and the cuts. For what it does not know, small
   capitals above all, it says LEAVE and Python repairs the text; it may say so too often, never too seldom. */

/* Say whether markup may stand here: a tag, a comment or a declaration would begin like this. */
static int has_markup(const uint8_t *t, Py_ssize_t n) {
    const uint8_t *end = t + n, *p = memchr(t, '<', (size_t)n);
    for (; p && end - p > 16; p += 16) {
        Bytes next = load_bytes(p + 1), begins = within(next | 32, 'a', 26) | (Bytes)((next == '/') | (next == '!') | (next == '?'));
        if (gather((Bytes)(load_bytes(p) == '<') & begins)) return 1;
    }
    for (; p && p + 1 < end; p++)
        if (*p == '<' && (is_letter(p[1]) || p[1] == '/' || p[1] == '!' || p[1] == '?')) return 1;
    return 0;
}

static const struct { const char *name; uint32_t code; } ENTITIES[] = { /* repair.ENTITIES */
    {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}, {"copy", 0xA9}, {"reg", 0xAE},
    {"pound", 0xA3}, {"euro", 0x20AC}, {"cent", 0xA2}, {"yen", 0xA5}, {"hellip", 0x2026}, {"mdash", 0x2014}, {"ndash", 0x2013},
    {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"bull", 0x2022}, {"middot", 0xB7}, {"trade", 0x2122}};

static uint32_t number_entity(const uint8_t *p, const uint8_t *end, const uint8_t **after) {
    int hex = p < end && (*p | 32) == 'x', digits = 0;
    uint32_t code = 0;
    for (p += hex; p < end; p++, digits++) {
        int digit = is_digit(*p) ? *p - '0' : hex && (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (*p | 32) - 'a' + 10 : -1;
        if (digit < 0) break;
        if (digits == (hex ? 6 : 7)) return NO_ENTITY;
        code = code * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (p < end && *p >= 128) return ODD_ENTITY; /* perhaps a digit of another script */
    if (!digits) return NO_ENTITY;
    *after = p + (p < end && *p == ';');
    if (!code || code >= 0x110000 || (code >= 0xD800 && code < 0xE000)) return 0xFFFD;
    if (is_letter(code) || is_digit(code)) REPORT(ENTITIES_REPORTED); /* a number for a plain letter */
    return code;
}

#define UNKNOWN_ENTITY 0xFFFFFFFDu

/* Decode the entity at `p`, which stands behind an ampersand; one of an unknown name is noted. */
static uint32_t entity(const uint8_t *p, const uint8_t *end, const uint8_t **after, Unknown *unknown) {
    if (p < end && *p == '#') return number_entity(p + 1, end, after);
    Py_ssize_t n = 0;
    while (p + n < end && n < NAME_MOST && (is_letter(p[n]) || (n && is_digit(p[n])))) n++;
    if (n < 2) return NO_ENTITY;
    *after = p + n + (p + n < end && p[n] == ';');
    for (size_t i = 0; i < sizeof ENTITIES / sizeof *ENTITIES; i++)
        if ((Py_ssize_t)strlen(ENTITIES[i].name) == n && !memcmp(ENTITIES[i].name, p, (size_t)n)) return ENTITIES[i].code;
    char name[NAME_MOST + 1] = {0};
    memcpy(name, p, (size_t)n);
    const Name *known = find_name(name);
    if (known) return known->code;
    memcpy(unknown->name, name, sizeof name);
    return UNKNOWN_ENTITY;
}

/* Decode to the text, entities replaced; -1 where Python must look or be asked. */
static Py_ssize_t decode(const uint8_t *p, const uint8_t *end, uint32_t *to, Unknown *unknown) {
    uint32_t *out = to;
    while (p < end) {
        for (; end - p >= 16 && !gather((Bytes)((load_bytes(p) > 127) | (load_bytes(p) == '&'))); p += 16, out += 16)
            for (int k = 0; k < 16; k++) out[k] = p[k];
        const uint8_t *stop = end - p < 16 ? end : p + 16;
        while (p < stop) {
            if (*p != '&') { *out++ = take_utf8(&p); continue; }
            const uint8_t *after = p + 1;
            uint32_t code = entity(p + 1, end, &after, unknown);
            if (code == ODD_ENTITY || code == UNKNOWN_ENTITY) return -1;
            *out++ = code == NO_ENTITY ? '&' : code;
            p = code == NO_ENTITY ? p + 1 : after;
        }
    }
    return out - to;
}

/* Skip characters that are there. */
static const uint8_t *skip_characters(const uint8_t *p, Py_ssize_t count) {
    for (; count >= 16 && !gather((Bytes)(load_bytes(p) > 127)); count -= 16) p += 16;
    while (count-- > 0) p += *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    return p;
}

static const uint8_t *skip_back(const uint8_t *p, Py_ssize_t count) {
    for (; count >= 16 && !gather((Bytes)(load_bytes(p - 16) > 127)); count -= 16) p -= 16;
    while (count-- > 0) do p--; while ((*p & 0xC0) == 0x80);
    return p;
}

/* Leave out the middle of what is longer than `times` what is scored. */
static Py_ssize_t cut(uint32_t *code, Py_ssize_t n, Py_ssize_t times) {
    if (n <= (HEAD + TAIL) * times) return n;
    code[HEAD * times] = '\n';
    memmove(code + HEAD * times + 1, code + n - TAIL * times, (size_t)(TAIL * times) * sizeof *code);
    return (HEAD + TAIL) * times + 1;
}

/* Decode what can matter: only entities reach beyond what the next cut leaves. Of a `bounded` text all of its window is left. */
static Py_ssize_t decode_window(const uint8_t *t, Py_ssize_t size, Py_ssize_t chars, int bounded, Unknown *unknown) {
    int has_entities = memchr(t, '&', (size_t)size) != NULL;
    Py_ssize_t times = has_entities ? WINDOW : 2;
    if (chars <= (HEAD + TAIL) * times || (bounded && has_entities)) return decode(t, t + size, S.code, unknown);
    Py_ssize_t head = decode(t, skip_characters(t, HEAD * times), S.code, unknown);
    if (head < 0) return -1;
    S.code[head++] = '\n';
    Py_ssize_t tail = decode(skip_back(t + size, TAIL * times), t + size, S.code + head, unknown);
    return tail < 0 ? -1 : head + tail;
}

/* Scripts that write with joiners use them honestly (repair.JOINING). */
static int is_joining(uint32_t c) {
    return (c >= 0x600 && c <= 0xDFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x18AF) || (c >= 0xFB50 && c <= 0xFDFF) ||
           (c >= 0xFE70 && c <= 0xFEFC);
}

static uint32_t REPLACED[REPLACED_MOST];
enum { RUN = 16 }; /* characters looked at together, before each by itself */

static int is_surrogate(uint32_t c) { return c >= 0xD800 && c < 0xE000; }

/* Write the letters of a cluster as they are to be seen; 1 where no more fit that Python must be asked for. */
static int put_cluster(const Letters *cluster, Py_ssize_t *to, Unknown *unknown) {
    const Character *c = character(cluster->letters[0]);
    const uint32_t *written = cluster->letters;
    int n = 1;
    if (cluster->n > 1 || c->look == COMBINING || c->look == LONG) {
        const Cluster *known = find_cluster(cluster->letters, cluster->n);
        if (!known) return note_cluster(unknown, cluster);
        if (known->reported) REPORT(FULL_WIDTH);
        written = LETTERS + known->at + known->n;
        n = known->written;
    } else if (c->look == EXPANDED || c->look == DISGUISED) {
        if (c->look == DISGUISED) REPORT(FULL_WIDTH);
        written = c->expansion;
        n = written[1] ? written[2] ? 3 : 2 : 1;
    }
    int full = 0;
    for (int k = 0; k < n; k++) {
        REPLACED[(*to)++] = written[k];
        const Character *seen = character(written[k]);
        if (!seen) full |= note_unknown(unknown, written[k]);
        else if (seen->look == ASK) unknown->odd = 1; /* a small capital that was a modifier letter: Python's too */
    }
    return full;
}

/* Say whether characters are dropped, written otherwise or of an alphabet that is mixed: not in ASCII without controls. */
static int is_beyond_ascii(const uint32_t *t, Py_ssize_t n) {
    uint32_t found = 0;
    for (Py_ssize_t i = 0; i < n; i++) found |= (t[i] > 126) | (t[i] < 9) | (t[i] - 14 < 18);
    return (int)found;
}

/* Drop what is never seen and write clusters otherwise: of at most 6,601 characters at most eighteen times as many. */
static Reading replace_characters(Py_ssize_t *n, Unknown *unknown) {
    Py_ssize_t to = 0, doubtful = 0;
    const Character *before = NULL;
    uint32_t before_code = 0;
    Letters cluster = {.n = 0};
    int full = 0, dropped = 0, overridden = 0;
    for (Py_ssize_t i = 0; i < *n && !full; i++) {
        if (i >= doubtful && !dropped && i + RUN <= *n) {
            if (!is_beyond_ascii(S.code + i, RUN)) { /* only the last may have a mark behind it */
                if (cluster.n) full = put_cluster(&cluster, &to, unknown);
                memcpy(REPLACED + to, S.code + i, (RUN - 1) * sizeof *REPLACED);
                to += RUN - 1;
                i += RUN - 1;
                before_code = cluster.letters[0] = S.code[i];
                before = character(before_code);
                cluster.n = 1;
                continue;
            }
            doubtful = i + RUN;
        }
        uint32_t code = is_surrogate(S.code[i]) ? 0xFFFD : S.code[i];
        const Character *c = character(code);
        if (!c) { full = note_unknown(unknown, code); continue; }
        if (c->look == ASK) return LEAVE;
        if (c->look == DROPPED) {
            dropped = 1;
            if (code == 0x202D || code == 0x202E) { overridden = 1; REPORT(BIDI); }
            continue;
        }
        if (dropped && !overridden && before && before->flags & LETTER && c->flags & LETTER && !is_joining(before_code))
            REPORT(ZERO_WIDTH); /* it hides in a word */
        dropped = overridden = 0;
        before = c;
        before_code = code;
        if (c->look == COMBINING && cluster.n && cluster.n < CLUSTER_MOST) { cluster.letters[cluster.n++] = code; continue; }
        if (cluster.n) full = put_cluster(&cluster, &to, unknown);
        cluster.letters[0] = code;
        cluster.n = 1;
    }
    if (cluster.n) put_cluster(&cluster, &to, unknown);
    if (unknown->n || unknown->clusters) return LEARN;
    if (unknown->odd) return LEAVE;
    memcpy(S.code, REPLACED, (size_t)to * sizeof *REPLACED);
    *n = to;
    return READY;
}

/* Letters that repair.SPACED joins, the signs between them, and what must not stand around them. */
static int is_spaced_letter(uint32_t c) { return is_letter(c) || (c >= 0xC0 && c < 0x250) || (c >= 0x370 && c < 0x530); }

static int is_spacing(uint32_t c) { return c == ' ' || c == '.' || c == '-' || c == '*' || c == '_' || c == '~' || c == '|'; }

static int is_attached(uint32_t c) { return c == '_' || c == '\'' || character(c)->flags & ALPHANUMERIC; }

/* Four letters with the same sign between them, seen from the first. */
#define SPACED_AT(t, i)                                                                                                         \
    ((t)[(i) + 1] == (t)[(i) + 3] && (t)[(i) + 1] == (t)[(i) + 5] && is_spacing((t)[(i) + 1]) && is_spaced_letter((t)[i]) &&    \
     is_spaced_letter((t)[(i) + 2]) && is_spaced_letter((t)[(i) + 4]) && is_spaced_letter((t)[(i) + 6]))

/* Give where letters spaced out from i on end, as the regular expression finds it: as many as possible, then fewer; 0 for none. */
static Py_ssize_t spaced_end(const uint32_t *t, Py_ssize_t n, Py_ssize_t i) {
    if (i + 6 >= n || !SPACED_AT(t, i) || (i && is_attached(t[i - 1]))) return 0;
    Py_ssize_t end = i + 7;
    while (end + 1 < n && t[end] == t[i + 1] && is_spaced_letter(t[end + 1])) end += 2;
    while (end > i + 5 && end < n && is_attached(t[end])) end -= 2;
    return end > i + 5 ? end : 0;
}

/* Say whether letters spaced out may begin at one of RUN places: the same sign three times with something else between. */
static int may_begin_spaced(const uint32_t *t) {
    uint32_t found = 0;
    for (int i = 0; i < RUN; i++) found |= (t[i + 1] == t[i + 3]) & (t[i + 1] == t[i + 5]) & (t[i + 1] != t[i + 2]);
    return (int)found;
}

/* Join four or more single letters with the same sign between them; 1 where there were any. */
static int join_spaced(uint32_t *t, Py_ssize_t *n) {
    Py_ssize_t to = 0, doubtful = 0;
    int joined = 0;
    for (Py_ssize_t i = 0; i < *n;) {
        if (i >= doubtful && i + RUN + 5 < *n) {
            if (!may_begin_spaced(t + i)) {
                memmove(t + to, t + i, RUN * sizeof *t);
                to += RUN;
                i += RUN;
                continue;
            }
            doubtful = i + RUN;
        }
        Py_ssize_t end = spaced_end(t, *n, i);
        if (!end) { t[to++] = t[i++]; continue; }
        for (; i < end; i += 2) t[to++] = t[i];
        i = end;
        joined = 1;
    }
    *n = to;
    return joined;
}

/* Decode and repair a text without markup, or stripped of it, to S.code. */
static Reading repair(const uint8_t *t, Py_ssize_t size, Py_ssize_t chars, int bounded, Py_ssize_t *n, Unknown *unknown) {
    *n = decode_window(t, size, chars, bounded, unknown);
    if (*n < 0) return *unknown->name ? LEARN : LEAVE;
    *n = cut(S.code, *n, 2);
    if (is_beyond_ascii(S.code, *n)) {
        Reading reading = replace_characters(n, unknown);
        if (reading != READY) return reading;
        reading = fold_look_alikes(S.code, *n, unknown);
        if (reading != READY) return reading;
    }
    if (join_spaced(S.code, n)) REPORT(SPACED_OUT);
    *n = cut(S.code, *n, 1);
    return READY;
}

/* Decode a text that Python has repaired. */
static Reading take_repaired(const uint8_t *t, Py_ssize_t size, Py_ssize_t *n, Unknown *unknown) {
    const uint8_t *end = t + size;
    *n = 0;
    while (t < end) {
        uint32_t code = take_utf8(&t);
        S.code[(*n)++] = code;
        if (!character(code) && note_unknown(unknown, code)) break;
    }
    return unknown->n ? LEARN : READY;
}

/* Say whether letters may be spaced out in ASCII: a look at sixteen places at once first. */
static int may_be_spaced(const uint8_t *t, Py_ssize_t n) {
    Py_ssize_t from = 0;
    for (; from + 21 < n; from += 16) {
        Bytes sign = load_bytes(t + from + 1), first = load_bytes(t + from), spaced;
        spaced = (Bytes)((sign == load_bytes(t + from + 3)) & (sign == load_bytes(t + from + 5))) & within(first | 32, 'a', 26);
        for (uint64_t at = gather(spaced & ~within(sign | 32, 'a', 26)); at; at &= at - 1)
            if (SPACED_AT(t, from + __builtin_ctzll(at))) return 1;
    }
    for (; from + 6 < n; from++)
        if (SPACED_AT(t, from)) return 1;
    return 0;
}

enum { ODD = 1, SIGNED = 2 };

/* Say whether a text of ASCII holds control characters (ODD), and whether it holds < or & (SIGNED). */
static int look_at(const uint8_t *t, Py_ssize_t n) {
    Bytes odd = {0}, sign = {0};
    uint8_t rest[16];
    for (Py_ssize_t at = 0; at < n; at += 16) {
        if (n - at < 16) {
            memset(rest, ' ', 16);
            memcpy(rest, t + at, (size_t)(n - at));
        }
        Bytes b = load_bytes(n - at < 16 ? rest : t + at);
        odd |= (Bytes)((b == 127) | (b < 9)) | within(b, 14, 18);
        sign |= (Bytes)((b == '<') | (b == '&'));
    }
    return (gather(odd) ? ODD : 0) | (gather(sign) ? SIGNED : 0);
}

static int begins_entity(const uint8_t *p, const uint8_t *end) {
    return p[1] == '#' || (is_letter(p[1]) && p + 2 < end && (is_letter(p[2]) || is_digit(p[2])));
}

/* Say whether an ampersand may begin an entity. */
static int has_entity(const uint8_t *t, Py_ssize_t n) {
    const uint8_t *end = t + n, *p = memchr(t, '&', (size_t)n);
    for (; p && end - p > 16; p += 16) {
        Bytes next = load_bytes(p + 1);
        uint64_t at = gather((Bytes)(load_bytes(p) == '&') & (within(next | 32, 'a', 26) | (Bytes)(next == '#')));
        for (; at; at &= at - 1)
            if (begins_entity(p + __builtin_ctzll(at), end)) return 1;
    }
    for (; p && p + 1 < end; p++)
        if (*p == '&' && begins_entity(p, end)) return 1;
    return 0;
}
