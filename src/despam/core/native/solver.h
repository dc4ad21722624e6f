/* The solver: dual coordinate descent for logistic loss (Yu, Huang, Lin 2011, algorithm 5); train/solver.py is its reference.

   Floats, added in the same order as there, so both give the same weights. */

typedef struct {
    const uint32_t *ids;
    const int64_t *ends;   /* rows x groups: where the ids of the group end; the first starts at 0 */
    const double *values;  /* rows x groups: the value of a feature of the group in the row */
    const int8_t *labels;  /* +1 spam, -1 ham */
    const double *costs;   /* upper bound of each row's dual variable */
    const double *prior;   /* squared prior scale of each bucket */
    const int32_t *order;  /* passes x active rows: the order of the visits */
    double *weights;       /* out: buckets */
    double *alpha;         /* rows: dual variables, in and out */
    double *norms;         /* rows: squared length of each, with the prior */
    double bias_prior, bias;
    Py_ssize_t active, passes;
} Problem;

static double row_score(const Problem *p, int64_t row) {
    double score = p->bias;
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double sum = 0;
        for (; at < end; at++) sum += p->weights[p->ids[at]];
        score += p->values[row * GROUPS + g] * sum;
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
            sum += p->prior[last] * odd;
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
        for (; at < end; at++) p->weights[p->ids[at]] += change * p->prior[p->ids[at]];
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

static void descend(Problem *p, double tolerance) {
    for (Py_ssize_t pass = 0; pass < p->passes; pass++) {
        double most = 0;
        for (Py_ssize_t i = 0; i < p->active; i++) {
            int64_t row = p->order[pass * p->active + i];
            double label = p->labels[row], cost = p->costs[row], old = p->alpha[row];
            double fresh = minimise(old, cost, p->norms[row], label * row_score(p, row));
            double delta = fresh - old;
            if (fabs(delta) > 1e-12 * cost) {
                p->alpha[row] = fresh;
                row_update(p, row, label * delta);
            }
            if (fabs(delta) / cost > most) most = fabs(delta) / cost;
        }
        if (most < tolerance) return;
    }
}

/* solve(ids, ends, values, labels, costs, prior, order, active, weights, alpha, bias_prior, tolerance) -> bias.
   weights start at zero and alpha inside (0, cost); the start is put into the weights here. */
static PyObject *solve(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[9];
    Py_ssize_t active;
    double bias_prior, tolerance;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*nw*w*dd", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &active, &b[7], &b[8],
                          &bias_prior, &tolerance))
        return NULL;
    Py_ssize_t rows = b[3].len, visits = b[6].len / 4, buckets = b[7].len / 8, ids = b[0].len / 4;
    const int64_t *ends = b[1].buf;
    int right = b[1].len == rows * GROUPS * 8 && b[2].len == rows * GROUPS * 8 && b[4].len == rows * 8 && b[5].len == buckets * 8 &&
                b[8].len == rows * 8 && active > 0 && active <= rows && visits % active == 0 && rows > 0;
    for (Py_ssize_t i = 0; right && i < rows * GROUPS; i++) right = ends[i] >= (i ? ends[i - 1] : 0) && ends[i] <= ids;
    for (Py_ssize_t i = 0; right && i < ids; i++) right = ((const uint32_t *)b[0].buf)[i] < (uint32_t)buckets;
    for (Py_ssize_t i = 0; right && i < visits; i++)
        right = ((const int32_t *)b[6].buf)[i] >= 0 && ((const int32_t *)b[6].buf)[i] < rows;
    double *norms = right ? malloc((size_t)rows * sizeof(double)) : NULL;
    if (norms) {
        Problem p = {b[0].buf, ends, b[2].buf, b[3].buf, b[4].buf, b[5].buf, b[6].buf, b[7].buf, b[8].buf, norms, bias_prior, 0,
                     active, visits / active};
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < active; i++) {
            norms[p.order[i]] = row_norm(&p, p.order[i]);
            row_update(&p, p.order[i], p.labels[p.order[i]] * p.alpha[p.order[i]]);
        }
        descend(&p, tolerance);
        Py_END_ALLOW_THREADS
        free(norms);
        bias_prior = p.bias;
    } else if (right) {
        right = 0;
        PyErr_NoMemory();
    } else {
        PyErr_SetString(PyExc_ValueError, "the arrays do not fit together");
    }
    for (int i = 0; i < 9; i++) PyBuffer_Release(&b[i]);
    return right ? PyFloat_FromDouble(bias_prior) : NULL;
}
