/* The solver: dual coordinate descent for logistic loss (Yu, Huang, Lin 2011, algorithm 5); train/solver.py is its reference.

   Floats, added in the same order as there, so both give the same weights. A bucket's weight and prior lie side by side in single
   precision: the cells of a million buckets are 8 MB, and a visit waits for memory once an id, not three times. */

typedef struct { float weight, prior; } Cell;

typedef struct {
    const uint32_t *ids;
    const int64_t *ends;   /* rows x groups: where the ids of the group end; the first starts at 0 */
    const double *values;  /* rows x groups: the value of a feature of the group in the row */
    const int8_t *labels;  /* +1 spam, -1 ham */
    const double *costs;   /* upper bound of each row's dual variable */
    const int32_t *order;  /* passes x active rows: the order of the visits */
    Cell *cells;           /* buckets: what is learnt, and the squared prior scale of each */
    double *alpha;         /* rows: dual variables, in and out */
    double *norms;         /* rows: squared length of each, with the prior */
    uint8_t *resting;      /* rows: whether the last visit moved nothing */
    double bias_prior, bias;
    Py_ssize_t active, passes;
} Problem;

enum { LANES = 4 }; /* solver.LANES */

/* Add a row's weights in four lanes: one sum alone waits for itself at every id (decision 0005). */
static double row_score(const Problem *p, int64_t row) {
    double score = p->bias;
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double lanes[LANES] = {0};
        for (; at + LANES <= end; at += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane] += (double)p->cells[p->ids[at + lane]].weight;
        for (int lane = 0; at < end; at++, lane++) lanes[lane] += (double)p->cells[p->ids[at]].weight;
        score += p->values[row * GROUPS + g] * ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
    }
    return score;
}

static double row_norm(const Problem *p, int64_t row) {
    double square = p->bias_prior;
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double value = p->values[row * GROUPS + g], sum = 0;
        uint32_t last = UINT32_MAX;
        int odd = 1; /* an id that stands k times counts k * k = 1 + 3 + 5 + ... times; equal ids stand together */
        for (; at < end; at++) {
            odd = p->ids[at] == last ? odd + 2 : 1;
            last = p->ids[at];
            sum += (double)p->cells[last].prior * odd;
        }
        square += value * value * sum;
    }
    return square;
}

static void row_update(Problem *p, int64_t row, double delta) {
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    p->bias += delta * p->bias_prior;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double change = delta * p->values[row * GROUPS + g];
        for (; at < end; at++) {
            Cell *cell = &p->cells[p->ids[at]];
            cell->weight += (float)(change * (double)cell->prior);
        }
    }
}

/* Minimise over one dual variable by Newton's method; gives the new value. */
static double minimise(double old, double cost, double square, double margin) {
    /* z in (0, cost): g(z) = log(z / (cost - z)) + square * (z - old) + margin = 0, from the side that is safe */
    int flip = 0.5 * square * (cost - 2 * old) + margin < 0;
    double start = flip ? cost - old : old, sign = flip ? -1 : 1;
    double z = cost - start < 0.5 * cost ? 0.1 * start : start;
    double slope = square * (z - start) + sign * margin + log(z / (cost - z));
    for (int i = 0; i < 100 && fabs(slope) > 1e-6; i++) {
        double next = z - slope / (square + cost / (cost - z) / z);
        z = next <= 0 ? 0.1 * z : next;
        slope = square * (z - start) + sign * margin + log(z / (cost - z));
    }
    return flip ? cost - z : z;
}

enum { REST = 3 }; /* solver.REST */

/* Visit the rows; one whose best move is below a tenth of the tolerance does not move, and rests but for every third pass. */
static void descend(Problem *p, double tolerance) {
    double least = tolerance / 10;
    for (Py_ssize_t pass = 0; pass < p->passes; pass++) {
        double most = 0;
        for (Py_ssize_t i = 0; i < p->active; i++) {
            int64_t row = p->order[pass * p->active + i];
            if (p->resting[row] && pass % REST) continue;
            double label = p->labels[row], cost = p->costs[row], old = p->alpha[row];
            double fresh = minimise(old, cost, p->norms[row], label * row_score(p, row));
            double delta = fresh - old;
            p->resting[row] = fabs(delta) <= least * cost;
            if (!p->resting[row]) {
                p->alpha[row] = fresh;
                row_update(p, row, label * delta);
            }
            if (fabs(delta) / cost > most) most = fabs(delta) / cost;
        }
        if (most < tolerance) return;
    }
}

