#include "dense/residual.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace movieembed {
namespace {

// Four partial sums: one waits for the latency of an addition, four keep the unit busy.
double sum_of_squares(const double* a, int64_t n) {
    double s[4] = {};
    int64_t k = 0;
    for (; k + 4 <= n; k += 4)
        for (int j = 0; j < 4; ++j) s[j] += a[k + j] * a[k + j];
    for (; k < n; ++k) s[0] += a[k] * a[k];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

}  // namespace

template <class T, class I>
void residual_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, int64_t first, int64_t rows, double* p,
                   double* squared_norms, int n_threads) {
    parallel_for(resolve_threads(n_threads), rows, [&](int64_t r, int) {
        const int64_t i = first + r;
        double* row = p + r * l.cols;
        for (int64_t k = lt.begin(i); k < lt.end(i); ++k) {
            const double w = static_cast<double>(lt.value(k));
            const int64_t u = lt.indices[k];
            for (int64_t m = l.begin(u); m < l.end(u); ++m) row[l.indices[m]] -= w * static_cast<double>(l.value(m));
        }
        row[i] = 0;
        squared_norms[r] = sum_of_squares(row, l.cols);
    });
}

template void residual_rows(const CsrView<float, int32_t>&, const CsrView<float, int32_t>&, int64_t, int64_t, double*,
                            double*, int);
template void residual_rows(const CsrView<float, int64_t>&, const CsrView<float, int64_t>&, int64_t, int64_t, double*,
                            double*, int);
template void residual_rows(const CsrView<double, int32_t>&, const CsrView<double, int32_t>&, int64_t, int64_t, double*,
                            double*, int);
template void residual_rows(const CsrView<double, int64_t>&, const CsrView<double, int64_t>&, int64_t, int64_t, double*,
                            double*, int);

}  // namespace movieembed
