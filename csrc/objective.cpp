#include "objective.hpp"

#include <algorithm>

#include "threads.hpp"

namespace movieembed {
namespace {

// Four partial sums: one waits for the latency of an addition, four keep the unit busy.
template <class T>
double dot(const T* a, const T* b, std::int64_t n) {
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    std::int64_t k = 0;
    for (; k + 4 <= n; k += 4) {
        s0 += static_cast<double>(a[k]) * static_cast<double>(b[k]);
        s1 += static_cast<double>(a[k + 1]) * static_cast<double>(b[k + 1]);
        s2 += static_cast<double>(a[k + 2]) * static_cast<double>(b[k + 2]);
        s3 += static_cast<double>(a[k + 3]) * static_cast<double>(b[k + 3]);
    }
    for (; k < n; ++k) s0 += static_cast<double>(a[k]) * static_cast<double>(b[k]);
    return (s0 + s1) + (s2 + s3);
}

}  // namespace

template <class T>
void row_dots(const T* a, const T* b, std::int64_t rows, std::int64_t d, double* out, int n_threads) {
    [[maybe_unused]] const int threads = threads_for(n_threads, static_cast<double>(rows) * static_cast<double>(d));
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t i = 0; i < rows; ++i) out[i] = dot(a + i * d, b + i * d, d);
}

template <class T>
void masked_gradient(T* vg, const T* xv, const T* v, const double* n, std::int64_t rows, std::int64_t d,
                     double* squares, int n_threads) {
    [[maybe_unused]] const int threads = threads_for(n_threads, static_cast<double>(rows) * static_cast<double>(d));
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t i = 0; i < rows; ++i) {
        T* g = vg + i * d;
        const T* x = xv + i * d;
        const T* vi = v + i * d;
        const T ni = static_cast<T>(n[i]);
        for (std::int64_t k = 0; k < d; ++k) g[k] = T(4) * (g[k] - x[k] - ni * vi[k]);
        squares[i] = dot(g, g, d);
    }
}

template <class T, class I>
void residual_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t rows, double* p,
                   double* squares, int n_threads) {
    [[maybe_unused]] const int threads = resolve_threads(n_threads);
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads)
    for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t i = first + r;
        double* row = p + r * l.cols;
        for (std::int64_t k = lt.begin(i); k < lt.end(i); ++k) {
            const double w = static_cast<double>(lt.value(k));
            const std::int64_t u = static_cast<std::int64_t>(lt.indices[k]);
            for (std::int64_t m = l.begin(u); m < l.end(u); ++m)
                row[l.indices[m]] -= w * static_cast<double>(l.value(m));
        }
        row[i] = 0;
        squares[r] = dot(row, row, l.cols);
    }
}

template void row_dots(const float*, const float*, std::int64_t, std::int64_t, double*, int);
template void row_dots(const double*, const double*, std::int64_t, std::int64_t, double*, int);
template void masked_gradient(float*, const float*, const float*, const double*, std::int64_t, std::int64_t, double*,
                              int);
template void masked_gradient(double*, const double*, const double*, const double*, std::int64_t, std::int64_t, double*,
                              int);
template void residual_rows(const CsrView<float, std::int32_t>&, const CsrView<float, std::int32_t>&, std::int64_t,
                            std::int64_t, double*, double*, int);
template void residual_rows(const CsrView<float, std::int64_t>&, const CsrView<float, std::int64_t>&, std::int64_t,
                            std::int64_t, double*, double*, int);
template void residual_rows(const CsrView<double, std::int32_t>&, const CsrView<double, std::int32_t>&, std::int64_t,
                            std::int64_t, double*, double*, int);
template void residual_rows(const CsrView<double, std::int64_t>&, const CsrView<double, std::int64_t>&, std::int64_t,
                            std::int64_t, double*, double*, int);

}  // namespace movieembed