static void run(Problem *p, double tolerance) {
    for (Py_ssize_t i = 0; i < p->active; i++) {
        int64_t row = p->order[i];
        p->norms[row] = row_norm(p, row);
        row_update(p, row, p->labels[row] * p->alpha[row]);
    }
    descend(p, tolerance);
}

/* Say whether the arrays fit together, every id and row is one there is, and each row visited is in the first pass: run() looks there. */
static int fits(const Problem *p, Py_ssize_t rows, Py_ssize_t ids, Py_ssize_t buckets) {
    for (Py_ssize_t i = 0; i < rows * GROUPS; i++)
        if (p->ends[i] < (i ? p->ends[i - 1] : 0) || p->ends[i] > ids) return 0;
    for (Py_ssize_t i = 0; i < ids; i++)
        if (p->ids[i] >= (uint32_t)buckets) return 0;
    for (Py_ssize_t i = 0; i < p->passes * p->active; i++) {
        if (p->order[i] < 0 || p->order[i] >= rows || (i >= p->active && p->norms[p->order[i]] < 0)) return 0;
        if (i < p->active) p->norms[p->order[i]] = 0;
    }
    return 1;
}

/* solve(ids, ends, values, labels, costs, prior, order, active, weights, alpha, bias_prior, tolerance) -> bias.
   prior and weights are of single precision; weights are written here, alpha starts inside (0, cost). */
static PyObject *solve(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[9];
    Py_ssize_t active;
    double bias_prior, tolerance;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*nw*w*dd", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &active, &b[7], &b[8],
                          &bias_prior, &tolerance))
        return NULL;
    Py_ssize_t rows = b[3].len, visits = b[6].len / 4, buckets = b[7].len / 4;
    Problem p = {.ids = b[0].buf, .ends = b[1].buf, .values = b[2].buf, .labels = b[3].buf, .costs = b[4].buf, .order = b[6].buf,
                 .alpha = b[8].buf, .bias_prior = bias_prior, .active = active, .passes = active > 0 ? visits / active : 0};
    int right = b[1].len == rows * GROUPS * 8 && b[2].len == rows * GROUPS * 8 && b[4].len == rows * 8 && b[5].len == buckets * 4 &&
                b[8].len == rows * 8 && active > 0 && active <= rows && visits % active == 0 && rows > 0;
    p.norms = right ? malloc((size_t)rows * sizeof *p.norms) : NULL;
    int noted = p.norms != NULL;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; noted && i < rows; i++) p.norms[i] = -1; /* not in the first pass */
    right = right && (!noted || fits(&p, rows, b[0].len / 4, buckets));
    Py_END_ALLOW_THREADS
    p.resting = right ? calloc((size_t)rows, 1) : NULL;
    p.cells = right ? malloc((size_t)buckets * sizeof *p.cells) : NULL;
    if (!right) PyErr_SetString(PyExc_ValueError, "the arrays do not fit together");
    else if (!p.norms || !p.resting || !p.cells) PyErr_NoMemory();
    else {
        const float *prior = b[5].buf;
        float *weights = b[7].buf;
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < buckets; i++) p.cells[i] = (Cell){.prior = prior[i]};
        run(&p, tolerance);
        for (Py_ssize_t i = 0; i < buckets; i++) weights[i] = p.cells[i].weight;
        Py_END_ALLOW_THREADS
    }
    free(p.norms);
    free(p.resting);
    free(p.cells);
    for (int i = 0; i < 9; i++) PyBuffer_Release(&b[i]);
    return PyErr_Occurred() ? NULL : PyFloat_FromDouble(p.bias);
}
